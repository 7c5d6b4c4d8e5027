package ingest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
)

// exchange is a treasury whose one customer has 500 of each token, and who asks for withdrawals.
type exchange struct {
	network

	db    *store.DB
	id    store.TreasuryID
	clock *clock.Manual
	// bob takes Canton Coin directly; carol gets offers.
	alice, bob, carol ident.Party
}

func startExchange(t *testing.T, config sandbox.Config) exchange {
	t.Helper()

	manual := clock.NewManual(time.Now())
	config.Clock = manual
	x := exchange{network: startNetwork(t, config), db: open(t), clock: manual}

	for hint, p := range map[string]*ident.Party{"alice": &x.alice, "bob": &x.bob, "carol": &x.carol} {
		var err error

		*p, err = x.AllocateParty(hint)
		require.NoError(t, err)
	}

	_, err := x.Preapprove(x.bob)
	require.NoError(t, err)
	_, err = x.Tap(x.alice, amount.FromInt(1000))
	require.NoError(t, err)
	_, err = x.Mint(x.alice, x.AcmeToken(), amount.FromInt(1000))
	require.NoError(t, err)

	for range 5 { // several holdings, to be merged
		x.transfer(t, sandbox.TransferRequest{Sender: x.alice, Receiver: x.treasury, Instrument: x.Amulet()}, 100, "ACC-1", "")
	}

	offer := x.transfer(t, sandbox.TransferRequest{Sender: x.alice, Receiver: x.treasury, Instrument: x.AcmeToken()}, 500, "ACC-1", "")
	_, err = x.Accept(x.treasury, offer)
	require.NoError(t, err)

	x.id = register(t, x.db, x.treasury, map[string]string{"ACC-1": "one"}, x.Amulet(), x.AcmeToken())
	x.ingest(t, x.db, ingest.FromGenesis)
	exec(t, x.db, "INSERT INTO withdrawal_policies (instrument_no, enabled) SELECT instrument_no, true FROM instruments WHERE listed")

	return x
}

// transfer sends, with the withdrawal's id beside the memo if there is one, and gives the offer if it is one.
func (x exchange) transfer(t *testing.T, req sandbox.TransferRequest, units int64, memo, key string) ident.ContractID {
	t.Helper()

	req.Amount, req.Memo = amount.FromInt(units), &memo
	if key != "" {
		req.Meta = map[string]string{token.KeyWithdrawal: key}
	}

	receipt, err := x.Transfer(req)
	require.NoError(t, err)

	if len(receipt.Instructions) == 0 {
		return ""
	}

	return receipt.Instructions[0]
}

// request is what the exchange asks for: 30 of a token for the customer's own wallet.
func (x exchange) request(t *testing.T, id string, to ident.Party, instrument ident.Instrument, memo *string) {
	t.Helper()

	_, err := x.db.Pool().Exec(t.Context(), "SELECT state FROM request_withdrawal($1, $2, 'one', $3, $4, 30, $5, $6, now())",
		x.treasury, id, instrument.Admin, instrument.ID, to, memo)
	require.NoError(t, err)
}

// standing is how w-1 stands, and what the customer and the account of withdrawals hold of its token.
func (x exchange) standing(t *testing.T) string {
	t.Helper()

	var text string

	require.NoError(t, x.db.Pool().QueryRow(t.Context(), `SELECT concat_ws(' ', w.state, nullif(w.reason, ''), trim_scale(c.amount), trim_scale(u.amount))
		FROM withdrawals w
		JOIN balances c ON c.account = 'one' AND c.instrument_no = w.instrument_no
		JOIN balances u ON u.account_kind = 'withdrawals' AND u.instrument_no = w.instrument_no
		WHERE w.withdrawal_id = 'w-1'`).Scan(&text))

	return text
}

// told lists the events of a withdrawal that ingestion wrote.
func (x exchange) told(t *testing.T, id string) string {
	t.Helper()

	var text string

	require.NoError(t, x.db.Pool().QueryRow(t.Context(), `SELECT coalesce(string_agg(concat_ws(' ', type, payload->>'kind', payload->>'account'), ', ' ORDER BY event_no), '')
		FROM events WHERE subject = $1 AND update_no > 0`, id).Scan(&text))

	return text
}

