package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// funded is a treasury that pays out coins, and a customer c1 who has some.
func funded(t *testing.T, value string) *ledger {
	t.Helper()

	l := begin(t)
	require.NoError(t, l.db.ListInstrument(t.Context(), coin(), amount.Zero(), now()))
	require.NoError(t, l.db.SetPolicy(t.Context(), coin(), withdrawal.DefaultPolicy()))

	credit := movement(0, books.Customer, "c1", amounttest.Of(value))
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: credit}))

	return l
}

// TestAWithdrawalIsRequestedBySQL is what an exchange does without our programs: a role that may call the function and
// see the views, and nothing else.
func TestAWithdrawalIsRequestedBySQL(t *testing.T) {
	t.Parallel()

	l := funded(t, "100")
	role := "exchange_" + strings.ReplaceAll(strings.ToLower(t.Name()), "/", "_")

	for _, s := range []string{
		"CREATE ROLE " + role, "GRANT USAGE ON SCHEMA api TO " + role, "GRANT SELECT ON ALL TABLES IN SCHEMA api TO " + role,
		"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO " + role,
	} {
		_, err := l.pool.Exec(t.Context(), s)
		require.NoError(t, err, s)
	}

	t.Cleanup(func() { // roles are the whole server's
		ctx := context.WithoutCancel(t.Context())

		for _, s := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			_, err := l.pool.Exec(ctx, s)
			require.NoError(t, err)
		}
	})

	as := func(query string, args ...any) (row []any, err error) {
		err = pgx.BeginFunc(t.Context(), l.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE "+role); err != nil {
				return fmt.Errorf("become the exchange: %w", err)
			}

			rows, err := tx.Query(t.Context(), query, args...)
			if err != nil {
				return fmt.Errorf("query: %w", err)
			}

			row, err = pgx.CollectExactlyOneRow(rows, func(r pgx.CollectableRow) ([]any, error) { return r.Values() })

			return err
		})

		return row, err
	}

	const request = `SELECT repeated, state FROM api.request_withdrawal($1, $2, 'c1', $3, $4, $5::text::numeric, $6)`

	row, err := as(request, string(party), "w-1", string(coin().Admin), coin().ID, "30", string(bob))
	require.NoError(t, err)
	require.Equal(t, []any{false, "requested"}, row)

	row, err = as(request, string(party), "w-1", string(coin().Admin), coin().ID, "30.00", string(bob))
	require.NoError(t, err)
	require.Equal(t, []any{true, "requested"}, row)

	_, err = as(request, string(party), "w-2", string(coin().Admin), coin().ID, "71", string(bob))

	var refused *pgconn.PgError

	require.ErrorAs(t, err, &refused)
	require.Equal(t, "CE001", refused.Code)
	require.Equal(t, string(withdrawal.InsufficientFunds), refused.Message)
	require.NotContains(t, refused.Detail, "70", "what an account holds is not for everybody who requests")

	row, err = as(`SELECT state, amount::text, waiting FROM api.withdrawals WHERE withdrawal_id = 'w-1'`)
	require.NoError(t, err)
	require.Equal(t, []any{"requested", "30.0000000000", ""}, row)

	row, err = as(`SELECT amount::text FROM api.balances WHERE account = 'c1'`)
	require.NoError(t, err)
	require.Equal(t, []any{"70.0000000000"}, row)

	row, err = as(`SELECT api.cancel_withdrawal($1, 'w-1')`, string(party))
	require.NoError(t, err)
	require.Equal(t, []any{"failed"}, row)

	for _, forbidden := range []string{
		"SELECT count(*) FROM withdrawals", "SELECT count(*) FROM balances", "DELETE FROM withdrawals", "SELECT fail_withdrawal(1, 'w-1', 'requested', 0, 'x', '', now())",
	} {
		_, err := as(forbidden)
		require.ErrorAs(t, err, &refused, forbidden)
		require.Equal(t, "42501", refused.Code, forbidden)
	}
}

// TestManyRequestsAtOnce: the same id from many sides is one withdrawal, and an account never pays more than it has.
func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()

	l := funded(t, "100")

	var group errgroup.Group

	accepted := make(chan bool, 400)

	for i := range 400 {
		group.Go(func() error {
			receipt, err := l.db.RequestWithdrawal(t.Context(), party, store.WithdrawalRequest{
				ID: fmt.Sprintf("w-%d", i%40), Account: "c1", Instrument: coin(), Amount: amount.FromInt(7), Receiver: bob,
			}, now())
			if err == nil {
				accepted <- receipt.Repeated

				return nil
			}

			if reason, ok := refusal(err); !ok || reason != withdrawal.InsufficientFunds {
				return err
			}

			return nil
		})
	}

	require.NoError(t, group.Wait())
	close(accepted)

	first := 0

	for repeated := range accepted {
		if !repeated {
			first++
		}
	}

	require.Equal(t, 14, first, "14 times 7 is what 100 are good for")
	require.Equal(t, 14, l.count("SELECT count(*) FROM withdrawals"))
	require.Equal(t, 14, l.count("SELECT count(*) FROM events WHERE type = 'withdrawal.requested'"))
	require.Equal(t, 2, l.count("SELECT amount::integer FROM balances WHERE account_kind = 'customer'"))
	require.Equal(t, 98, l.count("SELECT amount::integer FROM balances WHERE account_kind = 'withdrawals'"))
}

func refusal(err error) (withdrawal.Reason, bool) {
	var refused *store.RefusedError
	if !errors.As(err, &refused) {
		return "", false
	}

	return refused.Reason, true
}

// TestReceiversAreTheSameEverywhere: what the database takes for a party is what the programs take for one.
func TestReceiversAreTheSameEverywhere(t *testing.T) {
	t.Parallel()

	l := funded(t, "1000000")
	number := 0

	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`[a-z:_ é-]{0,12}(::)?[0-9a-f:]{0,8}`), rapid.StringMatching(`[a-z]{1,5}::1220[0-9a-f]{4}`), rapid.String(),
		).Draw(rt, "receiver")
		if strings.ContainsRune(text, 0) { // PostgreSQL refuses it before any function sees it
			rt.Skip()
		}

		_, want := ident.ParseParty(text)
		number++

		_, err := l.db.RequestWithdrawal(t.Context(), party, store.WithdrawalRequest{
			ID: fmt.Sprintf("w-%d", number), Account: "c1", Instrument: coin(), Amount: amount.FromInt(1), Receiver: ident.Party(text),
		}, now())

		if want == nil {
			require.NoError(t, err, "%q", text)

			return
		}

		reason, _ := refusal(err)
		require.Equal(t, withdrawal.InvalidReceiver, reason, "%q: %v", text, err)
	})
}
