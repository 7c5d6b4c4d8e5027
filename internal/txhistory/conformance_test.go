package txhistory_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// conformance reads a file of recorded ledger data, which lies beside the project, not in it.
func conformance(t testing.TB, path string) []byte {
	t.Helper()

	dir, err := os.Getwd()
	require.NoError(t, err)

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}

		require.NotEqual(t, dir, filepath.Dir(dir), "no go.mod above the test")
		dir = filepath.Dir(dir)
	}

	raw, err := os.ReadFile(filepath.Join(dir, "..", "shared", "conformance", path))
	if os.IsNotExist(err) {
		t.Skipf("recorded ledger data is not here: %s", path)
	}

	require.NoError(t, err)

	return raw
}

func recorded(t testing.TB, name string) []json.RawMessage {
	t.Helper()

	var items []json.RawMessage
	require.NoError(t, json.Unmarshal(conformance(t, "transactions/"+name+".json"), &items))

	return items
}

// replay feeds recorded updates through the parser, as ingestion does.
func replay(t *testing.T, party ident.Party, l *ledger, items []json.RawMessage) map[ident.Offset]txhistory.Effects {
	t.Helper()

	all := map[ident.Offset]txhistory.Effects{}

	for _, raw := range items {
		u := decoded(t, raw)

		l.asked = nil
		e, err := txhistory.Parse(party, u, l, txhistory.Options{})
		require.NoError(t, err, "offset %d", u.Offset)
		requireReferenced(t, party, u, l)
		requireBalanced(t, e)

		l.apply(e)
		all[u.Offset] = e
	}

	return all
}

// javaStore is what the public Java sample holds at the end of a stream.
type javaStore struct {
	ActiveHoldings map[ident.ContractID]struct {
		Owner        ident.Party    `json:"owner"`
		InstrumentID javaInstrument `json:"instrumentId"`
		Amount       json.Number    `json:"amount"`
		Lock         *struct {
			Context string `json:"context"`
		} `json:"lock"`
	} `json:"activeHoldings"`
	Pending map[ident.ContractID]struct {
		Transfer struct {
			Sender   ident.Party `json:"sender"`
			Receiver ident.Party `json:"receiver"`
			Amount   json.Number `json:"amount"`
		} `json:"transfer"`
	} `json:"pendingTransferInstructions"`
	Log []javaEntry `json:"txHistoryLog"`
}

type javaInstrument struct {
	Admin ident.Party `json:"admin"`
	ID    string      `json:"id"`
}

type javaEntry struct {
	Metadata struct {
		Offset ident.Offset `json:"offset"`
	} `json:"updateMetadata"`
	Node     ident.NodeID `json:"exerciseNodeId"`
	Transfer *struct {
		Sender   ident.Party `json:"senderPartyId"`
		Receiver ident.Party `json:"receiverPartyId"`
		Kind     string      `json:"kind"`
		Details  struct {
			Memo        string           `json:"memoTag"`
			Instrument  javaInstrument   `json:"instrumentId"`
			Amount      json.Number      `json:"amount"`
			Status      string           `json:"transferStatus"`
			Correlation ident.ContractID `json:"multiStepCorrelationId"`
			Next        ident.ContractID `json:"pendingInstructionCid"`
		} `json:"details"`
	} `json:"transfer"`
	Changes []struct {
		Contract ident.ContractID `json:"contractId"`
		Archived bool             `json:"archived"`
	} `json:"treasuryHoldingChanges"`
}

func javaExpected(t *testing.T, path string) javaStore {
	t.Helper()

	var store javaStore
	require.NoError(t, json.Unmarshal(conformance(t, path), &store))

	return store
}

