package store_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// noted is what the audit log has of an actor, in order.
func noted(t *testing.T, tx interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, actor string,
) (acts []string) {
	t.Helper()

	const question = "SELECT coalesce(array_agg(action || ' ' || subject || ' ' || detail ORDER BY audit_no), '{}') FROM audit_log WHERE actor = $1"

	require.NoError(t, tx.QueryRow(t.Context(), question, actor).Scan(&acts))

	return acts
}

// TestWhatAskedInSQLIsNoted: each change once, under the role that asked for it, and neither repetitions nor refusals.
func TestWhatAskedInSQLIsNoted(t *testing.T) {
	t.Parallel()

	const role = "door_of_tests_that_is_noted"

	l := begin(t)
	l.pays("c1")

	tx, err := l.pool.Begin(t.Context())
	require.NoError(t, err)

	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()

	for _, s := range []string{
		"CREATE ROLE " + role, "SELECT grant_door('" + role + "', '{accounts, withdrawals}')", "SET LOCAL SESSION AUTHORIZATION " + role,
		"SET LOCAL ces.actor = 'somebody else'",
	} {
		_, err = tx.Exec(t.Context(), s)
		require.NoError(t, err)
	}

	ask := func(refusal, statement string, args ...any) {
		t.Helper()

		err := pgx.BeginFunc(t.Context(), tx, func(inner pgx.Tx) error {
			_, err := inner.Exec(t.Context(), statement, append([]any{l.party}, args...)...)

			return err
		})
		if refusal == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, refusal)
		}
	}

	const request = "SELECT api.request_withdrawal($1, $2, 'c1', $3, $4, $5::text::numeric, $6, $7)"

	for range 2 {
		ask("", request, "w-1", coin().Admin, coin().ID, "2.50", bob, nil)
		ask("", request, "w-2", coin().Admin, coin().ID, "3", bob, "theirs")
		ask("conflict", request, "w-1", coin().Admin, coin().ID, "2.51", bob, nil)
		ask("insufficient_funds", request, "w-3", coin().Admin, coin().ID, "5000", bob, nil)
	}

	for range 2 {
		ask("", "SELECT api.cancel_withdrawal($1, 'w-1')")
		ask("unknown_withdrawal", "SELECT api.cancel_withdrawal($1, 'w-9')")
		ask("", "SELECT api.register_memo($1, 'c1', 'Own 1')")
		ask("memo_taken", "SELECT api.register_memo($1, 'c2', 'own 1')")
		ask("", "SELECT api.issue_memo($1, 'c2')")
		ask("", "SELECT api.register_memo($1, 'c3', 'Own 3', 'ann')")
	}

	_, err = tx.Exec(t.Context(), "RESET SESSION AUTHORIZATION")
	require.NoError(t, err)

	var issued string
	require.NoError(t, tx.QueryRow(t.Context(), "SELECT memo FROM deposit_accounts WHERE account = 'c2'").Scan(&issued))

	token := `"account": "c1", "receiver": "` + string(bob) + `", "instrumentId": "` + coin().ID + `", "withdrawalId": `
	admin := `, "instrumentAdmin": "` + string(coin().Admin) + `"}`
	require.Equal(t, []string{
		`withdrawal.request w-1 {"amount": "2.5", ` + token + `"w-1"` + admin,
		`withdrawal.request w-2 {"memo": "theirs", "amount": "3", ` + token + `"w-2"` + admin,
		`withdrawal.cancel w-1 {}`,
		`memo.create c1 {"memo": "Own 1", "account": "c1"}`,
		`memo.create c2 {"memo": "` + issued + `", "account": "c2"}`,
	}, noted(t, tx, role))
	require.Equal(t, []string{`memo.register own 3 {"memo": "Own 3", "account": "c3"}`}, noted(t, tx, "ann"))
	require.Empty(t, noted(t, tx, "somebody else"))
}

// TestAProgramsRequestsAreNoted under the name that its connection has, as the operator's tool's.
func TestAProgramsRequestsAreNoted(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1")

	db, err := store.OpenAs(t.Context(), secret.New(l.pool.Config().ConnString()), "olga")
	require.NoError(t, err)
	t.Cleanup(db.Close)

	for range 2 {
		_, err = db.RequestWithdrawal(t.Context(), l.party, store.WithdrawalRequest{
			ID: "w-1", Account: "c1", Instrument: coin(), Amount: amount.FromInt(5), Receiver: bob,
		}, now())
		require.NoError(t, err)
	}

	for range 2 {
		require.NoError(t, db.CancelWithdrawal(t.Context(), l.party, "w-1", now()))
	}

	acts := noted(t, l.pool, "olga")
	require.Len(t, acts, 2)
	require.Contains(t, acts[0], `withdrawal.request w-1 {"amount": "5", `)
	require.Equal(t, `withdrawal.cancel w-1 {}`, acts[1])
	require.Equal(t, 2, l.count("SELECT count(*) FROM audit_log WHERE actor = 'olga' AND at = '2026-03-01 12:00 UTC' AND treasury_id IS NOT NULL"))
}

// TestAnAdoptedPaymentIsNoted: the account that asks for what was paid before a restore is debited by that.
func TestAnAdoptedPaymentIsNoted(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1")
	l.exec(`INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, kind, state, reason, instrument_no, amount, receiver, settled_no, record_time)
		SELECT $1, 'lost', nextval('withdrawal_numbers'), 'recovered', 'customer', 'completed', '', instrument_no, 5, $2, 1, now() FROM instruments`, int32(l.treasury), bob)

	for range 2 {
		require.NoError(t, l.asks("key-1", "lost", "c1", 5, bob, now()))
	}

	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'lost' AND origin = 'adopted'"))
	require.Len(t, noted(t, l.pool, "key-1"), 1)
}
