package books_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
)

const (
	treasury = ident.Party("treasury::1220aa")
	alice    = ident.Party("alice::1220bb")
	bob      = ident.Party("bob::1220cc")
	chain    = ident.ContractID("00c1")
)

func coin() ident.Instrument { return ident.Instrument{Admin: "dso::1220dd", ID: "Amulet"} }

// forged has the same id under another admin: another token.
func forged() ident.Instrument { return ident.Instrument{Admin: "mallory::1220ee", ID: "Amulet"} }

func statuses() []txhistory.Status {
	return []txhistory.Status{
		txhistory.Pending, txhistory.Completed, txhistory.Rejected, txhistory.Withdrawn, txhistory.Expired, txhistory.Failed,
	}
}

func evidences() []txhistory.Evidence {
	return []txhistory.Evidence{
		txhistory.ByFactory, txhistory.ByInstruction, txhistory.ByEventLog, txhistory.ByResultMeta, txhistory.BySettlement,
	}
}

func at(no int64) books.Update {
	return books.Update{No: no, ID: ident.UpdateID(fmt.Sprintf("update-%d", no)), RecordTime: time.Unix(1_700_000_000+no, 0).UTC()}
}

// one is the effects of a single transfer that changed the holdings.
func one(tr txhistory.Transfer, change amount.Amount) txhistory.Effects {
	e := txhistory.Effects{Transfers: []txhistory.Transfer{tr}}
	if !change.IsZero() {
		e.Movements = []txhistory.Movement{{Node: tr.Node, Kind: txhistory.MoveTransfer, Instrument: tr.Instrument, Change: change}}
	}

	return e
}

// depositOutcome is what one incoming transfer must lead to, apart from ids.
type depositOutcome struct {
	created, settled bool
	kind             books.DepositKind
	state            books.DepositState
	reason, account  string
	to               books.AccountKind // where the change is posted, if there is one
}

type depositCase struct {
	status   txhistory.Status
	evidence txhistory.Evidence
	chain    string // none, new, open, ended, foreign
	memo     string
	listing  string // listed, delisted, unknown; or listed and blocked (its sender), screened, delayed, screened and delayed, or its memo given later
	amount   amount.Amount
	change   amount.Amount
}

func depositMemos() map[string]*string {
	text := func(s string) *string { return &s }

	return map[string]*string{
		"missing": nil, "empty": text(""), "blank": text(" \t "), "stranger": text("who"), "known": text("acc-1"), "odd": text(" \u00a0AcC-1\n"),
		"disabled": text("ACC-2"), "nul": text("acc-1\x00"), "long": text(strings.Repeat("a", 129)), "inner": text("acc -1"),
	}
}

// wantOwner is the table of the house: what a memo says, before the token and the amount are looked at.
func wantOwner(memo string) (account, reason string) {
	switch memo {
	case "missing":
		return "", "missing_memo"
	case "empty":
		return "", "empty_memo"
	case "known", "odd":
		return "customer-1", ""
	case "disabled":
		return "customer-2", "disabled_memo"
	default:
		return "", "unknown_memo"
	}
}

func (c depositCase) want() depositOutcome {
	account, reason := wantOwner(c.memo)

	switch {
	case c.listing == "delisted" || c.listing == "unknown":
		reason = "unlisted_instrument"
	case reason == "" && c.arrived().Cmp(amounttest.Of("10")) < 0:
		reason = "below_minimum"
	case reason == "":
		reason = map[string]string{
			"blocked": "sender_blocked", "later": "memo_given_later", "delayed": "awaits_time", "screened": "awaits_screening", "screened, delayed": "awaits_screening",
		}[c.listing]
	}

	money := c.status == txhistory.Completed && c.change.Sign() > 0
	if money {
		return c.wantMoney(account, reason)
	}

	out := depositOutcome{to: books.UnrecognizedMoney}

	switch {
	case c.status == txhistory.Pending && c.chain == "new":
		out.created, out.kind, out.state, out.account = true, books.ByOffer, books.Offered, account
	case c.status != txhistory.Pending && c.chain == "open":
		out.settled = true
		out.state = map[txhistory.Status]books.DepositState{
			txhistory.Completed: books.Failed, txhistory.Failed: books.Failed, txhistory.Rejected: books.Rejected,
			txhistory.Withdrawn: books.Withdrawn, txhistory.Expired: books.Expired,
		}[c.status]
	}

	return out
}

