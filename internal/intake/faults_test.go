package intake_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// TestALostReplyAcceptsOnce: the node commits and does not say so, or does not take it at first.
func TestALostReplyAcceptsOnce(t *testing.T) {
	t.Parallel()

	for _, kind := range []fault.Kind{fault.ReplyLost, fault.DuplicateSubmission, fault.Status503, fault.SequencerBackpressure, fault.GarbledAnswer} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.fault(fault.Rule{Kind: kind, Match: fault.Match{Path: "/v2/interactive-submission/execute"}, Times: 3})
			w.accept()

			first, second := w.offer(w.AcmeToken(), "1", new(memo)), w.offer(w.Amulet(), "2", new(memo))
			w.untilDeposit(first, "credited")
			w.untilDeposit(second, "credited")
			require.Equal(t, "1", w.balance(w.AcmeToken()))
			require.Equal(t, "2", w.balance(w.Amulet()))
			w.reconciled()
		})
	}
}

// TestALyingNodeGetsNothingSigned tells every lie that can be told about the answer to an offer.
func TestALyingNodeGetsNothingSigned(t *testing.T) {
	t.Parallel()

	for _, kind := range []fault.Kind{
		fault.LieExtraNode, fault.LieRecipientOfChange, fault.LieHash, fault.LieMetadata, fault.LieDeadline,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			lie := w.fault(fault.Rule{Kind: kind})
			w.accept()

			offer := w.offer(w.AcmeToken(), "30", new(memo))
			w.until("the token is frozen", func() bool {
				freezes, err := w.db.Freezes(t.Context(), w.treasury)
				require.NoError(t, err)

				return len(freezes) == 1 && freezes[0].Reason == withdrawal.RefusedToSign && freezes[0].Instrument == w.AcmeToken()
			})
			w.until("it says why", func() bool { return w.verdict(offer).Tries > 0 })

			v := w.verdict(offer)
			require.Contains(t, v.Detail, string(withdrawal.RefusedToSign))
			require.False(t, v.Signed)
			require.Zero(t, w.signer.count())

			// It stays so although the node tells the truth again, until somebody has looked.
			require.NoError(t, w.Faults().Remove(lie))

			unfrozen, err := w.db.UnfreezeWithdrawals(t.Context(), w.treasury, w.AcmeToken())
			require.NoError(t, err)
			require.True(t, unfrozen)
			w.untilDeposit(offer, "credited")
			w.reconciled()
		})
	}
}

// TestTheSenderMayWithdrawMeanwhile, and it is no error.
func TestTheSenderMayWithdrawMeanwhile(t *testing.T) {
	t.Parallel()

	for _, when := range []string{"before it is prepared", "before it is executed"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			offer := w.offer(w.AcmeToken(), "30", new(memo))

			withdraw := func(n int64) error {
				if n > 1 {
					return nil
				}

				_, err := w.Withdraw(w.payer, offer)

				return err
			}

			w.accept(func(_ *intake.Config, p *intake.Parts) {
				node := &moody{Node: w.node}
				if when == "before it is prepared" {
					node.prepare = withdraw
				} else {
					node.execute = withdraw
				}

				p.Node = node
			})

			v := w.untilDeposit(offer, "withdrawn")
			require.False(t, v.Open)
			require.Equal(t, "none", v.Work)
			require.Equal(t, "0", w.balance(w.AcmeToken()))
			w.reconciled()
		})
	}
}

// TestWhatIsSubmittedIsWrittenDownBefore: a process that is killed with its submission under way leaves everything that
// the next one needs.
func TestWhatIsSubmittedIsWrittenDownBefore(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	offer := w.offer(w.AcmeToken(), "30", new(memo))

	var seen atomic.Pointer[verdict]

	w.accept(func(_ *intake.Config, p *intake.Parts) {
		p.Node = &moody{Node: w.node, execute: func(n int64) error {
			if n > 1 {
				return nil
			}

			v := w.verdict(offer)
			seen.Store(&v)

			return &ledger.Error{Op: "execute", Stage: ledger.StageExecute, Code: ledger.CodeConnection}
		}}
	})

	w.untilDeposit(offer, "credited")
	require.Equal(t, "submitted", seen.Load().Work)
	require.True(t, seen.Load().Signed)
	require.Equal(t, 1, w.signer.count(), "the same bytes were submitted again")
	w.reconciled()
}

