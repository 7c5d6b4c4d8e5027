package api_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	admin = "dso::1220dd"
	bob   = "bob::1220cc"
	// body is an update as a node told it, with a number that a float would round.
	body = `{"update": {"offset": 9007199254740993, "memo": "<b>"}}`
)

// rows is a treasury's life in a few rows: what history, people and the exchange would have left.
//
//nolint:dupword // columns of SQL
const rows = `
INSERT INTO instruments (instrument_no, admin, instrument_id, listed, first_seen_at) VALUES (1, 'dso::1220dd', 'Amulet', true, $2), (2, 'eve::1220ee', '=Amulet', false, $2);
INSERT INTO deposit_policies (instrument_no) VALUES (1);
INSERT INTO withdrawal_policies (instrument_no, enabled, minimum, maximum, approve_from) VALUES (1, true, 1, 1000, 100);
INSERT INTO ingestion_cursors VALUES ($1, 'participant::1220dd', 70, 7, 'u-7', 0, 2, 1, 1, '', $2);
INSERT INTO synchronizer_clocks VALUES ($1, 'global::1220ee', $2, 70);
INSERT INTO ledger_updates SELECT $1, n, 'u-' || n, 'transaction', n * 10, $2 + n * interval '1 second', 'global::1220ee', '', '', 0, $2 FROM generate_series(1, 7) AS n;
INSERT INTO ledger_update_bodies VALUES ($1, 3, convert_to($3, 'UTF8')), ($1, 4, convert_to('{"a": "' || repeat('x', 2000000) || '"}', 'UTF8'));
INSERT INTO deposit_accounts (treasury_id, memo_key, memo, account, created_at) VALUES ($1, 'm-1', 'M-1', 'c1', $2), ($1, 'm-2', 'M-2', 'c2', $2);
INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, account, instrument_no, amount, sender, memo, correlation_id, offered_no, settled_no, settled_node, settled_leg, record_time)
	SELECT $1, md5(name)::uuid, CASE WHEN name LIKE 'offer%' THEN 'offer' ELSE 'one_step' END, state, '', CASE WHEN state IN ('credited', 'held') THEN 'c1' END, token, 500, 'bob::1220cc', memo,
		CASE WHEN name LIKE 'offer%' THEN '00' || name END, CASE WHEN name LIKE 'offer%' THEN no END, CASE WHEN state <> 'offered' THEN no END,
		CASE WHEN state <> 'offered' THEN 1 END, CASE WHEN state <> 'offered' THEN 0 END, $2 + no * interval '1 second'
	FROM (VALUES ('credited', 'credited', 1, 'M-1', 3), ('large', 'credited', 1, 'M-1', 4), ('held', 'held', 1, 'M-1', 2), ('open', 'unattributed', 1, 'M-2', 1), ('strange', 'unattributed', 2, NULL, 5),
		('proposed', 'unattributed', 1, '', 5), ('offer', 'offered', 1, 'M-1', 6)) AS d (name, state, token, memo, no);
INSERT INTO deposit_cases (treasury_id, deposit_id, state, reason, release_at, account, action, proposed_by, opened_at, changed_at, arrived_at)
	SELECT $1, md5(name)::uuid, c.state, c.reason, release_at, c.account, action, asks, $2, $2, d.record_time
	FROM (VALUES ('held', 'held', 'awaits_time', $2, 'c1', '', ''), ('open', 'open', 'disabled_memo', NULL, NULL, '', ''), ('strange', 'open', 'missing_memo', NULL, NULL, '', ''),
		('proposed', 'proposed', 'empty_memo', NULL, 'c2', 'assign', 'ann')) AS c (name, state, reason, release_at, account, action, asks)
	JOIN deposits d ON d.deposit_id = md5(name)::uuid;
INSERT INTO offer_verdicts (treasury_id, deposit_id, instrument_no, sender, memo_key, verdict, reason, work, detail, decided_at) VALUES ($1, md5('offer')::uuid, 1, 'bob::1220cc', 'm-1', 'hold', 'screening_holds', 'given_up', 'said no', $2);
INSERT INTO transfers (treasury_id, update_no, node_id, leg, direction, status, evidence, sender, receiver, instrument_no, amount, memo, correlation_id)
	VALUES ($1, 3, 1, 0, 'in', 'completed', 'factory', 'bob::1220cc', 'treasury::1220aa', 1, 500, 'M-1', NULL), ($1, 4, 1, 0, 'in', 'completed', 'factory', '', 'treasury::1220aa', 1, 500, NULL, NULL),
		($1, 1, 1, 0, 'in', 'completed', 'factory', 'bob::1220cc', 'treasury::1220aa', 1, 500, 'M-2', NULL), ($1, 6, 1, 0, 'in', 'pending', 'factory', 'bob::1220cc', 'treasury::1220aa', 1, 500, 'M-1', '00offer'),
		($1, 7, 1, 0, 'out', 'completed', 'factory', 'treasury::1220aa', 'bob::1220cc', 1, 5, 'paid', NULL);
INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, state, reason, waiting, account, instrument_no, amount, receiver, settled_no, record_time, requested_at, requested_by, approval)
	VALUES ($1, '=paid', 1, 'requested', 'completed', '', '', 'c1', 1, 5, 'bob::1220cc', 7, $2, $2 + interval '1 hour', 'key', ''),
		($1, 'waits', 2, 'requested', 'requested', '', 'awaits_approval', 'c1', 1, 200, 'bob::1220cc', NULL, NULL, $2 + interval '2 hours', 'key', 'wanted'),
		($1, 'refused', 3, 'requested', 'requested', '', 'awaits_approval', 'c1', 1, 200, 'bob::1220cc', NULL, NULL, $2 + interval '2 hours', 'key', 'wanted'),
		($1, 'queued', 4, 'requested', 'requested', '', 'queued', 'c1', 1, 10, 'bob::1220cc', NULL, NULL, $2 + interval '3 hours', 'key', '');
INSERT INTO postings SELECT $1, 'ledger', n, 0, l, CASE l WHEN 0 THEN 'network' WHEN 1 THEN kind END, CASE WHEN l = 1 AND kind = 'customer' THEN 'c1' ELSE '' END, 1, CASE l WHEN 0 THEN -500 ELSE 500 END, $2
	FROM (VALUES (1, 'unattributed'), (2, 'held'), (3, 'customer'), (4, 'customer'), (5, 'unattributed')) AS p (n, kind), generate_series(0, 1) AS l;
INSERT INTO postings SELECT $1, 'request', withdrawal_no, 0, l, CASE l WHEN 0 THEN 'customer' ELSE 'withdrawals' END, CASE l WHEN 0 THEN 'c1' ELSE '' END, 1, CASE l WHEN 0 THEN -amount ELSE amount END, $2
	FROM withdrawals, generate_series(0, 1) AS l;
SELECT setval('withdrawal_numbers', 100);
INSERT INTO holdings (treasury_id, contract_id, instrument_no, amount, lock_holders, lock_expires_at, synchronizer_id, template_id, created_no, created_node)
	VALUES ($1, '00aa', 1, 500, NULL, NULL, 'global::1220ee', '#p:M:E', 1, 1), ($1, '00bb', 1, 500, ARRAY['x::1220'], $2, 'global::1220ee', '#p:M:E', 2, 1);
INSERT INTO reservations VALUES ($1, '00aa', 'waits', 1);
INSERT INTO withdrawal_freezes VALUES ($1, 0, 'test', 'all', $2), ($1, 1, 'test', 'one', $2);
INSERT INTO preapproval_outlooks VALUES ($1, $2, $2, 'none');
INSERT INTO withdrawal_destinations (treasury_id, account, party, name, added_by, added_at) VALUES ($1, 'c1', 'bob::1220cc', '', 'key', $2), ($1, 'c1', 'old::1220cc', 'Old', 'key', $2);
`