func requireStore(t *testing.T, want javaStore, l *ledger) {
	t.Helper()

	require.Len(t, l.holdings, len(want.ActiveHoldings))

	for id, h := range want.ActiveHoldings {
		got := l.holdings[id]
		require.Equal(t, h.Owner, got.Owner)
		require.Equal(t, ident.Instrument{Admin: h.InstrumentID.Admin, ID: h.InstrumentID.ID}, got.Instrument)
		require.Equal(t, must(h.Amount.String()).String(), got.Amount.String())
		require.Equal(t, h.Lock != nil, got.Lock != nil, id)

		if h.Lock != nil {
			require.Equal(t, h.Lock.Context, got.Lock.Context)
			require.NotNil(t, got.Lock.ExpiresAt)
		}
	}

	require.Len(t, l.instructions, len(want.Pending))

	for id, i := range want.Pending {
		got := l.instructions[id]
		require.Equal(t, i.Transfer.Sender, got.Transfer.Sender)
		require.Equal(t, i.Transfer.Receiver, got.Transfer.Receiver)
		require.Equal(t, must(i.Transfer.Amount.String()).String(), got.Transfer.Amount.String())
		require.True(t, got.AwaitsReceiver)
	}
}

// requireEntry compares one log entry with the one transfer that its transaction holds. The two words for the same
// thing differ; so does an absent memo, which is "" in Java.
func requireEntry(t *testing.T, entry javaEntry, e txhistory.Effects) {
	t.Helper()

	require.Len(t, e.Transfers, 1)

	want, got := entry.Transfer, e.Transfers[0]
	require.Equal(t, map[string]txhistory.Direction{
		"TRANSFER_IN": txhistory.In, "TRANSFER_OUT": txhistory.Out, "TRANSFER_SELF": txhistory.Self,
	}[want.Kind], got.Direction)
	require.Equal(t, map[string]txhistory.Status{
		"PENDING": txhistory.Pending, "COMPLETED": txhistory.Completed, "REJECTED": txhistory.Rejected,
		"WITHDRAWN": txhistory.Withdrawn, "FAILED_OTHER": txhistory.Failed,
	}[want.Details.Status], got.Status)
	require.Equal(t, entry.Node, got.Node)
	require.Equal(t, want.Sender, got.Sender)
	require.Equal(t, want.Receiver, got.Receiver)
	require.Equal(t, want.Details.Instrument.Admin, got.Instrument.Admin)
	require.Equal(t, want.Details.Instrument.ID, got.Instrument.ID)
	require.Equal(t, must(want.Details.Amount.String()).String(), got.Amount.String())
	require.Equal(t, want.Details.Correlation, got.Correlation)
	require.Equal(t, want.Details.Next, got.Next)
	require.Empty(t, e.Unrecognized)

	if want.Details.Memo == "" {
		require.Nil(t, got.Memo)
	} else {
		require.Equal(t, want.Details.Memo, *got.Memo)
	}
}

func requireLog(
	t *testing.T, want javaStore, all map[ident.Offset]txhistory.Effects, differences map[ident.Offset]string,
) {
	t.Helper()

	logged := map[ident.Offset]bool{}

	for _, entry := range want.Log {
		offset := entry.Metadata.Offset
		e := all[offset]
		logged[offset] = true

		var created, archived []ident.ContractID

		for _, change := range entry.Changes {
			if change.Archived {
				archived = append(archived, change.Contract)
			} else {
				created = append(created, change.Contract)
			}
		}

		require.Len(t, e.Created, len(created))
		require.Len(t, e.Archived, len(archived))

		for _, c := range e.Created {
			require.Contains(t, created, c.Contract)
		}

		for _, a := range e.Archived {
			require.Contains(t, archived, a.Contract)
		}

		if ours, ok := differences[offset]; ok {
			require.Nil(t, entry.Transfer, "the sample recognizes offset %d", offset)
			require.Equal(t, unindented(ours), lines(e), "offset %d", offset)
		} else {
			require.NotNil(t, entry.Transfer, "offset %d", offset)
			requireEntry(t, entry, e)
		}
	}

	for offset, e := range all {
		require.Equal(t, logged[offset], !e.IsEmpty(), "offset %d", offset)
	}
}

