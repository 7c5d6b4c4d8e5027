package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// refused is the SQLSTATE of a request that the database's own functions refuse; the message is a reason code.
const refused = "CE001"

// RefusedError is a request, or what a person decided about a deposit, that cannot be done as it is. The reason is a
// code of docs/withdrawals.md or of docs/deposits.md. Nothing was stored and no money has moved.
type RefusedError struct {
	Reason   withdrawal.Reason
	Sentence string
}

// Error names the reason and what it means.
func (e *RefusedError) Error() string { return string(e.Reason) + ": " + e.Sentence }

// WithdrawalRequest is what the exchange asks for. Its texts need not be checked: the database does that.
type WithdrawalRequest struct {
	// ID is the exchange's own, kept for ever.
	ID         string
	Account    string
	Instrument ident.Instrument
	Amount     amount.Amount
	Receiver   ident.Party
	// Memo is what the receiver reads as reason; nil for the withdrawal's id.
	Memo *string
}

// WithdrawalReceipt is the answer to a request.
type WithdrawalReceipt struct {
	// Repeated says that the same request was there already, and is the one that counts.
	Repeated bool
	State    withdrawal.State
	// Reason is set for one that has failed meanwhile.
	Reason withdrawal.Reason
	At     time.Time
}

// RequestWithdrawal stores a request and takes the money off the customer's account, in one transaction, once: the same
// request again gives the first one's receipt. It is the function request_withdrawal of the database, as
// api.request_withdrawal is. A *RefusedError says why not.
func (db *DB) RequestWithdrawal(
	ctx context.Context, treasury ident.Party, r WithdrawalRequest, now time.Time,
) (WithdrawalReceipt, error) {
	const call = `SELECT repeated, state, reason, requested_at FROM request_withdrawal($1, $2, $3, $4, $5, $6, $7, $8, $9)`

	var receipt WithdrawalReceipt

	row := db.exec.QueryRow(ctx, call, string(treasury), r.ID, r.Account, string(r.Instrument.Admin), r.Instrument.ID,
		r.Amount, string(r.Receiver), r.Memo, now)
	if err := row.Scan(&receipt.Repeated, &receipt.State, &receipt.Reason, &receipt.At); err != nil {
		return WithdrawalReceipt{}, fmt.Errorf("request withdrawal %q: %w", r.ID, refusal(err))
	}

	return receipt, nil
}

// CancelWithdrawal ends a withdrawal for which nothing is reserved and gives the money back. Repeating it does no harm.
func (db *DB) CancelWithdrawal(ctx context.Context, treasury ident.Party, id string, now time.Time) error {
	return db.cancel(ctx, `SELECT cancel_withdrawal($1, $2, $3)`, treasury, id, now)
}

// CancelCustomersWithdrawal is CancelWithdrawal for who does not decide about deposits: their returns are refused.
func (db *DB) CancelCustomersWithdrawal(ctx context.Context, treasury ident.Party, id string, now time.Time) error {
	return db.cancel(ctx, `SELECT cancel_customers_withdrawal($1, $2, $3)`, treasury, id, now)
}

func (db *DB) cancel(ctx context.Context, call string, treasury ident.Party, id string, now time.Time) error {
	if _, err := db.exec.Exec(ctx, call, string(treasury), id, now); err != nil {
		return fmt.Errorf("cancel withdrawal %q: %w", id, refusal(err))
	}

	return nil
}

// PaymentBarrier is the record time that ingested history must have passed before it is certain that a withdrawal which
// looks unpaid is unpaid, because the database was put back to an earlier state; nil when it is certain.
func (db *DB) PaymentBarrier(ctx context.Context, treasury TreasuryID, now time.Time) (*time.Time, error) {
	return db.paymentBarrier(ctx, db.exec, treasury, now)
}

