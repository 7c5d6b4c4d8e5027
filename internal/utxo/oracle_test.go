package utxo_test

import (
	"cmp"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/utxo"
)

// oracle selects by looking at every set of holdings, and classifies one by one.
type oracle struct {
	rules                             utxo.Rules
	free                              []utxo.Holding // in descending order
	reserved, locked, elsewhere, back []utxo.Holding
}

func newOracle(rules utxo.Rules, holdings []utxo.Holding) oracle {
	o := oracle{rules: rules}

	for _, h := range holdings {
		open := h.Locked && rules.ExpiredLocks && !h.LockEnds.IsZero() && h.LockEnds.Compare(noon) < 0

		switch {
		case h.Instrument != coin || h.Amount.IsZero():
			continue
		case h.Reserved:
			o.reserved = append(o.reserved, h)
		case h.Locked && !open:
			o.locked = append(o.locked, h)
		case h.InFlight || h.Synchronizer != synchronizer:
			o.elsewhere = append(o.elsewhere, h)
		default:
			o.free = append(o.free, h)
		}
	}

	o.back = slices.Concat(o.reserved, o.locked, o.elsewhere)
	slices.SortFunc(o.free, func(x, y utxo.Holding) int {
		return cmp.Or(y.Amount.Cmp(x.Amount), cmp.Compare(y.Contract, x.Contract))
	})

	return o
}

// best is the set that pays the amount: nil if there is none.
func (o oracle) best(a amount.Amount) []utxo.Holding {
	var best []utxo.Holding

	for _, h := range o.free {
		if h.Amount.Equal(a) {
			best = []utxo.Holding{h} // the last is the one with the lowest id
		}
	}

	if best != nil {
		return best
	}

	for set := range 1 << len(o.free) {
		var list []utxo.Holding

		for i, h := range o.free {
			if set>>i&1 == 1 {
				list = append(list, h)
			}
		}

		if len(list) <= o.rules.MaxInputs && sum(list).Cmp(a.Scaled()) >= 0 && (best == nil || before(list, best)) {
			best = list
		}
	}

	return best
}

// before compares sets by their largest amounts, and only then by ids.
func before(x, y []utxo.Holding) bool {
	byAmount := slices.CompareFunc(x, y, func(g, h utxo.Holding) int { return g.Amount.Cmp(h.Amount) })
	byID := slices.CompareFunc(x, y, func(g, h utxo.Holding) int { return cmp.Compare(g.Contract, h.Contract) })

	return cmp.Or(byAmount, byID) < 0
}

// swept are the smallest holdings of dust that the set does not have.
func (o oracle) swept(a amount.Amount, set []utxo.Holding) []utxo.Holding {
	var list []utxo.Holding

	if sum(set).Cmp(a.Scaled()) == 0 {
		return nil
	}

	for _, h := range slices.Backward(o.free) {
		if h.Amount.Cmp(o.rules.Dust) < 0 && !slices.Contains(contracts(set), h.Contract) &&
			len(list) < o.rules.Sweep && len(set)+len(list) < o.rules.MaxInputs {
			list = append(list, h)
		}
	}

	return list
}

func (o oracle) reason(a amount.Amount) utxo.Reason {
	switch asked := a.Scaled(); {
	case sum(o.free).Cmp(asked) >= 0:
		return utxo.NeedsMerge
	case new(big.Int).Add(sum(o.free), sum(o.back)).Cmp(asked) >= 0:
		return utxo.HeldBack
	default:
		return utxo.Insufficient
	}
}

// until tries every time at which something may come free.
func (o oracle) until(a amount.Amount) time.Time {
	var first time.Time

	for _, candidate := range o.back {
		for _, then := range []time.Time{candidate.ReservedUntil, candidate.LockEnds} {
			have := sum(o.free)

			for _, h := range o.back {
				if (!h.Reserved || in(h.ReservedUntil, then)) && (!h.Locked || in(h.LockEnds, then)) &&
					(h.Reserved || h.Locked) {
					have.Add(have, h.Amount.Scaled())
				}
			}

			if have.Cmp(a.Scaled()) >= 0 && then.After(noon) && (first.IsZero() || then.Before(first)) {
				first = then
			}
		}
	}

	return first
}

func in(until, then time.Time) bool { return until.After(noon) && !until.After(then) }

func contracts(holdings []utxo.Holding) []ident.ContractID {
	list := make([]ident.ContractID, len(holdings))
	for i, h := range holdings {
		list[i] = h.Contract
	}

	return list
}

func drawRules(t *rapid.T) utxo.Rules {
	return utxo.Rules{
		MaxInputs:    oneOf(t, "max inputs", 3, 4, 2, 6),
		ExpiredLocks: rapid.Bool().Draw(t, "expired locks"),
		Sweep:        rapid.IntRange(0, 3).Draw(t, "sweep"),
		Dust:         drawAmount(t, "dust"),
	}
}

