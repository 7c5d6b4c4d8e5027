package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

var migrations atomic.Int64 // of a function that cannot capture

func migrateCounted(ctx context.Context, dsn string) error {
	migrations.Add(1)

	return execute(ctx, dsn, "CREATE TABLE things (name text PRIMARY KEY); INSERT INTO things VALUES ('seed')")
}

func execute(ctx context.Context, dsn, sql string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // a failure shows in the clone

	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("execute: %w", err)
	}

	return nil
}

func count(t *testing.T, pool *pgxpool.Pool, table string) int {
	t.Helper()

	var n int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))

	return n
}

func TestClonesAreIsolatedAndMigratedOnce(t *testing.T) {
	t.Parallel()

	const tests = 8

	t.Run("clones", func(t *testing.T) {
		t.Parallel()

		for i := range tests {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()

				pool := New(t, migrateCounted)
				require.Equal(t, 1, count(t, pool, "things"))

				// The same key in every clone: it would clash if two were one.
				_, err := pool.Exec(t.Context(), "INSERT INTO things VALUES ('mine')")
				require.NoError(t, err)
				require.Equal(t, 2, count(t, pool, "things"))
				require.EqualValues(t, 1, migrations.Load())
			})
		}
	})
}

func TestConnectionStringOpensTheSameDatabase(t *testing.T) {
	t.Parallel()

	pool := New(t, nil)
	require.NoError(t, execute(t.Context(), pool.Config().ConnString(), "CREATE TABLE here ()"))
	require.Zero(t, count(t, pool, "here"))
}

func TestLiteralsAreNotShared(t *testing.T) {
	t.Parallel()

	for _, table := range []string{"a", "b"} {
		pool := New(t, func(ctx context.Context, dsn string) error {
			return execute(ctx, dsn, "CREATE TABLE "+table+" ()")
		})
		require.Zero(t, count(t, pool, table))
	}
}

func TestDatabaseIsGoneAfterTheTest(t *testing.T) { //nolint:tparallel // the inner one must end before the check
	t.Parallel()

	var database string

	t.Run("uses one", func(t *testing.T) {
		pool := New(t, migrateCounted)
		database = pool.Config().ConnConfig.Database
	})

	var exists bool
	require.NoError(t, New(t, nil).QueryRow(t.Context(),
		"SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists))
	require.False(t, exists)
}

func TestFailedMigrationIsReportedAndRemoved(t *testing.T) {
	t.Parallel()

	server := start(t, Options{})
	c := &cluster{templates: make(map[string]*template), dsn: server.DSN}
	require.NoError(t, c.connect(t.Context(), server.DSN("postgres")))
	t.Cleanup(c.admin.Close)

	broken := errors.New("broken")
	_, err := c.create(t.Context(), func(context.Context, string) error { return broken })
	require.ErrorIs(t, err, broken)
	require.Equal(t, 3, count(t, c.admin, "pg_database"), "template0, template1, postgres")
}

func TestExternalServer(t *testing.T) {
	t.Parallel()

	server := start(t, Options{})
	c, err := startCluster(t.Context(), server.DSN("postgres"))
	require.NoError(t, err)
	require.Nil(t, c.server, "no server of our own")

	database, err := c.create(t.Context(), migrateCountedElsewhere)
	require.NoError(t, err)
	require.NoError(t, execute(t.Context(), c.dsn(database), "TABLE elsewhere"))
	require.NoError(t, c.drop(t.Context(), database))
	require.NoError(t, c.stop(t.Context()))

	var left int
	require.NoError(t, connect(t, server).QueryRow(t.Context(), "SELECT count(*) FROM pg_database").Scan(&left))
	require.Equal(t, 3, left, "the template is gone too")

	_, err = startCluster(t.Context(), "host=localhost password=hunter2")
	require.ErrorContains(t, err, externalURL)
	require.NotContains(t, err.Error(), "hunter2")
}

func migrateCountedElsewhere(ctx context.Context, dsn string) error {
	return execute(ctx, dsn, "CREATE TABLE elsewhere ()")
}
