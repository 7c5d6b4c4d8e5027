package store

import (
	"context"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// Status is a treasury at a glance.
type Status struct {
	Cursor       Cursor
	Clocks       []Clock
	Holdings     []HoldingTotal
	Deposits     []DepositTotal
	Unrecognized int64
}

// HoldingTotal is what the treasury holds of a token.
type HoldingTotal struct {
	Instrument ident.Instrument
	Holdings   int64
	Total      amount.Total
}

// DepositTotal sums the deposits of a token that are in the same state for the same reason.
type DepositTotal struct {
	State      books.DepositState
	Reason     string
	Instrument ident.Instrument
	Count      int64
	Total      amount.Total
}

// Status reads a treasury's status. Its parts are read one after the other and may be moments apart.
func (db *DB) Status(ctx context.Context, treasury TreasuryID) (Status, error) {
	var (
		s   Status
		err error
	)

	if s.Cursor, err = db.Cursor(ctx, treasury); err != nil {
		return Status{}, err
	}

	if s.Clocks, err = db.Clocks(ctx, treasury); err != nil {
		return Status{}, err
	}

	holdings, err := db.queries.HoldingTotals(ctx, db.exec, int32(treasury))
	if err != nil {
		return Status{}, fmt.Errorf("sum holdings: %w", err)
	}

	for _, row := range holdings {
		instrument, err := db.instrument(ctx, row.InstrumentNo)
		if err != nil {
			return Status{}, err
		}

		total, err := amount.ParseTotal(row.Total)
		if err != nil {
			return Status{}, fmt.Errorf("sum holdings: %w", err)
		}

		s.Holdings = append(s.Holdings, HoldingTotal{Instrument: instrument, Holdings: row.Holdings, Total: total})
	}

	deposits, err := db.queries.DepositTotals(ctx, db.exec, int32(treasury))
	if err != nil {
		return Status{}, fmt.Errorf("sum deposits: %w", err)
	}

	for _, row := range deposits {
		total, err := amount.ParseTotal(row.Total)
		if err != nil {
			return Status{}, fmt.Errorf("sum deposits: %w", err)
		}

		s.Deposits = append(s.Deposits, DepositTotal{
			State: books.DepositState(row.State), Reason: row.Reason,
			Instrument: ident.Instrument{Admin: row.Admin, ID: row.InstrumentID}, Count: row.Deposits, Total: total,
		})
	}

	if s.Unrecognized, err = db.queries.UnrecognizedCount(ctx, db.exec, int32(treasury)); err != nil {
		return Status{}, fmt.Errorf("count unrecognized events: %w", err)
	}

	return s, nil
}

// DeleteBodies deletes the raw bodies of updates that were ingested before a time, and says how many.
func (db *DB) DeleteBodies(ctx context.Context, treasury TreasuryID, before time.Time) (int64, error) {
	deleted, err := db.queries.UpdateBodyDeleteBefore(ctx, db.exec, dbsqlc.UpdateBodyDeleteBeforeParams{
		TreasuryID: int32(treasury), Before: before,
	})
	if err != nil {
		return 0, fmt.Errorf("delete raw updates: %w", err)
	}

	return deleted, nil
}
