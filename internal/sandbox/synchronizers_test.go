package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/signing"
)

// TestCommandsRunWhereTheirContractsAre moves a holding to another synchronizer, and spends it there.
func TestCommandsRunWhereTheirContractsAre(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{TwoSynchronizers: true})
	n := alice.n
	here := alice.inputs(n.Amulet())[0]
	alice.tap("7")

	_, err := n.Reassign(here)
	require.NoError(t, err)

	var connected struct {
		List []struct {
			ID ident.SynchronizerID `json:"synchronizerId"`
		} `json:"connectedSynchronizers"`
	}

	n.must(http.MethodGet, "/v2/state/connected-synchronizers", nil, &connected)

	global, private := connected.List[0].ID, connected.List[1].ID
	request := alice.transferRequest(bob.party, n.Amulet(), "1")

	// The coins are on both: there is no place for all of them.
	n.refusedWith(preparePath, request, bad("NO_SYNCHRONIZER_FOR_SUBMISSION"))

	transferOf(request)["inputHoldingCids"] = []any{here}

	for asked, want := range map[ident.SynchronizerID]outcome{
		global: bad("NO_SYNCHRONIZER_FOR_SUBMISSION"), private: {http.StatusOK, ""}, "": {http.StatusOK, ""},
	} {
		changed := copied(t, request)
		changed["synchronizerId"] = asked

		status, _, raw := n.call(http.MethodPost, preparePath, changed)
		require.Equal(t, want.status, status, "%s: %s", asked, raw)
		require.Contains(t, string(raw), want.code)
	}

	var p prepared

	n.must(http.MethodPost, preparePath, request, &p)

	decoded, err := signing.Decode(p.Transaction)
	require.NoError(t, err)
	require.Equal(t, string(private)+"::35-1", string(decoded.Metadata.SynchronizerID))

	n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)

	list := alice.completions(0)
	require.Equal(t, private, list[len(list)-1].Time.ID)

	// A contract that moves away between preparation and execution is not where the transaction is.
	request = alice.transferRequest(alice.party, n.Amulet(), "7")
	transferOf(request)["inputHoldingCids"] = alice.inputs(n.Amulet())[:1]
	n.must(http.MethodPost, preparePath, request, &p)

	moved, _ := transferOf(request)["inputHoldingCids"].([]ident.ContractID)
	_, err = n.Reassign(moved[0])
	require.NoError(t, err)
	n.refusedWith(waitPath, alice.executeRequest(p), missing("LOCAL_VERDICT_INACTIVE_CONTRACTS"))
}
