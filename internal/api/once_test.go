package api_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const aKey = `{"name":"shop","scopes":["read"]}`

// keys are how many keys were made besides those of the test.
func (w *world) keys() int {
	w.t.Helper()

	return w.count("SELECT count(*) FROM api_keys WHERE name = 'shop'")
}

// TestTheSameRequestIsDoneOnce: its repetition gets the first answer, another request with its key is refused.
func TestTheSameRequestIsDoneOnce(t *testing.T) {
	t.Parallel()

	w := begin(t)
	admin, second := w.key("admin"), w.key("admin")

	first := w.post("/v1/keys", admin, aKey, "Idempotency-Key", "once").is(http.StatusCreated)
	again := w.post("/v1/keys", admin, aKey, "Idempotency-Key", "once").is(http.StatusCreated)
	require.Equal(t, first.text("key", "keyId"), again.text("key", "keyId"))
	require.Empty(t, first.header.Get("Idempotent-Replayed"))
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, "application/json", again.header.Get("Content-Type"))
	require.Equal(t, 1, w.keys())

	for path, body := range map[string]string{
		"/v1/keys": `{"name":"shop","scopes":["read"] }`, "/v1/keys/" + first.text("key", "keyId") + "/revoke": "",
	} {
		w.post(path, admin, body, "Idempotency-Key", "once").is(http.StatusConflict, "idempotency_key_reused")
	}

	require.Zero(t, w.count("SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL"))

	w.post("/v1/keys", second, aKey, "Idempotency-Key", "once").is(http.StatusCreated) // a key of another's
	w.post("/v1/keys", admin, aKey, "Idempotency-Key", "twice").is(http.StatusCreated)
	w.post("/v1/keys", admin, aKey).is(http.StatusCreated)
	w.post("/v1/keys", admin, aKey).is(http.StatusCreated)
	require.Equal(t, 5, w.keys())

	for _, wrong := range []string{"", "with blank", strings.Repeat("x", 256), "é"} {
		w.post("/v1/keys", admin, aKey, "Idempotency-Key", wrong).is(http.StatusBadRequest, "invalid_request")
	}

	w.post("/v1/keys", admin, aKey, "Idempotency-Key", "a", "Idempotency-Key", "b").is(http.StatusBadRequest, "invalid_request")
	require.Equal(t, 5, w.keys())
}

// TestFiftyAtOnceAreOne: all who repeat a request that is under way wait for its answer.
func TestFiftyAtOnceAreOne(t *testing.T) {
	t.Parallel()

	w := begin(t)
	admin := w.key("admin")

	var (
		all     sync.WaitGroup
		answers [50]*reply
	)

	for i := range answers {
		all.Go(func() {
			r, err := w.try(http.MethodPost, "/v1/keys", admin, aKey, "Idempotency-Key", "once")
			if err == nil {
				answers[i] = r
			}
		})
	}
	all.Wait()

	ids, secrets := map[string]int{}, 0

	for _, r := range answers {
		require.NotNil(t, r)
		r.is(http.StatusCreated)
		ids[r.text("key", "keyId")]++

		if r.member("secret") != nil {
			secrets++
		}
	}

	require.Len(t, ids, 1)
	require.Equal(t, 1, secrets)
	require.Equal(t, 1, w.keys())
	require.Equal(t, 1, w.count("SELECT count(*) FROM audit_log WHERE action = 'key.create' AND detail->>'name' = 'shop'"))
}

// TestARefusalIsAnAnswerToo, as long as it was the database's: what was wrong before anything was asked may be put right.
func TestARefusalIsAnAnswerToo(t *testing.T) {
	t.Parallel()

	w := begin(t)
	admin, reader := w.key("admin"), w.key("read")

	refused := w.post("/v1/keys/k_aaaaaaaaaaaa/revoke", admin, "", "Idempotency-Key", "gone").is(http.StatusNotFound, "not_found")
	_, err := w.pool.Exec(t.Context(), "UPDATE api_keys SET key_id = 'k_aaaaaaaaaaaa' WHERE key_id = $1", keyIDOf(reader))
	require.NoError(t, err)

	again := w.post("/v1/keys/k_aaaaaaaaaaaa/revoke", admin, "", "Idempotency-Key", "gone").is(http.StatusNotFound, "not_found")
	require.Equal(t, refused.body, again.body)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	w.post("/v1/keys/k_aaaaaaaaaaaa/revoke", admin, "", "Idempotency-Key", "new").is(http.StatusOK)

	w.post("/v1/keys", admin, `{"name":"shop"}`, "Idempotency-Key", "wrong").is(http.StatusBadRequest)
	w.post("/v1/keys", w.key("read"), aKey, "Idempotency-Key", "wrong").is(http.StatusForbidden)
	w.post("/v1/keys", admin, aKey, "Idempotency-Key", "wrong").is(http.StatusCreated)

	_, err = w.pool.Exec(t.Context(), "ALTER TABLE api_keys ADD CONSTRAINT broken CHECK (name <> 'bad')")
	require.NoError(t, err)
	w.post("/v1/keys", admin, `{"name":"bad","scopes":["read"]}`, "Idempotency-Key", "broken").is(http.StatusInternalServerError, "internal")
	require.Contains(t, w.log.String(), `violates check constraint`)
	_, err = w.pool.Exec(t.Context(), "ALTER TABLE api_keys DROP CONSTRAINT broken")
	require.NoError(t, err)
	w.post("/v1/keys", admin, `{"name":"bad","scopes":["read"]}`, "Idempotency-Key", "broken").is(http.StatusCreated)
}