func (c depositCase) wantMoney(account, reason string) depositOutcome {
	out := depositOutcome{state: books.Credited, account: account, reason: reason, to: books.Customer}

	switch {
	case strings.HasPrefix(reason, "awaits_"):
		out.state, out.to = books.Held, books.HeldMoney
	case reason != "":
		out.state, out.to = books.Unattributed, books.UnattributedMoney
	}

	switch c.chain {
	case "none":
		out.created, out.kind = true, books.OneStep
	case "new":
		out.created, out.kind = true, books.ByOffer
	case "open":
		out.settled = true
	case "ended", "foreign":
		out.created, out.kind = true, books.OneStep
		out.state, out.reason, out.to = books.Unattributed, "unexpected_settlement", books.UnattributedMoney
	}

	return out
}

// arrived is what counts: the change of holdings, and before there is one the promise.
func (c depositCase) arrived() amount.Amount {
	if c.status == txhistory.Completed {
		return c.change
	}

	return c.amount
}

func (c depositCase) grounds() *books.Grounds {
	g := books.NewGrounds(treasury)
	g.Accounts["acc-1"] = books.Account{Name: "customer-1", Enabled: true}
	g.Accounts["acc-2"] = books.Account{Name: "customer-2"}

	if c.listing != "unknown" {
		g.Listings[coin()] = books.Listing{
			Listed: c.listing != "delisted", MinimumDeposit: amounttest.Of("10"),
			Screens: strings.HasPrefix(c.listing, "screened"), Delays: strings.HasSuffix(c.listing, "delayed"),
		}
	}

	if c.listing == "later" {
		l := g.Listings[coin()]
		l.ConfirmFrom = new(amounttest.Of("10"))
		g.Listings[coin()] = l

		for key, a := range g.Accounts {
			a.Since = at(100).RecordTime // after all of the test's updates
			g.Accounts[key] = a
		}
	}

	g.Blocked[alice] = c.listing == "blocked"
	g.Blocked[bob] = true

	if c.chain == "open" || c.chain == "ended" || c.chain == "foreign" {
		c.recordOffer(g)
	}

	return g
}

// recordOffer tells the grounds what came before on the transfer's chain.
func (c depositCase) recordOffer(g *books.Grounds) {
	offer := txhistory.Transfer{
		Direction: txhistory.In, Status: txhistory.Pending, Instrument: coin(), Amount: c.amount, Correlation: chain,
	}
	if c.chain == "foreign" {
		offer.Instrument = forged()
	}

	record := func(no int64) {
		if _, err := books.Record(at(no), one(offer, amount.Zero()), g); err != nil {
			panic(err)
		}
	}

	record(1)

	if c.chain == "ended" {
		offer.Status = txhistory.Withdrawn
		record(2)
	}
}

func (c depositCase) transfer(memo *string) txhistory.Transfer {
	tr := txhistory.Transfer{
		Node: 4, Leg: 2, Direction: txhistory.In, Status: c.status, Evidence: c.evidence, Sender: alice, Receiver: treasury,
		Instrument: coin(), Amount: c.amount, Memo: memo,
	}
	if c.chain != "none" {
		tr.Correlation = chain
	}

	return tr
}

// TestEveryDeposit goes through every combination of what an incoming transfer can be.
func TestEveryDeposit(t *testing.T) {
	t.Parallel()

	for _, status := range statuses() {
		for _, evidence := range evidences() {
			t.Run(string(status)+"/"+string(evidence), func(t *testing.T) {
				t.Parallel()

				for _, c := range depositCases(status, evidence) {
					requireDeposit(t, c)
				}
			})
		}
	}
}

