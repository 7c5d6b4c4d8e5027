package api_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// TestAKeysLife: made, used, rotated with an overlap, revoked.
func TestAKeysLife(t *testing.T) {
	t.Parallel()

	w := begin(t)
	admin := w.key("admin")

	made := w.post("/v1/keys", admin, `{"name":"shop","scopes":["admin","admin"],"perSecond":5,"expiresAt":"2026-03-02T12:00:00Z"}`).is(http.StatusCreated)
	key, id := made.text("secret"), made.text("key", "keyId")
	require.Equal(t, keyIDOf(key), id)
	require.Equal(t, key[:16], made.text("key", "prefix"))
	require.Equal(t, keyIDOf(admin), made.text("key", "createdBy"))
	require.Equal(t, []any{"admin"}, made.member("key", "scopes"))

	listed := w.get("/v1/keys", key).is(http.StatusOK)
	require.NotContains(t, string(listed.body), key[17:], "a secret is nowhere")
	require.Contains(t, string(listed.body), id)

	// An overlap in which both work, and the same somebody behind both.
	rotated := w.post("/v1/keys/"+id+"/rotate", admin, `{"overlapSeconds":60}`).is(http.StatusCreated)
	next := rotated.text("secret")
	require.Equal(t, "2026-03-02T12:00:00Z", rotated.text("key", "expiresAt"), "as long a life as the first one's")

	w.clock.Advance(2 * time.Second)
	w.get("/v1/keys", key).is(http.StatusOK)
	w.get("/v1/keys", next).is(http.StatusOK)
	w.post("/v1/keys/"+id+"/rotate", admin, `{"overlapSeconds":60}`).is(http.StatusConflict, "key_rotated")

	w.clock.Advance(time.Minute)
	w.get("/v1/keys", key).is(http.StatusUnauthorized, "key_expired")

	third := w.post("/v1/keys", next, `{"name":"third","scopes":["read"]}`).is(http.StatusCreated)
	require.Equal(t, id, third.text("key", "createdBy"), "who acts is the line of keys, not the key")

	w.post("/v1/keys/"+keyIDOf(next)+"/revoke", admin, "").is(http.StatusOK)
	w.post("/v1/keys/"+keyIDOf(next)+"/revoke", admin, "").is(http.StatusOK)
	w.clock.Advance(time.Second)
	w.get("/v1/keys", next).is(http.StatusUnauthorized, "key_revoked")
	w.post("/v1/keys/"+keyIDOf(next)+"/rotate", admin, `{"overlapSeconds":0}`).is(http.StatusConflict, "key_revoked")
	w.post("/v1/keys/k_aaaaaaaaaaaa/revoke", admin, "").is(http.StatusNotFound, "not_found")

	require.Equal(t, 1, w.count("SELECT count(*) FROM audit_log WHERE action = 'key.revoke'"), "to say it twice changes nothing")
	require.Equal(t, 1, w.count("SELECT count(*) FROM audit_log WHERE action = 'key.rotate' AND actor = $1", keyIDOf(admin)))
}

// TestOnlyTheWholeKeyIsTheKey: no other text stands for it, and what is wrong is not told apart.
func TestOnlyTheWholeKeyIsTheKey(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("admin")

	w.get("/v1/keys", key).is(http.StatusOK)
	w.ask(http.MethodGet, "/v1/keys", "", "", "Authorization", "bearer   "+key).is(http.StatusOK)

	flipped := []byte(key)
	flipped[len(flipped)-1] ^= 1

	for _, wrong := range []string{
		key[:len(key)-1], key + "A", string(flipped), strings.ToUpper(key), "ces_aaaaaaaaaaaa" + key[16:], "x" + key, key + " " + key, "a.b.c",
	} {
		w.get("/v1/keys", wrong).is(http.StatusUnauthorized, "unknown_key")
	}

	w.get("/v1/keys", "").is(http.StatusUnauthorized, "unauthenticated")
	w.ask(http.MethodGet, "/v1/keys", "", "", "Authorization", "Basic "+key).is(http.StatusUnauthorized, "unauthenticated")
	w.ask(http.MethodGet, "/v1/keys", key, "", "Authorization", "Bearer "+key).is(http.StatusUnauthorized, "unauthenticated")
	w.get("/v1/keys?key="+key, "").is(http.StatusUnauthorized)
}