// filled is a world with a treasury in it that has lived.
func filled(t *testing.T) *world {
	t.Helper()

	w := begin(t)
	at := fmt.Sprintf("timestamptz '%s'", start().Format(time.RFC3339))
	text := strings.NewReplacer("$1", "(SELECT treasury_id FROM treasuries WHERE party = '"+string(treasury)+"')", "$2", at, "$3", "'"+body+"'").Replace(rows)

	_, err := w.pool.Exec(t.Context(), text)
	require.NoError(t, err)

	return w
}

// named is the id of one of the deposits above.
func named(name string) string {
	return uuid.UUID(md5Of(name)).String()
}

func of(party ident.Party, rest string, arguments ...any) string {
	return "/v1/treasuries/" + url.PathEscape(string(party)) + fmt.Sprintf(rest, arguments...)
}

func TestADepositIsSeen(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read")

	one := w.get(of(treasury, "/deposits/%s", named("credited")), key).is(http.StatusOK)
	require.JSONEq(t, `{"depositId": "`+named("credited")+`", "kind": "one_step", "state": "credited", "account": "c1", "instrumentAdmin": "dso::1220dd",
		"instrumentId": "Amulet", "amount": "500.0000000000", "sender": "bob::1220cc", "memo": "M-1", "updateId": "u-3", "recordTime": "2026-03-01T12:00:03Z"}`, string(one.body))

	w.get(of(treasury, "/deposits/%s", named("credited")), key, "If-None-Match", one.header.Get("ETag")).is(http.StatusNotModified)
	w.get(of(treasury, "/deposits/%s", uuid.Nil), key).is(http.StatusNotFound, "not_found")
	w.get(of(other, "/deposits/%s", named("credited")), key).is(http.StatusNotFound, "not_found")
	w.get(of("nobody::1220ab", "/deposits"), key).is(http.StatusNotFound, "unknown_treasury")

	require.Len(t, w.get(of(treasury, "/deposits"), key).member("items"), 7)
	require.Empty(t, w.get(of(other, "/deposits"), key).member("items"))
	require.JSONEq(t, `{"items":[]}`, string(w.get(of(treasury, "/deposits?account=nobody"), key).body))

	proposed := w.get(of(treasury, "/deposits/%s", named("proposed")), key)
	require.Equal(t, "unattributed", proposed.text("state"))
	require.Equal(t, "assign ann c2", proposed.text("proposedAction")+" "+proposed.text("proposedBy")+" "+proposed.text("proposedAccount"))

	w.get(of(treasury, "/deposits?instrumentId=Amulet"), key).is(http.StatusBadRequest, "invalid_request")
	w.get(of(treasury, "/deposits?cursor=abc"), key).is(http.StatusBadRequest, "invalid_request")
}

