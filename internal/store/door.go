package store

import (
	"context"
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

// Enter runs a request as somebody. An error leaves nothing of it.
func (db *DB) Enter(ctx context.Context, actor string, now time.Time, do func(*Door) error) error {
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
