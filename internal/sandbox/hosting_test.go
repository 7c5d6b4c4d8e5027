package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// twins are two nodes of one network, with a treasury that both host and a customer on the first.
type twins struct {
	first, second *network
	treasury      *external
	customer      *external
}

func newTwins(t *testing.T, cfg sandbox.Config) *twins {
	t.Helper()

	cfg.TwoValidators = true
	n := newBare(t, cfg)
	server := httptest.NewServer(n.Validators()[1].Handler())
	t.Cleanup(func() {
		n.Close()
		server.CloseClientConnections()
		server.Close()
	})

	second := *n
	second.url = server.URL
	w := &twins{first: n, second: &second, customer: n.onboard("customer")}

	request := n.generateRequest("treasury")
	request["otherConfirmingParticipantUids"] = []any{w.second.participant()}
	g := ok[generated](n, http.MethodPost, generatePath, request)
	body := allocation(n, g, signature(keyOf("treasury"), g.MultiHash, g.Fingerprint))

	// Each node is told, one of them with the signatures; the party is there once both know.
	n.must(http.MethodPost, allocatePath, body, nil)
	require.Empty(t, ok[map[string]any](n, http.MethodGet, "/v2/parties?filter-party=treasury", nil)["partyDetails"])

	body["multiHashSignatures"] = []any{}
	w.second.must(http.MethodPost, allocatePath, body, nil)

	for _, node := range []*network{w.first, w.second} {
		details := ok[map[string]any](node, http.MethodGet, "/v2/parties?filter-party=treasury", nil)["partyDetails"]
		require.Equal(t, true, details.([]any)[0].(map[string]any)["isLocal"])
		node.refusedWith(allocatePath, body, outcome{http.StatusConflict, "EXTERNAL_PARTY_ALREADY_EXISTS"})
	}

	w.treasury = &external{n: n, party: g.Party, key: keyOf("treasury")}
	w.customer.tap("1000")
	w.treasury.tap("1000")

	return w
}

func (n *network) participant() string {
	return ok[map[string]string](n, http.MethodGet, "/v2/parties/participant-id", nil)["participantId"]
}

// on is a party as it works through another node.
func (e *external) on(n *network) *external { return &external{n: n, party: e.party, key: e.key} }

// history is what a node tells of a party, without what is the node's own.
func history(n *network, v *sandbox.Validator, party ident.Party) (updates []map[string]any, offsets []ident.Offset) {
	n.t.Helper()

	request := updatesRequest(party, v.PrunedUpTo())
	request["endInclusive"] = v.LedgerEnd()

	for _, item := range ok[[]json.RawMessage](n, http.MethodPost, "/v2/updates", request) {
		var update map[string]any

		require.NoError(n.t, json.Unmarshal(item, &update))

		body := at(update, "update", "Transaction", "value")
		if body == nil {
			body = at(update, "update", "Reassignment", "value")
		}

		if body == nil {
			continue
		}

		offset, _ := body["offset"].(float64)
		offsets = append(offsets, ident.Offset(offset))

		forget(update, "offset", "paidTrafficCost", "commandId")

		updates = append(updates, update)
	}

	return updates, offsets
}

// forget takes members away, however deep.
func forget(value any, names ...string) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range names {
			delete(v, name)
		}

		for _, member := range v {
			forget(member, names...)
		}
	case []any:
		for _, element := range v {
			forget(element, names...)
		}
	}
}

func TestBothNodesTellTheSameHistory(t *testing.T) {
	t.Parallel()

	w := newTwins(t, sandbox.Config{TwoSynchronizers: true})
	w.customer.transfer(w.treasury.party, w.first.Amulet(), "10", "ACC-1")
	w.treasury.onOffer(w.first.Amulet(), w.first.only(w.treasury.party, "AmuletTransferInstruction"), "Accept")
	w.customer.submit(pingCommand(w.customer.party, w.first.DSO()), []any{}) // nobody's business on the second node
	w.treasury.on(w.second).transfer(w.customer.party, w.first.Amulet(), "1", "W-1")

	_, err := w.first.Reassign(w.treasury.inputs(w.first.Amulet())[0])
	require.NoError(t, err)

	nodes := w.first.Validators()
	here, ours := history(w.first, nodes[0], w.treasury.party)
	there, theirs := history(w.second, nodes[1], w.treasury.party)

	require.Len(t, here, 6, "a tap, an offer, its acceptance, a withdrawal, and a reassignment in two parts")
	require.Equal(t, here, there, "update ids, record times, and all that happened")
	require.NotEqual(t, ours, theirs, "at offsets of their own")

	everything, _ := history(w.first, nodes[0], w.customer.party)
	require.Greater(t, len(everything), 4)

	nothing, _ := history(w.second, nodes[1], w.customer.party)
	require.Empty(t, nothing, "the second node does not host the customer")
}

