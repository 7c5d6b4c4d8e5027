package sandbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

func TestSupply(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	tx := n.last(n.bob)
	require.Equal(t, "BurnMintFactory_BurnMint", tx.Events[0].body().Choice)

	minted := n.tap(n.alice, "5")
	tx = n.last(n.alice)
	require.Equal(t, []string{
		"0-3 AmuletRules_DevNet_Tap", "1-3 AmuletRules_Mint", "3 create Splice.Amulet:Amulet",
	}, outline(tx))
	require.Equal(t, "mint", resultOf(t, tx.Events[0].body()).Meta.Values[txKindKey])

	_, err := n.ExpireDust(minted.Holdings[0])
	require.NoError(t, err)

	dust := n.last(n.alice).Events[0].body()
	require.Equal(t, "Amulet_ExpireV2", dust.Choice)
	require.Equal(t, "expire-dust", resultOf(t, dust).Meta.Values[txKindKey])

	_, err = n.Burn(n.alice, n.Amulet(), amt("100.25"))
	require.NoError(t, err)
	require.Equal(t, "burn", resultOf(t, n.last(n.alice).Events[0].body()).Meta.Values[txKindKey])

	_, err = n.Burn(n.alice, n.AcmeToken(), amt("1"))
	require.NoError(t, err)
	require.Equal(t, "899.75", n.total(n.alice, n.Amulet()))
	require.Equal(t, "999", n.total(n.alice, n.AcmeToken()))

	total, burned := n.Supply(n.Amulet())
	require.Equal(t, "3005", total.Short())
	require.Equal(t, "105.25", burned.Short())

	_, err = n.Tap(n.alice, amt("100000000.0000000001"))
	require.ErrorIs(t, err, sandbox.ErrInvalid)
}

// TestTheOracleTellsMetadata: what stands beside the memo is how a payment is told from another with the same memo.
func TestTheOracleTellsMetadata(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	given := map[string]string{"example.com/id": "w-1"}

	_, err := n.Transfer(sandbox.TransferRequest{
		Sender: n.alice, Receiver: n.bob, Instrument: n.Amulet(), Amount: amt("1"), Memo: sandbox.Memo("invoice"), Meta: given,
	})
	require.NoError(t, err)

	list := n.Transfers()
	last := list[len(list)-1]
	require.Equal(t, given, last.Meta)
	require.Equal(t, "invoice", *last.Memo)

	_, err = n.Transfer(sandbox.TransferRequest{
		Sender: n.alice, Receiver: n.bob, Instrument: n.Amulet(), Amount: amt("1"), Memo: sandbox.Memo("invoice"),
	})
	require.NoError(t, err)
	require.Nil(t, n.Transfers()[len(list)].Meta)
}

func TestAtMost100Inputs(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	alice, bob := n.party("alice"), n.party("bob")

	n.tap(alice, "0.5")

	for range 150 {
		n.tap(alice, "1")
	}

	_, err := n.Transfer(sandbox.TransferRequest{Sender: alice, Receiver: bob, Instrument: n.Amulet(), Amount: amt("101")})
	require.ErrorIs(t, err, sandbox.ErrTooManyInputs)

	_, err = n.Merge(alice, n.Amulet(), amt("99.5"))
	require.NoError(t, err)

	holdings, err := n.Holdings(alice)
	require.NoError(t, err)
	require.Len(t, holdings, 52, "the 100 smallest became one")

	_, err = n.Transfer(sandbox.TransferRequest{Sender: alice, Receiver: bob, Instrument: n.Amulet(), Amount: amt("101")})
	require.NoError(t, err)
}

func TestTimeWindows(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	req := sandbox.TransferRequest{Sender: n.alice, Receiver: n.bob, Instrument: n.Amulet(), Amount: amt("1")}

	req.ExecuteBefore = n.clock.Now()
	_, err := n.Transfer(req)
	require.ErrorIs(t, err, sandbox.ErrExpired)

	req.ExecuteBefore = n.clock.Now().Add(91 * 24 * time.Hour)
	_, err = n.Transfer(req)
	require.ErrorIs(t, err, sandbox.ErrInvalid)

	req.ExecuteBefore = n.clock.Now().Add(90 * 24 * time.Hour)
	_, err = n.Transfer(req)
	require.NoError(t, err)

	n.clock.Advance(91 * 24 * time.Hour)
	r := n.send(n.alice, n.treasury, "1", "the preapproval has run out")
	require.Len(t, r.Instructions, 1, "so the deposit is an offer")

	_, err = n.Preapprove(n.treasury)
	require.NoError(t, err)
	require.Empty(t, n.send(n.alice, n.treasury, "1", "and now it is not").Instructions)

	_, err = n.CancelPreapproval(n.treasury)
	require.NoError(t, err)
	require.Len(t, n.send(n.alice, n.treasury, "1", "an offer again").Instructions, 1)
}

