package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// TestPreparedTransactionIsAsGoodWhenTheNodeHasForgottenIt: what a node remembers of its preparations saves it work and
// decides nothing.
func TestPreparedTransactionIsAsGoodWhenTheNodeHasForgottenIt(t *testing.T) {
	t.Parallel()

	for _, forgotten := range []bool{false, true} {
		n := newBare(t, sandbox.Config{})
		alice := n.onboard("alice")
		command, disclosed := alice.tapCommand("5")
		p := alice.prepare(command, disclosed)

		bad := alice.executeRequest(p)
		bad["partySignatures"] = map[string]any{"signatures": []any{map[string]any{
			"party": alice.party, "signatures": []any{signature(alice.key, make([]byte, 32), "1220")},
		}}}

		if forgotten {
			sandbox.ForgetPrepared(n.Sandbox)
		}

		// A signature that does not hold is refused, whichever way; then the right one is taken.
		status, _, raw := n.call(http.MethodPost, "/v2/interactive-submission/executeAndWait", bad)
		require.Equal(t, http.StatusBadRequest, status, "%s", raw)

		n.must(http.MethodPost, "/v2/interactive-submission/executeAndWait", alice.executeRequest(p), nil)
		require.Equal(t, "5", n.total(alice.party, n.Amulet()))
	}
}
