package books_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// desk is an exchange whose withdrawals are requested, cancelled, worked on, offered and paid in any order, also when
// they have ended, and whose customers own 100 each. A ledger moves the money as the transfers say.
type desk struct {
	*register

	no   int64
	open []txhistory.Transfer
	// accounts are the sums of all postings, by account.
	accounts map[string]int64
	held     int64
}

const (
	deskWithdrawals = 4
	deskFunds       = 100
)

func newDesk() *desk {
	d := &desk{register: newRegister(), accounts: map[string]int64{}}
	clear(d.withdrawals)

	for i := range deskWithdrawals {
		d.accounts[owner(deskID(i))] = deskFunds
		d.held += deskFunds
	}

	return d
}

func deskID(i int) string { return fmt.Sprintf("w-%d", i) }

func owner(id string) string { return string(books.Customer) + " owner of " + id }

// size is the amount of a withdrawal; several have the same.
func size(i int) int64 { return int64(10 + i/2) }

// request and cancel are what the database's functions of these names do.
func (d *desk) request(i int) {
	id := deskID(i)
	if _, known := d.withdrawals[id]; known {
		return
	}

	d.withdrawals[id] = books.Withdrawal{
		ID: id, Kind: withdrawal.ForCustomer, Origin: books.FromRequest, State: withdrawal.Requested, Account: "owner of " + id,
		Instrument: coin(), Amount: amount.FromInt(size(i)), Receiver: bob,
	}
	d.accounts[owner(id)] -= size(i)
	d.accounts["withdrawals "] += size(i)
}

func (d *desk) cancel(i int) {
	w, known := d.withdrawals[deskID(i)]
	if !known || w.State != withdrawal.Requested || w.Origin != books.FromRequest {
		return
	}

	w.State = withdrawal.Failed
	d.withdrawals[w.ID] = w
	d.accounts[owner(w.ID)] += size(i)
	d.accounts["withdrawals "] -= size(i)
}

// work takes a withdrawal through the states that history does not decide.
func (d *desk) work(i int, to withdrawal.State) {
	w, known := d.withdrawals[deskID(i)]
	if known && w.Origin == books.FromRequest && withdrawal.Allowed(w.State, to) {
		w.State = to
		d.withdrawals[w.ID] = w
	}
}

// transfers are what one update moves: some withdrawals paid or offered, named as the worker names them, and some of the
// open offers ended.
func (d *desk) transfers(t *rapid.T) []txhistory.Transfer {
	var list []txhistory.Transfer

	for n, i := range rapid.SliceOfN(rapid.IntRange(0, deskWithdrawals-1), 0, 2).Draw(t, "paid") {
		id, memo := deskID(i), "invoice"
		tr := txhistory.Transfer{
			Direction: txhistory.Out, Status: txhistory.Completed, Sender: treasury, Receiver: bob, Instrument: coin(),
			Amount: amount.FromInt(size(i)), Memo: &id,
		}

		if rapid.Bool().Draw(t, "with a memo") {
			tr.Memo, tr.Reference = &memo, &id
		}

		if rapid.Bool().Draw(t, "offered") {
			tr.Status, tr.Correlation = txhistory.Pending, ident.ContractID(fmt.Sprintf("00%d-%d", d.no, n))
			d.open = append(d.open, tr)
		}

		list = append(list, tr)
	}

	for range rapid.IntRange(0, min(2, len(d.open))).Draw(t, "ended") {
		at := rapid.IntRange(0, len(d.open)-1).Draw(t, "offer")
		end := d.open[at]
		d.open = slices.Delete(d.open, at, at+1)

		end.Reference = nil
		end.Status = rapid.SampledFrom([]txhistory.Status{
			txhistory.Completed, txhistory.Rejected, txhistory.Withdrawn, txhistory.Expired, txhistory.Failed,
		}).Draw(t, "end")
		list = append(list, end)
	}

	return list
}

// update records one update of such transfers, and keeps what it says.
func (d *desk) update(t *rapid.T) {
	d.no++

	e := txhistory.Effects{Transfers: d.transfers(t)}

	for i, tr := range e.Transfers {
		e.Transfers[i].Node = ident.NodeID(i)

		if tr.Status == txhistory.Completed {
			e.Movements = append(e.Movements, txhistory.Movement{
				Node: ident.NodeID(i), Kind: txhistory.MoveTransfer, Instrument: coin(), Change: tr.Amount.Neg(), Transfer: i,
			})
			d.held -= units(t, tr.Amount)
		}
	}

	var q books.Questions

	q.Ask(treasury, at(d.no).ID, e)

	entries, err := books.Record(at(d.no), e, d.grounds(q))
	require.NoError(t, err)
	requireBalanced(t, e, entries)
	d.store(t, entries)

	for _, p := range entries.Postings {
		d.accounts[string(p.Kind)+" "+p.Account] += units(t, p.Amount)
	}
}

func units(t require.TestingT, a amount.Amount) int64 {
	for n := int64(-2 * deskFunds); n <= 2*deskFunds; n++ {
		if a.Equal(amount.FromInt(n)) {
			return n
		}
	}

	require.Fail(t, "no whole amount", "%s", a)

	return 0
}

// check holds the accounts against the withdrawals: what is set aside is what has not ended, and every customer lacks what
// is set aside or was paid in their name, and nothing else.
func (d *desk) check(t *rapid.T) {
	var underWay, all int64

	for i := range deskWithdrawals {
		w, left := d.withdrawals[deskID(i)], int64(deskFunds)

		if w.Origin == books.FromRequest && w.State != withdrawal.Failed {
			left -= size(i)

			if w.State != withdrawal.Completed {
				underWay += size(i)
			}
		}

		require.Equal(t, left, d.accounts[owner(deskID(i))], "%s is %s", w.ID, w.State)
	}

	for name, sum := range d.accounts {
		if name != "network " {
			all += sum
		}
	}

	require.Equal(t, underWay, d.accounts["withdrawals "])
	require.Equal(t, d.held, all, "the accounts sum to what is held")
}

// TestMoneyOfWithdrawalsIsNeitherLostNorGivenTwice lives through random sequences of what exchanges, workers and
// receivers do.
func TestMoneyOfWithdrawalsIsNeitherLostNorGivenTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := newDesk()
		which := rapid.IntRange(0, deskWithdrawals-1)

		t.Repeat(map[string]func(*rapid.T){
			"request": func(t *rapid.T) { d.request(which.Draw(t, "which")) },
			"cancel":  func(t *rapid.T) { d.cancel(which.Draw(t, "which")) },
			"reserve": func(t *rapid.T) { d.work(which.Draw(t, "which"), withdrawal.Reserved) },
			"submit":  func(t *rapid.T) { d.work(which.Draw(t, "which"), withdrawal.Submitted) },
			"retreat": func(t *rapid.T) { d.work(which.Draw(t, "which"), withdrawal.Requested) },
			"update":  d.update,
			"":        d.check,
		})
	})
}