// TestPagesOverHTTP: the cursor of a page gives the next one, and nothing of it is another list's.
func TestPagesOverHTTP(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read")

	var seen []string

	path := of(treasury, "/deposits?limit=2")
	for next := ""; ; {
		page := w.get(path+next, key).is(http.StatusOK)

		for _, item := range page.member("items").([]any) {
			seen = append(seen, item.(map[string]any)["recordTime"].(string)+item.(map[string]any)["depositId"].(string))
		}

		if next = page.text("next"); next == "" {
			break
		}

		w.get(of(treasury, "/updates?cursor=%s", next), key).is(http.StatusBadRequest, "invalid_request")

		next = "&cursor=" + next
	}

	require.Len(t, seen, 7)
	require.IsDecreasing(t, seen)
}

// TestFollowingMissesNothing: an offer that ends while pages are read may be on none of them, but it is among what the next
// round asks for.
func TestFollowingMissesNothing(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read")
	ends := func(at time.Time) {
		_, err := w.pool.Exec(t.Context(), "UPDATE deposits SET record_time = $1 WHERE deposit_id = $2", at, named("offer"))
		require.NoError(t, err)
	}

	ends(start().Add(-time.Hour))

	_, err := w.pool.Exec(t.Context(), "UPDATE synchronizer_clocks SET record_time = $1", start().Add(6*time.Second))
	require.NoError(t, err)

	clocks, _ := w.get(of(treasury, "/status"), key).member("clocks").([]any)
	kept, err := time.Parse(time.RFC3339, clocks[0].(map[string]any)["recordTime"].(string))
	require.NoError(t, err)

	first := w.get(of(treasury, "/deposits?limit=3"), key).is(http.StatusOK)
	ends(start().Add(8 * time.Second))

	second := w.get(of(treasury, "/deposits?cursor=%s", first.text("next")), key).is(http.StatusOK)
	require.NotContains(t, string(first.body)+string(second.body), named("offer"))
	require.Empty(t, second.text("next"))

	again := w.get(of(treasury, "/deposits?since=%s", kept.Format(time.RFC3339)), key).is(http.StatusOK)
	require.Len(t, again.member("items"), 1)
	require.Contains(t, string(again.body), named("offer"))
}

