package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/store"
)

// sealed seals all that is written, and says how many rows that were.
func (l *ledger) sealed() int {
	l.t.Helper()

	rows, err := l.db.SealAudit(l.t.Context(), 1000, now())
	require.NoError(l.t, err)
	require.Zero(l.t, l.count("SELECT unsealed FROM verify_audit()"))

	return rows
}

func (l *ledger) broken() int {
	l.t.Helper()

	return l.count("SELECT coalesce(broken_at, 0) FROM verify_audit()")
}

const aNote = "SELECT note_act(NULL, $1, 'act', 'x', '{}', $2)"

// TestTheAuditLogIsSealed: whoever changes a row that was sealed is found, however the row was changed.
func TestTheAuditLogIsSealed(t *testing.T) {
	t.Parallel()

	l := queue(t)
	l.sealed() // what the set-up set
	before := l.count("SELECT rows FROM verify_audit()")

	for range 5 {
		require.NoError(t, l.db.BlockSender(t.Context(), l.treasury, bob, "ann", "x", now()))
	}

	require.Equal(t, 5, l.count("SELECT unsealed FROM verify_audit()"))
	require.Equal(t, 5, l.sealed())
	require.Equal(t, 0, l.sealed())
	require.Equal(t, before+5, l.count("SELECT rows FROM verify_audit()"))
	require.Zero(t, l.broken())

	last := before + 5

	// One who can switch triggers off changes a row, takes one away, or puts one in between.
	for name, c := range map[string]struct {
		change string
		at     int
	}{
		"changed":    {"UPDATE audit_log SET actor = 'eve' WHERE audit_no = 3", 3},
		"moved":      {"UPDATE audit_log SET at = at + interval '1 microsecond' WHERE audit_no = 1", 1},
		"taken":      {"DELETE FROM audit_seals WHERE audit_no = 3; DELETE FROM audit_log WHERE audit_no = 3", 4},
		"closed up":  {"DELETE FROM audit_seals WHERE audit_no = 3; DELETE FROM audit_log WHERE audit_no = 3; UPDATE audit_seals SET seal_no = seal_no - 1 WHERE seal_no > 3", 4},
		"row gone":   {"DELETE FROM audit_log WHERE audit_no = 3", 3},
		"unsealed":   {"DELETE FROM audit_seals WHERE audit_no = 3", 4},
		"cut off":    {"DELETE FROM audit_seals WHERE seal_no > 3", 4},
		"swapped":    {"UPDATE audit_seals SET seal_no = 1000 WHERE seal_no = 3; UPDATE audit_seals SET seal_no = 3 WHERE seal_no = 4; UPDATE audit_seals SET seal_no = 4 WHERE seal_no = 1000", 4},
		"with a gap": {"UPDATE audit_seals SET seal_no = seal_no + 1000 WHERE seal_no > 3", 4},
		"put in":     {"INSERT INTO audit_log (actor, action, subject, detail, at) VALUES ('eve', 'act', 'x', '{}', now())", last + 1},
		"put before": {"INSERT INTO audit_log (audit_no, actor, action, subject, detail, at) OVERRIDING SYSTEM VALUE VALUES (-1, 'eve', 'act', 'x', '{}', now())", -1},
	} {
		tx, err := l.pool.Begin(t.Context())
		require.NoError(t, err)

		_, err = tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica; "+c.change)
		require.NoError(t, err, name)

		var at *int
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT broken_at FROM verify_audit()").Scan(&at))
		require.Equal(t, &c.at, at, name)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

// TestSealsWaitForNobody: a row is sealed when it is committed, whatever its number and its transaction's, and what is
// committed later is sealed after it.
func TestSealsWaitForNobody(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.sealed() // what the set-up set
	before := l.count("SELECT rows FROM verify_audit()")

	early, err := l.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = early.Exec(t.Context(), "SELECT pg_current_xact_id()") // any write, as of an Idempotency-Key
	require.NoError(t, err)

	slow, err := l.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = slow.Exec(t.Context(), aNote, "slow", now())
	require.NoError(t, err)

	_, err = early.Exec(t.Context(), aNote, "early", now())
	require.NoError(t, err)
	require.NoError(t, early.Commit(t.Context()))

	l.exec(aNote, "third", now())
	require.Equal(t, 2, l.sealed())
	require.NoError(t, slow.Commit(t.Context()))
	require.Equal(t, 1, l.sealed())
	require.Zero(t, l.broken())

	var actors []string
	require.NoError(t, l.pool.QueryRow(t.Context(),
		"SELECT array_agg(l.actor ORDER BY s.seal_no) FROM audit_seals s JOIN audit_log l USING (audit_no) WHERE s.seal_no > $1", before).Scan(&actors))
	require.Equal(t, []string{"early", "third", "slow"}, actors)
}

// TestSealersTakeTurns: several instances seal one chain.
func TestSealersTakeTurns(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.sealed() // what the set-up set
	l.exec(aNote, "first", now())

	tx, err := l.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT seal_audit(1000, now())")
	require.NoError(t, err)

	l.exec(aNote, "second", now())

	var (
		other  errgroup.Group
		sealed int
	)

	other.Go(func() (err error) {
		sealed, err = l.db.SealAudit(context.WithoutCancel(t.Context()), 1000, now())

		return err
	})

	require.Eventually(t, func() bool {
		return l.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1
	}, patience, pollInterval)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, other.Wait())
	require.Equal(t, 1, sealed)
	require.Zero(t, l.broken())
	require.Zero(t, l.count("SELECT unsealed FROM verify_audit()"))
}

// TestSealsOutliveARestore into another server, whose transactions have other numbers, of all or of the data alone, which
// meets triggers. Whatever the rows had from the server before must not matter, such as a number of their transaction.
func TestSealsOutliveARestore(t *testing.T) {
	t.Parallel()

	source := begin(t)
	source.exec(aNote, "sealed", now())
	source.sealed()
	source.exec(aNote, "not yet", now())

	for name, c := range map[string]struct {
		mode   string
		tables []string
	}{
		"all":  {"SET LOCAL session_replication_role = replica", []string{"audit_log", "audit_seals", "audit_unsealed"}},
		"data": {"SET LOCAL session_replication_role = origin", []string{"audit_log", "audit_seals"}},
	} {
		db, pool := open(t)
		restored := &ledger{t: t, db: db, pool: pool}

		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), c.mode)
		require.NoError(t, err)

		for _, table := range c.tables {
			var rows string
			require.NoError(t, source.pool.QueryRow(t.Context(),
				`SELECT jsonb_agg(to_jsonb(x) || '{"xid": "9000000000"}')::text FROM `+table+" x").Scan(&rows))
			//nolint:unqueryvet // a restore brings all columns, whatever they are
			_, err = tx.Exec(t.Context(), "INSERT INTO "+table+" OVERRIDING SYSTEM VALUE SELECT x.* FROM jsonb_populate_recordset(NULL::"+table+", $1::jsonb) AS x", rows)
			require.NoError(t, err, name)
		}

		_, err = tx.Exec(t.Context(), "SELECT setval(pg_get_serial_sequence('audit_log', 'audit_no'), max(audit_no)) FROM audit_log")
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))

		restored.exec(aNote, "after", now())
		require.Equal(t, 2, restored.sealed(), name)
		require.Zero(t, restored.broken(), name)
		require.Equal(t, source.count("SELECT count(*) FROM audit_log")+1, restored.count("SELECT rows FROM verify_audit()"), name)
	}
}