func TestTheExecutingNodeHasTheCompletion(t *testing.T) {
	t.Parallel()

	w := newTwins(t, sandbox.Config{})
	n := w.first
	command, disclosed, _ := w.treasury.transferCommand(w.customer.party, n.Amulet(), "10", "W-1")
	request := w.treasury.prepareRequest(command, disclosed)

	var p prepared

	n.must(http.MethodPost, preparePath, request, &p)

	begin := [2]ident.Offset{n.Validators()[0].LedgerEnd(), n.Validators()[1].LedgerEnd()}
	w.second.must(http.MethodPost, waitPath, w.treasury.executeRequest(p), nil)

	there := w.treasury.on(w.second).completions(begin[1])
	require.Len(t, there, 1)
	require.Equal(t, n.Validators()[1].LedgerEnd(), there[0].Offset)
	require.Empty(t, w.treasury.completions(begin[0]))

	// Deduplication is each node's own; the same bytes commit once all the same.
	w.second.refusedWith(waitPath, w.treasury.executeRequest(p), outcome{http.StatusConflict, "DUPLICATE_COMMAND"})
	n.refusedWith(waitPath, w.treasury.executeRequest(p), missing("LOCAL_VERDICT_INACTIVE_CONTRACTS"))
	require.Len(t, n.Transfers(), 1)

	// The same command prepared anew is another transaction to the other node.
	request = w.treasury.prepareRequest(pingCommand(w.treasury.party, w.customer.party), []any{})
	for _, node := range []*network{w.first, w.second} {
		n.must(http.MethodPost, preparePath, request, &p)
		node.must(http.MethodPost, waitPath, w.treasury.executeRequest(p), nil)
	}

	require.Len(t, pings(n, w.customer.party), 2)

	// Only the executing node tells whose command it was, and what it paid.
	update := map[string]any{
		"updateId": n.Transfers()[0].UpdateID, "updateFormat": updateFormat(w.treasury.party),
	}
	mine := ok[item](w.second, http.MethodPost, "/v2/updates/update-by-id", update).Update.Transaction.Value
	theirs := ok[item](n, http.MethodPost, "/v2/updates/update-by-id", update).Update.Transaction.Value
	require.NotEmpty(t, mine.CommandID)
	require.NotNil(t, mine.Cost)
	require.Empty(t, theirs.CommandID)
	require.Nil(t, theirs.Cost)
}

// TestANodeExecutesForPartiesItDoesNotHost: it sees nothing of what it executed but the completion.
func TestANodeExecutesForPartiesItDoesNotHost(t *testing.T) {
	t.Parallel()

	w := newTwins(t, sandbox.Config{})
	n, guest := w.first, w.customer.on(w.second)

	// What the customer holds is not on this node: it must be disclosed.
	command, disclosed, _ := w.customer.transferCommand(w.customer.party, n.Amulet(), "10", "")
	request := copied(t, guest.prepareRequest(command, disclosed))
	w.second.refusedWith(preparePath, request, missing("CONTRACT_NOT_FOUND"))

	p := w.customer.prepare(command, disclosed)
	begin := n.Validators()[1].LedgerEnd()
	done := ok[struct {
		Offset ident.Offset `json:"completionOffset"`
	}](w.second, http.MethodPost, waitPath, guest.executeRequest(p))
	require.Greater(t, done.Offset, begin)

	nothing, _ := history(w.second, n.Validators()[1], w.customer.party)
	require.Empty(t, nothing)

	// Completions stay in order whatever the node sees of their updates.
	w.treasury.on(w.second).submit(pingCommand(w.treasury.party, w.customer.party), []any{})

	list := completionsOf(w.second, allCompletionsPath, map[string]any{"parties": []any{}, "beginExclusive": begin})
	require.Len(t, list, 2)
	require.Equal(t, done.Offset, list[0].Offset)
	require.Greater(t, list[1].Offset, list[0].Offset)
	require.Len(t, completionsOf(w.second, allCompletionsPath,
		map[string]any{"parties": []any{}, "beginExclusive": done.Offset}), 1)
}

func TestPruningAndFaultsAreANodesOwn(t *testing.T) {
	t.Parallel()

	w := newTwins(t, sandbox.Config{})
	nodes := w.first.Validators()
	before, _ := history(w.first, nodes[0], w.treasury.party)

	require.NoError(t, nodes[1].Prune(nodes[1].LedgerEnd()))
	after, _ := history(w.first, nodes[0], w.treasury.party)
	require.Equal(t, before, after)
	w.second.refusedWith("/v2/updates", updatesRequest(w.treasury.party, 0), bad("PARTICIPANT_PRUNED_DATA_ACCESSED"))

	nodes[1].RejectTokens(true)
	status, _, _ := w.second.call(http.MethodGet, "/v2/state/ledger-end", nil)
	require.Equal(t, http.StatusUnauthorized, status)
	w.first.must(http.MethodGet, "/v2/state/ledger-end", nil, nil)
	nodes[1].RejectTokens(false)

	// What is pruned on one node is spent on the other: the ledger is one.
	w.treasury.on(w.second).transfer(w.customer.party, w.first.Amulet(), "10", "")
	require.Len(t, w.first.Transfers(), 1)
}

// TestSpentOnTheOtherNode executes two transactions over the same coins on two nodes at once.
func TestSpentOnTheOtherNode(t *testing.T) {
	t.Parallel()

	w := newTwins(t, sandbox.Config{})
	n := w.first
	first, second := w.treasury.prepareTransfer(w.customer.party, "10"), w.treasury.prepareTransfer(w.customer.party, "11")

	n.must(http.MethodPost, executePath, w.treasury.executeRequest(first), nil)
	w.second.refusedWith(waitPath, w.treasury.executeRequest(second), missing("LOCAL_VERDICT_INACTIVE_CONTRACTS"))
	require.Len(t, n.Transfers(), 1)
}
