package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// found is a payment that history tells of, and no request in the database explains.
func (l *ledger) found(id string, state withdrawal.State) store.Record {
	entries := books.Entries{Recovered: []books.Recovered{{
		ID: id, State: state, Instrument: coin(), Amount: amount.FromInt(5), Receiver: bob,
	}}}

	if state == withdrawal.Completed {
		entries.Postings = movement(0, books.RecoveredPayments, "", amount.FromInt(-5))
	}

	return l.record(1, txhistory.Effects{}, entries)
}

// TestWhatWasReturnedBeforeARestoreIsNotCredited: neither by its time nor by a person. Returning it books the payment.
func TestWhatWasReturnedBeforeARestoreIsNotCredited(t *testing.T) {
	t.Parallel()

	for _, suffix := range []string{"", ":2", ":11"} {
		l := queue(t)
		held, open := l.held("h"), l.ownerless()

		for _, id := range []uuid.UUID{held, open} {
			l.apply(l.found("return:"+id.String()+suffix, withdrawal.Completed))
		}

		released, err := l.db.ReleaseDeposits(t.Context(), l.treasury, []uuid.UUID{held}, now())
		require.NoError(t, err)
		require.Zero(t, released)
		require.Equal(t, deposit.ReturnedBefore, l.theCase(held).Reason)
		require.Equal(t, deposit.Open, l.theCase(held).State)

		for _, id := range []uuid.UUID{held, open} {
			_, err = l.db.AssignDeposit(t.Context(), l.party, id, "c1", "ann", "", now())
			refusedWith(t, err, "returned_before")
		}

		require.Equal(t, "0", l.booked(books.Customer, "c1"))

		// The restored database may remember fewer returns than there were: the one that was paid is booked, none is made.
		for _, id := range []uuid.UUID{held, open} {
			state, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
			require.NoError(t, err)
			require.Equal(t, deposit.Returned, state)
			require.Equal(t, 1, l.count("SELECT count(*) FROM deposit_cases WHERE withdrawal_id = 'return:' || deposit_id || '"+suffix+"'"+
				" AND deposit_id = '"+id.String()+"'"))
		}

		require.Zero(t, l.count("SELECT count(*) FROM withdrawals WHERE kind = 'return' AND origin = 'requested'"))
		require.Equal(t, "0", l.booked(books.RecoveredPayments, ""))
		require.Equal(t, "0", l.booked(books.HeldMoney, ""))
		l.sound()
	}
}

// TestNothingIsCreditedBehindTheBarrier: while it is not certain what was paid before the restore.
func TestNothingIsCreditedBehindTheBarrier(t *testing.T) {
	t.Parallel()

	l := queue(t)
	held, open := l.held("h"), l.ownerless()
	l.exec("UPDATE database_lives SET identity = 'of the old server'")

	released, err := l.db.ReleaseDeposits(t.Context(), l.treasury, []uuid.UUID{held}, now())
	require.NoError(t, err)
	require.Zero(t, released)
	require.Equal(t, deposit.Held, l.theCase(held).State)

	_, err = l.db.AssignDeposit(t.Context(), l.party, open, "c1", "ann", "", now())
	refusedWith(t, err, "not_certain_yet")
	_, err = l.db.ReturnDeposit(t.Context(), l.party, open, "ann", "", now())
	refusedWith(t, err, "not_certain_yet")
}

// TestAReturnThatTheRestoredDatabaseStillWants is not paid when history has another one of the same deposit: the wanted
// one had failed, and that was forgotten.
func TestAReturnThatTheRestoredDatabaseStillWants(t *testing.T) {
	t.Parallel()

	l := queue(t)
	first, second := l.held("h"), l.ownerless()

	for _, id := range []uuid.UUID{first, second} {
		_, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
		require.NoError(t, err)
	}

	wanted := "return:" + first.String()
	l.apply(l.found(wanted+":2", withdrawal.Completed))

	var turn store.Turn

	_, err := l.db.PlanTurn(t.Context(), l.treasury, l.party, coin(), now(), now(), store.TurnLimits{Waiting: 10, Holdings: 10},
		func(seen store.Turn) (store.Plan, error) {
			turn = seen

			return store.Plan{}, nil
		})
	require.NoError(t, err)
	require.Len(t, turn.Waiting, 2)

	for _, w := range turn.Waiting {
		require.Equal(t, w.ID == wanted, w.Returned, w.ID)
	}

	// Cancelled and said again, it is the one that was paid.
	require.NoError(t, l.db.CancelWithdrawal(t.Context(), l.party, wanted, now()))
	state, err := l.db.ReturnDeposit(t.Context(), l.party, first, "ann", "", now())
	require.NoError(t, err)
	require.Equal(t, deposit.Returned, state)
	require.Equal(t, "0", l.booked(books.RecoveredPayments, ""))
	l.sound()
}