// TestRowsFromBeforeAreSealed: an upgrade leaves nothing out that was noted before there were seals.
func TestRowsFromBeforeAreSealed(t *testing.T) {
	t.Parallel()

	const withoutSeals = 8

	pool := pgtest.New(t, nil)
	upward(t, pool, withoutSeals)
	_, err := pool.Exec(t.Context(), aNote, "ann", now())
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (8, false)")
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context(), url(pool)))

	l := &ledger{t: t, db: reopen(t, pool), pool: pool}
	require.Equal(t, 1, l.sealed())
	require.Zero(t, l.broken())
}

// TestNobodyHoldsSealingUp who has no more than schema api: what sealing locks is out of reach.
func TestNobodyHoldsSealingUp(t *testing.T) {
	t.Parallel()

	const role = "door_of_tests_that_locks"

	l := begin(t)
	l.exec(aNote, "ann", now())

	tx, err := l.pool.Begin(t.Context())
	require.NoError(t, err)

	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()

	for _, s := range []string{
		"CREATE ROLE " + role, "SELECT grant_door('" + role + "', '{read, accounts, withdrawals, approvals}')",
		"SET LOCAL SESSION AUTHORIZATION " + role, "SELECT pg_advisory_xact_lock(1296387408)",
	} {
		_, err = tx.Exec(t.Context(), s)
		require.NoError(t, err)
	}

	for _, s := range []string{
		"LOCK TABLE audit_sealing IN ACCESS SHARE MODE", "LOCK TABLE audit_unsealed IN ACCESS SHARE MODE",
		"SELECT FROM audit_sealing FOR KEY SHARE", "LOCK TABLE audit_seals IN ACCESS SHARE MODE", "LOCK TABLE audit_log IN ACCESS SHARE MODE",
		"SELECT seal_audit(1, now())",
	} {
		err := pgx.BeginFunc(t.Context(), tx, func(inner pgx.Tx) error {
			_, err := inner.Exec(t.Context(), s)

			return err
		})
		require.ErrorContains(t, err, "permission denied", s)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	sealed, err := l.db.SealAudit(ctx, 1000, now())
	require.NoError(t, err)
	require.Equal(t, l.count("SELECT count(*) FROM audit_log"), sealed)
}

// TestAnUnsealedRowGrowsOld, which is told.
func TestAnUnsealedRowGrowsOld(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.sealed() // what the set-up set

	found, err := l.db.VerifyAudit(t.Context())
	require.NoError(t, err)
	require.Zero(t, found.UnsealedSince)
	require.False(t, found.Late(now().Add(time.Hour)), "there is none")

	l.exec(aNote, "first", now())
	l.exec(aNote, "second", now().Add(time.Minute))

	found, err = l.db.VerifyAudit(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(2), found.Unsealed)
	require.True(t, now().Equal(found.UnsealedSince), found.UnsealedSince)
	require.False(t, found.Late(now().Add(5*time.Minute)))
	require.True(t, found.Late(now().Add(5*time.Minute+time.Second)))
	require.Zero(t, found.BrokenAt, "it is old, and as it was")
}

// TestAReaderSeesNoAuditLog, which is of all treasuries: not when it is given the scope again either, and not even if
// somebody had given it all of the schema.
func TestAReaderSeesNoAuditLog(t *testing.T) {
	t.Parallel()

	const role = "door_reader_of_tests_without_audit"

	l := begin(t)

	tx, err := l.pool.Begin(t.Context())
	require.NoError(t, err)

	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()

	grant := "SELECT grant_door('" + role + "', '{read, accounts, withdrawals, approvals}')"

	for i, s := range []string{"CREATE ROLE " + role, grant, grant, "GRANT SELECT ON ALL TABLES IN SCHEMA api TO " + role, grant} {
		_, err = tx.Exec(t.Context(), s)
		require.NoError(t, err)

		if s != grant {
			continue
		}

		var deposits, audit bool
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT has_table_privilege($1, 'api.deposits', 'SELECT'), has_table_privilege($1, 'api.audit_log', 'SELECT')", role).
			Scan(&deposits, &audit))
		require.True(t, deposits)
		require.False(t, audit, "statement %d", i)
	}
}
