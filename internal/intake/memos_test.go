package intake_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// TestADisabledMemoIsDecidedAgain: an open offer follows its memo, there and back, and nothing is signed meanwhile.
func TestADisabledMemoIsDecidedAgain(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	node := w.accept()

	acme := w.AcmeToken()
	w.setPolicy(acme, func(p *deposit.Policy) { p.Screen = true })

	offer := w.offer(acme, "10", new(memo))
	w.untilReason(offer, deposit.AwaitsScreening)

	_, err := w.db.DisableMemo(t.Context(), w.party, " "+memo, "ann", "he has left", w.clock.Now())
	require.NoError(t, err)
	w.untilReason(offer, deposit.DisabledMemo)
	w.setPolicy(acme, func(*deposit.Policy) {})

	// Another account that asks for the memo does not get the offer with it.
	_, err = w.db.AddMemo(t.Context(), w.party, "another", memo, "", w.clock.Now())
	require.ErrorContains(t, err, "memo_taken")

	issued, err := w.db.IssueMemo(t.Context(), w.party, customer, false, "", w.clock.Now())
	require.NoError(t, err)

	second := w.offer(acme, "5", new(issued.Memo))
	w.untilDeposit(second, "credited")
	require.Equal(t, "5", w.balance(acme))
	require.Equal(t, string(deposit.DisabledMemo), w.verdict(offer).Reason)
	require.Equal(t, int64(1), node.prepared.Load())

	_, err = w.db.EnableMemo(t.Context(), w.party, memo, "ann", "he is back", w.clock.Now())
	require.NoError(t, err)
	w.untilDeposit(offer, "credited")
	require.Equal(t, "15", w.balance(acme))
	w.reconciled()
}

// TestWhatIsSaidWhileAnOfferComesIsHeard: the exchange gives an account its memo in a transaction that it has begun before
// the offer came, and that ends when the offer is decided.
func TestWhatIsSaidWhileAnOfferComesIsHeard(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.accept()
	w.untilDeposit(w.offer(w.AcmeToken(), "1", new(memo)), "credited") // everything runs

	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)

	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()

	_, err = tx.Exec(t.Context(), "SELECT api.register_memo($1, 'another', 'LATE-1')", string(w.party))
	require.NoError(t, err)

	offer := w.offer(w.AcmeToken(), "10", new("LATE-1"))
	w.untilReason(offer, deposit.UnknownMemo)
	require.NoError(t, tx.Commit(t.Context()))
	w.untilDeposit(offer, "credited")
	w.reconciled()
}
