package intake_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// sends is a transfer in one step, which the treasury has agreed to beforehand.
func (w *world) sends(value, note string) {
	w.t.Helper()

	_, err := w.Tap(w.payer, amounttest.Of(value))
	require.NoError(w.t, err)
	receipt, err := w.Transfer(sandbox.TransferRequest{
		Sender: w.payer, Receiver: w.party, Instrument: w.Amulet(), Amount: amounttest.Of(value), Memo: &note,
	})
	require.NoError(w.t, err)
	require.Empty(w.t, receipt.Instructions, "in one step")
}

// agrees has the treasury receive Canton Coin in one step.
func (w *world) agrees() {
	w.t.Helper()

	_, err := w.Preapprove(w.party)
	require.NoError(w.t, err)
}

// count is how many deposits the exchange sees in a state, for a reason.
func (w *world) count(state, reason string) int {
	w.t.Helper()

	var n int

	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), "SELECT count(*) FROM api.deposits WHERE state = $1 AND reason = $2", state, reason).Scan(&n))

	return n
}

func (w *world) untilCount(n int, state, reason string) {
	w.t.Helper()
	w.until(state+" "+reason, func() bool { return w.count(state, reason) == n })
}

// TestDepositsAreCreditedWhenTheirTimeHasCome: by record time, those that came in one step and those that were offered,
// once, by however many instances.
func TestDepositsAreCreditedWhenTheirTimeHasCome(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	ours := &shifted{}

	for range 2 {
		w.accept(func(_ *intake.Config, p *intake.Parts) { p.Clock = ours })
	}

	for _, token := range []ident.Instrument{w.Amulet(), w.AcmeToken()} {
		w.setPolicy(token, func(p *deposit.Policy) { p.CreditDelay = time.Minute })
	}

	w.agrees()
	w.sends("7", memo)
	w.sends("5", "nobody's")
	w.offer(w.AcmeToken(), "3", new(memo))
	w.untilCount(2, "held", "awaits_time")
	w.untilCount(1, "unattributed", "unknown_memo")
	require.Equal(t, "0", w.balance(w.Amulet()))
	w.reconciled()

	step := func(d time.Duration) {
		w.clock.advance(d)
		ours.advance(d)
		w.Tick()
	}

	step(30 * time.Second)
	w.reconciled()
	require.Equal(t, 2, w.count("held", "awaits_time"))

	step(31 * time.Second)
	w.untilCount(2, "credited", "")
	require.Equal(t, "7", w.balance(w.Amulet()))
	require.Equal(t, "3", w.balance(w.AcmeToken()))
	w.reconciled()
}

// TestWhatHappensMeanwhileCounts: a held deposit whose account is disabled, or whose sender is blocked, before its time
// waits for a person.
func TestWhatHappensMeanwhileCounts(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	ours := &shifted{}
	w.accept(func(_ *intake.Config, p *intake.Parts) { p.Clock = ours })
	w.setPolicy(w.Amulet(), func(p *deposit.Policy) { p.CreditDelay = time.Minute })
	w.agrees()

	require.NoError(t, w.db.RegisterMemo(t.Context(), w.treasury, "ACC-2", "bob", w.clock.Now()))
	w.sends("7", "ACC-2")
	w.untilCount(1, "held", "awaits_time")

	_, err := w.pool.Exec(t.Context(), "UPDATE deposit_accounts SET enabled = false WHERE memo_key = 'acc-2'")
	require.NoError(t, err)
	w.clock.advance(2 * time.Minute)
	ours.advance(2 * time.Minute)
	w.Tick()
	w.untilCount(1, "unattributed", "disabled_memo")

	// Somebody who is blocked is not even held for a time.
	require.NoError(t, w.db.BlockSender(t.Context(), w.treasury, w.payer, "ann", "stolen money", w.clock.Now()))
	w.sends("8", memo)
	w.untilCount(1, "unattributed", "sender_blocked")
	require.Equal(t, "0", w.balance(w.Amulet()))
	w.reconciled()
}
