package store_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// asks requests a withdrawal as an actor.
func (l *ledger) asks(actor, id, account string, units int64, to ident.Party, at time.Time) error {
	return l.db.Enter(context.WithoutCancel(l.t.Context()), actor, at, func(d *store.Door) error {
		_, err := d.DB().RequestWithdrawal(l.t.Context(), l.party, store.WithdrawalRequest{
			ID: id, Account: account, Instrument: coin(), Amount: amount.FromInt(units), Receiver: to,
		}, at)

		return err
	})
}

func (l *ledger) policy(change func(*withdrawal.Policy)) {
	l.t.Helper()

	p := withdrawal.DefaultPolicy()
	change(&p)
	require.NoError(l.t, l.db.SetPolicy(l.t.Context(), coin(), p))
}

func TestALargeWithdrawalWaitsForSomebodyElse(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1")
	l.policy(func(p *withdrawal.Policy) { p.ApproveFrom = new(amounttest.Of("100")) })

	require.NoError(t, l.asks("key-1", "small", "c1", 99, bob, now()))
	require.NoError(t, l.asks("key-1", "large", "c1", 100, bob, now()))
	require.NoError(t, l.asks("key-1", "unwanted", "c1", 300, bob, now()))
	require.Equal(t, "501", l.booked(books.Customer, "c1"), "the money of all is set aside")

	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE next_at IS NOT NULL AND approval = ''"))
	require.Equal(t, 2, l.count("SELECT count(*) FROM api.withdrawals WHERE waiting = 'awaits_approval' AND approval = 'wanted' AND next_at IS NULL AND requested_by = 'key-1'"))

	approve := func(id, who string, agreed bool) error {
		_, err := l.db.ApproveWithdrawal(t.Context(), l.party, id, agreed, who, "", now())

		return err
	}

	refusedWith(t, approve("small", "key-2", true), "nothing_to_approve")
	refusedWith(t, approve("none", "key-2", true), "unknown_withdrawal")

	for _, same := range []string{"key-1", " KEY-1 "} {
		refusedWith(t, approve("large", same, true), "own_request")
	}

	require.NoError(t, approve("large", "key-2", true))
	require.NoError(t, approve("large", "key-2", true), "said twice")
	refusedWith(t, approve("large", "key-3", true), "nothing_to_approve")
	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'large' AND waiting = '' AND next_at IS NOT NULL AND approved_by = 'key-2'"))

	require.Equal(t, 1, l.count("SELECT count(*) FROM events WHERE type = 'withdrawal.approved' AND subject = 'large'"))
	require.Equal(t, 2, l.count("SELECT count(*) FROM events WHERE type = 'withdrawal.requested' AND payload->>'waiting' = 'awaits_approval'"))

	require.NoError(t, approve("unwanted", "key-2", false))
	require.NoError(t, approve("unwanted", "key-2", false), "said twice")
	require.Equal(t, "801", l.booked(books.Customer, "c1"), "its money is back")
	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'unwanted' AND state = 'failed' AND reason = 'not_approved'"))
	require.Equal(t, 2, l.count("SELECT count(*) FROM audit_log WHERE action IN ('withdrawal.approve', 'withdrawal.reject')"))
	l.sound()

	// Not even a wrong worker can pay what waits for approval.
	require.NoError(t, l.asks("key-1", "later", "c1", 100, bob, now()))
	_, err := l.pool.Exec(t.Context(), "UPDATE withdrawals SET state = 'reserved' WHERE withdrawal_id = 'later'")
	require.ErrorContains(t, err, "nothing_is_paid_unapproved")
	require.NoError(t, l.db.CancelWithdrawal(t.Context(), l.party, "later", now()), "who asked may think again")
}

