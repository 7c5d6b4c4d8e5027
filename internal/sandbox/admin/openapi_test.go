package admin_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
)

// document loads a published OpenAPI document and closes every object schema, so that a member the document does not
// know is an error too.
func document(t *testing.T, version string) *openapi3.T {
	t.Helper()

	doc, err := openapi3.NewLoader().LoadFromFile(shared(t, "specs/ledger-api-"+version+".openapi.yaml"))
	require.NoError(t, err)

	for _, ref := range doc.Components.Schemas {
		closeObject(ref)
	}

	return doc
}

func closeObject(ref *openapi3.SchemaRef) {
	schema := ref.Value
	if schema.AdditionalProperties.Schema == nil && len(schema.Properties) > 0 {
		no := false
		schema.AdditionalProperties.Has = &no
	}

	for _, part := range schema.OneOf {
		if part.Ref == "" {
			closeObject(part)
		}
	}
}

// withoutNulls drops members that are null: the documents declare no member nullable, but nodes write null.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if member == nil {
				delete(v, key)
			} else {
				v[key] = withoutNulls(member)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}

	return value
}

// ask is one request of the conformance test; spec is the path as the document spells it.
type ask struct {
	method, spec, path string
	body               any
	status             int
}

// conforms checks a request's body and its answer against a document.
func conforms(t *testing.T, doc *openapi3.T, a ask, answer reply) {
	t.Helper()

	operation := doc.Paths.Value(a.spec).GetOperation(a.method)
	require.NotNil(t, operation, "%s %s is not in the document", a.method, a.spec)

	if given, ok := a.body.(obj); ok {
		raw, err := json.Marshal(given)
		require.NoError(t, err)

		visit(t, operation.RequestBody.Value.Content.Get("application/json"), raw)
	}

	response := operation.Responses.Status(answer.status)
	if response == nil || (answer.status != http.StatusOK && response.Value.Content.Get(answer.contentType) == nil) {
		response = operation.Responses.Default()
	}

	if len(response.Value.Content) == 0 {
		require.Empty(t, answer.raw)

		return
	}

	media := response.Value.Content.Get(answer.contentType)
	require.NotNil(t, media, "%s %s %d: content type %q", a.method, a.path, answer.status, answer.contentType)

	if !media.Schema.Value.Type.Is("string") {
		visit(t, media, answer.raw)
	}
}

func visit(t *testing.T, media *openapi3.MediaType, raw []byte) {
	t.Helper()

	var value any

	require.NoError(t, json.Unmarshal(raw, &value))
	require.NoError(t, media.Schema.Value.VisitJSON(withoutNulls(value), openapi3.MultiErrors()), "%s", raw)
}

func mask(paths ...string) obj { return obj{"paths": paths, "unknownFields": obj{"fields": obj{}}} }

func provider(id string) obj {
	return obj{
		"identityProviderId": id, "isDeactivated": false, "issuer": "https://" + id,
		"jwksUrl": "https://" + id + "/keys", "audience": "",
	}
}

