package sandbox_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
)

// recording reads recorded updates.
func recording(t *testing.T, name string) []json.RawMessage {
	t.Helper()

	raw, err := os.ReadFile(filepath.Join(shared(t, "conformance"), name))
	require.NoError(t, err)

	var updates []json.RawMessage

	require.NoError(t, json.Unmarshal(raw, &updates))

	return updates
}

func recordedAt(t *testing.T, updates []json.RawMessage, i int) transaction {
	t.Helper()

	var it item

	require.NoError(t, json.Unmarshal(updates[i], &it))

	return it.Update.Transaction.Value
}

// members lists the names of the members of an object, for comparing shapes.
func members(value any) []string {
	object, _ := value.(map[string]any)
	names := make([]string, 0, len(object))

	for name := range object {
		names = append(names, name)
	}

	return names
}

// TestRecordedShapeIsWhatNodesRecorded compares the structure of transactions with recorded ones: events, node
// ids, choices, and the members of arguments and results.
func TestRecordedShapeIsWhatNodesRecorded(t *testing.T) {
	t.Parallel()

	updates := recording(t, "transactions/java-splice-test-cases.json")
	n := newBare(t, sandbox.Config{Shape: sandbox.ShapeRecorded})
	treasury, bob, charlie := n.party("treasury"), n.party("bob"), n.party("charlie")

	for _, p := range []ident.Party{treasury, bob} {
		n.tap(p, "2000")
	}

	_, err := n.Preapprove(charlie)
	require.NoError(t, err)

	same := func(what string, recorded, got transaction) {
		require.Equal(t, outline(recorded), outline(got), what)

		for i, want := range recorded.Events {
			w, g := want.body(), got.Events[i].body()
			require.Equal(t, w.Consuming, g.Consuming, what)

			if w.Choice != "AmuletRules_Transfer" { // there the recorded receiver is its own provider
				require.Len(t, g.Acting, len(w.Acting), "%s: %s", what, w.Choice)
			}

			require.Len(t, g.Interfaces, len(w.Interfaces), "%s: %s", what, w.Choice)
			require.Subset(t, members(g.Argument), members(w.Argument), "%s: %s", what, w.Choice)
			require.Len(t, g.Views, len(w.Views))
		}
	}

	n.tap(treasury, "2000")
	own := recordedAt(t, updates, 7)
	require.Equal(t, outline(own)[1:], shifted(outline(n.last(treasury))), "a tap, but for the wallet's batch around it")

	out := n.send(treasury, charlie, "200", "W")
	require.Empty(t, out.Instructions)
	same("one-step withdrawal", recordedAt(t, updates, 5), n.last(treasury))

	offered := n.send(treasury, bob, "1000", "W")
	same("offer", recordedAt(t, updates, 9), n.last(treasury))

	_, err = n.Accept(bob, offered.Instructions[0])
	require.NoError(t, err)
	same("accepted by its receiver, as its sender sees it", recordedAt(t, updates, 13), n.last(treasury))

	offered = n.send(bob, treasury, "1000", "D")
	seen := n.last(treasury)
	require.Len(t, seen.Events, 1)
	require.Equal(t, outline(recordedAt(t, updates, 17))[0][2:], strings.TrimLeft(outline(seen)[0], "0123456789 "))

	_, err = n.Reject(treasury, offered.Instructions[0])
	require.NoError(t, err)
	same("rejected", recordedAt(t, updates, 22), n.last(treasury))

	offered = n.send(treasury, bob, "100", "W")
	_, err = n.Withdraw(treasury, offered.Instructions[0])
	require.NoError(t, err)
	same("withdrawn", recordedAt(t, updates, 15), n.last(treasury))
}

