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
	Held       amount.Amount
	Booked     amount.Amount
}

type account struct {
	kind       books.AccountKind
	name       string
	instrument ident.Instrument
}

// checkBooks compares the postings with the holdings and the balances with the postings.
func checkBooks(a store.Audit) ([]Total, []Difference, error) {
	held, booked, all := sums{}, sums{}, sums{}

	for _, h := range a.Holdings {
		if err := held.add(h.Instrument, h.Amount); err != nil {
			return nil, nil, err
		}
	}

	balances := map[account]amount.Amount{}
	for _, b := range a.Balances {
		balances[account{b.Kind, b.Account, b.Instrument}] = b.Amount
	}

	var out []Difference

	for _, p := range a.Postings {
		if err := all.add(p.Instrument, p.Amount); err != nil {
			return nil, nil, err
		}

		if p.Kind != books.Network {
			if err := booked.add(p.Instrument, p.Amount); err != nil {
				return nil, nil, err
			}
		}

		key := account{p.Kind, p.Account, p.Instrument}
		if balance, ok := balances[key]; !ok || !balance.Equal(p.Amount) {
			out = append(out, differ(BalanceIsWrong, key.String(), "balance %s, postings %s", balance, p.Amount))
		}

		delete(balances, key)
	}

	for key, balance := range balances {
		out = append(out, differ(BalanceIsWrong, key.String(), "balance %s without any posting", balance))
	}

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

	return totals, out, nil
}

func (a account) String() string {
	if a.name == "" {
		return fmt.Sprintf("%s %s", a.kind, a.instrument)
	}

	return fmt.Sprintf("%s %q %s", a.kind, a.name, a.instrument)
}

type sums map[ident.Instrument]amount.Amount

func (s sums) add(i ident.Instrument, a amount.Amount) error {
	sum, err := s[i].Add(a)
	if err != nil {
		return fmt.Errorf("sum %s: %w", i, err)
	}

	s[i] = sum

	return nil
}

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