func (db *DB) paymentBarrier(
	ctx context.Context, exec dbsqlc.DBTX, treasury TreasuryID, now time.Time,
) (*time.Time, error) {
	var barrier *time.Time

	row := exec.QueryRow(ctx, "SELECT payment_barrier($1, $2)", int32(treasury), now)

	err := row.Scan(&barrier)

	return barrier, wrap("ask for the barrier of payments", err)
}

// NoteRestore says that the database was put back to an earlier state, where it cannot notice that by itself: from a
// copy of its disk for instance.
func (db *DB) NoteRestore(ctx context.Context, now time.Time) error {
	const note = "UPDATE database_lives SET identity = database_identity(), began_at = $1"

	_, err := db.exec.Exec(ctx, note, now)

	return wrap("note a restore", err)
}

// refusal reads the database's refusals.
func refusal(err error) error {
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || server.Code != refused {
		return err
	}

	return &RefusedError{Reason: withdrawal.Reason(server.Message), Sentence: server.Detail}
}

// Withdrawal is one as it stands.
type Withdrawal struct {
	ID          string
	Kind        withdrawal.Kind
	Recovered   bool
	State       withdrawal.State
	Reason      withdrawal.Reason
	Waiting     withdrawal.Reason
	Detail      string
	Account     string
	Instrument  ident.Instrument
	Amount      amount.Amount
	Receiver    ident.Party
	Memo        *string
	Correlation ident.ContractID
	Attempt     int
	Deaths      int
	NextAt      *time.Time
}

// FindWithdrawal reads one; ErrNotFound if there is none.
func (db *DB) FindWithdrawal(ctx context.Context, treasury TreasuryID, id string) (Withdrawal, error) {
	row, err := db.queries.WithdrawalFind(ctx, db.exec, dbsqlc.WithdrawalFindParams{
		TreasuryID: int32(treasury), WithdrawalID: id,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Withdrawal{}, fmt.Errorf("withdrawal %q: %w", id, ErrNotFound)
	}

	if err != nil {
		return Withdrawal{}, fmt.Errorf("read withdrawal %q: %w", id, err)
	}

	instrument, err := db.instrument(ctx, row.InstrumentNo)
	if err != nil {
		return Withdrawal{}, err
	}

	return Withdrawal{
		ID: row.WithdrawalID, Kind: withdrawal.Kind(row.Kind), Recovered: row.Origin == "recovered",
		State: withdrawal.State(row.State), Reason: withdrawal.Reason(row.Reason), Waiting: withdrawal.Reason(row.Waiting),
		Detail: row.Detail, Account: orEmpty(row.Account), Instrument: instrument, Amount: row.Amount, Receiver: row.Receiver,
		Memo: row.Memo, Correlation: ident.ContractID(orEmpty(row.CorrelationID)),
		Attempt: int(row.Attempt), Deaths: int(row.Deaths), NextAt: row.NextAt,
	}, nil
}

// OpenWithdrawals is how many withdrawals are in a state, waiting for the same reason, and since when the oldest is.
type OpenWithdrawals struct {
	Kind    withdrawal.Kind
	State   withdrawal.State
	Waiting withdrawal.Reason
	Count   int64
	Oldest  time.Time
}

// OpenWithdrawals counts what has not ended.
func (db *DB) OpenWithdrawals(ctx context.Context, treasury TreasuryID) ([]OpenWithdrawals, error) {
	rows, err := db.queries.WithdrawalCountByState(ctx, db.exec, int32(treasury))
	if err != nil {
		return nil, fmt.Errorf("count open withdrawals: %w", err)
	}

	open := make([]OpenWithdrawals, len(rows))
	for i, row := range rows {
		open[i] = OpenWithdrawals{
			Kind: withdrawal.Kind(row.Kind), State: withdrawal.State(row.State), Waiting: withdrawal.Reason(row.Waiting),
			Count: row.Withdrawals, Oldest: row.Oldest,
		}
	}

	return open, nil
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}

	return *text
}