// requireSettled ingests, and holds the books against the node, against themselves, and against a rebuild.
func (x exchange) requireSettled(t *testing.T) {
	t.Helper()

	x.ingest(t, x.db, ingest.FromGenesis)
	x.requireReconciled(t, x.db, x.id)
	require.Empty(t, differing(t, x.db, x.treasury, false))
	require.Empty(t, differing(t, x.db, x.treasury, true))
	x.requireReconciled(t, x.db, x.id)
}

type paymentStory struct {
	memo string // asked for; empty for none
	to   func(exchange) ident.Party
	coin bool
	// offered is how it stands after the offer; empty for a payment in one step.
	offered string
	end     func(*testing.T, exchange, ident.ContractID) error
	ended   string
	told    string
}

func paymentStories() map[string]paymentStory {
	const (
		offered = "offered 470 30"
		paid    = "completed 470 0"
		both    = "withdrawal.offered customer one, withdrawal."
	)

	bob := func(x exchange) ident.Party { return x.bob }
	carol := func(x exchange) ident.Party { return x.carol }
	accept := func(_ *testing.T, x exchange, offer ident.ContractID) error {
		_, err := x.Accept(x.carol, offer)

		return err
	}
	reject := func(_ *testing.T, x exchange, offer ident.ContractID) error {
		_, err := x.Reject(x.carol, offer)

		return err
	}
	withdraw := func(_ *testing.T, x exchange, offer ident.ContractID) error {
		_, err := x.Withdraw(x.treasury, offer)

		return err
	}
	expire := func(_ *testing.T, x exchange, offer ident.ContractID) error {
		x.clock.Advance(25 * time.Hour)
		_, err := x.Expire(offer)

		return err
	}
	// afterSpending has the treasury spend the money of the offer first, whose lock has ended by then.
	afterSpending := func(end func(*testing.T, exchange, ident.ContractID) error) func(*testing.T, exchange, ident.ContractID) error {
		return func(t *testing.T, x exchange, offer ident.ContractID) error {
			t.Helper()

			x.clock.Advance(25 * time.Hour)

			_, err := x.Merge(x.treasury, x.Amulet(), amount.FromInt(1))
			require.NoError(t, err)
			x.ingest(t, x.db, ingest.FromGenesis)
			require.Equal(t, offered, x.standing(t), "a merge says nothing of the offer")

			return end(t, x, offer)
		}
	}

	return map[string]paymentStory{
		"at once, the id for a memo":        {"", bob, true, "", nil, paid, "withdrawal.completed customer one"},
		"at once, a memo of the receiver's": {"ACC-77", bob, true, "", nil, paid, "withdrawal.completed customer one"},
		"coin accepted":                     {"", carol, true, offered, accept, paid, both + "completed customer one"},
		"coin accepted, with a memo":        {"ACC-77", carol, true, offered, accept, paid, both + "completed customer one"},
		"coin rejected":                     {"", carol, true, offered, reject, "failed rejected 500 0", both + "failed customer one"},
		"coin withdrawn":                    {"", carol, true, offered, withdraw, "failed withdrawn 500 0", both + "failed customer one"},
		"coin expired":                      {"ACC-77", carol, true, offered, expire, "failed expired 500 0", both + "failed customer one"},
		"rejected after its lock was spent": {
			"", carol, true, offered, afterSpending(reject), "failed rejected 500 0", both + "failed customer one",
		},
		"withdrawn after its lock was spent": {
			"ACC-77", carol, true, offered, afterSpending(withdraw), "failed withdrawn 500 0", both + "failed customer one",
		},
		"expired after its lock was spent": {
			"", carol, true, offered, afterSpending(expire), "failed expired 500 0", both + "failed customer one",
		},
		"token accepted": {"ACC-77", carol, false, offered, accept, paid, both + "completed customer one"},
		"token rejected": {"", carol, false, offered, reject, "failed rejected 500 0", both + "failed customer one"},
		"token expired":  {"", carol, false, offered, expire, "failed expired 500 0", both + "failed customer one"},
	}
}

