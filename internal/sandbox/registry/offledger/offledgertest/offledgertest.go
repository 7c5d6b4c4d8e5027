// Package offledgertest asks off-ledger APIs over a real socket and holds their answers against the published
// OpenAPI documents.
package offledgertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
)

// Token is what Authorize demands.
const Token = "sesame"

// Authorize lets only requests with Token through.
func Authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+Token {
			http.Error(w, "who are you?", http.StatusUnauthorized)

			return
		}

		next.ServeHTTP(w, r)
	})
}

// Server serves routes until the test ends.
type Server struct {
	t   testing.TB
	url string
	// Token is sent with every request unless it is empty.
	Token string
}

// Serve starts a server.
func Serve(t testing.TB, mount func(chi.Router)) *Server {
	t.Helper()

	r := chi.NewRouter()
	mount(r)

	server := httptest.NewServer(r)
	t.Cleanup(server.Close)

	return &Server{t: t, url: server.URL, Token: Token}
}

// Answer is what came back.
type Answer struct {
	Status int
	Type   string
	Raw    []byte
}

// Ask sends a request. A body is sent as it is if it is a string, otherwise as JSON.
func (s *Server) Ask(method, path string, body any) Answer {
	s.t.Helper()

	var sent []byte

	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(s.t, err)

		sent = raw
	}

	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(sent))
	require.NoError(s.t, err)

	if s.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.Token)
	}

	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)

	defer response.Body.Close()

	raw, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)

	return Answer{Status: response.StatusCode, Type: response.Header.Get("Content-Type"), Raw: raw}
}

// Object is the answer as JSON.
func (s *Server) Object(a Answer) map[string]any {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, a.Status, "%s", a.Raw)

	return object(s.t, a)
}

// Refused checks an error answer and returns its text.
func (s *Server) Refused(status int, a Answer) string {
	s.t.Helper()
	require.Equal(s.t, status, a.Status, "%s", a.Raw)

	answer := object(s.t, a)
	text, ok := answer["error"].(string)
	require.True(s.t, ok && text != "" && len(answer) == 1, "%s", a.Raw)

	return text
}

func object(t testing.TB, a Answer) map[string]any {
	t.Helper()
	require.Equal(t, "application/json", a.Type)

	var answer map[string]any
	require.NoError(t, json.Unmarshal(a.Raw, &answer), "%s", a.Raw)

	return answer
}

// Document loads a published document and closes its schemas, so that a member which it does not know is an error.
// The test is skipped where the documents are not at hand.
func Document(t testing.TB, name string) *openapi3.T {
	t.Helper()

	doc, err := openapi3.NewLoader().LoadFromFile(published(t, name))
	require.NoError(t, err)

	for _, ref := range doc.Components.Schemas {
		closeObject(ref.Value)
	}

	return doc
}

func closeObject(schema *openapi3.Schema) {
	if len(schema.Properties) > 0 && schema.AdditionalProperties.Schema == nil {
		no := false
		schema.AdditionalProperties.Has = &no
	}
}

// Conforms checks an answer against the document: its status, content type and schema.
func Conforms(t testing.TB, doc *openapi3.T, method, path string, a Answer) {
	t.Helper()

	item := doc.Paths.Value(path)
	require.NotNil(t, item, "%s is not in the document", path)

	operation := item.GetOperation(method)
	require.NotNil(t, operation, "%s %s is not in the document", method, path)

	response := operation.Responses.Status(a.Status)
	require.NotNil(t, response, "%s %s: status %d is not in the document: %s", method, path, a.Status, a.Raw)

	media := response.Value.Content.Get(a.Type)
	require.NotNil(t, media, "%s %s: content type %q", method, path, a.Type)

	var value any

	require.NoError(t, json.Unmarshal(a.Raw, &value))
	require.NoError(t, media.Schema.Value.VisitJSON(value, openapi3.MultiErrors()), "%s %s: %s", method, path, a.Raw)
}

// published finds a document of the project's shared folder, which lies beside the project.
func published(t testing.TB, name string) string {
	t.Helper()

	dir, err := os.Getwd()
	require.NoError(t, err)

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}

		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the test")

		dir = parent
	}

	full := filepath.Join(dir, "..", "shared", "specs", name)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("%s is not on this machine", name)
	}

	return full
}

// Escaped is a text as one segment of a path, with the colons of party ids escaped as many clients do.
func Escaped(text string) string {
	const hex = "0123456789ABCDEF"

	var b strings.Builder

	for _, c := range []byte(text) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&0xf])
		}
	}

	return b.String()
}
