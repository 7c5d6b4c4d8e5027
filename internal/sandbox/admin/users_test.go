package admin_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
)

func TestUsersFromTheStart(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})

	for _, id := range []string{"ledger-api-user", "participant_admin"} {
		got := n.ok(http.MethodGet, "/v2/users/"+id, nil)["user"].(obj)
		require.Equal(t, obj{
			"id": id, "primaryParty": "", "isDeactivated": false, "identityProviderId": "",
			"primaryPartyAuthentication": false,
			"metadata":                   obj{"resourceVersion": "0", "annotations": obj{}},
		}, got)

		rights := n.ok(http.MethodGet, "/v2/users/"+id+"/rights", nil)["rights"]
		require.Equal(t, []any{obj{"kind": obj{"ParticipantAdmin": obj{"value": obj{}}}}}, rights)
	}
}

func TestUserRequestsThatAreRefused(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{Version: "3.4.12"})
	n.ok(http.MethodPost, "/v2/users", user("ann"))

	with := func(change obj) obj {
		body := user("new")
		maps.Copy(body["user"].(obj), change)

		return body
	}
	annotated := func(key, value string) obj {
		return with(obj{"metadata": obj{"annotations": obj{key: value}}})
	}
	tooMany := make([]admin.Right, 1001)
	for i := range tooMany {
		tooMany[i] = right(admin.CanReadAs, ident.Party(fmt.Sprint("p", i)))
	}

	update := func(mask ...string) obj { return obj{"user": obj{"id": "ann"}, "updateMask": obj{"paths": mask}} }
	idp := func(change obj) obj {
		body := provider("idp")
		maps.Copy(body, change)

		return obj{"identityProviderConfig": body}
	}

	for _, c := range []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"exists", "POST", "/v2/users", user("ann"), 409, "USER_ALREADY_EXISTS"},
		{"no user", "POST", "/v2/users", obj{}, 400, "MISSING_FIELD"},
		{"no id", "POST", "/v2/users", user(""), 400, "MISSING_FIELD"},
		{"long id", "POST", "/v2/users", user(strings.Repeat("x", 129)), 400, "INVALID_FIELD"},
		{"bad id", "POST", "/v2/users", user("a b"), 400, "INVALID_FIELD"},
		{"bad party", "POST", "/v2/users", with(obj{"primaryParty": "é::1220"}), 400, "INVALID_FIELD"},
		{"long party", "POST", "/v2/users", with(obj{"primaryParty": strings.Repeat("x", 256)}), 400, "INVALID_FIELD"},
		{"revision", "POST", "/v2/users", with(obj{"metadata": obj{"resourceVersion": "1"}}), 400, "INVALID_FIELD"},
		{"unknown provider", "POST", "/v2/users", with(obj{"identityProviderId": "x"}), 404, "IDP_CONFIG_NOT_FOUND"},
		{"empty annotation", "POST", "/v2/users", annotated("k", ""), 400, "INVALID_ARGUMENT"},
		{"annotation key", "POST", "/v2/users", annotated("a b", "v"), 400, "INVALID_ARGUMENT"},
		{"annotation prefix", "POST", "/v2/users", annotated("/k", "v"), 400, "INVALID_ARGUMENT"},
		{"annotation edge", "POST", "/v2/users", annotated("x.io/k-", "v"), 400, "INVALID_ARGUMENT"},
		{
			"long annotations", "POST", "/v2/users", annotated("k", strings.Repeat("v", 256<<10)), 400,
			"MAX_USER_ANNOTATIONS_SIZE_EXCEEDED",
		},
		{"rights", "POST", "/v2/users", user("new", tooMany...), 400, "TOO_MANY_USER_RIGHTS"},
		{"no kind", "POST", "/v2/users", obj{"user": obj{"id": "new"}, "rights": []obj{{}}}, 400, "INVALID_ARGUMENT"},
		{"later kind", "POST", "/v2/users", user("new", right(admin.CanActAsAnyParty, "")), 400, "INVALID_ARGUMENT"},
		{"no party", "POST", "/v2/users", user("new", right(admin.CanActAs, "")), 400, "MISSING_FIELD"},
		{"page", "GET", "/v2/users?pageSize=-1", nil, 400, "INVALID_ARGUMENT"},
		{"page token", "GET", "/v2/users?pageToken=!", nil, 400, "INVALID_ARGUMENT"},
		{"get", "GET", "/v2/users/bob", nil, 404, "USER_NOT_FOUND"},
		{"get elsewhere", "GET", "/v2/users/ann?identity-provider-id=x", nil, 403, "NA"},
		{"list", "GET", "/v2/users/bob/rights", nil, 404, "USER_NOT_FOUND"},
		{"delete", "DELETE", "/v2/users/bob", nil, 404, "USER_NOT_FOUND"},
		{"grant", "POST", "/v2/users/bob/rights", rightsBody("bob"), 404, "USER_NOT_FOUND"},
		{"grant another", "POST", "/v2/users/ann/rights", rightsBody("bob"), 400, "INVALID_ARGUMENT"},
		{"grant many", "POST", "/v2/users/ann/rights", rightsBody("ann", tooMany...), 400, "TOO_MANY_USER_RIGHTS"},
		{"revoke", "PATCH", "/v2/users/bob/rights", rightsBody("bob"), 404, "USER_NOT_FOUND"},
		{"no mask", "PATCH", "/v2/users/ann", update(), 400, "INVALID_USER_UPDATE_REQUEST"},
		{"bad mask", "PATCH", "/v2/users/ann", update("primaryParty"), 400, "INVALID_USER_UPDATE_REQUEST"},
		{"later mask", "PATCH", "/v2/users/ann", update("primary_party_authentication"), 400, "INVALID_USER_UPDATE_REQUEST"},
		{"update another", "PATCH", "/v2/users/bob", update("metadata"), 400, "INVALID_ARGUMENT"},
		{"move", "PATCH", "/v2/users/ann/identity-provider-id", obj{
			"userId": "ann", "targetIdentityProviderId": "x",
		}, 404, "IDP_CONFIG_NOT_FOUND"},
		{"move from", "PATCH", "/v2/users/ann/identity-provider-id", obj{
			"userId": "ann", "sourceIdentityProviderId": "x",
		}, 403, "NA"},
		{"idp id", "POST", "/v2/idps", idp(obj{"identityProviderId": "a?"}), 400, "INVALID_FIELD"},
		{"idp nothing", "POST", "/v2/idps", obj{}, 400, "MISSING_FIELD"},
		{"idp issuer", "POST", "/v2/idps", idp(obj{"issuer": ""}), 400, "MISSING_FIELD"},
		{"idp keys", "POST", "/v2/idps", idp(obj{"jwksUrl": "x"}), 400, "INVALID_FIELD"},
		{"idp long", "POST", "/v2/idps", idp(obj{"audience": strings.Repeat("x", 3000)}), 400, "INVALID_FIELD"},
		{"idp get", "GET", "/v2/idps/x", nil, 404, "IDP_CONFIG_NOT_FOUND"},
		{"idp delete", "DELETE", "/v2/idps/x", nil, 404, "IDP_CONFIG_NOT_FOUND"},
		{"idp update", "PATCH", "/v2/idps/idp", obj{
			"identityProviderConfig": provider("idp"), "updateMask": obj{"paths": []string{"issuer"}},
		}, 404, "IDP_CONFIG_NOT_FOUND"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			inner := *n
			inner.t = t
			inner.refused(c.method, c.path, c.body, c.status, c.code)
		})
	}
}

