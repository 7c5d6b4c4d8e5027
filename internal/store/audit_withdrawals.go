package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// WithdrawalAudit is what of a treasury's withdrawals must agree with its books and its holdings. All but UnderWay are
// empty if it does.
type WithdrawalAudit struct {
	// UnderWay are the sums of what is set aside for withdrawals that have not ended.
	UnderWay []AccountTotal
	// Misbooked are movements of withdrawals' money that should not be, or that are not there.
	Misbooked []Misbooked
	// Reservations are those that no live payment of a withdrawal in work needs, or of holdings that are gone.
	Reservations []WrongReservation
	// Payments are live ones whose inputs are not exactly what is reserved for them.
	Payments []WrongPayment
	// Idle are being paid with no live payment to pay them.
	Idle []IdleWithdrawal
}

// Misbooked is an account that got something else for one cause than the withdrawals say.
type Misbooked struct {
	// Origin and No are those of the postings: what caused the movement.
	Origin     string
	No         int64
	Account    string
	Instrument ident.Instrument
	Wanted     amount.Total
	Booked     amount.Total
	// Withdrawals are the ids of those it is about, one after the other; empty if it should not be at all.
	Withdrawals string
}

// WrongReservation is a holding that is reserved and should not be.
type WrongReservation struct {
	Contract   ident.ContractID
	Withdrawal string
	Attempt    int
	// Working says that the withdrawal is being paid, Live that the attempt is, Active that the holding is there.
	Working, Live, Active bool
}

// WrongPayment is a live payment that may spend something else than is reserved for it.
type WrongPayment struct {
	Withdrawal       string
	Attempt          int
	Inputs, Reserved []string
}

// IdleWithdrawal is one that no worker will do anything for.
type IdleWithdrawal struct {
	Withdrawal string
	State      withdrawal.State
	Attempt    int
}

func (db *DB) fillWithdrawalAudit(
	ctx context.Context, tx pgx.Tx, treasury int32, instruments map[int32]ident.Instrument, a *WithdrawalAudit,
) error {
	underWay, err := db.queries.WithdrawalUnderWayTotals(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("sum withdrawals: %w", err)
	}

	a.UnderWay, err = accountTotals(mapped(underWay, func(r dbsqlc.WithdrawalUnderWayTotalsRow) accountRow {
		return accountRow{string(books.WithdrawalsUnderWay), "", r.InstrumentNo, r.Total}
	}), instruments)
	if err != nil {
		return err
	}

	misbooked, err := db.queries.WithdrawalListMisbooked(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("compare withdrawals with postings: %w", err)
	}

	for _, row := range misbooked {
		m := Misbooked{
			Origin: row.Origin, No: row.OriginNo, Account: row.Account, Instrument: instruments[row.InstrumentNo],
			Withdrawals: row.Ids,
		}

		for text, to := range map[string]*amount.Total{row.Wanted: &m.Wanted, row.Booked: &m.Booked} {
			if *to, err = amount.ParseTotal(text); err != nil {
				return fmt.Errorf("sum of postings of %s %d: %w", row.Origin, row.OriginNo, err)
			}
		}

		a.Misbooked = append(a.Misbooked, m)
	}

	return db.fillWorkAudit(ctx, tx, treasury, a)
}

// fillWorkAudit reads what of the workers' tables does not fit together.
func (db *DB) fillWorkAudit(ctx context.Context, tx pgx.Tx, treasury int32, a *WithdrawalAudit) error {
	reservations, err := db.queries.ReservationListWrong(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("check reservations: %w", err)
	}

	payments, err := db.queries.AttemptListMisreserved(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("check attempts: %w", err)
	}

	idle, err := db.queries.WithdrawalListIdle(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("look for idle withdrawals: %w", err)
	}

	a.Reservations = mapped(reservations, func(r dbsqlc.ReservationListWrongRow) WrongReservation {
		return WrongReservation{r.ContractID, r.WithdrawalID, int(r.Attempt), r.Working, r.Live, r.Active}
	})
	a.Payments = mapped(payments, func(r dbsqlc.AttemptListMisreservedRow) WrongPayment {
		return WrongPayment{r.WithdrawalID, int(r.Attempt), r.Inputs, r.Reserved}
	})
	a.Idle = mapped(idle, func(r dbsqlc.WithdrawalListIdleRow) IdleWithdrawal {
		return IdleWithdrawal{r.WithdrawalID, withdrawal.State(r.State), int(r.Attempt)}
	})

	return nil
}
