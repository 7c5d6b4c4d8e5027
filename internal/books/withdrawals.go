package books

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// maxWithdrawalID bounds the exchange's own ids; a longer memo cannot be one.
const maxWithdrawalID = 255

// recoveredPrefix begins the ids of payments whose memo is no usable id. No other id may begin with it.
const recoveredPrefix = "recovered:"

var errUnknownStatus = errors.New("not a status of a transfer")

// withdrawal books a transfer from the treasury and says which account its money comes from. change is what it
// did to the holdings.
func (r *recorder) withdrawal(t txhistory.Transfer, change amount.Amount) (target, error) {
	state, reason, err := withdrawalState(t.Status)
	if err != nil {
		return target{}, err
	}

	gone := state == WithdrawalCompleted && change.Sign() < 0

	if state == WithdrawalCompleted && t.Correlation == "" && !gone {
		// Nothing left, whatever the choice's result claims: no withdrawal is paid by it. The parser has reported it.
		return target{kind: UnrecognizedMoney}, nil
	}

	id, known := r.grounds.Chains[t.Correlation]
	if !known || t.Correlation == "" {
		id, known = r.matchByMemo(t)
	}

	if !known {
		return r.recovered(t, state, reason)
	}

	w := r.grounds.Withdrawals[id]
	from := w.paidFrom()

	if w.ended() || !w.isPaidBy(t) {
		if !gone {
			return from, nil // a chain ends once, and only by a transfer that is what it began as
		}

		return r.secondPayment(t)
	}

	if w.State == WithdrawalOffered && state == WithdrawalOffered {
		return from, nil // the next contract of the same chain
	}

	w.State = state
	if t.Correlation != "" {
		w.Correlation = t.Correlation
		r.grounds.Chains[t.Correlation] = id
	}

	r.grounds.Withdrawals[id] = w
	r.entries.Advances = append(r.entries.Advances, Advance{
		ID: id, State: state, Reason: reason, Correlation: t.Correlation,
	})

	return from, r.withdrawalEvent(id, w.Origin, state, reason, t)
}

// paidFrom is the account that a withdrawal's money comes from.
func (w Withdrawal) paidFrom() target {
	if w.Origin == FromHistory {
		return target{kind: RecoveredPayments}
	}

	return target{kind: WithdrawalsUnderWay}
}

// secondPayment books money that left in the name of a payment that had ended or is another one: as a payment of its
// own, to stand out.
func (r *recorder) secondPayment(t txhistory.Transfer) (target, error) {
	t.Correlation = ""

	return r.recovered(t, WithdrawalCompleted, "")
}

// ended reports whether a withdrawal will never change again.
func (w Withdrawal) ended() bool {
	return w.State == WithdrawalCompleted || w.State == WithdrawalFailed
}

// matchByMemo finds the requested withdrawal that a first transfer pays: the memo is its id, and token, amount and
// receiver agree. One that is paid already is never matched again: a second payment must stand out.
func (r *recorder) matchByMemo(t txhistory.Transfer) (string, bool) {
	id := candidateID(t)
	w, ok := r.grounds.Withdrawals[id]

	return id, ok && w.Origin == FromRequest && w.Correlation == "" &&
		w.State != WithdrawalOffered && !w.ended() &&
		w.isPaidBy(t)
}

// isPaidBy reports whether a transfer is the payment that was asked for, or a step of it. A chain's name alone does
// not say so: any registry can name the chain of another one's token.
func (w Withdrawal) isPaidBy(t txhistory.Transfer) bool {
	return w.Instrument == t.Instrument && w.Receiver == t.Receiver && w.Amount.Equal(t.Amount)
}

// recovered stores a payment that no request in this database explains.
func (r *recorder) recovered(t txhistory.Transfer, state WithdrawalState, reason string) (target, error) {
	from := target{kind: RecoveredPayments}
	if t.Amount.Sign() <= 0 {
		return from, nil
	}

	// Only a token that the exchange deals in may take one of its withdrawal ids: of their own tokens strangers make what
	// they like.
	id := candidateID(t)
	if _, taken := r.grounds.Withdrawals[id]; taken || id == "" || !r.grounds.Listings[t.Instrument].Listed {
		id = recoveredID(r.update.ID, r.at)
	}

	w := Withdrawal{
		ID: id, Origin: FromHistory, State: state,
		Instrument: t.Instrument, Amount: t.Amount, Receiver: t.Receiver, Correlation: t.Correlation,
	}
	r.grounds.Withdrawals[id] = w

	if t.Correlation != "" {
		r.grounds.Chains[t.Correlation] = id
	}

	r.entries.Recovered = append(r.entries.Recovered, Recovered{
		ID: id, State: state, Reason: reason,
		Instrument: t.Instrument, Amount: t.Amount, Receiver: t.Receiver, Correlation: t.Correlation,
	})

	return from, r.withdrawalEvent(id, FromHistory, state, reason, t)
}

// withdrawalState is what a transfer's status makes of its withdrawal. An unknown status is an error: calling it failed
// would make the payment refundable.
func withdrawalState(s txhistory.Status) (state WithdrawalState, reason string, err error) {
	switch s {
	case txhistory.Pending:
		return WithdrawalOffered, "", nil
	case txhistory.Completed:
		return WithdrawalCompleted, "", nil
	case txhistory.Rejected, txhistory.Withdrawn, txhistory.Expired, txhistory.Failed:
		return WithdrawalFailed, string(s), nil
	default:
		return "", "", fmt.Errorf("outgoing transfer: %w: status %q", errUnknownStatus, s)
	}
}

// candidateID is the withdrawal id that a transfer's memo claims; empty if it cannot be one.
func candidateID(t txhistory.Transfer) string {
	if t.Memo == nil || len(*t.Memo) > maxWithdrawalID || strings.ContainsRune(*t.Memo, 0) || !utf8.ValidString(*t.Memo) ||
		strings.HasPrefix(*t.Memo, recoveredPrefix) {
		return ""
	}

	return *t.Memo
}

// recoveredID names a payment whose memo is no usable id, by its place among the update's transfers.
func recoveredID(update ident.UpdateID, at int) string {
	return fmt.Sprintf("%s%s:%d", recoveredPrefix, update, at)
}