func TestUpdateOfAUser(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	n.ok(http.MethodPost, "/v2/users", user("ann"))

	update := func(body obj, mask ...string) obj {
		body["id"] = "ann"

		return n.ok(http.MethodPatch, "/v2/users/ann", obj{"user": body, "updateMask": obj{"paths": mask}})["user"].(obj)
	}

	got := update(obj{"primaryParty": alice, "isDeactivated": true}, "primary_party")
	require.Equal(t, string(alice), got["primaryParty"])
	require.Equal(t, false, got["isDeactivated"], "the mask does not name it")
	require.Equal(t, "1", got["metadata"].(obj)["resourceVersion"])

	got = update(obj{"metadata": obj{"resourceVersion": "1", "annotations": obj{"a": "1", "b": "2"}}}, "metadata")
	require.Equal(t, obj{"resourceVersion": "2", "annotations": obj{"a": "1", "b": "2"}}, got["metadata"])

	got = update(obj{"metadata": obj{"annotations": obj{"a": "", "c": "3"}}}, "metadata.annotations")
	require.Equal(t, obj{"b": "2", "c": "3"}, got["metadata"].(obj)["annotations"], "merged, and an empty one removed")

	got = update(obj{"primaryPartyAuthentication": true}, "primary_party_authentication")
	require.Equal(t, true, got["primaryPartyAuthentication"])

	stale := obj{"id": "ann", "isDeactivated": true, "metadata": obj{"resourceVersion": "2"}}
	n.refused(http.MethodPatch, "/v2/users/ann", obj{"user": stale, "updateMask": obj{"paths": []string{"is_deactivated"}}},
		http.StatusConflict, "CONCURRENT_USER_UPDATE_DETECTED")
	require.Equal(t, got, n.ok(http.MethodGet, "/v2/users/ann", nil)["user"], "nothing changed")
}

