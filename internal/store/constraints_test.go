package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
)

func requireConstraint(t *testing.T, err error, name string) {
	t.Helper()

	var refused *pgconn.PgError

	require.ErrorAs(t, err, &refused)
	require.Equal(t, "23514", refused.Code, refused.Message)
	require.Equal(t, name, refused.ConstraintName)
}

func TestAMovementMustSumToZero(t *testing.T) { //nolint:tparallel // one database, one step after the other
	t.Parallel()

	l := begin(t)
	one := amount.FromInt(1)
	coinOnly := movement(0, books.Customer, "c1", one)
	second := coinOnly[1]
	second.Line, second.Amount = 2, amounttest.Of("0.0000000001")
	otherToken := coinOnly[1]
	otherToken.Instrument.ID = "Other"
	require.NoError(t, l.db.EnsureInstruments(t.Context(), []ident.Instrument{otherToken.Instrument}, now()))

	otherMovement := coinOnly[1]
	otherMovement.Movement = 1

	// By COPY, as the suite writes.
	for name, postings := range map[string][]books.Posting{
		"one line": coinOnly[:1], "a line too many": {coinOnly[0], coinOnly[1], second}, "two tokens": {coinOnly[0], otherToken},
		"two movements": {coinOnly[0], otherMovement},
	} {
		t.Run(name, func(t *testing.T) {
			err := l.db.Apply(t.Context(), l.batch(l.record(1, txhistory.Effects{}, books.Entries{Postings: postings})))
			requireConstraint(t, err, "movements_sum_to_zero")
			require.Zero(t, l.count("SELECT count(*) FROM postings")+l.count("SELECT count(*) FROM balances"))
		})
	}

	// By INSERT, as a person at a console would.
	_, err := l.pool.Exec(t.Context(), `INSERT INTO postings VALUES ($1, 'ledger', 1, 0, 0, 'income', '', 1, 5)`, int32(l.treasury))
	requireConstraint(t, err, "movements_sum_to_zero")
	_, err = l.pool.Exec(t.Context(), `INSERT INTO postings VALUES ($1, 'ledger', 1, 0, 0, 'income', '', 1, 5), ($1, 'ledger', 2, 0, 0, 'network', '', 1, -5)`,
		int32(l.treasury))
	requireConstraint(t, err, "movements_sum_to_zero")
	_, err = l.pool.Exec(t.Context(), `INSERT INTO postings VALUES ($1, 'ledger', 1, 0, 0, 'income', '', 1, 5), ($1, 'ledger', 1, 0, 1, 'network', '', 1, -5)`,
		int32(l.treasury))
	require.NoError(t, err)
}