// TestAKeyIsStoredAsAHashAlone, and its use once a minute.
func TestAKeyIsStoredAsAHashAlone(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("admin")
	made := w.post("/v1/keys", key, `{"name":"shop","scopes":["read"]}`, "Idempotency-Key", "k-1").is(http.StatusCreated).text("secret")

	for _, table := range []string{"api_keys", "api_answers", "audit_log"} {
		for _, secret := range []string{key[17:], made[17:]} {
			require.Zero(t, w.count("SELECT count(*) FROM "+table+" x WHERE x::text LIKE '%' || $1 || '%' OR x::text LIKE '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%'", secret), table)
		}
	}

	again := w.post("/v1/keys", key, `{"name":"shop","scopes":["read"]}`, "Idempotency-Key", "k-1").is(http.StatusCreated)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Nil(t, again.member("secret"))
	require.Equal(t, keyIDOf(made), again.text("key", "keyId"))

	lastUse := func() time.Time {
		var at time.Time
		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT last_used_at FROM api_keys WHERE key_id = $1", keyIDOf(key)).Scan(&at))

		return at
	}

	require.WithinDuration(t, start(), lastUse(), 0)
	w.clock.Advance(59 * time.Second)
	w.get("/v1/keys", key).is(http.StatusOK)
	require.WithinDuration(t, start(), lastUse(), 0)
	w.clock.Advance(time.Second)
	w.get("/v1/keys", key).is(http.StatusOK)
	require.WithinDuration(t, start().Add(time.Minute), lastUse(), 0)
}

// TestAKeyOfSomeTreasuriesStaysWithThem: it neither makes, sees nor changes keys that see more.
func TestAKeyOfSomeTreasuriesStaysWithThem(t *testing.T) {
	t.Parallel()

	w := begin(t)
	everywhere := w.key("admin")
	narrow := w.keyWith(store.APIKey{Scopes: []string{"admin"}, Treasuries: []ident.Party{treasury}})

	w.post("/v1/keys", narrow, `{"name":"x","scopes":["read"]}`).is(http.StatusForbidden, "treasury_not_allowed")
	w.post("/v1/keys", narrow, `{"name":"x","scopes":["read"],"treasuries":["treasury::1220bb"]}`).is(http.StatusForbidden, "treasury_not_allowed")
	w.post("/v1/keys", narrow, `{"name":"x","scopes":["read"],"treasuries":["treasury::1220aa"]}`).is(http.StatusCreated)

	w.post("/v1/keys/"+keyIDOf(everywhere)+"/revoke", narrow, "").is(http.StatusNotFound, "not_found")
	w.post("/v1/keys/"+keyIDOf(everywhere)+"/rotate", narrow, `{"overlapSeconds":0}`).is(http.StatusNotFound, "not_found")
	require.NotContains(t, string(w.get("/v1/keys", narrow).is(http.StatusOK).body), keyIDOf(everywhere))
	require.Contains(t, string(w.get("/v1/keys", everywhere).is(http.StatusOK).body), keyIDOf(narrow))

	w.get("/v1/audit/verify", narrow).is(http.StatusForbidden, "treasury_not_allowed")
	require.Empty(t, w.get("/v1/audit", narrow).is(http.StatusOK).member("items"), "who made keys is no matter of one treasury")
}

// TestNetworks: the address of the connection counts, and what a proxy says of it only where the proxy is trusted.
func TestNetworks(t *testing.T) {
	t.Parallel()

	inside := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}

	for name, c := range map[string]struct {
		proxies string
		hops    []string
		status  int
	}{
		"who is connected":               {"", nil, 403},
		"a stranger's word":              {"", []string{"192.0.2.7"}, 403},
		"a trusted proxy's word":         {"127.0.0.1", []string{"192.0.2.7"}, 200},
		"an IPv4 address within IPv6":    {"127.0.0.0/8", []string{"::ffff:192.0.2.7"}, 200},
		"a zone":                         {"127.0.0.0/8", []string{"2001:db8::1%eth0"}, 200},
		"a stranger behind the proxy":    {"127.0.0.1", []string{"198.51.100.1"}, 403},
		"what the stranger wrote before": {"127.0.0.1", []string{"192.0.2.7, 198.51.100.1"}, 403},
		"in a header of its own":         {"127.0.0.1", []string{"192.0.2.7", "198.51.100.1"}, 403},
		"two proxies":                    {"127.0.0.1, 10.0.0.0/8", []string{"198.51.100.1, 192.0.2.7, 10.1.1.1"}, 200},
		"no address at all":              {"127.0.0.1", []string{"192.0.2.7, unknown"}, 403},
		"an empty word":                  {"127.0.0.1", []string{"192.0.2.7,"}, 403},
		"a proxy that says nothing":      {"127.0.0.1", nil, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := begin(t, "CES_API_TRUSTED_PROXIES="+c.proxies)
			key := w.keyWith(store.APIKey{Scopes: []string{"admin"}, AllowedFrom: inside})

			var headers []string
			for _, hop := range c.hops {
				headers = append(headers, "X-Forwarded-For", hop)
			}

			w.get("/v1/keys", key, headers...).is(c.status)
		})
	}
}

