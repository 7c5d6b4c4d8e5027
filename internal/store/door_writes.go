package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// ApproveWithdrawal lets a withdrawal that waits for approval be paid, or refuses it and gives the money back. Who
// requested it cannot approve it. To say it twice does no harm. A *RefusedError says why not.
func (db *DB) ApproveWithdrawal(
	ctx context.Context, treasury ident.Party, id string, agreed bool, operator, note string, now time.Time,
) (withdrawal.State, error) {
	state, err := db.queries.WithdrawalApprove(ctx, db.exec, dbsqlc.WithdrawalApproveParams{
		Treasury: string(treasury), WithdrawalID: id, Agreed: agreed, Operator: memo.Stored(operator),
		Note: memo.Stored(note), Now: now,
	})

	return withdrawal.State(state), wrap("approve withdrawal "+id, refusal(err))
}

// Destination is a party that a customer may withdraw to.
type Destination struct {
	Account, Name string
	Party         ident.Party
	AddedAt       time.Time
	// RemovedAt is set for one that was taken off the list.
	RemovedAt *time.Time
}

// AddDestination adds a party to where a customer may withdraw to. One that is there already stays as it is.
func (db *DB) AddDestination(
	ctx context.Context, treasury ident.Party, account string, party ident.Party, name, operator string, now time.Time,
) (Destination, error) {
	row, err := db.queries.DestinationAdd(ctx, db.exec, dbsqlc.DestinationAddParams{
		Treasury: string(treasury), Account: memo.Stored(account), Party: memo.Stored(string(party)),
		Name: memo.Stored(name), Operator: memo.Stored(operator), Now: now,
	})
	if err != nil {
		return Destination{}, fmt.Errorf("add destination: %w", refusal(err))
	}

	return destinationOf(dbsqlc.DestinationListRow(row)), nil
}

// RemoveDestination takes a party off the list, at once.
func (db *DB) RemoveDestination(
	ctx context.Context, treasury ident.Party, account string, party ident.Party, operator string, now time.Time,
) (Destination, error) {
	row, err := db.queries.DestinationRemove(ctx, db.exec, dbsqlc.DestinationRemoveParams{
		Treasury: string(treasury), Account: memo.Stored(account), Party: memo.Stored(string(party)),
		Operator: memo.Stored(operator), Now: now,
	})
	if err != nil {
		return Destination{}, fmt.Errorf("remove destination: %w", refusal(err))
	}

	return destinationOf(dbsqlc.DestinationListRow(row)), nil
}

// Destinations lists where a customer may withdraw to, those first that were added first; at most so many.
func (db *DB) Destinations(ctx context.Context, treasury TreasuryID, account string, most int) ([]Destination, error) {
	rows, err := db.queries.DestinationList(ctx, db.exec, dbsqlc.DestinationListParams{
		TreasuryID: int32(treasury), Account: memo.Stored(account), Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("list destinations: %w", err)
	}

	return mapped(rows, destinationOf), nil
}

func destinationOf(r dbsqlc.DestinationListRow) Destination {
	return Destination{
		Account: r.Account, Party: ident.Party(r.Party), Name: r.Name, AddedAt: r.AddedAt, RemovedAt: r.RemovedAt,
	}
}

// Limit is how much of a token an account may withdraw within any so much time.
type Limit struct {
	// Account is empty for each account that has no limit of its own over this time.
	Account    string
	Instrument ident.Instrument
	Window     time.Duration
	Amount     amount.Amount
}

// Bounds of a limit's time.
const (
	MinLimitWindow = time.Minute
	MaxLimitWindow = 365 * 24 * time.Hour
)

// SetLimit stores a limit, or another amount for one.
func (db *DB) SetLimit(ctx context.Context, treasury TreasuryID, l Limit, operator string, now time.Time) error {
	return db.changeLimit(ctx, treasury, l, operator, "limit.set", now, func(tx pgx.Tx, number int32) (int64, error) {
		return 1, db.queries.LimitSet(ctx, tx, dbsqlc.LimitSetParams{
			TreasuryID: int32(treasury), Account: l.Account, InstrumentNo: number, WindowSeconds: seconds(l.Window),
			Amount: l.Amount,
		})
	})
}

// DropLimit takes a limit away. ErrNotFound if there is none.
func (db *DB) DropLimit(ctx context.Context, treasury TreasuryID, l Limit, operator string, now time.Time) error {
	return db.changeLimit(ctx, treasury, l, operator, "limit.drop", now, func(tx pgx.Tx, number int32) (int64, error) {
		return db.queries.LimitDrop(ctx, tx, dbsqlc.LimitDropParams{
			TreasuryID: int32(treasury), Account: l.Account, InstrumentNo: number, WindowSeconds: seconds(l.Window),
		})
	})
}

func (db *DB) changeLimit(
	ctx context.Context, treasury TreasuryID, l Limit, operator, action string, now time.Time,
	change func(tx pgx.Tx, number int32) (int64, error),
) error {
	number, err := db.instrumentNumber(ctx, l.Instrument)
	if err != nil {
		return err
	}

	return wrap("change the limit of "+l.Instrument.String(), db.inTx(ctx, func(tx pgx.Tx) error {
		changed, err := change(tx, number)
		if err == nil && changed == 0 {
			err = ErrNotFound
		}

		if err != nil {
			return err
		}

		act := map[string]string{"account": l.Account, "window": l.Window.String(), "amount": l.Amount.String()}

		return db.noteAct(ctx, tx, treasury, operator, action, l.Instrument.String(), act, now)
	}))
}

// Limits lists all limits of a treasury.
func (db *DB) Limits(ctx context.Context, treasury TreasuryID) ([]Limit, error) {
	rows, err := db.queries.LimitList(ctx, db.exec, int32(treasury))
	if err != nil {
		return nil, fmt.Errorf("list limits: %w", err)
	}

	return mapped(rows, func(r dbsqlc.LimitListRow) Limit {
		return Limit{
			Account: r.Account, Instrument: ident.Instrument{Admin: r.Admin, ID: r.InstrumentID},
			Window: time.Duration(r.WindowSeconds) * time.Second, Amount: r.Amount,
		}
	}), nil
}