func TestReplayOfRecordedTransactions(t *testing.T) {
	t.Parallel()

	t.Run("splice test cases", func(t *testing.T) {
		t.Parallel()

		want := javaExpected(t, "expected/splice-test-cases_treasury_expected.json")
		l := newLedger()
		all := replay(t, "treasury::normalized", l, recorded(t, "java-splice-test-cases"))

		requireStore(t, want, l)
		requireLog(t, want, all, map[ident.Offset]string{
			// J3: the sample does not recognize what is sent outside a transfer factory. The inner result says who
			// sent, the holdings who got how much, and the rest was burned.
			6: `+ 9 27 64.9 Amulet@dso
				- 5 24 87 Amulet@dso
				out 1.0 completed by result_meta: treasury -> aliceValidator 10 Amulet@dso
				transfer 1 -10 Amulet@dso #0
				fee 1 -12.1 Amulet@dso #0`,
			// J3: nor mints.
			7: `+ 4 31 6000 Amulet@dso
				mint 1 6000 Amulet@dso #-1`,
			// Bare creations: unrecognized for both, and money for us to show.
			29: `+ 0 5 30 DummyHolding@treasury
				unrecognized 0 30 DummyHolding@treasury #-1
				! 0 bare_create`,
			30: `+ 0 6 40 DummyHolding@treasury
				unrecognized 0 40 DummyHolding@treasury #-1
				! 0 bare_create`,
		})

		require.Equal(t, unindented(`
			+ 4 58 1064.00152208 Amulet@dso
			+ 12 57 42.00152208 Amulet@dso
			- 2 34 1064.00152208 Amulet@dso locked
			- 8 58 1064.00152208 Amulet@dso
			close 0 32 completed by TransferInstruction_Accept
			out 0.0 completed by instruction: treasury -> bob 1000 Amulet@dso chain 32 of 32
			transfer 0 -1000 Amulet@dso #0
			fee 0 -22 Amulet@dso #0`), lines(all[13]), "what was burned on the way is a fee")
		require.Equal(t, unindented(`
			close 0 47 rejected by TransferInstruction_Reject
			out 0.0 rejected by instruction: treasury -> bob 1000 Amulet@dso chain 47 of 47`), lines(all[25]),
			"a rejected offer whose lock was spent before gives nothing back")
	})

	t.Run("an uninvolved party", func(t *testing.T) {
		t.Parallel()

		for offset, e := range replay(t, "dummy::normalized", newLedger(), recorded(t, "java-splice-test-cases")) {
			require.True(t, e.IsEmpty(), "offset %d", offset)
		}
	})

	t.Run("one-step deposit and withdrawal", func(t *testing.T) {
		t.Parallel()

		want := javaExpected(t, "expected/one-step-deposit-and-withdraw_treasury_expected.json")
		l := newLedger()
		all := replay(t, "treasury::1220bada55b12697a660ade92a1c920b2cd9d9bed0e854c17fb3697119c46b29c5e8", l,
			recorded(t, "java-one-step-deposit-and-withdraw"))

		requireStore(t, want, l)
		requireLog(t, want, all, nil)
	})
}

