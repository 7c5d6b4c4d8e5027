package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// subscribed is a subscription of somebody's that has lived: the dispatcher has been at it.
const subscribed = "sub_aaaaaaaaaaaa"

func (w *world) subscribed() {
	w.t.Helper()
	w.happen(treasury, "deposit.credited", "c1", "one", "two", "three")

	_, err := w.pool.Exec(w.t.Context(), strings.NewReplacer("$1", "(SELECT treasury_id FROM treasuries WHERE party = '"+string(treasury)+"')", "$2", "'"+w.clock.Now().Format(time.RFC3339)+"'").Replace(`
		INSERT INTO subscriptions (subscription_id, treasury_id, owner, name, url, ordered, batch, per_second, max_backlog, state, reason, cursor_seq, next_at, created_at, changed_at)
			VALUES ('sub_aaaaaaaaaaaa', $1, 'somebody', 'books', 'https://example.com/hook', false, 1, 50, 1000, 'active', '', 2, $2, $2, $2);
		INSERT INTO subscription_failures VALUES ('sub_aaaaaaaaaaaa', 1, 'dead', 9, $2, $2, 'refused'), ('sub_aaaaaaaaaaaa', 2, 'waiting', 1, $2, $2, 'timeout');
		INSERT INTO subscription_attempts (subscription_id, first_seq, last_seq, events, at, took_ms, status, outcome, detail)
			VALUES ('sub_aaaaaaaaaaaa', 1, 1, 1, $2, 7, 500, 'refused', '<b>'), ('sub_aaaaaaaaaaaa', 2, 2, 1, $2, 8, 0, 'timeout', '');`))
	require.NoError(w.t, err)
}

const aSubscription = `{"name": "books", "url": "https://example.com/events", "types": ["deposit.*", "withdrawal.completed"], "accounts": ["c1"], "withheld": ["memo"], "ordered": true,
	"batch": 10, "perSecond": 5, "maxBacklog": 100}`

// subscribe makes a subscription and gives its id.
func (w *world) subscribe(key, body string) string {
	w.t.Helper()

	return w.post(of(treasury, "/subscriptions"), key, body).is(http.StatusCreated).text("subscription", "subscriptionId")
}

func sub(id, rest string) string { return of(treasury, "/subscriptions/%s", id) + rest }

// secretOf is what its owner was told.
func (w *world) secretOf(id string) string {
	w.t.Helper()

	var salt uuid.UUID

	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), "SELECT salt FROM subscriptions WHERE subscription_id = $1", id).Scan(&salt))

	return w.secret.WebhookSecret(id, salt).Reveal()
}

