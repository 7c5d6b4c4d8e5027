package ledger_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// shared finds a folder beside the project, or skips the test: those documents and recordings are not part of it.
func shared(t *testing.T, folder string) string {
	t.Helper()

	dir, err := os.Getwd()
	require.NoError(t, err)

	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			continue
		}

		path := filepath.Join(dir, "..", "shared", folder)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("skipped: %s is not on this machine", path)
		}

		return path
	}

	t.Fatal("no go.mod above the test")

	return ""
}

// published is one version's document, twice: strict about what we send, fair about what nodes answer.
type published struct {
	version          string
	requests, answer *openapi3.T
}

var publishedVersions = []string{"3.3", "3.4.12", "3.5.1"}

// documents keeps what was loaded, by version: each is large and never changes.
var documents sync.Map

func loadPublished(t *testing.T, version string) published {
	t.Helper()

	if kept, ok := documents.Load(version); ok {
		return kept.(published)
	}

	path := filepath.Join(shared(t, "specs"), "ledger-api-"+version+".openapi.yaml")
	load := func() *openapi3.T {
		doc, err := openapi3.NewLoader().LoadFromFile(path)
		require.NoError(t, err)
		require.NoError(t, doc.Validate(t.Context()), "the document needs no repair to be read")

		return doc
	}

	p := published{version: version, requests: load(), answer: load()}

	for _, schema := range p.requests.Components.Schemas {
		forbidUnknown(schema.Value)
	}

	for name, schema := range p.answer.Components.Schemas {
		admitRecorded(name, schema.Value)
	}

	// The document of 3.4.12 requires updateFormat of every request for updates. But of requests for trees, which
	// carry the older filter, a node refuses it beside that.
	body := p.requests.Paths.Value("/v2/updates/trees").Post.RequestBody.Value.Content.Get("application/json").Schema
	trees := *body.Value
	trees.Required = slices.DeleteFunc(slices.Clone(trees.Required), func(m string) bool { return m == "updateFormat" })
	body.Value = &trees

	documents.Store(version, p)

	return p
}

// forbidUnknown makes a member that the document does not name an error. A node ignores such a member, so that a
// misspelt filter would go unnoticed.
func forbidUnknown(s *openapi3.Schema) {
	if s.AdditionalProperties.Schema == nil && len(s.Properties) > 0 {
		no := false
		s.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
	}

	for _, one := range s.OneOf {
		if one.Ref == "" {
			forbidUnknown(one.Value)
		}
	}
}

// since34 are members that the documents require from 3.4 on and that the recordings, which are older, lack.
var since34 = []string{"acsDelta", "representativePackageId"}

// admitRecorded bends the document where nodes do not follow it. Absent optional members come as null, which no
// version's document allows. And the recordings are of 3.3, two of them with their create arguments taken out.
func admitRecorded(name string, s *openapi3.Schema) {
	s.Required = slices.DeleteFunc(s.Required, func(member string) bool { return slices.Contains(since34, member) })

	for member, property := range s.Properties {
		if slices.Contains(s.Required, member) && (name != "CreatedEvent" || member != "createArgument") {
			continue
		}

		nullable := *property.Value
		nullable.Nullable = true
		s.Properties[member] = &openapi3.SchemaRef{Value: &nullable}
	}
}

// operation is a published operation; nil and a status when this version has none.
func (p published) operation(r *http.Request) (*openapi3.Operation, int) {
	item := p.requests.Paths.Value(r.URL.Path)
	if item == nil {
		return nil, http.StatusNotFound
	}

	operation := item.GetOperation(r.Method)
	if operation == nil {
		return nil, http.StatusMethodNotAllowed
	}

	return operation, 0
}

// checkRequest compares a request with the document.
func (p published) checkRequest(t *testing.T, operation *openapi3.Operation, r *http.Request, body []byte) {
	t.Helper()

	for name := range r.URL.Query() {
		parameter := operation.Parameters.GetByInAndName("query", name)
		if parameter == nil {
			t.Errorf("%s: %s has no query parameter %s", p.version, r.URL.Path, name)
		}
	}

	if operation.RequestBody == nil {
		if len(body) > 0 {
			t.Errorf("%s: %s takes no body", p.version, r.URL.Path)
		}

		return
	}

	schema := operation.RequestBody.Value.Content.Get("application/json").Schema.Value

	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Errorf("%s: %s: %v", p.version, r.URL.Path, err)
	}

	if err := schema.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		t.Errorf("%s: %s: our request is not valid: %v", p.version, r.URL.Path, err)
	}
}

// checkAnswer compares an answer that we are about to give with the document, or a single item of it for a stream.
func (p published) checkAnswer(t *testing.T, r *http.Request, body []byte, item bool) {
	t.Helper()

	method := r.Method
	if item {
		method = http.MethodPost
	}

	operation := p.answer.Paths.Value(r.URL.Path).GetOperation(method)

	schema := operation.Responses.Value("200").Value.Content.Get("application/json").Schema.Value
	if item {
		schema = schema.Items.Value
	}

	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Errorf("%s: %s: %v", p.version, r.URL.Path, err)
	}

	if err := schema.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		t.Errorf("%s: %s: the answer is not valid: %v", p.version, r.URL.Path, err)
	}
}

// recordings reads a file of recorded data as a list of raw items.
func recordings(t *testing.T, name string) []string {
	t.Helper()

	raw, err := os.ReadFile(filepath.Join(shared(t, "conformance"), name))
	require.NoError(t, err)

	var list []json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &list))

	items := make([]string, len(list))
	for i, item := range list {
		items[i] = string(item)
	}

	return items
}
