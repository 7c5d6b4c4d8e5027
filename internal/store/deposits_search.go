package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// FoundDeposit is a deposit as it stands now, whatever became of it.
type FoundDeposit struct {
	DepositID uuid.UUID
	Kind      string
	// State and Reason are those of api.deposits.
	State, Reason string
	// Account is whose it is, or whose its memo is.
	Account    string
	Instrument ident.Instrument
	Amount     amount.Amount
	Sender     ident.Party
	Memo       *string
	Update     ident.UpdateID
	RecordTime time.Time
}

// DepositSearch is what is known of a deposit that is looked for: one of these is enough.
type DepositSearch struct {
	DepositID uuid.UUID
	Update    ident.UpdateID
	// Sender is the whole party id.
	Sender  ident.Party
	Account string
	Most    int
}

// SearchDeposits finds deposits, the newest first.
func (db *DB) SearchDeposits(
	ctx context.Context, treasury TreasuryID, party ident.Party, s DepositSearch,
) ([]FoundDeposit, error) {
	rows, err := db.queries.DepositSearch(ctx, db.exec, dbsqlc.DepositSearchParams{
		Treasury: string(party), TreasuryID: int32(treasury), UpdateID: memo.Stored(string(s.Update)), DepositID: s.DepositID,
		Sender: memo.Stored(string(s.Sender)), Account: memo.Stored(s.Account), Most: integer(s.Most),
	})
	if err != nil {
		return nil, fmt.Errorf("search deposits: %w", err)
	}

	return mapped(rows, func(r dbsqlc.DepositSearchRow) FoundDeposit {
		return FoundDeposit{
			DepositID: r.DepositID, Kind: r.Kind, State: r.State, Reason: r.Reason, Account: r.Account,
			Instrument: ident.Instrument{Admin: ident.Party(r.InstrumentAdmin), ID: r.InstrumentID}, Amount: r.Amount,
			Sender: ident.Party(r.Sender),
			Memo:   r.Memo, Update: ident.UpdateID(r.UpdateID), RecordTime: r.RecordTime,
		}
	}), nil
}
