package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Unsigned is a prepared transaction that a person has yet to sign.
type Unsigned struct {
	WithdrawalID string
	Attempt      int
	Scheme       string
	// Hash is the one that was computed when it was prepared.
	Hash        string
	Transaction []byte
	// Target is the last record time at which it may commit: signed later it is worth nothing.
	Target time.Time
}

// ListUnsigned reads what waits for a cold key, the oldest first.
func (db *DB) ListUnsigned(ctx context.Context, treasury TreasuryID, most int) ([]Unsigned, error) {
	rows, err := db.queries.AttemptListAwaiting(ctx, db.exec, dbsqlc.AttemptListAwaitingParams{
		TreasuryID: int32(treasury), Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("list what waits for a signature: %w", err)
	}

	list := make([]Unsigned, len(rows))
	for i, r := range rows {
		list[i] = Unsigned{
			WithdrawalID: r.WithdrawalID, Attempt: int(r.Attempt), Scheme: r.HashingScheme, Hash: r.TransactionHash,
			Transaction: r.Prepared, Target: r.TargetRecordTime,
		}
	}

	return list, nil
}

// StoreSignature adds a person's signature to what waits for it, and has a worker submit it at once. The caller has
// verified it. ErrMoved means that the transaction waits no longer: signed already, given up, or prepared anew.
func (db *DB) StoreSignature(
	ctx context.Context, treasury TreasuryID, u Unsigned, s signing.Signature, now time.Time,
) error {
	raw, err := strictjson.Encode(s)
	if err != nil {
		return fmt.Errorf("encode signature: %w", err)
	}

	err = db.inTx(ctx, func(tx pgx.Tx) error {
		// The withdrawal first, as workers lock it: two orders would be a deadlock.
		moved, err := db.queries.WithdrawalSigned(ctx, tx, dbsqlc.WithdrawalSignedParams{
			TreasuryID: int32(treasury), WithdrawalID: u.WithdrawalID, Attempt: integer(u.Attempt), Now: &now,
		})
		if err := oneMoved(moved, err); err != nil {
			return err
		}

		changed, err := db.queries.AttemptSigned(ctx, tx, dbsqlc.AttemptSignedParams{
			TreasuryID: int32(treasury), WithdrawalID: u.WithdrawalID, Attempt: integer(u.Attempt),
			TransactionHash: u.Hash, Signature: raw,
		})

		return oneMoved(changed, err)
	})

	return wrap("store the signature of withdrawal "+u.WithdrawalID, err)
}
