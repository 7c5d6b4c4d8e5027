package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// provider is an identity provider: a key set over HTTP, and tokens that another library than the API's signs.
type provider struct {
	t      *testing.T
	server *httptest.Server

	mu    sync.Mutex
	keys  []map[string]string
	away  bool
	hangs chan struct{} // closed when it answers again; nil if it does
	asked int
}

func newProvider(t *testing.T) *provider {
	t.Helper()

	p := &provider{t: t}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()

		p.asked++

		if hangs := p.hangs; hangs != nil {
			p.mu.Unlock()
			<-hangs
			p.mu.Lock()
		}

		if p.away {
			http.Error(w, "away", http.StatusBadGateway)

			return
		}

		_ = json.NewEncoder(w).Encode(map[string]any{"keys": p.keys})
	}))
	t.Cleanup(p.server.Close)

	return p
}

func (p *provider) set(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.away = away
}

// hang has it answer nothing until the function that it gives is called.
func (p *provider) hang() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.hangs = make(chan struct{})

	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()

		close(p.hangs)
		p.hangs = nil
	})
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// publish adds a key to the set, with more members or others.
func (p *provider) publish(id string, public crypto.PublicKey, more ...string) {
	key := map[string]string{"kid": id, "use": "sig"}

	switch k := public.(type) {
	case *rsa.PublicKey:
		key["kty"], key["n"], key["e"] = "RSA", b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		require.NoError(p.t, err)

		key["kty"], key["crv"], key["x"], key["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	case ed25519.PublicKey:
		key["kty"], key["crv"], key["x"] = "OKP", "Ed25519", b64(k)
	}

	for i := 0; i+1 < len(more); i += 2 {
		key[more[i]] = more[i+1]
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	p.keys = append(p.keys, key)
}

// token signs claims, those of a good token and others in their place.
func (p *provider) token(method jwt.SigningMethod, id string, private any, change jwt.MapClaims) string {
	claims := jwt.MapClaims{
		"iss": "https://id.example", "aud": "exchange-suite", "sub": "olga", "iat": start().Unix(), "exp": start().Add(time.Hour).Unix(), "scope": "openid admin read",
	}

	for name, value := range change {
		claims[name] = value

		if value == nil {
			delete(claims, name)
		}
	}

	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = id
	text, err := token.SignedString(private)
	require.NoError(p.t, err)

	return text
}

func (p *provider) begin(environ ...string) *world {
	return begin(p.t, append([]string{
		"CES_API_OIDC_ISSUER=https://id.example", "CES_API_OIDC_AUDIENCE=exchange-suite", "CES_API_OIDC_JWKS_URL=" + p.server.URL + "/keys",
	}, environ...)...)
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	return key
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()

	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)

	return key
}

// TestTokensOfTheIdentityProvider speak for who they say, and for nothing that they do not say.
func TestTokensOfTheIdentityProvider(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	ec, rs := ecKey(t), rsaKey(t, 2048)
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)

	p.publish("ec", ec.Public())
	p.publish("rsa", rs.Public(), "alg", "RS256")
	p.publish("ed", public)
	w := p.begin()

	for id, token := range map[string]string{
		"ec": p.token(jwt.SigningMethodES256, "ec", ec, nil), "rsa": p.token(jwt.SigningMethodRS256, "rsa", rs, nil), "ed": p.token(jwt.SigningMethodEdDSA, "ed", ed, nil),
		"list": p.token(jwt.SigningMethodES256, "ec", ec, jwt.MapClaims{"scope": []string{"admin", "unheard-of"}, "aud": []string{"else", "exchange-suite"}}),
	} {
		r := w.post("/v1/keys", token, aKey).is(http.StatusCreated)
		require.Equal(t, "https://id.example olga", r.text("key", "createdBy"), id)
		require.NotContains(t, w.log.String(), token)
	}

	require.Equal(t, 4, w.count("SELECT count(*) FROM audit_log WHERE actor = 'https://id.example olga'"))

	for why, claims := range map[string]jwt.MapClaims{
		"another scope": {"scope": "read"}, "no scope": {"scope": nil}, "a scope that is none": {"scope": map[string]any{"admin": true}},
		"a scope within a word": {"scope": "administrator no-admin"}, "a list of words": {"scope": []string{"read admin"}},
	} {
		w.get("/v1/keys", p.token(jwt.SigningMethodES256, "ec", ec, claims)).is(http.StatusForbidden, "scope_missing")
		require.NotEmpty(t, why)
	}

	w.clock.Advance(time.Hour + 31*time.Second)
	w.get("/v1/keys", p.token(jwt.SigningMethodES256, "ec", ec, nil)).is(http.StatusUnauthorized, "invalid_token")
}

