package intake_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
)

// TestAnOfferIsAcceptedAndCredited of both tokens, Canton Coin where the treasury has no preapproval.
func TestAnOfferIsAcceptedAndCredited(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	node := w.accept()

	for _, instrument := range []ident.Instrument{w.AcmeToken(), w.Amulet()} {
		offer := w.offer(instrument, "12.5", new(memo))
		v := w.untilDeposit(offer, "credited")
		require.Equal(t, string(deposit.Accept), v.Verdict)
		require.False(t, v.Open)
		require.Equal(t, "none", v.Work)
		require.Equal(t, "12.5", w.balance(instrument))
	}

	require.Equal(t, 2, w.signer.count())
	require.Equal(t, int64(2), node.prepared.Load())
	w.reconciled()
}

// TestWhatIsNotRightCostsNothing: such offers stay as they are, say why, and are not even prepared. What becomes right
// is accepted.
func TestWhatIsNotRightCostsNothing(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	acme := w.AcmeToken()
	node := w.accept()

	w.setPolicy(acme, func(p *deposit.Policy) { p.MinimumOffer = amounttest.Of("5") })

	reasons := map[deposit.Reason]ident.ContractID{
		deposit.MissingMemo:  w.offer(acme, "10", nil),
		deposit.EmptyMemo:    w.offer(acme, "10", new("")),
		deposit.UnknownMemo:  w.offer(acme, "11", new("ACC-2")),
		deposit.BelowMinimum: w.offer(acme, "4.9999999999", new(memo)),
	}

	require.NoError(t, w.db.BlockSender(t.Context(), w.treasury, w.payer, "ann", "stolen money", w.clock.Now()))
	reasons[deposit.SenderBlocked] = w.offer(acme, "12", new(memo))

	soon := func(r *sandbox.TransferRequest) { r.ExecuteBefore = w.clock.Now().Add(50 * time.Second) }
	reasons[deposit.DeadlineTooNear] = w.offer(acme, "13", new(memo), soon)

	for reason, offer := range reasons {
		v := w.untilReason(offer, reason)
		require.Equal(t, string(deposit.Ignore), v.Verdict)
		require.Equal(t, "none", v.Work)
	}

	w.setPolicy(acme, func(p *deposit.Policy) { p.AcceptOffers = false })
	w.untilReason(reasons[deposit.SenderBlocked], deposit.OffersDisabled)
	require.Equal(t, "0", w.balance(acme))
	require.Zero(t, node.prepared.Load())
	require.Zero(t, w.signer.count())

	// The memo gets its owner, the sender is let in, and the minimum falls: each is decided again.
	w.setPolicy(acme, func(p *deposit.Policy) { p.MinimumOffer = amounttest.Of("5") })
	require.NoError(t, w.db.RegisterMemo(t.Context(), w.treasury, "ACC-2", customer, w.clock.Now()))

	blocked := w.untilReason(reasons[deposit.UnknownMemo], deposit.SenderBlocked)
	require.Equal(t, "none", blocked.Work)

	unblocked, err := w.db.UnblockSender(t.Context(), w.treasury, w.payer, "ann", "found", w.clock.Now())
	require.NoError(t, err)
	require.True(t, unblocked)
	w.untilDeposit(reasons[deposit.UnknownMemo], "credited")
	w.untilDeposit(reasons[deposit.SenderBlocked], "credited")
	require.Equal(t, "23", w.balance(acme))

	w.setPolicy(acme, func(*deposit.Policy) {})
	w.untilDeposit(reasons[deposit.BelowMinimum], "credited")
	require.Equal(t, "27.9999999999", w.balance(acme))
	require.Equal(t, int64(3), node.prepared.Load())

	policies, err := w.db.DepositPolicies(t.Context())
	require.NoError(t, err)
	require.Len(t, policies, 1)
	require.Equal(t, deposit.DefaultPolicy().Window, policies[acme].Window)
	require.Equal(t, deposit.DefaultPolicy().MaxTries, policies[acme].MaxTries)
	w.reconciled()
}

// TestALookAlikeIsAnotherToken: the same name of another admin, which nobody has listed.
func TestALookAlikeIsAnotherToken(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	node := w.accept()

	var offers []ident.ContractID

	for _, id := range []string{w.AcmeToken().ID, w.Amulet().ID} {
		offer := w.offer(ident.Instrument{Admin: w.payer, ID: id}, "10", new(memo))
		v := w.untilReason(offer, deposit.UnlistedInstrument)
		require.Equal(t, string(deposit.Ignore), v.Verdict)

		// Not even an operator can make it a listed one.
		require.NoError(t, w.db.OperatorVerdict(t.Context(), w.treasury, v.ID, deposit.Accept, "ann", "she asked for it", w.clock.Now()))

		offers = append(offers, offer)
	}

	w.until("they are decided again", func() bool {
		var old int
		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM offer_verdicts WHERE changes > decided_changes").Scan(&old))

		return old == 0
	})

	for _, offer := range offers {
		require.Equal(t, string(deposit.UnlistedInstrument), w.verdict(offer).Reason)
	}

	require.Zero(t, node.prepared.Load())
	w.reconciled()
}