// TestAPaymentThatMayBeTheReturn of a token that is not listed has no id of the deposit's: a person must look.
func TestAPaymentThatMayBeTheReturn(t *testing.T) {
	t.Parallel()

	l := queue(t)
	held, open := l.held("h"), l.ownerless()
	l.apply(l.found("recovered:some-update:0", withdrawal.Completed))

	_, err := l.db.ReturnDeposit(t.Context(), l.party, open, "ann", "", now())
	refusedWith(t, err, "conflict")
	_, err = l.db.AssignDeposit(t.Context(), l.party, open, "c1", "ann", "", now())
	refusedWith(t, err, "conflict")

	released, err := l.db.ReleaseDeposits(t.Context(), l.treasury, []uuid.UUID{held}, now())
	require.NoError(t, err)
	require.Zero(t, released)

	// What has failed, went to another, or is of another amount is none.
	for _, other := range []string{
		"UPDATE withdrawals SET state = 'failed', reason = 'rejected', settled_no = 1", "UPDATE withdrawals SET receiver = 'alice::1220bb'",
		"UPDATE withdrawals SET amount = 6", "UPDATE withdrawals SET record_time = record_time - interval '1 second'",
	} {
		l := queue(t)
		open := l.ownerless()
		l.apply(l.found("recovered:some-update:0", withdrawal.Completed))
		l.exec("ALTER TABLE withdrawals DISABLE TRIGGER withdrawals_go_on")
		l.exec(other)

		_, err = l.db.AssignDeposit(t.Context(), l.party, open, "c1", "ann", "", now())
		require.NoError(t, err, other)
	}
}

// TestAnAdoptionBetweenDecidingAndStoring makes ingestion decide anew: by its old grounds the money would come back to
// nobody.
func TestAnAdoptionBetweenDecidingAndStoring(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.ownerless()
	payment := "return:" + id.String()
	offered := l.found(payment, withdrawal.Offered)
	offered.Entries.Recovered[0].Correlation = "00chain"
	l.apply(offered)

	grounds, err := l.db.Grounds(t.Context(), l.treasury, l.party, books.Questions{WithdrawalIDs: []string{payment}})
	require.NoError(t, err)

	_, err = l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
	require.NoError(t, err)

	l.refuse(store.ErrContradiction, l.record(1, txhistory.Effects{}, books.Entries{Advances: []books.Advance{{
		ID: payment, State: withdrawal.Failed, Reason: withdrawal.OfferRejected, Correlation: "00chain", Origin: grounds.Withdrawals[payment].Origin,
	}}}))
	l.sound()
}

// TestNoCustomerAdoptsAReturn that history alone knows.
func TestNoCustomerAdoptsAReturn(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.ownerless()
	payment := "return:" + id.String()
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.Customer, "c1", amount.FromInt(50))}))
	l.apply(l.found(payment, withdrawal.Completed))

	_, err := l.db.RequestWithdrawal(t.Context(), l.party, store.WithdrawalRequest{
		ID: payment, Account: "c1", Instrument: coin(), Amount: amount.FromInt(5), Receiver: bob,
	}, now())
	refusedWith(t, err, "invalid_id")
	require.Equal(t, "50", l.booked(books.Customer, "c1"))

	state, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
	require.NoError(t, err)
	require.Equal(t, deposit.Returned, state)
}

// TestAReleaseLooksOnceMore: what was decided on grounds that are old by now is not done.
func TestAReleaseLooksOnceMore(t *testing.T) {
	t.Parallel()

	for name, change := range map[string]string{
		"blocked":  "INSERT INTO blocked_senders (treasury_id, party, reason, blocked_at) SELECT treasury_id, 'bob::1220cc', 'x', now() FROM treasuries",
		"screened": "INSERT INTO deposit_policies (instrument_no, screen) SELECT instrument_no, true FROM instruments",
		"disabled": "UPDATE deposit_accounts SET enabled = false, disabled_at = now(), disabled_by = 'x'",
	} {
		l := queue(t)
		id := l.held("a")

		due, err := l.db.HeldCases(t.Context(), l.treasury, now().Add(time.Minute), store.HeldCase{}, 2)
		require.NoError(t, err)
		require.Len(t, due, 1)
		l.exec(change)

		released, err := l.db.ReleaseDeposits(t.Context(), l.treasury, []uuid.UUID{id}, now())
		require.NoError(t, err)
		require.Zero(t, released, name)
	}
}