func depositCases(status txhistory.Status, evidence txhistory.Evidence) []depositCase {
	var cases []depositCase

	for _, where := range []string{"none", "new", "open", "ended", "foreign"} {
		for memo := range depositMemos() {
			for _, listing := range []string{"listed", "delisted", "unknown", "blocked", "screened", "delayed", "screened, delayed", "later"} {
				for _, promised := range []string{"9.9999999999", "10", "10.0000000001"} {
					a := amounttest.Of(promised)
					for _, change := range []amount.Amount{
						a, amount.Zero(), a.Neg(), amounttest.Of("0.0000000001"), amounttest.Of("9.9999999999"), amounttest.Of("10"), amounttest.Of("11"),
					} {
						cases = append(cases, depositCase{status, evidence, where, memo, listing, a, change})
					}
				}
			}
		}
	}

	return cases
}

func requireDeposit(t *testing.T, c depositCase) {
	t.Helper()

	memo := depositMemos()[c.memo]
	tr := c.transfer(memo)
	entries, err := books.Record(at(7), one(tr, c.change), c.grounds())
	require.NoError(t, err, "%+v", c)

	want := c.want()
	got := depositOutcome{to: want.to}

	for _, d := range entries.Deposits {
		got.created, got.kind, got.state, got.reason, got.account = true, d.Kind, d.Attribution.State, d.Attribution.Reason, d.Attribution.Account
		require.True(t, d.Amount.Equal(c.arrived()), "amount of %+v: %s", c, d.Amount)
		require.Equal(t, memo, d.Memo)
		require.Equal(t, alice, d.Sender)
		require.Equal(t, d.Kind == books.ByOffer, d.Correlation != "", "%+v", c)
		require.Equal(t, d.Attribution.State == books.Offered, d.Offered, "%+v", c)
		require.Equal(t, d.Attribution.State == books.Offered, d.Place == nil, "%+v", c)
	}

	for _, s := range entries.Settlements {
		got.settled, got.state, got.reason, got.account = true, s.Attribution.State, s.Attribution.Reason, s.Attribution.Account
		require.Equal(t, books.Place{Node: 4, Leg: 2}, s.Place)
		require.Equal(t, chain, s.Correlation)

		if s.Attribution.State == books.Credited || s.Attribution.State == books.Held || s.Attribution.State == books.Unattributed {
			require.True(t, s.Amount.Equal(c.change), "%+v", c)
		}
	}

	require.Equal(t, want, got, "%+v", c)
	require.LessOrEqual(t, len(entries.Deposits)+len(entries.Settlements), 1, "%+v", c)
	require.Len(t, entries.Events, len(entries.Deposits)+len(entries.Settlements), "%+v", c)
	require.Empty(t, entries.Recovered)
	require.Empty(t, entries.Advances)
	requirePosted(t, c, entries.Postings, want)

	for _, e := range entries.Events {
		require.Equal(t, "deposit."+string(want.state), e.Type)
	}
}

func requirePosted(t *testing.T, c depositCase, postings []books.Posting, want depositOutcome) {
	t.Helper()

	if c.change.IsZero() {
		require.Empty(t, postings, "%+v", c)

		return
	}

	require.Len(t, postings, 2, "%+v", c)
	require.Equal(t, books.Network, postings[0].Kind)
	require.True(t, postings[0].Amount.Equal(c.change.Neg()))
	require.Equal(t, want.to, postings[1].Kind, "%+v", c)
	require.True(t, postings[1].Amount.Equal(c.change))

	account := ""
	if want.to == books.Customer {
		account = "customer-1"
	}

	require.Equal(t, account, postings[1].Account, "%+v", c)
}