func TestAProofIsAsOnTheLedger(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read")

	proof := w.get(of(treasury, "/deposits/%s/proof", named("credited")), key).is(http.StatusOK)
	require.JSONEq(t, `{"status": "completed", "updateId": "u-3", "recordTime": "2026-03-01T12:00:03Z", "synchronizerId": "global::1220ee", "ledgerOffset": 30,
		"participantId": "participant::1220dd", "instrumentAdmin": "dso::1220dd", "instrumentId": "Amulet", "amount": "500.0000000000",
		"sender": "bob::1220cc", "receiver": "treasury::1220aa", "memo": "M-1", "update": {"update": {"offset": 9007199254740993, "memo": "<b>"}}}`, string(proof.body))
	require.Contains(t, string(proof.body), "9007199254740993", "numbers are not rounded")

	large := w.get(of(treasury, "/deposits/%s/proof", named("large")), key).is(http.StatusOK)
	require.Nil(t, large.member("update"), "it is too large")
	require.Nil(t, large.member("sender"))

	earlier := w.get(of(treasury, "/deposits/%s/proof", named("open")), key).is(http.StatusOK)
	require.Empty(t, earlier.text("participantId"), "the offset is another node's")

	require.Equal(t, "u-6", w.get(of(treasury, "/deposits/%s/proof", named("offer")), key).text("updateId"))
	require.Equal(t, "bob::1220cc", w.get(of(treasury, "/withdrawals/%s/proof", "=paid"), key).text("receiver"))

	w.get(of(treasury, "/withdrawals/waits/proof"), key).is(http.StatusNotFound, "not_on_ledger")
	w.get(of(treasury, "/withdrawals/none/proof"), key).is(http.StatusNotFound, "not_found")
	w.get(of(other, "/deposits/%s/proof", named("credited")), key).is(http.StatusNotFound, "not_found")
}

// TestAProofSaysWhetherItIsOne: what is on the ledger of a withdrawal may be an offer that nobody has accepted, or its end.
func TestAProofSaysWhetherItIsOne(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read")
	status := func(resource, id string) string {
		return w.get(of(treasury, "/%s/%s/proof", resource, id), key).is(http.StatusOK).text("status")
	}

	require.Equal(t, "pending", status("deposits", named("offer")))
	require.Equal(t, "completed", status("withdrawals", "=paid"))

	// Offers that were made by an update before the one that ended them, or by the same one.
	for n, end := range []string{"pending", "completed", "rejected", "withdrawn", "expired", "failed"} {
		state, settled := "failed", new(5)

		switch end {
		case "pending":
			state, settled = "offered", nil
		case "completed":
			state = "completed"
		}

		for i, at := range []int{2, 5} {
			id := end + strconv.Itoa(at)

			_, err := w.pool.Exec(t.Context(), `INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, state, reason, account, instrument_no, amount, receiver,
					offered_no, settled_no, record_time, requested_at, requested_by, correlation_id)
				SELECT treasury_id, $2, $3, 'adopted', $4, 'x', 'c1', 1, 9, 'bob::1220cc', $5, $6, now(), 'epoch', 'key', '00' || $2 FROM treasuries WHERE party = $1`,
				treasury, id, 200+10*n+i, state, at, settled)
			require.NoError(t, err)

			_, err = w.pool.Exec(t.Context(), `INSERT INTO transfers (treasury_id, update_no, leg, node_id, direction, status, evidence, sender, receiver, instrument_no, amount, correlation_id)
				SELECT treasury_id, no, leg, 10 * $3::integer + leg, 'out', status, 'instruction', party, 'bob::1220cc', 1, 9, '00' || $2
				FROM treasuries, (VALUES ($4::integer, 0, 'pending'), (5, 1, $5)) AS s (no, leg, status) WHERE party = $1 AND (leg = 0 OR $5 <> 'pending')`,
				treasury, id, 20+2*n+i, at, end)
			require.NoError(t, err)

			require.Equal(t, end, status("withdrawals", id), "offered by update %d", at)
		}
	}
}

// TestStatementAsCSV: cells that a spreadsheet would run are harmless, amounts are whole, and the memo is not there.
func TestStatementAsCSV(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read")

	file := w.get(of(treasury, "/accounts/c1/statement"), key, "Accept", "text/csv").is(http.StatusOK)
	require.Equal(t, "text/csv; charset=utf-8; header=present", file.header.Get("Content-Type"))
	require.Contains(t, string(file.body), "\r\n")

	lines, err := csv.NewReader(strings.NewReader(string(file.body))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"at", "what", "reference", "instrumentAdmin", "instrumentId", "amount", "updateId"}, lines[0])
	require.Equal(t, []string{"2026-03-01T12:00:03Z", "deposit", named("credited"), admin, "Amulet", "500.0000000000", "u-3"}, lines[1])
	require.Equal(t, []string{"2026-03-01T13:00:00Z", "withdrawal", "'=paid", admin, "Amulet", "-5.0000000000", "u-7"}, lines[3])
	require.Len(t, lines, 1+2+4)
	require.NotContains(t, string(file.body), "M-1")

	require.Len(t, w.get(of(treasury, "/accounts/c1/statement"), key).member("items"), 6)
	require.Equal(t, "application/json", w.get(of(treasury, "/accounts/c1/statement"), key, "Accept", "application/json, text/csv;q=0.5").header.Get("Content-Type"))

	part := w.get(of(treasury, "/accounts/c1/statement?limit=2"), key, "Accept", "text/csv").is(http.StatusOK)
	require.Equal(t, 3, strings.Count(string(part.body), "\r\n"), "the head and two lines")
	w.get(of(treasury, "/accounts/c1/statement?cursor=x"), key, "Accept", "text/csv").is(http.StatusBadRequest, "invalid_request")
}

