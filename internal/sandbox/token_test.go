package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// outline writes a transaction as one line per event: node id, last descendant, what happened.
func outline(tx transaction) []string {
	lines := make([]string, 0, len(tx.Events))

	for _, e := range tx.Events {
		b := e.body()
		_, name, _ := strings.Cut(b.TemplateID, ":")

		line := jsonText(b.NodeID) + " create " + name
		if e.Exercised != nil {
			line = jsonText(b.NodeID) + "-" + jsonText(b.Last) + " " + b.Choice
		}

		if e.Archived != nil {
			line = jsonText(b.NodeID) + " archived " + name
		}

		lines = append(lines, line)
	}

	return lines
}

func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}

	return string(raw)
}

// result of an exercise, as far as the standard fixes it.
type result struct {
	Output struct {
		Tag   string         `json:"tag"`
		Value map[string]any `json:"value"`
	} `json:"output"`
	Change []ident.ContractID `json:"senderChangeCids"`
	Meta   struct {
		Values map[string]string `json:"values"`
	} `json:"meta"`
}

func resultOf(t *testing.T, b body) result {
	t.Helper()

	var r result

	require.NoError(t, json.Unmarshal(b.Result, &r))

	return r
}

func find(t *testing.T, tx transaction, choice string) body {
	t.Helper()

	for _, e := range tx.Events {
		if e.Exercised != nil && e.Exercised.Choice == choice {
			return *e.Exercised
		}
	}

	require.Fail(t, "choice not found", "%s in %v", choice, outline(tx))

	return body{}
}

func TestOneStepTransferAsItsReceiverAndItsSenderSeeIt(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	_, err := n.Transfer(sandbox.TransferRequest{
		Sender: n.alice, Receiver: n.treasury, Instrument: n.Amulet(), Amount: amt("25"), Memo: new("ACC-7"),
		Meta: map[string]string{"alice.example/note": "hi", "splice.lfdecentralizedtrust.org/burned": "bogus"},
	})
	require.NoError(t, err)

	received := n.last(n.treasury)
	require.Equal(t, []string{
		"4-9 TransferPreapproval_SendV2", "7-7 Archive", "8 create Splice.Amulet:Amulet", "9 create Splice.Amulet:Amulet",
	}, outline(received), "the factory above and the fetches between are hidden, which leaves gaps")
	require.Empty(t, received.CommandID, "the command is the sender's business")
	require.Nil(t, received.Cost)

	send := find(t, received, "TransferPreapproval_SendV2")
	require.Empty(t, send.InterfaceID)
	require.Equal(t, map[string]string{
		reasonKey: "ACC-7", txKindKey: "transfer", senderKey: string(n.alice), "alice.example/note": "hi",
		"splice.lfdecentralizedtrust.org/burned": "bogus",
	}, resultOf(t, send).Meta.Values, "the sender's metadata is merged in, and a zero burned does not replace a bogus one")

	mine, change := received.Events[2].body(), received.Events[3].body()
	require.Equal(t, string(n.treasury), mine.Views[0].Value["owner"])
	require.True(t, mine.Delta)
	require.Equal(t, "975.0000000000", change.Views[0].Value["amount"])
	require.False(t, change.Delta, "the sender's change is only witnessed")
	require.Equal(t, []ident.Party{n.treasury}, change.Witnesses)

	archive := find(t, received, "Archive")
	require.False(t, archive.Delta)
	require.Len(t, archive.Interfaces, 1)
	require.Contains(t, archive.Interfaces[0], "Splice.Api.Token.HoldingV1:Holding")

	sent := n.last(n.alice)
	require.NotEmpty(t, sent.CommandID)
	require.NotNil(t, sent.Cost)
	require.Equal(t, "0-9 TransferFactory_Transfer", outline(sent)[0])
	require.Equal(t, received.UpdateID, sent.UpdateID)
	require.Equal(t, outline(received), outline(sent)[1:], "node ids are the same for everyone")

	factory := resultOf(t, find(t, sent, "TransferFactory_Transfer"))
	require.Equal(t, "TransferInstructionResult_Completed", factory.Output.Tag)
	require.Equal(t, []ident.ContractID{change.ContractID}, factory.Change)
	require.True(t, sent.Events[4].body().Delta)

	require.Equal(t, "975", n.total(n.alice, n.Amulet()))
	require.Equal(t, "1025", n.total(n.treasury, n.Amulet()))
}