func TestConstraintsOfTheBooks(t *testing.T) {
	t.Parallel()

	l := begin(t)
	deposit := func(kind, state, account, amount, correlation, settled string) string {
		return `INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, account, instrument_no, amount, sender, correlation_id, settled_no, record_time)
			VALUES (1, gen_random_uuid(), '` + kind + `', '` + state + `', '', ` + account + `, 1, ` + amount + `, '', ` + correlation + `, ` + settled + `, now())`
	}
	posting := func(kind, account, amount string) string {
		return `INSERT INTO postings VALUES (1, 'ledger', 1, 0, 0, '` + kind + `', '` + account + `', 1, ` + amount + `),
			(1, 'ledger', 1, 0, 1, 'network', '', 1, -(` + amount + `))`
	}
	holding := func(amount, archived, lock string) string {
		return `INSERT INTO holdings (treasury_id, contract_id, instrument_no, amount, synchronizer_id, template_id, created_no, created_node,
			archived_no, archived_node, lock_holders, lock_expires_at) VALUES (1, 'x', 1, ` + amount + `, '', '', 5, 0, ` + archived + `, ` + lock + `)`
	}
	withdrawal := func(state, amount, id, settled string) string {
		return `INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, state, reason, account, instrument_no, amount, receiver,
				settled_no, requested_at)
			VALUES (1, '` + id + `', nextval('withdrawal_numbers'), 'requested', '` + state + `', '', 'c', 1, ` + amount + `, '', ` + settled + `, now())`
	}

	for _, good := range []string{
		deposit("one_step", "credited", "'c'", "1", "NULL", "3"), deposit("offer", "offered", "NULL", "1", "'00c'", "NULL"), posting("customer", "c", "1"),
		holding("1", "5, 0", "NULL, NULL"), withdrawal("completed", "1", "w", "3"),
	} {
		tx, err := l.pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), good)
		require.NoError(t, err, good)
		require.NoError(t, tx.Rollback(t.Context()))
	}

	for name, bad := range map[string]string{
		"credited without account": deposit("one_step", "credited", "NULL", "1", "NULL", "3"), "deposit of nothing": deposit("one_step", "credited", "'c'", "0", "NULL", "3"),
		"credited but not arrived": deposit("one_step", "credited", "'c'", "1", "NULL", "NULL"), "offered but arrived": deposit("offer", "offered", "NULL", "1", "'00c'", "3"),
		"offer without chain": deposit("offer", "offered", "NULL", "1", "NULL", "NULL"), "one step with chain": deposit("one_step", "credited", "'c'", "1", "'00c'", "3"),
		"unknown state": deposit("one_step", "lost", "NULL", "1", "NULL", "3"), "customer without name": posting("customer", "", "1"),
		"fees with a name": posting("fees", "c", "1"), "posting of nothing": posting("fees", "", "0"), "unknown account": posting("mine", "", "1"),
		"negative holding": holding("-1", "NULL, NULL", "NULL, NULL"), "half an archive": holding("1", "7, NULL", "NULL, NULL"),
		"archived before created": holding("1", "4, 0", "NULL, NULL"), "expiry without lock": holding("1", "NULL, NULL", "NULL, now()"),
		"completed but not settled": withdrawal("completed", "1", "w", "NULL"), "withdrawal of nothing": withdrawal("requested", "0", "w", "NULL"),
		"withdrawal without id": withdrawal("requested", "1", "", "NULL"), "withdrawal in no state": withdrawal("paid", "1", "w", "3"),
		"account without memo":      `INSERT INTO deposit_accounts VALUES (1, '', '', 'c', true, now())`,
		"account without name":      `INSERT INTO deposit_accounts VALUES (1, 'm', 'm', '', true, now())`,
		"clock of nobody":           `INSERT INTO synchronizer_clocks VALUES (999, 's', now(), 1)`,
		"cursor before its origin":  `UPDATE ingestion_cursors SET ledger_offset = 1, origin_offset = 2`,
		"treasury that is no party": `INSERT INTO treasuries (party, created_at) VALUES ('nobody', now())`,
		"negative minimum":          `UPDATE instruments SET minimum_deposit = -1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := l.pool.Exec(t.Context(), bad)

			var refused *pgconn.PgError

			require.ErrorAs(t, err, &refused)
			require.Equal(t, "23", refused.Code[:2], refused.Message)
		})
	}
}

func TestCustomersAreNeverOverdrawn(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.Customer, "c1", amount.FromInt(5))}))

	overdraw := books.Entries{Postings: movement(0, books.Customer, "c1", amounttest.Of("-5.0000000001"))}
	err := l.db.Apply(t.Context(), l.batch(l.record(1, txhistory.Effects{}, overdraw)))
	requireConstraint(t, err, "customers_are_never_overdrawn")

	err = l.db.Apply(t.Context(), l.batch(l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.Customer, "c2", amount.FromInt(-1))})))
	requireConstraint(t, err, "customers_are_never_overdrawn")

	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.Losses, "", amount.FromInt(-5))}))
	require.Equal(t, 1, l.count("SELECT count(*) FROM balances WHERE account = 'c1' AND amount = 5"))
}

// TestBalancesFollowPostingsUnderConcurrency writes to the same accounts from many transactions, and to different
// treasuries at once.
func TestBalancesFollowPostingsUnderConcurrency(t *testing.T) {
	t.Parallel()

	const (
		treasuries = 4
		batches    = 12
		hands      = 4
	)

	first := begin(t)
	group, ctx := errgroup.WithContext(t.Context())

	for i := range treasuries {
		l := first
		if i > 0 {
			l = beginAs(t, first.db, first.pool, ident.Party("t"+string(rune('0'+i))+"::1220"))
		}

		group.Go(func() error { return l.writeBatches(ctx, batches) })

		for hand := range hands {
			group.Go(func() error { return l.postByHand(ctx, hand, batches) })
		}
	}

	require.NoError(t, group.Wait())
	require.Zero(t, first.count(`SELECT count(*) FROM balances FULL JOIN
		(SELECT treasury_id, account_kind, account, instrument_no, sum(amount) AS total FROM postings GROUP BY 1, 2, 3, 4) p
		USING (treasury_id, account_kind, account, instrument_no) WHERE amount IS DISTINCT FROM total`))
	require.Equal(t, treasuries*(batches*8+hands*batches*8), first.count("SELECT count(*) FROM postings"))
	require.Equal(t, treasuries*5, first.count("SELECT count(*) FROM balances"))
}

// entangled are movements that touch the same four accounts in an order of their own.
func entangled(start int) books.Entries {
	var e books.Entries

	for i := range 4 {
		name := string(rune('a' + (start+i*(1+2*(start%2)))%4))
		e.Postings = append(e.Postings, movement(i, books.Customer, name, amount.FromInt(int64(i+1)))...)
	}

	return e
}

func (l *ledger) writeBatches(ctx context.Context, n int) error {
	for i := range n {
		b := l.batch(l.record(1, txhistory.Effects{}, entangled(i)))
		if err := l.db.Apply(ctx, b); err != nil {
			return err
		}

		l.position, l.lastID = b.To, b.LastID
	}

	return nil
}

// postByHand posts beside ingestion, as other services will: to the same accounts of the same treasury.
func (l *ledger) postByHand(ctx context.Context, hand, n int) error {
	for i := range n {
		var rows [][]any
		for _, p := range entangled(hand + i).Postings {
			rows = append(rows, []any{int32(l.treasury), "ledger", int64(1000*(hand+1) + i), p.Movement, p.Line, string(p.Kind), p.Account, 1, p.Amount})
		}

		_, err := l.db.Pool().CopyFrom(ctx, pgx.Identifier{"postings"}, []string{
			"treasury_id", "origin", "origin_no", "movement", "line", "account_kind", "account", "instrument_no", "amount",
		}, pgx.CopyFromRows(rows))
		if err != nil {
			return errors.Join(errors.New("post by hand"), err)
		}
	}

	return nil
}