// TestSamplesOfTheGuide replays the published guide's single transactions: a deposit, an offer and its acceptance.
func TestSamplesOfTheGuide(t *testing.T) {
	t.Parallel()

	one := replay(t, "treasury-party::1220278a4a0eb2c244b425dff62853ef1cd04ca1095bffcea465c0de766faf9ab8cd", newLedger(),
		recorded(t, "docs-1-step-transfer"))[107]
	require.Len(t, one.Transfers, 1)
	require.Equal(t, "deposit-account-id", *one.Transfers[0].Memo)
	require.Equal(t, must("200").String(), one.Transfers[0].Amount.String())
	require.Equal(t, txhistory.ByResultMeta, one.Transfers[0].Evidence)
	require.Empty(t, one.Unrecognized)

	l := newLedger()
	offered := recorded(t, "docs-transfer-instruction-create")
	two := replay(t, "treasury-party::12207bd11907b9b3c11ade702d30b556bfe635314d3d0f708f9677e09a4ff096ef87", l,
		append(offered, recorded(t, "docs-transfer-instruction-accept")...))

	for offset, status := range map[ident.Offset]txhistory.Status{96: txhistory.Pending, 106: txhistory.Completed} {
		require.Len(t, two[offset].Transfers, 1)
		require.Empty(t, two[offset].Unrecognized)

		transfer := two[offset].Transfers[0]
		require.Equal(t, status, transfer.Status)
		require.Equal(t, "deposit-account-id", *transfer.Memo, "the offer itself carries the memo (J1)")
		require.Equal(t, two[96].Opened[0].Contract, transfer.Correlation)
	}

	require.Empty(t, l.instructions)
	require.Len(t, l.holdings, 1)
}

// TestUnknownAcceptIsReported replays the acceptance alone: the party acted on an instruction that it must know.
func TestUnknownAcceptIsReported(t *testing.T) {
	t.Parallel()

	e := replay(t, "treasury-party::12207bd11907b9b3c11ade702d30b556bfe635314d3d0f708f9677e09a4ff096ef87", newLedger(),
		recorded(t, "docs-transfer-instruction-accept"))[106]
	require.Equal(t, txhistory.ProblemUnknownInstruction, e.Unrecognized[0].Problem)
	require.Len(t, e.Transfers, 1, "the money came in all the same, as the inner result says")
	require.Equal(t, txhistory.ByResultMeta, e.Transfers[0].Evidence)
	require.Nil(t, e.Transfers[0].Memo)
	require.Empty(t, e.Transfers[0].Correlation)
}

// TestActiveContracts reads the views that snapshots of active contracts hold, with the same decoder.
func TestActiveContracts(t *testing.T) {
	t.Parallel()

	for _, name := range []string{"splice-cli-holdings-2025-08", "splice-cli-transfer-instructions-2025-08"} {
		var answer []struct {
			Entry struct {
				Active struct {
					Created struct {
						Contract ident.ContractID `json:"contractId"`
						Views    []struct {
							Interface string          `json:"interfaceId"`
							Value     json.RawMessage `json:"viewValue"`
						} `json:"interfaceViews"`
					} `json:"createdEvent"`
				} `json:"JsActiveContract"`
			} `json:"contractEntry"`
		}
		require.NoError(t, json.Unmarshal(conformance(t, "acs/"+name+".json"), &answer))
		require.NotEmpty(t, answer)

		for _, a := range answer {
			for _, v := range a.Entry.Active.Created.Views {
				iface, err := ident.ParseName(v.Interface)
				require.NoError(t, err)

				if token.IsHolding(iface) {
					h, err := token.DecodeHolding(iface, []byte(v.Value))
					require.NoError(t, err)
					require.Equal(t, ident.Party("alice::normalized"), h.Owner)
				} else {
					i, err := token.DecodeInstruction(iface, []byte(v.Value))
					require.NoError(t, err)
					require.True(t, i.AwaitsReceiver)
					require.Equal(t, "Amulet", i.Transfer.Instrument.ID)
				}
			}
		}
	}
}

// snapshot seeds a ledger with the answers of events-by-contract-id.
func snapshot(t *testing.T, party ident.Party, name string) *ledger {
	t.Helper()

	var answers []struct {
		Created struct {
			Event map[string]any `json:"createdEvent"`
		} `json:"created"`
	}
	require.NoError(t, json.Unmarshal(conformance(t, "events/"+name+".json"), &answers))

	l := newLedger()

	for _, answer := range answers {
		answer.Created.Event["nodeId"] = 0
		value := header()
		value["events"] = []m{{"CreatedEvent": answer.Created.Event}}

		e, err := txhistory.Parse(party, decoded(t, envelope(t, "Transaction", value)), newLedger(), txhistory.Options{})
		require.NoError(t, err)
		l.apply(e)
	}

	return l
}

