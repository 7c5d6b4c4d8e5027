package books_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// requests are three requested withdrawals of the same amount that were submitted: two of the same customer to the same
// receiver, and one of the treasury to itself.
func requests() *books.Grounds {
	g := books.NewGrounds(treasury)
	g.Listings[coin()] = books.Listing{Listed: true}

	for _, id := range []string{"w-1", "w-2", "internal:1"} {
		w := books.Withdrawal{
			ID: id, Kind: withdrawal.ForCustomer, Origin: books.FromRequest, State: withdrawal.Submitted, Account: "c1",
			Instrument: coin(), Amount: amount.FromInt(100), Receiver: bob,
		}
		if id == "internal:1" {
			w.Kind, w.Account, w.Receiver = withdrawal.Internal, "", treasury
		}

		g.Withdrawals[id] = w
	}

	return g
}

// sent is a payment of 100 to bob or, as self, to the treasury.
func sent(d txhistory.Direction, status txhistory.Status) txhistory.Transfer {
	t := txhistory.Transfer{
		Node: 4, Direction: d, Status: status, Evidence: txhistory.ByFactory, Sender: treasury, Receiver: bob, Instrument: coin(),
		Amount: amount.FromInt(100),
	}
	if d == txhistory.Self {
		t.Receiver = treasury
	}

	return t
}

// TestWhoseATransferIs: what it says beside its memo comes before the memo, and a transfer to others never pays an
// internal withdrawal, nor one to itself another.
func TestWhoseATransferIs(t *testing.T) {
	t.Parallel()

	text := func(s string) *string { return &s }

	for _, tc := range []struct {
		direction       txhistory.Direction
		memo, reference *string
		paid, recovered string
	}{
		{txhistory.Out, text("w-1"), nil, "w-1", ""},
		{txhistory.Out, text("invoice 7"), text("w-1"), "w-1", ""},
		{txhistory.Out, text("w-2"), text("w-1"), "w-1", ""}, // a memo that a customer chose names nothing
		{txhistory.Out, nil, text("w-1"), "w-1", ""},
		{txhistory.Out, text("w-1"), text("w-9"), "", "w-9"},
		{txhistory.Out, text("w-1"), text(""), "", placeID},
		{txhistory.Out, text("w-1"), text("w\x00"), "", placeID},
		{txhistory.Out, text("invoice 7"), nil, "", "invoice 7"},
		{txhistory.Out, text("internal:1"), nil, "", placeID},
		{txhistory.Out, text("invoice 7"), text("internal:1"), "", placeID},
		{txhistory.Out, text("internal:9"), nil, "", placeID}, // the next one's id stays free
		{txhistory.Self, text("internal:1"), nil, "internal:1", ""},
		{txhistory.Self, text("merge"), text("internal:1"), "internal:1", ""},
		{txhistory.Self, text("internal:9"), nil, "", ""},
		{txhistory.Self, text("w-1"), nil, "", ""},
		{txhistory.Self, nil, text("w-1"), "", ""},
		{txhistory.Self, nil, nil, "", ""},
	} {
		tr := sent(tc.direction, txhistory.Completed)
		tr.Memo, tr.Reference = tc.memo, tc.reference

		change := amount.FromInt(-100)
		if tc.direction == txhistory.Self {
			change = amount.Zero()
		}

		entries, err := books.Record(at(7), one(tr, change), requests())
		require.NoError(t, err)

		var paid, recovered string

		for _, a := range entries.Advances {
			require.Equal(t, withdrawal.Completed, a.State)

			paid = a.ID
		}

		for _, r := range entries.Recovered {
			recovered = r.ID
		}

		require.Equal(t, []string{tc.paid, tc.recovered}, []string{paid, recovered}, "%+v", tr)
	}
}

// TestInternalWithdrawals goes through the statuses of a transfer of the treasury to itself, alone and as an offer.
func TestInternalWithdrawals(t *testing.T) {
	t.Parallel()

	for _, status := range statuses() {
		for _, state := range withdrawal.States() {
			for _, differs := range []string{"", "amount", "instrument", "id"} {
				requireInternal(t, status, state, differs)
			}
		}
	}
}

func requireInternal(t *testing.T, status txhistory.Status, state withdrawal.State, differs string) {
	t.Helper()

	id, fee := "internal:1", amount.FromInt(-1)
	tr := sent(txhistory.Self, status)
	tr.Memo = &id

	g := requests()
	w := g.Withdrawals[id]
	w.State = state

	if state == withdrawal.Offered || state.Final() {
		tr.Correlation, w.Correlation, tr.Memo = chain, chain, nil
		g.Chains[chain] = id
	}

	g.Withdrawals[id] = w

	switch differs {
	case "amount":
		tr.Amount = amount.FromInt(99)
	case "instrument":
		tr.Instrument = forged()
	case "id":
		tr.Memo, tr.Correlation = nil, ""
	}

	e := one(tr, amount.Zero())
	e.Movements = []txhistory.Movement{{Kind: txhistory.MoveFee, Instrument: tr.Instrument, Change: fee, Transfer: 0}}

	entries, err := books.Record(at(7), e, g)
	require.NoError(t, err)
	require.Empty(t, entries.Recovered)
	require.Len(t, entries.Postings, 2, "nothing but the fee")
	require.Equal(t, books.Fees, entries.Postings[1].Kind)

	want, reason := wantedEnd(status)

	if differs != "" || !withdrawal.Allowed(state, want) {
		require.Empty(t, entries.Advances)
		require.Empty(t, entries.Events)

		return
	}

	require.Equal(t, []books.Advance{{ID: id, State: want, Reason: reason, Correlation: tr.Correlation, Origin: books.FromRequest}}, entries.Advances)
	require.Len(t, entries.Events, 1)

	payload := decode(t, entries.Events[0].Payload)
	require.Equal(t, "internal", payload["kind"])
	require.NotContains(t, payload, "account")
}

