package sandbox_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// TestAFullHistoryPrunesItself does far more than the history and the books hold, in every way there is to submit.
func TestAFullHistoryPrunesItself(t *testing.T) {
	t.Parallel()

	const most = 50

	n := newNetwork(t, sandbox.Config{MaxUpdates: most, AutoPrune: true})
	alice := n.onboard("external")
	n.tap(alice.party, "1000")
	offered := n.transfer(n.alice, n.bob, n.AcmeToken(), "1", "waits")

	for i := range 5 * most {
		n.send(n.alice, n.treasury, "0.1", "ACC-1")
		require.LessOrEqual(t, len(n.Transfers()), most+1, "ended transfers are forgotten with their updates")

		if i%10 == 0 {
			n.must(http.MethodPost, executePath, alice.executeRequest(alice.prepare(pingCommand(alice.party, n.bob), []any{})), nil)
			n.must(http.MethodPost, submitPath, n.commandsOf(n.bob, pingCommand(n.bob, n.alice)), nil)
		}
	}

	require.LessOrEqual(t, len(n.Updates(n.treasury)), most)
	require.Positive(t, n.PrunedUpTo())
	require.Equal(t, "1025", n.total(n.treasury, n.Amulet()), "money is not forgotten")

	require.Equal(t, offered.Instructions[0], n.Transfers()[0].Instruction, "an offer is not, however old")

	_, err := n.Accept(n.bob, offered.Instructions[0])
	require.NoError(t, err)
	require.Equal(t, sandbox.TransferCompleted, n.Transfers()[0].State)
}

// TestBatchesDoNotFillTheBooks makes more transfers in fewer updates than the history holds.
func TestBatchesDoNotFillTheBooks(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{MaxUpdates: 20, AutoPrune: true})

	for range 200 {
		n.tap(n.alice, "1")
	}

	for range 19 {
		requests := []sandbox.TransferRequest{}

		for range 10 {
			requests = append(requests, sandbox.TransferRequest{
				Sender: n.alice, Receiver: n.treasury, Instrument: n.Amulet(), Amount: amt("1"),
			})
		}

		_, err := n.Batch(requests)
		require.NoError(t, err)
	}

	require.LessOrEqual(t, len(n.Transfers()), 80)
}

// TestRejectionsMakeRoomToo fills the node with completions that are no updates.
func TestRejectionsMakeRoomToo(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{MaxUpdates: 20, AutoPrune: true, Latency: time.Hour})
	alice, bob := n.onboard("alice"), n.onboard("bob")
	n.tap(alice.party, "1000")

	first, second := alice.prepareTransfer(bob.party, "10"), alice.prepareTransfer(bob.party, "10")
	n.must(http.MethodPost, executePath, alice.executeRequest(first), nil)

	for range 100 { // its coin is held by the first, which never arrives
		n.refusedWith(waitPath, alice.executeRequest(second),
			outcome{http.StatusConflict, "LOCAL_VERDICT_LOCKED_CONTRACTS"})
	}
}

// TestPruningAloneLeavesTheBooks keeps what a test compares with, and forgets it when the books are full.
func TestPruningAloneLeavesTheBooks(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{MaxUpdates: 50})
	made := 0

	for range 19 { // four times the history and more
		for range 12 {
			n.send(n.alice, n.treasury, "0.1", "ACC-1")

			made++
		}

		require.NoError(t, n.Prune(n.LedgerEnd()))

		if made <= 200 {
			require.Len(t, n.Transfers(), made)
		}
	}

	require.Less(t, len(n.Transfers()), made)
}

// TestTheSecondNodeRemembersItsOwn: what one of two nodes has not pruned stays in the books.
func TestTheSecondNodeRemembersItsOwn(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{TwoValidators: true, MaxUpdates: 20})
	alice, err := sandbox.HostEverywhere(n.Sandbox, "alice")
	require.NoError(t, err)

	bob := n.party("bob")
	second := n.Validators()[1]

	_, err = n.Preapprove(bob)
	require.NoError(t, err)

	for i := range 10 { // 80 transfers fill the books
		n.tap(alice, "10")

		for range 8 {
			n.send(alice, bob, "0.1", "ACC-1")
		}

		require.NoError(t, n.Prune(n.LedgerEnd()))

		if i < 9 {
			require.NoError(t, second.Prune(second.LedgerEnd()))
		}
	}

	n.tap(alice, "10")

	_, err = n.Transfer(sandbox.TransferRequest{
		Sender: alice, Receiver: bob, Instrument: n.Amulet(), Amount: amt("1"),
	})
	require.NoError(t, err)
	require.Len(t, n.Transfers(), 9, "the last eight are still known to the second node")
}

func TestPruningIsLogged(t *testing.T) {
	t.Parallel()

	log := &strings.Builder{}
	n := newNetwork(t, sandbox.Config{MaxUpdates: 30, AutoPrune: true, Logger: slog.New(slog.NewTextHandler(log, nil))})

	for range 30 {
		n.send(n.alice, n.treasury, "0.1", "ACC-1")
	}

	require.Contains(t, log.String(), "pruned the older half")
	require.Contains(t, log.String(), "max_updates=30")
}
