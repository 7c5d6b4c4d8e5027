package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

const (
	endPath     = "/v2/state/ledger-end"
	updatesPath = "/v2/updates"
	factoryPath = "/transfer-instruction/v1/transfer-factory"

	prepareOnly    = "/v2/interactive-submission/prepare"
	executeOnly    = "/v2/interactive-submission/execute"
	executeAndWait = "/v2/interactive-submission/executeAndWait"
)

// fails puts a rule in force.
func (n *network) fails(rule fault.Rule) {
	n.t.Helper()

	_, err := n.Faults().Add(rule)
	require.NoError(n.t, err)
}

// fired is how often the rules of the plan have struck.
func (n *network) fired() int {
	_, rules := n.Faults().Standing()
	sum := 0

	for _, r := range rules {
		sum += r.Fired
	}

	return sum
}

// strikes puts rules in force that strike by time, and waits until they have.
func (n *network) strikes(rules ...fault.Rule) {
	n.t.Helper()

	// What is due together strikes in order, so that the last one's effect shows that of the others.
	last := fault.Rule{Kind: fault.GarbledAnswer, Every: 10 * time.Millisecond, Times: 1}

	_, err := n.Faults().Replace(append(rules, last))
	require.NoError(n.t, err)

	require.Eventually(n.t, func() bool {
		_, _, raw := n.call(http.MethodGet, "/v2/version", nil)

		return !json.Valid(raw)
	}, waitAtMost, time.Millisecond)
	n.Faults().Clear()
}

// answer is what an attempt brought.
type answer struct {
	status     int
	retryAfter string
	body       string
}

// attempt does one request over a connection of its own, so that nothing is tried again behind the test's back.
func (n *network) attempt(ctx context.Context, path string, body any) (answer, error) {
	n.t.Helper()

	raw, err := json.Marshal(body)
	require.NoError(n.t, err)

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+path, bytes.NewReader(raw))
	require.NoError(n.t, err)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}

	defer func() { require.NoError(n.t, resp.Body.Close()) }()

	got, err := io.ReadAll(resp.Body)

	return answer{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), body: string(got)}, err
}

// hangsUp expects a request's connection to end without an answer.
func (n *network) hangsUp(path string, body any) {
	n.t.Helper()

	_, err := n.attempt(n.t.Context(), path, body)
	require.Error(n.t, err)
	require.NoError(n.t, n.t.Context().Err())
}

// code expects a request to fail with a status, and tells the error's code.
func (n *network) code(status int, path string, body any) string {
	n.t.Helper()

	return n.refused(http.MethodPost, path, body, status).Code
}

// payers is a network with two external parties; the first has a thousand coins, the second is paid in one step.
func payers(t *testing.T, cfg sandbox.Config) (n *network, alice, bob *external) {
	t.Helper()

	n = newBare(t, cfg)
	alice, bob = n.onboard("alice"), n.onboard("bob")
	alice.tap("1000")
	bob.preapprove()

	return n, alice, bob
}

// pays prepares a payment of coins.
func (e *external) pays(to *external, value string) prepared {
	e.n.t.Helper()

	command, disclosed, _ := e.transferCommand(to.party, e.n.Amulet(), value, "ACC-1")

	return e.prepare(command, disclosed)
}

func TestReplyLostIsCommittedOnce(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	request := alice.executeRequest(alice.pays(bob, "10"))

	n.fails(fault.Rule{Kind: fault.ReplyLost, Match: fault.Match{Party: "bob::"}})
	n.fails(fault.Rule{Kind: fault.ReplyLost, Times: 1, Match: fault.Match{Path: executeAndWait, Party: "alice::"}})
	n.hangsUp(executeAndWait, request)
	require.Equal(t, 1, n.fired(), "the other rule is about another party")

	require.Len(t, n.Transfers(), 1)
	require.Equal(t, "10", n.total(bob.party, n.Amulet()))

	require.Equal(t, "DUPLICATE_COMMAND", n.code(http.StatusConflict, executeAndWait, request))
	require.Equal(t, "10", n.total(bob.party, n.Amulet()))
	require.Equal(t, "990", n.total(alice.party, n.Amulet()))
}

func TestReplyDelayedIsCommittedMeanwhile(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	request := alice.executeRequest(alice.pays(bob, "10"))

	n.fails(fault.Rule{Kind: fault.ReplyDelayed, Delay: time.Hour, Times: 1, Match: fault.Match{Path: executeAndWait}})

	ctx, giveUp := context.WithCancel(t.Context())
	answered := make(chan error, 1)

	go func() {
		_, err := n.attempt(ctx, executeAndWait, request)
		answered <- err
	}()

	require.Eventually(t, func() bool { return n.total(bob.party, n.Amulet()) == "10" }, waitAtMost, time.Millisecond)
	require.Eventually(t, func() bool { return n.fired() == 1 }, waitAtMost, time.Millisecond)
	require.Empty(t, answered)

	giveUp()
	require.ErrorIs(t, <-answered, context.Canceled)

	n.fails(fault.Rule{Kind: fault.ReplyDelayed, Delay: time.Millisecond})
	ok[map[string]any](n, http.MethodGet, endPath, nil)
	require.Equal(t, 2, n.fired())
}

func TestRefusalsBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		kind   fault.Kind
		delay  time.Duration
		status int
		retry  string
		says   string
	}{
		{fault.Status503, 0, http.StatusServiceUnavailable, "1", `"code":"SERVICE_NOT_RUNNING"`},
		{fault.Status503, 1500 * time.Millisecond, http.StatusServiceUnavailable, "2", `"errorCategory":1`},
		{fault.Status429, time.Minute, http.StatusTooManyRequests, "60", "Too Many Requests"},
		{fault.TokensRejected, 0, http.StatusUnauthorized, "", `"code":"NA"`},
		{fault.SequencerBackpressure, 0, http.StatusConflict, "", `"code":"SEQUENCER_BACKPRESSURE"`},
		{fault.TrafficExhausted, 0, http.StatusBadRequest, "", `"code":"SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT"`},
	} {
		t.Run(fmt.Sprint(c.kind, c.delay), func(t *testing.T) {
			t.Parallel()

			n, alice, bob := payers(t, sandbox.Config{})
			request := alice.executeRequest(alice.pays(bob, "10"))

			n.fails(fault.Rule{Kind: c.kind, Delay: c.delay, Times: 1, Match: fault.Match{Path: executeAndWait}})

			got, err := n.attempt(t.Context(), executeAndWait, request)
			require.NoError(t, err)
			require.Equal(t, c.status, got.status)
			require.Equal(t, c.retry, got.retryAfter)
			require.Contains(t, got.body, c.says)
			require.Empty(t, n.Transfers())

			n.must(http.MethodPost, executeAndWait, request, nil) // the very same works once the fault is over
			require.Len(t, n.Transfers(), 1)
		})
	}
}

func TestNodeDownDoesNothing(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	request := alice.executeRequest(alice.pays(bob, "10"))

	n.fails(fault.Rule{Kind: fault.NodeDown, Times: 1, Match: fault.Match{Path: executeAndWait}})
	n.hangsUp(executeAndWait, request)
	require.Empty(t, n.Transfers())

	n.must(http.MethodPost, executeAndWait, request, nil)
	require.Len(t, n.Transfers(), 1)
}

func TestGarbledAnswersAreCommitted(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	request := alice.executeRequest(alice.pays(bob, "10"))

	n.fails(fault.Rule{Kind: fault.GarbledAnswer, Times: 1, Match: fault.Match{Path: executeAndWait, Party: "alice::"}})

	_, _, raw := n.call(http.MethodPost, executeAndWait, request)
	require.NotEmpty(t, raw)
	require.False(t, json.Valid(raw))
	require.Len(t, n.Transfers(), 1)
}

func TestStreamCutAfterSomeMessages(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	begin := n.LedgerEnd()
	n.fails(fault.Rule{Kind: fault.StreamCut, Size: 2, Times: 1, Match: fault.Match{Path: updatesPath, Party: string(n.treasury)}})

	bobs := n.stream(updatesPath, updatesRequest(n.bob, begin)) // another party's is spared
	require.NotNil(t, bobs.next().Update.OffsetCheckpoint)

	s := n.stream(updatesPath, updatesRequest(n.treasury, begin))
	require.NotNil(t, s.next().Update.OffsetCheckpoint)

	sent := n.send(n.alice, n.treasury, "1", "ACC-1")
	require.Equal(t, sent.UpdateID, s.nextTransaction().UpdateID)

	missed := n.send(n.alice, n.treasury, "1", "ACC-1")
	s.ends()

	s = n.stream(updatesPath, updatesRequest(n.treasury, sent.Offset))
	require.Equal(t, missed.UpdateID, s.nextTransaction().UpdateID, "nothing is lost")

	mine := n.send(n.alice, n.bob, "1", "still there")
	require.Equal(t, mine.UpdateID, bobs.nextTransaction().UpdateID)
}

func TestGarbledMessageOfOneStream(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	n.fails(fault.Rule{Kind: fault.GarbledAnswer, After: 1, Times: 1, Match: fault.Match{Party: string(n.treasury)}})

	s := n.stream(updatesPath, updatesRequest(n.treasury, n.LedgerEnd()))
	require.NotNil(t, s.next().Update.OffsetCheckpoint)
	n.send(n.alice, n.treasury, "1", "ACC-1")

	raw, err := s.raw()
	if err == nil { // a client may also refuse the message for its invalid UTF-8
		require.False(t, json.Valid(raw))
	}

	require.Equal(t, 1, n.fired())
}

func TestRegistryDown(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	arguments := map[string]any{"choiceArguments": alice.transferArguments(
		bob.party, n.Amulet(), "1", "", alice.inputs(n.Amulet()))}

	n.fails(fault.Rule{Kind: fault.RegistryDown, Match: fault.Match{Party: string(n.DSO())}})

	for _, root := range []string{n.registry(n.DSO()), "/registry", "/api/validator/v0/scan-proxy/registry"} {
		n.hangsUp(root+factoryPath, arguments)
	}

	ok[map[string]any](n, http.MethodGet, n.registry(n.AcmeToken().Admin)+"/metadata/v1/info", nil)
	ok[map[string]any](n, http.MethodGet, endPath, nil)
	require.Equal(t, 3, n.fired())
}