func TestPagesOfUsers(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	want := []any{}

	for i := range 7 {
		n.ok(http.MethodPost, "/v2/users", user(fmt.Sprint("a", i)))
		want = append(want, fmt.Sprint("a", i))
	}

	want = append(want, "ledger-api-user", "participant_admin")

	for size := 1; size <= 10; size++ {
		got, token := []any{}, ""

		for pages := 0; pages == 0 || token != ""; pages++ {
			require.Less(t, pages, 10)

			page := n.ok(http.MethodGet, fmt.Sprintf("/v2/users?pageSize=%d&pageToken=%s", size, token), nil)
			require.LessOrEqual(t, len(page["users"].([]any)), size)

			for _, u := range page["users"].([]any) {
				got = append(got, u.(obj)["id"])
			}

			token = page["nextPageToken"].(string)
		}

		require.Equal(t, want, got)
	}
}

// TestGrantsAndRevocations: rights are a set, whatever is granted and revoked in whatever order.
func TestGrantsAndRevocations(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	users := 0

	kinds := []admin.Right{
		right(admin.CanActAs, alice), right(admin.CanReadAs, alice), right(admin.CanReadAs, bob),
		right(admin.CanReadAsAnyParty, ""), right(admin.ParticipantAdmin, ""),
	}

	rapid.Check(t, func(rt *rapid.T) {
		users++
		id, held := fmt.Sprint("u", users), map[admin.Right]bool{}
		n.ok(http.MethodPost, "/v2/users", user(id))

		for range rapid.IntRange(1, 5).Draw(rt, "steps") {
			given := rapid.SliceOf(rapid.SampledFrom(kinds)).Draw(rt, "rights")
			method, member := http.MethodPost, "newlyGrantedRights"
			grant := rapid.Bool().Draw(rt, "grant")

			if !grant {
				method, member = http.MethodPatch, "newlyRevokedRights"
			}

			changed := map[admin.Right]bool{}

			for _, r := range given {
				if held[r] != grant {
					changed[r] = true
				}
			}

			for r := range changed {
				held[r] = grant
			}

			before := n.AuthVersion()
			got := n.ok(method, "/v2/users/"+id+"/rights", rightsBody(id, given...))[member].([]any)
			require.Len(rt, got, len(changed))
			require.Equal(rt, len(changed) > 0, n.AuthVersion() > before)
		}

		count := 0

		for _, has := range held {
			if has {
				count++
			}
		}

		require.Len(rt, n.ok(http.MethodGet, "/v2/users/"+id+"/rights", nil)["rights"], count)
	})
}

func TestIdentityProviders(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	n.ok(http.MethodPost, "/v2/idps", obj{"identityProviderConfig": provider("one")})

	other := provider("two")
	other["issuer"] = "https://one"
	n.refused(http.MethodPost, "/v2/idps", obj{"identityProviderConfig": other},
		http.StatusConflict, "IDP_CONFIG_ISSUER_ALREADY_EXISTS")

	other["issuer"] = "https://two"
	n.ok(http.MethodPost, "/v2/idps", obj{"identityProviderConfig": other})

	other["issuer"] = "https://one"
	n.refused(http.MethodPatch, "/v2/idps/two", obj{"identityProviderConfig": other, "updateMask": mask("issuer")},
		http.StatusConflict, "IDP_CONFIG_ISSUER_ALREADY_EXISTS")
	n.refused(http.MethodPatch, "/v2/idps/two", obj{"identityProviderConfig": other, "updateMask": mask("x")},
		http.StatusBadRequest, "INVALID_IDENTITY_PROVIDER_UPDATE_REQUEST")

	other["audience"] = "aud"
	changed := n.ok(http.MethodPatch, "/v2/idps/two", obj{"identityProviderConfig": other, "updateMask": mask("audience")})
	other["issuer"] = "https://two"
	require.Equal(t, other, changed["identityProviderConfig"], "only what the mask names")

	body := user("ann")
	body["user"].(obj)["identityProviderId"] = "one"
	n.ok(http.MethodPost, "/v2/users", body)
	n.refused(http.MethodGet, "/v2/users/ann", nil, http.StatusForbidden, "NA")
	n.ok(http.MethodGet, "/v2/users/ann?identity-provider-id=one", nil)

	n.ok(http.MethodPatch, "/v2/users/ann/identity-provider-id",
		obj{"userId": "ann", "sourceIdentityProviderId": "one", "targetIdentityProviderId": "two"})
	n.ok(http.MethodGet, "/v2/users/ann?identity-provider-id=two", nil)

	for i := range 14 {
		n.ok(http.MethodPost, "/v2/idps", obj{"identityProviderConfig": provider(fmt.Sprint("x", i))})
	}

	n.refused(http.MethodPost, "/v2/idps", obj{"identityProviderConfig": provider("y")},
		http.StatusBadRequest, "TOO_MANY_IDENTITY_PROVIDER_CONFIGS")
	require.Len(t, n.ok(http.MethodGet, "/v2/idps", nil)["identityProviderConfigs"], 16)
}

