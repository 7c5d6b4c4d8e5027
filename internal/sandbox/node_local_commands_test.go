package sandbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

const (
	submitPath            = "/v2/commands/submit-and-wait"
	submitTransactionPath = "/v2/commands/submit-and-wait-for-transaction"
	submitTreePath        = "/v2/commands/submit-and-wait-for-transaction-tree"
	submitAsyncPath       = "/v2/commands/async/submit"
)

// commandsOf is a submission of a party for which the node signs.
func (n *network) commandsOf(party ident.Party, commands ...any) map[string]any {
	n.commands++

	return map[string]any{
		"commands": commands, "commandId": n.command(), "actAs": []any{party}, "userId": "ledger-api-user",
		"readAs": []any{}, "workflowId": "workflow-1", "submissionId": "submission-1", "disclosedContracts": []any{},
		"synchronizerId": "", "packageIdSelectionPreference": []any{},
	}
}

// local is one of the network's parties as somebody who builds commands; its key is the node's.
func (n *network) local(party ident.Party) *external { return &external{n: n, party: party} }

func TestLocalPartiesSubmitWithoutSigning(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	alice := n.local(n.alice)
	begin := n.LedgerEnd()

	request := n.commandsOf(n.alice, pingCommand(n.alice, n.bob))
	done := ok[struct {
		UpdateID ident.UpdateID `json:"updateId"`
		Offset   ident.Offset   `json:"completionOffset"`
	}](n, http.MethodPost, submitPath, request)
	require.Equal(t, n.LedgerEnd(), done.Offset)
	require.Equal(t, done.UpdateID, n.last(n.bob).UpdateID)

	list := alice.completions(begin)
	require.Len(t, list, 1)
	require.Equal(t, "submission-1", list[0].SubmissionID)
	require.Equal(t, request["commandId"], list[0].CommandID)
	require.Empty(t, list[0].Hash)

	n.refusedWith(submitPath, request, outcome{http.StatusConflict, "DUPLICATE_COMMAND"})

	type answer struct {
		Transaction transaction `json:"transaction"`
		Tree        tree        `json:"transactionTree"`
	}

	// The default is what changed among the submitter's contracts; a format may ask for more, and for others.
	shown := ok[answer](n, http.MethodPost, submitTransactionPath,
		map[string]any{"commands": n.commandsOf(n.alice, pingCommand(n.alice, n.bob))}).Transaction
	require.Len(t, shown.Events, 1)
	require.Equal(t, []ident.Party{n.alice}, shown.Events[0].Created.Witnesses)
	require.Equal(t, n.command(), shown.CommandID)

	shown = ok[answer](n, http.MethodPost, submitTransactionPath, map[string]any{
		"commands": n.commandsOf(n.alice, pingCommand(n.alice, n.bob)),
		"transactionFormat": map[string]any{
			"eventFormat": standardFormat(n.bob), "transactionShape": "TRANSACTION_SHAPE_LEDGER_EFFECTS",
		},
	}).Transaction
	require.Equal(t, []ident.Party{n.bob}, shown.Events[0].Created.Witnesses)

	tree := ok[answer](n, http.MethodPost, submitTreePath, n.commandsOf(n.alice, pingCommand(n.alice, n.bob))).Tree
	require.Len(t, tree.Events, 1)
	require.NotNil(t, tree.Events["0"].Created)

	n.must(http.MethodPost, submitAsyncPath, n.commandsOf(n.alice, pingCommand(n.alice, n.bob)), nil)
	require.Len(t, pings(n, n.bob), 5)
	require.Len(t, alice.completions(begin), 5)
}

func TestSeveralCommandsAreOneTransaction(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	alice := n.local(n.alice)
	command, disclosed, _ := alice.transferCommand(n.treasury, n.Amulet(), "10", "ACC-1")

	request := n.commandsOf(n.alice, pingCommand(n.alice, n.bob), command, pingCommand(n.alice, n.treasury))
	request["disclosedContracts"] = disclosed
	n.must(http.MethodPost, submitPath, request, nil)

	tx := n.last(n.alice)
	require.Equal(t, []string{"0 create Canton.Internal.Ping:Ping", "1-10 TransferFactory_Transfer"}, outline(tx)[:2])
	require.Equal(t, "11 create Canton.Internal.Ping:Ping", outline(tx)[len(tx.Events)-1])
	require.Equal(t, "1010", n.total(n.treasury, n.Amulet()))

	// All of them or none: the second spends what the first has spent.
	end := n.LedgerEnd()
	command, disclosed, _ = alice.transferCommand(n.treasury, n.Amulet(), "10", "ACC-1")
	request = n.commandsOf(n.alice, command, command)
	request["disclosedContracts"] = disclosed
	n.refusedWith(submitPath, request, missing("CONTRACT_NOT_FOUND"))
	require.Equal(t, end, n.LedgerEnd())

	n.refusedWith(submitPath, n.commandsOf(n.alice, slices.Repeat([]any{pingCommand(n.alice, n.bob)}, 101)...),
		bad("INVALID_ARGUMENT"))
}

