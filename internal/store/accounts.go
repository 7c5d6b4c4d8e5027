package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

var (
	// ErrBadMemo means that no transfer could ever match a memo: it is empty or too long once compared.
	ErrBadMemo = errors.New("a memo needs 1 to 128 bytes of text")
	// ErrMemoTaken means that the memo, or one that differs only in case or outer white space, belongs to an account.
	ErrMemoTaken = errors.New("the memo is taken")
)

// RegisterMemo gives a memo to a customer account, for ever.
func (db *DB) RegisterMemo(ctx context.Context, treasury TreasuryID, text, account string, now time.Time) error {
	key := memo.Key(text)
	if key == "" || memo.Stored(text) != text {
		return fmt.Errorf("register memo %s: %w", memo.Shown(text), ErrBadMemo)
	}

	err := db.queries.AccountInsert(ctx, db.exec, dbsqlc.AccountInsertParams{
		TreasuryID: int32(treasury), MemoKey: key, Memo: text, Account: account, Now: now,
	})
	if isUnique(err, "deposit_accounts_pkey") {
		return fmt.Errorf("register memo %s: %w", memo.Shown(text), ErrMemoTaken)
	}

	if err != nil {
		return fmt.Errorf("register memo %s: %w", memo.Shown(text), err)
	}

	return nil
}
