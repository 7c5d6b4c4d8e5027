package books

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// maxWithdrawalID bounds the exchange's own ids; a longer text cannot be one.
const maxWithdrawalID = 255

// recoveredPrefix begins the ids of payments that name no usable id. No other id may begin with it.
const recoveredPrefix = "recovered:"

var errUnknownStatus = errors.New("not a status of a transfer")

// withdrawal books a transfer from the treasury and says which account its money comes from. change is what it
// did to the holdings.
func (r *recorder) withdrawal(t txhistory.Transfer, change amount.Amount) (target, error) {
	state, reason, err := withdrawalState(t.Status)
	if err != nil {
		return target{}, err
	}

	gone := state == withdrawal.Completed && change.Sign() < 0

	if state == withdrawal.Completed && t.Correlation == "" && !gone {
		// Nothing left, whatever the choice's result claims: no withdrawal is paid by it. The parser has reported it.
		return target{kind: UnrecognizedMoney}, nil
	}

	w, known := r.met(t)
	if !known {
		return r.recovered(t, state, reason)
	}

	from := w.paidFrom()

	if w.State.Final() || !w.isPaidBy(t) {
		if !gone {
			return from, nil // a chain ends once, and only by a transfer that is what it began as
		}

		return r.secondPayment(t)
	}

	return from, r.advance(w, state, reason, t)
}

// internal follows a transfer of the treasury to itself, by which no money moves but what it costs. One that no
// internal withdrawal asked for means nothing more.
func (r *recorder) internal(t txhistory.Transfer) error {
	w, known := r.met(t)
	if !known || w.State.Final() || !w.isPaidBy(t) {
		return nil
	}

	state, reason, err := withdrawalState(t.Status)
	if err != nil {
		return err
	}

	return r.advance(w, state, reason, t)
}

// met finds the withdrawal that a transfer is a step of: by its chain, or by what it says itself where it begins.
func (r *recorder) met(t txhistory.Transfer) (Withdrawal, bool) {
	if id, known := r.grounds.Chains[t.Correlation]; known && t.Correlation != "" {
		return r.grounds.Withdrawals[id], true
	}

	return r.requested(t)
}

// requested finds the requested withdrawal that a first transfer pays: it names its id, and token, amount and
// receiver agree. One that is paid already is never matched again: a second payment must stand out.
func (r *recorder) requested(t txhistory.Transfer) (Withdrawal, bool) {
	w, ok := r.grounds.Withdrawals[candidateID(t)]

	return w, ok && w.Origin != FromHistory && w.Correlation == "" &&
		w.State != withdrawal.Offered && !w.State.Final() &&
		w.isPaidBy(t)
}

// advance moves a withdrawal that has not ended to where a transfer brings it. A withdrawal ends once, so that what it
// gives back is given back once.
func (r *recorder) advance(
	w Withdrawal, state withdrawal.State, reason withdrawal.Reason, t txhistory.Transfer,
) error {
	if w.State == withdrawal.Offered && state == withdrawal.Offered {
		return nil // the next contract of the same chain
	}

	w.State = state
	if t.Correlation != "" {
		w.Correlation = t.Correlation
		r.grounds.Chains[t.Correlation] = w.ID
	}

	r.grounds.Withdrawals[w.ID] = w

	a := Advance{ID: w.ID, State: state, Reason: reason, Correlation: t.Correlation, Origin: w.Origin}
	if state == withdrawal.Offered {
		a.ExecuteBefore = t.ExecuteBefore
	}

	r.entries.Advances = append(r.entries.Advances, a)

	if state == withdrawal.Failed && w.Kind != withdrawal.Internal && w.Origin != FromHistory {
		r.refunds = append(r.refunds, w)
	}

	return r.withdrawalEvent(w, reason, t)
}

// paidFrom is the account that a withdrawal's money comes from. One that was adopted has been booked as recovered, and
// its customer's money was put against that.
func (w Withdrawal) paidFrom() target {
	if w.Origin == FromRequest {
		return target{kind: WithdrawalsUnderWay}
	}

	return target{kind: RecoveredPayments}
}

// fundedFrom is the account whose money it is: a customer's or, of a deposit on its way back, that of money without an
// owner.
func (w Withdrawal) fundedFrom() target {
	if w.Kind == withdrawal.Return {
		return target{kind: w.Funds}
	}

	return target{kind: Customer, account: w.Account}
}

// secondPayment books money that left in the name of a payment that had ended or is another one: as a payment of its
// own, to stand out.
func (r *recorder) secondPayment(t txhistory.Transfer) (target, error) {
	t.Correlation = ""

	return r.recovered(t, withdrawal.Completed, "")
}

// isPaidBy reports whether a transfer is the payment that was asked for, or a step of it. A chain's name alone does
// not say so: any registry can name the chain of another one's token. Internal withdrawals are transfers of the
// treasury to itself, and no others are.
func (w Withdrawal) isPaidBy(t txhistory.Transfer) bool {
	return w.Instrument == t.Instrument && w.Receiver == t.Receiver && w.Amount.Equal(t.Amount) &&
		(w.Kind == withdrawal.Internal) == (t.Direction == txhistory.Self)
}

// recovered stores a payment that no request in this database explains.
func (r *recorder) recovered(
	t txhistory.Transfer, state withdrawal.State, reason withdrawal.Reason,
) (target, error) {
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
		ID: id, Kind: withdrawal.ForCustomer, Origin: FromHistory, State: state,
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

	return from, r.withdrawalEvent(w, reason, t)
}

// withdrawalState is what a transfer's status makes of its withdrawal. An unknown status is an error: calling it failed
// would pay the money back.
func withdrawalState(s txhistory.Status) (state withdrawal.State, reason withdrawal.Reason, err error) {
	switch s {
	case txhistory.Pending:
		return withdrawal.Offered, "", nil
	case txhistory.Completed:
		return withdrawal.Completed, "", nil
	case txhistory.Rejected:
		return withdrawal.Failed, withdrawal.OfferRejected, nil
	case txhistory.Withdrawn:
		return withdrawal.Failed, withdrawal.OfferWithdrawn, nil
	case txhistory.Expired:
		return withdrawal.Failed, withdrawal.OfferExpired, nil
	case txhistory.Failed:
		return withdrawal.Failed, withdrawal.OfferFailed, nil
	default:
		return "", "", fmt.Errorf("transfer of the treasury: %w: status %q", errUnknownStatus, s)
	}
}

// candidateID is the withdrawal id that a transfer claims: what it says beside its memo, or else the memo itself. It is
// empty if that cannot be one. Ids of transfers to oneself have a prefix that no other id may have.
func candidateID(t txhistory.Transfer) string {
	id := t.Memo
	if t.Reference != nil {
		id = t.Reference
	}

	if id == nil || len(*id) > maxWithdrawalID || strings.ContainsRune(*id, 0) || !utf8.ValidString(*id) ||
		strings.HasPrefix(*id, recoveredPrefix) ||
		strings.HasPrefix(*id, withdrawal.InternalPrefix) != (t.Direction == txhistory.Self) {
		return ""
	}

	return *id
}

// recoveredID names a payment that names no usable id, by its place among the update's transfers.
func recoveredID(update ident.UpdateID, at int) string {
	return fmt.Sprintf("%s%s:%d", recoveredPrefix, update, at)
}
