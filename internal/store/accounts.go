package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

var (
	// ErrBadMemo means that no transfer could ever match a memo: it is empty or too long once compared.
	ErrBadMemo = errors.New("a memo needs 1 to 128 bytes of text")
	// ErrMemoTaken means that the memo, or one that differs only in case or outer white space, belongs to an account.
	ErrMemoTaken = errors.New("the memo is taken")
)

// Codes of refusals that are told apart here; package deposit has all of them, and what they mean.
const (
	memoTaken    withdrawal.Reason = "memo_taken"
	memoDisabled withdrawal.Reason = "memo_disabled"
	invalidMemo  withdrawal.Reason = "invalid_memo"
	invalidName  withdrawal.Reason = "invalid_account"
)

// RegisterMemo is for programs that give a fresh memo to a customer account: it is ErrMemoTaken if the memo belongs to
// an account already, to this one too. An exchange that repeats itself uses AddMemo.
func (db *DB) RegisterMemo(ctx context.Context, treasury TreasuryID, text, account string, now time.Time) error {
	doing := "register memo " + memo.Shown(text)
	if memo.Key(text) == "" || memo.Stored(text) != text {
		return fmt.Errorf("%s: %w", doing, ErrBadMemo)
	}

	repeated, err := db.queries.AccountGive(ctx, db.exec, dbsqlc.AccountGiveParams{
		TreasuryID: int32(treasury), Account: account, Memo: text, Now: now,
	})
	err = refusal(err)

	switch why, no := errors.AsType[*RefusedError](err); {
	case repeated, no && (why.Reason == memoTaken || why.Reason == memoDisabled):
		return fmt.Errorf("%s: %w", doing, ErrMemoTaken)
	default:
		return wrap(doing, err)
	}
}

// IssuedMemo is a memo of ours that an account has.
type IssuedMemo struct {
	Memo string
	// Repeated says that the account had it before.
	Repeated bool
}

// IssueMemo gives an account a memo of ours. An account that has an enabled one is told the same again, unless it is to
// have another; earlier ones go on to work. The operator is the name of a person who asks; a program leaves it empty. A
// *RefusedError says why not.
func (db *DB) IssueMemo(
	ctx context.Context, treasury ident.Party, account string, another bool, operator string, now time.Time,
) (IssuedMemo, error) {
	const call = `SELECT memo, repeated FROM issue_memo($1, $2, $3, $4, $5)`

	doing := "issue a memo for account " + memo.Shown(account)
	if memo.Stored(account) != account {
		return IssuedMemo{}, fmt.Errorf("%s: %w", doing, badAccount())
	}

	var issued IssuedMemo

	row := db.exec.QueryRow(ctx, call, string(treasury), account, another, memo.Stored(operator), now)
	if err := row.Scan(&issued.Memo, &issued.Repeated); err != nil {
		return IssuedMemo{}, fmt.Errorf("%s: %w", doing, refusal(err))
	}

	return issued, nil
}

// AddMemo gives an account a memo of the exchange's own, for ever, and says whether it had it before. The operator is
// as with IssueMemo. A *RefusedError says why not.
func (db *DB) AddMemo(
	ctx context.Context, treasury ident.Party, account, text, operator string, now time.Time,
) (repeated bool, err error) {
	doing := "register memo " + memo.Shown(text)

	switch {
	case memo.Stored(text) != text:
		return false, fmt.Errorf("%s: %w", doing, &RefusedError{invalidMemo, "No transfer could match this memo: it needs " +
			"1 to 128 bytes of text."})
	case memo.Stored(account) != account:
		return false, fmt.Errorf("%s: %w", doing, badAccount())
	}

	repeated, err = db.queries.AccountRegister(ctx, db.exec, dbsqlc.AccountRegisterParams{
		Treasury: string(treasury), Account: account, Memo: text, Operator: memo.Stored(operator), Now: now,
	})

	return repeated, wrap(doing, refusal(err))
}

// badAccount is the refusal of a name that PostgreSQL cannot hold.
func badAccount() error {
	return &RefusedError{invalidName, "The customer account must have 1 to 128 characters."}
}

// SwitchedMemo is a memo that was disabled, or enabled again.
type SwitchedMemo struct {
	Account string
	// Changed is false if it was so already.
	Changed bool
}

// DisableMemo has money with a memo wait for a person. The memo stays its account's for ever. What is open is decided
// again. A *RefusedError says why not.
func (db *DB) DisableMemo(
	ctx context.Context, treasury ident.Party, text, operator, note string, now time.Time,
) (SwitchedMemo, error) {
	return db.switchMemo(ctx, "disable", treasury, text, operator, note, now)
}

// EnableMemo has money with a memo credited to its account again. What has arrived meanwhile still waits for a person.
func (db *DB) EnableMemo(
	ctx context.Context, treasury ident.Party, text, operator, note string, now time.Time,
) (SwitchedMemo, error) {
	return db.switchMemo(ctx, "enable", treasury, text, operator, note, now)
}

func (db *DB) switchMemo(
	ctx context.Context, what string, treasury ident.Party, text, operator, note string, now time.Time,
) (SwitchedMemo, error) {
	const call = `SELECT account, changed FROM switch_memo($1, $2, $3, $4, $5, $6)`

	var s SwitchedMemo

	row := db.exec.QueryRow(ctx, call, string(treasury), memo.Stored(text), what == "enable", memo.Stored(operator),
		memo.Stored(note), now)
	if err := row.Scan(&s.Account, &s.Changed); err != nil {
		return SwitchedMemo{}, fmt.Errorf("%s memo %s: %w", what, memo.Shown(text), refusal(err))
	}

	return s, nil
}

// MemoMatch is what money with a memo would be credited to.
type MemoMatch struct {
	Code     memo.Match
	Sentence string
	// Account and Memo, as its customer was told it, are set for one that belongs to somebody.
	Account, Memo string
	DisabledAt    *time.Time
}

// MatchMemo says what money with this memo would be credited to, by the comparison that ingestion makes.
func (db *DB) MatchMemo(ctx context.Context, treasury ident.Party, typed string) (MemoMatch, error) {
	const call = `SELECT code, sentence, coalesce(account, ''), coalesce(memo, ''), disabled_at FROM match_memo($1, $2)`

	var m MemoMatch

	row := db.exec.QueryRow(ctx, call, string(treasury), memo.Stored(typed))
	if err := row.Scan(&m.Code, &m.Sentence, &m.Account, &m.Memo, &m.DisabledAt); err != nil {
		return MemoMatch{}, fmt.Errorf("look up memo %s: %w", memo.Shown(typed), refusal(err))
	}

	return m, nil
}

// NearMemo is a memo of ours that a mistyped one may have been meant for.
type NearMemo struct {
	Memo, Account string
	Enabled       bool
	// Difference is another_character or swapped_characters.
	Difference string
}

// NearestMemos finds memos of ours that differ from a typed one by one character, or by two that changed places. It is
// a guess for people who ask the customer, never one by which to credit.
func (db *DB) NearestMemos(ctx context.Context, treasury ident.Party, typed string) ([]NearMemo, error) {
	const call = `SELECT memo, account, enabled, difference FROM nearest_memos($1, $2)`

	rows, err := db.exec.Query(ctx, call, string(treasury), memo.Stored(typed))
	if err != nil {
		return nil, fmt.Errorf("look for memos like %s: %w", memo.Shown(typed), err)
	}

	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[NearMemo])

	return list, wrap("look for memos like "+memo.Shown(typed), refusal(err))
}
