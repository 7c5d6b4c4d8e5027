package utxo

import (
	"slices"
	"sort"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Pool is a snapshot of a token's holdings on one synchronizer. It does not change, and may be used concurrently.
type Pool struct {
	rules Rules
	at    time.Time
	// free can be spent, in ascending order. sums[i] is the sum of the first i.
	free []entry
	sums []units
	// back cannot be spent now; hidden are its sums by reason.
	back   []heldBack
	hidden [standings]units
}

// heldBack is a holding that cannot be spent now.
type heldBack struct {
	value units
	why   standing
	until time.Time
}

// NewPool takes in the holdings of this scope; those of other instruments are none of its business, nor are those of a
// broken registry that hold nothing. at is the ledger's time: the last record time that was ingested from the
// synchronizer. Holdings in any order do, but those ordered by amount and contract id (byte by byte: COLLATE "C") need
// no sorting, which is most of the work where many amounts are equal.
func NewPool(scope Scope, rules Rules, at time.Time, holdings []Holding) (*Pool, error) {
	if err := rules.check(); err != nil {
		return nil, err
	}

	p := &Pool{rules: rules, at: at, free: make([]entry, 0, len(holdings))}

	for i := range holdings {
		h := &holdings[i]
		if h.Instrument != scope.Instrument || h.Amount.Sign() <= 0 {
			continue
		}

		value := unitsOf(h.Amount)

		if why := h.standing(scope, rules, at); why == spendable {
			p.free = append(p.free, entry{value: value, contract: h.Contract})
		} else {
			p.putBack(heldBack{value: value, why: why, until: h.until(at)})
		}
	}

	p.free = sorted(p.free)
	p.sums = make([]units, len(p.free)+1)
	p.sum(0)

	return p, nil
}

// Spendable is how many holdings can be spent now, and how much they are.
func (p *Pool) Spendable() (int, amount.Total) { return len(p.free), p.spendable().total() }

func (p *Pool) spendable() units { return p.sums[len(p.free)] }

// sum brings the sums up to date from this place on.
func (p *Pool) sum(from int) {
	for i := from; i < len(p.free); i++ {
		p.sums[i+1] = p.sums[i].plus(p.free[i].value)
	}
}

// between is the sum of the free holdings from one place to before another.
func (p *Pool) between(from, to int) units { return p.sums[to].minus(p.sums[from]) }

// below is how many free holdings are smaller than a value: the place of the first that is not.
func (p *Pool) below(value units) int {
	return sort.Search(len(p.free), func(i int) bool { return !p.free[i].value.less(value) })
}

// largest is where the fewest of the largest free holdings before a place begin that make up a value; 0 if all of them
// do not, and the place itself for no value.
func (p *Pool) largest(value units, end int) int {
	// The first place from which less than the value is left comes after the one that is looked for.
	tooFar := sort.Search(end+1, func(i int) bool { return p.between(i, end).less(value) })

	return max(0, tooFar-1)
}

// contracts are the ids at these places, in their order.
func (p *Pool) contracts(places []int) []ident.ContractID {
	ids := make([]ident.ContractID, len(places))
	for i, place := range places {
		ids[i] = p.free[place].contract
	}

	return ids
}

// clone is a pool that can be changed by whoever made it.
func (p *Pool) clone() *Pool {
	c := *p
	c.free, c.sums, c.back = slices.Clone(p.free), slices.Clone(p.sums), slices.Clone(p.back)

	return &c
}

// hold takes the holdings at these places, which may come in any order, out of those that can be spent.
func (p *Pool) hold(places []int, why standing) {
	if len(places) == 0 {
		return
	}

	places = slices.Clone(places)
	slices.Sort(places)

	to, next := places[0], 0

	for from := places[0]; from < len(p.free); from++ {
		if next < len(places) && places[next] == from {
			p.putBack(heldBack{value: p.free[from].value, why: why})
			next++

			continue
		}

		p.free[to] = p.free[from]
		to++
	}

	p.free = p.free[:to]
	p.sums = p.sums[:to+1]
	p.sum(places[0])
}

func (p *Pool) putBack(h heldBack) {
	p.back = append(p.back, h)
	p.hidden[h.why] = p.hidden[h.why].plus(h.value)
}

// span are the places from one to before another.
func span(from, to int) []int {
	places := make([]int, 0, max(0, to-from))
	for i := from; i < to; i++ {
		places = append(places, i)
	}

	return places
}
