package sandbox_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// TestOneOfManyAtOnceCommits executes transactions over the same coins at the same time, on a network that takes some.
func TestOneOfManyAtOnceCommits(t *testing.T) {
	t.Parallel()

	for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
		n := newBare(t, sandbox.Config{Latency: latency})
		alice, bob := n.onboard("alice"), n.onboard("bob")
		n.tap(alice.party, "1000")

		requests := []map[string]any{}
		for range 8 {
			requests = append(requests, alice.executeRequest(alice.prepareTransfer(bob.party, "10")))
		}

		requests = append(requests, requests...) // and each of them twice

		var (
			wait     sync.WaitGroup
			statuses = make([]int, len(requests))
			codes    = make([]string, len(requests))
		)

		for i, request := range requests {
			wait.Go(func() {
				var raw []byte

				statuses[i], _, raw = n.call(http.MethodPost, waitPath, request)

				var r refusal

				if json.Unmarshal(raw, &r) == nil {
					codes[i] = r.Code
				}
			})
		}

		wait.Wait()

		won := 0

		for i, status := range statuses {
			if status == http.StatusOK {
				won++

				continue
			}

			require.Contains(t, []string{
				"LOCAL_VERDICT_LOCKED_CONTRACTS", "LOCAL_VERDICT_INACTIVE_CONTRACTS", "SUBMISSION_ALREADY_IN_FLIGHT",
				"DUPLICATE_COMMAND",
			}, codes[i])
		}

		require.Equal(t, 1, won)
		require.Len(t, n.Transfers(), 1)
		require.Len(t, n.all(bob.party, "AmuletTransferInstruction"), 1)
	}
}

func TestANodeTracksOnlySoManySubmissions(t *testing.T) {
	t.Parallel()

	alice, bob := slow(t)
	n := alice.n

	for range 256 {
		p := alice.prepare(pingCommand(alice.party, bob.party), []any{})
		n.must(http.MethodPost, executePath, alice.executeRequest(p), nil)
	}

	p := alice.prepare(pingCommand(alice.party, bob.party), []any{})
	n.refusedWith(executePath, alice.executeRequest(p), outcome{http.StatusConflict, "PARTICIPANT_BACKPRESSURE"})
	n.refusedWith(submitPath, n.commandsOf(n.AcmeToken().Admin, pingCommand(n.AcmeToken().Admin, bob.party)),
		outcome{http.StatusConflict, "PARTICIPANT_BACKPRESSURE"})
	require.Empty(t, pings(n, bob.party))
}

// TestAFullLedgerSaysSo: the bounds of the sandbox are errors to clients, and pruning makes room.
func TestAFullLedgerSaysSo(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{MaxUpdates: 14})
	alice, bob := n.onboard("alice"), n.onboard("bob")

	full := outcome{http.StatusServiceUnavailable, "SERVICE_NOT_RUNNING"}

	for {
		p := alice.prepare(pingCommand(alice.party, bob.party), []any{})

		status, _, raw := n.call(http.MethodPost, waitPath, alice.executeRequest(p))
		if status != http.StatusOK {
			require.Contains(t, string(raw), full.code)

			break
		}
	}

	require.NotEmpty(t, pings(n, bob.party))

	again, _ := n.allocateRequest("carol")
	n.refusedWith(allocatePath, again, full)

	require.NoError(t, n.Prune(n.LedgerEnd()))
	n.must(http.MethodPost, allocatePath, again, nil)
	alice.submit(pingCommand(alice.party, bob.party), []any{})
}
