package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// CaseAudit is what of the deposits that were not credited at once must agree with the books.
type CaseAudit struct {
	// Ownerless are the sums of what is held or waits for a person.
	Ownerless []AccountTotal
	// Wrong are deposits and cases that do not fit together, or are not booked as they stand.
	Wrong []WrongCase
	// Caseless are the numbers of cases for which something is booked, and that do not exist.
	Caseless []int64
}

// WrongCase is a case that is not booked once as what it came to, a deposit that has none, or a case without deposit.
type WrongCase struct {
	DepositID uuid.UUID
	// State is empty where there is no case, Deposit where there is no deposit.
	State   deposit.CaseState
	Deposit string
	// BookedTo are the accounts that got it, Lines how many lines were booked for it: two for one that is credited.
	BookedTo string
	Lines    int
}

func (db *DB) fillCaseAudit(
	ctx context.Context, tx pgx.Tx, treasury int32, instruments map[int32]ident.Instrument, a *CaseAudit,
) error {
	ownerless, err := db.queries.CaseOwnerlessTotals(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("sum deposits without an owner: %w", err)
	}

	a.Ownerless, err = accountTotals(mapped(ownerless, func(r dbsqlc.CaseOwnerlessTotalsRow) accountRow {
		return accountRow{r.AccountKind, "", r.InstrumentNo, r.Total}
	}), instruments)
	if err != nil {
		return err
	}

	wrong, err := db.queries.CaseListWrong(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("compare cases with postings: %w", err)
	}

	a.Wrong = mapped(wrong, func(r dbsqlc.CaseListWrongRow) WrongCase {
		return WrongCase{r.DepositID, deposit.CaseState(r.State), r.Deposit, r.BookedTo, int(r.Lines)}
	})

	if a.Caseless, err = db.queries.PostingListCaseless(ctx, tx, treasury); err != nil {
		return fmt.Errorf("look for postings without a case: %w", err)
	}

	return nil
}
