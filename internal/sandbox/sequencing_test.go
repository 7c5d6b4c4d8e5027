package sandbox_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/sandbox/published"
)

func TestSequencingDelayedLocksInputs(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	slow, rival := alice.pays(bob, "10"), alice.pays(bob, "20")

	n.fails(fault.Rule{
		Kind: fault.SequencingDelayed, Delay: 300 * time.Millisecond, Times: 1, Match: fault.Match{Party: "alice::"},
	})
	n.must(http.MethodPost, executeOnly, alice.executeRequest(slow), nil)
	require.Equal(t, "LOCAL_VERDICT_LOCKED_CONTRACTS",
		n.code(http.StatusConflict, executeAndWait, alice.executeRequest(rival)))
	require.Empty(t, n.Transfers())

	require.Eventually(t, func() bool { return len(n.Transfers()) == 1 }, waitAtMost, time.Millisecond)
	require.Equal(t, "10", n.total(bob.party, n.Amulet()))
	require.Equal(t, []string{"LOCAL_VERDICT_LOCKED_CONTRACTS"}, n.rejections(alice))
}

func TestNotSequencedChangesNothing(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	lost, rival := alice.pays(bob, "10"), alice.pays(bob, "20")

	n.fails(fault.Rule{Kind: fault.NotSequenced, Times: 1})
	n.must(http.MethodPost, executeOnly, alice.executeRequest(lost), nil)
	require.Equal(t, "LOCAL_VERDICT_LOCKED_CONTRACTS",
		n.code(http.StatusConflict, executeAndWait, alice.executeRequest(rival)))
	require.Equal(t, "SUBMISSION_ALREADY_IN_FLIGHT",
		n.code(http.StatusConflict, executeAndWait, alice.executeRequest(lost)))

	// At the last moment it can still not be told from one that will come.
	n.clock.Advance(minute - time.Second)
	bob.tap("1")
	require.NotContains(t, n.rejections(alice), "NOT_SEQUENCED_TIMEOUT")

	n.clock.Advance(2 * time.Second)
	bob.tap("1")
	require.Contains(t, n.rejections(alice), "NOT_SEQUENCED_TIMEOUT")
	require.Empty(t, n.Transfers())
	require.Equal(t, "1000", n.total(alice.party, n.Amulet()))

	n.must(http.MethodPost, executeAndWait, alice.executeRequest(rival), nil)
	require.Equal(t, "980", n.total(alice.party, n.Amulet()), "its inputs are free again")
}

// TestNotSequencedIsToldByTheClock is about a network on which nothing else happens.
func TestNotSequencedIsToldByTheClock(t *testing.T) {
	t.Parallel()

	now := clock.System{}.Now()
	n := &network{t: t, clock: clock.NewManual(now)}

	s, err := sandbox.New(sandbox.Config{
		CheckpointInterval: -1, ListWait: time.Millisecond, Inspect: published.Inspect(t, ""),
	})
	require.NoError(t, err)
	n.serve(s)

	alice, bob := n.onboard("alice"), n.onboard("bob")
	alice.tap("1000")
	bob.preapprove()

	command, disclosed, _ := alice.transferCommand(bob.party, n.Amulet(), "10", "")
	request := alice.prepareRequest(command, disclosed)
	request["maxRecordTime"] = clock.System{}.Now().Add(300 * time.Millisecond)

	var p prepared

	n.must(http.MethodPost, prepareOnly, request, &p)
	n.fails(fault.Rule{Kind: fault.NotSequenced, Times: 1})
	require.Equal(t, "NOT_SEQUENCED_TIMEOUT", n.code(http.StatusConflict, executeAndWait, alice.executeRequest(p)))
	require.Empty(t, n.Transfers())
}

// TestCheckpointsComeAfterWhatTheirTimeBringsAbout is about a client that goes on where the last checkpoint was: nothing
// that it was not told may lie before.
func TestCheckpointsComeAfterWhatTheirTimeBringsAbout(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{CheckpointInterval: time.Millisecond})
	request := alice.executeRequest(alice.pays(bob, "10"))
	latest := n.clock.Now().Add(minute)

	n.fails(fault.Rule{Kind: fault.NotSequenced, Times: 1})
	n.must(http.MethodPost, executeOnly, request, nil)

	s := n.stream("/v2/commands/completions", map[string]any{
		"userId": "ledger-api-user", "parties": []any{alice.party}, "beginExclusive": n.LedgerEnd(),
	})

	for seen := 0; ; seen++ {
		raw, err := s.raw()
		require.NoError(t, err)

		var item struct {
			Response struct {
				Checkpoint *struct {
					Value checkpoint `json:"value"`
				} `json:"OffsetCheckpoint"`
			} `json:"completionResponse"`
		}

		require.NoError(t, json.Unmarshal(raw, &item))

		if item.Response.Checkpoint == nil {
			require.Contains(t, string(raw), "NOT_SEQUENCED_TIMEOUT")
			require.Positive(t, seen)

			return
		}

		require.False(t, item.Response.Checkpoint.Value.Times[0].RecordTime.After(latest), "its time is over, untold")

		if seen == 0 {
			n.clock.Advance(2 * minute)
		}
	}
}

func TestDuplicateSubmissionCommitsOnce(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})

	n.fails(fault.Rule{Kind: fault.DuplicateSubmission, Times: 1})
	n.must(http.MethodPost, executeAndWait, alice.executeRequest(alice.pays(bob, "10")), nil)

	require.Len(t, n.Transfers(), 1)
	require.Equal(t, "990", n.total(alice.party, n.Amulet()))
	require.Equal(t, []string{"MEDIATOR_SAYS_DUPLICATE_UUID"}, n.rejections(alice), "the second one has its own completion")
}
