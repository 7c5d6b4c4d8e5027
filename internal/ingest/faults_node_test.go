package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/faultnet"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// manyTries is after how many failures a log that repeats itself would have shown it.
const manyTries = 5

// requireToldOnce checks that a lasting trouble made one error and not one per try.
func (w *world) requireToldOnce(t *testing.T, about string) {
	t.Helper()

	told := w.errors()
	require.Len(t, told, 1, "the same trouble is to be told once")
	require.Contains(t, told[0], about)
}

func TestNodeUnreachableAtTheStart(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 3)
	w.SetDown(true)

	r := w.start(t, w.client(t, w.url))
	w.fails(t, manyTries)
	require.Error(t, r.Ready())
	w.requireToldOnce(t, "connection")

	w.SetDown(false)
	w.caughtUp(t)
	require.NoError(t, r.Ready())
	r.stop(t)
	w.requireComplete(t)
	w.requireRestarts(t)
}

func TestNodeGoesAwayInTheMiddle(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 3)

	r := w.start(t, w.client(t, w.url))
	w.caughtUp(t)

	for round := range 2 {
		before := w.log.count(interrupted)

		w.SetDown(true)
		w.pay(t, 3)
		w.fails(t, before+manyTries)
		require.LessOrEqual(t, len(w.errors()), round+1, "one error per outage: %v", w.errors())
		w.SetDown(false)
		w.caughtUp(t)
		require.NoError(t, r.Ready())
	}

	r.stop(t)
	w.requireComplete(t)
}

// TestNetworkRefuses is an outage whose errors name another port of ours each time.
func TestNetworkRefuses(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	net := w.network(t, 1)
	w.pay(t, 3)

	r := w.start(t, w.client(t, "http://"+net.Addr()))
	w.caughtUp(t)
	net.Set(faultnet.Faults{Refuse: true})
	net.Cut()
	w.pay(t, 2)
	w.fails(t, manyTries)
	require.LessOrEqual(t, len(w.errors()), 1, "%v", w.errors())

	net.Set(faultnet.Faults{})
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
}

func (w *world) network(t *testing.T, seed uint64) *faultnet.Proxy {
	t.Helper()

	net, err := faultnet.Listen(w.ctx, strings.TrimPrefix(w.url, "http://"), seed)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, net.Close()) })

	return net
}

// TestEveryConnectionIsCut gets on although no connection lives long: what has been received is kept.
func TestEveryConnectionIsCut(t *testing.T) {
	t.Parallel()

	const life = 120_000 // bytes at most, start included: some twenty updates

	w := newWorld(t, sandbox.Config{})
	net := w.network(t, 2)
	net.Set(faultnet.Faults{CutAfter: life, MaxDelay: time.Millisecond})
	w.pay(t, 100)

	r := w.start(t, w.client(t, "http://"+net.Addr()))
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
}

func TestWrongTokenThenTheRightOne(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 3)
	w.writeToken(t, "a-token-of-last-year")

	r := w.start(t, w.client(t, w.url))
	w.fails(t, manyTries)
	w.requireToldOnce(t, "401")
	require.NotContains(t, w.errors()[0], "last-year", "a token is a secret")

	w.writeToken(t, goodToken)
	w.caughtUp(t)
	require.NoError(t, r.Ready())
	r.stop(t)
	w.requireComplete(t)
}

// TestTokenRevokedInTheMiddle ends with a token that the node takes again.
func TestTokenRevokedInTheMiddle(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 3)

	r := w.start(t, w.client(t, w.url))
	w.caughtUp(t)
	w.RejectTokens(true)
	w.CutStreams()
	w.pay(t, 3)
	w.fails(t, manyTries)
	w.requireToldOnce(t, "401")
	w.RejectTokens(false)
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
}

func TestGarbageInTheMiddle(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 3)

	r := w.start(t, w.client(t, w.url))
	w.caughtUp(t)

	for range 5 {
		before := w.log.count(interrupted)

		w.GarbleNext()
		w.pay(t, 2)
		w.fails(t, before+1)
		w.caughtUp(t)
	}

	r.stop(t)
	w.requireComplete(t)
}

// meddler passes on a node's stream and changes it on the way: a node that lies, or is broken.
type meddler struct {
	ingest.Node

	mu sync.Mutex
	// change gives what is to arrive in place of an element; nil when the node is honest.
	change func(raw []byte) [][]byte
	opened []time.Time
}

func (m *meddler) set(change func([]byte) [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.change = change
}

// sessions is when streams were opened.
func (m *meddler) sessions() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()

	return slices.Clip(m.opened)
}

// OpenUpdates implements ingest.Node.
func (m *meddler) OpenUpdates(ctx context.Context, party ident.Party, begin ident.Offset) (ledger.Stream, error) {
	stream, err := m.Node.OpenUpdates(ctx, party, begin)
	if err != nil {
		return nil, err
	}

	m.mu.Lock()
	m.opened = append(m.opened, time.Now())
	m.mu.Unlock()

	return &meddled{Stream: stream, by: m}, nil
}

type meddled struct {
	ledger.Stream

	by      *meddler
	waiting [][]byte
}

