package books_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// payment is one outgoing transfer and the one withdrawal, w-1, that the database knows.
type payment struct {
	status  txhistory.Status
	chained bool // the transfer is a step of a chain
	memo    string
	change  int64
	differs string // receiver, amount, instrument or nothing

	state  withdrawal.State
	origin books.Origin
	owns   bool // the withdrawal is the chain's
}

func paymentMemos() map[string]*string {
	text := func(s string) *string { return &s }

	return map[string]*string{
		"missing": nil, "empty": text(""), "its id": text("w-1"), "other case": text("W-1"), "blank": text("w-1 "), "another": text("w-2"),
		"nul": text("w-\x00"), "long": text(strings.Repeat("w", 256)), "longest": text(strings.Repeat("w", 255)),
		"reserved": text("recovered:update-7:0"), "not text": text("w-\xff"),
	}
}

const placeID = "recovered:update-7:0"

// usable is whether a memo can be the id of a recovered payment.
func usable(memo string) bool {
	return memo == "other case" || memo == "blank" || memo == "another" || memo == "longest"
}

// paymentOutcome is what one outgoing transfer must lead to.
type paymentOutcome struct {
	advanced  bool
	recovered string // the id, empty for none
	chained   bool
	state     withdrawal.State
	from      books.AccountKind
	refunded  bool
}

func (p payment) want() paymentOutcome {
	state := map[txhistory.Status]withdrawal.State{
		txhistory.Pending: withdrawal.Offered, txhistory.Completed: withdrawal.Completed,
	}[p.status]
	if state == "" {
		state = withdrawal.Failed
	}

	sent := p.status == txhistory.Completed && p.change < 0
	out := paymentOutcome{from: books.UnrecognizedMoney}
	own := books.WithdrawalsUnderWay

	if p.origin == books.FromHistory {
		own = books.RecoveredPayments
	}

	byMemo := !p.chainKnown() && p.origin == books.FromRequest && !p.owns && p.memo == "its id" && p.differs == "" &&
		p.state != withdrawal.Offered && !p.state.Final()
	byChain := p.chainKnown() && p.differs == "" && !p.state.Final()

	switch {
	case p.status == txhistory.Completed && !p.chained && p.change >= 0:
		return out // nothing has left, whatever the ledger's choice says
	case byMemo || byChain:
		out.advanced = state != withdrawal.Offered || p.state != withdrawal.Offered
		if out.advanced {
			out.state = state
			out.refunded = state == withdrawal.Failed && p.origin == books.FromRequest
		}
	case p.chainKnown() && !sent:
		return out // says nothing about the withdrawal, and nothing has left
	default:
		out.recovered, out.state, out.chained = placeID, state, p.chained && !p.chainKnown()
		if usable(p.memo) && p.differs != "instrument" { // of a token that is not listed no id is taken
			out.recovered = *paymentMemos()[p.memo]
		}

		own = books.RecoveredPayments
	}

	if sent {
		out.from = own
	}

	return out
}

func (p payment) chainKnown() bool { return p.chained && p.owns }

func (p payment) grounds() *books.Grounds {
	w := books.Withdrawal{
		ID: "w-1", Kind: withdrawal.ForCustomer, Origin: p.origin, State: p.state, Instrument: coin(), Amount: amount.FromInt(100), Receiver: bob,
	}
	if p.origin == books.FromRequest {
		w.Account = "c1"
	}

	g := books.NewGrounds(treasury)
	if p.owns {
		w.Correlation = chain
		g.Chains[chain] = w.ID
	}

	g.Withdrawals[w.ID] = w
	g.Listings[coin()] = books.Listing{Listed: true}

	return g
}

func (p payment) transfer() txhistory.Transfer {
	tr := txhistory.Transfer{
		Node: 4, Leg: 2, Direction: txhistory.Out, Status: p.status, Sender: treasury, Receiver: bob, Instrument: coin(),
		Amount: amount.FromInt(100), Memo: paymentMemos()[p.memo],
	}
	if p.chained {
		tr.Correlation = chain
	}

	switch p.differs {
	case "receiver":
		tr.Receiver = alice
	case "amount":
		tr.Amount = amount.FromInt(101)
	case "instrument":
		tr.Instrument = forged()
	}

	return tr
}

