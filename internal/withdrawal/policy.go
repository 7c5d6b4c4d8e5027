package withdrawal

import (
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/utxo"
)

// Delivery is how the receiver may be reached.
type Delivery string

// The deliveries. Their text is what the database stores.
const (
	// Any pays directly where the receiver has agreed beforehand, and else makes an offer.
	Any Delivery = "any"
	// DirectOnly pays nobody who has not agreed beforehand.
	DirectOnly Delivery = "direct_only"
)

// Bounds of a policy.
const (
	// MaxOfferLifetime is what Canton Coin takes (tokenStandardMaxTTL of its rules); MinOfferLifetime leaves a receiver
	// some time.
	MaxOfferLifetime = 90 * 24 * time.Hour
	MinOfferLifetime = time.Minute
	// MaxWindow is for how long a prepared transaction can be executed (preparationTimeRecordTimeTolerance).
	MaxWindow   = 24 * time.Hour
	MaxAttempts = 100
	MaxPool     = 500
	// Beyond these a policy means never, and no column must overflow.
	maxMergeFrom = 10_000
	maxOvertaken = 1_000_000
	maxWait      = 30 * 24 * time.Hour
	maxCooling   = 30 * 24 * time.Hour

	minutesPerHour = 60
	hoursPerDay    = 24
	minutesPerDay  = hoursPerDay * minutesPerHour
	// planSize bounds what is merged and split at once.
	planSize = 20
)

// ErrPolicy is wrapped by what Validate finds.
var ErrPolicy = errors.New("withdrawal policy")

// Policy is how a token is paid out. The database's columns of withdrawal_policies explain each part.
type Policy struct {
	Enabled  bool
	Decimals int32
	Minimum  amount.Amount
	// Maximum is zero for none.
	Maximum       amount.Amount
	Delivery      Delivery
	OfferLifetime time.Duration
	Reclaim       bool
	// Window is how far ahead an attempt's target record time is.
	Window            time.Duration
	MaxAttempts       int
	MaxInputs         int
	SpendExpiredLocks bool
	Sweep             int
	Dust, Tiny        amount.Amount
	MergeFrom         int
	PoolTarget        int
	PoolLarge         amount.Amount
	// Hours are when the pool may be shaped; nil is always.
	Hours        *Hours
	MaxOvertaken int
	MaxWait      time.Duration
	// ApproveFrom is the amount from which somebody else than who requested it must approve; nil for never.
	ApproveFrom *amount.Amount
	// DestinationsOnly lets customers withdraw only to parties of their list; each counts Cooling after it was added.
	DestinationsOnly bool
	Cooling          time.Duration
}

// Hours are a part of every day, in minutes of UTC; From may be later than Until, which is then on the next day.
type Hours struct{ From, Until int }

// Contains reports whether a time is in these hours; Until is not.
func (h Hours) Contains(at time.Time) bool {
	utc := at.UTC()
	minute := utc.Hour()*minutesPerHour + utc.Minute()

	if h.From <= h.Until {
		return h.From <= minute && minute < h.Until
	}

	return minute >= h.From || minute < h.Until
}

func (h Hours) valid() bool {
	return h.From >= 0 && h.From < minutesPerDay && h.Until >= 0 && h.Until < minutesPerDay
}

// DefaultPolicy pays out, directly or by offer, without limits and without shaping the pool.
func DefaultPolicy() Policy {
	const (
		window   = 5 * time.Minute
		attempts = 5
		overtake = 100
		wait     = 10 * time.Minute
		cooling  = 24 * time.Hour
	)

	return Policy{
		Enabled: true, Decimals: amount.Scale, Delivery: Any, OfferLifetime: hoursPerDay * time.Hour, Reclaim: true,
		Window: window, MaxAttempts: attempts, MaxInputs: utxo.MaxInputs, MaxOvertaken: overtake, MaxWait: wait,
		Cooling: cooling,
	}
}

// approvable reports whether the amount from which a withdrawal is approved is one.
func (p Policy) approvable() bool { return p.ApproveFrom == nil || p.ApproveFrom.Sign() >= 0 }

// shapeable reports whether the hours in which the pool may be shaped are hours.
func (p Policy) shapeable() bool { return p.Hours == nil || p.Hours.valid() }