// TestDeathBetweenCommitAndAnswer: what was done is not done again by the repetition, which gets the answer that was not
// given.
func TestDeathBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()

	for name, end := range map[string]func(http.ResponseWriter){
		"the process dies": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"the connection is cut": func(rw http.ResponseWriter) {
			if connection, _, err := rw.(http.Hijacker).Hijack(); err == nil {
				_ = connection.(*net.TCPConn).SetLinger(0)
				_ = connection.Close()
			}

			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			admin := w.key("admin")
			body, key := strings.ReplaceAll(aKey, "shop", name), strings.ReplaceAll(name, " ", "-")

			w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(&dying{rw, end}, r) }))
			_, err := w.try(http.MethodPost, "/v1/keys", admin, body, "Idempotency-Key", key)
			require.Error(t, err)

			w.serve(w.handler)
			r := w.post("/v1/keys", admin, body, "Idempotency-Key", key).is(http.StatusCreated)
			require.Equal(t, "true", r.header.Get("Idempotent-Replayed"))
			require.Equal(t, 1, w.count("SELECT count(*) FROM api_keys WHERE name = $1", name))
		})
	}
}

// dying ends what it is written to before anything is.
type dying struct {
	http.ResponseWriter

	end func(http.ResponseWriter)
}

func (d *dying) WriteHeader(int)           { d.end(d.ResponseWriter) }
func (d *dying) Write([]byte) (int, error) { d.end(d.ResponseWriter); return 0, nil }

// TestWhoHangsUpIsServedAllTheSame: a request that was taken goes on to its end.
func TestWhoHangsUpIsServedAllTheSame(t *testing.T) {
	t.Parallel()

	w := begin(t)
	admin := w.key("admin")

	lock, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), "LOCK TABLE audit_log IN EXCLUSIVE MODE")
	require.NoError(t, err)

	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.server.Listener.Addr().String())
	require.NoError(t, err)
	_, err = fmt.Fprintf(connection, "POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: once\r\nContent-Length: %d\r\n\r\n%s", admin, len(aKey), aKey)
	require.NoError(t, err)

	require.Eventually(t, func() bool { return w.blocked("audit_log") == 1 }, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, connection.Close())
	require.NoError(t, lock.Rollback(t.Context()))

	require.Eventually(t, func() bool { return w.keys() == 1 }, 30*time.Second, 10*time.Millisecond)
	w.post("/v1/keys", admin, aKey, "Idempotency-Key", "once").is(http.StatusCreated)
	require.Equal(t, 1, w.keys())
}

// TestOldAnswersAreForgotten in batches, and no others.
func TestOldAnswersAreForgotten(t *testing.T) {
	t.Parallel()

	w := begin(t)
	_, err := w.pool.Exec(t.Context(), `INSERT INTO api_answers (actor, key, fingerprint, status, body, answered_at)
		SELECT 'a', i::text, '', 200, '', $1::timestamptz + i * interval '1 second' FROM generate_series(1, 2500) AS i`, start())
	require.NoError(t, err)

	pruned, err := w.db.PruneAnswers(t.Context(), start().Add(2001*time.Second), 1500)
	require.NoError(t, err)
	require.Equal(t, 1500, pruned)

	pruned, err = w.db.PruneAnswers(t.Context(), start().Add(2001*time.Second), 1500)
	require.NoError(t, err)
	require.Equal(t, 500, pruned)
	require.Equal(t, 500, w.count("SELECT count(*) FROM api_answers"))
}
