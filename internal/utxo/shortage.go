package utxo

import (
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
)

// Reason says why a pool cannot pay an amount now.
type Reason int

const (
	// Insufficient is an amount larger than all of the treasury's holdings, those included that cannot be spent now.
	Insufficient Reason = iota + 1
	// HeldBack is an amount that holdings would cover which are reserved, locked or elsewhere now.
	HeldBack
	// NeedsMerge is an amount that the spendable holdings cover, but only with more inputs than are allowed.
	NeedsMerge
	// Queued is an amount that the spendable holdings would cover, if they were not kept for an earlier withdrawal.
	Queued
)

// String is the reason as a word for logs and status.
func (r Reason) String() string {
	switch r {
	case Insufficient:
		return "insufficient"
	case HeldBack:
		return "held_back"
	case NeedsMerge:
		return "needs_merge"
	case Queued:
		return "queued"
	default:
		return fmt.Sprintf("reason %d", int(r))
	}
}

// ShortageError is the error of a payment that is not possible now.
type ShortageError struct {
	Reason Reason
	Amount amount.Amount
	// Where the treasury's holdings of the token are. A holding that is reserved and locked counts as reserved.
	Spendable, Reserved, Locked, Elsewhere, Kept amount.Total
	// Until is set for HeldBack: when reservations and locks will have ended on enough holdings. It is when to look again
	// and no promise, since what is reserved is to be spent; zero if it cannot be told.
	Until time.Time
	// Merges are set for NeedsMerge: self-transfers, disjoint and so possible at the same time, that bring the payment
	// within the allowed inputs, or nearer to it if there is too much dust for one round.
	Merges []Transfer
}

// Error says what is asked for, what is there and what stands in the way.
func (s *ShortageError) Error() string {
	text := fmt.Sprintf("cannot pay %s: %s: spendable %s, reserved %s, locked %s, elsewhere %s, kept for others %s",
		s.Amount.Short(), s.Reason, s.Spendable.Short(), s.Reserved.Short(), s.Locked.Short(), s.Elsewhere.Short(),
		s.Kept.Short())

	if !s.Until.IsZero() {
		text += ", until " + s.Until.UTC().Format(time.RFC3339)
	}

	return text
}

// shortage explains why an amount cannot be picked.
func (p *Pool) shortage(a amount.Amount, value units) *ShortageError {
	free := p.spendable()
	own := free

	for _, sum := range p.hidden {
		own = own.plus(sum)
	}

	s := &ShortageError{
		Amount: a, Spendable: free.total(), Reserved: p.hidden[reserved].total(), Locked: p.hidden[locked].total(),
		Elsewhere: p.hidden[elsewhere].total(), Kept: p.hidden[kept].total(),
	}

	switch {
	case !free.less(value):
		s.Reason, s.Merges = NeedsMerge, p.merges(value)
	case !free.plus(p.hidden[kept]).less(value):
		s.Reason = Queued
	case !own.less(value):
		s.Reason, s.Until = HeldBack, p.until(value.minus(free))
	default:
		s.Reason = Insufficient
	}

	return s
}

// until is when enough of what is held back may be free; zero if that cannot be told.
func (p *Pool) until(missing units) time.Time {
	known := make([]heldBack, 0, len(p.back))

	for _, h := range p.back {
		if !h.until.IsZero() {
			known = append(known, h)
		}
	}

	slices.SortFunc(known, func(x, y heldBack) int { return x.until.Compare(y.until) })

	for _, h := range known {
		if missing = missing.minus(h.value); missing.isZero() {
			return h.until
		}
	}

	return time.Time{}
}