// TestEveryPayment goes through every combination of what an outgoing transfer can be and what is known about it.
func TestEveryPayment(t *testing.T) {
	t.Parallel()

	for _, status := range statuses() {
		for _, state := range withdrawal.States() {
			t.Run(string(status)+"/"+string(state), func(t *testing.T) {
				t.Parallel()

				for _, origin := range []books.Origin{books.FromRequest, books.FromHistory} {
					for memo := range paymentMemos() {
						for _, differs := range []string{"", "receiver", "amount", "instrument"} {
							for _, change := range []int64{-100, -99, 0, 100} {
								for flags := range 4 {
									requirePayment(t, payment{status, flags&1 != 0, memo, change, differs, state, origin, flags&2 != 0})
								}
							}
						}
					}
				}
			})
		}
	}
}

func requirePayment(t *testing.T, p payment) {
	t.Helper()

	g, tr, want := p.grounds(), p.transfer(), p.want()
	entries, err := books.Record(at(7), one(tr, amount.FromInt(p.change)), g)
	require.NoError(t, err, "%+v", p)

	got := paymentOutcome{from: want.from, refunded: want.refunded}

	for _, a := range entries.Advances {
		require.Equal(t, "w-1", a.ID)
		require.Equal(t, tr.Correlation, a.Correlation)

		got.advanced, got.state = true, a.State
	}

	for _, r := range entries.Recovered {
		got.recovered, got.chained, got.state = r.ID, r.Correlation != "", r.State
		require.True(t, r.Amount.Equal(tr.Amount))
		require.Equal(t, tr.Receiver, r.Receiver)
		require.Equal(t, tr.Instrument, r.Instrument)
	}

	require.Equal(t, want, got, "%+v", p)
	require.LessOrEqual(t, len(entries.Advances)+len(entries.Recovered), 1)
	require.Len(t, entries.Events, len(entries.Advances)+len(entries.Recovered), "%+v", p)
	require.Empty(t, entries.Deposits)
	require.Empty(t, entries.Settlements)

	for _, e := range entries.Events {
		require.Equal(t, "withdrawal."+string(want.state), e.Type)
	}

	postings := requireRefund(t, entries.Postings, want.refunded)

	if p.change == 0 {
		require.Empty(t, postings)

		return
	}

	require.Len(t, postings, 2)
	require.Equal(t, want.from, postings[1].Kind, "%+v", p)
	require.Empty(t, postings[1].Account)
	require.True(t, postings[1].Amount.Equal(amount.FromInt(p.change)))

	if p.state.Final() {
		require.Equal(t, p.state, g.Withdrawals["w-1"].State, "an ended withdrawal changed: %+v", p)
	}
}

// requireRefund finds w-1's money on its way back to its customer, and gives the other postings.
func requireRefund(t *testing.T, postings []books.Posting, wanted bool) []books.Posting {
	t.Helper()

	at := slices.IndexFunc(postings, func(p books.Posting) bool { return p.Origin == books.ByRefund })
	if !wanted {
		require.Negative(t, at)

		return postings
	}

	require.Len(t, postings, at+2, "refunds come last")

	for i, want := range []books.Posting{
		{Origin: books.ByRefund, Movement: at / 2, Line: 0, Kind: books.WithdrawalsUnderWay, Instrument: coin(), Amount: amount.FromInt(-100)},
		{Origin: books.ByRefund, Movement: at / 2, Line: 1, Kind: books.Customer, Account: "c1", Instrument: coin(), Amount: amount.FromInt(100)},
	} {
		require.True(t, want.Amount.Equal(postings[at+i].Amount))

		want.Amount = postings[at+i].Amount
		require.Equal(t, want, postings[at+i])
	}

	return postings[:at]
}

func TestFailureSaysWhy(t *testing.T) {
	t.Parallel()

	for _, status := range []txhistory.Status{txhistory.Rejected, txhistory.Withdrawn, txhistory.Expired, txhistory.Failed} {
		p := payment{status: status, chained: true, owns: true, state: withdrawal.Offered, origin: books.FromRequest}

		entries, err := books.Record(at(7), one(p.transfer(), amount.Zero()), p.grounds())
		require.NoError(t, err)
		require.Equal(t, []books.Advance{{ID: "w-1", State: withdrawal.Failed, Reason: withdrawal.Reason(status), Correlation: chain, Origin: books.FromRequest}}, entries.Advances)
	}
}