func TestSubmissionsThatANodeDoesNotMake(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	external := n.onboard("external")
	end := n.LedgerEnd()

	set := func(key string, value any) func(map[string]any) {
		return func(r map[string]any) { r[key] = value }
	}
	one := func(commands ...any) func(map[string]any) {
		return func(r map[string]any) { r["commands"] = commands }
	}

	for name, c := range map[string]trial{
		"of an external party":     {func(r map[string]any) { r["actAs"] = []any{external.party} }, bad("NO_SYNCHRONIZER_FOR_SUBMISSION")},
		"of the DSO":               {set("actAs", []any{n.DSO()}), bad("NO_SYNCHRONIZER_FOR_SUBMISSION")},
		"of nobody":                {set("actAs", []any{}), bad("MISSING_FIELD")},
		"of somebody unknown":      {set("actAs", []any{"nobody::1220aa"}), missing("UNKNOWN_SUBMITTERS")},
		"for somebody else":        {set("actAs", []any{n.bob}), bad("DAML_AUTHORIZATION_ERROR")},
		"without a command":        {one(), bad("MISSING_FIELD")},
		"of an interface":          {one(map[string]any{"CreateCommand": map[string]any{"templateId": holdingV1}}), bad("INVALID_ARGUMENT")},
		"of what nobody creates":   {one(createAmulet(n)), bad("DAML_FAILURE")},
		"to somebody unknown":      {one(pingCommand(n.alice, "nobody::1220aa")), missing("UNKNOWN_INFORMEES")},
		"far ahead":                {set("minLedgerTimeAbs", n.clock.Now().Add(2*day)), bad("INVALID_ARGUMENT")},
		"with an endless period":   {set("deduplicationPeriod", map[string]any{"DeduplicationDuration": map[string]any{"value": map[string]any{"seconds": 1 << 40}}}), bad("INVALID_DEDUPLICATION_PERIOD")},
		"with a period of no sort": {set("deduplicationPeriod", map[string]any{"DeduplicationDuration": map[string]any{"value": 5}}), bad("INVALID_FIELD")},
	} {
		request := copied(t, n.commandsOf(n.alice, pingCommand(n.alice, n.bob)))
		c.change(request)

		for _, path := range []string{submitPath, submitAsyncPath, submitTreePath} {
			status, _, raw := n.call(http.MethodPost, path, request)
			require.Equal(t, c.want.status, status, "%s: %s", name, raw)

			var r refusal

			require.NoError(t, json.Unmarshal(raw, &r), "%s: %s", name, raw)
			require.Equal(t, c.want.code, r.Code, "%s: %s", name, raw)
		}

		n.refusedWith(submitTransactionPath, map[string]any{"commands": request}, c.want)
	}

	n.refusedWith("/v2/commands/submit-and-wait-for-reassignment", map[string]any{},
		outcome{http.StatusNotImplemented, "UNIMPLEMENTED"})

	// A format that cannot be answered is told before anything is submitted.
	n.refusedWith(submitTransactionPath, map[string]any{
		"commands": n.commandsOf(n.alice, pingCommand(n.alice, n.bob)), "transactionFormat": map[string]any{},
	}, bad("INVALID_FIELD"))
	require.Equal(t, end, n.LedgerEnd())
}

func createAmulet(n *network) map[string]any {
	return map[string]any{"CreateCommand": map[string]any{
		"templateId": "#splice-amulet:Splice.Amulet:Amulet",
		"createArguments": map[string]any{"dso": n.DSO(), "owner": n.alice, "amount": map[string]any{
			"initialAmount": "1", "createdAt": map[string]any{"number": "1"}, "ratePerRound": map[string]any{"rate": "1"},
		}},
	}}
}

func TestLocalSubmissionsWaitForTheirTime(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	alice, bob := n.party("alice"), n.party("bob")

	request := n.commandsOf(alice, pingCommand(alice, bob))
	request["minLedgerTimeRel"] = map[string]any{"seconds": 30, "nanos": 0}
	n.must(http.MethodPost, submitPath, request, nil)
	require.Equal(t, n.clock.Now().Add(30*time.Second), effectiveAt(n, bob))

	// A ledger time this far ahead of the record time is refused where it is checked, by the network.
	request = n.commandsOf(alice, pingCommand(alice, bob))
	request["minLedgerTimeRel"] = map[string]any{"seconds": 90, "nanos": 0}
	n.refusedWith(submitPath, request, outcome{http.StatusConflict, "LOCAL_VERDICT_LEDGER_TIME_OUT_OF_BOUND"})
}

func TestPingsAreAnswered(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	external := n.onboard("external")
	external.submit(pingCommand(external.party, n.bob), []any{})

	id := pings(n, n.bob)[0]
	respond := exerciseCommand("#canton-builtin-admin-workflow-ping:Canton.Internal.Ping:Ping", id, "Respond", map[string]any{})
	archive := exerciseCommand("#canton-builtin-admin-workflow-ping:Canton.Internal.Ping:Ping", id, "Archive", map[string]any{})

	n.refusedWith(submitPath, n.commandsOf(n.alice, respond), missing("CONTRACT_NOT_FOUND"))
	n.refusedWith(submitPath, n.commandsOf(n.bob, archive), bad("DAML_AUTHORIZATION_ERROR"))
	n.must(http.MethodPost, submitPath, n.commandsOf(n.bob, respond), nil)
	n.refusedWith(submitPath, n.commandsOf(n.bob, respond), missing("CONTRACT_NOT_FOUND"))

	external.submit(pingCommand(external.party, n.bob), []any{})
	archive = exerciseCommand("#canton-builtin-admin-workflow-ping:Canton.Internal.Ping:Ping", pings(n, n.bob)[0], "Archive", map[string]any{})
	external.submit(archive, []any{})
	require.Empty(t, pings(n, n.bob))
}

func effectiveAt(n *network, party ident.Party) time.Time {
	answer := ok[map[string]any](n, http.MethodPost, "/v2/updates/update-by-offset", map[string]any{
		"offset": n.LedgerEnd(), "updateFormat": updateFormat(party),
	})
	text, _ := at(answer, "update", "Transaction", "value")["effectiveAt"].(string)

	when, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(n.t, err)

	return when
}
