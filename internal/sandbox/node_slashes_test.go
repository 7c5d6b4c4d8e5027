package sandbox_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

func TestSeveralSlashesAreOne(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	party := n.party("alice")

	for _, path := range []string{
		"//v2/version", "/v2///state//ledger-end", "//v2/parties/" + url.PathEscape(string(party)),
		"//registry//metadata/v1/info", "//sandbox/v1/parties",
	} {
		status, _, raw := n.call(http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, status, "%s: %s", path, raw)
	}

	// A slash that is part of a name stays.
	status, _, raw := n.call(http.MethodGet, "/v2/packages/a%2F%2Fb", nil)
	require.Equal(t, http.StatusNotFound, status, string(raw))
	require.NotContains(t, string(raw), "no resource", "it is a look-up of something unknown, not an unknown path")
}