func wantedEnd(status txhistory.Status) (withdrawal.State, withdrawal.Reason) {
	switch status {
	case txhistory.Pending:
		return withdrawal.Offered, ""
	case txhistory.Completed:
		return withdrawal.Completed, ""
	default:
		return withdrawal.Failed, withdrawal.Reason(status)
	}
}

// TestChainsKeepTheirKind: a step of an internal withdrawal's chain that goes to somebody else is no step of it.
func TestChainsKeepTheirKind(t *testing.T) {
	t.Parallel()

	g := requests()
	g.Chains[chain] = "internal:1"
	w := g.Withdrawals["internal:1"]
	w.State, w.Correlation, w.Receiver = withdrawal.Offered, chain, bob
	g.Withdrawals[w.ID] = w

	tr := sent(txhistory.Out, txhistory.Rejected)
	tr.Correlation = chain

	entries, err := books.Record(at(7), one(tr, amount.Zero()), g)
	require.NoError(t, err)
	require.Equal(t, books.Entries{}, entries)
}

// TestTwoRefundsInOneUpdate: two offers that one transaction ends give back twice, under numbers of their own, beside
// the money that the transaction moves.
func TestTwoRefundsInOneUpdate(t *testing.T) {
	t.Parallel()

	g := requests()
	until := time.Unix(1_800_000_000, 0).UTC()

	var offers, ends txhistory.Effects

	for _, id := range []string{"w-1", "w-2"} {
		tr := sent(txhistory.Out, txhistory.Pending)
		tr.Memo, tr.Correlation, tr.ExecuteBefore = &id, chain+chain[:len(offers.Transfers)], &until
		offers.Transfers = append(offers.Transfers, tr)
		tr.Status = txhistory.Expired
		ends.Transfers = append(ends.Transfers, tr)
	}

	ends.Movements = []txhistory.Movement{{Kind: txhistory.MoveMint, Instrument: coin(), Change: amount.FromInt(3), Transfer: -1}}

	offered, err := books.Record(at(7), offers, g)
	require.NoError(t, err)
	require.Empty(t, offered.Postings)
	require.Len(t, offered.Advances, 2)
	require.Equal(t, &until, offered.Advances[1].ExecuteBefore)

	ended, err := books.Record(at(8), ends, g)
	require.NoError(t, err)
	require.Len(t, ended.Postings, 6)

	for i, p := range ended.Postings {
		require.Equal(t, i/2, p.Movement)
		require.Equal(t, i%2, p.Line)
		require.Equal(t, i >= 2, p.Origin == books.ByRefund)
	}

	for _, a := range ended.Advances {
		require.Nil(t, a.ExecuteBefore)
	}

	again, err := books.Record(at(9), ends, g)
	require.NoError(t, err)
	require.Empty(t, again.Advances)
	require.Len(t, again.Postings, 2, "what has ended gives nothing back")
}

// TestAReturnThatFailsComesBackToItsQueue: a deposit on its way back to its sender is nobody's money, and stays so.
func TestAReturnThatFailsComesBackToItsQueue(t *testing.T) {
	t.Parallel()

	for _, funds := range []books.AccountKind{books.UnattributedMoney, books.HeldMoney} {
		g := requests()
		w := g.Withdrawals["w-1"]
		w.Kind, w.Account, w.Funds = withdrawal.Return, "", funds
		g.Withdrawals["w-1"] = w

		offered := sent(txhistory.Out, txhistory.Pending)
		offered.Memo, offered.Correlation = new("w-1"), chain
		first, err := books.Record(at(1), one(offered, amount.FromInt(-100)), g)
		require.NoError(t, err)
		require.Len(t, first.Advances, 1)

		rejected := offered
		rejected.Status = txhistory.Rejected
		second, err := books.Record(at(2), one(rejected, amount.FromInt(100)), g)
		require.NoError(t, err)
		require.Equal(t, withdrawal.Failed, second.Advances[0].State)

		var back []books.Posting

		for _, p := range second.Postings {
			if p.Origin == books.ByRefund {
				back = append(back, p)
			}
		}

		require.Len(t, back, 2)
		require.Equal(t, books.WithdrawalsUnderWay, back[0].Kind)
		require.Equal(t, funds, back[1].Kind)
		require.Empty(t, back[1].Account)
		require.Equal(t, "100", back[1].Amount.Short())
	}
}