// TestMetadataOfASender: what a sender writes beside the memo is compared too.
func TestMetadataOfASender(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.accept()

	some := func(r *sandbox.TransferRequest) {
		r.Meta = map[string]string{"wallet.example/note": "for the \u00e4pples", "wallet.example/ref": strings.Repeat("x", 2000)}
	}
	long := func(r *sandbox.TransferRequest) {
		r.Meta = map[string]string{"wallet.example/" + strings.Repeat("k", 400): "v"}
	}

	for _, instrument := range []ident.Instrument{w.AcmeToken(), w.Amulet()} {
		for _, change := range []func(*sandbox.TransferRequest){some, long} {
			w.untilDeposit(w.offer(instrument, "1", new(memo), change), "credited")
		}
	}

	require.Equal(t, 4, w.signer.count())
	w.reconciled()
}

// shows is a node that shows offers with other metadata than they have.
type shows struct {
	intake.Node

	meta map[string]string
}

func (s shows) EventsByContractID(ctx context.Context, party ident.Party, contract ident.ContractID) (ledger.ContractEvents, error) {
	events, err := s.Node.EventsByContractID(ctx, party, contract)
	if err != nil {
		return events, err
	}

	views := events.Created.Created.Views
	for i := range views {
		var view map[string]any
		if err := json.Unmarshal(views[i].Value, &view); err != nil {
			return events, err
		}

		if transfer, ok := view["transfer"].(map[string]any); ok {
			transfer["meta"] = map[string]any{"values": s.meta}
		}

		if views[i].Value, err = json.Marshal(view); err != nil {
			return events, err
		}
	}

	return events, nil
}

// TestTooMuchMetadataIsLeftToAPerson and is no alarm: a stranger must not be able to freeze anything. Another memo than
// was streamed is one.
func TestTooMuchMetadataIsLeftToAPerson(t *testing.T) {
	t.Parallel()

	many := map[string]string{token.KeyReason: memo}
	for i := range 300 {
		many["wallet.example/"+strconv.Itoa(i)] = "x"
	}

	for name, c := range map[string]struct {
		meta   map[string]string
		frozen int
		detail string
	}{
		"many":         {many, 0, "metadata_too_large"},
		"large":        {map[string]string{token.KeyReason: memo, "k": strings.Repeat("x", 200<<10)}, 0, "metadata_too_large"},
		"another memo": {map[string]string{token.KeyReason: "ACC-2"}, 1, "refused_to_sign"},
		"no memo":      {map[string]string{}, 1, "refused_to_sign"},
		"another note": {map[string]string{token.KeyReason: memo, "note": "x"}, 1, "refused_to_sign"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.accept(func(_ *intake.Config, p *intake.Parts) { p.Node = shows{Node: w.node, meta: c.meta} })

			offer := w.offer(w.AcmeToken(), "3", new(memo))
			w.until("it says why", func() bool { return w.verdict(offer).Tries > 0 })

			v := w.verdict(offer)
			require.Contains(t, v.Detail, c.detail)
			require.Equal(t, c.frozen == 0, v.Work == "given_up")
			require.Zero(t, w.signer.count())

			freezes, err := w.db.Freezes(t.Context(), w.treasury)
			require.NoError(t, err)
			require.Len(t, freezes, c.frozen)
		})
	}
}

// TestAPendingWorkflow: an offer that was accepted is in its registry's hands, which completes or refuses it.
func TestAPendingWorkflow(t *testing.T) {
	t.Parallel()

	for state, end := range map[string]func(*world, ident.ContractID) error{
		"credited": func(w *world, id ident.ContractID) error {
			_, err := w.CompleteWorkflow(id)

			return err
		},
		"failed": func(w *world, id ident.ContractID) error {
			_, err := w.FailWorkflow(id)

			return err
		},
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{Workflow: sandbox.AcmePending})
			node := w.accept()
			offer := w.offer(w.AcmeToken(), "10", new(memo))

			v := w.untilReason(offer, deposit.AwaitsRegistry)
			require.True(t, v.Open)
			require.Equal(t, "offered", v.Deposit)
			w.until("its work is over", func() bool { return w.verdict(offer).Work == "none" })

			var waiting ident.ContractID
			require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT contract_id FROM transfer_instructions WHERE closed_no IS NULL").Scan(&waiting))
			require.NotEqual(t, offer, waiting)
			require.NoError(t, end(w, waiting))

			v = w.untilDeposit(offer, state)
			require.False(t, v.Open)
			require.Equal(t, int64(1), node.prepared.Load())
			w.reconciled()
		})
	}
}

