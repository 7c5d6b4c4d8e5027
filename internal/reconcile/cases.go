package reconcile

import (
	"slices"
	"strconv"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/store"
)

// checkCases compares the deposits that were not credited at once, and what became of them, with the postings.
func checkCases(a store.Audit) []Difference {
	ownerless := slices.DeleteFunc(slices.Clone(a.Postings), func(t store.AccountTotal) bool {
		return t.Kind != books.HeldMoney && t.Kind != books.UnattributedMoney
	})

	out := compareAccounts(OwnerlessDiffers, "deposits without an owner", a.Cases.Ownerless, ownerless)

	for _, w := range a.Cases.Wrong {
		switch subject := w.DepositID.String(); {
		case w.State == "":
			out = append(out, differ(CaseIsWrong, subject, "is %s, and has no case: nobody will decide about it", w.Deposit))
		case w.Deposit == "":
			out = append(out, differ(CaseIsWrong, subject, "has a case that is %s, and was credited or never arrived", w.State))
		default:
			out = append(out, differ(CaseIsWrong, subject, "its case is %s, and %d lines are booked for it, to account %q",
				w.State, w.Lines, w.BookedTo))
		}
	}

	for _, no := range a.Cases.Caseless {
		out = append(out, differ(CaseIsWrong, strconv.FormatInt(no, 10), "is booked as a case, and there is none"))
	}

	return out
}
