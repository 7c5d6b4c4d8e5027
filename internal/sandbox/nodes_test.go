package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// pair is a network of two nodes: everybody lives on the first, the treasury on both.
type pair struct {
	*network

	second *network // the same ledger through the other node
}

func newPair(t *testing.T) pair {
	t.Helper()

	n := newBare(t, sandbox.Config{TwoValidators: true})

	var err error
	n.treasury, err = sandbox.HostEverywhere(n.Sandbox, "treasury")
	require.NoError(t, err)

	n.alice, n.bob = n.party("alice"), n.party("bob")
	n.tap(n.alice, "1000")
	n.tap(n.treasury, "1000")

	server := httptest.NewServer(n.Validators()[1].Handler())
	t.Cleanup(func() {
		n.Close()
		server.CloseClientConnections()
		server.Close()
	})

	second := *n
	second.url = server.URL

	return pair{network: n, second: &second}
}

// seenBy is the transactions that a node tells for a request.
func seenBy(n *network, v *sandbox.Validator, format map[string]any) []transaction {
	n.t.Helper()

	list := ok[[]item](n, http.MethodPost, "/v2/updates", map[string]any{
		"beginExclusive": 0, "endInclusive": v.LedgerEnd(), "updateFormat": map[string]any{
			"includeTransactions": map[string]any{
				"eventFormat": format, "transactionShape": "TRANSACTION_SHAPE_LEDGER_EFFECTS",
			},
		},
	})

	var found []transaction
	for _, i := range list {
		found = append(found, i.Update.Transaction.Value)
	}

	return found
}

func TestTwoNodesTellTheSameUpdatesAtTheirOwnOffsets(t *testing.T) {
	t.Parallel()

	p := newPair(t)
	p.send(p.alice, p.bob, "1", "")

	offered := p.send(p.alice, p.treasury, "2", "ACC-1")
	_, err := p.Accept(p.treasury, offered.Instructions[0])
	require.NoError(t, err)

	here := seenBy(p.network, p.Validators()[0], standardFormat(p.treasury))
	there := seenBy(p.second, p.Validators()[1], standardFormat(p.treasury))
	require.Len(t, there, len(here))

	different := false

	for i := range here {
		require.Equal(t, here[i].UpdateID, there[i].UpdateID)
		require.Equal(t, here[i].RecordTime, there[i].RecordTime)
		require.Len(t, there[i].Events, len(here[i].Events))

		different = different || here[i].Offset != there[i].Offset
	}

	require.True(t, different, "an offset means nothing on another node")
}

func TestANodeTellsOnlyOfItsParties(t *testing.T) {
	t.Parallel()

	p := newPair(t)
	offer := p.send(p.alice, p.treasury, "2", "ACC-1").Instructions[0]

	require.NotEmpty(t, seenBy(p.network, p.Validators()[0], standardFormat(p.alice)))
	require.Empty(t, seenBy(p.second, p.Validators()[1], standardFormat(p.alice)))

	anybody := map[string]any{"filtersForAnyParty": map[string]any{"cumulative": []any{}}}
	for _, tx := range seenBy(p.second, p.Validators()[1], anybody) {
		for _, e := range tx.Events {
			require.Equal(t, []ident.Party{p.treasury}, e.body().Witnesses)
		}
	}

	// Both sides of the transfer see the offer; its sender's holdings are on the first node alone.
	for party, want := range map[ident.Party]bool{p.alice: false, p.treasury: true} {
		page := ok[contractsPage](p.second, http.MethodPost, "/v2/state/active-contracts-page",
			map[string]any{"eventFormat": standardFormat(party)})
		require.Equal(t, want, len(page.Contracts) > 0, party)
	}

	mine := ok[contractsPage](p.second, http.MethodPost, "/v2/state/active-contracts-page",
		map[string]any{"eventFormat": anybody}).Contracts
	require.Len(t, mine, len(p.ActiveContracts(p.treasury)))
	require.Equal(t, offer, mine[len(mine)-1].Entry.Active.Created.ContractID, "which it only observes")

	onlooker, err := sandbox.HostEverywhere(p.Sandbox, "onlooker")
	require.NoError(t, err)

	offer = p.send(p.alice, onlooker, "1", "").Instructions[0]
	observed := ok[contractsPage](p.second, http.MethodPost, "/v2/state/active-contracts-page",
		map[string]any{"eventFormat": standardFormat(onlooker)}).Contracts
	require.Len(t, observed, 1)
	require.Equal(t, offer, observed[0].Entry.Active.Created.ContractID)

	contract := p.ActiveContracts(p.alice)[0].ContractID
	format := map[string]any{"contractId": contract, "eventFormat": standardFormat(p.alice)}
	require.NotNil(t, ok[map[string]any](p.network, http.MethodPost, "/v2/events/events-by-contract-id", format)["created"])
	p.second.refused(http.MethodPost, "/v2/events/events-by-contract-id", format, http.StatusNotFound)
	p.second.refused(http.MethodPost, "/v2/contracts/contract-by-id", map[string]any{
		"contractId": contract, "queryingParties": []any{p.alice},
	}, http.StatusNotFound)
}

