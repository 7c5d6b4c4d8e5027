package sandbox

import (
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Fees of the recorded generation (amulet 0.1.14 at a price of 0.005 USD): what was burned before CIP-0078.
const (
	amuletPrice    = "0.0050000000"
	createFee      = 6 // per created holding
	lockFee        = 1 // per lock holder
	feeReserve     = 4 // an offer locks this many times the expected fee on top
	firstTier      = 20_000
	firstTierRate  = "0.01"
	secondTierRate = "0.001"
)

// output is one thing an AmuletRules_Transfer creates.
type output struct {
	receiver ident.Party
	amount   amount.Amount
	lock     *plan // set for the locked output of an offer
}

// fees are what a recorded transfer burns.
type fees struct {
	output amount.Amount
	change amount.Amount
	left   amount.Amount
}

// transferFee is the create fee and a share of the amount: 1 % up to 20 000, 0.1 % above. A transfer to
// oneself pays the create fee only, and a lock its holder.
func transferFee(p *plan, o output) (amount.Amount, error) {
	base := amount.FromInt(createFee)

	if o.lock != nil {
		return base.Add(amount.FromInt(lockFee))
	}

	if p.sender() == o.receiver {
		return base, nil
	}

	value, err := decimal.NewFromString(o.amount.String())
	if err != nil {
		return base, fmt.Errorf("transfer fee: %w", err)
	}

	tier := decimal.NewFromInt(firstTier)
	share := decimal.Min(value, tier).Mul(decimal.RequireFromString(firstTierRate))
	share = share.Add(decimal.Max(value.Sub(tier), decimal.Zero).Mul(decimal.RequireFromString(secondTierRate)))

	fee, err := amount.Parse(share.RoundUp(amount.Scale).StringFixed(amount.Scale))
	if err != nil {
		return base, fmt.Errorf("transfer fee: %w", err)
	}

	return base.Add(fee)
}

// expectedCost is how much the inputs of a recorded transfer must cover at least.
func (t *transaction) expectedCost(p *plan) (amount.Amount, error) {
	if t.s.cfg.Shape != ShapeRecorded || p.transfer.Instrument.Admin != t.s.amulet.dso {
		return p.transfer.Amount, nil
	}

	fee, err := transferFee(p, output{receiver: p.receiver(), amount: p.transfer.Amount})
	if err != nil {
		return fee, err
	}

	need, err := p.transfer.Amount.Add(fee)
	if err != nil || p.sender() == p.receiver() || t.s.livePreapproval(p.receiver(), t.at) != nil {
		return need, err
	}

	// An offer: the reserve on top, and the lock's own fee.
	for range feeReserve - 1 {
		if need, err = need.Add(fee); err != nil {
			return need, err
		}
	}

	return need.Add(amount.FromInt(createFee + lockFee))
}

func computeFees(p *plan, o output) (fees, error) {
	f := fees{change: amount.FromInt(createFee)}

	var err error
	if f.output, err = transferFee(p, o); err != nil {
		return f, err
	}

	if f.left, err = p.total.Sub(o.amount); err != nil {
		return f, err
	}

	if f.left, err = f.left.Sub(f.output); err != nil {
		return f, err
	}

	if f.left.Sign() < 0 {
		return f, fmt.Errorf("%s does not cover %s and the fee of %s: %w",
			p.total.Short(), o.amount.Short(), f.output.Short(), ErrFunds)
	}

	if f.left.Cmp(f.change) < 0 {
		f.change = f.left
	}

	f.left, err = f.left.Sub(f.change)

	return f, err
}

func (f fees) burned() (amount.Amount, error) { return f.output.Add(f.change) }
