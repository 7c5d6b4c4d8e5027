package ingest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"
)

// requireRefused runs a service that must stop by itself, say why and what to do, and change nothing.
func (w *world) requireRefused(t *testing.T, r *running, why ingest.Refusal, wayOut string) {
	t.Helper()

	w.eventually(t, "the service stops", func() bool {
		select {
		case <-r.ended:
			return true
		default:
			return false
		}
	})

	var refused *ingest.StartError
	require.ErrorAs(t, r.err, &refused)
	require.Equal(t, why, refused.Refusal)
	require.Contains(t, refused.Message, wayOut)
	require.Error(t, r.Ready())
}

func (w *world) cursor(t *testing.T) store.Cursor {
	t.Helper()

	c, err := w.db.Cursor(w.ctx, w.treasury)
	require.NoError(t, err)

	return c
}

// ingested is a world whose database has everything and whose service has stopped.
func ingested(t *testing.T, payments int) *world {
	t.Helper()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, payments)

	r := w.start(t, w.client(t, w.url))
	w.caughtUp(t)
	r.stop(t)

	return w
}

// TestNodeThatIsNotOurs starts on nodes on which going on would corrupt the database, and then on the right one.
func TestNodeThatIsNotOurs(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct {
		name   string
		seed   uint64
		happen func(t *testing.T, twin *world)
		why    ingest.Refusal
		wayOut string
	}{
		{"restored from an older backup", 0, func(t *testing.T, twin *world) { t.Helper(); twin.pay(t, 2) }, ingest.BeyondLedgerEnd, "move-node"},
		{"fresh and empty", 0, func(*testing.T, *world) {}, ingest.BeyondLedgerEnd, "move-node"},
		{"restored, and numbers its updates anew", 0, func(t *testing.T, twin *world) {
			t.Helper()

			_, err := twin.AllocateParty("stranger")
			require.NoError(t, err)
			twin.pay(t, 40)
		}, ingest.OtherHistory, "move-node"},
		{"another node", 99, func(t *testing.T, twin *world) { t.Helper(); twin.pay(t, 40) }, ingest.OtherNode, "move-node"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			w := ingested(t, 10)
			before := w.cursor(t)

			twin := newLedger(t, sandbox.Config{Seed: tc.seed})
			tc.happen(t, twin)

			r := w.startWith(t, twin.client(t, twin.url), w.db, ingest.Config{Party: w.party})
			w.requireRefused(t, r, tc.why, tc.wayOut)
			after := w.cursor(t)
			halted := after.Halted != ""
			after.Halted = ""
			require.Equal(t, before, after, "a refused start changes nothing")
			require.Equal(t, tc.why != ingest.OtherNode, halted)

			if halted { // and stays so, whatever the node says later, until somebody has looked
				r = w.startWith(t, w.client(t, w.url), w.db, ingest.Config{Party: w.party})
				w.requireRefused(t, r, ingest.Halted, tc.wayOut)

				_, err := ingest.MoveNode(w.ctx, w.db, w.client(t, w.url), w.party, clock.System{})
				require.NoError(t, err)
			}

			w.requireRestarts(t)
		})
	}
}

// TestPrunedHistory begins with a snapshot where the beginning is gone, and goes on from there.
func TestPrunedHistory(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 10)
	_, err := w.Transfer(sandbox.TransferRequest{
		Sender: w.customer, Receiver: w.party, Instrument: w.Amulet(), Amount: amount.FromInt(5), Memo: new("ACC-1"),
	})
	require.NoError(t, err)
	require.NoError(t, w.Prune(w.LedgerEnd()))

	r := w.start(t, w.client(t, w.url))
	w.requireRefused(t, r, ingest.Pruned, "CES_INGEST_START=snapshot")

	_, err = w.db.Cursor(w.ctx, w.treasury)
	require.ErrorIs(t, err, store.ErrNotFound, "a refused start begins no history")

	snapshot := ingest.Config{Party: w.party, Start: ingest.FromSnapshot}
	r = w.startWith(t, w.client(t, w.url), w.db, snapshot)
	w.eventually(t, "it has begun", func() bool { return w.offset() > 0 })
	w.pay(t, 5) // the live tail
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)

	// The setting stays where it is; a second start goes on and takes no second snapshot.
	r = w.startWith(t, w.client(t, w.url), w.db, snapshot)
	w.pay(t, 5)
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
	w.requireRestarts(t)
}

// TestSnapshotInterrupted meets a node and a database that go away while it begins.
func TestSnapshotInterrupted(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 20)
	require.NoError(t, w.Prune(w.LedgerEnd()))
	w.SetDown(true)

	r := w.startWith(t, w.client(t, w.url), w.db, ingest.Config{Party: w.party, Start: ingest.FromSnapshot})
	w.fails(t, 2)

	tx, err := w.db.Pool().Begin(w.ctx)
	require.NoError(t, err)

	defer func() { _ = tx.Rollback(w.ctx) }()

	_, err = tx.Exec(w.ctx, "LOCK TABLE holdings IN SHARE MODE")
	require.NoError(t, err)
	w.SetDown(false)
	w.eventually(t, "it stands inside its transaction", func() bool {
		var waits bool

		err := tx.QueryRow(w.ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'holdings'::regclass)`).Scan(&waits)

		return err == nil && waits
	})
	_, err = tx.Exec(w.ctx, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'holdings'::regclass`)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(w.ctx))

	w.eventually(t, "it has begun", func() bool { return w.offset() > 0 })
	w.pay(t, 5)
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
}

// TestPrunedPastTheCursor has lost updates for good: only a person can decide.
func TestPrunedPastTheCursor(t *testing.T) {
	t.Parallel()

	w := ingested(t, 5)
	before := w.cursor(t)
	w.pay(t, 5)
	require.NoError(t, w.Prune(w.LedgerEnd()))

	w.requireRefused(t, w.start(t, w.client(t, w.url)), ingest.Pruned, "move-node")
	require.Equal(t, before, w.cursor(t))
}

// TestPrunedBehindTheCursor is everyday life.
func TestPrunedBehindTheCursor(t *testing.T) {
	t.Parallel()

	w := ingested(t, 5)
	require.NoError(t, w.Prune(w.cursor(t).Position.Offset))

	r := w.start(t, w.client(t, w.url))
	w.pay(t, 5)
	w.caughtUp(t)
	r.stop(t)
	w.requireClean(t)
}

// TestPruningOvertakesAReader prunes what a running service has not read yet.
func TestPruningOvertakesAReader(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 5)

	r := w.start(t, w.client(t, w.url))
	w.caughtUp(t)
	w.SetDown(true)
	w.pay(t, 5)
	require.NoError(t, w.Prune(w.LedgerEnd()))
	w.SetDown(false)
	w.requireRefused(t, r, ingest.Pruned, "move-node")
}
