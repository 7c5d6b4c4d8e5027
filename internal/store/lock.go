package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ingestionLocks separates this use of PostgreSQL's advisory locks from others; the second half of a lock is the
// treasury's id.
const ingestionLocks = 0x43455301

// Lock is held by the one process that ingests a treasury. It lives and dies with a database connection: a process
// that is killed loses it at once. Because a connection can also die unseen, the lock only avoids useless work; what
// makes a second writer harmless is the epoch in the cursor.
type Lock struct{ conn *pgxpool.Conn }

// TryLock takes the lock if it is free.
func (db *DB) TryLock(ctx context.Context, treasury TreasuryID) (*Lock, bool, error) {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("reach database: %w", err)
	}

	var got bool

	row := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", ingestionLocks, int32(treasury))
	if err := row.Scan(&got); err != nil {
		conn.Release()

		return nil, false, fmt.Errorf("lock treasury %d: %w", treasury, err)
	}

	if !got {
		conn.Release()

		return nil, false, nil
	}

	return &Lock{conn: conn}, true, nil
}

// Release gives the lock back, and closes its connection, so that it is free whatever state the connection is in.
func (l *Lock) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, rollbackTimeout)
	defer cancel()

	conn := l.conn.Hijack()
	// Asked for, the lock is free at once; otherwise the server frees it when it notices that the connection is gone.
	_, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock_all()")
	_ = conn.Close(ctx)
}
