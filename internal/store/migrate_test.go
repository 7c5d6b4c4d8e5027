package store_test

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/migrations"
)

// schemaQuery lists what a schema is made of: every column, constraint, index, function, trigger, view and comment.
const schemaQuery = `
WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('public', 'api')),
relations AS (SELECT c.oid, c.relkind FROM pg_class c JOIN ours n ON n.oid = c.relnamespace WHERE c.relname NOT LIKE 'schema_migrations%')
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
    SELECT format('%s.%s', c.oid::regclass, a.attname) || format(' %s %s %s %s %s %s', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
        a.attcompression, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)) AS line
    FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    UNION ALL SELECT format('%s %s %s', c.relkind, c.oid::regclass, obj_description(c.oid)) FROM relations c
    UNION ALL SELECT format('constraint %s %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint k JOIN relations c ON c.oid = k.conrelid
    UNION ALL SELECT pg_get_indexdef(c.oid) FROM relations c WHERE c.relkind = 'i'
    UNION ALL SELECT pg_get_viewdef(c.oid) FROM relations c WHERE c.relkind = 'v'
    UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace
    UNION ALL SELECT pg_get_triggerdef(g.oid) FROM pg_trigger g JOIN relations c ON c.oid = g.tgrelid WHERE NOT g.tgisinternal
    UNION ALL SELECT format('schema %s %s', nspname, obj_description(oid)) FROM ours WHERE nspname = 'api'
) AS everything`

func schema(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()

	var text *string

	require.NoError(t, pool.QueryRow(t.Context(), schemaQuery).Scan(&text))

	if text == nil {
		return ""
	}

	return *text
}

// downward runs the files that undo the migrations, newest first.
func downward(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()

	entries, err := migrations.Files.ReadDir(".")
	require.NoError(t, err)

	for _, entry := range slices.Backward(entries) {
		name := entry.Name()
		if !strings.HasSuffix(name, ".down.sql") {
			continue
		}

		raw, err := migrations.Files.ReadFile(name)
		require.NoError(t, err)

		_, err = pool.Exec(t.Context(), string(raw))
		require.NoError(t, err, name)
	}

	_, err = pool.Exec(t.Context(), "DROP TABLE schema_migrations")
	require.NoError(t, err)
}

func url(pool *pgxpool.Pool) secret.String { return secret.New(pool.Config().ConnString()) }

func TestMigrationsUpDownUp(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, nil)
	empty := schema(t, pool)
	require.NoError(t, store.Migrate(t.Context(), url(pool)))

	first := schema(t, pool)
	require.Contains(t, first, "movements_sum_to_zero")
	require.Contains(t, first, "customers_are_never_overdrawn")

	downward(t, pool)
	require.Equal(t, empty, schema(t, pool), "the way down leaves something behind")
	require.NoError(t, store.Migrate(t.Context(), url(pool)))
	require.Equal(t, first, schema(t, pool))
	require.NoError(t, store.Migrate(t.Context(), url(pool)), "a second run changes nothing")
	require.Equal(t, first, schema(t, pool))
}

func TestMigrateTogether(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, nil)

	var group errgroup.Group
	for range 8 {
		group.Go(func() error { return store.Migrate(t.Context(), url(pool)) })
	}

	require.NoError(t, group.Wait())
	require.NotEmpty(t, schema(t, pool))
}

// TestMigrateLeavesNoConnection: a service migrates once and runs for months.
func TestMigrateLeavesNoConnection(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, nil)
	named := pool.Config().ConnString() + "&application_name=migrating"
	require.NoError(t, store.Migrate(t.Context(), secret.New(named)))
	require.NoError(t, store.Migrate(t.Context(), secret.New(named)), "with nothing to do")
	require.Eventually(t, func() bool {
		var left int

		err := pool.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'migrating'").Scan(&left)

		return err == nil && left == 0
	}, patience, pollInterval)
}

func TestMigrateRefusesANewerSchema(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, migrate)
	_, err := pool.Exec(t.Context(), "UPDATE schema_migrations SET version = 999999")
	require.NoError(t, err)

	before := schema(t, pool)
	require.ErrorIs(t, store.Migrate(t.Context(), url(pool)), store.ErrSchemaNewer)
	require.Equal(t, before, schema(t, pool))
}

// lastUndo is the way down from the newest schema to the one before it.
func lastUndo(t *testing.T) string {
	t.Helper()

	files, err := fs.Glob(migrations.Files, "*.down.sql")
	require.NoError(t, err)

	undo, err := migrations.Files.ReadFile(slices.Max(files))
	require.NoError(t, err)

	return string(undo)
}

// TestMigrateGoesOnAfterADeath: the runner's record says that the program died in a migration, and the migration's own
// transaction says whether it was applied.
func TestMigrateGoesOnAfterADeath(t *testing.T) {
	t.Parallel()

	for name, undo := range map[string]string{
		"after the last migration":  "SELECT 1",
		"before the last migration": lastUndo(t),
		"before the first migration": `DROP SCHEMA api, public CASCADE; CREATE SCHEMA public;
			CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean); INSERT INTO schema_migrations VALUES (1, true)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			pool := pgtest.New(t, migrate)
			want := schema(t, pool)

			_, err := pool.Exec(t.Context(), undo)
			require.NoError(t, err)
			_, err = pool.Exec(t.Context(), "UPDATE schema_migrations SET dirty = true")
			require.NoError(t, err)

			require.NoError(t, store.Migrate(t.Context(), url(pool)))
			require.Equal(t, want, schema(t, pool))
		})
	}
}

func TestBadURLsKeepTheirPassword(t *testing.T) {
	t.Parallel()

	for _, bad := range []string{
		"postgres://user:hunter2@host:notaport/db", "postgres://user:hunter2@[::1/db", "postgres://user:hunter2@host/db?sslmode=nonsense",
		"user=u password=hunter2 port=x", "postgres://user:hunter2@host:5432/db?pool_max_conns=x", "mysql://user:hunter2@host/db", "hunter2",
		"postgres://user:hunter2@127.0.0.1:1/db?connect_timeout=1",
	} {
		require.NotContains(t, message(t, func() error { return store.Migrate(t.Context(), secret.New(bad)) }), "hunter2", bad)

		require.NotContains(t, message(t, func() error {
			db, err := store.Open(t.Context(), secret.New(bad))
			if err != nil {
				return err
			}
			defer db.Close()

			return db.Ping(t.Context())
		}), "hunter2", bad)
	}
}

func message(t *testing.T, call func() error) string {
	t.Helper()

	err := call()
	require.Error(t, err)

	return err.Error()
}
