package payout_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// lost is a deposit of a sender that names nobody, in the operator's queue.
func (w *world) lost(sender ident.Party, value string, note *string) uuid.UUID {
	w.t.Helper()

	_, err := w.Tap(sender, amounttest.Of(value))
	require.NoError(w.t, err)
	_, err = w.Transfer(sandbox.TransferRequest{
		Sender: sender, Receiver: w.party, Instrument: w.Amulet(), Amount: amounttest.Of(value), Memo: note,
	})
	require.NoError(w.t, err)

	var open []store.Case

	w.until("the deposit is in the queue", func() bool {
		open, err = w.db.ListCases(w.t.Context(), w.treasury, store.CaseFilter{
			States: []deposit.CaseState{deposit.Open}, Least: new(amounttest.Of(value)), Largest: new(amounttest.Of(value)), Most: 2,
		})
		require.NoError(w.t, err)

		return len(open) == 1
	})

	return open[0].DepositID
}

// caseState is how a case stands, and why.
func (w *world) caseState(id uuid.UUID) (deposit.CaseState, deposit.Reason) {
	w.t.Helper()

	list, err := w.db.ListCases(w.t.Context(), w.treasury, store.CaseFilter{DepositID: id, States: deposit.CaseStates(), Most: 2})
	require.NoError(w.t, err)
	require.Len(w.t, list, 1)

	return list[0].State, list[0].Reason
}

func (w *world) sendBack(id uuid.UUID) {
	w.t.Helper()

	state, err := w.db.ReturnDeposit(w.t.Context(), w.party, id, "ann", "nobody's", w.clock.Now())
	require.NoError(w.t, err)
	require.Equal(w.t, deposit.Returning, state)
}

// TestADepositGoesBackToItsSender with the sender's own words, even where customers may not withdraw, and below what
// they may.
func TestADepositGoesBackToItsSender(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.Enabled, p.Minimum, p.Decimals = false, amounttest.Of("100"), 2 })
	w.pay()

	id := w.lost(w.shop, "12.3456789012", new("for my friend"))
	w.sendBack(id)
	w.until("it is back", func() bool {
		state, _ := w.caseState(id)

		return state == deposit.Returned
	})

	require.Equal(t, "12.3456789012", w.received(w.shop, w.Amulet()))

	var memos []string

	for _, transfer := range w.Transfers() {
		if transfer.Sender == w.party {
			require.Equal(t, w.shop, transfer.Receiver)

			memos = append(memos, *transfer.Memo)
		}
	}

	require.Equal(t, []string{"for my friend"}, memos)
	w.reconciled()
}

// TestAReturnThatNobodyTakes is in the queue again, and may be given to an account then.
func TestAReturnThatNobodyTakes(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay()

	id := w.lost(w.friend, "9", nil)
	w.sendBack(id) // who has agreed to nothing, and gets an offer

	payment := "return:" + id.String()
	offered := w.untilState(payment, withdrawal.Offered)
	_, err := w.Reject(w.friend, offered.Correlation)
	require.NoError(t, err)
	w.untilState(payment, withdrawal.Failed)

	state, reason := w.caseState(id)
	require.Equal(t, deposit.Open, state)
	require.Equal(t, deposit.ReturnFailed, reason)
	require.Equal(t, "0", w.received(w.friend, w.Amulet()))

	state, err = w.db.AssignDeposit(t.Context(), w.party, id, customer, "ann", "it was hers", w.clock.Now())
	require.NoError(t, err)
	require.Equal(t, deposit.Credited, state)
	require.Equal(t, "9", w.balance(w.Amulet()))
	w.reconciled()
}

// TestAReturnOfAnUnlistedToken needs to be told how the token is paid out, and nothing more.
func TestAReturnOfAnUnlistedToken(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay()

	id := w.lost(w.shop, "3", nil)
	_, err := w.pool.Exec(t.Context(), "UPDATE instruments SET listed = false")
	require.NoError(t, err)
	w.sendBack(id)
	w.until("it is back", func() bool {
		state, _ := w.caseState(id)

		return state == deposit.Returned
	})
	require.Equal(t, amount.FromInt(3).Short(), w.received(w.shop, w.Amulet()))
	w.reconciled()
}