func TestRightsInTheirOwnJSON(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{Version: "3.6.0"})

	require.NoError(t, n.CreateUser("svc", alice, right(admin.CanReadAs, alice)))
	require.Error(t, n.CreateUser("svc", ""))
	require.NoError(t, n.Grant("svc", right(admin.CanActAs, bob), right(admin.CanActAsAnyParty, "")))
	require.Error(t, n.Grant("svc", right("CanFly", "")))
	require.Error(t, n.Grant("nobody", right(admin.CanActAs, bob)))

	require.Equal(t, []any{
		obj{"kind": obj{"CanActAs": obj{"value": obj{"party": string(bob)}}}},
		obj{"kind": obj{"CanActAsAnyParty": obj{"value": obj{}}}},
		obj{"kind": obj{"CanReadAs": obj{"value": obj{"party": string(alice)}}}},
	}, n.ok(http.MethodGet, "/v2/users/svc/rights", nil)["rights"])

	two := `{"userId":"svc","rights":[{"kind":{"CanActAs":{"value":{"party":"x"}},"ParticipantAdmin":{"value":{}}}}]}`
	answer := n.call(http.MethodPost, "/v2/users/svc/rights", two)
	require.Equal(t, http.StatusBadRequest, answer.status)
	require.Equal(t, "Invalid value for: body\n", string(answer.raw))
}

func TestUserIDsInPathsAreUnescaped(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	n.ok(http.MethodPost, "/v2/users", user("ann@x|1"))

	for _, path := range []string{"/v2/users/ann@x%7C1", "/v2/users/%61nn%40x%7c1"} {
		require.Equal(t, "ann@x|1", n.ok(http.MethodGet, path, nil)["user"].(obj)["id"], path)
	}

	require.Equal(t, http.StatusNotFound, n.call(http.MethodGet, "/v2/users/ann%2Fx", nil).status)
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	answer := n.call(http.MethodPost, "/v2/users", strings.Repeat(" ", 1<<20+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.status)
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()

	good := admin.Config{Version: "3.5.1", Participant: participant, Synchronizers: []ident.SynchronizerID{global}}
	_, err := admin.New(good)
	require.NoError(t, err)

	for name, spoil := range map[string]func(*admin.Config){
		"no version":      func(c *admin.Config) { c.Version = "" },
		"old version":     func(c *admin.Config) { c.Version = "3.2.9" },
		"new version":     func(c *admin.Config) { c.Version = "3.7.0" },
		"odd version":     func(c *admin.Config) { c.Version = "3.x" },
		"long version":    func(c *admin.Config) { c.Version = "3.5.1.1" },
		"no participant":  func(c *admin.Config) { c.Participant = "" },
		"no synchronizer": func(c *admin.Config) { c.Synchronizers = nil },
		"package id":      func(c *admin.Config) { c.Packages = []admin.Package{{Name: "x", ID: "X"}} },
		"key set":         func(c *admin.Config) { c.Auth.JWKS = []byte("{}") },
		"leeway":          func(c *admin.Config) { c.Auth.Leeway = -1 },
		"lifetime":        func(c *admin.Config) { c.Auth.MaxLifetime = -2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			bad := good
			spoil(&bad)
			_, err := admin.New(bad)
			require.ErrorIs(t, err, admin.ErrConfig)
		})
	}
}
