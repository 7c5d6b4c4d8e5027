package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// life is a random history of a few customers: what history tells, what the exchange asks for and what people decide.
type life struct {
	*ledger

	draw *rapid.T

	made        int
	held, open  []uuid.UUID
	requested   []string
	submitted   []string
	oldestFirst time.Time
}

func (l *life) customer() string {
	return rapid.SampledFrom([]string{"c1", "c2", "c3"}).Draw(l.draw, "customer")
}

func (l *life) token() ident.Instrument {
	return rapid.SampledFrom([]ident.Instrument{coin(), {Admin: "acme::1220ee", ID: "Acme"}}).Draw(l.draw, "token")
}

func (l *life) units() amount.Amount {
	return amount.FromInt(rapid.Int64Range(1, 50).Draw(l.draw, "units"))
}

// at is the time of the next step: some happen at the same time.
func (l *life) at() time.Time {
	l.oldestFirst = l.oldestFirst.Add(time.Duration(rapid.IntRange(0, 2).Draw(l.draw, "later")) * time.Second)

	return l.oldestFirst
}

func (l *life) name(of string) string {
	l.made++

	return fmt.Sprintf("%s-%d-%d", of, l.treasury, l.made) // the helpers look for names in all treasuries
}

func take[T any](t *rapid.T, list *[]T) (one T, ok bool) {
	if len(*list) == 0 {
		return one, false
	}

	i := rapid.IntRange(0, len(*list)-1).Draw(t, "which")
	one = (*list)[i]
	*list = append(append([]T(nil), (*list)[:i]...), (*list)[i+1:]...)

	return one, true
}

func (l *life) deposit() {
	id, token, units, customer := uuid.NewSHA1(uuid.Nil, []byte(l.name("d"))), l.token(), l.units(), l.customer()
	d := books.Deposit{ID: id, Kind: books.OneStep, Instrument: token, Amount: units, Sender: bob, Place: &books.Place{Node: 1}}

	var kind books.AccountKind

	switch d.Attribution.State = rapid.SampledFrom([]books.DepositState{books.Credited, books.Held, books.Unattributed}).Draw(l.draw, "as"); d.Attribution.State {
	case books.Credited:
		kind, d.Attribution.Account = books.Customer, customer
	case books.Held:
		kind, d.Attribution.Account, d.Attribution.Reason = books.HeldMoney, customer, books.ReasonAwaitsTime
		l.held = append(l.held, id)
		customer = ""
	default:
		kind, d.Attribution.Reason, customer = books.UnattributedMoney, books.ReasonUnknownMemo, ""
		l.open = append(l.open, id)
	}

	l.tell(books.Entries{Deposits: []books.Deposit{d}, Postings: l.moves(books.ByLedger, token, units, books.Network, kind, customer)})
}

// moves is money that goes from one account to another.
func (l *life) moves(
	origin books.PostingOrigin, token ident.Instrument, units amount.Amount, from, to books.AccountKind, account string,
) []books.Posting {
	return []books.Posting{
		{Origin: origin, Line: 0, Kind: from, Instrument: token, Amount: units.Neg()},
		{Origin: origin, Line: 1, Kind: to, Account: account, Instrument: token, Amount: units},
	}
}

func (l *life) tell(e books.Entries) {
	r := l.record(1, txhistory.Effects{}, e)
	r.Update.RecordTime = l.at()
	l.apply(r)
}

func (l *life) decide() {
	if id, ok := take(l.draw, &l.held); ok && rapid.Bool().Draw(l.draw, "release") {
		_, err := l.db.ReleaseDeposits(l.t.Context(), l.treasury, []uuid.UUID{id}, l.at())
		require.NoError(l.t, err)
	}

	id, ok := take(l.draw, &l.open)
	if !ok {
		return
	}

	var err error
	if rapid.Bool().Draw(l.draw, "assign") {
		_, err = l.db.AssignDeposit(l.t.Context(), l.party, id, l.customer(), "ann", "", l.at())
	} else {
		_, err = l.db.ReturnDeposit(l.t.Context(), l.party, id, "ann", "", l.at())
	}

	require.NoError(l.t, err)
}

func (l *life) request() {
	w := store.WithdrawalRequest{ID: l.name("w"), Account: l.customer(), Instrument: l.token(), Amount: l.units(), Receiver: bob}

	lost := rapid.IntRange(0, 4).Draw(l.draw, "lost") == 0
	if lost { // the payment is known to history alone
		l.tell(books.Entries{
			Recovered: []books.Recovered{{ID: w.ID, State: withdrawal.Completed, Instrument: w.Instrument, Amount: w.Amount, Receiver: bob}},
			Postings:  l.moves(books.ByLedger, w.Instrument, w.Amount, books.RecoveredPayments, books.Network, ""),
		})
	}

	_, err := l.db.RequestWithdrawal(l.t.Context(), l.party, w, l.at())
	if reason, refused := refusal(err); refused {
		require.Equal(l.t, withdrawal.InsufficientFunds, reason)

		return
	}

	require.NoError(l.t, err)

	if !lost {
		l.requested = append(l.requested, w.ID)
	}
}

