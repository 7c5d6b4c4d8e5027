package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// has reports how many active contracts of a template a party has.
func (n *network) has(party ident.Party, template string) int {
	count := 0

	for _, c := range n.ActiveContracts(party) {
		if c.Template.Entity == template {
			count++
		}
	}

	return count
}

// TestAProposalWaitsForRoom is about a history that has room for the proposal of a preapproval and none for its
// acceptance.
func TestAProposalWaitsForRoom(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{MaxUpdates: 30})
	bob := n.party("bob")

	for {
		if _, err := n.Tap(bob, amt("1")); err != nil {
			require.ErrorIs(t, err, sandbox.ErrFull)

			break
		}
	}

	for offset := ident.Offset(1); n.has(bob, "TransferPreapprovalProposal") == 0; offset++ {
		require.NoError(t, n.Prune(offset))

		_, err := n.Preapprove(bob)
		require.ErrorIs(t, err, sandbox.ErrFull)
	}

	require.Zero(t, n.has(bob, "TransferPreapproval"))
	require.NoError(t, n.Prune(n.LedgerEnd()))
	require.Equal(t, 1, n.has(bob, "TransferPreapproval"), "accepted as soon as there is room")
	require.Zero(t, n.has(bob, "TransferPreapprovalProposal"))
}

// TestProposalsAreAcceptedWhereTheyAre has one on a synchronizer that is not the first.
func TestProposalsAreAcceptedWhereTheyAre(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{TwoSynchronizers: true})
	bob := n.onboard("bob")

	var connected struct {
		List []struct {
			ID ident.SynchronizerID `json:"synchronizerId"`
		} `json:"connectedSynchronizers"`
	}

	n.must(http.MethodGet, "/v2/state/connected-synchronizers", nil, &connected)
	require.Len(t, connected.List, 2)

	var operator struct {
		Party ident.Party `json:"party_id"`
	}

	n.must(http.MethodGet, "/api/validator/v0/validator-user", nil, &operator)

	command := n.proposal(bob)
	at(command, "CreateCommand", "createArguments")["provider"] = operator.Party

	request := bob.prepareRequest(command, []any{})
	request["synchronizerId"] = connected.List[1].ID

	var p prepared

	n.must(http.MethodPost, preparePath, request, &p)
	n.must(http.MethodPost, waitPath, bob.executeRequest(p), nil)
	require.Equal(t, 1, n.has(bob.party, "TransferPreapproval"))
}

// TestPreapprovalsToTaste: any provider, any life, several at once; a receiver is paid in one step while one stands.
func TestPreapprovalsToTaste(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	n.does(http.MethodDelete, purse(n.treasury, "/preapproval"), nil)

	direct := func() bool { return len(n.send(n.alice, n.treasury, "1", "ACC-1").Instructions) == 0 }
	require.False(t, direct())

	n.does(http.MethodPost, "/admin/preapprovals", map[string]any{"receiver": n.treasury, "provider": n.bob, "seconds": 120})
	n.does(http.MethodPost, "/admin/preapprovals", map[string]any{"receiver": n.treasury, "seconds": 60})
	require.Equal(t, 2, n.has(n.treasury, "TransferPreapproval"))
	require.True(t, direct())

	n.clock.Advance(time.Minute)
	require.True(t, direct(), "the other one")
	n.clock.Advance(time.Minute)
	require.False(t, direct(), "both have run out")

	gone, err := n.ExpireOffers()
	require.NoError(t, err)
	require.Len(t, gone, 2)

	// The operator's own lasts as long as those that its automation accepts. Its receiver cancels all that there are.
	n.does(http.MethodPost, "/admin/preapprovals", map[string]any{"receiver": n.treasury, "provider": n.bob, "seconds": 60})
	n.does(http.MethodPost, "/admin/preapprovals", map[string]any{"receiver": n.treasury})
	n.clock.Advance(89 * day)
	require.True(t, direct())
	n.does(http.MethodDelete, purse(n.treasury, "/preapproval"), nil)
	require.False(t, direct())

	n.refuses(http.StatusNotFound, http.MethodPost, "/admin/preapprovals", map[string]any{"receiver": "nobody::12"})
	n.refuses(http.StatusNotFound, http.MethodPost, "/admin/preapprovals",
		map[string]any{"receiver": n.treasury, "provider": "nobody::12"})

	for _, seconds := range []int64{-1, 1 << 62} {
		n.refuses(http.StatusBadRequest, http.MethodPost, "/admin/preapprovals",
			map[string]any{"receiver": n.treasury, "seconds": seconds})
	}
}
