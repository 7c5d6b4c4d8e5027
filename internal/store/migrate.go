package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/migrations"
)

// ErrSchemaNewer means that a newer version of the suite has been here.
var ErrSchemaNewer = errors.New("the database schema is newer than this program")

// Migrate brings the schema up to date. Several services may call it at once: one does the work behind an advisory
// lock of the database while the others wait.
func Migrate(ctx context.Context, url secret.String) error {
	config, err := pgx.ParseConfig(url.Reveal())
	if err != nil {
		return errors.New("parse database URL: want postgres://user:password@host:port/database")
	}

	config.ConnectTimeout = connectTimeout
	db := stdlib.OpenDB(*config)

	defer func() { _ = db.Close() }()

	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("reach database: %w", err)
	}

	free, err := lockMigrations(ctx, db)
	if err != nil {
		return err
	}
	defer free()

	runner, err := newRunner(db)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}

	// Closing db would not end the connection that the runner holds: it would last as long as the program.
	defer func() { _, _ = runner.Close() }()

	err = runner.Up()

	if dirty, ok := errors.AsType[migrate.ErrDirty](err); ok {
		err = resumeMigration(ctx, db, runner, dirty.Version)
	}

	switch {
	case err == nil, errors.Is(err, migrate.ErrNoChange):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: install the version that migrated it, or restore a backup: %w", ErrSchemaNewer, err)
	default:
		return fmt.Errorf("migrate database: %w", err)
	}
}

func newRunner(db *sql.DB) (*migrate.Migrate, error) {
	target, err := migratepgx.WithInstance(db, &migratepgx.Config{})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}

	files, err := iofs.New(migrations.Files, ".")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}

	runner, err := migrate.NewWithInstance("iofs", files, "pgx5", target)
	if err != nil {
		return nil, fmt.Errorf("make runner: %w", err)
	}

	return runner, nil
}

// migrationLock is held around everything that a starting program does to the schema. The runner's own lock covers
// single steps, and a repair takes several.
const migrationLock = 0x4345530000000001

// lockMigrations waits for its turn; the function returned gives the lock back.
func lockMigrations(ctx context.Context, db *sql.DB) (func(), error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach database: %w", err)
	}

	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		_ = conn.Close()

		return nil, fmt.Errorf("wait for other programs that migrate: %w", err)
	}

	return func() {
		// The connection goes back to a pool that is closed next, which ends it and frees the lock.
		_ = conn.Close()
	}, nil
}

// resumeMigration goes on after a program died between a migration and the runner's record of it. Whether the migration
// was applied is written in schema_history by the migration's own transaction.
func resumeMigration(ctx context.Context, db *sql.DB, runner *migrate.Migrate, version int) error {
	var history, applied bool

	if err := db.QueryRowContext(ctx, "SELECT to_regclass('schema_history') IS NOT NULL").Scan(&history); err != nil {
		return fmt.Errorf("look for applied migrations: %w", err)
	}

	if history {
		row := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM schema_history WHERE version = $1)", version)
		if err := row.Scan(&applied); err != nil {
			return fmt.Errorf("look for migration %d: %w", version, err)
		}
	}

	last := version
	if !applied {
		last--
	}

	if last == 0 {
		last = database.NilVersion
	}

	if err := runner.Force(last); err != nil {
		return fmt.Errorf("correct the record of migration %d: %w", version, err)
	}

	return runner.Up() //nolint:wrapcheck // the caller tells its errors apart
}
