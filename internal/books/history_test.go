package books_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// register is a database in small: it holds what Record decided, answers Questions and refuses what the real one refuses.
type register struct {
	accounts    map[string]books.Account
	listings    map[ident.Instrument]books.Listing
	deposits    map[uuid.UUID]books.Deposit
	ofChain     map[ident.ContractID]uuid.UUID
	withdrawals map[string]books.Withdrawal
	decided     map[uuid.UUID]books.Attribution
	events      map[uuid.UUID]books.Event
	postings    []books.Posting
}

func newRegister() *register {
	r := &register{
		accounts:    map[string]books.Account{"acc-1": {Name: "c1", Enabled: true}, "acc-2": {Name: "c2", Enabled: true}, "acc-3": {Name: "c3"}},
		listings:    map[ident.Instrument]books.Listing{coin(): {Listed: true, MinimumDeposit: amount.FromInt(3)}},
		deposits:    map[uuid.UUID]books.Deposit{},
		ofChain:     map[ident.ContractID]uuid.UUID{},
		withdrawals: map[string]books.Withdrawal{}, events: map[uuid.UUID]books.Event{},
	}
	for i, id := range []string{"w-1", "w-2", "w-3"} {
		r.withdrawals[id] = books.Withdrawal{
			ID: id, Kind: withdrawal.ForCustomer, Origin: books.FromRequest, State: withdrawal.States()[i], Account: "owner of " + id,
			Instrument: coin(), Amount: amount.FromInt(int64(i + 1)), Receiver: bob,
		}
	}

	r.withdrawals["internal:1"] = books.Withdrawal{
		ID: "internal:1", Kind: withdrawal.Internal, Origin: books.FromRequest, State: withdrawal.Submitted,
		Instrument: coin(), Amount: amount.FromInt(2), Receiver: treasury,
	}

	return r
}

// grounds answers just what was asked, as the database does.
func (r *register) grounds(q books.Questions) *books.Grounds {
	g := books.NewGrounds(treasury)

	for _, key := range q.MemoKeys {
		if a, ok := r.accounts[key]; ok {
			g.Accounts[key] = a
		}
	}

	for _, i := range q.Instruments {
		if l, ok := r.listings[i]; ok {
			g.Listings[i] = l
		}
	}

	for _, c := range q.DepositChains {
		if id, ok := r.ofChain[c]; ok {
			g.Offers[c] = books.Offer{DepositID: id, Open: r.deposits[id].Attribution.State == books.Offered}
		}
	}

	for _, w := range r.withdrawals {
		if slices.Contains(q.WithdrawalIDs, w.ID) || w.Correlation != "" && slices.Contains(q.WithdrawalChains, w.Correlation) {
			g.Withdrawals[w.ID] = w
			if w.Correlation != "" {
				g.Chains[w.Correlation] = w.ID
			}
		}
	}

	for _, id := range q.DepositIDs {
		if a, ok := r.decided[id]; ok {
			if g.Decided == nil {
				g.Decided = map[uuid.UUID]books.Attribution{}
			}

			g.Decided[id] = a
		}
	}

	return g
}

// store keeps the entries as the tables would, and fails where a constraint or a guard would.
func (r *register) store(t require.TestingT, e books.Entries) {
	for _, d := range e.Deposits {
		require.NotContains(t, r.deposits, d.ID, "a deposit is stored twice")
		require.Positive(t, d.Amount.Sign())

		if d.Kind == books.ByOffer {
			require.NotEmpty(t, d.Correlation)
			require.NotContains(t, r.ofChain, d.Correlation, "a chain has two deposits")
			r.ofChain[d.Correlation] = d.ID
		}

		r.deposits[d.ID] = d
	}

	for _, s := range e.Settlements {
		d, ok := r.deposits[r.ofChain[s.Correlation]]
		require.True(t, ok, "a settlement of nothing")
		require.Equal(t, books.Offered, d.Attribution.State, "a chain is settled twice")
		require.Positive(t, s.Amount.Sign())

		d.Attribution, d.Amount = s.Attribution, s.Amount
		r.deposits[d.ID] = d
	}

	for _, w := range e.Recovered {
		require.NotContains(t, r.withdrawals, w.ID, "a recovered id is taken")
		require.Positive(t, w.Amount.Sign())
		r.requireFreeChain(t, w.Correlation, w.ID)
		r.withdrawals[w.ID] = books.Withdrawal{
			ID: w.ID, Kind: withdrawal.ForCustomer, Origin: books.FromHistory, State: w.State, Instrument: w.Instrument, Amount: w.Amount, Receiver: w.Receiver, Correlation: w.Correlation,
		}
	}

	for _, a := range e.Advances {
		w, ok := r.withdrawals[a.ID]
		require.True(t, ok, "an advance of nothing")
		require.True(t, withdrawal.Allowed(w.State, a.State), "%s leaves %s for %s", w.ID, w.State, a.State)

		if w.Correlation == "" {
			r.requireFreeChain(t, a.Correlation, a.ID)
			w.Correlation = a.Correlation
		}

		w.State = a.State
		r.withdrawals[a.ID] = w
	}

	for _, event := range e.Events {
		require.NotContains(t, r.events, event.ID, "an event id twice")
		require.True(t, json.Valid(event.Payload))
		r.events[event.ID] = event
	}

	r.requireRefunds(t, e)
	r.postings = append(r.postings, e.Postings...)
}

