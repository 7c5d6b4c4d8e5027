package api_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rebuilding holds what a rebuild holds, so that no withdrawal can be requested, until the function that it gives is
// called.
func (w *world) rebuilding() (ended func()) {
	w.t.Helper()

	lock, err := w.pool.Begin(w.t.Context())
	require.NoError(w.t, err)
	_, err = lock.Exec(w.t.Context(), "LOCK TABLE withdrawals, deposit_cases IN EXCLUSIVE MODE")
	require.NoError(w.t, err)

	ended = sync.OnceFunc(func() { require.NoError(w.t, lock.Rollback(context.WithoutCancel(w.t.Context()))) })
	w.t.Cleanup(ended)

	return ended
}

// blocked is how many requests of the database wait for a lock on a table.
func (w *world) blocked(table string) int {
	return w.count(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, table)
}

// promptly does something that must not wait for what is held.
func (w *world) promptly(do func()) {
	w.t.Helper()

	done := make(chan struct{})

	go func() {
		defer close(done)

		do()
	}()

	select {
	case <-done:
	case <-time.After(10 * time.Second):
		w.t.Fatal("it waits")
	}
}

// posted sends a POST of which nobody waits for the answer yet.
func (w *world) posted(to chan<- *reply, path, key, body string, headers ...string) {
	go func() {
		if r, err := w.try(http.MethodPost, path, key, body, headers...); err == nil {
			to <- r
		}
	}()
}

func aWithdrawal(id string) string {
	return `{"withdrawalId":"` + id + `","account":"c1","instrumentAdmin":"dso::1220dd","instrumentId":"Amulet","amount":"1","receiver":"bob::1220cc"}`
}

// TestWhatIsReadDoesNotWaitForChanges: while none can be made, all else goes on. Those that find no place soon are told so,
// have done nothing, and are done when they are repeated.
func TestWhatIsReadDoesNotWaitForChanges(t *testing.T) {
	t.Parallel()

	const many, places = 20, 4 // half of the connections of a test

	w := filled(t)
	key, fresh := w.key("withdrawals", "read"), w.key("admin", "read") // the second was never seen by the API
	ended, answers := w.rebuilding(), make(chan *reply, many)

	for i := range many {
		id := strconv.Itoa(i)
		w.posted(answers, of(treasury, "/withdrawals"), key, aWithdrawal(id), "Idempotency-Key", id)
	}

	require.Eventually(t, func() bool { return w.blocked("withdrawals") >= places }, 30*time.Second, 10*time.Millisecond)

	w.promptly(func() {
		w.get(of(treasury, "/withdrawals/waits"), key).is(http.StatusOK)
		w.get("/v1/keys", fresh).is(http.StatusOK)

		_, err := w.db.PruneAnswers(t.Context(), start(), 1)
		require.NoError(t, err)
		require.NoError(t, w.db.Ping(t.Context()))
	})

	for range many - places {
		r := (<-answers).is(http.StatusServiceUnavailable, "busy")
		require.Equal(t, "1", r.header.Get("Retry-After"))
	}

	require.Equal(t, places, w.blocked("withdrawals"))
	ended()

	for range places {
		(<-answers).is(http.StatusCreated)
	}

	for i := range many {
		id := strconv.Itoa(i)
		w.post(of(treasury, "/withdrawals"), key, aWithdrawal(id), "Idempotency-Key", id).is(http.StatusCreated)
	}

	require.Equal(t, many, w.count("SELECT count(*) FROM withdrawals WHERE withdrawal_id ~ '^[0-9]+$'"))
}

// TestRepetitionsOfASlowRequest do not wait for its end for long, here or in another process, and take nobody's place.
func TestRepetitionsOfASlowRequest(t *testing.T) {
	t.Parallel()

	const many = 20

	w := filled(t)
	elsewhere := beginOn(t, w.pool, w.pool.Config().ConnString())
	key := w.key("withdrawals", "admin")
	path, body := of(treasury, "/withdrawals"), aWithdrawal("slow")
	ended, first, again := w.rebuilding(), make(chan *reply, 1), make(chan *reply, many)

	w.posted(first, path, key, body, "Idempotency-Key", "slow")
	require.Eventually(t, func() bool { return w.blocked("withdrawals") == 1 }, 30*time.Second, 10*time.Millisecond)

	for range many {
		w.posted(again, path, key, body, "Idempotency-Key", "slow")
	}

	w.promptly(func() {
		r := elsewhere.post(path, key, body, "Idempotency-Key", "slow").is(http.StatusServiceUnavailable, "under_way")
		require.Equal(t, "1", r.header.Get("Retry-After"))
		w.post("/v1/keys", key, aKey, "Idempotency-Key", "another").is(http.StatusCreated)
	})

	for range many {
		r := (<-again).is(http.StatusServiceUnavailable, "under_way")
		require.Equal(t, "1", r.header.Get("Retry-After"))
		require.Contains(t, r.text("detail"), "Nothing was done")
	}

	require.Equal(t, 1, w.blocked("withdrawals"), "who came first waits on")
	ended()
	(<-first).is(http.StatusCreated)

	for _, each := range []*world{w, elsewhere} {
		require.Equal(t, "true", each.post(path, key, body, "Idempotency-Key", "slow").is(http.StatusCreated).header.Get("Idempotent-Replayed"))
	}
}

// TestAKeyThatIsBeingChangedIsUsedAllTheSame: that its use cannot be noted now makes nobody wait.
func TestAKeyThatIsBeingChangedIsUsedAllTheSame(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("admin")

	lock, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), "SELECT FROM api_keys WHERE key_id = $1 FOR UPDATE", keyIDOf(key))
	require.NoError(t, err)
	t.Cleanup(func() { _ = lock.Rollback(context.WithoutCancel(t.Context())) })

	w.promptly(func() { w.get("/v1/keys", key).is(http.StatusOK) })
	require.NoError(t, lock.Rollback(t.Context()))
}

// TestChangesLeavePlacesForReads, however many of them wait.
func TestChangesLeavePlacesForReads(t *testing.T) {
	t.Parallel()

	const places = 8

	w := begin(t, "CES_API_MAX_REQUESTS="+strconv.Itoa(places))
	admin := w.key("admin")

	lock, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), "LOCK TABLE audit_log IN EXCLUSIVE MODE")
	require.NoError(t, err)

	answers := make(chan *reply, places)
	for range places {
		w.posted(answers, "/v1/keys", admin, aKey)
	}

	require.Eventually(t, func() bool { return w.blocked("audit_log") == places/2 }, 30*time.Second, 10*time.Millisecond)

	for range places / 2 {
		w.get("/v1/keys", admin).is(http.StatusOK)
	}

	for range places / 2 {
		(<-answers).is(http.StatusServiceUnavailable, "busy")
	}

	require.NoError(t, lock.Rollback(t.Context()))

	for range places / 2 {
		(<-answers).is(http.StatusCreated)
	}

	require.Equal(t, places/2, w.keys())
}
