package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/signing"
)

// once is a rule that strikes by time, once.
func once(kind fault.Kind, delay time.Duration) fault.Rule {
	return fault.Rule{Kind: kind, Every: 10 * time.Millisecond, Times: 1, Delay: delay}
}

func TestNodeDownForAWhile(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	s := n.stream(updatesPath, updatesRequest(n.treasury, n.LedgerEnd()))
	require.NotNil(t, s.next().Update.OffsetCheckpoint)

	n.fails(once(fault.NodeDown, 300*time.Millisecond))
	s.ends()
	n.hangsUp(updatesPath, updatesRequest(n.treasury, 0))
	ok[map[string]any](n, http.MethodGet, "/sandbox/v1/parties", nil)

	require.Eventually(t, func() bool {
		_, err := n.attempt(t.Context(), updatesPath, map[string]any{})

		return err == nil
	}, waitAtMost, time.Millisecond)
}

func TestRestart(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{Latency: 400 * time.Millisecond})
	begin := n.LedgerEnd()
	early := alice.executeRequest(alice.pays(bob, "10"))
	later := bob.executeRequest(bob.prepare(n.proposal(bob), []any{}))

	s := n.stream(updatesPath, updatesRequest(bob.party, begin))
	require.NotNil(t, s.next().Update.OffsetCheckpoint)

	answered := make(chan string, 1)

	go func() {
		got, err := n.attempt(t.Context(), executeAndWait, early)
		if err != nil {
			got.body = err.Error()
		}

		answered <- got.body
	}()

	require.Eventually(t, func() bool { return sandbox.InFlight(n.Sandbox) == 1 }, waitAtMost, time.Millisecond)
	n.fails(once(fault.NodeRestart, 100*time.Millisecond))

	require.Contains(t, <-answered, `"code":"ABORTED_DUE_TO_SHUTDOWN"`)
	require.Equal(t, "ABORTED_DUE_TO_SHUTDOWN", s.next().Code)
	require.Equal(t, websocket.StatusNormalClosure, s.ends())
	require.Equal(t, "SERVICE_NOT_RUNNING", n.code(http.StatusServiceUnavailable, executeAndWait, later))

	// What was on its way arrives all the same, once; and what was prepared before is as good as it was.
	require.Eventually(t, func() bool { return n.total(bob.party, n.Amulet()) == "10" }, waitAtMost, time.Millisecond)
	require.Eventually(t, func() bool {
		status, _, _ := n.call(http.MethodGet, endPath, nil)

		return status == http.StatusOK
	}, waitAtMost, time.Millisecond)
	n.must(http.MethodPost, executeAndWait, later, nil)
	require.Len(t, n.Transfers(), 1)
}

// proposal asks for a preapproval.
func (n *network) proposal(e *external) map[string]any {
	return map[string]any{"CreateCommand": map[string]any{
		"templateId": "#splice-wallet:Splice.Wallet.TransferPreapproval:TransferPreapprovalProposal",
		"createArguments": map[string]any{
			"receiver": e.party, "provider": e.party, "expectedDso": n.DSO(),
		},
	}}
}

func TestPruneByTime(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	end := n.LedgerEnd()

	n.strikes(once(fault.Prune, 0))
	require.Equal(t, end, n.PrunedUpTo())
	require.Equal(t, "PARTICIPANT_PRUNED_DATA_ACCESSED", n.code(http.StatusBadRequest, updatesPath, updatesRequest(n.treasury, 0)))
	require.Equal(t, "1000", n.total(n.treasury, n.Amulet()), "active contracts survive")

	n.strikes(once(fault.Prune, 0)) // nothing more to prune
	require.Equal(t, end, n.PrunedUpTo())
}

func TestClockJumps(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{TwoSynchronizers: true})
	before := n.tap(n.alice, "1").RecordTime

	n.strikes(once(fault.ClockJump, time.Hour))

	ahead := n.tap(n.alice, "1").RecordTime
	require.WithinDuration(t, before.Add(time.Hour), ahead, minute)

	n.strikes(once(fault.ClockJump, -2*time.Hour))
	n.clock.Advance(30 * minute)

	last := ahead

	for range 5 {
		next := n.tap(n.alice, "1").RecordTime
		require.True(t, next.After(last), "record time goes back from %s to %s", last, next)
		require.WithinDuration(t, ahead, next, minute, "it stands until the clock has caught up")

		last = next
	}

	n.clock.Advance(2 * time.Hour)
	require.WithinDuration(t, start().Add(90*minute), n.tap(n.alice, "1").RecordTime, minute)
}

func TestClockJumpsAddUpToABound(t *testing.T) {
	t.Parallel()

	const year = 365 * day

	n := newNetwork(t, sandbox.Config{})
	rules := make([]fault.Rule, 0, 30)

	for range 30 {
		rules = append(rules, once(fault.ClockJump, 2*year))
	}

	n.strikes(rules...)
	require.Less(t, n.tap(n.alice, "1").RecordTime.Year(), 2050)
}