// requireRefunds holds an update's movements of withdrawals' money against what it says of the withdrawals: who fails
// gets the whole amount back, and money leaves the account of withdrawals for nothing else than a payment.
func (r *register) requireRefunds(t require.TestingT, e books.Entries) {
	type line struct {
		origin         books.PostingOrigin
		movement, line int
	}

	lines, paid, back := map[line]bool{}, false, map[string]amount.Amount{}

	for _, p := range e.Postings {
		key := line{p.Origin, p.Movement, p.Line}
		require.False(t, lines[key], "the key of postings")
		lines[key] = true

		switch {
		case p.Origin == books.ByLedger && p.Kind == books.WithdrawalsUnderWay:
			paid = true
		case p.Origin == books.ByRefund && p.Kind == books.Customer:
			back[p.Account] = plus(t, back[p.Account], p.Amount)
		case p.Origin == books.ByRefund:
			require.Equal(t, books.WithdrawalsUnderWay, p.Kind)
		}
	}

	completed := false

	for _, a := range e.Advances {
		w := r.withdrawals[a.ID]
		theirs := w.Origin == books.FromRequest && w.Kind == withdrawal.ForCustomer
		completed = completed || theirs && a.State == withdrawal.Completed

		if theirs && a.State == withdrawal.Failed {
			require.True(t, back[w.Account].Equal(w.Amount), "%s failed and got %s", w.ID, back[w.Account])
			delete(back, w.Account)
		}
	}

	require.Empty(t, back, "a refund of nothing")
	require.True(t, completed || !paid, "money of withdrawals left without a payment of one")
}

// requireEndsOnce holds the refunds of all updates against how the withdrawals have ended.
func (r *register) requireEndsOnce(t require.TestingT) {
	back := map[string]amount.Amount{}

	for _, p := range r.postings {
		if p.Origin == books.ByRefund && p.Kind == books.Customer {
			back[p.Account] = plus(t, back[p.Account], p.Amount)
		}
	}

	for id, w := range r.withdrawals {
		want := amount.Zero()
		if w.Origin == books.FromRequest && w.Kind == withdrawal.ForCustomer && w.State == withdrawal.Failed {
			want = w.Amount
		}

		require.True(t, back["owner of "+id].Equal(want), "%s is %s and got %s", id, w.State, back["owner of "+id])
	}
}

func (r *register) requireFreeChain(t require.TestingT, c ident.ContractID, id string) {
	for _, w := range r.withdrawals {
		require.False(t, c != "" && w.Correlation == c && w.ID != id, "chain %s has two withdrawals", c)
	}
}

// book records updates one batch at a time.
func (r *register) book(t require.TestingT, history []txhistory.Effects, batches []int) []books.Entries {
	var all []books.Entries

	no := 0

	for _, size := range batches {
		var q books.Questions
		for i := range size {
			q.Ask(treasury, at(int64(no+i)).ID, history[no+i])
		}

		g := r.grounds(q)

		var recorded []books.Entries

		for range size {
			e, err := books.Record(at(int64(no)), history[no], g)
			require.NoError(t, err)
			requireBalanced(t, history[no], e)

			recorded = append(recorded, e)
			no++
		}

		for _, e := range recorded {
			r.store(t, e)
		}

		all = append(all, recorded...)
	}

	return all
}