func (l *life) goOn() {
	if id, ok := take(l.draw, &l.requested); ok {
		if rapid.Bool().Draw(l.draw, "cancel") {
			require.NoError(l.t, l.db.CancelWithdrawal(l.t.Context(), l.party, id, l.at()))
		} else {
			l.submit(id, "pay")
			l.submitted = append(l.submitted, id)
		}
	}

	id, ok := take(l.draw, &l.submitted)
	if !ok {
		return
	}

	var (
		account string
		token   ident.Instrument
		units   amount.Amount
	)

	require.NoError(l.t, l.pool.QueryRow(l.t.Context(), "SELECT account, instrument_admin, instrument_id, amount FROM api.withdrawals WHERE withdrawal_id = $1", id).
		Scan(&account, &token.Admin, &token.ID, &units))

	if rapid.Bool().Draw(l.draw, "paid") {
		l.tell(books.Entries{
			Advances: []books.Advance{{ID: id, State: withdrawal.Completed}},
			Postings: l.moves(books.ByLedger, token, units, books.WithdrawalsUnderWay, books.Network, ""),
		})
	} else {
		l.tell(books.Entries{
			Advances: []books.Advance{{ID: id, State: withdrawal.Failed, Reason: withdrawal.OfferFailed}},
			Postings: l.moves(books.ByRefund, token, units, books.WithdrawalsUnderWay, books.Customer, account),
		})
	}
}

// sums reads a customer's whole statement, page by page, and sums it.
func (l *life) sums(account string) map[string]string {
	totals, last := map[ident.Instrument]amount.Total{}, time.Time{}

	for w := (store.Window{Limit: 3}); ; {
		page, err := l.db.Statement(l.t.Context(), l.treasury, account, store.Span{}, w)
		require.NoError(l.t, err)

		for _, line := range page.Items {
			token := ident.Instrument{Admin: line.Admin, ID: line.InstrumentID}
			totals[token] = totals[token].Plus(line.Amount)

			require.False(l.t, line.At.Before(last), "the oldest first")

			last = line.At
		}

		if w.Cursor = page.Next; w.Cursor == "" {
			break
		}
	}

	out := map[string]string{}

	for token, total := range totals {
		if !total.IsZero() {
			out[token.String()] = total.Short()
		}
	}

	return out
}

// TestStatementsOfRandomLives: whatever happens, the lines of an account sum to what it holds of each token.
func TestStatementsOfRandomLives(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	lives := 0

	rapid.Check(t, func(draw *rapid.T) {
		lives++
		l := &life{draw: draw, oldestFirst: now(), ledger: beginAs(t, db, pool, ident.Party(fmt.Sprintf("treasury%d::1220aa", lives)))}
		require.NoError(t, db.EnsureInstruments(t.Context(), []ident.Instrument{coin(), {Admin: "acme::1220ee", ID: "Acme"}}, now()))
		l.exec("UPDATE instruments SET listed = true")
		l.exec("INSERT INTO withdrawal_policies (instrument_no, enabled) SELECT instrument_no, true FROM instruments ON CONFLICT DO NOTHING")

		for i, c := range []string{"c1", "c2", "c3"} {
			require.NoError(t, db.RegisterMemo(t.Context(), l.treasury, fmt.Sprint("M-", i), c, now()))
		}

		draw.Repeat(map[string]func(*rapid.T){
			"deposit": func(t *rapid.T) { l.draw = t; l.deposit() },
			"decide":  func(t *rapid.T) { l.draw = t; l.decide() },
			"request": func(t *rapid.T) { l.draw = t; l.request() },
			"go on":   func(t *rapid.T) { l.draw = t; l.goOn() },
		})

		for _, account := range []string{"c1", "c2", "c3"} {
			held := map[string]string{}

			page, err := db.SeeBalances(t.Context(), l.treasury, store.AccountFilter{Account: account}, store.Window{Limit: 100})
			require.NoError(t, err)

			for _, b := range page.Items {
				if !b.Amount.IsZero() {
					held[ident.Instrument{Admin: b.Admin, ID: b.InstrumentID}.String()] = b.Amount.Short()
				}
			}

			require.Equal(t, held, l.sums(account), account)
		}
	})
}
