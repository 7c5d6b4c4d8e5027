package api_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// place is where an operation is, with something for every name in its path.
func place(path string) string {
	return strings.NewReplacer("{treasury}", string(treasury), "{account}", "alice", "{depositId}", "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		"{withdrawalId}", "w-1", "{keyId}", "k_aaaaaaaaaaaa", "{subscriptionId}", "sub_aaaaaaaaaaaa", "{eventId}", "6ba7b810-9dad-11d1-80b4-00c04fd430c8").Replace(path)
}

// TestWhoMayDoWhat asks for every operation of the document with every kind of credential: one scope opens what needs it and
// nothing else, and nothing makes up for it.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()

	w := begin(t)
	all := api.Scopes()
	past := w.clock.Now()

	alone, without := map[string]string{}, map[string]string{}
	for _, scope := range all {
		alone[scope] = w.key(scope)
		without[scope] = w.key(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == scope })...)
	}

	good := w.key(all...)
	revoked := w.key(all...)
	_, err := w.db.RevokeAPIKey(t.Context(), keyIDOf(revoked), "test", past)
	require.NoError(t, err)

	refused := map[string]struct {
		key    string
		status int
		code   string
	}{
		"no key":        {"", http.StatusUnauthorized, "unauthenticated"},
		"wrong key":     {good[:17] + strings.Repeat("A", 43), http.StatusUnauthorized, "unknown_key"},
		"unknown key":   {"ces_aaaaaaaaaaaa_" + good[17:], http.StatusUnauthorized, "unknown_key"},
		"a token":       {"eyJhbGciOiJub25lIn0.e30.", http.StatusUnauthorized, "unknown_key"},
		"revoked":       {revoked, http.StatusUnauthorized, "key_revoked"},
		"expired":       {w.keyWith(store.APIKey{Scopes: all, ExpiresAt: &past}), http.StatusUnauthorized, "key_expired"},
		"wrong network": {w.keyWith(store.APIKey{Scopes: all, AllowedFrom: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}), http.StatusForbidden, "address_not_allowed"},
	}
	elsewhere := w.keyWith(store.APIKey{Scopes: all, Treasuries: []ident.Party{other}})
	rows := w.count("SELECT count(*) FROM audit_log")

	operations := 0

	for path, item := range document(t).Paths.Map() {
		for method, operation := range item.Operations() {
			operations++

			name, scope := operation.OperationID, operation.Extensions["x-scope"].(string)
			ask := func(key string) *reply { return w.ask(method, place(path), key, bodyFor(operation)) }

			for why, c := range refused {
				require.Equal(t, []any{c.status, c.code}, []any{ask(c.key).status, ask(c.key).text("code")}, "%s with %s", name, why)
			}

			if strings.Contains(path, "{treasury}") {
				r := ask(elsewhere)
				require.Equal(t, []any{http.StatusForbidden, "treasury_not_allowed"}, []any{r.status, r.text("code")}, "%s of another treasury", name)
			}

			for _, other := range all {
				if other != scope {
					r := ask(alone[other])
					require.Equal(t, []any{http.StatusForbidden, "scope_missing"}, []any{r.status, r.text("code")}, "%s with %s", name, other)
				}
			}

			r := ask(without[scope])
			require.Equal(t, []any{http.StatusForbidden, "scope_missing"}, []any{r.status, r.text("code")}, "%s with all but %s", name, scope)
		}
	}

	require.Greater(t, operations, 40)
	require.Equal(t, rows, w.count("SELECT count(*) FROM audit_log"), "nothing was done")

	// And what is allowed is.
	for path, item := range document(t).Paths.Map() {
		for method, operation := range item.Operations() {
			key := alone[operation.Extensions["x-scope"].(string)]

			if also, ok := operation.Extensions["x-scope-also"].(string); ok {
				w.ask(method, place(path), key, bodyFor(operation)).is(http.StatusForbidden, "scope_missing")

				key = w.key(operation.Extensions["x-scope"].(string), also)
			}

			r := w.ask(method, place(path), key, bodyFor(operation))
			require.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed}, r.status, "%s: %s", operation.OperationID, r.body)
			require.Less(t, r.status, http.StatusInternalServerError, "%s: %s", operation.OperationID, r.body)
		}
	}
}

// bodyFor is a body that is good for an operation, as far as its schema goes.
func bodyFor(operation *openapi3.Operation) string {
	if operation.RequestBody == nil {
		return ""
	}

	values := map[string]string{
		"account": `"alice"`, "memo": `"m"`, "note": `"n"`, "party": `"bob::1220"`, "verdict": `"hold"`, "withdrawalId": `"w-1"`, "instrumentAdmin": `"dso::1220"`,
		"instrumentId": `"Amulet"`, "amount": `"1"`, "receiver": `"bob::1220"`, "name": `"n"`, "url": `"https://example.com/events"`, "scopes": `["read"]`, "overlapSeconds": "1",
	}

	var members []string

	required := operation.RequestBody.Value.Content["application/json"].Schema.Value.Required
	for _, name := range slices.Sorted(slices.Values(required)) {
		members = append(members, `"`+name+`":`+values[name])
	}

	return "{" + strings.Join(members, ",") + "}"
}

