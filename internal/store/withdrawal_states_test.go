package store_test

import (
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// The database lets a withdrawal go exactly where the table in Go does: all pairs of states.
func TestTheDatabaseAllowsExactlyTheTransitions(t *testing.T) {
	t.Parallel()

	l := begin(t)
	ctx := t.Context()

	require.NoError(t, l.db.ListInstrument(ctx, coin(), amount.Zero(), now()))

	for _, from := range withdrawal.States() {
		for _, to := range withdrawal.States() {
			tx, err := l.pool.Begin(ctx)
			require.NoError(t, err)

			// What was found in history needs none of a request's columns.
			_, err = tx.Exec(ctx, `INSERT INTO withdrawals (treasury_id, withdrawal_id, origin, state, reason, instrument_no, amount, receiver, settled_no)
				SELECT $1, 'w', 'recovered', $2, 'some_reason', min(instrument_no), 1, 'bob::1220cc', 1 FROM instruments`,
				l.treasury, string(from))
			require.NoError(t, err)

			_, err = tx.Exec(ctx, `UPDATE withdrawals SET state = $1 WHERE withdrawal_id = 'w'`, string(to))
			require.NoError(t, tx.Rollback(ctx))

			if from == to || withdrawal.Allowed(from, to) {
				require.NoError(t, err, "%s to %s", from, to)

				continue
			}

			var refused *pgconn.PgError

			require.ErrorAs(t, err, &refused, "%s to %s", from, to)
			require.Equal(t, "withdrawals_go_on", refused.ConstraintName)
		}
	}
}

// What the database's own functions give as a reason is explained, and as what it is.
func TestReasonsOfTheDatabaseAreExplained(t *testing.T) {
	t.Parallel()

	_, pool := open(t)

	rows, err := pool.Query(t.Context(), `SELECT p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname IN ('public', 'api') AND p.prosrc LIKE '%_withdrawal(%'`)
	require.NoError(t, err)

	sources, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)

	found := map[withdrawal.Reason]withdrawal.Standing{}

	for _, source := range sources {
		for _, m := range regexp.MustCompile(`refuse_withdrawal\(\s*'([^']*)'`).FindAllStringSubmatch(source, -1) {
			found[withdrawal.Reason(m[1])] = withdrawal.Refusal
		}

		for _, m := range regexp.MustCompile(`fail_withdrawal\([^;]*?attempt, '([^']*)'`).FindAllStringSubmatch(source, -1) {
			found[withdrawal.Reason(m[1])] = withdrawal.Ends
		}
	}

	for reason, standing := range found {
		explained, ok := withdrawal.Explain(reason)
		require.True(t, ok, reason)
		require.Equal(t, standing, explained.Standing, reason)
	}

	// And each refusal is one that the database makes.
	for _, e := range withdrawal.Explanations() {
		if e.Standing == withdrawal.Refusal {
			require.Contains(t, found, e.Reason)
		}
	}

	require.Contains(t, found, withdrawal.Cancelled)
}