// TestASubscriptionsLife: made, seen, changed, paused, resumed, moved, ended, and each of these in the audit log.
func TestASubscriptionsLife(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key, auditor := w.key("read", "webhooks"), w.key("admin")
	w.happen(treasury, "deposit.credited", "c1", "a", "b")

	made := w.post(of(treasury, "/subscriptions"), key, aSubscription, "Idempotency-Key", "once").is(http.StatusCreated)
	id := made.text("subscription", "subscriptionId")
	require.Equal(t, w.secretOf(id), made.text("secret"))

	again := w.post(of(treasury, "/subscriptions"), key, aSubscription, "Idempotency-Key", "once").is(http.StatusCreated)
	require.Equal(t, id, again.text("subscription", "subscriptionId"))
	require.NotContains(t, string(again.body), "whsec_")
	require.Equal(t, 1, w.count("SELECT count(*) FROM subscriptions"))
	require.Zero(t, w.count("SELECT count(*) FROM audit_log WHERE detail::text LIKE '%whsec%'"))
	require.Zero(t, w.count("SELECT count(*) FROM api_answers WHERE convert_from(body, 'UTF8') LIKE '%whsec%'"))

	seen := w.get(sub(id, ""), key).is(http.StatusOK)
	require.JSONEq(t, `{"subscriptionId": "`+id+`", "name": "books", "url": "https://example.com/events", "types": ["deposit.*", "withdrawal.completed"], "accounts": ["c1"], "subjects": [],
		"instruments": [], "withheld": ["memo"], "ordered": true, "batch": 10, "perSecond": 5, "maxBacklog": 100, "owner": "`+keyIDOf(key)+`", "state": "pending", "secretNo": 1, "cursor": 2,
		"backlog": 0, "waiting": 0, "dead": 0, "tries": 0, "createdAt": "2026-03-01T12:00:00Z", "changedAt": "2026-03-01T12:00:00Z"}`, string(seen.body))

	w.happen(treasury, "deposit.credited", "c1", "c")
	require.EqualValues(t, 1, w.get(sub(id, ""), key).member("backlog"))

	change := func(body string) *reply { return w.ask(http.MethodPatch, sub(id, ""), key, body).is(http.StatusOK) }
	dispatcher := func(state string) {
		_, err := w.pool.Exec(t.Context(), "UPDATE subscriptions SET state = $2, reason = 'x', tries = 3, lease_owner = 'me', lease_until = 'infinity' WHERE subscription_id = $1", id, state)
		require.NoError(t, err)
	}
	epoch := func() int { return w.count("SELECT lease_epoch FROM subscriptions") }

	dispatcher("active")
	require.Equal(t, "active", change(`{"name": "other", "types": []}`).text("state"), "what is told may change without a question")
	require.Zero(t, epoch())
	require.Equal(t, "pending", change(`{"url": "https://example.com/moved"}`).text("state"), "another place is asked")
	require.Equal(t, 1, epoch(), "whoever was at the old one is not believed")
	dispatcher("active")
	require.Equal(t, "active", change(`{"paused": false}`).text("state"))
	require.Equal(t, "paused", change(`{"paused": true}`).text("state"))
	require.Equal(t, "paused", change(`{"url": "https://example.com/events"}`).text("state"))
	require.Equal(t, "pending", change(`{"paused": false}`).text("state"))
	dispatcher("disabled")
	require.Equal(t, "disabled", change(`{"batch": 2}`).text("state"))

	resumed := change(`{"paused": false}`)
	require.Equal(t, "pending ", resumed.text("state")+" "+resumed.text("reason"))
	require.EqualValues(t, 2, resumed.member("cursor"), "nothing is lost meanwhile")

	// It goes on from another place, if its owner wants; a disabled one stays so until somebody says that it goes on.
	dispatcher("active")
	before := epoch()
	require.EqualValues(t, 3, change(`{"from": "now"}`).member("cursor"))
	require.Equal(t, before+1, epoch(), "whoever tells it goes by the place that it had")
	require.EqualValues(t, 1, change(`{"from": "1"}`).member("cursor"))
	require.Equal(t, "active", w.get(sub(id, ""), key).text("state"))
	w.ask(http.MethodPatch, sub(id, ""), key, `{"from": "4"}`).is(http.StatusUnprocessableEntity, "sequence_not_reached")
	dispatcher("disabled")
	require.Equal(t, "disabled x", change(`{"from": "2"}`).text("state")+" "+w.get(sub(id, ""), key).text("reason"))
	require.Equal(t, "pending", change(`{"from": "2", "paused": false}`).text("state"))
	require.EqualValues(t, 2, w.get(sub(id, ""), key).member("cursor"))

	// What failed in one order says nothing about the other.
	dispatcher("active")
	require.EqualValues(t, 3, change(`{"ordered": true}`).member("tries"))
	require.EqualValues(t, 0, change(`{"ordered": false}`).member("tries"))
	require.EqualValues(t, 0, change(`{"ordered": true}`).member("tries"))

	rotated := w.post(sub(id, "/rotate-secret"), key, `{"overlapSeconds": 60}`).is(http.StatusCreated)
	require.Equal(t, w.secretOf(id), rotated.text("secret"))
	require.NotEqual(t, made.text("secret"), rotated.text("secret"))
	require.Equal(t, 1, w.count("SELECT count(*) FROM subscriptions WHERE secret_no = 2 AND previous_salt IS NOT NULL"))

	_, err := w.pool.Exec(t.Context(), "UPDATE subscriptions SET secret_no = 1, salt = previous_salt, previous_salt = NULL") // put back
	require.NoError(t, err)

	fresh := w.post(sub(id, "/rotate-secret"), key, `{"overlapSeconds": 60}`).is(http.StatusCreated)
	require.NotEqual(t, rotated.text("secret"), fresh.text("secret"), "what was revoked is not made again")
	require.Equal(t, "2026-03-01T12:01:00Z", rotated.text("subscription", "previousSecretUntil"))

	tested := w.post(sub(id, "/test"), key, "").is(http.StatusOK).text("eventId")
	w.number()

	var e event.Cloud

	e, err = event.Parse(w.get(of(treasury, "/events/%s", tested), key).is(http.StatusOK).body)
	require.NoError(t, err)
	require.Equal(t, event.TestType+" "+id, e.Type+" "+e.Subject)
	change(`{"paused": true}`)
	w.post(sub(id, "/test"), key, "").is(http.StatusConflict, "subscription_not_active")

	w.ask(http.MethodDelete, sub(id, ""), key, "").is(http.StatusOK)
	w.get(sub(id, ""), key).is(http.StatusNotFound, "not_found")
	w.ask(http.MethodDelete, sub(id, ""), key, "").is(http.StatusNotFound, "not_found")

	for action, n := range map[string]int{"create": 1, "update": 16, "rotate": 2, "test": 1, "delete": 1} {
		require.Equal(t, n, w.count("SELECT count(*) FROM audit_log WHERE action = $1 AND subject = $2 AND actor = $3 AND treasury_id IS NOT NULL", "subscription."+action, id, keyIDOf(key)), action)
	}

	require.Len(t, w.get("/v1/audit?subject="+id, auditor).member("items"), 21)
}