func TestOfferIsABareCreateToItsReceiver(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	r := n.send(n.alice, n.bob, "70", "ACC-8")
	require.Len(t, r.Instructions, 1)

	seen := n.last(n.bob)
	require.Len(t, seen.Events, 1)

	create := seen.Events[0].Created
	require.NotNil(t, create)
	require.True(t, create.Delta)
	require.Positive(t, create.NodeID)

	view := create.Views[0].Value
	require.Nil(t, view["originalInstructionCid"])
	require.Equal(t, "TransferPendingReceiverAcceptance", view["status"].(map[string]any)["tag"])

	transfer := view["transfer"].(map[string]any)
	require.Equal(t, "70.0000000000", transfer["amount"])
	require.Equal(t, "ACC-8", transfer["meta"].(map[string]any)["values"].(map[string]any)[reasonKey])

	sent := n.last(n.alice)
	require.Equal(t, "TransferInstructionResult_Pending",
		resultOf(t, find(t, sent, "TransferFactory_Transfer")).Output.Tag)

	locked := sent.Events[2].body()
	require.Contains(t, locked.TemplateID, ":Splice.Amulet:LockedAmulet")
	require.Equal(t, []any{string(locked.ContractID)}, transfer["inputHoldingCids"], "rewritten to the locked holding")

	lock := locked.Views[0].Value["lock"].(map[string]any)
	require.Equal(t, []any{string(n.DSO())}, lock["holders"])
	require.Equal(t, "transfer to '"+string(n.bob)+"'", lock["context"])
	require.Equal(t, "1000", n.total(n.alice, n.Amulet()), "still the sender's")
}

func TestOfferEnds(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		end   func(n *network, cid ident.ContractID) error
		tag   string
		state sandbox.TransferState
		alice string
	}{
		"accept": {func(n *network, cid ident.ContractID) error {
			_, err := n.Accept(n.bob, cid)

			return err
		}, "TransferInstructionResult_Completed", sandbox.TransferCompleted, "930"},
		"reject": {func(n *network, cid ident.ContractID) error {
			_, err := n.Reject(n.bob, cid)

			return err
		}, "TransferInstructionResult_Failed", sandbox.TransferRejected, "1000"},
		"withdraw": {func(n *network, cid ident.ContractID) error {
			_, err := n.Withdraw(n.alice, cid)

			return err
		}, "TransferInstructionResult_Failed", sandbox.TransferWithdrawn, "1000"},
		"expire": {func(n *network, cid ident.ContractID) error {
			n.clock.Advance(24*time.Hour - time.Microsecond)

			early, err := n.ExpireOffers()
			require.NoError(n.t, err)
			require.Empty(n.t, early)

			n.clock.Advance(time.Microsecond)

			_, err = n.Accept(n.bob, cid)
			require.ErrorIs(n.t, err, sandbox.ErrExpired)

			_, err = n.ExpireOffers()

			return err
		}, "TransferInstructionResult_Failed", sandbox.TransferExpired, "1000"},
	} {
		for _, token := range []string{"Amulet", "AcmeToken"} {
			t.Run(name+" "+token, func(t *testing.T) {
				t.Parallel()

				n := newNetwork(t, sandbox.Config{})

				instrument := n.Amulet()
				if token == "AcmeToken" {
					instrument = n.AcmeToken()
				}

				offered := n.transfer(n.alice, n.bob, instrument, "70", "ACC-8")
				require.NoError(t, c.end(n, offered.Instructions[0]))
				require.Equal(t, c.alice, n.total(n.alice, instrument))

				last := n.Transfers()[len(n.Transfers())-1]
				require.Equal(t, c.state, last.State)
				require.Equal(t, offered.UpdateID, last.UpdateID)
				require.NotEqual(t, offered.UpdateID, last.EndedBy)

				for _, party := range []ident.Party{n.alice, n.bob} {
					tx := n.last(party)
					root := tx.Events[0].body()
					require.Equal(t, last.EndedBy, tx.UpdateID)
					require.True(t, root.Consuming)
					require.Equal(t, offered.Instructions[0], root.ContractID)
					require.Equal(t, c.tag, resultOf(t, root).Output.Tag)
				}

				_, err := n.Accept(n.bob, offered.Instructions[0])
				require.ErrorIs(t, err, sandbox.ErrInactive)
			})
		}
	}
}

func TestAcceptUnlocksAndCarriesTheMetadata(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	offered := n.send(n.alice, n.bob, "70", "ACC-8")

	_, err := n.Accept(n.bob, offered.Instructions[0])
	require.NoError(t, err)

	tx := n.last(n.bob)
	unlock := resultOf(t, find(t, tx, "LockedAmulet_UnlockV2"))
	require.Equal(t, map[string]string{txKindKey: "unlock", reasonKey: "holders released lock"}, unlock.Meta.Values)

	accept := resultOf(t, find(t, tx, "TransferInstruction_Accept"))
	require.Equal(t, map[string]string{
		txKindKey: "transfer", senderKey: string(n.alice), reasonKey: "ACC-8",
	}, accept.Meta.Values)

	deltas := map[string]bool{}

	for _, e := range n.last(n.alice).Events {
		b := e.body()
		_, name, _ := strings.Cut(b.TemplateID, ":")
		deltas[name+" "+b.Choice] = b.Delta
	}

	require.Equal(t, map[string]bool{
		"Splice.AmuletTransferInstruction:AmuletTransferInstruction TransferInstruction_Accept": true,
		"Splice.Amulet:LockedAmulet LockedAmulet_UnlockV2":                                      true,
		"Splice.Amulet:Amulet ":        false, // the unlocked one, which lives inside the transaction, and bob's
		"Splice.Amulet:Amulet Archive": false,
	}, deltas, "for alice, the sender")

	delta := ok[item](n, "POST", "/v2/updates/update-by-offset", map[string]any{
		"offset": n.LedgerEnd(), "updateFormat": map[string]any{"includeTransactions": map[string]any{
			"eventFormat": standardFormat(n.alice), "transactionShape": "TRANSACTION_SHAPE_ACS_DELTA",
		}},
	})
	require.Equal(t, []string{
		"0 archived Splice.AmuletTransferInstruction:AmuletTransferInstruction", "2 archived Splice.Amulet:LockedAmulet",
	}, outline(delta.Update.Transaction.Value))
}