func TestRefusals(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	base := sandbox.TransferRequest{Sender: n.alice, Receiver: n.treasury, Instrument: n.Amulet(), Amount: amt("1")}
	end := n.LedgerEnd()

	for name, c := range map[string]struct {
		change func(*sandbox.TransferRequest)
		want   error
	}{
		"zero":          {func(r *sandbox.TransferRequest) { r.Amount = amount.Zero() }, sandbox.ErrInvalid},
		"negative":      {func(r *sandbox.TransferRequest) { r.Amount = amt("-1") }, sandbox.ErrInvalid},
		"too much":      {func(r *sandbox.TransferRequest) { r.Amount = amt("1000.0000000001") }, sandbox.ErrFunds},
		"who":           {func(r *sandbox.TransferRequest) { r.Receiver = "nobody::1220" }, sandbox.ErrUnknown},
		"unknown token": {func(r *sandbox.TransferRequest) { r.Instrument.ID = "USD" }, sandbox.ErrFunds},
		"a long memo": {func(r *sandbox.TransferRequest) {
			r.Memo = new(strings.Repeat("x", 1<<17))
		}, sandbox.ErrInvalid},
	} {
		req := base
		c.change(&req)

		_, err := n.Transfer(req)
		require.ErrorIs(t, err, c.want, name)
	}

	_, err := n.Batch(nil)
	require.ErrorIs(t, err, sandbox.ErrInvalid)
	require.Equal(t, end, n.LedgerEnd(), "nothing refused leaves a trace")
}

func TestBatchMixesOneAndTwoSteps(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	n.tap(n.alice, "500")
	n.tap(n.alice, "400")

	r, err := n.Batch([]sandbox.TransferRequest{
		{Sender: n.alice, Receiver: n.treasury, Instrument: n.Amulet(), Amount: amt("1"), Memo: new("A")},
		{Sender: n.alice, Receiver: n.bob, Instrument: n.Amulet(), Amount: amt("2"), Memo: new("B")},
		{Sender: n.alice, Receiver: n.treasury, Instrument: n.Amulet(), Amount: amt("3"), Memo: new("C")},
	})
	require.NoError(t, err)
	require.Len(t, r.Instructions, 1)

	tx := n.last(n.treasury)

	var memos []string

	for _, e := range tx.Events {
		if e.Exercised != nil && e.Exercised.Choice == "TransferPreapproval_SendV2" {
			memos = append(memos, resultOf(t, *e.Exercised).Meta.Values[reasonKey])
		}
	}

	require.Equal(t, []string{"A", "C"}, memos)
	require.Len(t, n.last(n.bob).Events, 1)
	require.Equal(t, r.UpdateID, n.last(n.bob).UpdateID)
}

func TestLookAlikes(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	mallory := n.party("mallory")
	fake := ident.Instrument{Admin: mallory, ID: "Amulet"}

	_, err := n.Mint(mallory, fake, amt("50"))
	require.NoError(t, err)

	offered := n.transfer(mallory, n.treasury, fake, "50", "ACC-1")
	_, err = n.Accept(n.treasury, offered.Instructions[0])
	require.NoError(t, err)
	require.Equal(t, "50", n.total(n.treasury, fake))
	require.Equal(t, "1000", n.total(n.treasury, n.Amulet()))

	_, err = n.RawBareHolding(sandbox.BareHolding{
		Issuer: mallory, Owner: n.treasury, Instrument: n.Amulet(), Amount: amt("1000000"),
	})
	require.NoError(t, err)
	require.Equal(t, "1000", n.total(n.treasury, n.Amulet()), "worth nothing")

	bare := n.last(n.treasury).Events[0]
	require.NotNil(t, bare.Created)
	require.Equal(t, map[string]any{"admin": string(n.DSO()), "id": "Amulet"}, bare.Created.Views[0].Value["instrumentId"])

	_, err = n.Mint(mallory, n.Amulet(), amt("1"))
	require.ErrorIs(t, err, sandbox.ErrInvalid)

	_, err = n.Burn(n.treasury, n.Amulet(), amt("2000"))
	require.ErrorIs(t, err, sandbox.ErrFunds)
}

