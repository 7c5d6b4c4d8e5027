package txhistory

import (
	"math/big"
	"strings"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// total is a sum of amounts that cannot overflow. A single holding always fits an Amount, but a stranger who
// runs a registry of his own can give the party two that together do not, and that must not stop ingestion.
type total struct {
	sum  amount.Amount
	wide *big.Int // in units of 10^-10; takes over once sum would overflow
}

func (t *total) add(a amount.Amount) {
	if t.wide == nil {
		sum, err := t.sum.Add(a)
		if err == nil {
			t.sum = sum

			return
		}

		t.wide = units(t.sum)
	}

	t.wide = new(big.Int).Add(t.wide, units(a)) // a new one: totals are copied
}

func (t *total) sub(a amount.Amount) { t.add(a.Neg()) }

func (t *total) sign() int {
	if t.wide != nil {
		return t.wide.Sign()
	}

	return t.sum.Sign()
}

// amount is the sum, if it fits.
func (t *total) amount() (amount.Amount, bool) { return t.sum, t.wide == nil }

// units is an amount as an integer of its smallest unit.
func units(a amount.Amount) *big.Int {
	n, _ := new(big.Int).SetString(strings.Replace(a.String(), ".", "", 1), 10)

	return n
}

// balance is a total per instrument, in the order in which the instruments first appear.
type balance struct {
	entries []entry
	index   map[ident.Instrument]int
}

type entry struct {
	instrument ident.Instrument
	total      total
}

// of returns the instrument's total, which lives until the next call.
func (b *balance) of(instrument ident.Instrument) *total {
	// Nearly always there is one instrument: a map pays off only where somebody wants to slow us down.
	const few = 8

	if b.index == nil {
		for i := range b.entries {
			if b.entries[i].instrument == instrument {
				return &b.entries[i].total
			}
		}
	} else if i, ok := b.index[instrument]; ok {
		return &b.entries[i].total
	}

	b.entries = append(b.entries, entry{instrument: instrument})

	switch {
	case b.index != nil:
		b.index[instrument] = len(b.entries) - 1
	case len(b.entries) > few:
		b.index = make(map[ident.Instrument]int)
		for i := range b.entries {
			b.index[b.entries[i].instrument] = i
		}
	}

	return &b.entries[len(b.entries)-1].total
}