// TestOwnNodeIDsAreWhatNodesRecorded compares with deposits whose senders live on another node.
func TestOwnNodeIDsAreWhatNodesRecorded(t *testing.T) {
	t.Parallel()

	updates := recording(t, "transactions/java-splice-test-cases.json")
	n := newBare(t, sandbox.Config{Shape: sandbox.ShapeRecorded, OwnNodeIDs: true})
	treasury, charlie := n.party("treasury"), n.party("charlie")
	n.tap(charlie, "2000")

	n.send(charlie, treasury, "100", "D")
	require.Equal(t, outline(recordedAt(t, updates, 17)), outline(n.last(treasury)), "an offer")

	_, err := n.Preapprove(treasury)
	require.NoError(t, err)

	charlie = n.party("charlie")
	n.tap(charlie, "107") // the amount and its fee, so that there is no change
	n.send(charlie, treasury, "100", "D")
	require.Equal(t, outline(recordedAt(t, updates, 28)), outline(n.last(treasury)), "a one-step deposit")
}

// shifted renumbers an outline as if one event were above it.
func shifted(lines []string) []string {
	next := strings.NewReplacer("0-3", "1-4", "1-3", "2-4", "3 create", "4 create")
	out := make([]string, 0, len(lines))

	for _, line := range lines {
		out = append(out, next.Replace(line))
	}

	return out
}

func TestRecordedFees(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{Shape: sandbox.ShapeRecorded})
	treasury, bob := n.party("treasury"), n.party("bob")
	n.tap(treasury, "5000")

	// The figures of the recording, less its holding fees: an offer of 1000 locks 1064 and burns 13; its acceptance
	// burns 22 and gives 42 back.
	offered := n.send(treasury, bob, "1000", "W")
	require.Equal(t, "4987", n.total(treasury, n.Amulet()))

	tx := n.last(treasury)
	require.Equal(t, "13.0", resultOf(t, find(t, tx, "TransferFactory_Transfer")).
		Meta.Values["splice.lfdecentralizedtrust.org/burned"])

	_, err := n.Accept(bob, offered.Instructions[0])
	require.NoError(t, err)
	require.Equal(t, "1000", n.total(bob, n.Amulet()))
	require.Equal(t, "3965", n.total(treasury, n.Amulet()))

	minted, burned := n.Supply(n.Amulet())
	require.Equal(t, "5000", minted.Short())
	require.Equal(t, "35", burned.Short())
}

func replayOf(t *testing.T, updates, lookups []json.RawMessage, party ident.Party) *network {
	t.Helper()

	s, err := sandbox.NewReplay(updates, party, sandbox.ReplayConfig{
		Lookups: lookups, Config: sandbox.Config{
			CheckpointInterval: -1, ListWait: 20 * time.Millisecond, Inspect: published.Inspect(t, ""),
		},
	})
	require.NoError(t, err)

	n := &network{t: t}
	n.serve(s)

	return n
}

// plain writes a value with sorted members and without those that are null, false or empty, which a recorder
// may leave out.
func plain(t *testing.T, raw []byte) any {
	t.Helper()

	var value any

	require.NoError(t, json.Unmarshal(raw, &value))

	return stripped(value)
}

// scalar is a value that may be compared; objects and lists are never what stripped looks for.
func scalar(value any) any {
	switch value.(type) {
	case map[string]any, []any:
		return struct{}{}
	default:
		return value
	}
}

func stripped(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if member = stripped(member); slices.Contains([]any{nil, "", false}, scalar(member)) {
				delete(v, key)
			} else {
				v[key] = member
			}
		}

		// Members that a node of a later version adds.
		for _, added := range []string{"acsDelta", "representativePackageId", "contractKeyHash", "implementationPackageId"} {
			delete(v, added)
		}
	case []any:
		for i := range v {
			v[i] = stripped(v[i])
		}
	}

	return value
}

