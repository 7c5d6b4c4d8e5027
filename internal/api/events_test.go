package api_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

const streamType = "text/event-stream"

// happen writes events to the outbox, as the suite's programs do, and numbers them.
func (w *world) happen(party ident.Party, kind, account string, subjects ...string) {
	w.t.Helper()

	for _, subject := range subjects {
		_, err := w.pool.Exec(w.t.Context(), `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
			SELECT treasury_id, gen_random_uuid(), $2, $3, 0, jsonb_build_object('account', $4::text, 'memo', '<b> & "é"', 'instrumentAdmin', 'dso::1220dd', 'instrumentId', 'Amulet'), $5
			FROM treasuries WHERE party = $1`, party, kind, subject, account, w.clock.Now())
		require.NoError(w.t, err)
	}

	w.number()
}

// logged fills the log of a treasury that has no events. kind and body are SQL, over the event's number n.
func (w *world) logged(events int, kind, body string) {
	w.t.Helper()

	const chained = "substr(sha256(%s || convert_to(lpad((%s)::text, 19, '0') || md5((%[2]s)::text)::uuid, 'UTF8')), 1, 16)"

	_, err := w.pool.Exec(w.t.Context(), `
		WITH RECURSIVE told AS (
			SELECT 1 AS n, `+fmt.Sprintf(chained, "decode(repeat('00', 16), 'hex')", "1")+` AS chain
			UNION ALL SELECT n + 1, `+fmt.Sprintf(chained, "chain", "n + 1")+` FROM told WHERE n < $2
		), logged AS (
			INSERT INTO event_log (treasury_id, seq, event_id, type, subject, account, instrument_no, logged_at, body, chain)
			SELECT treasury_id, n, md5(n::text)::uuid, `+kind+`, n::text, '', 0, now(), convert_to(`+body+`, 'UTF8'), chain
			FROM told, treasuries WHERE party = $1
		)
		INSERT INTO event_heads (treasury_id, seq, chain) SELECT treasury_id, n, chain FROM told, treasuries WHERE party = $1 AND n = $2`,
		treasury, events)
	require.NoError(w.t, err)
}

// number has all of the outbox numbered. Transactions of other tests can hold that up.
func (w *world) number() {
	w.t.Helper()

	sequencer := eventlog.Sequencer{DB: w.db, Signer: w.secret.Signer(), Clock: w.clock, Metrics: eventlog.NewMetrics(prometheus.NewRegistry())}

	require.Eventually(w.t, func() bool {
		_, err := sequencer.Step(w.t.Context())
		require.NoError(w.t, err)

		return w.count("SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT FROM event_log l WHERE (l.treasury_id, l.event_id) = (e.treasury_id, e.event_id))") == 0
	}, time.Minute, 10*time.Millisecond)
}

// anEvent is the id of one that there is.
func (w *world) anEvent() string {
	w.t.Helper()
	w.happen(treasury, "deposit.credited", "c1", "seen")

	var id uuid.UUID

	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), "SELECT event_id FROM event_log ORDER BY seq DESC LIMIT 1").Scan(&id))

	return id.String()
}

// pulled is an answer with events.
type pulled struct {
	Items      []json.RawMessage
	Next       string
	Last, Head int64
}

func (w *world) pull(key, query string) pulled {
	w.t.Helper()

	var page pulled

	require.NoError(w.t, json.Unmarshal(w.get(of(treasury, "/events?")+query, key).is(http.StatusOK).body, &page))

	return page
}

func (p pulled) subjects(t *testing.T) string {
	t.Helper()

	var subjects []string

	for _, item := range p.Items {
		e, err := event.Parse(item)
		require.NoError(t, err)

		subjects = append(subjects, e.Subject)
	}

	return strings.Join(subjects, " ")
}

