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
	roleRequests = "requests"
	roleIngest   = "ingest"
	rolePayments = "payments"
)

// server is a PostgreSQL with durable commits.
type server struct {
	*pgtest.Server

	databases int
	pid       int
	// statements says that they are counted.
	statements bool
}

func startServer(ctx context.Context, o options) (*server, error) {
	settings := map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min", "wal_compression": "off",
		// When a row's last change was committed: the end of a withdrawal.
		"track_commit_timestamp": "on",
	}
	if o.statements {
		settings["shared_preload_libraries"] = "pg_stat_statements"
		settings["pg_stat_statements.track_planning"] = "on"
	}

	started, err := pgtest.Start(ctx, pgtest.Options{Durable: true, Dir: o.dir, Settings: settings})
	if err != nil {
		return nil, err
	}

	s := &server{Server: started, statements: o.statements}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.stop(context.WithoutCancel(ctx)))
	}

	return s, nil
}

// prepare makes the roles and finds the server's process.
func (s *server) prepare(ctx context.Context) error {
	admin, err := connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer admin.Close()

	for _, role := range []string{roleRequests, roleIngest, rolePayments} {
		if _, err := admin.Exec(ctx, "CREATE ROLE "+role+" SUPERUSER LOGIN"); err != nil {
			return fmt.Errorf("create role: %w", err)
		}
	}

	var content string
	if err := admin.QueryRow(ctx, "SELECT pg_read_file('postmaster.pid')").Scan(&content); err != nil {
		return fmt.Errorf("find the server's process: %w", err)
	}

	first, _, _ := strings.Cut(content, "\n")
	if s.pid, err = strconv.Atoi(strings.TrimSpace(first)); err != nil {
		return fmt.Errorf("find the server's process: %w", err)
	}

	return nil
}

func (s *server) stop(ctx context.Context) error { return s.Stop(ctx) }

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
	// pool is the superuser's, whose statements are not counted.
	pool *pgxpool.Pool
}

// database makes a migrated database.
func (s *server) database(ctx context.Context) (*database, error) {
	s.databases++
	d := &database{server: s, name: fmt.Sprintf("bench_%d", s.databases)}

	admin, err := connect(ctx, s.DSN("postgres"))
	if err != nil {
		return nil, err
	}
	defer admin.Close()

	if _, err := admin.Exec(ctx, "CREATE DATABASE "+d.name); err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}

	if err := store.Migrate(ctx, secret.New(s.DSN(d.name))); err != nil {
		return nil, err
	}

	if d.pool, err = connect(ctx, s.DSN(d.name)); err != nil {
		return nil, err
	}

	if !s.statements {
		return d, nil
	}

	if _, err := d.pool.Exec(ctx, "CREATE EXTENSION pg_stat_statements"); err != nil {
		d.pool.Close()

		return nil, fmt.Errorf("count statements: %w", err)
	}

	return d, nil
}

// drop removes the database, so that what it has still to write out is not written beside the next run.
func (d *database) drop(ctx context.Context) error {
	d.pool.Close()

	admin, err := connect(ctx, d.server.DSN("postgres"))
	if err != nil {
		return err
	}
	defer admin.Close()

	if _, err := admin.Exec(ctx, "DROP DATABASE "+d.name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database: %w", err)
	}

	return nil
}

// open is the store as a role sees it, with so many connections at most.
func (d *database) open(ctx context.Context, role string, connections int) (*store.DB, error) {
	dsn, err := url.Parse(d.server.DSN(d.name))
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}

	dsn.User = url.User(role)
	query := dsn.Query()
	query.Set("pool_max_conns", strconv.Itoa(connections))
	dsn.RawQuery = query.Encode()

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