func TestLimitsRollOn(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1", "c2")

	day := store.Limit{Instrument: coin(), Window: 24 * time.Hour, Amount: amounttest.Of("100")}
	require.NoError(t, l.db.SetLimit(t.Context(), l.treasury, day, "ann", now()))

	own := day
	own.Account, own.Amount = "c2", amounttest.Of("500")
	require.NoError(t, l.db.SetLimit(t.Context(), l.treasury, own, "ann", now()))

	listed, err := l.db.Limits(t.Context(), l.treasury)
	require.NoError(t, err)
	require.Len(t, listed, 2)

	require.NoError(t, l.asks("k", "a", "c1", 60, bob, now()))
	refusedWith(t, l.asks("k", "b", "c1", 41, bob, now()), "limit_exceeded")
	require.NoError(t, l.asks("k", "a", "c1", 60, bob, now()), "the same again is no more")
	require.NoError(t, l.asks("k", "c", "c1", 40, bob, now().Add(time.Hour)))
	require.NoError(t, l.asks("k", "d", "c2", 500, bob, now()), "its own limit")

	// What was cancelled does not count, and what is older than the window.
	require.NoError(t, l.db.CancelWithdrawal(t.Context(), l.party, "c", now()))
	require.NoError(t, l.asks("k", "e", "c1", 40, bob, now().Add(time.Hour)))
	refusedWith(t, l.asks("k", "f", "c1", 1, bob, now().Add(24*time.Hour-time.Microsecond)), "limit_exceeded")
	require.NoError(t, l.asks("k", "f", "c1", 60, bob, now().Add(24*time.Hour)))

	require.NoError(t, l.db.DropLimit(t.Context(), l.treasury, day, "ann", now()))
	require.ErrorIs(t, l.db.DropLimit(t.Context(), l.treasury, day, "ann", now()), store.ErrNotFound)
	require.NoError(t, l.asks("k", "g", "c1", 300, bob, now().Add(24*time.Hour)))
}

// TestALimitHoldsAgainstMany who ask at once.
func TestALimitHoldsAgainstMany(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1")
	require.NoError(t, l.db.SetLimit(t.Context(), l.treasury, store.Limit{
		Instrument: coin(), Window: time.Hour, Amount: amounttest.Of("100"),
	}, "ann", now()))

	var (
		all  sync.WaitGroup
		done atomic.Int64
	)

	for i := range 20 {
		all.Go(func() {
			if l.asks("k", string(rune('a'+i)), "c1", 10, bob, now()) == nil {
				done.Add(1)
			}
		})
	}

	all.Wait()
	require.Equal(t, int64(10), done.Load())
	require.Equal(t, "900", l.booked(books.Customer, "c1"))
}

// TestARepetitionIsNoMoreThanTheLimit, also where it comes before the first request has ended. One that was refused would
// be paid all the same, and its customer be given the money back.
func TestARepetitionIsNoMoreThanTheLimit(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1")
	require.NoError(t, l.db.SetLimit(t.Context(), l.treasury, store.Limit{
		Instrument: coin(), Window: time.Hour, Amount: amounttest.Of("100"),
	}, "ann", now()))

	asked, answered := make(chan struct{}), make(chan error, 1)

	err := l.db.Enter(t.Context(), "k", now(), func(d *store.Door) error {
		request := store.WithdrawalRequest{ID: "a", Account: "c1", Instrument: coin(), Amount: amounttest.Of("60"), Receiver: bob}
		if _, err := d.DB().RequestWithdrawal(t.Context(), l.party, request, now()); err != nil {
			return err
		}

		go func() {
			close(asked)
			answered <- l.asks("k", "a", "c1", 60, bob, now())
		}()

		<-asked

		return l.awaitBlocked()
	})
	require.NoError(t, err)
	require.NoError(t, <-answered)
	require.Equal(t, "940", l.booked(books.Customer, "c1"))
	l.sound()
}

// awaitBlocked waits until somebody in this database waits for somebody else's transaction.
func (l *ledger) awaitBlocked() error {
	return l.await("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0",
		func(count int) bool { return count > 0 })
}

