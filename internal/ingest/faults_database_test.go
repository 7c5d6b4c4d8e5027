package ingest_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// openOn opens a database of a server, migrated.
func openOn(t *testing.T, server *pgtest.Server, database string) *store.DB {
	t.Helper()

	url := secret.New(server.DSN(database))
	require.NoError(t, store.Migrate(t.Context(), url))

	db, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(db.Close)

	return db
}

// ownServer is a PostgreSQL that a test may crash.
func ownServer(t *testing.T) *pgtest.Server {
	t.Helper()

	server, err := pgtest.Start(t.Context(), pgtest.Options{Durable: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.WithoutCancel(t.Context()))) })

	return server
}

// again opens another pool on the same database, as another process has.
func (w *world) again(t *testing.T) *store.DB {
	t.Helper()

	db, err := store.Open(w.ctx, secret.New(w.db.Pool().Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	return db
}

func TestDatabaseAwayAtTheStart(t *testing.T) {
	t.Parallel()

	server := ownServer(t)
	w := newWorldOn(t, sandbox.Config{}, openOn(t, server, "postgres"))
	w.pay(t, 3)
	require.NoError(t, server.Crash(w.ctx))
	w.db.Pool().Reset()

	r := w.start(t, w.client(t, w.url))
	w.fails(t, manyTries)
	require.Len(t, w.errors(), 1, "%v", w.errors())

	require.NoError(t, server.Resume(w.ctx))
	w.caughtUp(t)
	require.NoError(t, r.Ready())
	r.stop(t)
	w.requireComplete(t)
}

// TestDatabaseCrashesAtTheFirstStatement takes the server away in the middle of the very first thing that is asked of it.
func TestDatabaseCrashesAtTheFirstStatement(t *testing.T) {
	t.Parallel()

	server := ownServer(t)
	w := newWorldOn(t, sandbox.Config{}, openOn(t, server, "postgres"))
	w.pay(t, 3)

	tx, err := w.again(t).Pool().Begin(w.ctx)
	require.NoError(t, err)
	_, err = tx.Exec(w.ctx, "LOCK TABLE treasuries")
	require.NoError(t, err)

	r := w.start(t, w.client(t, w.url))
	w.eventually(t, "it waits for its first answer", func() bool {
		var waits bool

		err := tx.QueryRow(w.ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'treasuries'::regclass)`).Scan(&waits)

		return err == nil && waits
	})
	require.NoError(t, server.Crash(w.ctx))
	_ = tx.Rollback(w.ctx) // it is gone

	w.fails(t, 2)
	require.NoError(t, server.Resume(w.ctx))
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
}

// TestDatabaseCrashesInTheMiddle loses nothing that was committed and repeats nothing.
func TestDatabaseCrashesInTheMiddle(t *testing.T) {
	t.Parallel()

	server := ownServer(t)
	w := newWorldOn(t, sandbox.Config{}, openOn(t, server, "postgres"))
	r := w.start(t, w.client(t, w.url))

	for range 3 {
		w.pay(t, 10)
		w.eventually(t, "something is stored", func() bool { return w.offset() > 0 })

		before, errorsBefore := w.log.count(interrupted), len(w.errors())
		require.NoError(t, server.Crash(w.ctx))
		w.pay(t, 3)
		w.fails(t, before+manyTries)
		require.Equal(t, 1, len(w.errors())-errorsBefore, "one outage, one error, whichever statement meets it: %v", w.errors()[errorsBefore:])
		require.NoError(t, server.Resume(w.ctx))
		w.caughtUp(t)
	}

	require.NoError(t, r.Ready())
	r.stop(t)
	w.requireComplete(t)
	w.requireRestarts(t)
}

// TestEveryConnectionIsEnded is what a restart of a connection pooler, or an administrator, does.
func TestEveryConnectionIsEnded(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	r := w.start(t, w.client(t, w.url))

	for range 5 {
		w.pay(t, 5)
		w.eventually(t, "something is stored", func() bool { return w.offset() > 0 })

		_, _ = w.db.Pool().Exec(w.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)

		w.caughtUp(t)
	}

	r.stop(t)
	w.requireComplete(t)
}

// TestDiskFullInOneTable plays a full disk with the error that PostgreSQL gives, at the statement where it would come;
// it runs everywhere. A disk that is really full needs a file system of its own: see TestDiskFull.
func TestDiskFullInOneTable(t *testing.T) {
	t.Parallel()

	for _, table := range []string{"holdings", "ledger_update_bodies", "postings", "events"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.pay(t, 3)

			r := w.start(t, w.client(t, w.url))
			w.caughtUp(t)

			_, err := w.db.Pool().Exec(w.ctx, `CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN RAISE EXCEPTION 'could not extend file "base/16384/16385": No space left on device' USING ERRCODE = '53100'; END $$`)
			require.NoError(t, err)
			_, err = w.db.Pool().Exec(w.ctx, "CREATE TRIGGER disk_is_full BEFORE INSERT ON "+table+" FOR EACH STATEMENT EXECUTE FUNCTION disk_is_full()")
			require.NoError(t, err)

			full := w.offset()
			w.pay(t, 3)
			w.fails(t, manyTries)
			w.requireToldOnce(t, "No space left on device")
			require.LessOrEqual(t, w.offset(), full+4, "only what does not touch the table") // checkpoints, a tap
			require.Error(t, r.Ready())

			_, err = w.db.Pool().Exec(w.ctx, "DROP TRIGGER disk_is_full ON "+table)
			require.NoError(t, err)
			w.caughtUp(t)
			require.NoError(t, r.Ready())
			r.stop(t)
			w.requireComplete(t)
		})
	}
}

func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 3)

	// Both at once, on a database that nobody has ingested into.
	first := w.start(t, w.client(t, w.url))
	second := w.startWith(t, w.client(t, w.url), w.again(t), ingest.Config{Party: w.party})
	w.caughtUp(t)
	w.eventually(t, "one stands by", func() bool { return w.log.count("another instance ingests this treasury") == 1 })
	w.eventually(t, "both are ready", func() bool { return first.Ready() == nil && second.Ready() == nil })
	require.Empty(t, w.errors())

	w.endWriter(t)
	w.pay(t, 3)
	w.caughtUp(t)
	first.stop(t)
	w.pay(t, 3)
	w.caughtUp(t)
	second.stop(t)
	w.requireComplete(t)
}

// endWriter takes the lock away from whoever has it, as a broken connection does; the writer may not have noticed.
func (w *world) endWriter(t *testing.T) {
	t.Helper()

	w.eventually(t, "somebody has the lock to lose", func() bool {
		var ended int

		err := w.db.Pool().QueryRow(w.ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_locks
			WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&ended)

		return err == nil && ended > 0
	})
}

// TestFencedWriterWritesNothing takes the epoch over behind the writer's back, again and again under load.
func TestFencedWriterWritesNothing(t *testing.T) {
	t.Parallel()

	const times = 5

	w := newWorld(t, sandbox.Config{})
	w.pay(t, 3)

	r := w.start(t, w.client(t, w.url))
	w.caughtUp(t)

	for range times {
		taken, err := w.db.TakeOver(w.ctx, w.treasury, time.Now())
		require.NoError(t, err)
		w.pay(t, 4)
		w.eventually(t, "the writer takes over again", func() bool {
			c, err := w.db.Cursor(w.ctx, w.treasury)

			return err == nil && c.Epoch > taken.Epoch
		})
		w.caughtUp(t)
	}

	r.stop(t)
	require.Empty(t, w.errors(), "another writer is no error")
	require.True(t, slices.ContainsFunc(w.log.texts(slog.LevelDebug), func(text string) bool {
		return strings.Contains(text, "another writer has moved the cursor")
	}))
	w.requireComplete(t)
}

// TestTwoWritersUnderLoad loses the lock over and over while both instances write.
func TestTwoWritersUnderLoad(t *testing.T) {
	t.Parallel()

	const rounds = 6

	w := newWorld(t, sandbox.Config{})
	first := w.start(t, w.client(t, w.url))
	second := w.startWith(t, w.client(t, w.url), w.again(t), ingest.Config{Party: w.party})
	w.pay(t, 3)
	w.caughtUp(t)

	for range rounds {
		w.pay(t, 10)
		w.endWriter(t)
		w.pay(t, 10)
		w.caughtUp(t)
	}

	first.stop(t)
	second.stop(t)
	w.requireComplete(t)
}
