package sandbox_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

const (
	completionsPath    = "/v2/commands/completions"
	allCompletionsPath = "/v2/commands/command-completions"
)

// completion is the end of a submission as the node tells it.
type completion struct {
	CommandID    string           `json:"commandId"`
	SubmissionID string           `json:"submissionId"`
	UserID       string           `json:"userId"`
	ActAs        []ident.Party    `json:"actAs"`
	UpdateID     ident.UpdateID   `json:"updateId"`
	Offset       ident.Offset     `json:"offset"`
	Hash         []byte           `json:"transactionHash"`
	Cost         *int64           `json:"paidTrafficCost"`
	Dedup        json.RawMessage  `json:"deduplicationPeriod"`
	Time         synchronizerTime `json:"synchronizerTime"`
	Status       struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Details []struct {
			Type  string `json:"typeUrl"`
			Value []byte `json:"value"`
		} `json:"details"`
	} `json:"status"`
}

type synchronizerTime struct {
	ID ident.SynchronizerID `json:"synchronizerId"`
}

type completionItem struct {
	Response struct {
		Completion *struct {
			Value completion `json:"value"`
		} `json:"Completion"`
		Checkpoint *struct {
			Value checkpoint `json:"value"`
		} `json:"OffsetCheckpoint"`
	} `json:"completionResponse"`
	Code string `json:"code"` // of an error message
}

// completions are those of the party's user after an offset.
func (e *external) completions(begin ident.Offset) []completion {
	e.n.t.Helper()

	return completionsOf(e.n, completionsPath, map[string]any{
		"userId": "ledger-api-user", "parties": []any{e.party}, "beginExclusive": begin,
	})
}

func completionsOf(n *network, path string, request any) []completion {
	n.t.Helper()

	var found []completion

	for _, item := range ok[[]completionItem](n, http.MethodPost, path, request) {
		if item.Response.Completion != nil {
			found = append(found, item.Response.Completion.Value)
		}
	}

	return found
}

// errorInfo is what a google.rpc.ErrorInfo says: its reason and its metadata.
func errorInfo(t *testing.T, raw []byte) (reason string, metadata map[string]string) {
	t.Helper()

	metadata = map[string]string{}

	for len(raw) > 0 {
		number, value, rest := field(t, raw)
		raw = rest

		switch number {
		case 1:
			reason = string(value)
		case 3:
			_, key, rest := field(t, value)
			_, text, rest := field(t, rest)
			metadata[string(key)] = string(text)
			require.Empty(t, rest)
		default:
			require.Fail(t, "unexpected field", "%d", number)
		}
	}

	return reason, metadata
}

func field(t *testing.T, raw []byte) (protowire.Number, []byte, []byte) {
	t.Helper()

	number, kind, n := protowire.ConsumeTag(raw)
	require.Positive(t, n)
	require.Equal(t, protowire.BytesType, kind)

	value, m := protowire.ConsumeBytes(raw[n:])
	require.Positive(t, m)

	return number, value, raw[n+m:]
}

// eventfulCompletions executes one transaction that commits and one that does not, of alice, and one of bob's.
func eventfulCompletions(t *testing.T, cfg sandbox.Config) (alice, bob *external) {
	t.Helper()

	alice, bob = funded(t, cfg)
	n := alice.n
	good, bad := alice.prepareTransfer(bob.party, "10"), alice.prepareTransfer(bob.party, "11")

	request := alice.executeRequest(good)
	request["submissionId"] = "good"
	n.must(http.MethodPost, executePath, request, nil)

	request = alice.executeRequest(bad)
	request["submissionId"], request["deduplicationPeriod"] = "bad", map[string]any{
		"DeduplicationDuration": map[string]any{"value": map[string]any{"seconds": 60, "nanos": 5}},
	}
	n.must(http.MethodPost, executePath, request, nil)

	request = bob.executeRequest(bob.prepare(pingCommand(bob.party, alice.party), []any{}))
	request["submissionId"], request["userId"] = "ping", "somebody-else"
	n.must(http.MethodPost, executePath, request, nil)

	return alice, bob
}