func TestReplayServesRecordedFiles(t *testing.T) {
	t.Parallel()

	for file, party := range map[string]ident.Party{
		"java-splice-test-cases": "treasury::normalized",
		"java-one-step-deposit-and-withdraw": "treasury::1220bada55b12697a660ade92a1c920b2cd9d9bed0e854c17fb" +
			"3697119c46b29c5e8",
		"synthetic-edge-cases": "alice::synthetic",
		"docs-1-step-transfer": "treasury-party::1220278a4a0eb2c244b425dff62853ef1cd04ca1095bffcea465c0de766faf9ab8cd",
		"docs-transfer-instruction-accept": "treasury-party::12207bd11907b9b3c11ade702d30b556bfe635314d3d0f708f9677e" +
			"09a4ff096ef87",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()

			updates := recording(t, "transactions/"+file+".json")
			n := replayOf(t, updates, nil, party)

			req := updatesRequest(party, 0)
			req["endInclusive"] = n.LedgerEnd()
			status, _, raw := n.call(http.MethodPost, "/v2/updates", req)
			require.Equal(t, http.StatusOK, status, string(raw))

			var got []json.RawMessage

			require.NoError(t, json.Unmarshal(raw, &got))
			require.Len(t, got, len(updates))

			shift := ident.Offset(0)
			if recordedAt(t, updates, 0).Offset == 0 {
				shift = 1
			}

			for i := range updates {
				want := recordedAt(t, updates, i)
				want.Events = slices.DeleteFunc(want.Events, func(e event) bool { // a made-up case shows one
					return !slices.Contains(e.body().Witnesses, party)
				})

				have := recordedAt(t, got, i)
				require.Equal(t, want.Offset+shift, have.Offset)
				require.Equal(t, have.Offset, have.Events[0].body().Offset)
				require.Equal(t, outline(want), outline(have), "in the recorded order")

				if shift == 0 && file != "synthetic-edge-cases" {
					require.Equal(t, plain(t, updates[i]), plain(t, got[i]))
				}
			}
		})
	}
}

func TestReplayKnowsItsContracts(t *testing.T) {
	t.Parallel()

	party := ident.Party("treasury::normalized")
	updates := recording(t, "transactions/java-splice-test-cases.json")
	n := replayOf(t, updates, recording(t, "events/java-splice-test-cases.json"), party)

	live := map[string]bool{}

	for i := range updates {
		for _, e := range recordedAt(t, updates, i).Events {
			b := e.body()
			if e.Exercised != nil && b.Consuming {
				delete(live, string(b.ContractID))
			}

			if e.Created != nil && len(b.Views) > 0 && b.Views[0].Value["owner"] == string(party) {
				live[string(b.ContractID)] = true
			}
		}
	}

	require.NotEmpty(t, live)

	holdings := map[string]bool{}

	for _, entry := range ok[[]map[string]any](n, http.MethodPost, "/v2/state/active-contracts", map[string]any{
		"activeAtOffset": n.LedgerEnd(), "eventFormat": eventFormat(party, holdingV1),
	}) {
		created := entry["contractEntry"].(map[string]any)["JsActiveContract"].(map[string]any)["createdEvent"]
		views := created.(map[string]any)["interfaceViews"].([]any)

		if len(views) > 0 {
			holdings[created.(map[string]any)["contractId"].(string)] = true
		}
	}

	require.Equal(t, live, holdings)

	lookup := func(id string) int {
		status, _, _ := n.call(http.MethodPost, "/v2/events/events-by-contract-id",
			map[string]any{"contractId": id, "eventFormat": standardFormat(party)})

		return status
	}

	require.Equal(t, http.StatusOK, lookup("32"), "an offer of the treasury, ended since")
	require.Equal(t, http.StatusNotFound, lookup("no such contract"))

	_, err := n.Tap(party, amt("1"))
	require.ErrorIs(t, err, sandbox.ErrReplay)
	_, err = n.AllocateParty("alice")
	require.ErrorIs(t, err, sandbox.ErrReplay)
	_, err = n.Reassign("32")
	require.ErrorIs(t, err, sandbox.ErrReplay)
}

func TestReplayRefusesNonsense(t *testing.T) {
	t.Parallel()

	for _, bad := range []string{
		`{`, `{}`, `{"update":{"OffsetCheckpoint":{}}}`, `{"update":{"Transaction":{"value":{"offset":-1}}}}`,
	} {
		_, err := sandbox.NewReplay([]json.RawMessage{json.RawMessage(bad)}, "a::b", sandbox.ReplayConfig{})
		require.Error(t, err, bad)
	}
}