// TestEventsArePulled: in the bytes that were signed, in order, filtered, and never another treasury's.
func TestEventsArePulled(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("read")
	_, err := w.pool.Exec(t.Context(), "INSERT INTO instruments (instrument_no, admin, instrument_id, first_seen_at) VALUES (1, 'dso::1220dd', 'Amulet', now()), (2, 'dso::1220dd', 'Other', now())")
	require.NoError(t, err)

	w.happen(treasury, "deposit.credited", "c1", "a", "b")
	w.happen(other, "deposit.credited", "c1", "elsewhere")
	w.happen(treasury, "withdrawal.failed", "c2", "c")
	w.happen(treasury, "deposit.held", "c2", "d")

	all := w.pull(key, "")
	require.Equal(t, "a b c d", all.subjects(t))
	require.Equal(t, []int64{4, 4}, []int64{all.Last, all.Head})

	for i, item := range all.Items {
		require.NoError(t, event.Verify(item, w.secret.Signer().Keys()))

		var stored []byte

		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT body FROM event_log l JOIN treasuries USING (treasury_id) WHERE party = $1 AND seq = $2", treasury, i+1).Scan(&stored))
		require.Equal(t, string(stored), string(item), "the very bytes")

		e, err := event.Parse(item)
		require.NoError(t, err)

		one := w.get(of(treasury, "/events/%s", e.ID), key).is(http.StatusOK)
		require.Equal(t, stored, one.body)
		require.Equal(t, event.MediaType, one.header.Get("Content-Type"))
		w.get(of(other, "/events/%s", e.ID), key).is(http.StatusNotFound, "not_found")
	}

	token := "instrumentAdmin=" + url.QueryEscape(admin) + "&instrumentId="

	for query, want := range map[string]struct {
		subjects string
		last     int64
	}{
		"after=2": {"c d", 4}, "limit=1": {"a", 1}, "after=1&limit=2": {"b c", 3}, "type=deposit.*": {"a b d", 4}, "type=deposit.held,withdrawal.failed": {"c d", 4},
		"account=c1": {"a b", 4}, "subject=c": {"c", 4}, "account=nobody": {"", 4}, "after=4": {"", 4}, "type=withdrawal.*&after=3": {"", 4},
		token + "Amulet": {"a b c d", 4}, token + "Other": {"", 4}, token + "Unknown": {"", 4}, "type=offer.*,deposit.*&account=c2&limit=1": {"d", 4},
	} {
		page := w.pull(key, query)
		require.Equal(t, want.subjects, page.subjects(t), query)
		require.Equal(t, want.last, page.Last, query)
	}

	for _, wrong := range []string{"type=deposit", "type=deposit*", "type=*", "type=", "type=deposit.credited,", "after=-1", "after=x", "after=1-", "after=1-xx", "after=1-" + strings.Repeat("0", 33), "limit=501", "instrumentId=Amulet"} {
		w.get(of(treasury, "/events?")+wrong, key).is(http.StatusBadRequest, "invalid_request")
	}

	w.get(of(treasury, "/events?after=9"), key).is(http.StatusConflict, "events_forked")
	w.get(of("nobody::1220ab", "/events"), key).is(http.StatusNotFound, "unknown_treasury")
	narrow := w.keyWith(store.APIKey{Scopes: []string{"read"}, Treasuries: []ident.Party{other}})
	w.get(of(treasury, "/events"), narrow).is(http.StatusForbidden, "treasury_not_allowed")
	w.get(of(treasury, "/events/stream"), narrow).is(http.StatusForbidden, "treasury_not_allowed")
}

// TestEventsThatAreGone: who was away for too long is told so, and where to go on.
func TestEventsThatAreGone(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("read")
	w.happen(treasury, "deposit.credited", "c1", "a", "b", "c", "d")

	id, err := w.db.FindTreasury(t.Context(), treasury)
	require.NoError(t, err)

	prune := func(most int) {
		_, err := w.db.PruneEvents(t.Context(), id, w.clock.Now().Add(time.Hour), most)
		require.NoError(t, err)
	}
	prune(2)

	for _, path := range []string{"/events?after=0", "/events?after=1", "/events/stream?after=1"} {
		require.Contains(t, w.get(of(treasury, "%s", path), key).is(http.StatusGone, "events_gone").text("detail"), "after 2")
	}

	w.get(of(treasury, "/events/stream"), key, "Last-Event-ID", "1").is(http.StatusGone, "events_gone")
	require.Equal(t, "c d", w.pull(key, "after=2").subjects(t))
	require.Equal(t, "c d", w.pull(key, "").subjects(t), "without a place it begins where it can")

	// Where the last event that is not kept was, says what follows: of another history it is none.
	wrong := strings.Repeat("f", 32)
	for _, place := range []string{"2-" + wrong, "4-" + wrong} {
		w.get(of(treasury, "/events?wait=5&after=")+place, key).is(http.StatusConflict, "events_forked")
		w.get(of(treasury, "/events/stream?after=")+place, key).is(http.StatusConflict, "events_forked")
	}

	prune(2) // what is still in memory may be told all the same
	require.Equal(t, int64(4), w.pull(key, "").Last)
}

