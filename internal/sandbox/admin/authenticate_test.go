package admin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/secret"
)

const (
	hmacKey  = "unsafe"
	audience = "https://daml.com/jwt/aud/participant/participant::1220aa"
)

func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims, kid string) string {
	t.Helper()

	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}

	text, err := token.SignedString(key)
	require.NoError(t, err)

	return text
}

// grant is a good token's claims, with changes; nil takes a claim away.
func (n *node) grant(sub string, change jwt.MapClaims) jwt.MapClaims {
	claims := jwt.MapClaims{"sub": sub, "aud": audience, "exp": n.clock.Now().Add(time.Minute).Unix()}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })

	return claims
}

func (n *node) hs256(sub string, change jwt.MapClaims) string {
	n.t.Helper()

	return signed(n.t, jwt.SigningMethodHS256, []byte(hmacKey), n.grant(sub, change), "")
}

// as is the node as a user sees it.
func (n *node) as(sub string) *node {
	other := *n
	other.token = n.hs256(sub, nil)

	return &other
}

// status asks, with a token, for what every user may have.
func (n *node) status(token string) int {
	n.t.Helper()

	other := *n
	other.token = token

	return other.call(http.MethodGet, "/v2/packages", nil).status
}

func withHMAC() admin.Config {
	return admin.Config{Auth: admin.AuthConfig{HS256: secret.New(hmacKey)}}
}

func TestWithoutAuthentication(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	missing := n.refused(http.MethodGet, "/v2/authenticated-user", nil, http.StatusBadRequest, "INVALID_TOKEN")
	require.Contains(t, missing["cause"], "The submitted request is missing a user-id: ")
	require.InDelta(t, 3, missing["grpcCodeValue"], 0)

	n.token = n.hs256("participant_admin", jwt.MapClaims{"exp": 1, "aud": nil})
	got := n.ok(http.MethodGet, "/v2/authenticated-user", nil)["user"].(obj)
	require.Equal(t, "participant_admin", got["id"], "an unverified token says who it is")

	n.token = n.hs256("stranger", nil)
	n.refused(http.MethodGet, "/v2/authenticated-user", nil, http.StatusBadRequest, "INVALID_TOKEN")

	n.token = "nonsense"
	n.ok(http.MethodGet, "/v2/users", nil)
	n.refused(http.MethodGet, "/v2/authenticated-user", nil, http.StatusBadRequest, "INVALID_TOKEN")
}

func TestStaticToken(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{Auth: admin.AuthConfig{Token: secret.New("s3cret")}})
	n.refused(http.MethodGet, "/v2/users", nil, http.StatusUnauthorized, "NA")
	require.Equal(t, http.StatusNoContent, n.call(http.MethodGet, "/public", nil).status, "nobody, but let in")

	n.token = "wrong"
	n.refused(http.MethodGet, "/v2/users", nil, http.StatusUnauthorized, "NA")
	n.refused(http.MethodGet, "/public", nil, http.StatusUnauthorized, "NA")

	n.token = "s3cret"
	require.Equal(t, "ledger-api-user", n.ok(http.MethodGet, "/v2/authenticated-user", nil)["user"].(obj)["id"])
	n.ok(http.MethodGet, "/v2/users", nil)
	require.Equal(t, http.StatusOK, n.call(http.MethodGet, "/public", nil).status)
}

