package sandbox_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// document loads a published OpenAPI document and closes every object schema, so that a member the document
// does not know is an error too.
func document(t *testing.T, name string) *openapi3.T {
	t.Helper()

	doc, err := openapi3.NewLoader().LoadFromFile(shared(t, "specs/"+name))
	require.NoError(t, err)

	for _, ref := range doc.Components.Schemas {
		closeObject(ref)
	}

	return doc
}

func closeObject(ref *openapi3.SchemaRef) {
	schema := ref.Value
	if len(schema.Properties) > 0 && schema.AdditionalProperties.Schema == nil {
		no := false
		schema.AdditionalProperties.Has = &no
	}

	for _, part := range schema.OneOf {
		if part.Ref == "" {
			closeObject(part)
		}
	}
}

// withoutNulls drops members that are null. The documents declare no member nullable, but the nodes of the
// recorded data write null for what is absent (interfaceId, contractKey, tracestate), and so does the sandbox.
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

// conforms checks an answer against the document: status, content type and schema.
func conforms(t *testing.T, doc *openapi3.T, method, path string, status int, contentType string, raw []byte) {
	t.Helper()

	operation := doc.Paths.Value(path).GetOperation(method)
	require.NotNil(t, operation, "%s %s is not in the document", method, path)

	// The documents give 400 a text answer only, but a node's own errors come as JSON with any status (the default
	// response) and only a body that cannot be decoded as text.
	response := operation.Responses.Status(status)
	if response == nil || (status != http.StatusOK && response.Value.Content.Get(contentType) == nil) {
		response = operation.Responses.Default()
	}

	if len(response.Value.Content) == 0 {
		require.Empty(t, raw)

		return
	}

	media := response.Value.Content.Get(contentType)
	require.NotNil(t, media, "%s %s %d: content type %q", method, path, status, contentType)

	if media.Schema.Value.Type.Is("string") {
		return
	}

	var value any

	require.NoError(t, json.Unmarshal(raw, &value))

	err := media.Schema.Value.VisitJSON(withoutNulls(value), openapi3.MultiErrors())
	require.NoError(t, err, "%s %s: %s", method, path, raw)
}

// eventful makes a ledger on which every kind of update and event occurs.
func eventful(t *testing.T, cfg sandbox.Config) *network {
	t.Helper()

	cfg.TwoSynchronizers = true
	n := newNetwork(t, cfg)

	n.send(n.alice, n.treasury, "10.5", "ACC-1")
	offered := n.send(n.treasury, n.bob, "3", "W-1")

	_, err := n.Accept(n.bob, offered.Instructions[0])
	require.NoError(t, err)

	offered = n.transfer(n.alice, n.treasury, n.AcmeToken(), "4", "ACC-2")

	_, err = n.Reject(n.treasury, offered.Instructions[0])
	require.NoError(t, err)

	n.transfer(n.alice, n.treasury, n.AcmeToken(), "5", "ACC-3")

	holdings, err := n.Holdings(n.treasury)
	require.NoError(t, err)

	_, err = n.Reassign(holdings[0].ContractID)
	require.NoError(t, err)

	return n
}

func TestAnswersConformToThePublishedDocuments(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		file    string
		version sandbox.Version
		shape   sandbox.AmuletShape
		v2      bool
	}{
		{"ledger-api-3.4.12.openapi.yaml", sandbox.V34, sandbox.ShapeRecorded, false},
		{"ledger-api-3.4.12.openapi.yaml", sandbox.V34, sandbox.ShapeCurrent, true},
		{"ledger-api-3.5.1.openapi.yaml", sandbox.V35, sandbox.ShapeCurrent, true},
		{"ledger-api-3.5.1.openapi.yaml", sandbox.V35, sandbox.ShapeRecorded, false},
	} {
		t.Run(string(c.version)+" "+string(c.shape), func(t *testing.T) {
			t.Parallel()

			doc := document(t, c.file)
			n := eventful(t, sandbox.Config{Version: c.version, Shape: c.shape, EventsV2: c.v2})

			for _, ask := range asks(n) {
				status, contentType, raw := n.call(ask.method, ask.path+ask.rest, ask.body)
				require.Equal(t, ask.status, status, "%s %s: %s", ask.method, ask.path, raw)
				conforms(t, doc, ask.method, ask.spec(), status, contentType, raw)
			}
		})
	}
}

// ask is one request of the conformance test.
type ask struct {
	method string
	path   string
	rest   string // query
	body   any
	status int
}

