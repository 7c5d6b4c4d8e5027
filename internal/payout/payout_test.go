package payout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func TestOneStep(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)
	w.pay()

	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	require.Equal(t, "70", w.balance(w.Amulet()))

	w.untilState("w-1", withdrawal.Completed)
	require.Equal(t, "30", w.received(w.shop, w.Amulet()))
	require.Equal(t, "70", w.balance(w.Amulet()))

	// With a memo of the receiver's own, and with one that is another withdrawal's id.
	for i, memo := range []string{"SHOP-77", "w-1"} {
		id := fmt.Sprintf("w-memo-%d", i)
		w.request(id, "5", w.Amulet(), w.shop, &memo)
		w.untilState(id, withdrawal.Completed)
	}

	memos := map[string]int{}
	for _, transfer := range w.Transfers() {
		if transfer.Sender == w.party && transfer.Memo != nil {
			memos[*transfer.Memo]++
		}
	}

	require.Equal(t, map[string]int{"w-1": 2, "SHOP-77": 1}, memos)
	require.Equal(t, "60", w.balance(w.Amulet()))
	w.reconciled()
}

func TestARequestIsStoredOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) {
		p.Minimum, p.Maximum, p.Decimals = amounttest.Of("2"), amounttest.Of("90"), 2
	})

	good := store.WithdrawalRequest{
		ID: "w-1", Account: customer, Instrument: w.Amulet(), Amount: amounttest.Of("10"), Receiver: w.shop,
	}
	first, err := w.db.RequestWithdrawal(t.Context(), w.party, good, w.clock.Now())
	require.NoError(t, err)
	require.Equal(t, withdrawal.Requested, first.State)
	require.False(t, first.Repeated)

	again, err := w.db.RequestWithdrawal(t.Context(), w.party, good, w.clock.Now())
	require.NoError(t, err)
	require.True(t, again.Repeated)
	require.Equal(t, "90", w.balance(w.Amulet()))

	for name, c := range map[string]struct {
		change func(*store.WithdrawalRequest)
		reason withdrawal.Reason
	}{
		"another amount":      {func(r *store.WithdrawalRequest) { r.Amount = amounttest.Of("11") }, withdrawal.Conflict},
		"another receiver":    {func(r *store.WithdrawalRequest) { r.Receiver = w.friend }, withdrawal.Conflict},
		"another token":       {func(r *store.WithdrawalRequest) { r.Instrument = w.AcmeToken() }, withdrawal.Conflict},
		"another account":     {func(r *store.WithdrawalRequest) { r.Account = "mallory" }, withdrawal.Conflict},
		"another memo":        {func(r *store.WithdrawalRequest) { r.Memo = new("x") }, withdrawal.Conflict},
		"no id":               {func(r *store.WithdrawalRequest) { r.ID = "" }, withdrawal.InvalidID},
		"our ids":             {func(r *store.WithdrawalRequest) { r.ID = "internal:1" }, withdrawal.InvalidID},
		"their ids":           {func(r *store.WithdrawalRequest) { r.ID = "recovered:1" }, withdrawal.InvalidID},
		"control characters":  {func(r *store.WithdrawalRequest) { r.ID = "a\nb" }, withdrawal.InvalidID},
		"no account":          {func(r *store.WithdrawalRequest) { r.ID, r.Account = "w", "" }, withdrawal.InvalidAccount},
		"no party":            {func(r *store.WithdrawalRequest) { r.ID, r.Receiver = "w", "bob" }, withdrawal.InvalidReceiver},
		"party with spaces":   {func(r *store.WithdrawalRequest) { r.ID, r.Receiver = "w", "b ob::1220" }, withdrawal.InvalidReceiver},
		"ourselves":           {func(r *store.WithdrawalRequest) { r.ID, r.Receiver = "w", w.party }, withdrawal.InvalidReceiver},
		"a look-alike":        {func(r *store.WithdrawalRequest) { r.ID, r.Instrument.Admin = "w", w.friend }, withdrawal.UnknownInstrument},
		"nothing":             {func(r *store.WithdrawalRequest) { r.ID, r.Amount = "w", amounttest.Of("0") }, withdrawal.InvalidAmount},
		"less than nothing":   {func(r *store.WithdrawalRequest) { r.ID, r.Amount = "w", amounttest.Of("-3") }, withdrawal.InvalidAmount},
		"three decimals":      {func(r *store.WithdrawalRequest) { r.ID, r.Amount = "w", amounttest.Of("3.001") }, withdrawal.TooManyDecimals},
		"too little":          {func(r *store.WithdrawalRequest) { r.ID, r.Amount = "w", amounttest.Of("1.99") }, withdrawal.BelowMinimum},
		"too much":            {func(r *store.WithdrawalRequest) { r.ID, r.Amount = "w", amounttest.Of("90.01") }, withdrawal.AboveMaximum},
		"another's account":   {func(r *store.WithdrawalRequest) { r.ID, r.Account = "w", "bob" }, withdrawal.InsufficientFunds},
		"an empty memo":       {func(r *store.WithdrawalRequest) { r.ID, r.Memo = "w", new("") }, withdrawal.InvalidMemo},
		"a memo of two lines": {func(r *store.WithdrawalRequest) { r.ID, r.Memo = "w", new("a\nb") }, withdrawal.InvalidMemo},
		"a long memo":         {func(r *store.WithdrawalRequest) { r.ID, r.Memo = "w", new(strings.Repeat("é", 128)) }, withdrawal.InvalidMemo},
	} {
		r := good
		c.change(&r)
		_, err := w.db.RequestWithdrawal(t.Context(), w.party, r, w.clock.Now())

		var refused *store.RefusedError

		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, c.reason, refused.Reason, name)
		require.NotEmpty(t, refused.Sentence, name)
	}

	require.Equal(t, "90", w.balance(w.Amulet()))
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.Enabled = false })

	good.ID = "w-2"
	_, err = w.db.RequestWithdrawal(t.Context(), w.party, good, w.clock.Now())
	require.ErrorContains(t, err, string(withdrawal.WithdrawalsDisabled))
}