// TestAMemoThatWasGivenLater decides about money only where one person may, and only about what was sent before it.
func TestAMemoThatWasGivenLater(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct {
		name   string
		since  int64 // the update at whose time the memo was given
		from   *amount.Amount
		offers bool
		want   books.DepositState
	}{
		{"before it was sent", 6, new(amounttest.Of("50")), false, books.Credited},
		{"at that time", 7, new(amounttest.Of("50")), false, books.Credited},
		{"after it", 8, new(amounttest.Of("50")), false, books.Unattributed},
		{"after it, of less", 8, new(amounttest.Of("50.1")), false, books.Credited},
		{"after it, where one may", 8, nil, false, books.Credited},
		{"after the offer, before its money", 6, new(amounttest.Of("50")), true, books.Unattributed},
		{"before the offer", 5, new(amounttest.Of("50")), true, books.Credited},
	} {
		g := books.NewGrounds(treasury)
		g.Listings[coin()] = books.Listing{Listed: true, ConfirmFrom: tc.from}
		g.Accounts["acc-1"] = books.Account{Name: "c1", Enabled: true, Since: at(tc.since).RecordTime}

		tr := txhistory.Transfer{
			Node: 1, Direction: txhistory.In, Status: txhistory.Completed, Instrument: coin(), Amount: amount.FromInt(50), Memo: new("acc-1"),
			Sender: alice,
		}

		if tc.offers {
			offer := tr
			offer.Status, offer.Correlation, tr.Correlation = txhistory.Pending, chain, chain
			_, err := books.Record(at(5), one(offer, amount.Zero()), g)
			require.NoError(t, err)
		}

		entries, err := books.Record(at(7), one(tr, tr.Amount), g)
		require.NoError(t, err)

		var got books.Attribution
		for _, d := range entries.Deposits {
			got = d.Attribution
		}

		for _, s := range entries.Settlements {
			got = s.Attribution
		}

		require.Equal(t, tc.want, got.State, tc.name)
		require.Equal(t, "c1", got.Account)
	}
}

func TestDepositIDsAreMadeOfTheLedgersOwnIdentifiers(t *testing.T) {
	t.Parallel()

	id := func(party ident.Party, no int64, edit func(*txhistory.Transfer)) uuid.UUID {
		tr := txhistory.Transfer{Node: 1, Direction: txhistory.In, Status: txhistory.Completed, Instrument: coin(), Amount: amount.FromInt(5)}
		edit(&tr)

		entries, err := books.Record(at(no), one(tr, tr.Amount), books.NewGrounds(party))
		require.NoError(t, err)
		require.Len(t, entries.Deposits, 1)

		return entries.Deposits[0].ID
	}
	asIs := func(*txhistory.Transfer) {}

	require.Equal(t, id(treasury, 1, asIs), id(treasury, 1, func(tr *txhistory.Transfer) {
		memo := "another memo, sender, evidence and a node's own numbers change nothing"
		tr.Memo, tr.Sender, tr.Evidence, tr.Amount = &memo, bob, txhistory.BySettlement, amount.FromInt(6)
		tr.Node, tr.Leg = 11, 1
	}))

	ids := []uuid.UUID{
		id(treasury, 1, asIs), id(treasury, 2, asIs), id(bob, 1, asIs),
		second(t),
		id(treasury, 1, func(tr *txhistory.Transfer) { tr.Correlation = chain }),
		id(treasury, 1, func(tr *txhistory.Transfer) { tr.Correlation = "00c2" }),
		id(treasury, 1, func(tr *txhistory.Transfer) { tr.Correlation, tr.Instrument = chain, forged() }),
	}
	for i, id := range ids {
		require.NotContains(t, ids[:i], id, "number %d", i)
	}

	// Of a chain, the update and the place within it say nothing: the offer and its end are one deposit.
	require.Equal(t, ids[4], id(treasury, 9, func(tr *txhistory.Transfer) { tr.Correlation, tr.Node, tr.Leg = chain, 8, 3 }))
}