// requireBalanced holds an update's postings against its movements.
func requireBalanced(t require.TestingT, e txhistory.Effects, entries books.Entries) {
	type key struct {
		movement   int
		instrument ident.Instrument
	}

	sums := map[key]amount.Amount{}
	booked := map[ident.Instrument]amount.Amount{}

	for _, p := range entries.Postings {
		require.False(t, p.Amount.IsZero())
		require.NotEmpty(t, p.Kind)
		require.Equal(t, p.Kind == books.Customer, p.Account != "")

		k := key{p.Movement, p.Instrument}
		sums[k] = plus(t, sums[k], p.Amount)

		if p.Kind != books.Network {
			booked[p.Instrument] = plus(t, booked[p.Instrument], p.Amount)
		}
	}

	for k, sum := range sums {
		require.True(t, sum.IsZero(), "movement %d of %s sums to %s", k.movement, k.instrument, sum)
	}

	for _, m := range e.Movements {
		booked[m.Instrument] = plus(t, booked[m.Instrument], m.Change.Neg())
	}

	for instrument, rest := range booked {
		require.True(t, rest.IsZero(), "%s of %s is not booked", rest, instrument)
	}
}

func plus(t require.TestingT, a, b amount.Amount) amount.Amount {
	sum, err := a.Add(b)
	require.NoError(t, err)

	return sum
}

// requireOwed holds what accounts were given against what deposits say they were given.
func (r *register) requireOwed(t require.TestingT) {
	type owner struct {
		kind       books.AccountKind
		account    string
		instrument ident.Instrument
	}

	owed := map[owner]amount.Amount{}

	for _, d := range r.deposits {
		switch d.Attribution.State {
		case books.Credited:
			k := owner{books.Customer, d.Attribution.Account, d.Instrument}
			owed[k] = plus(t, owed[k], d.Amount)
		case books.Unattributed:
			k := owner{books.UnattributedMoney, "", d.Instrument}
			owed[k] = plus(t, owed[k], d.Amount)
		default:
		}
	}

	for _, p := range r.postings {
		if p.Origin == books.ByRefund {
			continue
		}

		if p.Kind == books.Customer || p.Kind == books.UnattributedMoney {
			k := owner{p.Kind, p.Account, p.Instrument}
			owed[k] = plus(t, owed[k], p.Amount.Neg())
		}
	}

	for k, rest := range owed {
		require.True(t, rest.IsZero(), "%+v: deposits and postings differ by %s", k, rest)
	}
}

func anyHistory(t *rapid.T) []txhistory.Effects {
	return rapid.SliceOfN(rapid.Custom(anyEffects), 1, 12).Draw(t, "history")
}

// anyEffects are effects that no honest ledger shows, too: chains that end twice, go on after their end, change
// their token or their direction, and movements against the transfer's direction.
func anyEffects(t *rapid.T) txhistory.Effects {
	var e txhistory.Effects

	for i := range rapid.IntRange(0, 3).Draw(t, "transfers") {
		e.Transfers = append(e.Transfers, anyTransfer(t, ident.NodeID(i)))
	}

	for range rapid.IntRange(0, 5).Draw(t, "movements") {
		m := txhistory.Movement{
			Kind: rapid.SampledFrom([]txhistory.MovementKind{
				txhistory.MoveTransfer, txhistory.MoveTransfer, txhistory.MoveTransfer, txhistory.MoveFee, txhistory.MoveMint, txhistory.MoveBurn,
				txhistory.MoveExpireDust, txhistory.MoveMergeSplit, txhistory.MoveOpening, txhistory.MoveUnrecognized,
			}).Draw(t, "kind"),
			Instrument: anyInstrument(t), Transfer: rapid.IntRange(-1, len(e.Transfers)-1).Draw(t, "of"),
			Change: amount.FromInt(rapid.SampledFrom([]int64{-3, -2, -1, 1, 2, 3, 7}).Draw(t, "change")),
		}
		if m.Transfer >= 0 && rapid.IntRange(0, 4).Draw(t, "honest") > 0 {
			m.Instrument = e.Transfers[m.Transfer].Instrument
		}

		e.Movements = append(e.Movements, m)
	}

	if rapid.IntRange(0, 5).Draw(t, "problem") == 0 {
		e.Unrecognized = []txhistory.Unrecognized{{Problem: txhistory.ProblemAmount, Detail: "\x00"}, {Problem: txhistory.ProblemAmount}}
	}

	return e
}