func TestRegistryStale(t *testing.T) {
	t.Parallel()

	for _, shape := range []sandbox.AmuletShape{sandbox.ShapeCurrent, sandbox.ShapeRecorded} {
		n, alice, bob := payers(t, sandbox.Config{Shape: shape})
		_, err := n.Mint(alice.party, n.AcmeToken(), amt("5"))
		require.NoError(t, err)

		for _, token := range []ident.Instrument{n.Amulet(), n.AcmeToken()} {
			n.fails(fault.Rule{Kind: fault.RegistryStale, Times: 2, Match: fault.Match{Party: string(token.Admin)}})

			for range 2 {
				command, disclosed, _ := alice.transferCommand(bob.party, token, "1", "")
				require.Equal(t, "CONTRACT_NOT_FOUND",
					n.code(http.StatusNotFound, prepareOnly, alice.prepareRequest(command, disclosed)))
			}

			alice.transfer(bob.party, token, "1", "fresh")
			n.Faults().Clear()
		}

		require.Len(t, n.Transfers(), 2)
	}
}

// TestSameSeedSameFaults does the same requests on networks of different seeds.
func TestSameSeedSameFaults(t *testing.T) {
	t.Parallel()

	pattern := func(seed, faultSeed uint64) string {
		n := newBare(t, sandbox.Config{Seed: seed, FaultSeed: faultSeed, Faults: []fault.Rule{
			{Kind: fault.Status503, Probability: fault.Probability{Hits: 1, Of: 3}, Match: fault.Match{Path: "/v2/state"}},
			{Kind: fault.GarbledAnswer, Probability: fault.Probability{Hits: 1, Of: 4}},
		}})

		var seen strings.Builder

		for range 60 {
			status, _, raw := n.call(http.MethodGet, endPath, nil)
			_, _ = fmt.Fprint(&seen, status, json.Valid(raw), " ")
		}

		return seen.String()
	}

	want := pattern(1, 0)
	require.Contains(t, want, "503")
	require.Contains(t, want, "200 true")
	require.Contains(t, want, "200 false")
	require.Equal(t, want, pattern(1, 0))
	require.Equal(t, want, pattern(2, 1), "the faults' own seed decides")
	require.NotEqual(t, want, pattern(1, 2))
}

// journal collects log lines.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()

	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()

	return j.text.String()
}

func TestFaultsOverHTTPAreLogged(t *testing.T) {
	t.Parallel()

	log := &journal{}
	n := newNetwork(t, sandbox.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})

	const admin = "/sandbox/v1/admin/faults"

	status, _, raw := n.call(http.MethodPost, admin, `{"kind":"status-503","times":1,"path":"/v2/state"}`)
	require.Equal(t, http.StatusCreated, status)
	require.JSONEq(t, `{"id":"status-503-1"}`, string(raw))

	ok[map[string]any](n, http.MethodGet, admin, nil) // the levers themselves never fail

	status, _, _ = n.call(http.MethodGet, endPath, nil)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, log.String(), "level=INFO msg=fault rule=status-503-1")
	require.Contains(t, log.String(), "path="+endPath)

	status, _, _ = n.call(http.MethodPost, admin, `{"cutStreams":true}`)
	require.Equal(t, http.StatusBadRequest, status)

	stream := n.stream(updatesPath, updatesRequest(n.treasury, n.LedgerEnd()))
	require.NotNil(t, stream.next().Update.OffsetCheckpoint)

	status, _, _ = n.call(http.MethodPost, admin, `{"kind":"stream-cut","every":"10ms","times":1}`)
	require.Equal(t, http.StatusCreated, status)
	stream.ends()

	// Prune over HTTP is beside the faults, not hidden by them.
	ok[map[string]any](n, http.MethodPost, "/sandbox/v1/admin/prune", fmt.Sprintf(`{"offset":%d}`, n.LedgerEnd()))
}

func TestConfiguredFaultsAreChecked(t *testing.T) {
	t.Parallel()

	_, err := sandbox.New(sandbox.Config{Faults: []fault.Rule{{Kind: "no-such"}}})
	require.ErrorIs(t, err, fault.ErrInvalid)
}

// TestFaultsOfOneNode shows that what strikes by time leaves the second validator alone.
func TestFaultsOfOneNode(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{TwoValidators: true})
	second := httptest.NewServer(n.Validators()[1].Handler())
	t.Cleanup(second.Close)

	n.fails(fault.Rule{Kind: fault.NodeDown, Every: 10 * time.Millisecond, Times: 1, Delay: time.Hour})
	require.Eventually(t, func() bool {
		_, err := n.attempt(t.Context(), updatesPath, map[string]any{})

		return err != nil
	}, waitAtMost, time.Millisecond)

	resp, err := second.Client().Get(second.URL + "/v2/version") //nolint:noctx // short
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}
