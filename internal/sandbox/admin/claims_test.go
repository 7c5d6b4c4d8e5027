package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/secret"
)

func (n *node) claims(token string) *admin.Claims {
	n.t.Helper()

	request := httptest.NewRequestWithContext(n.t.Context(), http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+token)

	claims, err := n.Authenticate(request)
	require.NoError(n.t, err)

	return claims
}

func TestWhatRightsAllow(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{Version: "3.6.0", Auth: admin.AuthConfig{HS256: secret.New(hmacKey)}})

	// Each row: may read as alice, read as bob, act as alice, act as bob, execute as alice, as bob, read as any,
	// execute as any, administer.
	for i, c := range []struct {
		right admin.Right
		want  string
	}{
		{right(admin.CanActAs, alice), "rae"},
		{right(admin.CanReadAs, alice), "r"},
		{right(admin.CanExecuteAs, alice), "e"},
		{right(admin.CanReadAsAnyParty, ""), "rR*"},
		{right(admin.CanExecuteAsAnyParty, ""), "eE+"},
		{right(admin.CanActAsAnyParty, ""), "rRaAeE*+"},
		{right(admin.ParticipantAdmin, ""), "!"},
		{right(admin.IdentityProviderAdmin, ""), "?"},
	} {
		t.Run(string(c.right.Kind), func(t *testing.T) {
			t.Parallel()

			id := fmt.Sprint("u", i)
			require.NoError(t, n.CreateUser(id, "", c.right))

			inner := *n
			inner.t = t
			require.Equal(t, c.want, allows(inner.claims(n.hs256(id, nil))))
		})
	}

	require.Equal(t, "rRaAeE*+!", allows(admin.AllRights("x")))
	require.Empty(t, allows(&admin.Claims{}))
}

// allows writes a letter for each thing that claims allow; capitals are for bob.
func allows(c *admin.Claims) string {
	got := ""

	for _, may := range []struct {
		letter string
		yes    bool
	}{
		{"r", c.ReadAs(alice)},
		{"R", c.ReadAs(bob)},
		{"a", c.ActAs(alice)},
		{"A", c.ActAs(bob)},
		{"e", c.ExecuteAs(alice)},
		{"E", c.ExecuteAs(bob)},
		{"*", c.ReadAsAny()},
		{"+", c.ExecuteAsAny()},
		{"!", c.Admin()},
		{"?", c.ProviderAdmin("")},
	} {
		if may.yes {
			got += may.letter
		}
	}

	return got
}

func code(err error) string {
	if err == nil {
		return ""
	}

	e, _ := cantonerr.As(err)

	return e.Code
}

func TestStreamsNoticeThatRightsChanged(t *testing.T) {
	t.Parallel()

	patch := func(id string, deactivated bool) obj {
		return obj{"user": obj{"id": id, "isDeactivated": deactivated}, "updateMask": mask("is_deactivated")}
	}

	for _, c := range []struct {
		name   string
		change func(root *node)
		stale  bool
	}{
		{"nothing", func(*node) {}, false},
		{"another user", func(root *node) {
			root.ok(http.MethodPost, "/v2/users/other/rights", rightsBody("other", right(admin.CanReadAs, bob)))
		}, false},
		{"grant", func(root *node) {
			root.ok(http.MethodPost, "/v2/users/ann/rights", rightsBody("ann", right(admin.CanReadAs, bob)))
		}, true},
		{"grant of what was there", func(root *node) {
			root.ok(http.MethodPost, "/v2/users/ann/rights", rightsBody("ann", right(admin.CanReadAs, alice)))
		}, false},
		{"revocation", func(root *node) {
			root.ok(http.MethodPatch, "/v2/users/ann/rights", rightsBody("ann", right(admin.CanReadAs, alice)))
		}, true},
		{"deactivation", func(root *node) { root.ok(http.MethodPatch, "/v2/users/ann", patch("ann", true)) }, true},
		{"no deactivation", func(root *node) { root.ok(http.MethodPatch, "/v2/users/ann", patch("ann", false)) }, false},
		{"deletion", func(root *node) { root.ok(http.MethodDelete, "/v2/users/ann", nil) }, true},
		{"deletion and return", func(root *node) {
			root.ok(http.MethodDelete, "/v2/users/ann", nil)
			root.ok(http.MethodPost, "/v2/users", user("ann", right(admin.CanReadAs, alice)))
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			n := newNode(t, withHMAC())
			require.NoError(t, n.CreateUser("ann", "", right(admin.CanReadAs, alice)))
			require.NoError(t, n.CreateUser("other", ""))

			claims := n.claims(n.hs256("ann", nil))
			require.NoError(t, claims.Check())

			before := n.AuthVersion()
			c.change(n.as(admin.AdminUser))
			require.Equal(t, c.stale, claims.Stale())
			require.True(t, !c.stale || n.AuthVersion() > before, "the cheap look misses nothing")
			require.True(t, claims.ReadAs(alice), "claims stay what they were")

			want := ""
			if c.stale {
				want = "STALE_STREAM_AUTHORIZATION"
			}

			require.Equal(t, want, code(claims.Check()))
		})
	}
}