// second is the id of the second of two alike deposits in one update.
func second(t *testing.T) uuid.UUID {
	t.Helper()

	tr := txhistory.Transfer{Node: 1, Direction: txhistory.In, Status: txhistory.Completed, Instrument: coin(), Amount: amount.FromInt(5)}
	e := one(tr, tr.Amount)
	e.Transfers = append(e.Transfers, tr)
	m := e.Movements[0]
	m.Transfer = 1
	e.Movements = append(e.Movements, m)

	entries, err := books.Record(at(1), e, books.NewGrounds(treasury))
	require.NoError(t, err)
	require.Len(t, entries.Deposits, 2)

	return entries.Deposits[1].ID
}

// TestDepositIDsNeverChange holds the ids to the letter: they are in the databases and the ledgers of exchanges.
func TestDepositIDsNeverChange(t *testing.T) {
	t.Parallel()

	g := books.NewGrounds(treasury)
	e := txhistory.Effects{Transfers: []txhistory.Transfer{
		{Node: 1, Direction: txhistory.In, Status: txhistory.Pending, Instrument: coin(), Amount: amount.FromInt(5), Correlation: chain},
		{Node: 2, Leg: 1, Direction: txhistory.In, Status: txhistory.Completed, Instrument: coin(), Amount: amount.FromInt(5)},
	}, Movements: []txhistory.Movement{
		{Node: 2, Kind: txhistory.MoveTransfer, Instrument: coin(), Change: amount.FromInt(5), Transfer: 1},
	}}

	entries, err := books.Record(at(1), e, g)
	require.NoError(t, err)
	require.Equal(t, "3a381e05-d7c2-500c-aa68-fe5a485b7479", entries.Deposits[0].ID.String())
	require.Equal(t, "fa007019-a4ce-55bb-ba32-281d7061a165", entries.Deposits[1].ID.String())
}

func TestARebuildKeepsWhatWasDecidedAboutMoney(t *testing.T) {
	t.Parallel()

	memo := "acc-1"
	tr := txhistory.Transfer{
		Node: 1, Direction: txhistory.In, Status: txhistory.Completed, Instrument: coin(), Amount: amount.FromInt(50), Memo: &memo, Correlation: chain,
	}

	for _, tc := range []struct {
		before, want books.Attribution
	}{
		{books.Attribution{State: books.Credited, Account: "once"}, books.Attribution{State: books.Credited, Account: "once"}},
		{
			books.Attribution{State: books.Unattributed, Reason: books.ReasonUnknownMemo},
			books.Attribution{State: books.Unattributed, Reason: books.ReasonUnknownMemo},
		},
		{
			books.Attribution{State: books.Held, Reason: books.ReasonAwaitsTime, Account: "once"},
			books.Attribution{State: books.Held, Reason: books.ReasonAwaitsTime, Account: "once"},
		},
		// No money had come by the old rules, so that nothing was decided about it.
		{books.Attribution{State: books.Offered, Account: "customer-1"}, books.Attribution{State: books.Credited, Account: "customer-1"}},
		{books.Attribution{State: books.Failed}, books.Attribution{State: books.Credited, Account: "customer-1"}},
		{books.Attribution{State: books.Expired}, books.Attribution{State: books.Credited, Account: "customer-1"}},
		{books.Attribution{State: books.Rejected}, books.Attribution{State: books.Credited, Account: "customer-1"}},
		{books.Attribution{State: books.Withdrawn}, books.Attribution{State: books.Credited, Account: "customer-1"}},
	} {
		g := depositCase{listing: "listed"}.grounds()

		var q books.Questions

		q.Ask(treasury, at(3).ID, one(tr, tr.Amount))
		g.Decided = map[uuid.UUID]books.Attribution{q.DepositIDs[0]: tc.before}

		entries, err := books.Record(at(3), one(tr, tr.Amount), g)
		require.NoError(t, err)
		require.Len(t, entries.Deposits, 1)
		require.Equal(t, q.DepositIDs[0], entries.Deposits[0].ID)
		require.Equal(t, tc.want, entries.Deposits[0].Attribution)

		if tc.want.State == books.Credited {
			require.Equal(t, tc.want.Account, entries.Postings[1].Account)
		} else {
			require.Empty(t, entries.Postings[1].Account)
		}
	}
}

