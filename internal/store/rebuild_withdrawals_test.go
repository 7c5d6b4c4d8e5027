package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// rebuild derives the records anew and gives the tables that differ. meanwhile runs before the copies are compared; it
// must not end the test, because the transaction is open.
func (l *ledger) rebuild(replace bool, meanwhile func() error, records ...store.Record) []string {
	l.t.Helper()

	differences, err := l.db.Rebuild(l.t.Context(), l.treasury, 2, replace, func(scratch *store.DB) error {
		if err := scratch.EnsureInstruments(l.t.Context(), []ident.Instrument{coin()}, now()); err != nil {
			return err
		}

		b := store.Batch{Treasury: l.treasury, Party: l.party, Records: records, Now: now()}
		if err := scratch.ApplyDerived(l.t.Context(), b); err != nil {
			return err
		}

		return meanwhile()
	})
	require.NoError(l.t, err)

	var tables []string

	for _, d := range differences {
		if d.OnlyRebuilt+d.OnlyStored > 0 {
			tables = append(tables, d.Table)
		}
	}

	return tables
}

func nothing() error { return nil }

// credit is the record that credits c1 with 1000.
func (l *ledger) credit() store.Record {
	return l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.Customer, "c1", amount.FromInt(1000))})
}

// TestARebuildLosesNoRequest: who requests or cancels while rows are replaced waits, and finds the new rows.
func TestARebuildLosesNoRequest(t *testing.T) {
	t.Parallel()

	l := begin(t)
	credit := l.credit()
	l.pays("c1")
	l.request("before", 5)
	l.request("cancelled", 7)

	var done atomic.Int32

	failed := make(chan error, 2)
	act := func(statement string, args ...any) {
		_, err := l.pool.Exec(context.WithoutCancel(t.Context()), statement, args...)

		done.Add(1)

		failed <- err
	}

	tables := l.rebuild(true, func() error {
		go act(askFor, l.party, "meanwhile", "c1", coin().Admin, coin().ID, 11, bob, now())
		go act("SELECT cancel_withdrawal($1, 'cancelled', $2)", l.party, now())

		return l.awaitWaiting(func(waiting int) bool { return waiting+int(done.Load()) == cap(failed) })
	}, credit)
	require.Empty(t, tables)
	require.NoError(t, <-failed)
	require.NoError(t, <-failed)

	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'cancelled' AND state = 'failed'"))
	require.Equal(t, 2, l.count("SELECT count(*) FROM withdrawals WHERE state = 'requested'"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM balances WHERE account = 'c1' AND amount = 1000 - 5 - 11"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM balances WHERE account_kind = 'withdrawals' AND amount = 5 + 11"))
}

// awaitWaiting waits until as many wait for the table of withdrawals as there should be.
func (l *ledger) awaitWaiting(enough func(waiting int) bool) error {
	return l.await("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'withdrawals'::regclass", enough)
}

// await asks the database again and again, until it counts enough.
func (l *ledger) await(question string, enough func(count int) bool) error {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()

	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()

	for {
		var count int

		err := l.pool.QueryRow(ctx, question).Scan(&count)
		if err != nil || enough(count) {
			return err
		}

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// TestAComparisonStopsNobody: it sees the moment at which it began, and what happens meanwhile is no difference.
func TestAComparisonStopsNobody(t *testing.T) {
	t.Parallel()

	l := begin(t)
	credit := l.credit()
	l.pays("c1")
	l.request("before", 5)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	other := reopen(t, l.pool)

	require.Empty(t, l.rebuild(false, func() error {
		_, err := l.pool.Exec(ctx, askFor, l.party, "meanwhile", "c1", coin().Admin, coin().ID, 11, bob, now())

		return errors.Join(err,
			l.db.ListInstrument(ctx, coin(), amount.FromInt(3), now()),
			other.EnsureInstruments(ctx, []ident.Instrument{coin()}, now()),
			l.db.Apply(ctx, l.batch(l.record(1, txhistory.Effects{}, books.Entries{
				Advances: []books.Advance{{ID: "before", State: withdrawal.Completed}},
			}))))
	}, credit))
	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE state = 'completed'"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM balances WHERE account = 'c1' AND amount = 1000 - 5 - 11"))
}

// TestARebuildKeepsTheWork: what workers have noted, tried and reserved is theirs.
func TestARebuildKeepsTheWork(t *testing.T) {
	t.Parallel()

	l := begin(t)
	credit := l.credit()
	l.pays("c1")

	for _, id := range []string{"queued", "reserved", "offered", "paid", "back"} {
		l.request(id, 5)
	}

	for _, id := range []string{"reserved", "offered", "paid", "back"} {
		l.submit(id, "pay")
	}

	until := now().Add(time.Hour)
	history := l.record(1, txhistory.Effects{}, books.Entries{
		Advances: []books.Advance{
			{ID: "offered", State: withdrawal.Offered, Correlation: someChain, ExecuteBefore: &until},
			{ID: "paid", State: withdrawal.Completed},
			{ID: "back", State: withdrawal.Failed, Reason: withdrawal.OfferFailed},
		},
		Postings: refund(0, "c1"),
	})
	l.apply(history)
	l.submit("offered", "reclaim")
	l.exec("UPDATE withdrawals SET waiting = 'insufficient_holdings', detail = 'd', overtaken = 3 WHERE withdrawal_id = 'queued'")

	before, work := contents(t, l.pool), l.workTables()

	require.Empty(t, l.rebuild(false, nothing, credit, history))
	require.Empty(t, l.rebuild(true, nothing, credit, history))

	after := contents(t, l.pool)
	for _, table := range []string{"withdrawals", "postings", "balances"} {
		require.Equal(t, before[table], after[table], table)
	}

	require.Equal(t, work, l.workTables())

	// A history that does not meet them any more leaves them to a person.
	require.Equal(t, []string{"withdrawals", "postings"}, l.rebuild(true, nothing, credit))
	require.Equal(t, 3, l.count(`SELECT count(*) FROM withdrawals WHERE withdrawal_id IN ('offered', 'paid', 'back') AND state = 'submitted'
		AND next_at IS NULL AND lease_until IS NULL AND waiting = '' AND reason = '' AND attempt > 0 AND account = 'c1'`))
	require.Equal(t, work, l.workTables())
}

// workTables are the workers' own.
func (l *ledger) workTables() string {
	l.t.Helper()

	var text string

	require.NoError(l.t, l.pool.QueryRow(l.t.Context(), `SELECT (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM withdrawal_attempts a)
		|| (SELECT string_agg(r::text, ' ' ORDER BY r::text) FROM reservations r)`).Scan(&text))

	return text
}
