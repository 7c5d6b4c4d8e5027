package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// SeenWithdrawal is a withdrawal as the exchange's systems see it: a row of api.withdrawals. Texts that are empty are
// not there.
type SeenWithdrawal struct {
	ID            string
	Kind, Origin  string
	State         string
	Reason        string
	Waiting       string
	Account       *string
	Admin         ident.Party
	InstrumentID  string
	Amount        amount.Amount
	Receiver      string
	Memo          *string
	RequestedAt   *time.Time
	RequestedBy   string
	ApprovedBy    string
	Attempt       int32
	Delivery      *string
	UpdateID      *string
	RecordTime    *time.Time
	ExecuteBefore *time.Time
	TrafficCost   int64
	// BeganAt is when it was requested, or was found in history without a request.
	BeganAt time.Time
}

const withdrawalColumns = `withdrawal_id, kind, origin, state, reason, waiting, account, instrument_admin,
	instrument_id, amount, receiver, memo, requested_at, requested_by, approved_by, attempt, delivery, update_id,
	record_time, execute_before, traffic_cost, began_at`

// SeeWithdrawal reads a withdrawal; ErrNotFound if there is none.
func (db *DB) SeeWithdrawal(ctx context.Context, treasury TreasuryID, id string) (SeenWithdrawal, error) {
	return one(ctx, db, "withdrawal "+memo.Shown(id),
		"SELECT "+withdrawalColumns+" FROM api.withdrawals WHERE treasury_no = $1 AND withdrawal_id = $2",
		pgx.RowToStructByPos[SeenWithdrawal], int32(treasury), memo.Stored(id))
}

// SeenWithdrawalFilter says which withdrawals are wanted; what is empty does not matter.
type SeenWithdrawalFilter struct {
	State   withdrawal.State
	Waiting string
	Account string
	Token   *ident.Instrument
	// Span is of when they began.
	Span Span
}

// SeeWithdrawals lists withdrawals, the newest first.
func (db *DB) SeeWithdrawals(
	ctx context.Context, treasury TreasuryID, f SeenWithdrawalFilter, w Window,
) (Page[SeenWithdrawal], error) {
	c := of(treasury)
	c.equals("account", f.Account)
	c.within("began_at", f.Span)

	if f.State != "" {
		c.and("state = '" + known(string(f.State), stateWords()...) + "'")
	}

	if f.Waiting != "" {
		c.and("waiting <> '' AND waiting = ?", memo.Stored(f.Waiting))
	}

	if known, err := db.ofToken(ctx, &c, f.Token); err != nil || !known {
		return Page[SeenWithdrawal]{}, err
	}

	list := &listing[SeenWithdrawal]{
		name: "withdrawals", columns: withdrawalColumns,
		key:   []keyColumn{{"began_at", aTime}, {"withdrawal_id", aText}},
		scan:  pgx.RowToStructByPos[SeenWithdrawal],
		keyOf: func(w SeenWithdrawal) []any { return []any{w.BeganAt, w.ID} },

		skewed: severalOf(f.State != "", f.Waiting != "", f.Account != "", f.Token != nil),
	}

	return list.read(ctx, db, w, branch{view: "api.withdrawals", where: c})
}

func stateWords() []string {
	return mapped(withdrawal.States(), func(s withdrawal.State) string { return string(s) })
}