func TestLookUpsOnANodeThatSeesOnlyAPart(t *testing.T) {
	t.Parallel()

	p := newPair(t)
	sent := p.send(p.alice, p.treasury, "2", "ACC-1")

	for party, status := range map[ident.Party]int{p.treasury: http.StatusOK, p.alice: http.StatusNotFound} {
		got, _, raw := p.second.call(http.MethodPost, "/v2/updates/update-by-id",
			map[string]any{"updateId": sent.UpdateID, "updateFormat": updateFormat(party)})
		require.Equal(t, status, got, string(raw))

		got, _, raw = p.second.call(http.MethodPost, "/v2/updates/transaction-by-id",
			map[string]any{"updateId": sent.UpdateID, "requestingParties": []any{party}})
		require.Equal(t, status, got, string(raw))

		path := "/v2/updates/transaction-tree-by-id/" + string(sent.UpdateID) + "?parties=" + string(party)
		got, _, raw = p.second.call(http.MethodGet, path, nil)
		require.Equal(t, status, got, string(raw))
	}
}

func TestHowANodeHostsAParty(t *testing.T) {
	t.Parallel()

	p := newPair(t)

	type synchronizers struct {
		List []struct {
			Permission string `json:"permission"`
		} `json:"connectedSynchronizers"`
	}

	ask := func(n *network, query string) []string {
		t.Helper()

		var list []string
		for _, s := range ok[synchronizers](n, http.MethodGet, "/v2/state/connected-synchronizers"+query, nil).List {
			list = append(list, s.Permission)
		}

		return list
	}

	confirms := []string{"PARTICIPANT_PERMISSION_CONFIRMATION"}
	submits := []string{"PARTICIPANT_PERMISSION_SUBMISSION"}
	first := ok[map[string]string](p.network, http.MethodGet, "/v2/parties/participant-id", nil)["participantId"]

	require.Equal(t, confirms, ask(p.network, "?party="+string(p.treasury)))
	require.Equal(t, confirms, ask(p.second, "?party="+string(p.treasury)))
	require.Equal(t, submits, ask(p.network, "?party="+string(p.alice)))
	require.Empty(t, ask(p.second, "?party="+string(p.alice)))
	require.Equal(t, submits, ask(p.second, "?party="+string(p.alice)+"&participantId="+first))
	require.Empty(t, ask(p.second, "?participantId=participant9::1220"))
	require.Equal(t, []string{"PARTICIPANT_PERMISSION_UNSPECIFIED"}, ask(p.second, ""))

	details := ok[struct {
		Parties []struct {
			IsLocal bool `json:"isLocal"`
		} `json:"partyDetails"`
	}](p.second, http.MethodGet, "/v2/parties/"+string(p.alice)+"?parties="+string(p.treasury), nil)
	require.False(t, details.Parties[0].IsLocal)
	require.True(t, details.Parties[1].IsLocal)

	_, _, raw := p.second.call(http.MethodPost, "/v2/updates", map[string]any{
		"beginExclusive": 0, "endInclusive": p.Validators()[1].LedgerEnd(), "updateFormat": map[string]any{
			"includeTopologyEvents": map[string]any{"includeParticipantAuthorizationEvents": map[string]any{}},
		},
	})
	require.Contains(t, string(raw), confirms[0])
	require.NotContains(t, string(raw), string(p.alice))
}