// Next implements ledger.Stream.
func (s *meddled) Next(ctx context.Context) ([]byte, error) {
	for len(s.waiting) == 0 {
		raw, err := s.Stream.Next(ctx)
		if err != nil {
			return nil, err
		}

		s.by.mu.Lock()
		change := s.by.change
		s.by.mu.Unlock()

		if change == nil {
			return raw, nil
		}

		s.waiting = change(raw)
	}

	raw := s.waiting[0]
	s.waiting = s.waiting[1:]

	return raw, nil
}

// spoil changes only the element that holds a text.
func spoil(text string, change func(raw []byte) [][]byte) func([]byte) [][]byte {
	return func(raw []byte) [][]byte {
		if !bytes.Contains(raw, []byte(text)) {
			return [][]byte{raw}
		}

		return change(raw)
	}
}

func replaced(old, with string) func([]byte) [][]byte {
	return func(raw []byte) [][]byte { return [][]byte{bytes.ReplaceAll(raw, []byte(old), []byte(with))} }
}

// poison is an update that must never be stored, however often it comes.
var poison = []struct {
	name   string
	change func(raw []byte) [][]byte
	told   string
}{
	{"duplicate key", replaced(`"offset":`, `"offset":1,"offset":`), "duplicate"},
	{"duplicate amount deep inside", replaced(`"amount":`, `"amount":"1000000.0000000000","amount":`), "duplicate"},
	{"broken JSON", func(raw []byte) [][]byte { return [][]byte{raw[:len(raw)/2]} }, ""},
	{"bad UTF-8", replaced(`"updateId":"`, "\"updateId\":\"\xff"), ""},
	{"an unknown kind", replaced(`"Transaction"`, `"Surprise"`), "Surprise"},
	{"nothing", func([]byte) [][]byte { return [][]byte{[]byte(`{"update":{}}`)} }, ""},
	{"no offset", replaced(`"offset":`, `"offsett":`), "offset"},
	{"no update id", replaced(`"updateId":`, `"updateIdd":`), ""},
	{"an amount that is no number", replaced(`"amount":"3.0000000000"`, `"amount":"3.0.0"`), ""},
	{"an amount with too many digits", replaced(`"amount":"3.0000000000"`, `"amount":"3.00000000001"`), ""},
}

// TestPoison: a broken update stops ingestion before it, told once, and nothing of it is stored; the updates before it
// are. When the node is repaired, ingestion goes on by itself.
func TestPoison(t *testing.T) {
	t.Parallel()

	for _, tc := range poison {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.pay(t, 10)

			visible := w.Updates(w.party)
			last := visible[len(visible)-1]
			bad := spoil(string(last.UpdateID), tc.change)
			w.pay(t, 3)

			m := &meddler{Node: w.client(t, w.url)}
			m.set(bad)

			r := w.start(t, m)
			w.fails(t, manyTries)
			w.eventually(t, "what came before is stored", func() bool { return w.offset() >= visible[len(visible)-2].Offset })
			w.fails(t, w.log.count(interrupted)+2)
			w.requireToldOnce(t, tc.told)
			require.Error(t, r.Ready())

			require.Less(t, w.offset(), last.Offset)

			m.set(nil)
			w.caughtUp(t)
			require.NoError(t, r.Ready())
			r.stop(t)
			w.requireComplete(t)
		})
	}
}

// TestUpdatesToldTwice stores each once; the repetition is an interruption and no more.
func TestUpdatesToldTwice(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 4)

	m := &meddler{Node: w.client(t, w.url)}
	m.set(spoil(`"Transaction"`, func(raw []byte) [][]byte { return [][]byte{raw, raw} }))

	r := w.start(t, m)
	w.caughtUp(t)
	w.fails(t, 1)
	r.stop(t)
	w.requireComplete(t)
}

// TestStreamThatGoesBack tells an update again after a later one.
func TestStreamThatGoesBack(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 5)

	var first []byte

	m := &meddler{Node: w.client(t, w.url)}
	m.set(func(raw []byte) [][]byte {
		if first == nil && bytes.Contains(raw, []byte(`"Transaction"`)) {
			first = raw

			return [][]byte{raw}
		}

		if bytes.Contains(raw, []byte(`"Transaction"`)) {
			return [][]byte{raw, first}
		}

		return [][]byte{raw}
	})

	r := w.start(t, m)
	w.caughtUp(t)
	w.fails(t, 1)
	m.set(nil)
	w.pay(t, 2)
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
}

// TestPoisonMakesNoBusyLoop: the pauses between tries grow, although each try reads a checkpoint first.
func TestPoisonMakesNoBusyLoop(t *testing.T) {
	t.Parallel()

	const (
		tries = 10
		// least is the sum of the shortest pauses after 100 ms, each half as long again; without growth it would be 0.5 s.
		least = 1800 * time.Millisecond
	)

	w := newWorld(t, sandbox.Config{Version: sandbox.V35, CheckpointInterval: time.Millisecond})
	w.pay(t, 1)

	m := &meddler{Node: w.client(t, w.url)}
	m.set(spoil(string(w.Updates(w.party)[0].UpdateID), replaced(`"offset":`, `"offset":1,"offset":`)))

	r := w.start(t, m)
	w.eventually(t, fmt.Sprintf("%d tries", tries), func() bool { return len(m.sessions()) >= tries })

	opened := m.sessions()
	require.GreaterOrEqual(t, opened[tries-1].Sub(opened[0]), least)
	require.Len(t, w.errors(), 1, "a lasting trouble fills the log")
	m.set(nil)
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
}