// TestWhoseSubscriptions: they are their maker's and an administrator's, whatever a key's successor is called, and of one
// treasury.
func TestWhoseSubscriptions(t *testing.T) {
	t.Parallel()

	w := begin(t)
	mine, theirs, all := w.key("read", "webhooks"), w.key("read", "webhooks"), w.key("read", "webhooks", "admin")
	id := w.subscribe(mine, aSubscription)

	for _, path := range []string{"", "/failures", "/attempts"} {
		w.get(sub(id, path), theirs).is(http.StatusNotFound, "not_found")
		w.get(of(other, "/subscriptions/%s", id)+path, mine).is(http.StatusNotFound, "not_found")
		w.get(of(other, "/subscriptions/%s", id)+path, all).is(http.StatusNotFound, "not_found")
		w.get(sub(id, path), all).is(http.StatusOK)
	}

	for _, c := range [][3]string{
		{http.MethodPatch, "", `{"paused": true}`}, {http.MethodDelete, "", ""}, {http.MethodPost, "/test", ""}, {http.MethodPost, "/rotate-secret", `{"overlapSeconds": 0}`},
		{http.MethodPost, "/replay", `{"dead": true}`},
	} {
		w.ask(c[0], sub(id, c[1]), theirs, c[2]).is(http.StatusNotFound, "not_found")
		w.ask(c[0], of(other, "/subscriptions/%s", id)+c[1], all, c[2]).is(http.StatusNotFound, "not_found")
	}

	require.Empty(t, w.get(of(treasury, "/subscriptions"), theirs).member("items"))
	require.Len(t, w.get(of(treasury, "/subscriptions"), all).member("items"), 1)
	w.ask(http.MethodPatch, sub(id, ""), all, `{"paused": true}`).is(http.StatusOK)

	next := w.post("/v1/keys/"+keyIDOf(mine)+"/rotate", all, `{"overlapSeconds": 0}`).is(http.StatusCreated).text("secret")
	require.Equal(t, "paused", w.get(sub(id, ""), next).is(http.StatusOK).text("state"), "all keys of a line are one")

	narrow := w.keyWith(store.APIKey{Scopes: []string{"read", "webhooks", "admin"}, Treasuries: []ident.Party{other}})
	w.get(sub(id, ""), narrow).is(http.StatusForbidden, "treasury_not_allowed")
	w.post(of(treasury, "/subscriptions"), narrow, aSubscription).is(http.StatusForbidden, "treasury_not_allowed")
}

// TestSubscriptionsThatCannotBe are refused, and leave nothing.
func TestSubscriptionsThatCannotBe(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("read", "webhooks")
	asking := func(member string) *reply {
		return w.post(of(treasury, "/subscriptions"), key, `{"name": "n", "url": "https://example.com", `+member+`}`)
	}

	for _, url := range []string{
		"http://example.com", "ftp://example.com", "https://", "https:///x", "https://u:p@example.com", "https://u@example.com", "https://example.com/#f", "https://example.com/#", "example.com", "/x",
		"https:example.com", "https://example.com/a b", "https://exämple.com", "HTTPS//example.com", "https://example.com/" + strings.Repeat("x", 2000), "javascript:alert(1)", "",
	} {
		body, err := json.Marshal(map[string]string{"name": "n", "url": url})
		require.NoError(t, err)
		w.post(of(treasury, "/subscriptions"), key, string(body)).is(http.StatusBadRequest, "invalid_request")
	}

	for _, wrong := range []string{
		`"types": ["deposit"]`, `"types": ["*"]`, `"types": ["deposit*"]`, `"withheld": ["amount"]`, `"batch": 0`, `"batch": 501`, `"perSecond": 0`, `"maxBacklog": 0`, `"from": "yesterday"`, `"from": ""`,
		`"from": "9223372036854775808"`, `"secret": "x"`, `"instruments": [{"instrumentAdmin": "dso::1220dd", "instrumentId": "Nothing"}]`, `"instruments": [{"instrumentId": "Amulet"}]`,
	} {
		asking(wrong).is(http.StatusBadRequest, "invalid_request")
	}

	asking(`"from": "1"`).is(http.StatusUnprocessableEntity, "sequence_not_reached")
	w.happen(treasury, "deposit.credited", "", "a", "b")

	id, err := w.db.FindTreasury(t.Context(), treasury)
	require.NoError(t, err)
	_, err = w.db.PruneEvents(t.Context(), id, w.clock.Now().Add(time.Hour), 1)
	require.NoError(t, err)
	asking(`"from": "0"`).is(http.StatusGone, "events_gone")
	require.Zero(t, w.count("SELECT count(*) FROM subscriptions")+w.count("SELECT count(*) FROM audit_log WHERE action LIKE 'subscription.%'"))

	require.EqualValues(t, 1, asking(`"from": "0000000000000000001"`).is(http.StatusCreated).member("subscription", "cursor"))

	for range store.MaxSubscriptions - 1 {
		w.subscribe(key, aSubscription)
	}

	asking(`"batch": 1`).is(http.StatusConflict, "too_many_subscriptions")
	w.subscribe(w.key("read", "webhooks"), aSubscription)

	// All are on the pages of a list, the newest first and each once.
	seen, next := map[string]bool{}, ""

	for {
		page := w.get(of(treasury, "/subscriptions?limit=30")+next, key).is(http.StatusOK)
		for _, item := range page.member("items").([]any) {
			seen[item.(map[string]any)["subscriptionId"].(string)] = true
		}

		if page.text("next") == "" {
			break
		}

		next = "&cursor=" + page.text("next")
	}

	require.Len(t, seen, store.MaxSubscriptions)

	plain := begin(t, "CES_API_WEBHOOKS_PLAIN_HTTP=true")
	plain.subscribe(plain.key("read", "webhooks"), `{"name": "n", "url": "http://127.0.0.1:1/x"}`)
}