func TestCustomersWithdrawToTheirList(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1", "c2")
	l.policy(func(p *withdrawal.Policy) { p.DestinationsOnly, p.Cooling = true, time.Hour })

	refusedWith(t, l.asks("k", "a", "c1", 1, bob, now()), "unknown_destination")

	added, err := l.db.AddDestination(t.Context(), l.party, "c1", bob, "my wallet", "k", now())
	require.NoError(t, err)
	require.Equal(t, now(), added.AddedAt.UTC())

	refusedWith(t, l.asks("k", "a", "c1", 1, bob, now().Add(time.Hour-time.Microsecond)), "destination_cools_off")
	require.NoError(t, l.asks("k", "a", "c1", 1, bob, now().Add(time.Hour)))
	refusedWith(t, l.asks("k", "b", "c1", 1, alice, now().Add(time.Hour)), "unknown_destination")
	refusedWith(t, l.asks("k", "b", "c2", 1, bob, now().Add(time.Hour)), "unknown_destination")

	// Added again it is as it was; removed and added again it cools off again.
	again, err := l.db.AddDestination(t.Context(), l.party, "c1", bob, "other", "k", now().Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, added, again)

	_, err = l.db.RemoveDestination(t.Context(), l.party, "c1", bob, "k", now().Add(2*time.Hour))
	require.NoError(t, err)
	refusedWith(t, l.asks("k", "c", "c1", 1, bob, now().Add(3*time.Hour)), "unknown_destination")
	_, err = l.db.AddDestination(t.Context(), l.party, "c1", bob, "", "k", now().Add(3*time.Hour))
	require.NoError(t, err)
	refusedWith(t, l.asks("k", "c", "c1", 1, bob, now().Add(3*time.Hour)), "destination_cools_off")

	list, err := l.db.Destinations(t.Context(), l.treasury, "c1", 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, 3, l.count("SELECT count(*) FROM audit_log WHERE action LIKE 'destination.%'"))

	_, err = l.db.RemoveDestination(t.Context(), l.party, "c1", alice, "k", now())
	refusedWith(t, err, "unknown_destination")
	_, err = l.db.AddDestination(t.Context(), l.party, "c1", "bob", "", "k", now())
	refusedWith(t, err, "invalid_party")
}

