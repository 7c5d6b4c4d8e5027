package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/migrations"
)

// lastOfOffers is the newest migration that suites in use had before deposits could wait for a person.
const lastOfOffers = 4

// historyOfOffers is money of each kind that a database of that version can hold.
//
//nolint:dupword // rows of NULLs
const historyOfOffers = `
INSERT INTO treasuries (treasury_id, party, created_at) VALUES (1, 'treasury::1220aa', now());
INSERT INTO instruments (instrument_no, admin, instrument_id, listed, first_seen_at) VALUES (1, 'dso::1220aa', 'Amulet', true, now());
INSERT INTO deposit_accounts (treasury_id, memo_key, memo, account, created_at) VALUES (1, 'acc-1', 'ACC-1', 'c1', now());
INSERT INTO deposit_policies (instrument_no) VALUES (1);
INSERT INTO withdrawal_policies (instrument_no) VALUES (1);
INSERT INTO ingestion_cursors VALUES (1, 'node', 2, 2, 'u2', 0, 0, 1, 1, '', now());
INSERT INTO ledger_updates
SELECT 1, n, 'u' || n, 'transaction', n, '2026-01-01T00:00:00Z'::timestamptz + make_interval(secs => n), 'sync', '', '', 0, now() FROM generate_series(1, 2) AS n;
INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, account, instrument_no, amount, sender, memo, correlation_id, offered_no,
    settled_no, settled_node, settled_leg, record_time, execute_before) VALUES
(1, '00000000-0000-0000-0000-000000000001', 'one_step', 'credited', '', 'c1', 1, 7, 'alice::1220bb', 'ACC-1', NULL, NULL, 1, 0, 0, '2026-01-01T00:00:01Z', NULL),
(1, '00000000-0000-0000-0000-000000000002', 'one_step', 'unattributed', 'missing_memo', NULL, 1, 5, 'bob::1220bb', NULL, NULL, NULL, 1, 1, 0, '2026-01-01T00:00:01Z', NULL),
(1, '00000000-0000-0000-0000-000000000003', 'offer', 'offered', '', 'c1', 1, 3, 'bob::1220bb', 'ACC-1', 'chain', 2, NULL, NULL, NULL, '2026-01-01T00:00:02Z', '2027-01-01T00:00:00Z');
INSERT INTO offer_verdicts (treasury_id, deposit_id, instrument_no, sender, memo_key, verdict, reason, changes, decided_changes, decided_at) VALUES
(1, '00000000-0000-0000-0000-000000000003', 1, 'bob::1220bb', 'acc-1', 'hold', 'awaits_screening', 1, 1, now());
INSERT INTO postings (treasury_id, origin, origin_no, movement, line, account_kind, account, instrument_no, amount) VALUES
(1, 'ledger', 1, 0, 0, 'network', '', 1, -7), (1, 'ledger', 1, 0, 1, 'customer', 'c1', 1, 7),
(1, 'ledger', 1, 1, 0, 'network', '', 1, -5), (1, 'ledger', 1, 1, 1, 'unattributed', '', 1, 5);
INSERT INTO withdrawals (treasury_id, withdrawal_id, origin, state, reason, instrument_no, amount, receiver, withdrawal_no, kind, account, requested_at, next_at)
VALUES (1, 'w1', 'requested', 'requested', '', 1, 2, 'bob::1220bb', nextval('withdrawal_numbers'), 'customer', 'c1', '2026-01-01T00:00:03Z', now());
INSERT INTO postings (treasury_id, origin, origin_no, movement, line, account_kind, account, instrument_no, amount) VALUES
(1, 'request', 1, 0, 0, 'customer', 'c1', 1, -2), (1, 'request', 1, 0, 1, 'withdrawals', '', 1, 2);
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
INSERT INTO schema_migrations VALUES (4, false);`

// upward runs the first migrations as they stand in their files.
func upward(t *testing.T, pool *pgxpool.Pool, most int) {
	t.Helper()

	files, err := fs.Glob(migrations.Files, "*.up.sql")
	require.NoError(t, err)

	for _, name := range files[:most] {
		raw, err := migrations.Files.ReadFile(name)
		require.NoError(t, err)

		_, err = pool.Exec(t.Context(), string(raw))
		require.NoError(t, err, name)
	}
}

// TestAnUpgradeKeepsMoneyAndSchema: a database in use comes to the schema that a new one has, with its money where it was.
func TestAnUpgradeKeepsMoneyAndSchema(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, nil)
	upward(t, pool, lastOfOffers)
	_, err := pool.Exec(t.Context(), historyOfOffers)
	require.NoError(t, err)

	require.NoError(t, store.Migrate(t.Context(), url(pool)))
	require.Equal(t, schema(t, pgtest.New(t, migrate)), schema(t, pool))

	for question, want := range map[string]string{
		"SELECT trim_scale(sum(amount))::text FROM balances WHERE account_kind = 'customer' AND account = 'c1'":                 "5",
		"SELECT state || ' ' || reason FROM api.deposits WHERE amount = 5":                                                      "unattributed missing_memo",
		"SELECT state || ' ' || reason || ' ' || (arrived_at = '2026-01-01T00:00:01Z') FROM deposit_cases":                      "open missing_memo true",
		"SELECT count(*)::text FROM offer_verdicts WHERE open AND changes > decided_changes":                                    "1",
		"SELECT string_agg(DISTINCT posted_at AT TIME ZONE 'UTC' || ' ' || origin, ', ') FROM postings":                         "2026-01-01 00:00:01 ledger, 2026-01-01 00:00:03 request",
		"SELECT kind || ' with money of ' || funds || ', ' || state FROM withdrawals":                                           "customer with money of customer, requested",
		"SELECT trim_scale(sum(amount))::text FROM api.statements WHERE account = 'c1'":                                         "5",
		"SELECT trim_scale(min(s.sum))::text FROM (SELECT sum(amount) FROM postings GROUP BY origin, origin_no, movement) AS s": "0",
		"SELECT count(*)::text FROM events": "0",
		"SELECT resolve_deposit('treasury::1220aa', '00000000-0000-0000-0000-000000000002', 'assign', 'c1', 'ann', '', now())": "credited",
		"SELECT cancel_withdrawal('treasury::1220aa', 'w1', now())":                                                            "failed",
		"SELECT memo || ' ' || account || ' ' || enabled || ' ' || issued FROM api.deposit_accounts":                           "ACC-1 c1 true false",
	} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)

		var got string

		require.NoError(t, tx.QueryRow(t.Context(), question).Scan(&got))
		require.NoError(t, tx.Rollback(t.Context()))
		require.Equal(t, want, got, question)
	}
}

// TestPublishedMigrationsStay: what somebody's database has run is never edited; what is wrong in it is mended by the next.
// A migration is entered into published.sum when it is published.
func TestPublishedMigrationsStay(t *testing.T) {
	t.Parallel()

	raw, err := migrations.Files.ReadFile("published.sum")
	require.NoError(t, err)

	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	require.GreaterOrEqual(t, len(lines), lastOfOffers)

	for _, line := range lines {
		sum, name, found := strings.Cut(line, "  ")
		require.True(t, found, line)

		file, err := migrations.Files.ReadFile(name)
		require.NoError(t, err)

		hash := sha256.Sum256(file)
		require.Equal(t, sum, hex.EncodeToString(hash[:]), "%s is published: write another migration", name)
	}
}
