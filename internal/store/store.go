// Package store is the integration database: its pool, its transactions, its schema, and what ingestion writes
// into it. The SQL is in sql/queries, a file per table; sqlc makes the calls in dbsqlc from it.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

const (
	// maxConnections bounds the pool of one service.
	maxConnections = 8
	// maxForRequests bounds that of a program that answers requests: as many for those that change something as others
	// have for everything.
	maxForRequests = 2 * maxConnections
	// maxLong bounds how many of them are held by what takes long to be read.
	maxLong = 2
	// connectTimeout bounds one attempt to reach the server.
	connectTimeout = 5 * time.Second
	// rollbackTimeout bounds the clean-up of a transaction whose caller has gone away.
	rollbackTimeout = 5 * time.Second
)

// executor is a pool, or a transaction that everything is to happen in.
type executor interface {
	dbsqlc.DBTX
	Begin(ctx context.Context) (pgx.Tx, error)
}

// DB is the integration database.
type DB struct {
	pool        *pgxpool.Pool
	exec        executor
	queries     *dbsqlc.Queries
	instruments *instrumentCache

	changes chan struct{} // a place for each request that changes something: half of the pool
	long    chan struct{} // a place for each reading that holds a connection for long
}

// Open prepares a pool. It does not connect: a database that is away is found by the first call.
func Open(ctx context.Context, url secret.String) (*DB, error) {
	return open(ctx, url, maxConnections, "force_custom_plan", "")
}

// OpenAs is Open for a person, whose name the audit log gets for what is set through these connections; the role of the
// connection where the name is empty.
func OpenAs(ctx context.Context, url secret.String, actor string) (*DB, error) {
	return open(ctx, url, maxConnections, "force_custom_plan", actor)
}

// OpenForRequests is Open for a program that answers very many small requests: plans are kept, because to make the plan
// of a page takes several times as long as to read it. PostgreSQL makes them anew when its statistics change.
func OpenForRequests(ctx context.Context, url secret.String) (*DB, error) {
	return open(ctx, url, maxForRequests, "auto", "")
}

func open(ctx context.Context, url secret.String, connections int32, plans, actor string) (*DB, error) {
	config, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil {
		// pgx quotes the whole URL, password included, so its error must not travel on.
		return nil, errors.New("parse database URL: want postgres://user:password@host:port/database")
	}

	config.MaxConns = max(config.MaxConns, connections)
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
		if err := registerAmounts(ctx, connection); err != nil || actor == "" {
			return err
		}

		_, err := connection.Exec(ctx, "SELECT set_config('ces.actor', $1, false)", actor)

		return wrap("say who acts", err)
	}

	// A plan that was made while a table was empty would be kept while the first history is read in, and become slower
	// with every row. Planning anew costs a fraction of a millisecond per statement, and a batch has about ten.
	// Programs that answer requests on a database that is full differ.
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = plans

	// A machine that is lost in the middle of a transaction must not hold its locks for hours, and nobody waits for a lock
	// without being heard.
	for name, value := range map[string]string{
		"lock_timeout": "20s", "idle_in_transaction_session_timeout": "60s",
		"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
	} {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}

	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}

	return &DB{
		pool: pool, exec: pool, queries: dbsqlc.New(), instruments: newInstrumentCache(),
		changes: make(chan struct{}, config.MaxConns/2), long: make(chan struct{}, maxLong),
	}, nil
}

// Close waits for running queries and closes every connection.
func (db *DB) Close() { db.pool.Close() }

// Pool is for what has no place here: tests, and reports that people write by hand.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Ping checks that the database answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("reach database: %w", err)
	}

	return nil
}

// Now is the database server's own time, by which several programs agree on leases.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	var now time.Time

	if err := db.exec.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("ask the database for its time: %w", err)
	}

	return now, nil
}

// inTx runs fn in a transaction and commits it, or rolls it back if fn fails. The rollback does not depend on
// ctx, so that a cancelled caller never leaves a transaction open.
func (db *DB) inTx(ctx context.Context, fn func(pgx.Tx) error) error {
	tx, err := db.exec.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}

	if err := fn(tx); err != nil {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()

		_ = tx.Rollback(cleanup) // fn's error is the one to tell; the connection is closed if this fails

		return err
	}

	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}

	return nil
}

// Analyze gathers statistics about the tables that ingestion looks things up in. The database does so by itself, but
// too late for a first history: without statistics it believes that a treasury's rows are few and reads all of them.
func (db *DB) Analyze(ctx context.Context) error {
	const lookedUp = "holdings, transfer_instructions, deposits, withdrawals, ledger_updates"

	if _, err := db.exec.Exec(ctx, "ANALYZE (SKIP_LOCKED) "+lookedUp); err != nil {
		return fmt.Errorf("gather statistics: %w", err)
	}

	return nil
}
