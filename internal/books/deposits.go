package books

import (
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// The reasons why money that is here belongs to nobody known. Their text is what the database stores.
const (
	ReasonUnlisted     = "unlisted_instrument"
	ReasonMissingMemo  = "missing_memo"
	ReasonEmptyMemo    = "empty_memo"
	ReasonUnknownMemo  = "unknown_memo"
	ReasonDisabledMemo = "disabled_memo"
	ReasonBelowMinimum = "below_minimum"
	ReasonBlocked      = "sender_blocked"
	// ReasonGivenLater is money above what one person may decide about, whose memo was given to an account after it was
	// sent: whoever gave it has decided whose the money is.
	ReasonGivenLater = "memo_given_later"
	// ReasonUnexpected is money that names an offer which had already ended, or which is about another token: it
	// should not happen, and is kept apart if it does.
	ReasonUnexpected = "unexpected_settlement"
)

// The reasons why money whose owner is known is held before it is credited.
const (
	ReasonAwaitsTime      = "awaits_time"
	ReasonAwaitsScreening = "awaits_screening"
)

// deposit books a transfer to the treasury and says where its money goes. change is what really arrived.
func (r *recorder) deposit(t txhistory.Transfer, change amount.Amount) (target, error) {
	offer, known := r.grounds.Offers[t.Correlation]

	switch {
	case t.Status == txhistory.Pending:
		if known {
			return target{kind: UnrecognizedMoney}, nil // the chain goes on; the deposit is still what it was
		}

		return target{kind: UnrecognizedMoney}, r.offered(t)
	case t.Status == txhistory.Completed && change.Sign() <= 0:
		// Nothing arrived, whatever the choice's result claims; the parser has reported the difference.
		return target{kind: UnrecognizedMoney}, r.ended(t, offer, known, Failed)
	case t.Status == txhistory.Completed:
		return r.arrived(t, change, offer, known)
	default:
		return target{kind: UnrecognizedMoney}, r.ended(t, offer, known, endState(t.Status))
	}
}

func (r *recorder) offered(t txhistory.Transfer) error {
	if t.Correlation == "" || t.Amount.Sign() <= 0 {
		return nil
	}

	id := depositID(r.grounds.Treasury, r.update.ID, r.at, t)
	a := Attribution{State: Offered, Account: r.attribute(id, t, t.Amount, r.update.RecordTime).Account}
	d := Deposit{
		ID: id, Kind: ByOffer, Attribution: a, Instrument: t.Instrument, Amount: t.Amount, Sender: t.Sender,
		Memo: t.Memo, Correlation: t.Correlation, Offered: true, ExecuteBefore: t.ExecuteBefore,
	}
	r.entries.Deposits = append(r.entries.Deposits, d)
	r.grounds.Offers[t.Correlation] = Offer{DepositID: id, Open: true, At: r.update.RecordTime}

	return r.depositEvent(id, a, t, t.Amount)
}

// arrived books money that is here now.
func (r *recorder) arrived(t txhistory.Transfer, change amount.Amount, offer Offer, known bool) (target, error) {
	id := depositID(r.grounds.Treasury, r.update.ID, r.at, t)
	sent := r.update.RecordTime

	if known && offer.Open {
		sent = offer.At
	}

	a := r.attribute(id, t, change, sent)

	switch {
	case known && offer.Open && offer.DepositID == id:
		r.entries.Settlements = append(r.entries.Settlements, Settlement{
			Correlation: t.Correlation, Attribution: a, Amount: change, Sender: t.Sender, Place: Place{Node: t.Node, Leg: t.Leg},
		})
		r.grounds.Offers[t.Correlation] = Offer{DepositID: offer.DepositID}
	case known:
		// The money is real, so it gets a deposit of its own that a person must look at.
		t.Correlation = ""
		id = depositID(r.grounds.Treasury, r.update.ID, r.at, t)
		a = r.decided(id, Attribution{State: Unattributed, Reason: ReasonUnexpected, Account: a.Account})
		r.newDeposit(id, OneStep, a, t, change)
	case t.Correlation != "":
		r.newDeposit(id, ByOffer, a, t, change)
		r.grounds.Offers[t.Correlation] = Offer{DepositID: id}
	default:
		r.newDeposit(id, OneStep, a, t, change)
	}

	if err := r.depositEvent(id, a, t, change); err != nil {
		return target{}, err
	}

	if a.State == Credited {
		return target{kind: Customer, account: a.Account}, nil
	}

	if a.State == Held {
		return target{kind: HeldMoney}, nil
	}

	return target{kind: UnattributedMoney}, nil
}

func (r *recorder) newDeposit(
	id uuid.UUID, kind DepositKind, a Attribution, t txhistory.Transfer, arrived amount.Amount,
) {
	r.entries.Deposits = append(r.entries.Deposits, Deposit{
		ID: id, Kind: kind, Attribution: a, Instrument: t.Instrument, Amount: arrived, Sender: t.Sender, Memo: t.Memo,
		Correlation: t.Correlation, Place: &Place{Node: t.Node, Leg: t.Leg}, ExecuteBefore: t.ExecuteBefore,
	})
}

// ended closes an offer that brought no money.
func (r *recorder) ended(t txhistory.Transfer, offer Offer, known bool, state DepositState) error {
	if !known || !offer.Open || offer.DepositID != depositID(r.grounds.Treasury, r.update.ID, r.at, t) {
		return nil // never seen as an offer, closed before, or about another token: there is nothing to take back
	}

	a := Attribution{State: state}
	r.entries.Settlements = append(r.entries.Settlements, Settlement{
		Correlation: t.Correlation, Attribution: a, Amount: t.Amount, Sender: t.Sender,
		Place: Place{Node: t.Node, Leg: t.Leg},
	})
	r.grounds.Offers[t.Correlation] = Offer{DepositID: offer.DepositID}

	return r.depositEvent(offer.DepositID, a, t, t.Amount)
}

func endState(s txhistory.Status) DepositState {
	switch s {
	case txhistory.Rejected:
		return Rejected
	case txhistory.Withdrawn:
		return Withdrawn
	case txhistory.Expired:
		return Expired
	case txhistory.Failed, txhistory.Pending, txhistory.Completed:
		return Failed
	default:
		return Failed
	}
}

// attribute finds the owner of money that was sent at a time. The order of the reasons is the order in which an
// operator would ask.
func (r *recorder) attribute(id uuid.UUID, t txhistory.Transfer, arrived amount.Amount, sent time.Time) Attribution {
	account, reason := r.accountOf(t.Memo)
	listing := r.grounds.Listings[t.Instrument]

	switch {
	case !listing.Listed:
		reason = ReasonUnlisted
	case reason != "":
	case arrived.Cmp(listing.MinimumDeposit) < 0:
		reason = ReasonBelowMinimum
	case r.grounds.Blocked[t.Sender]:
		reason = ReasonBlocked
	case listing.ConfirmFrom != nil && arrived.Cmp(*listing.ConfirmFrom) >= 0 &&
		r.grounds.Accounts[memoKey(t.Memo)].Since.After(sent):
		reason = ReasonGivenLater
	case listing.Screens:
		return r.decided(id, Attribution{State: Held, Reason: ReasonAwaitsScreening, Account: account})
	case listing.Delays:
		return r.decided(id, Attribution{State: Held, Reason: ReasonAwaitsTime, Account: account})
	default:
		return r.decided(id, Attribution{State: Credited, Account: account})
	}

	return r.decided(id, Attribution{State: Unattributed, Reason: reason, Account: account})
}

// decided is what was decided before about a deposit's money, or else what is decided now. That an offer was open,
// or ended without money, decided nothing about money.
func (r *recorder) decided(id uuid.UUID, now Attribution) Attribution {
	before := r.grounds.Decided[id]
	if before.State == Credited || before.State == Held || before.State == Unattributed {
		return before
	}

	return now
}

// accountOf gives the account that a memo names, and the reason if the deposit must not be credited by it.
func (r *recorder) accountOf(text *string) (account, reason string) {
	if text == nil {
		return "", ReasonMissingMemo
	}

	if *text == "" {
		return "", ReasonEmptyMemo
	}

	found, ok := r.grounds.Accounts[memoKey(text)]
	if !ok {
		return "", ReasonUnknownMemo
	}

	if !found.Enabled {
		return found.Name, ReasonDisabledMemo
	}

	return found.Name, ""
}

// depositID makes the same id for the same deposit for ever, whatever node or database it is read from. A chain is
// named by its registry, and any registry can name the chain of another one's token: the token is part of the id.
func depositID(treasury ident.Party, update ident.UpdateID, at int, t txhistory.Transfer) uuid.UUID {
	if t.Correlation != "" {
		return stableID("deposit", string(treasury), string(t.Correlation), string(t.Instrument.Admin), t.Instrument.ID)
	}

	return stableID("deposit", string(treasury), string(update), strconv.Itoa(at))
}
