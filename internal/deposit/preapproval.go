package deposit

import (
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Preapproval is an agreement of the treasury on the ledger: while one stands, Canton Coin arrives in one step. It ends
// at a time that its provider can put off, for a fee, until it has come. Several may stand at once.
type Preapproval struct {
	Contract ident.ContractID
	Provider ident.Party
	// DSO is the admin of Canton Coin.
	DSO       ident.Party
	ExpiresAt time.Time
}

// PreapprovalState is how it stands with deposits of Canton Coin in one step. The text is what the database stores.
type PreapprovalState string

// The states.
const (
	// NoPreapproval is before there ever was one: all deposits are offers.
	NoPreapproval PreapprovalState = "none"
	// PreapprovalFine has more time left than what calls for a person.
	PreapprovalFine PreapprovalState = "fine"
	// PreapprovalExpiring ends soon, and should have been renewed by now. Deposits still arrive in one step.
	PreapprovalExpiring PreapprovalState = "expiring"
	// PreapprovalLapsed has ended, by its time or because it was cancelled: all deposits are offers again.
	PreapprovalLapsed PreapprovalState = "lapsed"
)

// PreapprovalStates are all of them.
func PreapprovalStates() []PreapprovalState {
	return []PreapprovalState{NoPreapproval, PreapprovalFine, PreapprovalExpiring, PreapprovalLapsed}
}

// RenewalPolicy says when a person is called, and when and how the end is put off.
type RenewalPolicy struct {
	Treasury ident.Party
	// Provider is the local party of ours that provides the treasury's preapproval, and that the ledger user may act as.
	// Nobody else's is renewed here; none at all if it is empty.
	Provider ident.Party
	// Warn is how much time is left when a person is called, Renew when a renewal is tried. Renew comes first, so that a
	// person is called only when that did not help.
	Warn, Renew time.Duration
	// Extend is by how much a renewal puts the end off. 90 days of each are free (CIP-0119).
	Extend time.Duration
	// MaxCost is what a renewal may cost, in Canton Coin. It is handed coins worth no more than that.
	MaxCost amount.Amount
}

// Bounds of RenewalPolicy.Extend.
const (
	MinRenewalExtend = time.Hour
	MaxRenewalExtend = 10 * 365 * 24 * time.Hour
)

// Validate says what cannot be meant.
func (p RenewalPolicy) Validate() error {
	switch {
	case p.Warn <= 0 || p.Renew < p.Warn || p.Renew > MaxRenewalExtend:
		return fmt.Errorf("warn %s and renew %s before the end: want more than 0, and to renew no later than to warn",
			p.Warn, p.Renew)
	case p.Extend < MinRenewalExtend || p.Extend > MaxRenewalExtend:
		return fmt.Errorf("extend by %s: want %s to %s", p.Extend, MinRenewalExtend, MaxRenewalExtend)
	case p.MaxCost.Sign() < 0:
		return fmt.Errorf("a renewal that costs at most %s: want 0 or more", p.MaxCost.Short())
	case p.Provider == "":
		return nil
	case p.Provider == p.Treasury:
		return fmt.Errorf("provider %s is the treasury: its coins are the customers', and are not spent on renewals",
			p.Provider)
	default:
		_, err := ident.ParseParty(string(p.Provider))

		return err
	}
}

// Settings are what a renewal's success rests on besides the ledger: what was refused under some may be tried under
// others.
func (p RenewalPolicy) Settings() string {
	return fmt.Sprintf("%s extend=%s max-cost=%s", p.Provider, p.Extend, p.MaxCost.Short())
}

// RenewalEnd is how the last try to renew a preapproval ended. The text is what the database stores.
type RenewalEnd string

// How a try may have ended. Success is none of them: the preapproval's contract is another one then.
const (
	NotTried RenewalEnd = "none"
	// RenewalTried may be under way, or has failed for a reason that passes.
	RenewalTried RenewalEnd = "tried"
	// RenewalRefused was turned down for good. A person looks.
	RenewalRefused RenewalEnd = "refused"
)

// RenewalTry is what was done about one contract.
type RenewalTry struct {
	Contract ident.ContractID
	// RefusedUnder are the settings under which a renewal was turned down for good.
	RefusedUnder []string
	// Again is before when it is not tried again; zero for no such time.
	Again time.Time
}

// WhyNot is why a preapproval is not renewed now, a code for programs.
type WhyNot string

// Reasons not to renew.
const (
	// RenewNow is no reason at all.
	RenewNow WhyNot = ""
	// NothingToRenew there is before there is a preapproval.
	NothingToRenew WhyNot = "no_preapproval"
	// RenewalTooLate is after its end, when the ledger renews nothing any more: a new one is needed.
	RenewalTooLate WhyNot = "lapsed"
	// RenewalNotDue is while enough time is left.
	RenewalNotDue WhyNot = "not_due"
	// ProviderIsTreasury is one that the treasury provides for itself: its coins are reserved for withdrawals.
	ProviderIsTreasury WhyNot = "provider_is_treasury"
	// ProviderIsOther is one of somebody else, who alone can renew it.
	ProviderIsOther WhyNot = "provider_is_other"
	// RefusedBefore is what a person must look at.
	RefusedBefore WhyNot = "refused"
	// TriedBefore waits a while until it is tried again.
	TriedBefore WhyNot = "tried"
)

// Outlook is how it stands, and what is to be done.
type Outlook struct {
	State PreapprovalState
	// Current is the preapproval that the state is about: of those that stand, the one that ends last; else the one that
	// ended last. Zero if there never was one.
	Current Preapproval
	// Renew is the one to be renewed, and Until the end to ask for, where WhyNot is empty.
	Renew  Preapproval
	Until  time.Time
	WhyNot WhyNot
}

// Foresee says how it stands at a time of the ledger, given the preapprovals that are on it, those that are known to
// have been, and what was tried.
func Foresee(standing, gone []Preapproval, tries []RenewalTry, p RenewalPolicy, now time.Time) Outlook {
	var alive []Preapproval

	for _, one := range standing {
		if now.Before(one.ExpiresAt) {
			alive = append(alive, one)
		}
	}

	current, ok := lastToEnd(alive)
	if !ok {
		ended, ever := lastToEnd(slices.Concat(standing, gone))
		if !ever {
			return Outlook{State: NoPreapproval, WhyNot: NothingToRenew}
		}

		return Outlook{State: PreapprovalLapsed, Current: ended, WhyNot: RenewalTooLate}
	}

	out := Outlook{State: PreapprovalFine, Current: current}
	if current.ExpiresAt.Sub(now) <= p.Warn {
		out.State = PreapprovalExpiring
	}

	if current.ExpiresAt.Sub(now) > p.Renew {
		out.WhyNot = RenewalNotDue

		return out
	}

	out.Renew, out.WhyNot = renewable(alive, current, p)
	if out.WhyNot == RenewNow {
		out.Until, out.WhyNot = out.Renew.ExpiresAt.Add(p.Extend), hindrance(out.Renew, tries, p, now)
	}

	return out
}

// renewable is the one that we can renew: it need not be the one that ends last.
func renewable(alive []Preapproval, current Preapproval, p RenewalPolicy) (Preapproval, WhyNot) {
	var ours []Preapproval

	for _, one := range alive {
		if p.Provider != "" && one.Provider == p.Provider && one.Provider != p.Treasury {
			ours = append(ours, one)
		}
	}

	one, ok := lastToEnd(ours)

	switch {
	case ok:
		return one, RenewNow
	case current.Provider == p.Treasury:
		return Preapproval{}, ProviderIsTreasury
	default:
		return Preapproval{}, ProviderIsOther
	}
}

// hindrance is what the last try left in the way of another one.
func hindrance(one Preapproval, tries []RenewalTry, p RenewalPolicy, now time.Time) WhyNot {
	for _, t := range tries {
		switch {
		case t.Contract != one.Contract:
		case slices.Contains(t.RefusedUnder, p.Settings()):
			return RefusedBefore
		case now.Before(t.Again):
			return TriedBefore
		}
	}

	return RenewNow
}

// lastToEnd is the one that ends last, the same one whatever the order; false if there is none.
func lastToEnd(list []Preapproval) (Preapproval, bool) {
	var last Preapproval

	for i, one := range list {
		later := one.ExpiresAt.After(last.ExpiresAt)
		if i == 0 || later || one.ExpiresAt.Equal(last.ExpiresAt) && one.Contract < last.Contract {
			last = one
		}
	}

	return last, len(list) > 0
}

// longestPause is between two tries that failed for a reason that passes; firstPause after the first.
const (
	firstPause   = time.Minute
	longestPause = time.Hour
)

// RenewalPause is how long after a try the next may come, if that one's end is not known or it failed for a reason that
// passes. Tries counts those that were made, this one included.
func RenewalPause(tries int) time.Duration {
	pause := firstPause
	for range min(tries-1, 10) {
		pause = min(2*pause, longestPause)
	}

	return pause
}