func TestSyntheticEdgeCases(t *testing.T) {
	t.Parallel()

	const alice = "alice::synthetic"

	// Every case stands alone: what is known is what the look-ups answer.
	want := map[ident.Offset]string{
		0: `+ 1 c1 0.0000000001 Amulet@dso
			in 0.0 completed by result_meta: bob -> alice 0.0000000001 Amulet@dso
			transfer 0 0.0000000001 Amulet@dso #0`,
		1: `+ 1 c2 1000000000000000000000 Amulet@dso
			mint 0 1000000000000000000000 Amulet@dso #-1`,
		2: `+ 1 c3 1 Amulet@dso
			+ 2 c4 2 USD@dso
			in 0.0 completed by result_meta: bob -> alice 1 Amulet@dso
			in 0.1 completed by result_meta: bob -> alice 2 USD@dso
			transfer 0 1 Amulet@dso #0
			transfer 0 2 USD@dso #1`,
		3: `+ 1 c5 1 Amulet@dso
			unrecognized 0 1 Amulet@dso #-1
			! 0 unrecognized_choice`,
		4: `- 0 h10 10 Amulet@dso
			unrecognized 0 -10 Amulet@dso #-1
			! 0 bare_archive`,
		5: ``, // a 3.3 node does not say whether alice has a stake: nobody's that we know
		6: `+ 2 c6 1 Amulet@dso
			+ 3 c7 2 Amulet@dso
			unrecognized 0 1 Amulet@dso #-1
			unrecognized 3 2 Amulet@dso #-1
			! 0 unrecognized_choice
			! 3 bare_create`,
		7: `+ 1 c8 10 Amulet@dso
			- 0 h10 10 Amulet@dso`,
		8: `close 0 ti1 rejected by TransferInstruction_Reject
			in 0.0 rejected by instruction: bob -> alice 3 Amulet@dso chain ti1 of ti1`,
		9: `+ 2 c9 7 Amulet@dso
			- 1 hlock 7 Amulet@dso locked
			close 0 ti2 withdrawn by TransferInstruction_Withdraw
			out 0.0 withdrawn by instruction: alice -> bob 4 Amulet@dso chain ti1 of ti2`,
		10: `- 1 h10 10 Amulet@dso
			out 0.0 completed by result_meta: alice -> bob 8.5 Amulet@dso
			transfer 0 -8.5 Amulet@dso #0
			fee 0 -1.5 Amulet@dso #0`,
		11: `+ 0 c11 1 Amulet@dso
			open 0 c11
			in 0.0 pending by instruction: bob -> alice 3 Amulet@dso chain c11 next c11
			unrecognized 0 1 Amulet@dso #-1
			! 0 bare_create`,
		// The name of the choice without the interface is nothing: nobody says what this is, and nothing was lost.
		12: `+ 2 c12 4 Amulet@dso locked
			+ 3 c13 6 Amulet@dso
			- 1 h10 10 Amulet@dso`,
		13: `+ 2 c14 3 Amulet@dso
			unrecognized 0 3 Amulet@dso #-1
			! 0 unrecognized_choice`,
		14: `+ 1 c15 3 Amulet@dso
			- 2 c15 3 Amulet@dso`,
	}

	for _, raw := range recorded(t, "synthetic-edge-cases") {
		u := decoded(t, raw)
		l := snapshot(t, alice, "synthetic-edge-cases")
		delete(l.holdings, "c15") // the look-up knows it from the case itself

		e := replay(t, alice, l, []json.RawMessage{raw})[u.Offset]
		require.Equal(t, unindented(want[u.Offset]), lines(e), "case %d", u.Offset)
	}
}
