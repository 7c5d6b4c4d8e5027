package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// Total is what the treasury holds of a token, and what its accounts sum to.
type Total struct {
	Instrument ident.Instrument
	Held       amount.Total
	Booked     amount.Total
}

type account struct {
	kind       books.AccountKind
	name       string
	instrument ident.Instrument
}

// checkBooks compares the postings with the holdings, the balances with the postings, and the credited deposits with
// what was posted to customers.
func checkBooks(a store.Audit) ([]Total, []Difference) {
	held, booked, all := sums{}, sums{}, sums{}

	for _, h := range a.Holdings {
		held[h.Instrument] = held[h.Instrument].Plus(h.Amount)
	}

	for _, p := range a.Postings {
		all[p.Instrument] = all[p.Instrument].PlusTotal(p.Amount)

		if p.Kind != books.Network {
			booked[p.Instrument] = booked[p.Instrument].PlusTotal(p.Amount)
		}
	}

	out := slices.Concat(
		compareAccounts(BalanceIsWrong, "balance", a.Balances, a.Postings),
		compareAccounts(CreditsDiffer, "credited deposits", a.Credited, a.Credits))

	totals := compareSums(held, booked)

	for _, t := range totals {
		subject := t.Instrument.String()

		if !t.Held.Equal(t.Booked) {
			out = append(out, differ(BooksDoNotMatch, subject, "holdings %s, accounts %s", t.Held, t.Booked))
		}

		if sum := all[t.Instrument]; !sum.IsZero() {
			out = append(out, differ(BooksDoNotClose, subject, "all accounts together are %s, not zero", sum))
		}
	}

	return totals, out
}

// compareAccounts finds accounts that have another sum on one side than by the postings; none is as good as zero.
func compareAccounts(f Finding, left string, lefts, postings []store.AccountTotal) []Difference {
	sides := map[account][2]amount.Total{}

	for side, totals := range [][]store.AccountTotal{lefts, postings} {
		for _, t := range totals {
			key := account{t.Kind, t.Account, t.Instrument}
			both := sides[key]
			both[side] = both[side].PlusTotal(t.Amount)
			sides[key] = both
		}
	}

	var out []Difference

	for key, both := range sides {
		if !both[0].Equal(both[1]) {
			out = append(out, differ(f, key.String(), "%s %s, postings %s", left, both[0], both[1]))
		}
	}

	return out
}

func (a account) String() string {
	if a.name == "" {
		return fmt.Sprintf("%s %s", a.kind, a.instrument)
	}

	return fmt.Sprintf("%s %q %s", a.kind, a.name, a.instrument)
}

type sums map[ident.Instrument]amount.Total

func compareSums(held, booked sums) []Total {
	totals := make([]Total, 0, len(held))
	for i, h := range held {
		totals = append(totals, Total{Instrument: i, Held: h, Booked: booked[i]})
	}

	for i, b := range booked {
		if _, ok := held[i]; !ok {
			totals = append(totals, Total{Instrument: i, Booked: b})
		}
	}

	slices.SortFunc(totals, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.Instrument.Admin, b.Instrument.Admin), cmp.Compare(a.Instrument.ID, b.Instrument.ID))
	})

	return totals
}