func TestUpgradePause(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{TwoSynchronizers: true})
	old := alice.pays(bob, "10")
	onItsWay := bob.prepare(n.proposal(bob), []any{})

	n.fails(fault.Rule{Kind: fault.SequencingDelayed, Delay: time.Second, Times: 1, Match: fault.Match{Party: "bob::"}})
	n.must(http.MethodPost, executeOnly, bob.executeRequest(onItsWay), nil)
	n.fails(once(fault.UpgradePause, 500*time.Millisecond))

	request := alice.executeRequest(old)
	codes := map[string]bool{}

	// Until the pause has begun the old one would commit, so it is the new synchronizer that this waits for first.
	require.Eventually(t, func() bool { return sandbox.Upgrading(n.Sandbox) }, waitAtMost, time.Millisecond)
	require.Equal(t, "SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME", n.code(http.StatusBadRequest, executeAndWait, request))

	require.Eventually(t, func() bool {
		code := n.code(http.StatusBadRequest, executeAndWait, request)
		codes[code] = true

		return code != "SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME"
	}, waitAtMost, 5*time.Millisecond)
	require.Contains(t, codes, "NO_SYNCHRONIZER_FOR_SUBMISSION")
	require.Empty(t, n.Transfers())

	fresh := alice.pays(bob, "10")
	decoded, err := signing.Decode(fresh.Transaction)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(decoded.Metadata.SynchronizerID), "::35-2"), decoded.Metadata.SynchronizerID)

	n.must(http.MethodPost, executeAndWait, alice.executeRequest(fresh), nil)
	require.Len(t, n.Transfers(), 1)
	require.True(t, strings.HasPrefix(string(decoded.Metadata.SynchronizerID), string(n.synchronizer())+"::"))

	// What the old sequencer had not sequenced is over when its time is.
	require.Eventually(t, func() bool { return sandbox.Lost(n.Sandbox) == 1 }, waitAtMost, time.Millisecond)
	n.clock.Advance(2 * minute)
	alice.pays(bob, "1")
	require.Equal(t, []string{"NOT_SEQUENCED_TIMEOUT"}, n.rejections(bob))
}

// TestWhatWasPreparedBeforeAnUpgradeIsVoid holds for every release, though only from 3.5 on the physical synchronizer's id
// is in what is signed; and for a clock that stands still meanwhile.
func TestWhatWasPreparedBeforeAnUpgradeIsVoid(t *testing.T) {
	t.Parallel()

	for _, version := range []sandbox.Version{sandbox.V33, sandbox.V34, sandbox.V35, sandbox.V36} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()

			n, alice, bob := payers(t, sandbox.Config{Version: version})

			for upgrades := range 2 {
				old := alice.executeRequest(alice.pays(bob, "10"))
				ahead := alice.executeRequest(alice.paysLater(bob, "10"))

				n.strikes(once(fault.UpgradePause, time.Millisecond))
				require.Eventually(t, func() bool { return !sandbox.Upgrading(n.Sandbox) }, waitAtMost, time.Millisecond)

				n.refusedWith(executePath, old, bad("NO_SYNCHRONIZER_FOR_SUBMISSION"))

				if version >= sandbox.V35 { // its time is later than the upgrade, so only the id tells
					n.refusedWith(executePath, ahead, bad("NO_SYNCHRONIZER_FOR_SUBMISSION"))
				}

				require.Len(t, n.Transfers(), upgrades)

				n.must(http.MethodPost, executePath, alice.executeRequest(alice.pays(bob, "10")), nil)
				require.Len(t, n.Transfers(), upgrades+1)
			}
		})
	}
}

// paysLater prepares a payment for a ledger time that is still to come.
func (e *external) paysLater(to *external, value string) prepared {
	e.n.t.Helper()

	command, disclosed, _ := e.transferCommand(to.party, e.n.Amulet(), value, "ACC-1")
	request := e.prepareRequest(command, disclosed)
	request["minLedgerTime"] = minTime("MinLedgerTimeAbs", e.n.clock.Now().Add(30*time.Second))

	var p prepared

	e.n.must(http.MethodPost, preparePath, request, &p)

	return p
}

// TestUpgradeLosesWhatIsOnItsWay is about a submission whose turn comes while nobody sequences.
func TestUpgradeLosesWhatIsOnItsWay(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{Latency: 300 * time.Millisecond})
	request := alice.executeRequest(alice.pays(bob, "10"))

	n.must(http.MethodPost, executeOnly, request, nil)
	n.fails(once(fault.UpgradePause, time.Hour))
	require.Eventually(t, func() bool { return sandbox.Lost(n.Sandbox) == 1 }, waitAtMost, time.Millisecond)
	require.Empty(t, n.Transfers())
	require.Equal(t, "0", n.total(bob.party, n.Amulet()))
}

// rejections are the codes of the party's submissions that were rejected, in order.
func (n *network) rejections(e *external) []string {
	n.t.Helper()

	var list []struct {
		Response struct {
			Completion *struct {
				Value struct {
					Status struct {
						Code    int    `json:"code"`
						Message string `json:"message"`
					} `json:"status"`
				} `json:"value"`
			} `json:"Completion"`
		} `json:"completionResponse"`
	}

	n.must(http.MethodPost, "/v2/commands/completions", map[string]any{
		"userId": "ledger-api-user", "parties": []ident.Party{e.party}, "beginExclusive": 0,
	}, &list)

	codes := []string{}

	for _, item := range list {
		if c := item.Response.Completion; c != nil && c.Value.Status.Code != 0 {
			code, _, _ := strings.Cut(c.Value.Status.Message, "(")
			codes = append(codes, code)
		}
	}

	return codes
}

// TestCloseEndsWhatIsTimed closes a network in the middle of everything that lasts; goleak sees what is left.
func TestCloseEndsWhatIsTimed(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	n.strikes(once(fault.UpgradePause, time.Hour), fault.Rule{Kind: fault.ClockJump, Every: 10 * time.Millisecond})
	require.True(t, sandbox.Upgrading(n.Sandbox))
	n.Close()
	n.Close()
	n.fails(fault.Rule{Kind: fault.ClockJump, Every: 10 * time.Millisecond})

	require.Zero(t, n.fired(), "nobody looks any more")
}