// TestAnythingElseIsNowhere: paths and methods that the document does not have.
func TestAnythingElseIsNowhere(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key(api.Scopes()...)

	for _, path := range []string{"/", "/v1", "/v1/keys/", "/v1//keys", "/v1/keys/../keys", "/v2/keys", "/metrics", "/reference", "/V1/keys"} {
		w.get(path, key).is(http.StatusNotFound, "unknown_path")
	}

	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		w.ask(method, "/v1/keys", key, "").is(http.StatusMethodNotAllowed, "method_not_allowed")
	}

	w.post("/v1/audit", key, "").is(http.StatusMethodNotAllowed, "method_not_allowed")
}

// TestRates: who asks too often is told when to come back; others do not notice.
func TestRates(t *testing.T) {
	t.Parallel()

	w := begin(t)
	slow := w.keyWith(store.APIKey{Scopes: []string{"admin"}, PerSecond: 2})
	quick := w.key("admin")

	for range 3 {
		w.get("/v1/keys", slow).is(http.StatusOK)
		w.get("/v1/keys", slow).is(http.StatusOK)
		r := w.get("/v1/keys", slow).is(http.StatusTooManyRequests, "too_many_requests")
		require.Equal(t, "1", r.header.Get("Retry-After"))
		w.get("/v1/keys", quick).is(http.StatusOK)
		w.clock.Advance(time.Second)
	}
}

// TestTooManyAtOnce are told so at once, instead of waiting for a place.
func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()

	w := begin(t, "CES_API_MAX_REQUESTS=1")
	admin := w.key("admin")

	lock, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), "LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)

	done := make(chan *reply, 1)

	go func() {
		r, _ := w.try(http.MethodGet, "/v1/keys", admin, "")
		done <- r
	}()

	require.Eventually(t, func() bool {
		return w.count("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'api_keys'::regclass") == 1
	}, 30*time.Second, 10*time.Millisecond)

	r := w.get("/v1/keys", admin).is(http.StatusServiceUnavailable, "busy")
	require.Equal(t, "1", r.header.Get("Retry-After"))
	require.NoError(t, lock.Rollback(t.Context()))
	(<-done).is(http.StatusOK)
}

// TestNothingSecretIsLogged: neither keys, nor what customers are called, nor memos; but who asked for what.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key(api.Scopes()...)

	made := w.post("/v1/keys", key, aKey, "Idempotency-Key", "idem-4711").is(http.StatusCreated)
	w.get("/v1/keys", key[:len(key)-1]+"x").is(http.StatusUnauthorized)
	w.post("/v1/treasuries/"+string(treasury)+"/memos", key, `{"account":"private-account","memo":"private-memo"}`).is(http.StatusCreated)
	w.post("/v1/treasuries/"+string(treasury)+"/memos", key, `{"account":"private-account","memo":"private-memo","private-member":1}`).is(http.StatusBadRequest)
	w.get("/v1/treasuries/"+string(treasury)+"/memo-match?text=private-memo", key).is(http.StatusOK)
	w.get("/private-path", key).is(http.StatusNotFound)

	log := w.log.String()
	for _, secret := range []string{key[17:], key[17:40], made.text("secret")[17:], "private", "Bearer"} {
		require.NotContains(t, log, secret)
	}

	require.Contains(t, log, `"operation":"createKey"`)
	require.Contains(t, log, `"key":"`+keyIDOf(key)+`"`)
	require.Contains(t, log, `"request":"`+made.header.Get("X-Request-ID")+`"`)
}

