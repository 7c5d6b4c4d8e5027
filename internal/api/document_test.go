package api_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
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
			require.Equal(t, method == "POST", operation.Parameters.GetByInAndName("header", "Idempotency-Key") != nil, "%s %s", method, path)
		}
	}
}
