package broker_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/ident"
)

var seedOf = flag.Uint64("seed", 0, "seed of the faults; 0: another one each time")

// chance decides by a seed. It is safe for concurrent use.
type chance struct {
	mu     sync.Mutex
	random *rand.Rand
}

func newChance(t *testing.T) *chance {
	t.Helper()

	seed := *seedOf
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}

	t.Logf("seed %d", seed)

	return &chance{random: rand.New(rand.NewPCG(seed, seed))}
}

func (c *chance) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.random.IntN(n)
}

var errFault = errors.New("a fault of the test's")

// faulty is a broker of which the way there and back is bad.
type faulty struct {
	broker.Broker

	chance *chance
}

func (f faulty) Open(ctx context.Context, treasury ident.Party) (broker.Sink, error) {
	if f.chance.below(10) == 0 {
		return nil, errFault
	}

	s, err := f.Broker.Open(ctx, treasury)
	if err != nil {
		return nil, err
	}

	return &faultySink{Sink: s, chance: f.chance}, nil
}

type faultySink struct {
	broker.Sink

	chance *chance
}

// Publish fails before it, after a part of it, or after all of it: then the publisher stops between the broker's
// acknowledgement and the database's note.
func (f *faultySink) Publish(ctx context.Context, messages []broker.Message) error {
	switch f.chance.below(20) {
	case 0:
		return errFault
	case 1:
		return errors.Join(errFault, f.Sink.Publish(ctx, messages[:f.chance.below(len(messages))+1]))
	case 2:
		return errors.Join(errFault, f.Sink.Publish(ctx, messages))
	default:
		return f.Sink.Publish(ctx, messages)
	}
}

// server is a NATS server in a process of its own.
type server struct {
	t         *testing.T
	dir, addr string
	cluster   string // the address for the other members, and those of all of them; empty outside of a cluster
	command   *exec.Cmd
}

func (s *server) start() {
	s.t.Helper()

	s.command = exec.CommandContext(context.WithoutCancel(s.t.Context()), os.Args[0]) //nolint:gosec // this very program
	s.command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s", serve, s.dir, s.addr, s.cluster))
	s.command.Stderr = s.t.Output()
	require.NoError(s.t, s.command.Start())
	require.Eventually(s.t, func() bool {
		c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.addr)
		if err != nil {
			return false
		}

		return c.Close() == nil
	}, patience, poll)
}

func (s *server) kill() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

// TestEachEventOnceWhateverFails kills the server and the publishers, takes leases away, and lets answers get lost, while
// events go on happening. In the end each stream is the log: each event once, in order, without a gap.
func TestEachEventOnceWhateverFails(t *testing.T) {
	t.Parallel()

	const (
		rounds   = 14
		perRound = 400
	)

	c := newChance(t)
	w := newWorld(t)
	nats := &server{t: t, dir: t.TempDir(), addr: freeAddress(t)}
	nats.start()
	t.Cleanup(func() { nats.kill() })

	s := settings(nats.dir, nats.addr)
	run := func() func() {
		_, stop := w.start(nil, faulty{Broker: natsBroker(t, s), chance: c})

		return stop
	}
	stops := []func(){run(), run()}
	happened := map[ident.Party]int64{}

	for range rounds {
		for _, p := range []ident.Party{party, other} {
			n := c.below(perRound) + 1
			w.happen(p, n)

			happened[p] += int64(n)
			w.untilTold("nats", p, happened[p]-int64(c.below(n)+1)) // the rest is under way
		}

		switch c.below(4) {
		case 0:
			nats.kill()
			nats.start()
		case 1:
			_, err := w.pool.Exec(t.Context(), "UPDATE event_sinks SET lease_until = '-infinity'")
			require.NoError(t, err)
		case 2:
			_, err := w.pool.Exec(t.Context(), "UPDATE event_sinks SET lease_epoch = lease_epoch + 1, lease_until = '-infinity'")
			require.NoError(t, err)
		default:
			i := c.below(len(stops))
			stops[i]()
			stops[i] = run()
		}
	}

	for p, seq := range happened {
		w.untilTold("nats", p, seq)
	}

	for _, stop := range stops {
		stop()
	}

	for p := range happened {
		w.requireStreamed(s, p)
	}
}