func TestTokensThatAreJudged(t *testing.T) {
	t.Parallel()

	n := newNode(t, withHMAC())
	now := n.clock.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }

	n.as(admin.AdminUser).ok(http.MethodPost, "/v2/users", user("ann"))
	n.as(admin.AdminUser).ok(http.MethodPost, "/v2/users", obj{"user": obj{"id": "gone", "isDeactivated": true}})

	for _, c := range []struct {
		name   string
		token  string
		status int
	}{
		{"good", n.hs256("ann", nil), 200},
		{"audience in a list", n.hs256("ann", jwt.MapClaims{"aud": []string{"x", audience}}), 200},
		{"scope", n.hs256("ann", jwt.MapClaims{"aud": nil, "scope": "a daml_ledger_api b"}), 200},
		{"unknown issuer", n.hs256("ann", jwt.MapClaims{"iss": "somebody"}), 200},
		{"lifetime", n.hs256("ann", jwt.MapClaims{"exp": at(5 * time.Minute)}), 200},
		{"longer lifetime", n.hs256("ann", jwt.MapClaims{"exp": at(5*time.Minute + time.Second)}), 401},
		{"other audience", n.hs256("ann", jwt.MapClaims{"aud": audience + "x"}), 401},
		{"part of a scope", n.hs256("ann", jwt.MapClaims{"aud": nil, "scope": "daml_ledger_api_x"}), 401},
		{"for nobody", n.hs256("ann", jwt.MapClaims{"aud": nil}), 401},
		{"no expiry", n.hs256("ann", jwt.MapClaims{"exp": nil}), 401},
		{"expired", n.hs256("ann", jwt.MapClaims{"exp": at(-time.Second)}), 401},
		{"not yet", n.hs256("ann", jwt.MapClaims{"nbf": at(10 * time.Second)}), 401},
		{"other key", signed(t, jwt.SigningMethodHS256, []byte("guess"), n.grant("ann", nil), ""), 401},
		{"other algorithm", signed(t, jwt.SigningMethodHS512, []byte(hmacKey), n.grant("ann", nil), ""), 401},
		{"no algorithm", signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, n.grant("ann", nil), ""), 401},
		{"no token", "", 401},
		{"nonsense", "a.b.c", 401},
		{"huge", n.hs256("ann", jwt.MapClaims{"pad": strings.Repeat("x", 13<<10)}), 401},
		{"large", n.hs256("ann", jwt.MapClaims{"pad": strings.Repeat("x", 10<<10)}), 200},
		{"no user", n.hs256("", nil), 403},
		{"unknown user", n.hs256("bob", nil), 403},
		{"deactivated user", n.hs256("gone", nil), 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			inner := *n
			inner.t = t
			require.Equal(t, c.status, inner.status(c.token))
		})
	}
}

func TestTokenSettings(t *testing.T) {
	t.Parallel()

	hour := func(n *node) jwt.MapClaims { return jwt.MapClaims{"exp": n.clock.Now().Add(time.Hour).Unix()} }
	late := func(n *node) jwt.MapClaims { return jwt.MapClaims{"exp": n.clock.Now().Add(-5 * time.Second).Unix()} }
	mine := func(*node) jwt.MapClaims { return jwt.MapClaims{"aud": "mine"} }
	plain := func(*node) jwt.MapClaims { return nil }
	scoped := func(*node) jwt.MapClaims { return jwt.MapClaims{"scope": "special"} }

	for _, c := range []struct {
		name    string
		version string
		set     admin.AuthConfig
		change  func(*node) jwt.MapClaims
		status  int
	}{
		{"an hour on 3.3", "3.3", admin.AuthConfig{}, hour, 200},
		{"an hour on 3.4", "3.4.12", admin.AuthConfig{}, hour, 401},
		{"an hour allowed", "3.5.1", admin.AuthConfig{MaxLifetime: time.Hour}, hour, 200},
		{"unlimited", "3.5.1", admin.AuthConfig{MaxLifetime: admin.Unlimited}, hour, 200},
		{"late", "3.5.1", admin.AuthConfig{}, late, 401},
		{"leeway", "3.5.1", admin.AuthConfig{Leeway: 6 * time.Second}, late, 200},
		{"own audience", "3.5.1", admin.AuthConfig{Audience: "mine"}, mine, 200},
		{"not the own audience", "3.5.1", admin.AuthConfig{Audience: "mine"}, plain, 401},
		{"own scope", "3.5.1", admin.AuthConfig{Scope: "special"}, scoped, 200},
		{"not the own scope", "3.5.1", admin.AuthConfig{Scope: "special"}, plain, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			c.set.HS256 = secret.New(hmacKey)
			n := newNode(t, admin.Config{Version: c.version, Auth: c.set})
			require.Equal(t, c.status, n.status(n.hs256(admin.DefaultUser, c.change(n))))
		})
	}
}

func base64url(n *big.Int, size int) string {
	return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, size)))
}

func rsaKey(key *rsa.PrivateKey, id string) obj {
	return obj{"kty": "RSA", "kid": id, "use": "sig", "n": base64url(key.N, key.Size()), "e": "AQAB"}
}

func ecKey(t *testing.T, key *ecdsa.PrivateKey, curve, id string) obj {
	t.Helper()

	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)

	half := (len(point) - 1) / 2

	return obj{
		"kty": "EC", "kid": id, "crv": curve, "x": base64.RawURLEncoding.EncodeToString(point[1 : 1+half]),
		"y": base64.RawURLEncoding.EncodeToString(point[1+half:]),
	}
}

func keySet(t *testing.T, keys ...obj) []byte {
	t.Helper()

	raw, err := json.Marshal(obj{"keys": keys})
	require.NoError(t, err)

	return raw
}