// TestWhatAKeyMayBe: what would be no key, or one that does something else than was meant, is not made.
func TestWhatAKeyMayBe(t *testing.T) {
	t.Parallel()

	w := begin(t)
	admin := w.key("admin")

	for _, wrong := range []string{
		`{"name":"","scopes":["read"]}`, `{"name":"x","scopes":[]}`, `{"name":"x","scopes":["root"]}`, `{"name":"x"}`,
		`{"name":"x","scopes":["read"],"perSecond":0}`, `{"name":"x","scopes":["read"],"allowedFrom":["somewhere"]}`,
		`{"name":"x","scopes":["read"],"allowedFrom":["192.0.2.1/24"]}`, `{"name":"x","scopes":["read"],"treasuries":["treasury"]}`,
		`{"name":"x","scopes":["read"],"expiresAt":"2026-03-01T12:00:00Z"}`, `{"name":"x","scopes":["read"],"expiresAt":"soon"}`,
		`{"name":"x","scopes":["read"],"allowedfrom":["192.0.2.1"]}`, `{"name":"x","name":"y","scopes":["read"]}`, `{"name":"x\u0000","scopes":["read"]}`,
	} {
		w.post("/v1/keys", admin, wrong).is(http.StatusBadRequest, "invalid_request")
	}

	made := w.post("/v1/keys", admin, `{"name":"x","scopes":["read"],"allowedFrom":["192.0.2.1","2001:db8::/32"],"treasuries":["treasury::1220aa"]}`).is(http.StatusCreated)
	require.Equal(t, []any{"192.0.2.1/32", "2001:db8::/32"}, made.member("key", "allowedFrom"))
	require.Equal(t, 2, w.count("SELECT count(*) FROM api_keys"))
}

// TestALineOfKeysIsOnePerson: who requested a withdrawal cannot approve it with the key that takes the place of theirs.
func TestALineOfKeysIsOnePerson(t *testing.T) {
	t.Parallel()

	w := filled(t)
	boss, first, second := w.key("admin"), w.key("withdrawals", "approvals"), w.key("approvals")
	at := "/v1/treasuries/" + string(treasury) + "/withdrawals"

	asked := w.post(at, first, `{"withdrawalId":"w-1","account":"c1","instrumentAdmin":"dso::1220dd","instrumentId":"Amulet","amount":"200","receiver":"bob::1220cc"}`).is(http.StatusCreated)
	require.Equal(t, "awaits_approval", asked.text("waiting"))

	next := w.post("/v1/keys/"+keyIDOf(first)+"/rotate", boss, `{"overlapSeconds":3600}`).is(http.StatusCreated).text("secret")
	third := w.post("/v1/keys/"+keyIDOf(next)+"/rotate", boss, `{"overlapSeconds":3600}`).is(http.StatusCreated).text("secret")

	for _, key := range []string{first, next, third} {
		w.post(at+"/w-1/approve", key, `{"note":"mine"}`).is(http.StatusConflict, "own_request")
	}

	approved := w.post(at+"/w-1/approve", second, `{"note":"seen"}`).is(http.StatusOK)
	require.Equal(t, keyIDOf(second), approved.text("approvedBy"))
	require.Equal(t, keyIDOf(first), approved.text("requestedBy"))
}

// TestTimesThatNoYearHas are refused wherever a time is taken: in UTC they could not be told any more.
func TestTimesThatNoYearHas(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("admin", "read")
	asking := func(at string) string { return `{"name":"shop","scopes":["read"],"expiresAt":"` + at + `"}` }

	for _, at := range []string{"9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.999999-00:01", "9999-12-31T23:59:60-01:00"} {
		r := w.post("/v1/keys", key, asking(at)).is(http.StatusBadRequest, "invalid_request")
		require.Contains(t, r.text("detail"), "expiresAt", at)
		require.Contains(t, r.text("detail"), "Nothing was done", at)
	}

	require.Zero(t, w.keys())

	for _, list := range []string{"/deposits", "/withdrawals", "/updates", "/unattributed", "/accounts/c1/statement"} {
		for _, at := range []string{"9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00%2B00:01", "0000-12-31T23:59:59Z"} {
			for _, name := range []string{"since", "until"} {
				r := w.get(of(treasury, "%s", list)+"?"+name+"="+at, key).is(http.StatusBadRequest, "invalid_request")
				require.Contains(t, r.text("detail"), name, at)
			}
		}

		w.get(of(treasury, "%s", list)+"?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59.999999Z", key).is(http.StatusOK)
	}

	// The last time that there is can be told in every time zone of a server.
	made := w.post("/v1/keys", key, asking("9999-12-31T23:59:59.999999Z")).is(http.StatusCreated)
	w.post("/v1/keys/"+made.text("key", "keyId")+"/rotate", key, `{"overlapSeconds":5}`).is(http.StatusCreated)
	require.Equal(t, "9999-12-31T23:59:59Z", w.post("/v1/keys", key, asking("9999-12-31T22:59:59-01:00")).is(http.StatusCreated).text("key", "expiresAt"))
	w.get("/v1/keys", key).is(http.StatusOK)
}