// TestAnOperatorHasTheLastWord over memo, minimum and blocking.
func TestAnOperatorHasTheLastWord(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.setPolicy(w.AcmeToken(), func(p *deposit.Policy) { p.AcceptOffers = false })
	w.accept()

	say := func(offer ident.ContractID, verdict deposit.Verdict) {
		v := w.untilReason(offer, deposit.OffersDisabled)
		require.NoError(t, w.db.OperatorVerdict(t.Context(), w.treasury, v.ID, verdict, "ann", "by hand", w.clock.Now()))
	}

	taken, ignored, rejected := w.offer(w.AcmeToken(), "1", new(memo)), w.offer(w.AcmeToken(), "2", new(memo)), w.offer(w.AcmeToken(), "4", new(memo))
	say(taken, deposit.Accept)
	say(ignored, deposit.Ignore)
	say(rejected, deposit.Reject)

	v := w.untilDeposit(rejected, "rejected")
	require.Equal(t, string(deposit.ByOperator), v.Reason)
	require.False(t, v.Open)
	w.untilDeposit(taken, "credited")
	v = w.untilReason(ignored, deposit.ByOperator)
	require.Equal(t, "none", v.Work)
	require.Equal(t, "offered", v.Deposit)

	// What he takes back is as it was.
	require.NoError(t, w.db.OperatorVerdict(t.Context(), w.treasury, v.ID, "", "ann", "", w.clock.Now()))
	w.untilReason(ignored, deposit.OffersDisabled)

	require.Equal(t, "1", w.balance(w.AcmeToken()))
	require.ErrorIs(t, w.db.OperatorVerdict(t.Context(), w.treasury, w.verdict(taken).ID, deposit.Reject, "ann", "", w.clock.Now()), store.ErrNotFound)
	require.ErrorIs(t, w.db.RetryOffer(t.Context(), w.treasury, v.ID, w.clock.Now()), store.ErrNotFound)
	w.reconciled()
}

// TestWithoutScreeningNothingThatIsScreenedIsAccepted: it fails closed.
func TestWithoutScreeningNothingThatIsScreenedIsAccepted(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.setPolicy(w.AcmeToken(), func(p *deposit.Policy) { p.Screen = true })
	node := w.accept()

	offer := w.offer(w.AcmeToken(), "10", new(memo))
	require.Equal(t, string(deposit.Hold), w.untilReason(offer, deposit.AwaitsScreening).Verdict)
	require.Zero(t, node.prepared.Load())

	w.setPolicy(w.AcmeToken(), func(*deposit.Policy) {})
	w.untilDeposit(offer, "credited")
}

// TestTimeChangesVerdicts: an offer that was given up is too late at last, and its end is history's to tell.
func TestTimeChangesVerdicts(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	ours := &shifted{}
	node := w.accept(func(_ *intake.Config, p *intake.Parts) { p.Clock = ours })

	offer := w.offer(w.AcmeToken(), "10", new("ACC-9"), func(r *sandbox.TransferRequest) {
		r.ExecuteBefore = w.clock.Now().Add(10 * time.Minute)
	})
	w.untilReason(offer, deposit.UnknownMemo)

	step := func(d time.Duration) {
		w.clock.advance(d)
		ours.advance(d)
		w.Tick()
	}

	step(9*time.Minute + 30*time.Second)
	w.untilReason(offer, deposit.DeadlineTooNear)

	// Now it would be right, and it is too late.
	require.NoError(t, w.db.RegisterMemo(t.Context(), w.treasury, "ACC-9", customer, w.clock.Now()))
	step(30 * time.Second)
	w.untilReason(offer, deposit.DeadlinePassed)

	_, err := w.Expire(offer)
	require.NoError(t, err)
	require.False(t, w.untilDeposit(offer, "expired").Open)
	require.Zero(t, node.prepared.Load())
	w.reconciled()
}

// TestSeveralInstances share the work and do none of it twice.
func TestSeveralInstances(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})

	const many = 40

	for range many {
		w.offer(w.AcmeToken(), "1", new(memo))
	}

	first, second := w.accept(), w.accept()

	w.until("all are credited", func() bool { return w.balance(w.AcmeToken()) == strconv.Itoa(many) })
	require.Equal(t, int64(many), first.prepared.Load()+second.prepared.Load())
	require.Equal(t, many, w.signer.count())
	w.reconciled()
}

// TestReadiness follows what can be done.
func TestReadiness(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	s := w.instance(func(c *intake.Config, p *intake.Parts) {
		c.MaxSkew, c.Tolerance = time.Hour, time.Hour
		p.Clock = w.clock
	})
	require.Error(t, s.Ready())
	w.run(func(ctx context.Context) error { return s.Run(ctx) })
	w.until("it is ready", func() bool { return s.Ready() == nil })
}