// TestARebuildKeepsWhatAPersonDecidedAboutAnUnexpectedDeposit asks for the id under which such a deposit is kept.
func TestARebuildKeepsWhatAPersonDecidedAboutAnUnexpectedDeposit(t *testing.T) {
	t.Parallel()

	c := depositCase{status: txhistory.Completed, chain: "ended", listing: "listed", amount: amount.FromInt(50), change: amount.FromInt(50)}
	e := one(c.transfer(nil), c.change)

	first, err := books.Record(at(7), e, c.grounds())
	require.NoError(t, err)
	require.Equal(t, books.ReasonUnexpected, first.Deposits[0].Attribution.Reason)

	var q books.Questions

	q.Ask(treasury, at(7).ID, e)
	require.Contains(t, q.DepositIDs, first.Deposits[0].ID)

	g := c.grounds()
	assigned := books.Attribution{State: books.Credited, Account: "customer-1"}
	g.Decided = map[uuid.UUID]books.Attribution{first.Deposits[0].ID: assigned}

	again, err := books.Record(at(7), e, g)
	require.NoError(t, err)
	require.Equal(t, assigned, again.Deposits[0].Attribution)
	require.Equal(t, books.Customer, again.Postings[1].Kind)
}

// TestAChainNeverSeenAsAnOfferIsSettledOnce: its second payment, in the same update, is money of its own.
func TestAChainNeverSeenAsAnOfferIsSettledOnce(t *testing.T) {
	t.Parallel()

	c := depositCase{status: txhistory.Completed, chain: "new", memo: "known", listing: "listed", amount: amount.FromInt(50)}
	first := c.transfer(depositMemos()["known"])
	second := first
	second.Node = 9

	e := one(first, c.amount)
	e.Transfers = append(e.Transfers, second)
	e.Movements = append(e.Movements, txhistory.Movement{Kind: txhistory.MoveTransfer, Instrument: coin(), Change: c.amount, Transfer: 1})

	entries, err := books.Record(at(1), e, c.grounds())
	require.NoError(t, err)
	require.Len(t, entries.Deposits, 2)
	require.Equal(t, books.Credited, entries.Deposits[0].Attribution.State)
	require.Equal(t, chain, entries.Deposits[0].Correlation)
	require.Equal(t, books.ReasonUnexpected, entries.Deposits[1].Attribution.Reason)
	require.Empty(t, entries.Deposits[1].Correlation)
	require.NotEqual(t, entries.Deposits[0].ID, entries.Deposits[1].ID)
}

// TestOnlyMoneyOfTheTransfersTokenIsCredited gives a transfer movements of another token, and one against it.
func TestOnlyMoneyOfTheTransfersTokenIsCredited(t *testing.T) {
	t.Parallel()

	c := depositCase{status: txhistory.Completed, chain: "none", memo: "known", listing: "listed", amount: amount.FromInt(50)}
	e := one(c.transfer(depositMemos()["known"]), c.amount)
	e.Movements = append(e.Movements,
		txhistory.Movement{Kind: txhistory.MoveTransfer, Instrument: forged(), Change: amount.FromInt(1000)},
		txhistory.Movement{Kind: txhistory.MoveTransfer, Instrument: coin(), Change: amount.FromInt(-1)})

	entries, err := books.Record(at(1), e, c.grounds())
	require.NoError(t, err)
	require.True(t, entries.Deposits[0].Amount.Equal(amount.FromInt(49)))

	var kinds []books.AccountKind
	for _, p := range entries.Postings {
		kinds = append(kinds, p.Kind)
	}

	require.Equal(t, []books.AccountKind{
		books.Network, books.Customer, books.Network, books.UnrecognizedMoney, books.Network, books.Customer,
	}, kinds)
}
