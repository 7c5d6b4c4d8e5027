package utxo

import (
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
)

// MaxInputs is how many holdings one transfer of Canton Coin spends at most (maxNumInputs of its rules).
const MaxInputs = 100

// maxShaped is 10^26: what is smaller than that can be merged by MaxInputs at a time and still is an amount.
const maxShaped = "100000000000000000000000000"

var (
	// ErrPolicy is wrapped by the error for rules, shapes and fairness that contradict themselves.
	ErrPolicy = errors.New("policy cannot be followed")
	// ErrAmount is wrapped by the error for an amount to pay that is not positive.
	ErrAmount = errors.New("amount to pay is not positive")
)

// Rules say how a token's holdings are spent.
type Rules struct {
	// MaxInputs is how many holdings a transfer spends at most, 2 to 100. Every input makes the transaction larger, and
	// its traffic is paid for.
	MaxInputs int
	// ExpiredLocks lets holdings be spent whose lock has ended. Only Canton Coin lets its owner do that.
	ExpiredLocks bool
	// Sweep is how many holdings of less than Dust a payment takes along beyond its need, merging them into its change.
	// Nothing is swept where a payment leaves no change.
	Sweep int
	Dust  amount.Amount
}

func (r Rules) check() error {
	switch {
	case r.MaxInputs < 2 || r.MaxInputs > MaxInputs:
		return fmt.Errorf("%w: at most %d inputs, want 2 to %d", ErrPolicy, r.MaxInputs, MaxInputs)
	case r.Sweep < 0 || r.Dust.Sign() < 0:
		return fmt.Errorf("%w: sweep of %d below %s, want neither negative", ErrPolicy, r.Sweep, r.Dust.Short())
	default:
		return nil
	}
}

// Fairness says how long small withdrawals may pass a large one that cannot be paid yet. Then the large one is due:
// what it needs is kept for it, and those behind it are paid from the rest.
type Fairness struct {
	// MaxOvertaken is how many payments, or merges for payments, may pass it; 0 keeps the order strictly.
	MaxOvertaken int
	// MaxWait is how long it may wait before it is due; 0 is no limit.
	MaxWait time.Duration
	// HoldUnfunded makes a withdrawal hold up others even if spendable and reserved holdings together do not cover it, so
	// that it waits for money to arrive. Without it one withdrawal larger than the treasury does not stop all others, and
	// is passed until there is enough.
	HoldUnfunded bool
}

func (f Fairness) check() error {
	if f.MaxOvertaken < 0 || f.MaxWait < 0 {
		return fmt.Errorf("%w: overtaken %d times, waiting %s, want neither negative", ErrPolicy, f.MaxOvertaken, f.MaxWait)
	}

	return nil
}

// Shape is what a token's pool should look like. The zero Shape asks for nothing.
type Shape struct {
	// Target is how many holdings of at least Large there should be: as many withdrawals can be paid at once.
	Target int
	Large  amount.Amount
	// MergeFrom is how many holdings of less than Dust make it worth to merge them; 0 or at least 2.
	MergeFrom int
	Dust      amount.Amount
	// Tiny holdings, of less than this, are merged however few they are, because Canton Coin lets them expire. At most
	// Dust; 0 is never. Anybody can send such amounts, and each merge costs traffic.
	Tiny amount.Amount
	// Decimals is how many fractional digits the token's registry takes in an amount, 0 to 10.
	Decimals int32
	// MaxTransfers bounds one plan.
	MaxTransfers int
}

func (s Shape) check() error {
	most, err := amount.Parse(maxShaped)
	if err != nil {
		return err
	}

	switch {
	case s.Target < 0 || s.MaxTransfers < 0 || s.Decimals < 0 || s.Decimals > amount.Scale:
		return fmt.Errorf("%w: target %d, transfers %d or decimals %d out of range",
			ErrPolicy, s.Target, s.MaxTransfers, s.Decimals)
	case s.Large.Cmp(most) > 0 || s.Dust.Cmp(most) > 0:
		return fmt.Errorf("%w: large or dust is above %s", ErrPolicy, maxShaped)
	case s.MergeFrom < 0 || s.MergeFrom == 1:
		return fmt.Errorf("%w: merge from %d, want 0 or at least 2", ErrPolicy, s.MergeFrom)
	case s.Tiny.Sign() < 0 || s.Tiny.Cmp(s.Dust) > 0:
		return fmt.Errorf("%w: tiny is %s, want 0 to dust's %s", ErrPolicy, s.Tiny.Short(), s.Dust.Short())
	case s.Target > 0:
		return s.checkLarge()
	default:
		return nil
	}
}

func (s Shape) checkLarge() error {
	switch {
	case s.Large.Sign() <= 0 || !s.Large.FitsDecimals(s.Decimals):
		return fmt.Errorf("%w: large is %s, want it positive with %d decimals", ErrPolicy, s.Large.Short(), s.Decimals)
	case s.Dust.Cmp(s.Large) > 0:
		return fmt.Errorf("%w: dust is %s, above large's %s", ErrPolicy, s.Dust.Short(), s.Large.Short())
	default:
		return nil
	}
}