func TestCancel(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)
	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	require.Equal(t, "70", w.balance(w.Amulet()))

	require.NoError(t, w.db.CancelWithdrawal(t.Context(), w.party, "w-1", w.clock.Now()))
	require.NoError(t, w.db.CancelWithdrawal(t.Context(), w.party, "w-1", w.clock.Now()))
	require.Equal(t, "100", w.balance(w.Amulet()))
	require.ErrorContains(t, w.db.CancelWithdrawal(t.Context(), w.party, "w-2", w.clock.Now()), string(withdrawal.UnknownWithdrawal))

	w.pay()
	w.request("w-2", "10", w.Amulet(), w.shop, nil)
	w.untilState("w-2", withdrawal.Completed)
	require.ErrorContains(t, w.db.CancelWithdrawal(t.Context(), w.party, "w-2", w.clock.Now()), string(withdrawal.TooLate))
	require.Equal(t, withdrawal.Failed, w.find("w-1").State)
	require.Equal(t, "10", w.received(w.shop, w.Amulet()))
	w.reconciled()
}

func TestOffers(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 3)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.OfferLifetime = time.Hour })
	w.pay()

	for _, id := range []string{"accepted", "rejected", "ignored"} {
		w.request(id, "30", w.Amulet(), w.friend, new("for "+id))
	}

	for _, id := range []string{"accepted", "rejected", "ignored"} {
		w.untilState(id, withdrawal.Offered)
	}

	require.Equal(t, "210", w.balance(w.Amulet()))

	_, err := w.Accept(w.friend, w.find("accepted").Correlation)
	require.NoError(t, err)
	_, err = w.Reject(w.friend, w.find("rejected").Correlation)
	require.NoError(t, err)

	w.untilState("accepted", withdrawal.Completed)
	require.Equal(t, withdrawal.OfferRejected, w.untilState("rejected", withdrawal.Failed).Reason)
	require.Equal(t, "240", w.balance(w.Amulet()))
	require.Equal(t, withdrawal.Offered, w.find("ignored").State)

	// Nobody accepts the third until its deadline: we take it back.
	w.clock.advance(time.Hour + time.Minute)
	w.Tick()
	require.Equal(t, withdrawal.OfferWithdrawn, w.untilState("ignored", withdrawal.Failed).Reason)
	require.Equal(t, "270", w.balance(w.Amulet()))
	require.Equal(t, "30", w.received(w.friend, w.Amulet()))
	w.reconciled()
}

// TestAnExpiredLockIsSpent: the money behind an offer that ran out pays another withdrawal, and the offer that is
// closed later, without any holding changing, returns its amount to the customer all the same.
func TestAnExpiredLockIsSpent(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("50", 1)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) {
		p.OfferLifetime, p.Reclaim, p.SpendExpiredLocks = time.Hour, false, true
	})
	w.pay()

	w.request("ignored", "40", w.Amulet(), w.friend, nil)
	w.untilState("ignored", withdrawal.Offered)
	require.Equal(t, "10", w.balance(w.Amulet()))

	w.clock.advance(2 * time.Hour)
	w.Tick()
	w.request("paid", "10", w.Amulet(), w.shop, nil)
	w.untilState("paid", withdrawal.Completed)
	require.Equal(t, withdrawal.Offered, w.find("ignored").State)

	_, err := w.Reject(w.friend, w.find("ignored").Correlation)
	require.NoError(t, err)
	require.Equal(t, withdrawal.OfferRejected, w.untilState("ignored", withdrawal.Failed).Reason)
	require.Equal(t, "40", w.balance(w.Amulet()))
	w.reconciled()
}