func TestStreamsNoticeThatTheTokenExpired(t *testing.T) {
	t.Parallel()

	n := newNode(t, withHMAC())
	claims := n.claims(n.hs256(admin.DefaultUser, nil))
	require.Equal(t, n.clock.Now().Add(time.Minute), claims.Expires().UTC())

	n.clock.Advance(time.Minute - time.Nanosecond)
	require.NoError(t, claims.Check())

	n.clock.Advance(time.Nanosecond)
	require.Equal(t, "ACCESS_TOKEN_EXPIRED", code(claims.Check()))
	require.True(t, admin.AllRights("").Expires().IsZero())
	require.NoError(t, admin.AllRights("").Check())
	require.Equal(t, "NA", code((&admin.Claims{}).Check()), "no token at all")
}

func TestClaimsOfAContext(t *testing.T) {
	t.Parallel()

	require.True(t, admin.ClaimsOf(context.Background()).Missing())
	require.True(t, admin.ClaimsOf(admin.WithClaims(t.Context(), nil)).Missing())
	require.Equal(t, "x", admin.ClaimsOf(admin.WithClaims(t.Context(), admin.AllRights("x"))).UserID())
}

func TestErrorsOfAuthenticate(t *testing.T) {
	t.Parallel()

	n := newNode(t, withHMAC())

	for want, token := range map[error]string{
		admin.ErrTokenMissing: "",
		admin.ErrTokenInvalid: "Bearer x",
		admin.ErrUserDenied:   "Bearer " + n.hs256("nobody", nil),
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		request.Header.Set("Authorization", token)

		_, err := n.Authenticate(request)
		require.ErrorIs(t, err, want)
	}
}

