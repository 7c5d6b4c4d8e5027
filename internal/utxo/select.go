package utxo

import (
	"fmt"
	"sort"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Selection is the holdings that pay an amount.
type Selection struct {
	// Inputs are what the transfer spends: what the payment needs, the largest first, then Swept holdings of dust.
	Inputs []ident.ContractID
	Swept  int
	// Total is what the inputs hold, at least the amount.
	Total amount.Total
}

// Select chooses the holdings that pay an amount. A holding of exactly the amount pays it alone. Else, of all sets of
// at most MaxInputs holdings that suffice, it is the one whose largest holding is the smallest; among those, the one
// whose second largest is the smallest or missing, and so on. So large holdings stay free for large payments, small
// ones get merged, and no input could be left out. Holdings of the same amount are taken in the order of their ids.
// Then Rules.Sweep takes more dust along.
//
// The error is a *ShortageError if the pool cannot pay now, or wraps ErrAmount.
func (p *Pool) Select(a amount.Amount) (Selection, error) {
	places, err := p.pick(a)
	if err != nil {
		return Selection{}, err
	}

	chosen := p.selection(places)
	p.sweepInto(&chosen, a, places)

	return chosen, nil
}

func (p *Pool) selection(places []int) Selection {
	return Selection{Inputs: p.contracts(places), Total: p.worth(places).total()}
}

// worth is what the holdings at these places hold.
func (p *Pool) worth(places []int) units {
	var sum units
	for _, place := range places {
		sum = sum.plus(p.free[place].value)
	}

	return sum
}

// pick is Select without sweeping; it gives places, in descending order.
func (p *Pool) pick(a amount.Amount) ([]int, error) {
	if a.Sign() <= 0 {
		return nil, fmt.Errorf("%w: %s", ErrAmount, a.Short())
	}

	value := unitsOf(a)
	if place := p.below(value); place < len(p.free) && p.free[place].value == value {
		return []int{place}, nil
	}

	if places := p.least(value, len(p.free)); places != nil {
		return places, nil
	}

	return nil, p.shortage(a, value)
}

// least is the set that Select describes, out of the free holdings before a place; nil if there is none.
//
// The most that can be paid with a given largest holding and so many inputs is that holding and the next smaller ones,
// a window of the order, and a window further up is worth at least as much. So the smallest largest holding is found
// by bisection, and what is still to be paid is again the same question, about the holdings below it.
func (p *Pool) least(value units, end int) []int {
	window := p.rules.MaxInputs
	if p.between(max(0, end-window), end).less(value) {
		return nil
	}

	var places []int

	for !value.isZero() {
		largest := sort.Search(end, func(i int) bool {
			return !p.between(max(0, i+1-window), i+1).less(value)
		})

		places = append(places, largest)
		value = value.minus(p.free[largest].value)
		end, window = largest, window-1
	}

	return places
}

// sweepInto adds dust to a selection that leaves change, the smallest first. It leaves out the places that the
// selection has already, given in descending order, and returns those that it took.
func (p *Pool) sweepInto(chosen *Selection, a amount.Amount, picked []int) []int {
	if chosen.Total.Equal(amount.Total{}.Plus(a)) {
		return nil
	}

	room := min(p.rules.Sweep, p.rules.MaxInputs-len(chosen.Inputs))
	dust := p.below(unitsOf(p.rules.Dust))

	var places []int

	for place := 0; place < dust && len(places) < room; place++ {
		if n := len(picked); n > 0 && picked[n-1] == place {
			picked = picked[:n-1]

			continue
		}

		places = append(places, place)
	}

	chosen.Inputs = append(chosen.Inputs, p.contracts(places)...)
	chosen.Swept = len(places)
	chosen.Total = chosen.Total.PlusTotal(p.worth(places).total())

	return places
}
