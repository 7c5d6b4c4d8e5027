package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// columns are all columns of all withdrawals but these, as text.
func (l *ledger) columns(but ...string) string {
	l.t.Helper()

	var text string

	require.NoError(l.t, l.pool.QueryRow(l.t.Context(),
		"SELECT string_agg((to_jsonb(w) - coalesce($1::text[], '{}'))::text, E'\n' ORDER BY withdrawal_id) FROM withdrawals w", but).Scan(&text))

	return text
}

// approves has somebody approve a withdrawal.
func (l *ledger) approves(actor, id string) error {
	return l.db.Enter(l.t.Context(), actor, now(), func(d *store.Door) error {
		_, err := d.DB().ApproveWithdrawal(l.t.Context(), l.party, id, true, actor, "", now())

		return err
	})
}

// decided is a treasury with withdrawals of every state that somebody had to approve, and the history that met some of them.
func decided(t *testing.T) (l *ledger, history []store.Record) {
	t.Helper()

	l = begin(t)
	credit := l.credit()
	l.pays("c1")
	l.policy(func(p *withdrawal.Policy) {
		p.ApproveFrom, p.DestinationsOnly, p.Cooling = new(amounttest.Of("50")), true, 0
	})
	require.NoError(t, l.db.SetLimit(t.Context(), l.treasury, store.Limit{Instrument: coin(), Window: 24 * time.Hour, Amount: amounttest.Of("1000")}, "ann", now()))

	_, err := l.db.AddDestination(t.Context(), l.party, "c1", bob, "", "ann", now())
	require.NoError(t, err)

	require.NoError(t, l.asks("key-1", "small", "c1", 5, bob, now()))

	for _, id := range []string{"waits", "refused", "found", "approved", "reserved", "submitted", "offered", "reclaimed", "paid"} {
		require.NoError(t, l.asks("key-1", id, "c1", 60, bob, now()))
	}

	for _, id := range []string{"approved", "reserved", "submitted", "offered", "reclaimed", "paid"} {
		require.NoError(t, l.approves("key-2", id))
	}

	_, err = l.db.ApproveWithdrawal(t.Context(), l.party, "refused", false, "key-2", "", now())
	require.NoError(t, err)

	l.exec("UPDATE withdrawals SET state = 'reserved', lease_epoch = 7 WHERE withdrawal_id = 'reserved'")

	for _, id := range []string{"submitted", "offered", "reclaimed", "paid"} {
		l.submit(id, "pay")
	}

	until := now().Add(time.Hour)
	met := l.record(1, txhistory.Effects{}, books.Entries{
		Advances: []books.Advance{
			{ID: "offered", State: withdrawal.Offered, Correlation: someChain, ExecuteBefore: &until},
			{ID: "reclaimed", State: withdrawal.Offered, Correlation: someChain + "01", ExecuteBefore: &until},
			{ID: "paid", State: withdrawal.Completed},
			{ID: "found", State: withdrawal.Completed}, // paid before the database was put back to when it was not approved
		},
		Postings: movement(0, books.WithdrawalsUnderWay, "", amount.FromInt(-120)),
	})
	l.apply(met)
	l.submit("reclaimed", "reclaim")

	return l, []store.Record{credit, met}
}

// TestARebuildDecidesNothing: who requested and who approved is kept, and nothing is held to what has been set since.
func TestARebuildDecidesNothing(t *testing.T) {
	t.Parallel()

	l, history := decided(t)
	require.NoError(t, l.db.SetLimit(t.Context(), l.treasury, store.Limit{Instrument: coin(), Window: 24 * time.Hour, Amount: amounttest.Of("1")}, "ann", now()))
	_, err := l.db.RemoveDestination(t.Context(), l.party, "c1", bob, "ann", now())
	require.NoError(t, err)
	l.exec("UPDATE withdrawal_policies SET approve_from = 1")

	before := l.columns()
	require.Empty(t, l.rebuild(false, nothing, history...))
	require.Empty(t, l.rebuild(true, nothing, history...))
	require.Equal(t, before, l.columns())
	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'small' AND approval = '' AND next_at IS NOT NULL"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'reclaimed' AND state = 'offered' AND next_at IS NOT NULL"))

	refusedWith(t, l.approves("key-1", "waits"), "own_request")
	require.NoError(t, l.approves("key-2", "waits"))
	l.sound()

	// What is derived anew is what history said, and what a worker had noted of it: nobody works on what history does not
	// meet any more.
	anew := []string{"state", "reason", "correlation_id", "offered_no", "settled_no", "waiting", "next_at", "lease_until"}
	before = l.columns(anew...)
	l.rebuild(true, nothing, history[0])
	require.Equal(t, before, l.columns(anew...))
	require.Equal(t, 3, l.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id IN ('offered', 'reclaimed', 'paid') AND state = 'submitted' AND next_at IS NULL"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'found' AND state = 'requested' AND approval = 'wanted' AND next_at IS NULL"))
}

// TestARebuildKeepsOldIDs: an id that would be refused today was a customer's own before it named returns.
func TestARebuildKeepsOldIDs(t *testing.T) {
	t.Parallel()

	l := begin(t)
	credit := l.credit()
	l.pays("c1")
	l.request("old", 5)

	tx, err := l.pool.Begin(t.Context())
	require.NoError(t, err)

	for _, s := range []string{"SET LOCAL session_replication_role = replica", "UPDATE withdrawals SET withdrawal_id = 'return:old'"} {
		_, err = tx.Exec(t.Context(), s)
		require.NoError(t, err)
	}

	require.NoError(t, tx.Commit(t.Context()))

	before := l.columns()
	require.Empty(t, l.rebuild(true, nothing, credit))
	require.Equal(t, before, l.columns())
}

// TestNobodySaysThatTheyRebuild to be admitted: only who may take withdrawals away is believed.
func TestNobodySaysThatTheyRebuild(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1")
	l.policy(func(p *withdrawal.Policy) { p.ApproveFrom = new(amounttest.Of("100")) })

	tx, err := l.pool.Begin(t.Context())
	require.NoError(t, err)

	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()

	for _, s := range []string{
		"CREATE ROLE door_that_rebuilds", "SELECT grant_door('door_that_rebuilds', '{read, accounts, withdrawals, approvals}')",
		"SET LOCAL SESSION AUTHORIZATION door_that_rebuilds", "SET LOCAL ces.rebuild = 'on'",
	} {
		_, err = tx.Exec(t.Context(), s)
		require.NoError(t, err)
	}

	ask := func(id string) error {
		_, err := tx.Exec(t.Context(), "SELECT api.request_withdrawal($1, $2, 'c1', $3, $4, 100, $5)",
			string(l.party), id, string(coin().Admin), coin().ID, string(bob))

		return err
	}

	var approval, by string

	require.NoError(t, ask("large"))
	require.NoError(t, tx.QueryRow(t.Context(), "SELECT approval, requested_by FROM api.withdrawals").Scan(&approval, &by))
	require.Equal(t, "wanted door_that_rebuilds", approval+" "+by)
	require.ErrorContains(t, ask("return:x"), "invalid_id")
}