// TestTokensOfSomeTreasuries: what the claim does not name is not there for its bearer.
func TestTokensOfSomeTreasuries(t *testing.T) {
	t.Parallel()

	p, ec := newProvider(t), ecKey(t)
	p.publish("ec", ec.Public())

	w := p.begin("CES_API_OIDC_TREASURIES_CLAIM=treasuries")
	ask := func(claim any) *reply {
		return w.get("/v1/treasuries/"+string(treasury)+"/deposits", p.token(jwt.SigningMethodES256, "ec", ec, jwt.MapClaims{"treasuries": claim}))
	}

	for _, claim := range []any{string(treasury), string(other) + " " + string(treasury), []string{string(other), string(treasury)}} {
		ask(claim).is(http.StatusOK)
	}

	for _, claim := range []any{
		nil, "", []string{}, string(other), []string{string(treasury) + " " + string(other)}, map[string]any{string(treasury): true}, true,
		"*", []any{1, nil, string(other)},
	} {
		ask(claim).is(http.StatusForbidden, "treasury_not_allowed")
	}

	none := p.token(jwt.SigningMethodES256, "ec", ec, nil)
	require.Empty(t, w.get("/v1/treasuries", none).is(http.StatusOK).member("items"))
	w.post("/v1/keys", none, aKey).is(http.StatusForbidden)
}

// TestTokensThatAreNotGood, each wrong in one thing.
func TestTokensThatAreNotGood(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	ec, stranger, rs, short := ecKey(t), ecKey(t), rsaKey(t, 2048), rsaKey(t, 1024)

	p.publish("ec", ec.Public())
	p.publish("rsa", rs.Public(), "alg", "RS256")
	p.publish("enc", ec.Public(), "use", "enc")
	p.publish("short", short.Public())
	p.publish("oct", nil, "kty", "oct", "k", b64([]byte("a secret that everybody is told.")))
	w := p.begin()

	es := jwt.SigningMethodES256
	good := p.token(es, "ec", ec, nil)
	w.get("/v1/keys", good).is(http.StatusOK)

	parts := strings.Split(good, ".")
	raw, err := x509.MarshalPKIXPublicKey(rs.Public())
	require.NoError(t, err)

	payload := func(change string) string {
		text, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)

		return b64([]byte(strings.Replace(string(text), "olga", change, 1)))
	}

	for why, token := range map[string]string{
		"another issuer":           p.token(es, "ec", ec, jwt.MapClaims{"iss": "https://id.example.evil"}),
		"another audience":         p.token(es, "ec", ec, jwt.MapClaims{"aud": "somebody"}),
		"no audience":              p.token(es, "ec", ec, jwt.MapClaims{"aud": nil}),
		"expired":                  p.token(es, "ec", ec, jwt.MapClaims{"exp": start().Add(-31 * time.Second).Unix()}),
		"no end":                   p.token(es, "ec", ec, jwt.MapClaims{"exp": nil}),
		"not yet":                  p.token(es, "ec", ec, jwt.MapClaims{"nbf": start().Add(time.Minute).Unix()}),
		"no subject":               p.token(es, "ec", ec, jwt.MapClaims{"sub": nil}),
		"an empty subject":         p.token(es, "ec", ec, jwt.MapClaims{"sub": ""}),
		"an unseen subject":        p.token(es, "ec", ec, jwt.MapClaims{"sub": "olga\u200b"}),
		"a long subject":           p.token(es, "ec", ec, jwt.MapClaims{"sub": strings.Repeat("x", 200)}),
		"a stranger's key":         p.token(es, "ec", stranger, nil),
		"an unknown key":           p.token(es, "other", ec, nil),
		"no key named":             p.token(es, "", ec, nil),
		"a key of another type":    p.token(es, "rsa", ec, nil),
		"a key for encryption":     p.token(es, "enc", ec, nil),
		"a short key":              p.token(jwt.SigningMethodRS256, "short", short, nil),
		"another algorithm of it":  p.token(jwt.SigningMethodPS256, "rsa", rs, nil),
		"unsigned":                 p.token(jwt.SigningMethodNone, "ec", jwt.UnsafeAllowNoneSignatureType, nil),
		"signed with what is told": p.token(jwt.SigningMethodHS256, "rsa", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw}), nil),
		"a shared secret":          p.token(jwt.SigningMethodHS256, "oct", []byte("a secret that everybody is told."), nil),
		"changed":                  parts[0] + "." + payload("root") + "." + parts[2],
		"without its signature":    parts[0] + "." + parts[1] + ".",
		"critical things unknown":  b64([]byte(`{"alg":"ES256","kid":"ec","crit":["exp"]}`)) + "." + parts[1] + "." + parts[2],
		"nonsense":                 "a.b.c",
	} {
		r := w.get("/v1/keys", token)
		require.Equal(t, []any{http.StatusUnauthorized, "invalid_token"}, []any{r.status, r.text("code")}, why)
	}

	w.get("/v1/keys", p.token(es, strings.Repeat("x", 5000), ec, nil)).is(http.StatusUnauthorized, "invalid_token")
	require.NotContains(t, w.log.String(), strings.Repeat("x", 400), "strangers do not fill the log")
	require.NotContains(t, w.log.String(), `"level":"WARN"`)
}

