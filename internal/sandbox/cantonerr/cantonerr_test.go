package cantonerr_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

func TestWrite(t *testing.T) {
	t.Parallel()

	found := cantonerr.NotFound("USER_NOT_FOUND", "user %q < unknown", "x").On("USER", "x").With("a", "b")

	for _, c := range []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{
			"wrapped", fmt.Errorf("get user: %w", found), http.StatusNotFound,
			`{"code":"USER_NOT_FOUND","cause":"user \"x\" < unknown","correlationId":null,"traceId":null,
			"context":{"participant":"participant","category":"11","definite_answer":"false","a":"b"},
			"resources":[["USER","x"]],"errorCategory":11,"grpcCodeValue":5,"retryInfo":null,"definiteAnswer":null}`,
		},
		{
			"redacted", cantonerr.Unauthenticated(), http.StatusUnauthorized,
			`{"code":"NA","cause":"A security-sensitive error has been received","correlationId":null,"traceId":null,
			"context":{"ledger_api_error":"invalid token"},"resources":[],"errorCategory":-1,"grpcCodeValue":16,
			"retryInfo":null,"definiteAnswer":null}`,
		},
		{
			"anything else says nothing", errors.New("secret"), http.StatusInternalServerError,
			`{"code":"NA","cause":"A security-sensitive error has been received","correlationId":null,"traceId":null,
			"context":{},"resources":[],"errorCategory":-1,"grpcCodeValue":13,"retryInfo":null,"definiteAnswer":null}`,
		},
		{
			"stale", cantonerr.StaleStream(), http.StatusConflict,
			`{"code":"STALE_STREAM_AUTHORIZATION","cause":"Stale stream authorization. Retry quickly.",
			"correlationId":null,"traceId":null,"resources":[],"errorCategory":2,"grpcCodeValue":10,
			"context":{"participant":"participant","category":"2","definite_answer":"false"},
			"retryInfo":"0 seconds","definiteAnswer":null}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			w := httptest.NewRecorder()
			require.NoError(t, cantonerr.Write(w, c.err))
			require.Equal(t, c.status, w.Code)
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			require.JSONEq(t, c.body, w.Body.String())
		})
	}
}

// TestConstructors holds the status, gRPC code and category of each kind of error together, as the API maps them.
func TestConstructors(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		err                    *cantonerr.Error
		status, grpc, category int
	}{
		{cantonerr.Invalid("X", "x"), 400, 3, 8},
		{cantonerr.Field("x"), 400, 3, 8},
		{cantonerr.Missing("x"), 400, 3, 8},
		{cantonerr.Argument("x"), 400, 3, 8},
		{cantonerr.State("X", "x"), 400, 9, 9},
		{cantonerr.Contention("X", "x"), 409, 10, 2},
		{cantonerr.NotFound("X", "x"), 404, 5, 11},
		{cantonerr.Exists("X", "x"), 409, 6, 10},
		{cantonerr.PermissionDenied(), 403, 7, -1},
		{cantonerr.Internal(), 500, 13, -1},
		{cantonerr.AccessTokenExpired(), 409, 10, 2},
	} {
		t.Run(c.err.Code, func(t *testing.T) {
			t.Parallel()

			require.Equal(t, c.status, c.err.Status)
			require.Equal(t, c.grpc, *c.err.GRPCCode)
			require.Equal(t, c.category, c.err.Category)
			require.NotEmpty(t, c.err.Cause)
		})
	}
}

func TestAsTellsWhatIsTheNodesOwn(t *testing.T) {
	t.Parallel()

	_, known := cantonerr.As(errors.New("x"))
	require.False(t, known)

	e, known := cantonerr.As(fmt.Errorf("y: %w", cantonerr.Missing("user.id")))
	require.True(t, known)
	require.Equal(t, "MISSING_FIELD", e.Code)
}