func TestExpirySweepsAllOffersInOneUpdate(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	n.tap(n.alice, "500")
	n.send(n.alice, n.bob, "10", "a")
	n.send(n.alice, n.bob, "11", "b")

	late := n.send(n.alice, n.bob, "12", "c")

	n.clock.Advance(25 * time.Hour)

	_, err := n.Accept(n.bob, late.Instructions[0])
	require.ErrorIs(t, err, sandbox.ErrExpired)

	made, err := n.ExpireOffers()
	require.NoError(t, err)
	require.Len(t, made, 1)

	tx := n.last(n.bob)
	require.Equal(t, made[0].UpdateID, tx.UpdateID)
	require.Positive(t, tx.Events[0].body().NodeID, "the sweep itself is the DSO's")

	updates := 0
	for _, e := range tx.Events {
		if e.Exercised != nil && e.Exercised.Choice == "TransferInstruction_Update" {
			require.Equal(t, []ident.Party{n.DSO()}, e.Exercised.Acting)

			updates++
		}
	}

	require.Equal(t, 3, updates)
	require.Equal(t, "1500", n.total(n.alice, n.Amulet()))
}

func TestOwnerMaySpendAnExpiredLock(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	offered := n.send(n.alice, n.bob, "70", "ACC-8")
	n.clock.Advance(25 * time.Hour)

	_, err := n.Merge(n.alice, n.Amulet(), amt("1"))
	require.NoError(t, err)

	tx := n.last(n.alice)
	expire := resultOf(t, find(t, tx, "LockedAmulet_OwnerExpireLockV2"))
	require.Equal(t, map[string]string{txKindKey: "unlock", reasonKey: "lock expired"}, expire.Meta.Values)
	require.Equal(t, "merge-split", resultOf(t, find(t, tx, "TransferFactory_Transfer")).Meta.Values[txKindKey])
	require.Equal(t, "1000", n.total(n.alice, n.Amulet()))

	_, err = n.Withdraw(n.alice, offered.Instructions[0])
	require.NoError(t, err, "the instruction stays until it is ended")

	tx = n.last(n.alice)
	require.Len(t, tx.Events, 1, "and nothing comes back then")
	require.Empty(t, resultOf(t, tx.Events[0].body()).Change)
}

func TestInternalWorkflow(t *testing.T) {
	t.Parallel()

	for outcome, c := range map[string]struct {
		finish func(n *network, cid ident.ContractID) (sandbox.Receipt, error)
		tag    string
		bob    string
	}{
		"completed": {func(n *network, cid ident.ContractID) (sandbox.Receipt, error) {
			return n.CompleteWorkflow(cid)
		}, "TransferInstructionResult_Completed", "1070"},
		"failed": {func(n *network, cid ident.ContractID) (sandbox.Receipt, error) {
			return n.FailWorkflow(cid)
		}, "TransferInstructionResult_Failed", "1000"},
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()

			n := newNetwork(t, sandbox.Config{Workflow: sandbox.AcmePending})
			offered := n.transfer(n.alice, n.bob, n.AcmeToken(), "70", "ACC-8")

			accepted, err := n.Accept(n.bob, offered.Instructions[0])
			require.NoError(t, err)
			require.Len(t, accepted.Instructions, 1)
			require.Equal(t, "1000", n.total(n.bob, n.AcmeToken()), "nothing is received yet")

			tx := n.last(n.bob)
			require.Equal(t, "TransferInstructionResult_Pending",
				resultOf(t, find(t, tx, "TransferInstruction_Accept")).Output.Tag)

			view := tx.Events[1].body().Views[0].Value
			require.Equal(t, string(offered.Instructions[0]), view["originalInstructionCid"])
			require.Equal(t, map[string]any{
				"tag":   "TransferPendingInternalWorkflow",
				"value": map[string]any{"pendingActions": []any{[]any{string(n.AcmeToken().Admin), "approve"}}},
			}, view["status"])

			_, err = n.Accept(n.bob, accepted.Instructions[0])
			require.ErrorIs(t, err, sandbox.ErrConflict)

			_, err = c.finish(n, accepted.Instructions[0])
			require.NoError(t, err)
			require.Equal(t, c.tag, resultOf(t, find(t, n.last(n.bob), "TransferInstruction_Update")).Output.Tag)
			require.Equal(t, c.bob, n.total(n.bob, n.AcmeToken()))
		})
	}
}
