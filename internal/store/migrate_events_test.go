package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/store"
)

// lastOfTheDoor is the newest migration that suites in use had before events were told.
const lastOfTheDoor = 9

// TestWhoMayReadMayReadEvents: a role that was given what there is to read before an upgrade may read events after it, and
// no other role may; keys stay as they were.
func TestWhoMayReadMayReadEvents(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, nil)
	upward(t, pool, lastOfTheDoor)

	const roles = `"reader of events", "payer without events"`

	exec := func(sql string) {
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}

	// Roles are the whole server's.
	exec(`CREATE ROLE "reader of events"; CREATE ROLE "payer without events"`)
	t.Cleanup(func() { _, _ = pool.Exec(context.Background(), "DROP OWNED BY "+roles+"; DROP ROLE "+roles) })

	exec(`SELECT grant_door('reader of events', '{read}'), grant_door('payer without events', '{withdrawals}')`)
	exec(`CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (9, false)`)
	exec(`INSERT INTO api_keys (key_id, name, prefix, secret_hash, scopes, per_second, created_by, created_at)
		VALUES ('k_aaaaaaaaaaaa', 'n', 'p', sha256(''), '{read,admin}', 1, 'x', now())`)
	require.NoError(t, store.Migrate(t.Context(), url(pool)))

	var reads, pays bool

	require.NoError(t, pool.QueryRow(t.Context(), `SELECT has_table_privilege('reader of events', 'api.events', 'SELECT'),
		has_table_privilege('payer without events', 'api.events', 'SELECT')`).Scan(&reads, &pays))
	require.Equal(t, []bool{true, false}, []bool{reads, pays})

	exec(`UPDATE api_keys SET scopes = '{read,webhooks,admin}'`)

	_, err := pool.Exec(t.Context(), `UPDATE api_keys SET scopes = '{everything}'`)
	require.Error(t, err)
}