func TestCompletionsTellHowSubmissionsEnded(t *testing.T) {
	t.Parallel()

	for _, version := range []sandbox.Version{sandbox.V33, sandbox.V34, sandbox.V35, sandbox.V36} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()

			alice, _ := eventfulCompletions(t, sandbox.Config{Version: version})
			list := alice.completions(0)
			require.Len(t, list, 3, "the tap too")

			good, bad := list[1], list[2]
			require.Equal(t, "good", good.SubmissionID)
			require.Equal(t, []ident.Party{alice.party}, good.ActAs)
			require.Zero(t, good.Status.Code)
			require.Empty(t, good.Status.Message)
			require.Empty(t, good.Status.Details)
			require.Equal(t, alice.n.Transfers()[0].UpdateID, good.UpdateID)
			require.Equal(t, alice.n.Transfers()[0].Offset, good.Offset, "a success is one event with its update")
			require.JSONEq(t, `{"DeduplicationDuration":{"value":{"seconds":604800,"nanos":0}}}`, string(good.Dedup))
			require.Equal(t, alice.n.synchronizer(), good.Time.ID)
			require.Equal(t, version >= sandbox.V34, good.Cost != nil && *good.Cost > 0)
			require.Equal(t, version >= sandbox.V36, len(good.Hash) == 32)

			require.Equal(t, "bad", bad.SubmissionID)
			require.Greater(t, bad.Offset, good.Offset)
			require.Empty(t, bad.UpdateID)
			require.Equal(t, 5, bad.Status.Code)
			require.Contains(t, bad.Status.Message, "LOCAL_VERDICT_INACTIVE_CONTRACTS(11,")
			require.JSONEq(t, `{"DeduplicationDuration":{"value":{"seconds":60,"nanos":5}}}`, string(bad.Dedup))
			require.Len(t, bad.Status.Details, 1)
			require.Equal(t, "type.googleapis.com/google.rpc.ErrorInfo", bad.Status.Details[0].Type)

			reason, metadata := errorInfo(t, bad.Status.Details[0].Value)
			require.Equal(t, "LOCAL_VERDICT_INACTIVE_CONTRACTS", reason)
			require.Equal(t, "true", metadata["definite_answer"])
			require.Equal(t, "11", metadata["category"])
		})
	}
}

func TestCompletionsAreOfOneUserAndOfTheAskingParties(t *testing.T) {
	t.Parallel()

	alice, bob := eventfulCompletions(t, sandbox.Config{})
	n := alice.n

	ask := func(user string, parties ...any) map[string]any {
		return map[string]any{"userId": user, "parties": parties, "beginExclusive": 0}
	}

	require.Empty(t, completionsOf(n, completionsPath, ask("ledger-api-user", bob.party)))
	require.Empty(t, completionsOf(n, completionsPath, ask("somebody-else", alice.party)))
	require.Len(t, completionsOf(n, completionsPath, ask("somebody-else", alice.party, bob.party)), 1)
	require.Len(t, completionsOf(n, allCompletionsPath, ask("", bob.party)), 1)
	require.Len(t, completionsOf(n, allCompletionsPath, ask("", alice.party, bob.party)), 4)
	require.Len(t, completionsOf(n, allCompletionsPath, ask("")), 4, "of everybody")

	// A submission of two parties is told each with the part of its actors that was asked for.
	arguments := pingCommand(alice.party, bob.party)
	request := alice.prepareRequest(arguments, []any{})
	request["actAs"] = []any{alice.party, bob.party}

	var p prepared

	n.must(http.MethodPost, preparePath, request, &p)
	n.must(http.MethodPost, waitPath, together(p, alice, bob), nil)

	for _, e := range []*external{alice, bob} {
		list := completionsOf(n, allCompletionsPath, ask("", e.party))
		require.Equal(t, []ident.Party{e.party}, list[len(list)-1].ActAs)
	}
}

// together is the execution of what several parties signed.
func together(p prepared, parties ...*external) map[string]any {
	request := parties[0].executeRequest(p)
	all := []any{}

	for _, e := range parties {
		one := e.executeRequest(p)["partySignatures"].(map[string]any)["signatures"].([]any)
		all = append(all, one...)
	}

	request["partySignatures"] = map[string]any{"signatures": all}

	return request
}