func anyInstrument(t *rapid.T) ident.Instrument {
	return rapid.SampledFrom([]ident.Instrument{coin(), coin(), coin(), forged()}).Draw(t, "instrument")
}

func anyTransfer(t *rapid.T, node ident.NodeID) txhistory.Transfer {
	of := func(s string) *string { return &s }

	return txhistory.Transfer{
		Node: node, Sender: alice, Instrument: anyInstrument(t),
		Receiver: rapid.SampledFrom([]ident.Party{bob, bob, alice, treasury}).Draw(t, "receiver"),
		Reference: rapid.SampledFrom([]*string{nil, nil, nil, of("w-1"), of("w-2"), of("internal:1"), of("\x00")}).
			Draw(t, "reference"),
		Direction: rapid.SampledFrom([]txhistory.Direction{txhistory.In, txhistory.Out, txhistory.Self}).Draw(t, "direction"),
		Status: rapid.SampledFrom([]txhistory.Status{
			txhistory.Pending, txhistory.Pending, txhistory.Completed, txhistory.Completed, txhistory.Rejected, txhistory.Failed,
		}).Draw(t, "status"),
		Amount: amount.FromInt(rapid.Int64Range(1, 4).Draw(t, "amount")),
		Memo: rapid.SampledFrom([]*string{
			nil, of("acc-1"), of("ACC-2"), of("acc-3"), of("acc-9"), of("w-1"), of("w-1"), of("w-2"), of("w-3"), of("w-9"), of("internal:1"),
			of("recovered:update-3:0:0"), of("recovered:update-5:1:0"), of("\x00"),
		}).Draw(t, "memo"),
		Correlation: rapid.SampledFrom([]ident.ContractID{"", "00a", "00a", "00b", "00c"}).Draw(t, "chain"),
	}
}

// batchesOf cuts a history into random batches.
func batchesOf(t *rapid.T, n int) []int {
	var sizes []int

	for n > 0 {
		size := rapid.IntRange(1, n).Draw(t, "batch")
		sizes = append(sizes, size)
		n -= size
	}

	return sizes
}

// TestAnyHistory books histories that no honest ledger would show, and holds what comes out against the promises:
// register.store fails where a deposit is credited twice, a chain settled twice, or an ended withdrawal changed.
func TestAnyHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		r := newRegister()
		r.book(t, history, batchesOf(t, len(history)))
		r.requireOwed(t)
		r.requireEndsOnce(t)
	})
}

// TestBatchesDecideNothing books the same history in batches and update by update.
func TestBatchesDecideNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		single := slices.Repeat([]int{1}, len(history))
		require.Equal(t, text(t, newRegister().book(t, history, single)), text(t, newRegister().book(t, history, batchesOf(t, len(history)))))
	})
}

// text makes entries comparable: one amount has several representations in memory.
func text(t require.TestingT, e []books.Entries) string {
	raw, err := json.MarshalIndent(e, "", " ")
	require.NoError(t, err)

	return string(raw)
}

// TestARebuildGivesEveryDepositBack derives a history again after memos and listings have changed.
func TestARebuildGivesEveryDepositBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		history := anyHistory(t)
		before := newRegister()
		before.book(t, history, batchesOf(t, len(history)))

		after := newRegister()
		after.accounts = map[string]books.Account{"acc-1": {Name: "c1"}, "acc-3": {Name: "c3", Enabled: true}, "acc-9": {Name: "c9", Enabled: true}}
		after.listings = map[ident.Instrument]books.Listing{forged(): {Listed: true}}
		after.decided = map[uuid.UUID]books.Attribution{}

		for id, d := range before.deposits {
			after.decided[id] = d.Attribution
		}

		after.book(t, history, batchesOf(t, len(history)))

		require.ElementsMatch(t, slices.Collect(maps.Keys(before.deposits)), slices.Collect(maps.Keys(after.deposits)))

		for id, d := range before.deposits {
			if d.Attribution.State == books.Offered {
				continue // the account that an open offer names is for show and follows the memos
			}

			require.Equal(t, d.Attribution, after.deposits[id].Attribution)
			require.True(t, d.Amount.Equal(after.deposits[id].Amount))
		}

		after.requireOwed(t)
	})
}
