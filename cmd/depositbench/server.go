package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// Who connects to the database: each part has a role of its own, so that its statements can be told apart.
const (
	roleOperator = "operator"
	roleIngest   = "ingest"
	roleDeposit  = "deposit"
)

// server is a PostgreSQL with durable commits.
type server struct {
	*pgtest.Server

	databases  int
	pid        int
	statements bool
}

func startServer(ctx context.Context, o options) (*server, error) {
	settings := map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min", "wal_compression": "off",
		// When what was written was committed, by this machine's clock.
		"track_commit_timestamp": "on",
	}
	if o.statements {
		settings["shared_preload_libraries"] = "pg_stat_statements"
		settings["pg_stat_statements.track"] = "all" // what triggers do, too
	}

	started, err := pgtest.Start(ctx, pgtest.Options{Durable: true, Dir: o.dir, Settings: settings})
	if err != nil {
		return nil, err
	}

	s := &server{Server: started, statements: o.statements}
	for _, role := range []string{roleOperator, roleIngest, roleDeposit} {
		if err := s.admin(ctx, "CREATE ROLE "+role+" SUPERUSER LOGIN"); err != nil {
			return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}

	if err := s.findProcess(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}

	return s, nil
}

// findProcess finds the server's process.
func (s *server) findProcess(ctx context.Context) error {
	pool, err := connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer pool.Close()

	var content string
	if err := pool.QueryRow(ctx, "SELECT pg_read_file('postmaster.pid')").Scan(&content); err != nil {
		return fmt.Errorf("find the server's process: %w", err)
	}

	first, _, _ := strings.Cut(content, "\n")
	if s.pid, err = strconv.Atoi(strings.TrimSpace(first)); err != nil {
		return fmt.Errorf("find the server's process: %w", err)
	}

	return nil
}

// admin runs a statement outside the databases that are measured.
func (s *server) admin(ctx context.Context, statement string) error {
	pool, err := connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer pool.Close()

	if _, err := pool.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%.60s: %w", statement, err)
	}

	return nil
}

func (s *server) describe(ctx context.Context) string {
	pool, err := connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err.Error()
	}
	defer pool.Close()

	const settings = `SELECT format('%s, fsync=%s synchronous_commit=%s shared_buffers=%s',
		current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),
		current_setting('shared_buffers'))`

	var text string
	if err := pool.QueryRow(ctx, settings).Scan(&text); err != nil {
		return err.Error()
	}

	return text
}

// database is one of the server's.
type database struct {
	server *server
	name   string
	// pool is the superuser's, who looks at what the others do.
	pool *pgxpool.Pool
}

// database makes a migrated database.
func (s *server) database(ctx context.Context) (*database, error) {
	s.databases++
	d := &database{server: s, name: fmt.Sprintf("bench_%d", s.databases)}

	if err := s.admin(ctx, "CREATE DATABASE "+d.name); err != nil {
		return nil, err
	}

	if err := store.Migrate(ctx, secret.New(s.DSN(d.name))); err != nil {
		return nil, err
	}

	var err error
	if d.pool, err = connect(ctx, s.DSN(d.name)); err != nil {
		return nil, err
	}

	if s.statements {
		err = d.exec(ctx, "CREATE EXTENSION pg_stat_statements")
	}

	return d, err
}

// drop removes the database, so that what it has still to write out is not written beside the next run.
func (d *database) drop(ctx context.Context) error {
	d.pool.Close()

	return d.server.admin(ctx, "DROP DATABASE "+d.name+" WITH (FORCE)")
}

// open is the store as a role sees it, over connections of its own.
func (d *database) open(ctx context.Context, role string) (*store.DB, error) {
	dsn, err := url.Parse(d.server.DSN(d.name))
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}

	dsn.User = url.User(role)

	return store.Open(ctx, secret.New(dsn.String()))
}

// exec runs statements one after the other.
func (d *database) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := d.pool.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
	}

	return nil
}

func connect(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}

	return pool, nil
}
