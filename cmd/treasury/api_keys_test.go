package main

import (
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/service"
)

// TestTheFirstKey comes from here: made, listed, rotated and revoked, and its secret printed once.
func TestTheFirstKey(t *testing.T) {
	t.Parallel()

	environ := []string{"CES_DATABASE_URL=" + emptyDatabase(t)}
	ok := func(args ...string) string {
		code, stdout, stderr := call(t, environ, args...)
		require.Equal(t, service.ExitOK, code, stderr)

		return stdout
	}
	whole := regexp.MustCompile(`(?m)^ces_([a-z0-9]{12})_[A-Za-z0-9_-]{43}$`)

	require.Contains(t, ok("api-key", "list"), "none")

	made := ok("api-key", "create", "backend", "read,withdrawals,read", "treasuries=treasury::1220aa", "from=10.0.0.0/8,192.0.2.1", "per_second=7", "expires=24h", "operator=olga")
	require.Contains(t, made, "(backend) may read, withdrawals; it expires: 20")

	secret := whole.FindStringSubmatch(made)
	require.NotNil(t, secret, made)

	list := ok("api-key", "list")
	require.Regexp(t, `k_`+secret[1]+` +backend +until \S+ +read,withdrawals +7 +treasury::1220aa +10.0.0.0/8,192.0.2.1/32 +never +olga`, list)
	require.NotContains(t, list, secret[0])

	rotated := ok("api-key", "rotate", "k_"+secret[1], "1h", "olga")
	next := whole.FindStringSubmatch(rotated)
	require.NotNil(t, next, rotated)
	require.Contains(t, ok("api-key", "revoke", "k_"+secret[1]), "its successor k_"+next[1]+" is not")
	require.Regexp(t, `k_`+secret[1]+` +backend +revoked`, ok("api-key", "list"))

	for _, wrong := range [][]string{
		{"create", "x", "root"}, {"create", "", "read"}, {"create", "x", "read", "per_second=0"}, {"create", "x", "read", "from=10.0.0.1/8"},
		{"create", "x", "read", "expires=-1h"}, {"create", "x", "read", "treasuries=treasury"}, {"create", "x"}, {"rotate", "k_" + next[1], "721h"}, {"revoke"},
	} {
		code, _, stderr := call(t, environ, append([]string{"api-key"}, wrong...)...)
		require.Equal(t, service.ExitUsage, code, stderr)
	}

	code, _, stderr := call(t, environ, "api-key", "rotate", "k_"+secret[1], "1h")
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, stderr, "key_revoked")

	code, _, stderr = call(t, environ, "api-key", "revoke", "k_aaaaaaaaaaaa")
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, stderr, "not found")
}

// TestRolesAndTheAuditLog: a role gets rights in schema api, who gave them is written, and a change of what was written is
// found.
func TestRolesAndTheAuditLog(t *testing.T) {
	t.Parallel()

	dsn := emptyDatabase(t)
	environ := []string{"CES_DATABASE_URL=" + dsn}

	code, _, stderr := call(t, environ, "migrate")
	require.Equal(t, service.ExitOK, code, stderr)

	db, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close(t.Context()) })

	exec := func(sql string) {
		_, err := db.Exec(t.Context(), sql)
		require.NoError(t, err)
	}

	// Roles are the whole server's.
	exec(`CREATE ROLE "exchange of a test"`)
	t.Cleanup(func() {
		_, _ = db.Exec(t.Context(), `DROP OWNED BY "exchange of a test"; DROP ROLE "exchange of a test"`)
	})

	code, stdout, stderr := call(t, environ, "grant-role", "exchange of a test", "read", "withdrawals")
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, `role "exchange of a test" may read, withdrawals`)

	var reads, writes bool
	require.NoError(t, db.QueryRow(t.Context(), `SELECT has_table_privilege('exchange of a test', 'api.deposits', 'SELECT'),
		has_table_privilege('exchange of a test', 'api.deposits', 'INSERT')
		OR has_table_privilege('exchange of a test', 'api.audit_log', 'SELECT')`).Scan(&reads, &writes))
	require.True(t, reads)
	require.False(t, writes)
	require.NoError(t, db.QueryRow(t.Context(), "SELECT has_table_privilege('exchange of a test', 'api.events', 'SELECT')").Scan(&reads))
	require.True(t, reads)

	for _, wrong := range []string{"admin", "everything"} {
		code, _, _ = call(t, environ, "grant-role", "exchange of a test", wrong)
		require.Equal(t, service.ExitUsage, code)
	}

	code, _, _ = call(t, environ, "grant-role", "nobody there", "read")
	require.Equal(t, service.ExitFailure, code)

	exec("SELECT seal_audit(100, now())")

	code, stdout, stderr = call(t, environ, "verify-audit")
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "whole: 1 rows, and 0 that")

	// What waits for its seal may do so for a moment.
	exec("SELECT note_act(NULL, 'ann', 'act', 'x', '{}', now())")

	code, stdout, stderr = call(t, environ, "verify-audit")
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "whole: 1 rows, and 1 that")

	exec("SELECT seal_audit(100, now())")
	exec("SELECT note_act(NULL, 'ann', 'act', 'x', '{}', '2026-03-01 12:00 UTC')")

	code, _, stderr = call(t, environ, "verify-audit")
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, stderr, "has waited for its seal since 2026-03-01T12:00:00Z: nobody would see a change of it")

	exec("ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET actor = 'somebody else'")

	code, _, stderr = call(t, environ, "verify-audit")
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, stderr, "row 1 is not as it was sealed")
}