// TestALongStatementIsWhole: a file is as long as the statement, however many pages that are.
func TestALongStatementIsWhole(t *testing.T) {
	t.Parallel()

	const many = 1300

	w := filled(t)
	_, err := w.pool.Exec(t.Context(), `INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, account, instrument_no, amount, sender, settled_no, settled_node, settled_leg, record_time)
		SELECT treasury_id, md5(n::text)::uuid, 'one_step', 'credited', '', 'long', 1, n, '', 1, 1, 0, $2::timestamptz + n / 3 * interval '1 second'
		FROM treasuries, generate_series(1, $3::integer) AS n WHERE party = $1`, string(treasury), start(), many)
	require.NoError(t, err)

	file := w.get(of(treasury, "/accounts/long/statement"), w.key("read"), "Accept", "text/csv").is(http.StatusOK)
	lines, err := csv.NewReader(strings.NewReader(string(file.body))).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 1+many)
}

// TestWaiting: an answer comes when the state is another one, at once where it is that already, and when the time is over.
func TestWaiting(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read", "withdrawals")
	path := of(treasury, "/withdrawals/queued")

	require.Equal(t, "requested", w.get(path+"?wait=60&notState=reserved", key).text("state"), "it is another one already")
	require.Equal(t, "requested", w.get(path+"?wait=1&notState=requested", key).is(http.StatusOK).text("state"), "the time is over")

	answered := make(chan *reply, 1)

	go func() {
		r, err := w.try(http.MethodGet, path+"?wait=60&notState=requested", key, "")
		if err == nil {
			answered <- r
		}

		close(answered)
	}()

	require.Eventually(t, func() bool { return w.handler.Waiting() == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, w.db.CancelWithdrawal(t.Context(), treasury, "queued", start()))
	require.Equal(t, "failed", (<-answered).text("state"))
	require.Eventually(t, func() bool { return w.handler.Waiting() == 0 }, time.Minute, time.Millisecond)
}

// TestTheEndOfTheServiceEndsWaiting: who waits is answered with what is known.
func TestTheEndOfTheServiceEndsWaiting(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read")
	answered := make(chan *reply, 1)

	go func() {
		r, err := w.try(http.MethodGet, of(treasury, "/deposits/%s?wait=60", named("held")), key, "")
		if err == nil {
			answered <- r
		}

		close(answered)
	}()

	require.Eventually(t, func() bool { return w.handler.Waiting() == 1 }, time.Minute, time.Millisecond)
	w.handler.Drain()
	require.Equal(t, "held", (<-answered).is(http.StatusOK).text("state"))
}

func TestStatus(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("read")

	status := w.get(of(treasury, "/status"), key).is(http.StatusOK)
	require.Equal(t, []any{
		map[string]any{"state": "held", "reason": "awaits_time", "count": float64(1), "oldest": "2026-03-01T12:00:02Z"},
		map[string]any{"state": "unattributed", "reason": "disabled_memo", "count": float64(1), "oldest": "2026-03-01T12:00:01Z"},
		map[string]any{"state": "unattributed", "reason": "empty_memo", "count": float64(1), "oldest": "2026-03-01T12:00:05Z"},
		map[string]any{"state": "unattributed", "reason": "missing_memo", "count": float64(1), "oldest": "2026-03-01T12:00:05Z"},
	}, status.member("deposits"))
	require.Len(t, status.member("withdrawals"), 2)
	require.Len(t, status.member("freezes"), 2)
	require.Equal(t, "none", status.text("preapproval", "state"))

	w.get(of(other, "/status"), key).is(http.StatusNotFound, "not_ingested")

	some := w.keyWith(store.APIKey{Scopes: []string{"read"}, Treasuries: []ident.Party{other}})
	require.Len(t, w.get("/v1/treasuries", key).member("items"), 2)
	require.Len(t, w.get("/v1/treasuries", some).member("items"), 1, "only those that the key may see")

	require.Len(t, w.get("/v1/instruments", key).member("items"), 1)
	require.Len(t, w.get("/v1/instruments?listed=false", key).member("items"), 2)
}
