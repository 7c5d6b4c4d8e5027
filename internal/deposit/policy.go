package deposit

import (
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
)

// Bounds of a policy.
const (
	// MaxWindow is for how long a prepared transaction can be executed; MaxLead is as long.
	MaxWindow = 24 * time.Hour
	MaxLead   = 24 * time.Hour
	MaxTries  = 100
	// MaxCreditDelay is how long a deposit may be held for time alone.
	MaxCreditDelay = 30 * 24 * time.Hour
)

// ErrPolicy is wrapped by what Validate finds.
var ErrPolicy = errors.New("deposit policy")

// Policy is how deposits of a token are dealt with. The database's columns of deposit_policies explain each part.
type Policy struct {
	AcceptOffers bool
	MinimumOffer amount.Amount
	// Lead is how much time must be left until an offer's deadline.
	Lead time.Duration
	// Window is how far ahead the last record time of an acceptance is.
	Window   time.Duration
	MaxTries int
	// Screen wants a screening service to have passed an offer before it is accepted, and a deposit before it is credited.
	Screen bool
	// CreditDelay is how much record time passes before a deposit is credited.
	CreditDelay time.Duration
	// ConfirmFrom is the amount from which a second person confirms what one has decided; nil for never.
	ConfirmFrom *amount.Amount
}

// DefaultPolicy accepts offers of any amount.
func DefaultPolicy() Policy {
	const (
		window = 5 * time.Minute
		tries  = 8
	)

	return Policy{AcceptOffers: true, Lead: time.Minute, Window: window, MaxTries: tries}
}

// Validate says what a policy could not be followed for.
func (p Policy) Validate() error {
	switch {
	case p.MinimumOffer.Sign() < 0:
		return fmt.Errorf("%w: minimum: want 0 or more", ErrPolicy)
	case p.Lead < 0 || p.Lead > MaxLead:
		return fmt.Errorf("%w: lead of %s: want at most %s", ErrPolicy, p.Lead, MaxLead)
	case p.Window < time.Second || p.Window > MaxWindow:
		return fmt.Errorf("%w: window of %s: want 1s to %s", ErrPolicy, p.Window, MaxWindow)
	case p.MaxTries < 1 || p.MaxTries > MaxTries:
		return fmt.Errorf("%w: %d tries: want 1 to %d", ErrPolicy, p.MaxTries, MaxTries)
	case p.CreditDelay < 0 || p.CreditDelay > MaxCreditDelay:
		return fmt.Errorf("%w: credit delay of %s: want at most %s", ErrPolicy, p.CreditDelay, MaxCreditDelay)
	case p.ConfirmFrom != nil && p.ConfirmFrom.Sign() < 0:
		return fmt.Errorf("%w: confirmation from %s: want 0 or more", ErrPolicy, p.ConfirmFrom.Short())
	default:
		return nil
	}
}

// Again is when time itself may change the verdict on an offer next: when its deadline comes too near, when it has
// passed, and soon while the token's registry works on it. It is zero if time changes nothing any more.
func Again(o Offer, g Grounds) time.Time {
	near := o.Deadline.Add(-g.Lead + time.Microsecond)

	switch {
	case !g.Now.Before(o.Deadline):
		return time.Time{}
	case !o.AwaitsReceiver:
		return earlier(o.Deadline, g.Now.Add(registryPause))
	case g.Now.Before(near):
		return earlier(near, o.Deadline)
	default:
		return o.Deadline
	}
}

// registryPause is how often it is looked whether a registry has given an offer back to its receiver.
const registryPause = time.Minute

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}

	return b
}