// Validate says what a policy could not be followed for.
func (p Policy) Validate() error {
	var found []error

	expect := func(holds bool, format string, args ...any) {
		if !holds {
			found = append(found, fmt.Errorf("%w: %s", ErrPolicy, fmt.Sprintf(format, args...)))
		}
	}

	expect(p.Decimals >= 0 && p.Decimals <= amount.Scale, "decimals: want 0 to %d", amount.Scale)
	expect(p.Minimum.Sign() >= 0, "minimum: want 0 or more")
	expect(p.Maximum.Sign() >= 0, "maximum: want 0 for none, or more")
	expect(p.Maximum.IsZero() || p.Maximum.Cmp(p.Minimum) >= 0, "maximum: want at least the minimum")
	expect(p.Delivery == Any || p.Delivery == DirectOnly, "delivery: want any or direct_only")
	expect(p.OfferLifetime >= MinOfferLifetime && p.OfferLifetime <= MaxOfferLifetime,
		"offer lifetime: want %s to %s", MinOfferLifetime, MaxOfferLifetime)
	expect(p.Window >= time.Second && p.Window <= MaxWindow, "attempt window: want 1s to %s", MaxWindow)
	expect(p.MaxAttempts >= 1 && p.MaxAttempts <= MaxAttempts, "attempts: want 1 to %d", MaxAttempts)
	expect(p.PoolTarget >= 0 && p.PoolTarget <= MaxPool, "pool target: want 0 to %d", MaxPool)
	expect(p.PoolTarget == 0 || p.PoolLarge.Sign() > 0, "pool of large holdings: want what is large")
	expect(p.Sweep >= 0 && p.Sweep < utxo.MaxInputs, "sweep: want 0 to %d", utxo.MaxInputs-1)
	expect(p.MergeFrom <= maxMergeFrom, "merge from: want at most %d", maxMergeFrom)
	expect(p.MaxOvertaken >= 0 && p.MaxOvertaken <= maxOvertaken, "overtaken: want 0 to %d", maxOvertaken)
	expect(p.approvable(), "approval: want an amount of 0 or more")
	expect(p.Cooling >= 0 && p.Cooling <= maxCooling, "cooling off: want 0 to %s", maxCooling)
	expect(p.MaxWait >= 0 && p.MaxWait <= maxWait, "wait: want 0 to %s", maxWait)

	expect(p.shapeable(), "hours: want minutes of the day, 0 to %d", minutesPerDay-1)

	if len(found) == 0 {
		found = append(found, p.tryOut())
	}

	return errors.Join(found...)
}

// tryOut is what utxo finds about the rest, on an empty pool.
func (p Policy) tryOut() error {
	pool, err := utxo.NewPool(utxo.Scope{}, p.Rules(), time.Time{}, nil)
	if err == nil {
		_, err = pool.Plan(p.Shape(), 0)
	}

	if err != nil {
		return fmt.Errorf("%w: %w", ErrPolicy, err)
	}

	return nil
}

// Rules are how holdings are chosen.
func (p Policy) Rules() utxo.Rules {
	return utxo.Rules{MaxInputs: p.MaxInputs, ExpiredLocks: p.SpendExpiredLocks, Sweep: p.Sweep, Dust: p.Dust}
}

// Fairness is how long small withdrawals may pass a large one.
func (p Policy) Fairness() utxo.Fairness {
	return utxo.Fairness{MaxOvertaken: p.MaxOvertaken, MaxWait: p.MaxWait}
}

// Shape is what the pool should look like.
func (p Policy) Shape() utxo.Shape {
	return utxo.Shape{
		Target: p.PoolTarget, Large: p.PoolLarge, MergeFrom: p.MergeFrom, Dust: p.Dust, Tiny: p.Tiny, Decimals: p.Decimals,
		MaxTransfers: planSize,
	}
}

// Shapes reports whether the pool is to be shaped at a time.
func (p Policy) Shapes(at time.Time) bool {
	wanted := p.PoolTarget > 0 || p.MergeFrom > 0 || p.Tiny.Sign() > 0

	return wanted && (p.Hours == nil || p.Hours.Contains(at))
}
