// Package deposit decides what becomes of money that is offered to the treasury, or has arrived: whether an offer is
// accepted, who must speak first, and when a deposit is credited. It is pure: values in, values out. Package intake
// does what is decided here.
//
// Accepting costs traffic, and what is accepted cannot be sent back without the exchange's doing. So an offer is
// accepted only if everything about it is known to be right; whatever is not costs nothing, stays visible, and is
// decided again when what it rests on changes. A rejection is never decided here: it is an operator's explicit act.
package deposit

import (
	"time"

	"github.com/canton-exchange/suite/internal/amount"
)

// Verdict is what is to become of an offer. The text is what the database stores.
type Verdict string

// The verdicts.
const (
	// Accept takes the offer.
	Accept Verdict = "accept"
	// Hold waits until somebody has spoken: the screening service, or an operator.
	Hold Verdict = "hold"
	// Ignore does nothing: the offer stays visible and is closed by history.
	Ignore Verdict = "ignore"
	// Reject refuses the offer on the ledger. Only an operator says so.
	Reject Verdict = "reject"
)

// Verdicts are all of them.
func Verdicts() []Verdict {
	return []Verdict{Accept, Hold, Ignore, Reject}
}

// Reason is why a verdict is as it is, a code for programs.
type Reason string

// Reasons of verdicts. Those of memos and tokens are the same words as the reasons of unattributed deposits.
const (
	AllRight           Reason = ""
	NotOurs            Reason = "not_ours"
	AwaitsRegistry     Reason = "awaits_registry"
	DeadlinePassed     Reason = "deadline_passed"
	DeadlineTooNear    Reason = "deadline_too_near"
	UnlistedInstrument Reason = "unlisted_instrument"
	OffersDisabled     Reason = "offers_disabled"
	MissingMemo        Reason = "missing_memo"
	EmptyMemo          Reason = "empty_memo"
	UnknownMemo        Reason = "unknown_memo"
	DisabledMemo       Reason = "disabled_memo"
	BelowMinimum       Reason = "below_minimum"
	SenderBlocked      Reason = "sender_blocked"
	AwaitsScreening    Reason = "awaits_screening"
	ScreeningFailed    Reason = "screening_unavailable"
	ScreeningHolds     Reason = "screening_holds"
	ScreeningRefuses   Reason = "screening_refuses"
	ByOperator         Reason = "by_operator"
)

// Screening is what a screening service has said about an offer or a deposit. The text is what the database stores.
type Screening string

// What may have been said.
const (
	// NotScreened is before the service was asked, or where none is.
	NotScreened Screening = ""
	Passed      Screening = "passed"
	// Doubtful wants a person to look.
	Doubtful Screening = "doubtful"
	Refused  Screening = "refused"
	// Unavailable is a service that gave no usable answer. It is asked again; meanwhile nothing is accepted.
	Unavailable Screening = "unavailable"
)

// Memo is what a memo says about whose the money is.
type Memo string

// What a memo may say.
const (
	MemoMissing  Memo = "missing"
	MemoEmpty    Memo = "empty"
	MemoUnknown  Memo = "unknown"
	MemoDisabled Memo = "disabled"
	MemoKnown    Memo = "known"
)

// Offer is what is known of an open offer.
type Offer struct {
	// Ours says that the treasury is the receiver and not the sender.
	Ours bool
	// AwaitsReceiver is true while the receiver may accept; false while the token's registry works on it.
	AwaitsReceiver bool
	Amount         amount.Amount
	Deadline       time.Time
}

// Grounds are what a verdict rests on, as they are now.
type Grounds struct {
	// Listed says that the exchange deals in this token of this admin. A look-alike is another token.
	Listed bool
	// Enabled says that offers of the token are accepted at all.
	Enabled bool
	// Minimum is the least amount that is worth its traffic.
	Minimum amount.Amount
	// Lead is how much time must be left until the deadline.
	Lead    time.Duration
	Memo    Memo
	Blocked bool
	// Screens says that a screening service has the last word; Screening is what it said.
	Screens   bool
	Screening Screening
	// Operator is what an operator said about this very offer; empty if none did.
	Operator Verdict
	// Now is the ledger's time: the record time up to which history is ingested.
	Now time.Time
}

// Decision is a verdict with its reason.
type Decision struct {
	Verdict Verdict
	Reason  Reason
}

// Decide is the verdict on an offer. The order is that in which an operator would ask: whether it is for us and can
// still be accepted, whether the token is dealt in, whose it is, whether it is enough, and who has a say. An operator's
// word outweighs memo, minimum, blocking and screening; it cannot make a stranger's token a listed one.
func Decide(o Offer, g Grounds) Decision {
	if reason := impossible(o, g); reason != AllRight {
		return Decision{Ignore, reason}
	}

	if g.Operator != "" {
		return Decision{g.Operator, ByOperator}
	}

	switch {
	case !g.Enabled:
		return Decision{Ignore, OffersDisabled}
	case g.Memo != MemoKnown:
		return Decision{Ignore, memoReason(g.Memo)}
	case o.Amount.Cmp(g.Minimum) < 0:
		return Decision{Ignore, BelowMinimum}
	case g.Blocked:
		return Decision{Ignore, SenderBlocked}
	case g.Screens:
		return screened(g.Screening)
	default:
		return Decision{Accept, AllRight}
	}
}

// impossible is why nobody may accept an offer, whatever else is known.
func impossible(o Offer, g Grounds) Reason {
	switch {
	case !o.Ours:
		return NotOurs
	case !o.AwaitsReceiver:
		return AwaitsRegistry
	case !g.Now.Before(o.Deadline):
		return DeadlinePassed
	case g.Now.Add(g.Lead).After(o.Deadline):
		return DeadlineTooNear
	case !g.Listed:
		return UnlistedInstrument
	default:
		return AllRight
	}
}

func memoReason(m Memo) Reason {
	switch m {
	case MemoMissing:
		return MissingMemo
	case MemoEmpty:
		return EmptyMemo
	case MemoDisabled:
		return DisabledMemo
	case MemoUnknown, MemoKnown:
		return UnknownMemo
	default:
		return UnknownMemo
	}
}

// screened fails closed: what was not said to be good is held.
func screened(s Screening) Decision {
	switch s {
	case Passed:
		return Decision{Accept, AllRight}
	case NotScreened:
		return Decision{Hold, AwaitsScreening}
	case Doubtful:
		return Decision{Hold, ScreeningHolds}
	case Refused:
		return Decision{Hold, ScreeningRefuses}
	case Unavailable:
		return Decision{Hold, ScreeningFailed}
	default:
		return Decision{Hold, ScreeningFailed}
	}
}
