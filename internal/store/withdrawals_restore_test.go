package store_test

import (
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

// anotherLife makes the database believe that it was put back to an earlier state and goes on under another timeline.
func (l *ledger) anotherLife() {
	l.t.Helper()

	_, err := l.pool.Exec(l.t.Context(), "UPDATE database_lives SET identity = 'another server/00000001'")
	require.NoError(l.t, err)
}

func (l *ledger) balance(kind, account string) string {
	l.t.Helper()

	var text string

	err := l.pool.QueryRow(l.t.Context(), "SELECT coalesce(sum(amount), 0)::text FROM balances WHERE account_kind = $1 AND account = $2", kind, account).Scan(&text)
	require.NoError(l.t, err)

	return amounttest.Of(text).Short()
}

// tick moves the treasury's clock.
func (l *ledger) tick(at time.Time) {
	l.t.Helper()

	b := l.batch()
	b.To.Offset = b.From.Offset + 1
	b.Clocks = []store.Clock{{Synchronizer: home, RecordTime: at}}
	require.NoError(l.t, l.db.Apply(l.t.Context(), b))
	l.position = b.To
}

// TestNothingIsGivenBackUntilHistoryHasPassedARestore: what looks unpaid may have been paid in the state that was lost.
func TestNothingIsGivenBackUntilHistoryHasPassedARestore(t *testing.T) {
	t.Parallel()

	l := funded(t, "100")
	request := store.WithdrawalRequest{ID: "w-1", Account: "c1", Instrument: coin(), Amount: amount.FromInt(30), Receiver: bob}
	_, err := l.db.RequestWithdrawal(t.Context(), party, request, now())
	require.NoError(t, err)

	l.anotherLife()

	reason, _ := refusal(l.db.CancelWithdrawal(t.Context(), party, "w-1", now()))
	require.Equal(t, withdrawal.NotCertainYet, reason)

	restoredAt := now().Add(time.Second)
	barrier, err := l.db.PaymentBarrier(t.Context(), l.treasury, restoredAt)
	require.NoError(t, err)
	require.NotNil(t, barrier)

	// History up to the moment of the restore is not enough: what was under way then may still have been sequenced.
	for _, clock := range []time.Time{restoredAt, restoredAt.Add(time.Minute), *barrier} {
		l.tick(clock)

		reason, _ = refusal(l.db.CancelWithdrawal(t.Context(), party, "w-1", restoredAt))
		require.Equal(t, withdrawal.NotCertainYet, reason)
	}

	l.tick(barrier.Add(time.Microsecond))
	require.NoError(t, l.db.CancelWithdrawal(t.Context(), party, "w-1", restoredAt))
	require.Equal(t, "100", l.balance("customer", "c1"))
}

// TestALostRequestAdoptsItsPayment: a payment is on the ledger, its request was lost with the database's last state and is
// repeated. It is not paid again, and the account pays for it now.
func TestALostRequestAdoptsItsPayment(t *testing.T) {
	t.Parallel()

	l := funded(t, "100")
	thirty := amount.FromInt(30)
	found := books.Entries{
		Recovered: []books.Recovered{{ID: "w-1", State: withdrawal.Completed, Instrument: coin(), Amount: thirty, Receiver: bob}},
		Postings: []books.Posting{
			{Origin: books.ByLedger, Line: 0, Kind: books.Network, Instrument: coin(), Amount: thirty},
			{Origin: books.ByLedger, Line: 1, Kind: books.RecoveredPayments, Instrument: coin(), Amount: thirty.Neg()},
		},
	}
	require.NoError(t, l.db.Apply(t.Context(), l.batch(l.record(1, txhistory.Effects{}, found))))

	poor := store.WithdrawalRequest{ID: "w-1", Account: "c2", Instrument: coin(), Amount: thirty, Receiver: bob}
	_, err := l.db.RequestWithdrawal(t.Context(), party, poor, now())
	reason, _ := refusal(err)
	require.Equal(t, withdrawal.InsufficientFunds, reason)
	require.ErrorContains(t, err, "before the database was restored")

	request := poor
	request.Account, request.Memo = "c1", new("SHOP-1")

	for range 2 {
		receipt, err := l.db.RequestWithdrawal(t.Context(), party, request, now())
		require.NoError(t, err)
		require.True(t, receipt.Repeated)
		require.Equal(t, withdrawal.Completed, receipt.State)
		require.Equal(t, "70", l.balance("customer", "c1"))
		require.Equal(t, "0", l.balance("recovered", ""))
	}

	_, err = l.db.RequestWithdrawal(t.Context(), party, poor, now())
	reason, _ = refusal(err)
	require.Equal(t, withdrawal.Conflict, reason)

	require.Equal(t, 0, l.count("SELECT count(*) FROM withdrawals WHERE state <> 'completed'"))
}