func TestTokensSignedWithAKeySet(t *testing.T) {
	t.Parallel()

	first, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	encryption := ecKey(t, stranger, "P-256", "enc")
	encryption["use"] = "enc"
	set := keySet(t, rsaKey(first, "r"), ecKey(t, p256, "P-256", "e"), ecKey(t, p521, "P-521", "f"), encryption,
		obj{"kty": "OKP", "crv": "Ed25519", "x": "AA"})
	n := newNode(t, admin.Config{Auth: admin.AuthConfig{JWKS: set}})
	claims := n.grant(admin.DefaultUser, nil)
	public, err := x509.MarshalPKIXPublicKey(&first.PublicKey)
	require.NoError(t, err)

	for _, c := range []struct {
		name   string
		token  string
		status int
	}{
		{"RS256", signed(t, jwt.SigningMethodRS256, first, claims, "r"), 200},
		{"ES256", signed(t, jwt.SigningMethodES256, p256, claims, "e"), 200},
		{"ES512", signed(t, jwt.SigningMethodES512, p521, claims, "f"), 200},
		{"no key id", signed(t, jwt.SigningMethodES256, p256, claims, ""), 200},
		{"wrong key id", signed(t, jwt.SigningMethodES256, p256, claims, "r"), 401},
		{"unknown key id", signed(t, jwt.SigningMethodRS256, first, claims, "x"), 401},
		{"stranger", signed(t, jwt.SigningMethodES256, stranger, claims, "e"), 401},
		{"key for encryption", signed(t, jwt.SigningMethodES256, stranger, claims, "enc"), 401},
		{"other algorithm", signed(t, jwt.SigningMethodPS256, first, claims, "r"), 401},
		{"public key as a secret", signed(t, jwt.SigningMethodHS256, public, claims, "r"), 401},
		{"empty secret", signed(t, jwt.SigningMethodHS256, []byte{}, claims, ""), 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			inner := *n
			inner.t = t
			require.Equal(t, c.status, inner.status(c.token))
		})
	}
}

func TestKeySetsThatAreRefused(t *testing.T) {
	t.Parallel()

	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	good := ecKey(t, p256, "P-256", "e")
	with := func(key obj, change obj) obj {
		changed := maps.Clone(key)
		maps.Copy(changed, change)

		return changed
	}
	modulus := base64.RawURLEncoding.EncodeToString(append([]byte{0x80}, make([]byte, 255)...))
	many := make([]obj, 101)

	for i := range many {
		many[i] = good
	}

	for name, set := range map[string][]byte{
		"text":          []byte("x"),
		"empty":         keySet(t),
		"too many":      keySet(t, many...),
		"off the curve": keySet(t, with(good, obj{"x": good["y"]})),
		"short":         keySet(t, with(good, obj{"x": "AA"})),
		"no base64":     keySet(t, with(good, obj{"y": "!"})),
		"other use":     keySet(t, with(good, obj{"alg": "ES512"})),
		"small RSA":     keySet(t, obj{"kty": "RSA", "n": "gAAAAAAB", "e": "AQAB"}),
		"RSA exponent":  keySet(t, obj{"kty": "RSA", "n": modulus, "e": "AQ"}),
		"RSA even":      keySet(t, obj{"kty": "RSA", "n": modulus, "e": "BA"}),
		"RSA text":      keySet(t, obj{"kty": "RSA", "n": "!", "e": "AQAB"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := admin.New(admin.Config{
				Version: "3.5.1", Participant: participant, Synchronizers: []ident.SynchronizerID{global},
				Auth: admin.AuthConfig{JWKS: set},
			})
			require.ErrorIs(t, err, admin.ErrConfig)
		})
	}
}

func TestTokenOfAWebsocket(t *testing.T) {
	t.Parallel()

	n := newNode(t, withHMAC())
	token := n.hs256(admin.DefaultUser, nil)

	for _, c := range []struct {
		name, bearer, protocols string
		status                  int
	}{
		{"first", "", "jwt.token." + token + ", daml.ws.auth", 200},
		{"second without a space", "", "daml.ws.auth,jwt.token." + token, 200},
		{"second with a space is not found", "", "daml.ws.auth, jwt.token." + token, 204},
		{"none", "", "daml.ws.auth", 204},
		{"invalid", "", "jwt.token.x", 401},
		{"the header comes first", "x", "jwt.token." + token, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			inner := *n
			inner.t = t

			header := http.Header{"Sec-Websocket-Protocol": {c.protocols}}
			if c.bearer != "" {
				header.Set("Authorization", "Bearer "+c.bearer)
			}

			require.Equal(t, c.status, inner.send(http.MethodGet, "/public", header, nil).status)
		})
	}
}