// TestARefusalIsLeftToAPerson after as many tries as the policy allows.
func TestARefusalIsLeftToAPerson(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.setPolicy(w.AcmeToken(), func(p *deposit.Policy) { p.MaxTries = 2 })

	var healed atomic.Bool

	node := &moody{Node: w.node, prepare: func(int64) error {
		if healed.Load() {
			return nil
		}

		return &ledger.Error{Op: "prepare", HTTPStatus: 400, Code: "DAML_FAILURE", Category: ledger.CategoryInvalidNow}
	}}
	w.accept(func(_ *intake.Config, p *intake.Parts) { p.Node = node })

	offer := w.offer(w.AcmeToken(), "30", new(memo))
	w.until("it is given up", func() bool { return w.verdict(offer).Work == "given_up" })

	v := w.verdict(offer)
	require.Equal(t, int64(2), node.prepared.Load())
	require.Contains(t, v.Detail, "prepare_refused")
	require.Equal(t, 2, v.Tries)

	// What it rests on changes, and it is still given up.
	w.setPolicy(w.AcmeToken(), func(p *deposit.Policy) { p.MaxTries = 3 })
	time.Sleep(100 * time.Millisecond) //nolint:forbidigo // for something not to happen
	require.Equal(t, "given_up", w.verdict(offer).Work)

	healed.Store(true)
	require.NoError(t, w.db.RetryOffer(t.Context(), w.treasury, v.ID, w.clock.Now()))
	w.untilDeposit(offer, "credited")
	w.reconciled()
}

// TestWhatIsAwayIsWaitedFor: node, registry or signer are no offer's fault, however long it takes.
func TestWhatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		breaks func(w *world) (heal func())
		reason withdrawal.Reason
	}{
		"registry": {func(w *world) func() {
			id := w.fault(fault.Rule{Kind: fault.RegistryDown})

			return func() { _ = w.Faults().Remove(id) }
		}, withdrawal.RegistryUnavailable},
		"node": {func(w *world) func() {
			id := w.fault(fault.Rule{Kind: fault.Status503, Match: fault.Match{Path: "/v2/interactive-submission/prepare"}})

			return func() { _ = w.Faults().Remove(id) }
		}, withdrawal.NodeUnavailable},
		"signer": {func(w *world) func() {
			w.signer.fail = errors.New("away")

			return func() {
				w.signer.mu.Lock()
				defer w.signer.mu.Unlock()

				w.signer.fail = nil
			}
		}, withdrawal.SignerUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.setPolicy(w.AcmeToken(), func(p *deposit.Policy) { p.MaxTries = 1 })
			heal := c.breaks(w)
			w.accept()

			offer := w.offer(w.AcmeToken(), "30", new(memo))
			w.until("it says why it waits", func() bool {
				v := w.verdict(offer)

				return len(v.Detail) > len(c.reason) && v.Detail[:len(c.reason)] == string(c.reason)
			})
			require.Zero(t, w.verdict(offer).Tries)

			heal()

			w.hurried = true
			w.untilDeposit(offer, "credited")
			w.reconciled()
		})
	}
}

// TestASubmissionThatVanishesIsMadeAnew once the ledger's time has passed its target.
func TestASubmissionThatVanishesIsMadeAnew(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.setPolicy(w.AcmeToken(), func(p *deposit.Policy) { p.Window = time.Minute })
	lost := w.fault(fault.Rule{Kind: fault.NotSequenced})
	w.accept()

	offer := w.offer(w.AcmeToken(), "30", new(memo))
	w.until("it is submitted", func() bool { return w.verdict(offer).Work == "submitted" })
	w.clock.advance(2 * time.Minute)
	w.Tick()
	w.until("it has failed once", func() bool { return w.verdict(offer).Tries == 1 })
	require.NoError(t, w.Faults().Remove(lost))
	w.hurried = true
	w.untilDeposit(offer, "credited")
	require.GreaterOrEqual(t, w.signer.count(), 2)
	w.reconciled()
}

// TestAnOfferMayExpireWhileItsAcceptanceIsUnderWay: nothing is tried any more, and history tells its end.
func TestAnOfferMayExpireWhileItsAcceptanceIsUnderWay(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.fault(fault.Rule{Kind: fault.NotSequenced})
	w.accept()

	offer := w.offer(w.AcmeToken(), "30", new(memo), func(r *sandbox.TransferRequest) {
		r.ExecuteBefore = w.clock.Now().Add(2 * time.Minute)
	})
	w.until("it is submitted", func() bool { return w.verdict(offer).Work == "submitted" })
	w.clock.advance(2*time.Minute + time.Second)
	w.Tick()
	w.untilReason(offer, deposit.DeadlinePassed)
	w.until("it is left alone", func() bool { return w.verdict(offer).Work == "none" })

	_, err := w.Expire(offer)
	require.NoError(t, err)
	require.False(t, w.untilDeposit(offer, "expired").Open)
	require.Equal(t, "0", w.balance(w.AcmeToken()))
	w.reconciled()
}