// TestAnAcceptedOfferIsTheRegistrys: what the receiver has accepted is not taken back while its registrar works on it.
func TestAnAcceptedOfferIsTheRegistrys(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{Workflow: sandbox.AcmePending})

	w.setPolicy(w.AcmeToken(), func(p *withdrawal.Policy) { p.OfferLifetime = time.Hour })
	w.depositToken("100", true)
	w.pay()

	for _, id := range []string{"approved", "refused"} {
		w.request(id, "40", w.AcmeToken(), w.friend, nil)
		_, err := w.Accept(w.friend, w.untilState(id, withdrawal.Offered).Correlation)
		require.NoError(t, err)
	}

	approve := func(id string, finish func(ident.ContractID) (sandbox.Receipt, error)) {
		w.until("the registrar has it", func() bool {
			offer, err := w.db.FindOffer(t.Context(), w.treasury, w.find(id).Correlation)
			require.NoError(t, err)

			if offer.Instruction.AwaitsReceiver {
				return false
			}

			_, err = finish(offer.Contract)
			require.NoError(t, err)

			return true
		})
	}

	approve("approved", w.CompleteWorkflow)
	approve("refused", w.FailWorkflow)
	w.untilState("approved", withdrawal.Completed)
	require.Equal(t, withdrawal.Failed, w.untilState("refused", withdrawal.Failed).State)
	require.Equal(t, "60", w.balance(w.AcmeToken()))
	w.reconciled()
}

func TestDirectOnly(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.Delivery = withdrawal.DirectOnly })
	w.pay()

	w.request("w-1", "30", w.Amulet(), w.friend, nil)
	require.Equal(t, withdrawal.NoPreapproval, w.untilState("w-1", withdrawal.Failed).Reason)
	require.Equal(t, "100", w.balance(w.Amulet()))
	require.Zero(t, w.signer.count())

	w.request("w-2", "30", w.Amulet(), w.shop, nil)
	w.untilState("w-2", withdrawal.Completed)
	w.reconciled()
}

// TestManyAtOnce pays from several instances at once: each withdrawal once.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()

	const count = 60

	w := newWorld(t, sandbox.Config{Latency: 20 * time.Millisecond})
	w.deposit("100", 8)

	for range 3 {
		w.pay()
	}

	for i := range count {
		w.request(fmt.Sprintf("w-%d", i), "3", w.Amulet(), w.shop, nil)
	}

	for i := range count {
		w.untilState(fmt.Sprintf("w-%d", i), withdrawal.Completed)
	}

	require.Equal(t, "180", w.received(w.shop, w.Amulet()))
	w.reconciled()
}

// TestDustIsMergedForAPayment: the amount is there, but only in more holdings than a transfer may spend.
func TestDustIsMergedForAPayment(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("2", 12)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.MaxInputs = 4 })
	w.pay()

	w.request("w-1", "20", w.Amulet(), w.shop, nil)
	w.untilState("w-1", withdrawal.Completed)
	require.Equal(t, "20", w.received(w.shop, w.Amulet()))
	w.reconciled()
}

func TestAShortageIsTold(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("50", 1)

	// Money that is not on the ledger any more: the customer has it, the treasury does not.
	_, err := w.Burn(w.party, w.Amulet(), amounttest.Of("30"))
	require.NoError(t, err)

	w.pay()
	w.request("w-1", "40", w.Amulet(), w.shop, nil)
	w.request("w-2", "10", w.Amulet(), w.shop, nil)
	w.untilState("w-2", withdrawal.Completed)
	w.until("w-1 waits with a reason", func() bool { return w.find("w-1").Waiting == withdrawal.Insufficient })
	require.Contains(t, w.find("w-1").Detail, "40")

	w.deposit("60", 1)
	w.untilState("w-1", withdrawal.Completed)
	w.reconciled()
}

// TestThePoolIsShaped: one whale becomes as many large holdings as the policy asks for.
func TestThePoolIsShaped(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("800", 1)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.PoolTarget, p.PoolLarge = 8, amounttest.Of("50") })
	w.pay(func(_ *payout.Config, _ *payout.Parts) {})

	w.until("there are eight large holdings", func() bool {
		var large int
		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM holdings WHERE archived_no IS NULL AND amount >= 50").Scan(&large))
		w.clock.advance(time.Second) // shaping takes its time

		return large >= 8
	})
	w.until("all internal transfers have ended", func() bool {
		var open int
		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM withdrawals WHERE kind = 'internal' AND state NOT IN ('completed', 'failed')").Scan(&open))

		return open == 0
	})
	w.reconciled()
}
