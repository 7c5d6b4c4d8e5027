package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// TestPruningDoesNotMakeANodePayTwice is about the client that has lost its answer, finds its completion pruned, and
// submits its payment again under the same command id.
func TestPruningDoesNotMakeANodePayTwice(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	payment := func() prepared {
		command, disclosed, _ := alice.transferCommand(bob.party, n.Amulet(), "10", "withdrawal 1")
		request := alice.prepareRequest(command, disclosed)
		request["commandId"] = "withdrawal-1"

		var p prepared

		n.must(http.MethodPost, preparePath, request, &p)

		return p
	}

	first := alice.executeRequest(payment())
	first["submissionId"] = "first"
	n.must(http.MethodPost, waitPath, first, nil)

	for _, passed := range []time.Duration{0, 3 * day, 4 * day} { // seven days in all
		n.clock.Advance(passed)
		n.tap(alice.party, "1")
		require.NoError(t, n.Prune(n.LedgerEnd()))

		r := n.refusedWith(waitPath, alice.executeRequest(payment()), outcome{http.StatusConflict, "DUPLICATE_COMMAND"})
		require.Equal(t, "first", r.Context["existing_submission_id"])
	}

	require.Equal(t, "10", n.total(bob.party, n.Amulet()))

	n.clock.Advance(time.Minute)
	n.must(http.MethodPost, waitPath, alice.executeRequest(payment()), nil)
	require.Equal(t, "20", n.total(bob.party, n.Amulet()), "after the week nobody promises anything")
}
