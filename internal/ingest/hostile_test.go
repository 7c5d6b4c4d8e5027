package ingest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/memo/memotest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/token"
)

// hostileTokens are ids that an admin may give to its tokens. A node checks nothing about them.
func hostileTokens() []string {
	ids := []string{"Аmulet", "Amulet\u200b", "\u202etelumA", strings.Repeat("A", 255), strings.Repeat("é", 127), "Amulet@DSO::1220", "' '; reboot #", " "}
	for _, text := range append(memotest.Injections(), memotest.Unseen()...) {
		ids = append(ids, text[:min(len(text), 255)])
	}

	return ids
}

// TestStrangersTextsStopNothing: whatever is written into memos, metadata and the names of senders and tokens is
// stored, credits nobody whose memo it is not, and neither stops ingestion nor makes it try again.
func TestStrangersTextsStopNothing(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	sender, err := w.AllocateParty(strings.Repeat("Drop-table_", 16))
	require.NoError(t, err)
	_, err = w.Tap(sender, amount.FromInt(100_000))
	require.NoError(t, err)

	_, err = w.Mint(sender, w.AcmeToken(), amount.FromInt(100_000))
	require.NoError(t, err)

	// Each memo comes with a transfer in one step, and with an offer, whose memo is kept by what it is compared by.
	var sent []string

	for i, text := range memotest.Nasty() {
		for _, paid := range []ident.Instrument{w.Amulet(), w.AcmeToken()} {
			r := sandbox.TransferRequest{Sender: sender, Receiver: w.party, Instrument: paid, Amount: amount.FromInt(2), Memo: &text}
			if i%7 == 0 {
				r.Meta = map[string]string{text[:min(len(text), 200)]: text, token.KeyReason + " ": "ACC-1"}
			}

			_, err := w.Transfer(r)
			require.NoError(t, err, "%+.200q", text)
		}

		sent = append(sent, memo.Stored(text))
	}

	slices.Sort(sent)
	w.payInStrangeTokens(t, sender)

	// Alice's own, as people and wallets change it.
	own := []string{"ACC-1", "acc-1", "\u3000aCc-1\u2028\n"}
	for _, text := range own {
		_, err := w.Transfer(sandbox.TransferRequest{Sender: sender, Receiver: w.party, Instrument: w.Amulet(), Amount: amount.FromInt(1), Memo: &text})
		require.NoError(t, err)
	}

	running := w.start(t, w.client(t, w.url))
	w.caughtUp(t)
	running.stop(t)
	require.Empty(t, w.errors())
	require.Zero(t, w.log.count(interrupted))
	w.requireComplete(t)

	require.Equal(t, [][2]string{{"alice", "3"}}, w.customers(t))
	require.Equal(t, sent, w.memosOf(t, w.AcmeToken()))

	sent = append(sent, own...)
	slices.Sort(sent)
	require.Equal(t, sent, w.memosOf(t, w.Amulet()))

	// The same from what was stored, which holds all that was written.
	require.Empty(t, differing(t, w.db, w.party, false))
}

// payInStrangeTokens pays with tokens whose ids mean harm, and with holdings that only say that they are some, which
// may have ids that no registry could pay with.
func (w *world) payInStrangeTokens(t *testing.T, owner ident.Party) {
	t.Helper()

	mallory, err := w.AllocateParty("mallory")
	require.NoError(t, err)

	for _, id := range hostileTokens() {
		fake := ident.Instrument{Admin: mallory, ID: id}
		if _, err := w.Mint(owner, fake, amount.FromInt(5)); err == nil {
			_, err = w.Transfer(sandbox.TransferRequest{
				Sender: owner, Receiver: w.party, Instrument: fake, Amount: amount.FromInt(5), Memo: new("ACC-1"),
				Meta: map[string]string{id: id},
			})
			require.NoError(t, err, "%+q", id)
		}

		for _, admin := range []ident.Party{mallory, w.DSO()} {
			_, err := w.RawBareHolding(sandbox.BareHolding{
				Issuer: mallory, Owner: w.party, Instrument: ident.Instrument{Admin: admin, ID: id}, Amount: amount.FromInt(7),
			})
			require.NoError(t, err, "%+q", id)
		}
	}

	offers, err := w.Offers(w.party)
	require.NoError(t, err)
	require.Greater(t, len(offers), 40)

	for _, o := range offers[:20] {
		_, err := w.Accept(w.party, o.ContractID)
		require.NoError(t, err)
	}
}

// memosOf are the memos of all deposits of a token, in order.
func (w *world) memosOf(t *testing.T, of ident.Instrument) []string {
	t.Helper()

	rows, err := w.db.Pool().Query(w.ctx, `SELECT d.memo FROM api.deposits d WHERE d.instrument_admin = $1 AND d.instrument_id = $2 AND memo IS NOT NULL`, string(of.Admin), of.ID)
	require.NoError(t, err)

	var list []string

	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		list = append(list, text)
	}

	require.NoError(t, rows.Err())
	slices.Sort(list)

	return list
}

// customers are the balances of customers' accounts.
func (w *world) customers(t *testing.T) [][2]string {
	t.Helper()

	audit, err := w.db.ReadAudit(w.ctx, w.treasury)
	require.NoError(t, err)

	var list [][2]string

	for _, b := range audit.Balances {
		if b.Kind == "customer" {
			require.Equal(t, w.Amulet(), b.Instrument)
			list = append(list, [2]string{b.Account, b.Amount.Short()})
		}
	}

	return list
}