// TestStatementsSumToBalances whatever happened to the money.
func TestStatementsSumToBalances(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id, r := l.arrives("credited", "M-1", books.Credited, "", "c1")
	r.Entries.Postings = movement(0, books.Customer, "c1", amount.FromInt(5))
	l.apply(r)

	assigned := l.ownerless()
	_, err := l.db.AssignDeposit(t.Context(), l.party, assigned, "c1", "ann", "", now())
	require.NoError(t, err)

	held := l.held("h")
	_, err = l.db.ReleaseDeposits(t.Context(), l.treasury, []uuid.UUID{id, held}, now())
	require.NoError(t, err)

	require.NoError(t, l.asks("k", "paid", "c1", 4, bob, now()))
	require.NoError(t, l.asks("k", "cancelled", "c1", 3, bob, now()))
	require.NoError(t, l.db.CancelWithdrawal(t.Context(), l.party, "cancelled", now()))
	require.NoError(t, l.asks("k", "rejected", "c1", 2, bob, now()))
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{
		Advances: []books.Advance{
			{ID: "paid", State: withdrawal.Completed}, {ID: "rejected", State: withdrawal.Failed, Reason: withdrawal.OfferRejected},
		},
		Postings: append(movement(0, books.WithdrawalsUnderWay, "", amount.FromInt(-4)),
			books.Posting{Origin: books.ByRefund, Movement: 1, Line: 0, Kind: books.WithdrawalsUnderWay, Instrument: coin(), Amount: amount.FromInt(-2)},
			books.Posting{Origin: books.ByRefund, Movement: 1, Line: 1, Kind: books.Customer, Account: "c1", Instrument: coin(), Amount: amount.FromInt(2)}),
	}))

	require.Equal(t, "11", l.booked(books.Customer, "c1"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM (SELECT sum(amount) AS total FROM api.statements WHERE account = 'c1') AS s WHERE s.total = 11"))
	require.Equal(t, 8, l.count("SELECT count(*) FROM api.statements WHERE account = 'c1' AND at IS NOT NULL"))
	l.sound()
}

// TestARoleHasTheDoorAndNothingElse: what grant_door gives is enough for its scope, and no more.
func TestARoleHasTheDoorAndNothingElse(t *testing.T) {
	t.Parallel()

	l := queue(t)
	l.ownerless()

	const role = "door_reader_of_tests"

	as := func(scope, statement string, args ...any) error {
		tx, err := l.pool.Begin(t.Context())
		require.NoError(t, err)

		defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()

		for _, s := range []string{
			"CREATE ROLE " + role, "SELECT grant_door('" + role + "', '{" + scope + "}')", "SET LOCAL ROLE " + role,
		} {
			_, err = tx.Exec(t.Context(), s)
			require.NoError(t, err)
		}

		_, err = tx.Exec(t.Context(), statement, args...)

		return err
	}

	require.NoError(t, as("read", "SELECT amount FROM api.unattributed"))
	require.ErrorContains(t, as("read", "SELECT amount FROM public.deposits"), "permission denied")
	require.ErrorContains(t, as("read", "SELECT api.issue_memo($1, 'c9')", string(l.party)), "permission denied")
	require.NoError(t, as("accounts", "SELECT api.issue_memo($1, 'c9')", string(l.party)))
	require.ErrorContains(t, as("accounts", "SELECT api.cancel_withdrawal($1, 'x')", string(l.party)), "permission denied")
	require.ErrorContains(t, as("withdrawals", "SELECT api.cancel_withdrawal($1, 'x')", string(l.party)), "unknown_withdrawal")
	require.ErrorContains(t, as("withdrawals", "SELECT api.approve_withdrawal($1, 'x', 'me')", string(l.party)), "permission denied")
	require.ErrorContains(t, as("approvals", "SELECT api.approve_withdrawal($1, 'x', 'me')", string(l.party)), "unknown_withdrawal")
	require.ErrorContains(t, as("approvals", "SELECT amount FROM api.deposits"), "permission denied")
	require.ErrorContains(t, as("approvals", "SELECT public.approve_withdrawal($1, 'x', true, 'me', '', now())", string(l.party)), "permission denied")
}

// TestARoleIsWhoItIs: a role of the exchange's cannot request under another name, and not approve what it requested itself.
func TestARoleIsWhoItIs(t *testing.T) {
	t.Parallel()

	const role = "door_of_tests_with_both_rights"

	l := begin(t)
	l.pays("c1")
	l.policy(func(p *withdrawal.Policy) { p.ApproveFrom = new(amounttest.Of("100")) })
	require.NoError(t, l.asks("key-1", "theirs", "c1", 100, bob, now()))

	tx, err := l.pool.Begin(t.Context())
	require.NoError(t, err)

	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()

	for _, s := range []string{
		"CREATE ROLE " + role, "SELECT grant_door('" + role + "', '{withdrawals, approvals}')", "SET LOCAL SESSION AUTHORIZATION " + role,
		"SET LOCAL ces.actor = 'somebody else'",
	} {
		_, err = tx.Exec(t.Context(), s)
		require.NoError(t, err)
	}

	_, err = tx.Exec(t.Context(), "SELECT api.request_withdrawal($1, 'ours', 'c1', $2, $3, 100, $4)",
		string(l.party), string(coin().Admin), coin().ID, string(bob))
	require.NoError(t, err)

	_, err = tx.Exec(t.Context(), "SET LOCAL ces.actor = 'a third'")
	require.NoError(t, err)

	approve := func(id string) error {
		inner, err := tx.Begin(t.Context())
		require.NoError(t, err)

		_, err = inner.Exec(t.Context(), "SELECT api.approve_withdrawal($1, $2, 'another name')", string(l.party), id)
		if err != nil {
			require.NoError(t, inner.Rollback(t.Context()))

			return err
		}

		return inner.Commit(t.Context())
	}

	require.ErrorContains(t, approve("ours"), "own_request")
	require.NoError(t, approve("theirs"))
}