// TestPlacesOfAnotherHistory: after the database was put back, whoever read what is not there any more is told so, and
// does not go on with what has its number now.
func TestPlacesOfAnotherHistory(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("read")
	w.happen(treasury, "deposit.credited", "c1", "a", "b", "c", "d")

	good, lost := w.pull(key, "limit=2").Next, w.pull(key, "after=2").Next
	require.Regexp(t, "^4-[0-9a-f]{32}$", lost)
	require.Equal(t, lost, w.pull(key, "after="+lost).Next)
	require.Equal(t, lost, w.pull(key, "after=4").Next, "a number becomes a place")
	require.Equal(t, lost, w.pull(key, "type=offer.*").Next, "a place of an event that does not match")

	address := strings.TrimPrefix(w.server.URL, "http://")
	told := w.stream(address, key, "after=3")
	e, err := told.next()
	require.NoError(t, err)
	require.Equal(t, lost, e.id)
	require.Equal(t, "a b c d", w.pull(key, "after=0-"+strings.Repeat("f", 32)).subjects(t), "before all there is one place")

	waiting := make(chan *reply, 1)

	go func() {
		r, _ := w.try(http.MethodGet, of(treasury, "/events?wait=60&after=")+lost, key, "")
		waiting <- r
	}()

	require.Eventually(t, func() bool { return w.handler.EventWaiting() == 1 }, 30*time.Second, 5*time.Millisecond)

	for _, text := range []string{
		"DELETE FROM event_log WHERE seq > 2", "DELETE FROM events WHERE subject > 'b'", "UPDATE event_heads SET seq = 2, chain = (SELECT chain FROM event_log WHERE seq = 2)",
	} {
		_, err := w.pool.Exec(t.Context(), text)
		require.NoError(t, err)
	}

	w.happen(treasury, "deposit.credited", "c1", "x", "y", "z")

	_, err = told.next()
	require.ErrorIs(t, err, io.EOF, "a stream does not go on with another history")
	(<-waiting).is(http.StatusConflict, "events_forked")
	w.get(of(treasury, "/events/stream"), key, "Last-Event-ID", lost).is(http.StatusConflict, "events_forked")
	require.Contains(t, w.get(of(treasury, "/events?after=")+lost, key).is(http.StatusConflict, "events_forked").text("detail"), "put back")
	require.Equal(t, "x y z", w.pull(key, "after="+good).subjects(t), "what was before is as it was")
}

// TestManyEventsThatDoNotMatch are passed in steps of which each is bounded, and large ones do not come all at once.
func TestManyEventsThatDoNotMatch(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("read")

	w.logged(12010, "CASE WHEN n > 12000 THEN 'deposit.held' ELSE 'deposit.credited' END",
		`CASE WHEN n > 12000 THEN '{"subject":"' || repeat('x', 1 << 20) || '"}' ELSE '{}' END`)

	var lasts, counts []int64

	for after := int64(0); after < 12010; {
		raw, err := w.plain(of(treasury, "/events?type=deposit.held&wait=5&after=%d", after), key)
		require.NoError(t, err)

		var page pulled

		require.NoError(t, json.Unmarshal(raw, &page))
		require.Greater(t, page.Last, after)

		after = page.Last
		lasts, counts = append(lasts, page.Last), append(counts, int64(len(page.Items)))
	}

	require.Equal(t, []int64{5000, 10000, 12004, 12008, 12010}, lasts)
	require.Equal(t, []int64{0, 0, 4, 4, 2}, counts)
}