// TestAnotherDecisionIsAnotherEvent: a restore may lose what a person decided, and what is decided instead must not look
// the same.
func TestAnotherDecisionIsAnotherEvent(t *testing.T) {
	t.Parallel()

	told := map[string]bool{}

	for _, account := range []string{"c1", "c2"} {
		l := queue(t)
		require.NoError(t, l.db.RegisterMemo(t.Context(), l.treasury, "M-9", "c2", now()))
		_, err := l.db.AssignDeposit(t.Context(), l.party, l.ownerless(), account, "ann", "", now())
		require.NoError(t, err)

		var id uuid.UUID

		require.NoError(t, l.pool.QueryRow(t.Context(), "SELECT event_id FROM events WHERE type = 'deposit.credited'").Scan(&id))

		told[id.String()] = true
	}

	require.Len(t, told, 2)
}

// TestARaisedThresholdDoesNotLetGo: a deposit keeps the number of people that it arrived with.
func TestARaisedThresholdDoesNotLetGo(t *testing.T) {
	t.Parallel()

	l := queue(t)
	policy := deposit.DefaultPolicy()
	policy.ConfirmFrom = new(amount.FromInt(5))
	require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))
	id, held := l.ownerless(), l.held("h")

	policy.ConfirmFrom = nil
	require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))

	for _, id := range []uuid.UUID{id, held} {
		state, err := l.db.AssignDeposit(t.Context(), l.party, id, "c1", "ann", "", now())
		require.NoError(t, err)
		require.Equal(t, deposit.Proposed, state)
	}
}

// TestAnAssignmentGoesWhereItSays, not where the memo does.
func TestAnAssignmentGoesWhereItSays(t *testing.T) {
	t.Parallel()

	l := queue(t)
	require.NoError(t, l.db.RegisterMemo(t.Context(), l.treasury, "M-9", "c2", now()))

	id := l.held("h") // names c1
	_, err := l.db.AssignDeposit(t.Context(), l.party, id, "c2", "ann", "it is hers", now())
	require.NoError(t, err)
	require.Equal(t, "5", l.booked(books.Customer, "c2"))
	require.Equal(t, "0", l.booked(books.Customer, "c1"))
	l.sound()
}

// TestAConfirmationLooksOnceMore: what was possible when it was proposed may not be when it is confirmed.
func TestAConfirmationLooksOnceMore(t *testing.T) {
	t.Parallel()

	for want, change := range map[string]string{
		"unlisted_instrument": "UPDATE instruments SET listed = false", "no_policy": "DELETE FROM withdrawal_policies",
	} {
		l := queue(t)
		policy := deposit.DefaultPolicy()
		policy.ConfirmFrom = new(amount.Zero())
		require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))
		id := l.ownerless()

		var err error
		if want == "no_policy" {
			_, err = l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
		} else {
			_, err = l.db.AssignDeposit(t.Context(), l.party, id, "c1", "ann", "", now())
		}

		require.NoError(t, err)
		l.exec(change)

		refusedWith(t, l.confirms("bob", "bob", id), want)
		require.Equal(t, deposit.Proposed, l.theCase(id).State)
	}
}

// TestNothingGoesBackToTheTreasuryItself, which a ledger may show as the sender.
func TestNothingGoesBackToTheTreasuryItself(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.ownerless()
	l.exec("UPDATE deposits SET sender = $1", string(party))

	_, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
	refusedWith(t, err, "unknown_sender")
}

// TestAPaymentOfSomethingElseIsNoReturn although it has the return's id.
func TestAPaymentOfSomethingElseIsNoReturn(t *testing.T) {
	t.Parallel()

	for _, other := range []string{"UPDATE withdrawals SET amount = 6", "UPDATE withdrawals SET receiver = 'alice::1220bb'"} {
		l := queue(t)
		id := l.ownerless()
		l.apply(l.found("return:"+id.String(), withdrawal.Completed))
		l.exec(other)

		_, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
		refusedWith(t, err, "conflict")
		require.Equal(t, deposit.Open, l.theCase(id).State)
	}
}

// TestHoldingIsOfTheCaseAsItWasRead: one that has moved on meanwhile stays as it is.
func TestHoldingIsOfTheCaseAsItWasRead(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.held("a")
	l.exec("UPDATE deposit_cases SET steps = 1")
	require.NoError(t, l.db.HoldDeposits(t.Context(), l.treasury, []store.HeldDecision{
		{DepositID: id, Steps: 0, State: deposit.Open, Reason: deposit.SenderBlocked},
	}, now()))
	require.Equal(t, deposit.Held, l.theCase(id).State)
}

