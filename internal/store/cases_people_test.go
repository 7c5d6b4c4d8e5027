package store_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// by does something as somebody, of whom a program of the suite says so.
func (l *ledger) by(actor string, do func(db *store.DB) error) error {
	return l.db.Enter(l.t.Context(), actor, now(), func(d *store.Door) error { return do(d.DB()) })
}

// confirms has somebody confirm what was proposed, under a name.
func (l *ledger) confirms(actor, name string, id uuid.UUID) error {
	return l.by(actor, func(db *store.DB) error {
		_, err := db.ConfirmDeposit(l.t.Context(), l.party, id, name, now())

		return err
	})
}

// wantsTwo is a queue where every decision wants two people, and a deposit in it.
func wantsTwo(t *testing.T) (l *ledger, id uuid.UUID) {
	t.Helper()

	l = queue(t)
	policy := deposit.DefaultPolicy()
	policy.ConfirmFrom = new(amount.Zero())
	require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))

	id = l.ownerless()

	return l, id
}

// TestOnePersonIsNotTwo: neither under another name, nor with another login under the same name.
func TestOnePersonIsNotTwo(t *testing.T) {
	t.Parallel()

	l, id := wantsTwo(t)
	proposes := func(actor, name string) {
		require.NoError(t, l.by(actor, func(db *store.DB) error {
			_, err := db.AssignDeposit(t.Context(), l.party, id, "c1", name, "", now())

			return err
		}))
	}

	proposes("login-1", "ann")

	for _, same := range [][2]string{
		{"login-1", "ann"}, {"login-1", "bob"}, {" LOGIN-1", "bob"}, {"login-2", "ann"}, {"login-2", "Ann "}, {"ann", "bob"}, {"login-2", "login-1"},
	} {
		refusedWith(t, l.confirms(same[0], same[1], id), "same_person")
	}

	// Who proposed something that was declined may confirm what another one proposes then.
	require.NoError(t, l.by("login-1", func(db *store.DB) error {
		_, err := db.DeclineDeposit(t.Context(), l.party, id, "ann", "", now())

		return err
	}))
	proposes("login-2", "bob")
	refusedWith(t, l.confirms("login-2", "cleo", id), "same_person")
	require.Equal(t, "0", l.booked(books.Customer, "c1"))
	require.NoError(t, l.confirms("login-1", "ann", id))
	require.NoError(t, l.confirms("login-1", "ann", id), "said twice")
	require.Equal(t, "5", l.booked(books.Customer, "c1"))
	l.sound()

	// Not even a wrong program books it.
	_, err := l.pool.Exec(t.Context(), "UPDATE deposit_cases SET confirmed_by = 'login-2'")
	require.ErrorContains(t, err, "nobody_confirms_their_own")
}

// role does something as a database role of the exchange's systems, of which nothing stays.
func (l *ledger) role(name, scopes string, do func(pgx.Tx)) {
	l.t.Helper()

	tx, err := l.pool.Begin(l.t.Context())
	require.NoError(l.t, err)

	defer func() { require.NoError(l.t, tx.Rollback(context.WithoutCancel(l.t.Context()))) }()

	for _, s := range []string{"CREATE ROLE " + name, "SELECT grant_door('" + name + "', '{" + scopes + "}')", "SET LOCAL SESSION AUTHORIZATION " + name} {
		_, err = tx.Exec(l.t.Context(), s)
		require.NoError(l.t, err)
	}

	do(tx)
}

// within runs a statement of which an error ends nothing else of the transaction.
func within(t *testing.T, tx pgx.Tx, statement string, arguments ...any) error {
	t.Helper()

	inner, err := tx.Begin(t.Context())
	require.NoError(t, err)

	if _, err = inner.Exec(t.Context(), statement, arguments...); err != nil {
		require.NoError(t, inner.Rollback(t.Context()))

		return err
	}

	return inner.Commit(t.Context())
}

// TestARoleIsOnePerson, whatever names it gives.
func TestARoleIsOnePerson(t *testing.T) {
	t.Parallel()

	const confirm = "SELECT api.confirm_deposit($1, $2, $3)"

	l, id := wantsTwo(t)
	l.role("door_of_one_person", "approvals", func(tx pgx.Tx) {
		require.NoError(t, within(t, tx, "SET LOCAL ces.actor = 'somebody'"))
		require.NoError(t, within(t, tx, "SELECT api.assign_deposit($1, $2, 'c1', 'alice')", string(l.party), id))
		require.NoError(t, within(t, tx, "SET LOCAL ces.actor = 'somebody else'"))
		require.ErrorContains(t, within(t, tx, confirm, string(l.party), id, "bob"), "same_person")

		// Another role is another person.
		for _, s := range []string{
			"RESET SESSION AUTHORIZATION", "CREATE ROLE door_of_another", "SELECT grant_door('door_of_another', '{approvals}')",
			"SET LOCAL SESSION AUTHORIZATION door_of_another",
		} {
			require.NoError(t, within(t, tx, s))
		}

		require.ErrorContains(t, within(t, tx, confirm, string(l.party), id, "door_of_one_person"), "same_person")
		require.NoError(t, within(t, tx, confirm, string(l.party), id, "bob"))
	})
}

// TestAReturnIsStoppedByWhoDecides: scope withdrawals alone does not undo what scope approvals decided.
func TestAReturnIsStoppedByWhoDecides(t *testing.T) {
	t.Parallel()

	const cancel = "SELECT api.cancel_withdrawal($1, $2)"

	l := queue(t)
	id := l.ownerless()
	_, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
	require.NoError(t, err)

	back := "return:" + id.String()
	l.role("door_that_withdraws", "withdrawals", func(tx pgx.Tx) {
		require.ErrorContains(t, within(t, tx, cancel, string(l.party), back), "scope_missing")
		require.ErrorContains(t, within(t, tx, cancel, string(l.party), "none"), "unknown_withdrawal")
	})
	l.role("door_that_does_both", "withdrawals, approvals", func(tx pgx.Tx) {
		require.NoError(t, within(t, tx, cancel, string(l.party), back))
	})

	refusedWith(t, l.db.CancelCustomersWithdrawal(t.Context(), l.party, back, now()), "scope_missing")
	refusedWith(t, l.db.CancelCustomersWithdrawal(t.Context(), l.party, "none", now()), "unknown_withdrawal")
	require.Equal(t, deposit.Returning, l.theCase(id).State)

	// A customer's is cancelled as ever.
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.Customer, "c1", amount.FromInt(10))}))
	l.request("w-1", 4)
	l.role("door_for_customers", "withdrawals", func(tx pgx.Tx) {
		require.NoError(t, within(t, tx, cancel, string(l.party), "w-1"))
	})
	require.NoError(t, l.db.CancelCustomersWithdrawal(t.Context(), l.party, "w-1", now()))
	require.Equal(t, "10", l.booked(books.Customer, "c1"))

	require.NoError(t, l.db.CancelWithdrawal(t.Context(), l.party, back, now()), "the operator's tool")
	require.Equal(t, deposit.Open, l.theCase(id).State)
	l.sound()
}