// plain asks without holding the answer against the document: these events are none.
func (w *world) plain(path, key string) ([]byte, error) {
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.server.URL+path, http.NoBody)
	if err != nil {
		return nil, err
	}

	request.Header.Set("Authorization", "Bearer "+key)

	response, err := w.server.Client().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()

	return io.ReadAll(response.Body)
}

// TestWaitingForAnEvent: the answer comes with the first event that matches, and not with another one.
func TestWaitingForAnEvent(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("read")
	w.happen(treasury, "deposit.held", "", "before")
	require.Equal(t, int64(1), w.pull(key, "type=deposit.credited&wait=1").Last, "nothing came")

	answers := make(chan *reply, 20)

	for range cap(answers) {
		go func() {
			r, _ := w.try(http.MethodGet, of(treasury, "/events?after=1&type=deposit.credited&wait=60"), key, "")
			answers <- r
		}()
	}

	require.Eventually(t, func() bool { return w.handler.EventWaiting() == cap(answers) }, 30*time.Second, 5*time.Millisecond)
	w.happen(treasury, "deposit.held", "", "not this")
	w.happen(other, "deposit.credited", "", "nor this")
	w.happen(treasury, "deposit.credited", "", "this")

	for range cap(answers) {
		var page pulled

		require.NoError(t, json.Unmarshal((<-answers).is(http.StatusOK).body, &page))
		require.Equal(t, "this", page.subjects(t))
		require.Equal(t, int64(3), page.Last)
	}

	go func() {
		r, _ := w.try(http.MethodGet, of(treasury, "/events?after=3&wait=60"), key, "")
		answers <- r
	}()

	require.Eventually(t, func() bool { return w.handler.EventWaiting() == 1 }, 30*time.Second, 5*time.Millisecond)
	w.handler.Drain()
	(<-answers).is(http.StatusOK)
}

// TestEventKeysAndSchemas: whoever gets an event can check it and read it.
func TestEventKeysAndSchemas(t *testing.T) {
	t.Parallel()

	w := begin(t)

	var set struct{ Keys []event.JWK }

	require.NoError(t, json.Unmarshal(w.get("/v1/event-keys", w.key("read")).is(http.StatusOK).body, &set))
	require.Len(t, set.Keys, 2)

	keys := event.Keys{}

	for _, key := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(key.X)
		require.NoError(t, err)

		keys[key.ID] = ed25519.PublicKey(x)
	}

	require.Equal(t, w.secret.WebhookSigner().Public(), keys[set.Keys[1].ID])

	w.happen(treasury, "deposit.credited", "c1", "a")
	one := w.pull(w.key("read"), "").Items[0]
	require.NoError(t, event.Verify(one, keys))

	e, err := event.Parse(one)
	require.NoError(t, err)

	schema := w.get(event.SchemaPath(e.Type), "").is(http.StatusOK)
	require.Equal(t, "application/schema+json", schema.header.Get("Content-Type"))
	require.Equal(t, e.DataSchema, schema.text("$id"))

	for _, each := range event.Catalogue() {
		w.get(event.SchemaPath(each.Name), "").is(http.StatusOK)
	}

	w.get("/event-schemas/nothing.v1.json", "").is(http.StatusNotFound, "unknown_path")
	w.post(event.SchemaPath(e.Type), "", "").is(http.StatusNotFound, "unknown_path")

	// Where nobody has set the keys up, events are read all the same.
	handler, err := api.NewHandler(&w.settings, api.Parts{
		DB: w.db, Events: eventlog.NewTail(w.db, slog.New(slog.DiscardHandler)), Clock: w.clock, Logger: slog.New(slog.DiscardHandler), Random: rand.Reader,
		Metrics: api.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(t, err)
	w.serve(handler)

	w.get("/v1/event-keys", w.key("read")).is(http.StatusServiceUnavailable, "events_not_set_up")
	require.Equal(t, "a", w.pull(w.key("read"), "").subjects(t))
}