// TestWhoMayAdminister: every endpoint, asked by somebody without rights, by the administrator of an identity provider
// and by the node's.
func TestWhoMayAdminister(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{Version: "3.5.6", Auth: admin.AuthConfig{HS256: secret.New(hmacKey)}})
	root := n.as(admin.AdminUser)
	root.ok(http.MethodPost, "/v2/idps", obj{"identityProviderConfig": provider("idp")})

	of := func(id string, rights ...admin.Right) obj {
		body := user(id, rights...)
		body["user"].(obj)["identityProviderId"] = "idp"

		return body
	}
	grant := func(kind admin.RightKind) obj {
		return obj{"userId": "theirs", "rights": []admin.Right{right(kind, "")}, "identityProviderId": "idp"}
	}

	root.ok(http.MethodPost, "/v2/users", of("chief", right(admin.IdentityProviderAdmin, "")))
	root.ok(http.MethodPost, "/v2/users", of("theirs"))
	root.ok(http.MethodPost, "/v2/users", user("plain"))

	chief, plain := *n, n.as("plain")
	chief.token = n.hs256("chief", jwt.MapClaims{"iss": "https://idp"})

	for _, c := range []struct {
		name, method, path string
		body               any
		plain, chief, root int
	}{
		{"users", "GET", "/v2/users", nil, 403, 200, 200},
		{"self", "GET", "/v2/users/plain", nil, 200, 403, 200},
		{"own rights", "GET", "/v2/users/plain/rights", nil, 200, 403, 200},
		{"other rights", "GET", "/v2/users/theirs/rights", nil, 403, 200, 200},
		{"unknown user", "GET", "/v2/users/nobody/rights", nil, 403, 404, 404},
		{"their user", "GET", "/v2/users/theirs?identity-provider-id=idp", nil, 403, 200, 200},
		{"delete unknown", "DELETE", "/v2/users/nobody", nil, 403, 404, 404},
		{"delete other", "DELETE", "/v2/users/ledger-api-user", nil, 403, 403, 200},
		{"self elsewhere", "GET", "/v2/users/plain?identity-provider-id=idp", nil, 403, 403, 403},
		{"authenticated", "GET", "/v2/authenticated-user", nil, 200, 200, 200},
		{"authenticated elsewhere", "GET", "/v2/authenticated-user?identity-provider-id=idp", nil, 403, 200, 403},
		{"create here", "POST", "/v2/users", user("x"), 403, 403, 200},
		{"create there", "POST", "/v2/users", of("y", right(admin.CanActAs, alice)), 403, 200, 409},
		{"grant", "POST", "/v2/users/theirs/rights", grant(admin.IdentityProviderAdmin), 403, 200, 200},
		{"grant any", "POST", "/v2/users/theirs/rights", grant(admin.CanReadAsAnyParty), 403, 403, 200},
		{"grant admin", "POST", "/v2/users/theirs/rights", grant(admin.ParticipantAdmin), 403, 403, 200},
		{"move", "PATCH", "/v2/users/theirs/identity-provider-id", obj{
			"userId": "theirs", "sourceIdentityProviderId": "idp", "targetIdentityProviderId": "idp",
		}, 403, 403, 200},
		{"idps", "GET", "/v2/idps", nil, 403, 403, 200},
		{"upload", "POST", "/v2/dars", archive(t, "x.dalf"), 403, 403, 200},
		{"validate", "POST", "/v2/dars/validate", archive(t, "x.dalf"), 403, 403, 200},
		{"vet", "POST", "/v2/package-vetting/update", obj{}, 403, 403, 400},
		{"vetted", "POST", "/v2/package-vetting/list", obj{}, 200, 200, 200},
		{"packages", "GET", "/v2/packages", nil, 200, 200, 200},
	} {
		require.Equal(t, c.plain, plain.call(c.method, c.path, c.body).status, "%s by nobody", c.name)
		require.Equal(t, c.chief, chief.call(c.method, c.path, c.body).status, "%s by the provider's", c.name)
		require.Equal(t, c.root, root.call(c.method, c.path, c.body).status, "%s by the node's", c.name)
	}

	got := chief.ok(http.MethodGet, "/v2/users", nil)["users"].([]any)
	require.Len(t, got, 3, "only those of the identity provider")

	claims := chief.claims(chief.token)
	require.NoError(t, claims.Check())

	off := provider("idp")
	off["isDeactivated"] = true
	root.ok(http.MethodPatch, "/v2/idps/idp", obj{"identityProviderConfig": off, "updateMask": mask("is_deactivated")})
	require.Equal(t, http.StatusForbidden, chief.call(http.MethodGet, "/v2/users", nil).status)
	require.Equal(t, "STALE_STREAM_AUTHORIZATION", code(claims.Check()))
}

// TestTokensOfAnIdentityProvider: the issuer decides which users a token can be for, and which audience it needs.
func TestTokensOfAnIdentityProvider(t *testing.T) {
	t.Parallel()

	n := newNode(t, withHMAC())
	root := n.as(admin.AdminUser)
	with := provider("idp")
	with["audience"] = "theirs"
	root.ok(http.MethodPost, "/v2/idps", obj{"identityProviderConfig": with})

	body := user("ann")
	body["user"].(obj)["identityProviderId"] = "idp"
	root.ok(http.MethodPost, "/v2/users", body)

	require.Equal(t, 200, n.status(n.hs256("ann", jwt.MapClaims{"iss": "https://idp", "aud": "theirs"})))
	require.Equal(t, 401, n.status(n.hs256("ann", jwt.MapClaims{"iss": "https://idp"})), "the node's audience")
	require.Equal(t, 403, n.status(n.hs256("ann", nil)), "no issuer: the node's own users only")
	require.Equal(t, 403, n.status(n.hs256(admin.AdminUser, jwt.MapClaims{"iss": "https://idp", "aud": "theirs"})))
}