func userAsks() []ask {
	get, post, patch, del := http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	users, one, rights := "/v2/users", "/v2/users/{user-id}", "/v2/users/{user-id}/rights"
	idps, idp := "/v2/idps", "/v2/idps/{idp-id}"
	all := []admin.Right{
		right(admin.CanActAs, alice), right(admin.CanReadAs, alice), right(admin.CanExecuteAs, alice),
		right(admin.CanReadAsAnyParty, ""), right(admin.CanExecuteAsAnyParty, ""),
		right(admin.ParticipantAdmin, ""), right(admin.IdentityProviderAdmin, ""),
	}
	full := user("u|1", all...)
	full["user"] = obj{
		"id": "u|1", "primaryParty": alice, "isDeactivated": false, "identityProviderId": "",
		"metadata": obj{"resourceVersion": "", "annotations": obj{"example.com/team": "a<b"}},
	}
	changed := obj{"id": "u|1", "primaryParty": bob, "isDeactivated": true, "identityProviderId": ""}
	move := obj{"userId": "u|1", "sourceIdentityProviderId": "", "targetIdentityProviderId": "idp"}

	return []ask{
		{post, users, users, full, 200},
		{post, users, users, full, 409},
		{post, users, users, "{", 400},
		{post, users, users, user(""), 400},
		{get, users, users + "?pageSize=1", nil, 200},
		{get, users, users + "?pageSize=x", nil, 400},
		{get, one, users + "/u%7C1", nil, 200},
		{get, one, users + "/nobody", nil, 404},
		{get, rights, users + "/u%7C1/rights", nil, 200},
		{post, rights, users + "/u%7C1/rights", rightsBody("u|1", right(admin.CanReadAs, bob)), 200},
		{patch, rights, users + "/u%7C1/rights", rightsBody("u|1", all...), 200},
		{patch, rights, users + "/u%7C1/rights", rightsBody("u|2"), 400},
		{patch, one, users + "/u%7C1", obj{"user": changed, "updateMask": mask("primary_party", "is_deactivated")}, 200},
		{patch, one, users + "/u%7C1", obj{"user": changed, "updateMask": mask("nothing")}, 400},
		{post, idps, idps, obj{"identityProviderConfig": provider("idp")}, 200},
		{post, idps, idps, obj{"identityProviderConfig": provider("idp")}, 409},
		{get, idps, idps, nil, 200},
		{get, idp, idps + "/idp", nil, 200},
		{get, idp, idps + "/none", nil, 404},
		{patch, idp, idps + "/idp", obj{"identityProviderConfig": provider("idp"), "updateMask": mask("audience")}, 200},
		{patch, "/v2/users/{user-id}/identity-provider-id", users + "/u%7C1/identity-provider-id", move, 200},
		{del, idp, idps + "/idp", nil, 200},
		{del, one, users + "/u%7C1", nil, 200},
		{del, one, users + "/u%7C1", nil, 404},
	}
}

func packageAsks(t *testing.T) []ask {
	t.Helper()

	get, post := http.MethodGet, http.MethodPost
	dar := archive(t, "third-1.0.0-"+packageID("d")+".dalf")
	status := "/v2/packages/{package-id}/status"
	prefer := "/v2/interactive-submission/preferred-packages"
	version := "/v2/interactive-submission/preferred-package-version"
	wanted := func(name string) obj {
		return obj{"packageVettingRequirements": []obj{{"parties": []string{"a::1220"}, "packageName": name}}, "synchronizerId": ""}
	}

	return []ask{
		{get, "/v2/packages", "/v2/packages", nil, 200},
		{post, "/v2/packages", "/v2/packages", dar, 200},
		{post, "/v2/packages", "/v2/packages", "no zip", 400},
		{get, "/v2/packages/{package-id}", "/v2/packages/" + packageID("d"), nil, 200},
		{get, "/v2/packages/{package-id}", "/v2/packages/" + packageID("e"), nil, 404},
		{get, status, "/v2/packages/" + packageID("d") + "/status", nil, 200},
		{get, status, "/v2/packages/" + packageID("e") + "/status", nil, 200},
		{post, prefer, prefer, wanted("splice-amulet"), 200},
		{post, prefer, prefer, wanted("unknown"), 404},
		{get, version, version + "?parties=a&package-name=splice-amulet", nil, 200},
		{get, version, version + "?parties=a&package-name=unknown", nil, 200},
		{get, version, version + "?package-name=splice-amulet", nil, 400},
	}
}

