package registry_test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/token"
)

// TestRequests shows what goes over the wire.
func TestRequests(t *testing.T) {
	t.Parallel()

	var seen atomic.Value

	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen.Store(fmt.Sprint(r.Method, " ", r.URL.EscapedPath(), " ", r.Header.Get("Content-Type"), " as ",
			r.Header.Get("Accept"), " by ", r.Header.Get("Authorization"), " ", string(body)))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	client := at(t, nil, url+"/of/{admin}/registry/")

	_, err := client.TransferFactory(t.Context(), someTransfer())
	require.Error(t, err)
	require.Equal(t, "POST /of/admin%3A%3A1220aa/registry/transfer-instruction/v1/transfer-factory application/json as "+
		`application/json by Bearer hidden-token {"choiceArguments":{"expectedAdmin":"admin::1220aa",`+
		`"transfer":{"sender":"alice::1220","receiver":"bob::1220","amount":"12.5000000000",`+
		`"instrumentId":{"admin":"admin::1220aa","id":"Coin"},"requestedAt":"2026-08-22T10:00:00.000001Z",`+
		`"executeBefore":"2026-08-23T00:00:00Z","inputHoldingCids":["00aa"],"meta":{"values":{}}},`+
		`"extraArgs":{"context":{"values":{}},"meta":{"values":{}}}},"excludeDebugFields":true}`, seen.Load())

	_, err = client.WithdrawContext(t.Context(), admin, "00/a?b%20{admin}", token.Metadata{"k": "v"})
	require.Error(t, err)
	require.Equal(t, "POST /of/admin%3A%3A1220aa/registry/transfer-instruction/v1/00%2Fa%3Fb%2520%7Badmin%7D/"+
		`choice-contexts/withdraw application/json as application/json by Bearer hidden-token `+
		`{"meta":{"k":"v"},"excludeDebugFields":true}`, seen.Load())

	_, err = client.AcceptContext(t.Context(), admin, "..", nil)
	require.ErrorContains(t, err, "no path can hold")
}

func TestOtherPaths(t *testing.T) {
	t.Parallel()

	var seen atomic.Value

	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.URL.EscapedPath())
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	client := at(t, func(c *registry.Config) {
		c.Registries[0].Paths = registry.Paths{
			Accept: "/v1/{admin}/transfers/{instruction}/accept", TransferFactory: "/v1/transfer-factory",
		}
	}, url+"/registry")

	_, err := client.AcceptContext(t.Context(), admin, "00aa", nil)
	require.Error(t, err)
	require.Equal(t, "/registry/v1/admin%3A%3A1220aa/transfers/00aa/accept", seen.Load())

	_, err = client.TransferFactory(t.Context(), someTransfer())
	require.Error(t, err)
	require.Equal(t, "/registry/v1/transfer-factory", seen.Load())

	_, err = client.RejectContext(t.Context(), admin, "00aa", nil)
	require.Error(t, err)
	require.Equal(t, "/registry/transfer-instruction/v1/00aa/choice-contexts/reject", seen.Load())
}