// TestAnUnknownStatusIsNoFailure: a failed withdrawal is paid back or again, so nothing may become one by default.
func TestAnUnknownStatusIsNoFailure(t *testing.T) {
	t.Parallel()

	p := payment{status: "postponed", chained: true, owns: true, memo: "its id", state: withdrawal.Offered, origin: books.FromRequest}

	entries, err := books.Record(at(7), one(p.transfer(), amount.Zero()), p.grounds())
	require.ErrorContains(t, err, `status "postponed"`)
	require.Empty(t, entries.Advances)
}

// TestASecondPaymentStandsOut pays one request twice, within an update and across updates.
func TestASecondPaymentStandsOut(t *testing.T) {
	t.Parallel()

	pay := payment{status: txhistory.Completed, memo: "its id", change: -100, state: "submitted", origin: books.FromRequest}
	first, second := pay.transfer(), pay.transfer()
	second.Node = 9

	e := one(first, amount.FromInt(-100))
	e.Transfers = append(e.Transfers, second)
	e.Movements = append(e.Movements, txhistory.Movement{
		Node: 9, Kind: txhistory.MoveTransfer, Instrument: coin(), Change: amount.FromInt(-100), Transfer: 1,
	})

	g := pay.grounds()
	entries, err := books.Record(at(7), e, g)
	require.NoError(t, err)
	require.Len(t, entries.Advances, 1)
	require.Len(t, entries.Recovered, 1)
	require.Equal(t, "recovered:update-7:1", entries.Recovered[0].ID)
	require.Equal(t, books.WithdrawalsUnderWay, entries.Postings[1].Kind)
	require.Equal(t, books.RecoveredPayments, entries.Postings[3].Kind)

	third, err := books.Record(at(8), one(first, amount.FromInt(-100)), g)
	require.NoError(t, err)
	require.Empty(t, third.Advances)
	require.Equal(t, "recovered:update-8:0", third.Recovered[0].ID)
}

// TestAnotherTokensChainDecidesNothing: any registry can make an instruction that names the chain of another token's
// offer, and end it. The exchange must neither give money back nor count a payment as made.
func TestAnotherTokensChainDecidesNothing(t *testing.T) {
	t.Parallel()

	for _, status := range statuses() {
		p := payment{status: status, chained: true, owns: true, state: withdrawal.Offered, origin: books.FromRequest, differs: "instrument"}
		g := p.grounds()

		entries, err := books.Record(at(7), one(p.transfer(), amount.Zero()), g)
		require.NoError(t, err)
		require.Equal(t, books.Entries{}, entries, status)
		require.Equal(t, withdrawal.Offered, g.Withdrawals["w-1"].State)
	}
}

func TestAPaymentOfNothingIsNotRecovered(t *testing.T) {
	t.Parallel()

	tr := txhistory.Transfer{Direction: txhistory.Out, Status: txhistory.Completed, Instrument: coin(), Receiver: bob}

	entries, err := books.Record(at(1), one(tr, amount.Zero()), books.NewGrounds(treasury))
	require.NoError(t, err)
	require.Equal(t, books.Entries{}, entries)
}

func TestRecoveredIDsNeverMeet(t *testing.T) {
	t.Parallel()

	// A payment whose memo looks like the name that a later payment will get.
	g, claimed := books.NewGrounds(treasury), "recovered:update-2:0:0"
	ids := map[string]bool{}

	for no := range int64(3) {
		tr := txhistory.Transfer{
			Direction: txhistory.Out, Status: txhistory.Completed, Instrument: coin(), Receiver: bob, Amount: amount.FromInt(1), Memo: &claimed,
		}

		entries, err := books.Record(at(no+1), one(tr, amount.FromInt(-1)), g)
		require.NoError(t, err)
		require.Len(t, entries.Recovered, 1)
		require.False(t, ids[entries.Recovered[0].ID])
		ids[entries.Recovered[0].ID] = true
	}
}
