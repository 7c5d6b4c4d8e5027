package campaign

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// emptyDatabase gives the campaign's next programs a database in which nobody has been.
func emptyDatabase(ctx context.Context, t *testing.T, c *Campaign, name string) {
	t.Helper()

	_, err := c.db.Pool().Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE template0")
	require.NoError(t, err)

	c.url = secret.New(c.postgres.DSN(name))
}

// requireComesUp starts ingestion once more and waits until it stores something.
func requireComesUp(ctx context.Context, t *testing.T, c *Campaign) {
	t.Helper()

	db, err := store.Open(ctx, c.url)
	require.NoError(t, err)

	defer db.Close()

	l, err := c.start(ctx, c.direct)
	require.NoError(t, err)

	came := c.await(ctx, standstill, func() bool {
		var no int64

		err := db.Pool().QueryRow(ctx, "SELECT update_no FROM ingestion_cursors").Scan(&no)

		select {
		case <-l.Exited():
			return true
		default:
			return err == nil && no > 0
		}
	})

	require.NoError(t, c.kill(l), "a program that was killed while it migrated the database must start again")
	require.True(t, came, "ingestion does not come up:\n%s", l.Log())
}

// TestKilledBetweenMigrationAndItsRecord stops the first migration in its middle, kills the program there, and lets the
// server go on, which does not know yet that its client is gone.
func TestKilledBetweenMigrationAndItsRecord(t *testing.T) {
	t.Parallel()

	ctx, c := begin(t, 1, 3)
	emptyDatabase(ctx, t, c, "held")

	db, err := store.Open(ctx, c.url)
	require.NoError(t, err)

	defer db.Close()

	tx, err := db.Pool().Begin(ctx)
	require.NoError(t, err)

	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	// Whoever creates a table of the same name waits until this one is committed or gone.
	_, err = tx.Exec(ctx, "CREATE TABLE treasuries ()")
	require.NoError(t, err)

	l, err := c.start(ctx, c.direct)
	require.NoError(t, err)

	waits := c.await(ctx, patience, func() bool {
		var waiting bool

		err := c.db.Pool().QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')").Scan(&waiting)

		return err == nil && waiting
	})
	require.NoError(t, c.kill(l))
	require.True(t, waits, "the migration did not meet the held table:\n%s", l.Log())
	require.NoError(t, tx.Rollback(ctx))

	requireComesUp(ctx, t, c)
}

// TestKilledWhileStartingOnAnEmptyDatabase kills the program at random moments of its first start.
func TestKilledWhileStartingOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()

	const rounds, killsEach = 8, 3

	seed := pickSeed()
	t.Logf("seed %d", seed)

	ctx, c := begin(t, rounds*killsEach, seed)

	for round := range rounds {
		emptyDatabase(ctx, t, c, fmt.Sprintf("round_%d", round))

		for range killsEach {
			l, err := c.start(ctx, c.direct)
			require.NoError(t, err)
			c.wait(ctx, c.between(5*time.Millisecond, 80*time.Millisecond))
			require.NoError(t, c.kill(l))
		}

		requireComesUp(ctx, t, c)
	}
}

// TestDatabaseCrashesWhileItMigrates takes the server away while a starting program looks at the schema: the program
// waits for it, as it does at any other moment.
func TestDatabaseCrashesWhileItMigrates(t *testing.T) {
	t.Parallel()

	ctx, c := begin(t, 1, 4)

	tx, err := c.db.Pool().Begin(ctx)
	require.NoError(t, err)

	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	for _, table := range []string{"schema_migrations", "schema_history"} {
		_, err = tx.Exec(ctx, "LOCK TABLE "+pgx.Identifier{table}.Sanitize())
		require.NoError(t, err)
	}

	l, err := c.start(ctx, c.direct)
	require.NoError(t, err)
	require.True(t, c.await(ctx, patience, func() bool { return c.blocked(ctx) }), "nothing looks at the schema:\n%s", l.Log())

	require.NoError(t, c.postgres.Crash(ctx))
	c.db.Pool().Reset()
	require.NoError(t, c.postgres.Resume(ctx))

	require.True(t, c.moves(ctx), "ingestion does not come up:\n%s", l.Log())
	require.NoError(t, c.kill(l))
}
