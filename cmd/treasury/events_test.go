package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/service"
)

// TestEventsAndSubscriptionsAreListed for operators, whatever strangers have written into them.
func TestEventsAndSubscriptionsAreListed(t *testing.T) {
	t.Parallel()

	dsn := emptyDatabase(t)
	environ := []string{"CES_DATABASE_URL=" + dsn, party}
	ok := func(args ...string) string {
		t.Helper()

		code, stdout, stderr := call(t, environ, args...)
		require.Equal(t, service.ExitOK, code, stderr)

		return squeezed(stdout)
	}

	ok("issue-memo", "alice")
	require.Contains(t, ok("events"), "none among the newest")
	require.Equal(t, "none", strings.TrimSpace(ok("subscriptions")))

	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close(t.Context()) })

	//nolint:dupword // columns of SQL
	_, err = db.Exec(t.Context(), `
		INSERT INTO event_log SELECT treasury_id, n, gen_random_uuid(), CASE WHEN n % 2 = 0 THEN 'deposit.credited' ELSE 'withdrawal.failed' END, E'w-\x1b' || n, 'alice', 0, now(),
			'{"specversion":"1.0","id":"x","source":"x","type":"x","subject":"x","time":"2026-03-01T12:00:00.000000Z","datacontenttype":"x","dataschema":"x","sequence":"1","treasury":"x","chain":"x","data":{}}', 0, decode(repeat('07', 16), 'hex')
			FROM treasuries, generate_series(1, 100) AS n;
		INSERT INTO event_heads SELECT treasury_id, 100, decode(repeat('07', 16), 'hex') FROM treasuries;
		INSERT INTO subscriptions (subscription_id, treasury_id, owner, name, url, ordered, batch, per_second, max_backlog, state, reason, cursor_seq, next_at, created_at, changed_at)
			SELECT 'sub_aaaaaaaaaaaa', treasury_id, 'k_1', E'books\x1b', 'https://example.com', false, 1, 50, 1000, 'disabled', 'no answer', 90, now(), now(), now() FROM treasuries`)
	require.NoError(t, err)

	all := ok("events")
	require.Contains(t, all, "100 2026-03-01T12:00:00.000000Z deposit.credited")
	require.NotContains(t, all, "\x1b")
	require.Contains(t, all, "\n51 2026")
	require.NotContains(t, all, "\n50 2026", "the newest are shown")

	require.NotContains(t, ok("events", "deposit.*", "account=alice"), "withdrawal.failed")
	require.Contains(t, ok("events", "account=nobody"), "none among the newest")

	code, _, stderr := call(t, environ, "events", "nothing")
	require.Equal(t, service.ExitUsage, code)
	require.Contains(t, stderr, "want a type of events")

	listed := ok("subscriptions")
	require.Contains(t, listed, "sub_aaaaaaaaaaaa disabled 10 0 0 k_1")
	require.Contains(t, listed, "https://example.com")
	require.NotContains(t, listed, "\x1b")
}