// TestWhatIsSetIsNoted: whoever changes how money is dealt with, by whatever way, is in the audit log.
func TestWhatIsSetIsNoted(t *testing.T) {
	t.Parallel()

	l := queue(t)

	db, err := store.OpenAs(t.Context(), secret.New(l.pool.Config().ConnString()), "ann")
	require.NoError(t, err)
	t.Cleanup(db.Close)

	policy := deposit.DefaultPolicy()
	policy.ConfirmFrom = new(amount.FromInt(5))
	require.NoError(t, db.SetDepositPolicy(t.Context(), coin(), policy))
	require.NoError(t, db.SetDepositPolicy(t.Context(), coin(), policy), "nothing new")

	policy.ConfirmFrom = nil
	require.NoError(t, db.SetDepositPolicy(t.Context(), coin(), policy))

	paid := withdrawal.DefaultPolicy()
	paid.Decimals = 2
	require.NoError(t, db.SetPolicy(t.Context(), coin(), paid))
	require.NoError(t, db.SetRegistry(t.Context(), coin().Admin, []store.RegistryPlace{{Admin: coin().Admin, URL: "https://registry.example"}}))
	_, err = db.FreezeWithdrawals(t.Context(), l.treasury, store.Freeze{Reason: withdrawal.Frozen, Detail: "x", At: now()})
	require.NoError(t, err)
	_, err = db.UnfreezeWithdrawals(t.Context(), l.treasury, ident.Instrument{})
	require.NoError(t, err)
	require.NoError(t, db.ListInstrument(t.Context(), coin(), amount.FromInt(3), now()))

	for action, want := range map[string]int{
		"deposit_policies.insert": 1, "deposit_policies.update": 1, "withdrawal_policies.update": 1, "registries.insert": 1,
		"withdrawal_freezes.insert": 1, "withdrawal_freezes.delete": 1, "instruments.update": 1,
	} {
		require.Equal(t, want, l.count("SELECT count(*) FROM audit_log WHERE actor = 'ann' AND action = '"+action+"'"), action)
	}

	require.Equal(t, 1, l.count(`SELECT count(*) FROM audit_log WHERE action = 'deposit_policies.update' AND subject = 'dso::1220dd Amulet'
		AND detail->'was'->>'confirm_from' = '5.0000000000' AND NOT detail->'is' ? 'confirm_from'`))

	// A role that nobody named is its own name, and what ingestion does all day is no setting.
	before := l.count("SELECT count(*) FROM audit_log")
	require.NoError(t, l.db.EnsureInstruments(t.Context(), []ident.Instrument{{Admin: alice, ID: "spam"}}, now()))
	require.Equal(t, before, l.count("SELECT count(*) FROM audit_log"))
	l.exec("UPDATE instruments SET listed = false")
	require.Equal(t, before+1, l.count("SELECT count(*) FROM audit_log"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM audit_log WHERE actor = session_user AND detail->'is'->>'listed' = 'false'"))
}

// TestThoseThatWaitForAScreeningAreInNobodysWay: they are read when the service has spoken, or is not wanted any more.
func TestThoseThatWaitForAScreeningAreInNobodysWay(t *testing.T) {
	t.Parallel()

	l := queue(t)
	policy := deposit.DefaultPolicy()
	policy.Screen = true
	require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))

	id, r := l.arrives("a", "M-1", books.Held, books.ReasonAwaitsScreening, "c1")
	l.apply(r)

	read := func() int {
		list, err := l.db.HeldCases(t.Context(), l.treasury, now().Add(time.Hour), store.HeldCase{}, 10)
		require.NoError(t, err)

		return len(list)
	}

	require.Zero(t, read())
	l.exec("INSERT INTO screenings (treasury_id, deposit_id, asked_at) VALUES ($1, $2, now())", int32(l.treasury), id)
	require.Zero(t, read())

	for result, want := range map[string]int{"passed": 1, "doubtful": 1, "refused": 1, "unavailable": 1} {
		l.exec("UPDATE screenings SET result = $1", result)
		require.Equal(t, want, read(), result)
	}

	l.exec("UPDATE deposit_cases SET reason = 'screening_unavailable'")
	l.exec("UPDATE screenings SET result = 'unavailable'")
	require.Zero(t, read(), "it is held for that already")

	policy.Screen = false
	require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))
	require.Equal(t, 1, read())
}
