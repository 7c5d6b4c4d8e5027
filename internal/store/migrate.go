package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/golang-migrate/migrate/v4"
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

	target, err := migratepgx.WithInstance(db, &migratepgx.Config{})
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}

	files, err := iofs.New(migrations.Files, ".")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}

	runner, err := migrate.NewWithInstance("iofs", files, "pgx5", target)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}

	// Closing db would not end the connection that the runner holds: it would last as long as the program.
	defer func() { _, _ = runner.Close() }()

	err = runner.Up()
	switch {
	case err == nil, errors.Is(err, migrate.ErrNoChange):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: install the version that migrated it, or restore a backup: %w", ErrSchemaNewer, err)
	default:
		return fmt.Errorf("migrate database: %w", err)
	}
}
