package utxo

import (
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Scope is what holdings must have in common to be spent by one transfer: a token, which is its id and its admin, and
// the synchronizer that orders the transaction.
type Scope struct {
	Instrument   ident.Instrument
	Synchronizer ident.SynchronizerID
}

// Holding is what is known of one UTXO of the treasury. Contract ids are unique in a list of holdings.
type Holding struct {
	Contract     ident.ContractID
	Instrument   ident.Instrument
	Synchronizer ident.SynchronizerID
	Amount       amount.Amount
	// InFlight is true between leaving one synchronizer and arriving at the next.
	InFlight bool
	// Locked is true while the token's registry has a lock on it, also one whose time is over. LockEnds is when the lock
	// ends by itself (token.Lock.Ends); zero if it does not.
	Locked   bool
	LockEnds time.Time
	// Reserved is true while an attempt may spend it. ReservedUntil is the attempt's target record time, after which it is
	// known whether it did; zero if there is none yet.
	Reserved      bool
	ReservedUntil time.Time
}

// standing is whether a holding can be spent, and if not why.
type standing int

const (
	spendable standing = iota
	// reserved for an attempt, or taken in this turn.
	reserved
	locked
	// elsewhere is on another synchronizer, or on its way.
	elsewhere
	// kept for an earlier withdrawal by this turn.
	kept
)

const standings = int(kept) + 1

// standing is decided at a time of the ledger. The last instant of a lock still belongs to it.
func (h *Holding) standing(scope Scope, rules Rules, at time.Time) standing {
	switch {
	case h.Reserved:
		return reserved
	case h.Locked && !(rules.ExpiredLocks && !h.LockEnds.IsZero() && h.LockEnds.Before(at)):
		return locked
	case h.InFlight || h.Synchronizer != scope.Synchronizer:
		return elsewhere
	default:
		return spendable
	}
}

// until is when the holding may come free; zero if that cannot be told.
func (h *Holding) until(at time.Time) time.Time {
	var ends time.Time

	if h.Reserved {
		if !h.ReservedUntil.After(at) {
			return time.Time{}
		}

		ends = h.ReservedUntil
	}

	if h.Locked {
		if !h.LockEnds.After(at) {
			return time.Time{}
		}

		if h.LockEnds.After(ends) {
			ends = h.LockEnds
		}
	}

	return ends
}