func TestEventsV2(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{EventsV2: true})
	n.send(n.alice, n.treasury, "25", "ACC-7")

	tx := n.last(n.treasury)

	var logs []map[string]any

	for _, e := range tx.Events {
		if e.Exercised != nil && e.Exercised.Choice == "EventLog_HoldingsChange" {
			require.Contains(t, e.Exercised.InterfaceID, ":Splice.Api.Token.TransferEventsV2:EventLog")
			logs = append(logs, e.Exercised.Argument)
		}
	}

	require.Len(t, logs, 2, "one for each account, both inside what the receiver sees")

	mine := logs[1]
	require.Equal(t, map[string]any{"owner": string(n.treasury), "provider": nil, "id": ""}, mine["account"])
	require.Empty(t, mine["inputHoldingCids"])

	leg := mine["transferLegSides"].([]any)[0].(map[string]any)
	require.Equal(t, "ReceiverSide", leg["side"])
	require.Equal(t, "25.0000000000", leg["amount"])
	require.Equal(t, "ACC-7", leg["meta"].(map[string]any)["values"].(map[string]any)[reasonKey])

	req := updatesRequest(n.treasury, 0)
	req["updateFormat"].(map[string]any)["includeTransactions"].(map[string]any)["eventFormat"] =
		eventFormat(n.treasury, holdingV1, holdingV2)
	req["endInclusive"] = n.LedgerEnd()

	items := ok[[]item](n, http.MethodPost, "/v2/updates", req)
	for _, e := range items[len(items)-1].Update.Transaction.Value.Events {
		if e.Created != nil {
			require.Len(t, e.Created.Views, 2)
			require.True(t, slices.ContainsFunc(e.Created.Views, func(v struct {
				InterfaceID string         `json:"interfaceId"`
				Value       map[string]any `json:"viewValue"`
			},
			) bool {
				return v.Value["account"] != nil
			}))
		}
	}
}

func TestReassignment(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{TwoSynchronizers: true})
	holdings, err := n.Holdings(n.treasury)
	require.NoError(t, err)

	moved := holdings[0]
	r, err := n.Reassign(moved.ContractID)
	require.NoError(t, err)

	req := updatesRequest(n.treasury, r.Offset-4)
	req["endInclusive"] = n.LedgerEnd()

	var kinds []string

	for _, i := range ok[[]item](n, http.MethodPost, "/v2/updates", req) {
		if i.Update.Reassignment != nil {
			for key := range i.Update.Reassignment.Value.Events[0] {
				kinds = append(kinds, key)
			}
		}
	}

	require.Equal(t, []string{"JsUnassignedEvent", "JsAssignmentEvent"}, kinds)

	after, err := n.Holdings(n.treasury)
	require.NoError(t, err)
	require.NotEqual(t, moved.SynchronizerID, after[0].SynchronizerID)
	require.Equal(t, moved.ContractID, after[0].ContractID)

	sent := n.send(n.treasury, n.alice, "1", "from the other synchronizer")
	require.True(t, sent.RecordTime.Before(n.clock.Now()), "whose record time lags")

	_, err = n.Reassign("00")
	require.ErrorIs(t, err, sandbox.ErrUnknown)
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{MaxUpdates: 20})
	alice := n.party("alice")

	var err error
	for range 30 {
		if _, err = n.Tap(alice, amt("1")); err != nil {
			break
		}
	}

	require.ErrorIs(t, err, sandbox.ErrFull)
	require.NoError(t, n.Prune(n.LedgerEnd()))
	n.tap(alice, "1")
}

func TestOwnNodeIDs(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{OwnNodeIDs: true})
	n.send(n.alice, n.treasury, "25", "ACC-7")
	require.Equal(t, []string{
		"1-6 TransferPreapproval_SendV2", "4-4 Archive", "5 create Splice.Amulet:Amulet", "6 create Splice.Amulet:Amulet",
	}, outline(n.last(n.treasury)), "its own preapproval being fetched is what the receiver's node sees first")
	require.Equal(t, "0-9 TransferFactory_Transfer", outline(n.last(n.alice))[0])

	offered := n.send(n.alice, n.bob, "25", "ACC-7")
	require.Equal(t,
		[]string{"0 create Splice.AmuletTransferInstruction:AmuletTransferInstruction"}, outline(n.last(n.bob)))

	answer := ok[struct {
		Created struct {
			Event body `json:"createdEvent"`
		} `json:"created"`
	}](n, http.MethodPost, "/v2/events/events-by-contract-id", map[string]any{
		"contractId": offered.Instructions[0], "eventFormat": standardFormat(n.bob),
	})
	require.Zero(t, answer.Created.Event.NodeID)
}

func TestExpireOne(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	offered := n.send(n.alice, n.bob, "70", "ACC-8").Instructions[0]

	_, err := n.Expire(offered)
	require.ErrorIs(t, err, sandbox.ErrConflict)

	n.clock.Advance(25 * time.Hour)

	_, err = n.Expire(offered)
	require.NoError(t, err)
	require.Equal(t, "TransferInstruction_Update", n.last(n.bob).Events[0].body().Choice)

	_, err = n.Expire(offered)
	require.ErrorIs(t, err, sandbox.ErrInactive)
}

func TestPreapprovalsThatRanOutAreTakenAway(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	made, err := n.ExpireOffers()
	require.NoError(t, err)
	require.Empty(t, made)

	n.clock.Advance(91 * day)

	made, err = n.ExpireOffers()
	require.NoError(t, err)
	require.Len(t, made, 1)

	for _, c := range n.ActiveContracts(n.treasury) {
		require.NotEqual(t, "TransferPreapproval", c.Template.Entity)
	}

	offered := n.send(n.alice, n.treasury, "5", "ACC-1")
	require.Len(t, offered.Instructions, 1)
}
