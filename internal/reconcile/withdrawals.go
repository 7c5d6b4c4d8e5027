package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/store"
)

// checkWithdrawals compares the withdrawals with the postings, and what workers have in hand with the holdings.
func checkWithdrawals(a store.Audit) []Difference {
	underWay := slices.DeleteFunc(slices.Clone(a.Postings), func(t store.AccountTotal) bool {
		return t.Kind != books.WithdrawalsUnderWay
	})

	out := compareAccounts(UnderWayDiffers, "withdrawals under way", a.Withdrawals.UnderWay, underWay)

	for _, m := range a.Withdrawals.Misbooked {
		subject := m.Withdrawals
		if subject == "" {
			subject = fmt.Sprintf("%s %d", m.Origin, m.No)
		}

		out = append(out, differ(NotBookedOnce, subject, "postings of %s %d to %q: want %s of %q, have %s",
			m.Origin, m.No, m.Account, m.Wanted, m.Instrument, m.Booked))
	}

	for _, r := range a.Withdrawals.Reservations {
		out = append(out, differ(ReservationIsWrong, string(r.Contract),
			"reserved for attempt %d of %q: withdrawal in work=%t, attempt live=%t, holding active=%t",
			r.Attempt, r.Withdrawal, r.Working, r.Live, r.Active))
	}

	for _, p := range a.Withdrawals.Payments {
		out = append(out, differ(ReservationIsWrong, p.Withdrawal, "attempt %d may spend %s, reserved are %s",
			p.Attempt, strings.Join(p.Inputs, " "), strings.Join(p.Reserved, " ")))
	}

	for _, i := range a.Withdrawals.Idle {
		out = append(out, differ(NothingPaysIt, i.Withdrawal,
			"is %s, and its attempt %d is no live payment", i.State, i.Attempt))
	}

	return out
}
