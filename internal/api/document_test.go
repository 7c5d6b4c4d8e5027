package api_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/openapi"
)

// document is what the API promises.
func document(t *testing.T) *openapi3.T {
	t.Helper()

	d, err := openapi3.NewLoader().LoadFromData(openapi.Exchange)
	require.NoError(t, err)
	require.NoError(t, d.Validate(t.Context()))

	return d
}

// TestTheDocumentIsOne: a valid one, in which every operation says who may use it and can fail.
func TestTheDocumentIsOne(t *testing.T) {
	t.Parallel()

	for path, item := range document(t).Paths.Map() {
		for method, operation := range item.Operations() {
			require.NotEmpty(t, operation.Extensions["x-scope"], "%s %s", method, path)
			require.NotNil(t, operation.Responses.Default(), "%s %s", method, path)
			require.NotNil(t, operation.Responses.Default().Value.Content["application/problem+json"], "%s %s", method, path)
			require.Equal(t, method != "GET", operation.Parameters.GetByInAndName("header", "Idempotency-Key") != nil, "%s %s", method, path)
		}
	}
}

// routes are where the operations of the document are, found by another code than the API's.
type routes struct{ document *openapi3.T }

// find gives nil for a request that is for no operation.
func (r routes) find(t *testing.T, request *http.Request) (*routers.Route, map[string]string) {
	t.Helper()

	sent := strings.Split(request.URL.EscapedPath(), "/")

	var (
		found *routers.Route
		named map[string]string
	)

	for path, item := range r.document.Paths.Map() {
		described, names := strings.Split(path, "/"), map[string]string{}

		matches := len(described) == len(sent) && item.GetOperation(request.Method) != nil
		for i := 0; matches && i < len(sent); i++ {
			value, err := url.PathUnescape(sent[i])
			name, named := strings.CutPrefix(described[i], "{")
			matches = err == nil && (named && value != "" || described[i] == sent[i])
			names[strings.TrimSuffix(name, "}")] = value
		}

		if matches && (found == nil || strings.Count(path, "{") < strings.Count(found.Path, "{")) {
			found = &routers.Route{Spec: r.document, Path: path, PathItem: item, Method: request.Method, Operation: item.GetOperation(request.Method)}
			named = names
		}
	}

	return found, named
}

// promised wants an answer to be one that the document has for the request: its status, its type and every member of it.
func promised(t *testing.T, all routes, request *http.Request, status int, header http.Header, body []byte) {
	t.Helper()

	route, path := all.find(t, request)
	if route == nil && strings.HasPrefix(request.URL.Path, "/event-schemas/") && status == http.StatusOK {
		return // they describe themselves
	}

	if route == nil {
		require.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnauthorized, http.StatusBadRequest}, status, "%s %s", request.Method, request.URL)

		return
	}

	if status == http.StatusNotModified {
		require.Empty(t, body)

		return
	}

	err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: path, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})

	// The library has no reader for tables.
	if parse := (*openapi3filter.ParseError)(nil); errors.As(err, &parse) && strings.HasPrefix(header.Get("Content-Type"), "text/csv") {
		return
	}

	require.NoError(t, err, "%s %s: %d %s", request.Method, request.URL, status, body)
}
