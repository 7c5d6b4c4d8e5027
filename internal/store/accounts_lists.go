package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// DepositAccount is a memo and whose it is.
type DepositAccount struct {
	// Memo is as its customer was told it.
	Memo, Account string
	Enabled       bool
	// Issued says that we made the memo; otherwise it is the exchange's own text.
	Issued     bool
	CreatedAt  time.Time
	CreatedBy  string
	DisabledAt *time.Time
	DisabledBy string
}

// DepositAccounts lists the memos of an account, or of all if it is empty; the newest first, at most so many.
func (db *DB) DepositAccounts(
	ctx context.Context, treasury TreasuryID, account string, most int,
) ([]DepositAccount, error) {
	rows, err := db.queries.AccountListNewest(ctx, db.exec, dbsqlc.AccountListNewestParams{
		TreasuryID: int32(treasury), Account: memo.Stored(account), Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("list memos: %w", err)
	}

	return mapped(rows, func(r dbsqlc.AccountListNewestRow) DepositAccount { return DepositAccount(r) }), nil
}

// FindDepositAccount reads a memo; ErrNotFound if it is nobody's.
func (db *DB) FindDepositAccount(ctx context.Context, treasury ident.Party, text string) (DepositAccount, error) {
	row, err := db.queries.AccountFind(ctx, db.exec, dbsqlc.AccountFindParams{Treasury: treasury, Memo: memo.Stored(text)})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}

	if err != nil {
		return DepositAccount{}, fmt.Errorf("read memo %s: %w", memo.Shown(text), err)
	}

	return DepositAccount(row), nil
}

// DepositInstructions is what a customer must be shown before a deposit.
type DepositInstructions struct {
	// Party is where to send it.
	Party ident.Party
	Memo  string
	// Tokens are those that the exchange deals in.
	Tokens []TokenInstructions
}

// TokenInstructions is what a customer must know of a token.
type TokenInstructions struct {
	Instrument ident.Instrument
	// Minimum is the least amount of a transfer in one step.
	Minimum amount.Amount
	// OffersAccepted is false for a token that is taken in one step only, and MinimumOffer the least amount of an offer.
	OffersAccepted bool
	MinimumOffer   amount.Amount
	// OfferLead is how much time an offer must have left.
	OfferLead time.Duration
	// Expected is after how long a deposit is usually credited. A screening may add to it if the token is Screened.
	Expected time.Duration
	Screened bool
	// Sentence says all of it but party and memo.
	Sentence string
}

// DepositInstructions says what the customer of an account must be shown. A *RefusedError says why not: the account may
// have no memo that takes deposits.
func (db *DB) DepositInstructions(
	ctx context.Context, treasury ident.Party, account string,
) (DepositInstructions, error) {
	const (
		told = `SELECT memo_to_tell(treasury_of($1), $2)`
		call = `SELECT instrument_admin, instrument_id, minimum_deposit, offers_accepted, minimum_offer, offer_lead_seconds,
			expected_seconds, screened, sentence FROM deposit_instructions($1, $2)`
	)

	doing := "tell where to send deposits of account " + memo.Shown(account)
	account = memo.Stored(account) // a name that PostgreSQL cannot hold has no memo either
	answer := DepositInstructions{Party: treasury}

	if err := db.exec.QueryRow(ctx, told, string(treasury), account).Scan(&answer.Memo); err != nil {
		return answer, fmt.Errorf("%s: %w", doing, refusal(err))
	}

	rows, err := db.exec.Query(ctx, call, string(treasury), account)
	if err != nil {
		return answer, fmt.Errorf("%s: %w", doing, err)
	}

	answer.Tokens, err = pgx.CollectRows(rows, tokenInstructions)

	return answer, wrap(doing, refusal(err))
}

func tokenInstructions(row pgx.CollectableRow) (t TokenInstructions, err error) {
	var lead, expected int64

	err = row.Scan(&t.Instrument.Admin, &t.Instrument.ID, &t.Minimum, &t.OffersAccepted, &t.MinimumOffer, &lead, &expected,
		&t.Screened, &t.Sentence)
	t.OfferLead, t.Expected = time.Duration(lead)*time.Second, time.Duration(expected)*time.Second

	return t, wrap("read instructions of a token", err)
}