// TestFailuresAreSeenAndReplayed: those of the one subscription, as far as it was told already.
func TestFailuresAreSeenAndReplayed(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.subscribed()
	w.clock.Advance(time.Hour)
	key := w.key("read", "webhooks", "admin")

	failures := w.get(sub(subscribed, "/failures"), key).is(http.StatusOK)
	require.Contains(t, string(failures.body), `"subject":"one"`)
	require.Len(t, failures.member("items"), 2)
	require.Len(t, w.get(sub(subscribed, "/failures?state=dead"), key).member("items"), 1)

	first := w.get(sub(subscribed, "/failures?limit=1"), key)
	require.Equal(t, "1", first.text("next"))
	require.Contains(t, string(w.get(sub(subscribed, "/failures?limit=1&cursor=1"), key).body), `"subject":"two"`)

	attempts := w.get(sub(subscribed, "/attempts?limit=1"), key).is(http.StatusOK)
	require.Contains(t, string(attempts.body), `"outcome":"timeout"`)
	require.Contains(t, string(w.get(sub(subscribed, "/attempts?cursor=")+attempts.text("next"), key).body), `"detail":"\u003cb\u003e"`)

	state := func() string {
		rows, err := w.pool.Query(t.Context(), "SELECT seq, state, tries, next_at = $1 FROM subscription_failures ORDER BY seq", w.clock.Now())
		require.NoError(t, err)

		var b strings.Builder

		for rows.Next() {
			values, err := rows.Values()
			require.NoError(t, err)
			fmt.Fprintln(&b, values...)
		}

		return b.String()
	}
	replay := func(body string) *reply { return w.post(sub(subscribed, "/replay"), key, body).is(http.StatusOK) }

	require.JSONEq(t, `{"events": 1, "last": 1}`, string(replay(`{"dead": true}`).body))
	require.Equal(t, "1 waiting 0 true\n2 waiting 1 false\n", state())
	require.JSONEq(t, `{"events": 0}`, string(replay(`{"dead": true}`).body))
	require.JSONEq(t, `{"events": 2, "last": 3}`, string(replay(`{"fromSequence": 1, "toSequence": 3}`).body), "the third is still to be told for the first time")

	_, err := w.pool.Exec(t.Context(), "DELETE FROM subscription_failures")
	require.NoError(t, err)

	w.ask(http.MethodPatch, sub(subscribed, ""), key, `{"subjects": ["two"]}`).is(http.StatusOK)
	require.JSONEq(t, `{"events": 1, "last": 2}`, string(replay(`{"fromSequence": 1, "toSequence": 2}`).body), "what it does not choose it is not told")

	var ids []string

	for _, item := range w.pull(key, "").Items {
		e, err := event.Parse(item)
		require.NoError(t, err)

		ids = append(ids, `"`+e.ID+`"`)
	}

	require.JSONEq(t, `{"events": 1}`, string(replay(`{"ids": [`+strings.Join(ids, ",")+`, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"]}`).body))
	require.Equal(t, "2 waiting 0 true\n", state())

	for _, wrong := range []string{`{}`, `{"fromSequence": 1}`, `{"dead": false}`, `{"dead": true, "ids": [` + ids[0] + `]}`, `{"ids": []}`} {
		w.post(sub(subscribed, "/replay"), key, wrong).is(http.StatusBadRequest, "invalid_request")
	}
}