// spec is the path as the document spells it.
func (a ask) spec() string {
	const parties = "/v2/parties/"
	if len(a.path) > len(parties) && a.path[:len(parties)] == parties && a.path != "/v2/parties/participant-id" {
		return parties + "{party}"
	}

	return a.path
}

func asks(n *network) []ask {
	get, post := http.MethodGet, http.MethodPost
	end := n.LedgerEnd()
	at := map[string]any{"activeAtOffset": end, "eventFormat": standardFormat(n.treasury)}
	between := map[string]any{"activeAtOffset": end - 1, "eventFormat": standardFormat(n.treasury)}
	bounded := updatesRequest(n.treasury, 0)
	bounded["endInclusive"] = end
	delta := updatesRequest(n.treasury, 0)
	delta["updateFormat"] = map[string]any{"includeTransactions": map[string]any{
		"eventFormat": standardFormat(n.treasury), "transactionShape": "TRANSACTION_SHAPE_ACS_DELTA",
	}}
	legacy := map[string]any{"beginExclusive": 0, "filter": standardFormat(n.treasury), "verbose": true}
	seen := n.Updates(n.treasury)
	format := updateFormat(n.treasury)
	contract := n.ActiveContracts(n.treasury)[1].ContractID

	return []ask{
		{get, "/v2/version", "", nil, 200},
		{get, "/v2/state/ledger-end", "", nil, 200},
		{get, "/v2/state/latest-pruned-offsets", "", nil, 200},
		{get, "/v2/state/connected-synchronizers", "?party=" + string(n.treasury), nil, 200},
		{get, "/v2/parties/participant-id", "", nil, 200},
		{get, "/v2/parties/" + string(n.treasury), "?parties=" + string(n.alice), nil, 200},
		{post, "/v2/state/active-contracts", "", at, 200},
		{post, "/v2/state/active-contracts", "?limit=200", between, 200},
		{post, "/v2/updates", "", updatesRequest(n.treasury, 0), 200},
		{post, "/v2/updates", "", bounded, 200},
		{post, "/v2/updates", "", delta, 200},
		{post, "/v2/updates", "", updatesRequest(n.alice, 0), 200},
		{post, "/v2/updates", "", updatesRequest(n.DSO(), 0), 200},
		{post, "/v2/updates", "", legacy, 200},
		{post, "/v2/updates", "", updatesRequest(n.treasury, end+1), 400},
		{post, "/v2/updates", "", "{", 400},
		{post, "/v2/updates/trees", "", legacy, 200},
		{post, "/v2/updates/update-by-id", "", map[string]any{"updateId": seen[1].UpdateID, "updateFormat": format}, 200},
		{post, "/v2/updates/update-by-id", "", map[string]any{"updateId": "1220", "updateFormat": format}, 404},
		{post, "/v2/updates/update-by-offset", "", map[string]any{"offset": seen[2].Offset, "updateFormat": format}, 200},
		{post, "/v2/events/events-by-contract-id", "", map[string]any{
			"contractId": contract, "eventFormat": standardFormat(n.treasury),
		}, 200},
		{post, "/v2/events/events-by-contract-id", "", map[string]any{
			"contractId": "00", "eventFormat": standardFormat(n.treasury),
		}, 404},
	}
}

func TestHealthConformsToTheDocumentThatHasIt(t *testing.T) {
	t.Parallel()

	doc := document(t, "ledger-api-3.5.1.openapi.yaml")
	n := newBare(t, sandbox.Config{})

	for _, path := range []string{"/livez", "/readyz"} {
		status, contentType, raw := n.call(http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, status)
		conforms(t, doc, http.MethodGet, path, status, contentType, raw)
	}
}

// TestConformanceCheckCanFail keeps the check above honest.
func TestConformanceCheckCanFail(t *testing.T) {
	t.Parallel()

	schema := document(t, "ledger-api-3.5.1.openapi.yaml").Components.Schemas["JsGetUpdatesResponse"].Value

	good := map[string]any{"update": map[string]any{"OffsetCheckpoint": map[string]any{"value": map[string]any{
		"offset": float64(1), "synchronizerTimes": []any{},
	}}}}
	require.NoError(t, schema.VisitJSON(good))

	bad := map[string]any{"update": map[string]any{"OffsetCheckpoint": map[string]any{"value": map[string]any{
		"offset": float64(1), "synchroniserTimes": []any{},
	}}}}
	require.Error(t, schema.VisitJSON(bad))
}