// TestHistoryDecidesWithdrawals pays requested withdrawals on the ledger, and follows what becomes of them.
func TestHistoryDecidesWithdrawals(t *testing.T) {
	t.Parallel()

	for name, story := range paymentStories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			x := startExchange(t, sandbox.Config{Seed: 1})
			story.tell(t, x)
		})
	}
}

func (s paymentStory) tell(t *testing.T, x exchange) {
	t.Helper()

	req := sandbox.TransferRequest{Sender: x.treasury, Receiver: s.to(x), Instrument: x.AcmeToken()}
	if s.coin {
		req.Instrument = x.Amulet()
	}

	var wanted *string

	memo, key := "w-1", ""
	if s.memo != "" {
		wanted, memo, key = &s.memo, s.memo, "w-1"
	}

	x.request(t, "w-1", req.Receiver, req.Instrument, wanted)
	require.Equal(t, "requested 470 30", x.standing(t))

	offer := x.transfer(t, req, 30, memo, key)
	require.Equal(t, s.offered != "", offer != "")
	x.requireSettled(t)

	if s.offered != "" {
		require.Equal(t, s.offered, x.standing(t))
		require.NoError(t, s.end(t, x, offer))
		x.requireSettled(t)
	}

	require.Equal(t, s.ended, x.standing(t))
	require.Equal(t, s.told, x.told(t, "w-1"))

	// The same again is no payment of it any more, and its money stays where it is.
	again := x.transfer(t, req, 30, memo, key)
	if again != "" {
		_, err := x.Accept(x.carol, again)
		require.NoError(t, err)
	}

	x.requireSettled(t)
	require.Equal(t, s.ended, x.standing(t))
	require.Equal(t, 1, x.count(t, "SELECT count(*) FROM withdrawals WHERE origin = 'recovered' AND state = 'completed'"))
	require.Equal(t, strings.Count(s.ended, "failed"), x.count(t, "SELECT count(*) FROM postings WHERE origin = 'refund' AND account = 'one'"))
}

func (x exchange) count(t *testing.T, query string) int {
	t.Helper()

	var n int

	require.NoError(t, x.db.Pool().QueryRow(t.Context(), query).Scan(&n))

	return n
}

// TestMergesAreFollowed: a transfer of the treasury to itself ends the internal withdrawal that it names, and books no
// more than any merge does.
func TestMergesAreFollowed(t *testing.T) {
	t.Parallel()

	x := startExchange(t, sandbox.Config{Seed: 2})

	for _, id := range []string{"internal:1", "internal:2"} {
		_, err := x.db.Pool().Exec(t.Context(), `INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, kind, purpose, state, reason,
				instrument_no, amount, receiver, requested_at)
			SELECT $1, $2, nextval('withdrawal_numbers'), 'requested', 'internal', 'merge', 'requested', '', instrument_no, 250, $3, now()
			FROM instruments WHERE instrument_id = 'Amulet'`, int32(x.id), id, x.treasury)
		require.NoError(t, err)
	}

	x.request(t, "w-1", x.bob, x.Amulet(), nil)

	self := sandbox.TransferRequest{Sender: x.treasury, Receiver: x.treasury, Instrument: x.Amulet()}
	before := x.count(t, "SELECT count(*) FROM postings")

	x.transfer(t, self, 250, "internal:1", "")
	x.transfer(t, self, 249, "internal:2", "")
	x.transfer(t, self, 30, "w-1", "")
	x.transfer(t, sandbox.TransferRequest{Sender: x.treasury, Receiver: x.bob, Instrument: x.Amulet()}, 250, "internal:2", "")
	x.requireSettled(t)

	require.Equal(t, "requested 470 30", x.standing(t), "money that stays here pays nobody")
	require.Equal(t, 1, x.count(t, "SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'internal:1' AND state = 'completed' AND kind = 'internal'"))
	require.Equal(t, 1, x.count(t, "SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'internal:2' AND state = 'requested'"))
	require.Equal(t, 1, x.count(t, "SELECT count(*) FROM withdrawals WHERE withdrawal_id LIKE 'recovered:%' AND amount = 250"))
	require.Equal(t, before+2, x.count(t, "SELECT count(*) FROM postings"), "what was sent to bob, and nothing else")
	require.Equal(t, "withdrawal.completed internal", x.told(t, "internal:1"))
}