// laterAsks are about what exists from 3.4 on.
func laterAsks(t *testing.T) []ask {
	t.Helper()

	get, post := http.MethodGet, http.MethodPost
	list, update, older := "/v2/package-vetting/list", "/v2/package-vetting/update", "/v2/package-vetting"
	dar := archive(t, "fourth-1.0.0-"+packageID("e")+".dalf")
	vet := obj{"changes": []obj{
		{"operation": obj{"Unvet": obj{"value": obj{"packages": []obj{{"packageName": "acme-token"}}}}}},
		{"operation": obj{"Vet": obj{"value": obj{
			"packages": []obj{{"packageId": packageID("c")}}, "newValidUntilExclusive": "2027-01-01T00:00:00+01:00",
		}}}},
	}, "expectedTopologySerial": obj{"serial": obj{"Prior": obj{"value": 3}}}}

	return []ask{
		{get, "/v2/authenticated-user", "/v2/authenticated-user", nil, 400},
		{post, "/v2/dars/validate", "/v2/dars/validate", dar, 200},
		{post, "/v2/dars/validate", "/v2/dars/validate", "no zip", 400},
		{post, "/v2/dars", "/v2/dars?vetAllPackages=true&synchronizerId=" + string(global), dar, 200},
		{post, update, update, vet, 200},
		{post, update, update, vet, 400},
		{post, list, list, obj{"pageSize": 1}, 200},
		{get, older, older, obj{"packageMetadataFilter": obj{"packageIds": []string{packageID("a")}}}, 200},
		{post, older, older, obj{"changes": []obj{}}, 400},
	}
}

func TestAnswersConformToThePublishedDocuments(t *testing.T) {
	t.Parallel()

	for _, version := range []string{"3.3", "3.4.12", "3.5.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			doc := document(t, version)
			n := newNode(t, admin.Config{Version: version})
			asks := append(userAsks(), packageAsks(t)...)

			if version != "3.3" {
				asks = append(asks, laterAsks(t)...)
			}

			for _, a := range asks {
				answer := n.call(a.method, a.path, a.body)
				require.Equal(t, a.status, answer.status, "%s %s: %s", a.method, a.path, answer.raw)
				conforms(t, doc, a, answer)
			}
		})
	}
}

// TestEveryPublishedEndpointIsThere compares the routes with the document: no more and no fewer.
func TestEveryPublishedEndpointIsThere(t *testing.T) {
	t.Parallel()

	ours := regexp.MustCompile(`^/v2/(users|idps|authenticated-user|packages|dars|package-vetting)\b|/preferred-package`)

	for _, version := range []string{"3.3", "3.4.12", "3.5.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			var published []string

			for path, item := range document(t, version).Paths.Map() {
				if ours.MatchString(path) {
					for method := range item.Operations() {
						published = append(published, method+" "+path)
					}
				}
			}

			require.ElementsMatch(t, published, routes(t, version))
		})
	}
}

func routes(t *testing.T, version string) []string {
	t.Helper()

	made, err := admin.New(admin.Config{
		Version: version, Participant: participant, Synchronizers: []ident.SynchronizerID{global},
	})
	require.NoError(t, err)

	router := chi.NewRouter()
	made.Routes(router)

	var list []string

	require.NoError(t, chi.Walk(router, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		list = append(list, method+" "+path)

		return nil
	}))

	return list
}

func TestWhat36Dropped(t *testing.T) {
	t.Parallel()

	before, after := routes(t, "3.5.14"), routes(t, "3.6.0-SNAPSHOT")
	dropped := slices.DeleteFunc(before, func(route string) bool { return slices.Contains(after, route) })

	require.ElementsMatch(t, []string{
		"GET /v2/package-vetting", "POST /v2/package-vetting",
		"GET /v2/interactive-submission/preferred-package-version",
	}, dropped)
}

// TestConformanceCheckCanFail keeps the check above honest.
func TestConformanceCheckCanFail(t *testing.T) {
	t.Parallel()

	schema := document(t, "3.4.12").Components.Schemas["User"].Value
	require.NoError(t, schema.VisitJSON(obj{"id": "x", "primaryParty": "p"}))
	require.Error(t, schema.VisitJSON(obj{"id": "x", "primaryPartyAuthentication": true}), "it came with 3.5")
	require.Error(t, schema.VisitJSON(obj{"primaryParty": "p"}))
	require.True(t, strings.HasPrefix(schema.Title, "User"))
}