func TestSelectAgreesWithEverySetTried(t *testing.T) {
	t.Parallel()

	met := map[utxo.Reason]int{}

	checkOften(t, func(t *rapid.T) {
		rules := drawRules(t)
		holdings := drawHoldings(t, 11)
		o, p := newOracle(rules, holdings), poolOf(t, rules, shuffled(t, holdings)...)

		a := drawAsked(t, holdings)
		set := o.best(a)

		got, err := p.Select(a)
		if set != nil {
			require.NoError(t, err)
			met[0]++

			swept := o.swept(a, set)
			require.Equal(t, contracts(slices.Concat(set, swept)), got.Inputs)
			require.Equal(t, len(swept), got.Swept)
			require.Equal(t, sum(slices.Concat(set, swept)).String(), units(got.Total))

			return
		}

		var s *utxo.ShortageError

		require.ErrorAs(t, err, &s)
		require.Equal(t, o.reason(a), s.Reason)
		met[s.Reason]++

		require.True(t, s.Amount.Equal(a))
		require.Equal(t, sum(o.free).String(), units(s.Spendable))
		require.Equal(t, sum(o.reserved).String(), units(s.Reserved))
		require.Equal(t, sum(o.locked).String(), units(s.Locked))
		require.Equal(t, sum(o.elsewhere).String(), units(s.Elsewhere))
		require.True(t, s.Kept.IsZero())

		if s.Reason == utxo.HeldBack {
			require.Equal(t, o.until(a), s.Until)
		} else {
			require.Zero(t, s.Until)
		}

		require.Equal(t, s.Reason == utxo.NeedsMerge, len(s.Merges) > 0)
	})

	for _, reason := range []utxo.Reason{0, utxo.Insufficient, utxo.HeldBack, utxo.NeedsMerge} {
		require.Positive(t, met[reason], "the property never met %s", reason)
	}
}

// units is a total without its point and leading zeros.
func units(total amount.Total) string {
	text := total.String()
	point := len(text) - amount.Scale - 1

	n, ok := new(big.Int).SetString(text[:point]+text[point+1:], 10)
	if !ok {
		return "no number: " + text
	}

	return n.String()
}

func TestMergesLeadToThePayment(t *testing.T) {
	t.Parallel()

	merged := 0

	checkOften(t, func(t *rapid.T) {
		w := newWorld(oneOf(t, "max inputs", 2, 3, 4, 7), drawHoldings(t, 60))
		a := drawAsked(t, w.list())

		for round := 0; ; round++ {
			_, err := w.pool(t).Select(a)
			if err == nil {
				return
			}

			var s *utxo.ShortageError

			require.ErrorAs(t, err, &s)

			if s.Reason != utxo.NeedsMerge {
				require.Zero(t, round, "merges end in a payment")

				return
			}

			require.NotEmpty(t, s.Merges)
			require.Less(t, round, 6, "60 holdings are one after six rounds of pairs")

			for _, merge := range s.Merges {
				require.Equal(t, utxo.Merge, merge.Purpose)
				require.Negative(t, merge.Amount.Cmp(a))
				require.Zero(t, w.apply(t, merge).Sign(), "a merge leaves nothing over")

				merged++
			}
		}
	})

	require.Positive(t, merged)
}

// world is a treasury whose self-transfers commit.
type world struct {
	inputs   int
	holdings map[ident.ContractID]utxo.Holding
	made     int
}

func newWorld(inputs int, holdings []utxo.Holding) *world {
	w := &world{inputs: inputs, holdings: map[ident.ContractID]utxo.Holding{}}
	for _, h := range holdings {
		w.holdings[h.Contract] = h
	}

	return w
}

func (w *world) list() []utxo.Holding {
	list := make([]utxo.Holding, 0, len(w.holdings))
	for _, h := range w.holdings {
		list = append(list, h)
	}

	return list
}

func (w *world) pool(t require.TestingT) *utxo.Pool { return pool(t, w.inputs, w.list()...) }

// apply commits a self-transfer as the ledger would, where fees are zero, and returns the rest beside its amount.
func (w *world) apply(t require.TestingT, transfer utxo.Transfer) *big.Int {
	require.NotEmpty(t, transfer.Inputs)
	require.Positive(t, transfer.Amount.Sign())

	rest := w.spend(t, transfer.Inputs)
	rest.Sub(rest, transfer.Amount.Scaled())
	require.GreaterOrEqual(t, rest.Sign(), 0)
	w.create(transfer.Amount)

	if rest.Sign() > 0 {
		change, err := amount.FromScaled(rest)
		require.NoError(t, err)
		w.create(change)
	}

	return rest
}

// spend archives the inputs of one transaction and returns what they held.
func (w *world) spend(t require.TestingT, inputs []ident.ContractID) *big.Int {
	require.LessOrEqual(t, len(inputs), w.inputs)

	held := new(big.Int)

	for _, id := range inputs {
		h, ok := w.holdings[id]
		require.True(t, ok, "%s is not there, or is spent twice", id)
		require.False(t, h.Reserved || h.Locked || h.InFlight || h.Synchronizer != synchronizer || h.Instrument != coin)

		held.Add(held, h.Amount.Scaled())
		delete(w.holdings, id)
	}

	return held
}

func (w *world) create(a amount.Amount) {
	w.made++

	h := of("01"+big.NewInt(int64(w.made)).String(), "1")
	h.Amount = a
	w.holdings[h.Contract] = h
}