// TestMistakesAreNamed: which member is wrong and what would do, never the value; and nothing is done.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key(api.Scopes()...)
	at := "/v1/treasuries/" + string(treasury)
	request := `{"withdrawalId":"w-1","account":"alice","instrumentAdmin":"dso::1220","instrumentId":"Amulet","receiver":"bob::1220","amount":`

	for body, want := range map[string]string{
		request + `12.5}`:                                  `body: "amount": must be of type string`,
		request + `"1e5"}`:                                 `body: "amount": must match`,
		request + `"12.12345678901"}`:                      `body: "amount": must match`,
		request + `"1","amount":"2"}`:                      `body: not JSON that everybody reads alike`,
		request + `"1","Amount":"2"}`:                      `no such member in the document: "Amount"`,
		strings.Replace(request, "alice", "", 1) + `"1"}`:  `body: "account": must have 1 to 128 characters`,
		`{"withdrawalId":"w-1"}`:                           `is missing`,
		request + `"1","memo":"a\u0000"}`:                  `NUL`,
		request + `"1","memo":"a` + "\xff" + `"}`:          `body: not JSON that everybody reads alike`,
		request + `"1"} {}`:                                `body: not JSON that everybody reads alike`,
		request + `"1","memo":"\ud800"}`:                   `body: not JSON that everybody reads alike`,
		`[]`:                                               `must be of type object`,
		``:                                                 ``,
		strings.Repeat(" ", 10) + `null`:                   `body`,
		request + `"` + strings.Repeat("1", 70<<10) + `"}`: ``,
	} {
		headers := []string{}
		if body == "" {
			headers = []string{"Content-Type", "application/json"}
		}

		r := w.post(at+"/withdrawals", key, body, headers...)
		require.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, r.status, "%.80s", body)
		require.Contains(t, r.text("detail"), want, "%.80s", body)
		require.Contains(t, r.text("detail"), "Nothing was done", "%.80s", body)
	}

	w.ask(http.MethodPost, at+"/withdrawals", key, request+`"1"}`, "Content-Type", "text/plain").is(http.StatusUnsupportedMediaType, "unsupported_media_type")
	w.post("/v1/keys/k_aaaaaaaaaaaa/revoke", key, `{"really":true}`).is(http.StatusBadRequest)

	for query, want := range map[string]string{
		"limit=0": "query: limit: must be from 1 to 500", "limit=x": "query: limit:", "limt=5": `there is no parameter "limt"`, "limit=1&limit=2": "more than once",
		"since=yesterday": "query: since", "since=2026-02-31T00:00:00Z": "since", "state=lost": "must be one of", "account=%00": "account", "account=%ff": "account", "a=%zz": "not well escaped",
		"cursor=" + strings.Repeat("x", 9000): "too long",
	} {
		r := w.get(at+"/deposits?"+query, key)
		require.Contains(t, []int{http.StatusBadRequest, http.StatusRequestURITooLong}, r.status, "%.80s", query)
		require.Contains(t, r.text("detail"), want, "%.80s", query)
	}

	for _, path := range []string{at + "/deposits/nothing", at + "/withdrawals/%00", at + "/withdrawals/%ff", "/v1/treasuries/abc/status", "/v1/keys/K_AAAAAAAAAAAA/revoke"} {
		method := http.MethodGet
		if strings.HasSuffix(path, "revoke") {
			method = http.MethodPost
		}

		w.ask(method, path, key, "").is(http.StatusBadRequest, "invalid_request")
	}

	require.Zero(t, w.count("SELECT count(*) FROM withdrawals"))
}

// TestNamesInPathsAreWhole: a slash, a percent sign and a blank within a name stay within it.
func TestNamesInPathsAreWhole(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key(api.Scopes()...)

	for name, escaped := range map[string]string{"a/b": "a%2Fb", "50%25": "50%2525", "a b": "a%20b", "é+?#": "%C3%A9+%3F%23", "..": "%2E%2E"} {
		w.post("/v1/treasuries/"+string(treasury)+"/accounts/"+escaped+"/destinations", key, `{"party":"bob::1220"}`).is(http.StatusCreated)
		require.Equal(t, 1, w.count("SELECT count(*) FROM withdrawal_destinations WHERE account = $1", name), name)
	}

	w.get("/v1/treasuries/treasury%3A%3A1220aa/accounts/alice/destinations", key).is(http.StatusOK)

	narrow := w.keyWith(store.APIKey{Scopes: api.Scopes(), Treasuries: []ident.Party{other}})
	w.get("/v1/treasuries/treasury%3A%3A1220aa/accounts/alice/destinations", narrow).is(http.StatusForbidden, "treasury_not_allowed")
}

// TestWhoIsNotKnownIsToldHow: every 401 has the challenge of RFC 6750, with an error where a credential was sent.
func TestWhoIsNotKnownIsToldHow(t *testing.T) {
	t.Parallel()

	w := begin(t)
	past := w.clock.Now()

	for _, key := range []string{
		"nothing", "eyJhbGciOiJub25lIn0.e30.", "ces_aaaaaaaaaaaa_" + strings.Repeat("A", 43), w.keyWith(store.APIKey{Scopes: []string{"admin"}, ExpiresAt: &past}),
	} {
		require.Equal(t, `Bearer realm="canton-exchange-suite", error="invalid_token"`, w.get("/v1/keys", key).is(http.StatusUnauthorized).header.Get("WWW-Authenticate"))
	}

	for _, headers := range [][]string{nil, {"Authorization", "Basic dTpw"}, {"Authorization", "Bearer "}} {
		require.Equal(t, `Bearer realm="canton-exchange-suite"`, w.get("/v1/keys", "", headers...).is(http.StatusUnauthorized).header.Get("WWW-Authenticate"))
	}

	require.Empty(t, w.get("/v1/keys", w.key("read")).is(http.StatusForbidden).header.Get("WWW-Authenticate"))
}
