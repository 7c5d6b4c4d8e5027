package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Door is a request of the exchange's systems that changes something: one transaction in which all of it happens, the
// answer that is kept for a repetition too.
type Door struct {
	db *DB
	tx pgx.Tx
	// Actor is who asks: what the audit log says, and what four eyes are told apart by.
	Actor string
	Now   time.Time
}

const (
	// placeWait is how long a request waits until there is a place for it.
	placeWait = 2 * time.Second
	// claimWait is how long it waits for the end of another one with its idempotency key.
	claimWait = 2 * time.Second
)

// ErrBusy means that as many as can be are under way already. Nothing was done.
var ErrBusy = errors.New("as many requests as can be are under way")

// Enter runs a request as somebody. An error leaves nothing of it. Requests that wait for locks hold their connections:
// however many they are, half of all are left for what is read and kept. ErrBusy if no place was free soon.
func (db *DB) Enter(ctx context.Context, actor string, now time.Time, do func(*Door) error) error {
	ends := time.NewTimer(placeWait)
	defer ends.Stop()

	select {
	case db.changes <- struct{}{}:
		defer func() { <-db.changes }()
	case <-ends.C:
		return ErrBusy
	case <-ctx.Done():
		return fmt.Errorf("wait for a place: %w", ctx.Err())
	}

	return db.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT set_config('ces.actor', $1, true)", actor); err != nil {
			return fmt.Errorf("say who asks: %w", err)
		}

		return do(&Door{db: db, tx: tx, Actor: actor, Now: now})
	})
}

// DB is the database as the request sees it: what it has done already, and nothing that others have not committed.
func (d *Door) DB() *DB {
	return &DB{pool: d.db.pool, exec: d.tx, queries: d.db.queries, instruments: newInstrumentCache()}
}