func TestCompletionsThatCannotBeAsked(t *testing.T) {
	t.Parallel()

	alice, _ := eventfulCompletions(t, sandbox.Config{})
	n := alice.n
	list := alice.completions(0)
	require.Len(t, alice.completions(list[0].Offset), 2, "resumed")
	require.Empty(t, alice.completions(list[2].Offset))

	require.NoError(t, n.Prune(list[1].Offset))

	for name, c := range map[string]struct {
		request any
		want    outcome
	}{
		"pruned": {
			map[string]any{"userId": "u", "parties": []any{alice.party}, "beginExclusive": 0},
			outcome{http.StatusBadRequest, "PARTICIPANT_PRUNED_DATA_ACCESSED"},
		},
		"ahead": {
			map[string]any{"userId": "u", "parties": []any{alice.party}, "beginExclusive": n.LedgerEnd() + 1},
			outcome{http.StatusBadRequest, "OFFSET_AFTER_LEDGER_END"},
		},
		"negative": {
			map[string]any{"userId": "u", "parties": []any{alice.party}, "beginExclusive": -1},
			outcome{http.StatusBadRequest, "NEGATIVE_OFFSET"},
		},
		"nobody's": {
			map[string]any{"userId": "u", "parties": []any{}, "beginExclusive": n.LedgerEnd()},
			outcome{http.StatusBadRequest, "MISSING_FIELD"},
		},
	} {
		n.refusedWith(completionsPath, c.request, c.want)

		var message completionItem

		raw, err := n.stream(completionsPath, c.request).raw()
		require.NoError(t, err, name)
		require.NoError(t, json.Unmarshal(raw, &message), name)
		require.Equal(t, c.want.code, message.Code, name)
	}

	require.Equal(t, list[2:], alice.completions(list[1].Offset), "what is left is as it was")
}

func TestCompletionsAreStreamed(t *testing.T) {
	t.Parallel()

	alice, bob := eventfulCompletions(t, sandbox.Config{})
	n := alice.n
	list := alice.completions(0)

	s := n.stream(completionsPath, map[string]any{
		"userId": "ledger-api-user", "parties": []any{alice.party}, "beginExclusive": list[0].Offset,
	})
	next := func() completionItem {
		raw, err := s.raw()
		require.NoError(t, err)

		var item completionItem

		require.NoError(t, json.Unmarshal(raw, &item))

		return item
	}

	require.Equal(t, list[1], next().Response.Completion.Value)
	require.Equal(t, list[2], next().Response.Completion.Value)

	n.Tick()
	require.Equal(t, n.LedgerEnd(), next().Response.Checkpoint.Value.Offset, "bob's completion does not concern this user")

	bob.submit(pingCommand(bob.party, alice.party), []any{})
	alice.submit(pingCommand(alice.party, bob.party), []any{})

	last := next().Response.Completion.Value
	require.Equal(t, n.command(), last.CommandID)
	require.Equal(t, n.LedgerEnd(), last.Offset)
}

func TestCompletionByHash(t *testing.T) {
	t.Parallel()

	alice, bob := eventfulCompletions(t, sandbox.Config{Version: sandbox.V36})
	n := alice.n
	list := alice.completions(0)

	type answer struct {
		Accepted *completion  `json:"acceptedCompletion"`
		Rejected []completion `json:"lastRejectedCompletions"`
	}

	byHash := func(hash []byte) answer {
		return ok[answer](n, http.MethodPost, "/v2/commands/completion-by-hash", map[string]any{"transactionHash": hash})
	}

	found := byHash(list[1].Hash)
	require.Equal(t, "good", found.Accepted.SubmissionID)
	require.Empty(t, found.Rejected)

	found = byHash(list[2].Hash)
	require.Nil(t, found.Accepted)
	require.Equal(t, "bad", found.Rejected[0].SubmissionID)

	// No more than the last ten rejections are told, the newest first.
	p := alice.prepareTransfer(bob.party, "5")
	alice.submit(pingCommand(alice.party, bob.party), []any{})
	alice.transfer(bob.party, n.Amulet(), "6", "")

	for i := range 12 {
		request := alice.executeRequest(p)
		request["submissionId"] = string(rune('a' + i))
		n.must(http.MethodPost, executePath, request, nil)
	}

	found = byHash(p.Hash)
	require.Len(t, found.Rejected, 10)
	require.Equal(t, "l", found.Rejected[0].SubmissionID)

	n.refusedWith("/v2/commands/completion-by-hash", map[string]any{"transactionHash": []byte("none")},
		outcome{http.StatusNotFound, "COMPLETION_NOT_FOUND"})
}