// TestTheKeySetChanges, is away, and is not asked for by everybody who makes up a key.
func TestTheKeySetChanges(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	first, second := ecKey(t), ecKey(t)
	es := jwt.SigningMethodES256
	p.publish("first", first.Public())
	p.set(true)

	w := p.begin("CES_API_OIDC_SCOPES_CLAIM=roles")
	claims := jwt.MapClaims{"roles": "admin", "exp": start().Add(24 * time.Hour).Unix()}
	token, next := p.token(es, "first", first, claims), p.token(es, "second", second, claims)

	r := w.get("/v1/keys", token).is(http.StatusServiceUnavailable, "identity_provider_away")
	require.Equal(t, "10", r.header.Get("Retry-After"))
	w.get("/v1/keys", w.key("admin")).is(http.StatusOK)

	p.set(false)
	w.get("/v1/keys", token).is(http.StatusServiceUnavailable, "identity_provider_away")
	w.clock.Advance(10 * time.Second)
	w.get("/v1/keys", token).is(http.StatusOK)

	for range 20 {
		w.get("/v1/keys", next).is(http.StatusUnauthorized, "invalid_token")
	}

	require.LessOrEqual(t, p.asked, 2)
	p.publish("second", second.Public())
	w.clock.Advance(10 * time.Second)
	w.get("/v1/keys", next).is(http.StatusOK)
	require.Equal(t, 3, p.asked)

	// What is known serves for an hour while the provider is away.
	p.set(true)
	w.clock.Advance(time.Hour)
	w.get("/v1/keys", next).is(http.StatusOK)
	w.clock.Advance(time.Second)
	w.get("/v1/keys", next).is(http.StatusServiceUnavailable, "identity_provider_away")
}

// TestWhoIsNotAskedIsNotBelieved: without an identity provider, tokens are nothing.
func TestWhoIsNotAskedIsNotBelieved(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	ec := ecKey(t)
	p.publish("ec", ec.Public())

	begin(t).get("/v1/keys", p.token(jwt.SigningMethodES256, "ec", ec, nil)).is(http.StatusUnauthorized, "unknown_key")
}

// TestRatesOfTokens are those of a subject.
func TestRatesOfTokens(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	ec := ecKey(t)
	p.publish("ec", ec.Public())
	w := p.begin("CES_API_OIDC_PER_SECOND=1")

	w.get("/v1/keys", p.token(jwt.SigningMethodES256, "ec", ec, nil)).is(http.StatusOK)
	w.get("/v1/keys", p.token(jwt.SigningMethodES256, "ec", ec, jwt.MapClaims{"jti": "2"})).is(http.StatusTooManyRequests)
	w.get("/v1/keys", p.token(jwt.SigningMethodES256, "ec", ec, jwt.MapClaims{"sub": "ann"})).is(http.StatusOK)
}

// TestSubscriptionsBelongToKeys: what an identity provider says of a person cannot be asked when they have left.
func TestSubscriptionsBelongToKeys(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	ec := ecKey(t)
	p.publish("ec", ec.Public())

	w := p.begin()
	person := p.token(jwt.SigningMethodES256, "ec", ec, jwt.MapClaims{"scope": "read webhooks admin"})

	require.Contains(t, w.post(of(treasury, "/subscriptions"), person, aSubscription).is(http.StatusForbidden, "key_needed").text("detail"), "API key")
	require.Zero(t, w.count("SELECT count(*) FROM subscriptions"))

	// Whose it is, a person with the scope admin may look after all the same.
	id := w.subscribe(w.key("read", "webhooks"), aSubscription)
	w.ask(http.MethodPatch, sub(id, ""), person, `{"paused": true}`).is(http.StatusOK)
}
