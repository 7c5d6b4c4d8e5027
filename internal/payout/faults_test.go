package payout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func (w *world) fault(rule fault.Rule) fault.ID {
	w.t.Helper()

	id, err := w.Faults().Add(rule)
	require.NoError(w.t, err)

	return id
}

func (w *world) attempts() (results []string) {
	w.t.Helper()

	rows, err := w.pool.Query(w.t.Context(), "SELECT coalesce(result, 'live') FROM withdrawal_attempts WHERE withdrawal_id = 'w-1' ORDER BY attempt")
	require.NoError(w.t, err)

	defer rows.Close()

	for rows.Next() {
		var result string
		require.NoError(w.t, rows.Scan(&result))
		results = append(results, result)
	}

	require.NoError(w.t, rows.Err())

	return results
}

func (w *world) reserved() (count int) {
	w.t.Helper()
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), "SELECT count(*) FROM reservations").Scan(&count))

	return count
}

// TestALostReplyPaysOnce: the node commits and does not say so.
func TestALostReplyPaysOnce(t *testing.T) {
	t.Parallel()

	for _, kind := range []fault.Kind{fault.ReplyLost, fault.DuplicateSubmission, fault.Status503, fault.SequencerBackpressure, fault.GarbledAnswer} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.deposit("100", 2)
			w.fault(fault.Rule{Kind: kind, Match: fault.Match{Path: "/v2/interactive-submission/execute"}, Times: 3})
			w.pay()

			for i := range 4 {
				w.request(fmt.Sprintf("w-%d", i), "10", w.Amulet(), w.shop, nil)
			}

			for i := range 4 {
				w.untilState(fmt.Sprintf("w-%d", i), withdrawal.Completed)
			}

			require.Equal(t, "40", w.received(w.shop, w.Amulet()))
			require.Zero(t, w.reserved())
			w.reconciled()
		})
	}
}

// TestAnAttemptDiesByRecordTimeAlone: a submission that vanishes keeps its holdings until the ledger's time has passed
// its target, whatever our own clock says; then another attempt is made, and the last one that is allowed gives the
// money back.
func TestAnAttemptDiesByRecordTimeAlone(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.Window, p.MaxAttempts = time.Minute, 2 })
	lost := w.fault(fault.Rule{Kind: fault.NotSequenced})

	// Payments whose clock runs ahead of the ledger's.
	ours := &shifted{}
	w.pay(func(_ *payout.Config, p *payout.Parts) { p.Clock = ours })

	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	w.untilState("w-1", withdrawal.Submitted)
	ours.advance(50 * time.Second) // within the lag that is tolerated
	ours.advance(30 * time.Second) // the target is past, by our clock

	w.until("the worker waits for record time", func() bool { return w.find("w-1").Waiting == withdrawal.AwaitsRecordTime })
	require.Equal(t, withdrawal.Submitted, w.find("w-1").State)
	require.Equal(t, 1, w.reserved())
	require.Equal(t, []string{"live"}, w.attempts())

	w.clock.advance(80 * time.Second)
	w.Tick()
	w.until("there is a second attempt", func() bool { return len(w.attempts()) == 2 })
	require.Equal(t, "dead", w.attempts()[0])
	w.untilState("w-1", withdrawal.Submitted)

	// The second one is lost as well: it was the last.
	w.clock.advance(2 * time.Minute)
	ours.advance(2 * time.Minute)
	w.Tick()
	require.Equal(t, withdrawal.AttemptsExhausted, w.untilState("w-1", withdrawal.Failed).Reason)
	require.Equal(t, "100", w.balance(w.Amulet()))
	require.Zero(t, w.reserved())
	require.Equal(t, "0", w.received(w.shop, w.Amulet()))

	var told []string

	require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT array_agg(type ORDER BY event_no) FROM events WHERE subject = 'w-1'").Scan(&told))
	require.Equal(t, []string{
		"withdrawal.requested", "withdrawal.submitted", "withdrawal.waiting", "withdrawal.submitted", "withdrawal.failed",
	}, told)

	require.NoError(t, w.Faults().Remove(lost))
	w.request("w-2", "30", w.Amulet(), w.shop, nil)
	w.untilState("w-2", withdrawal.Completed)
	w.reconciled()
}

// TestALyingNodeGetsNothingSigned tells every lie about a payment, and about taking back an offer.
func TestALyingNodeGetsNothingSigned(t *testing.T) {
	t.Parallel()

	for _, entry := range fault.Catalogue() {
		if !strings.HasPrefix(string(entry.Kind), "lie-") {
			continue
		}

		t.Run(string(entry.Kind), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.deposit("100", 3)
			lie := w.fault(fault.Rule{Kind: entry.Kind})
			w.pay()

			w.request("w-1", "30", w.Amulet(), w.shop, nil)
			w.until("withdrawals are frozen", func() bool {
				freezes, err := w.db.Freezes(t.Context(), w.treasury)
				require.NoError(t, err)

				return len(freezes) == 1 && freezes[0].Reason == withdrawal.RefusedToSign && freezes[0].Instrument == w.Amulet()
			})

			found := w.untilState("w-1", withdrawal.Requested)
			require.Contains(t, []withdrawal.Reason{withdrawal.RefusedToSign, withdrawal.Frozen}, found.Waiting)
			require.Zero(t, w.signer.count())
			require.Zero(t, w.reserved())

			var alarms int
			require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM events WHERE type = 'withdrawal.alarm'").Scan(&alarms))
			require.Equal(t, 1, alarms)

			// It stays frozen although the node tells the truth again, until somebody has looked.
			require.NoError(t, w.Faults().Remove(lie))

			unfrozen, err := w.db.UnfreezeWithdrawals(t.Context(), w.treasury, w.Amulet())
			require.NoError(t, err)
			require.True(t, unfrozen)
			w.untilState("w-1", withdrawal.Completed)
			require.Equal(t, "30", w.received(w.shop, w.Amulet()))
			w.reconciled()
		})
	}
}

// TestAFreezeStopsEverything: what is frozen is not paid, and requests are taken and can be cancelled.
func TestAFreezeStopsEverything(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)

	fresh, err := w.db.FreezeWithdrawals(t.Context(), w.treasury, store.Freeze{Reason: withdrawal.Frozen, Detail: "a drill", At: w.clock.Now()})
	require.NoError(t, err)
	require.True(t, fresh)
	w.pay()

	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	w.request("w-2", "30", w.Amulet(), w.shop, nil)
	w.until("it waits", func() bool { return w.find("w-1").Waiting == withdrawal.Frozen })
	require.NoError(t, w.db.CancelWithdrawal(t.Context(), w.party, "w-2", w.clock.Now()))

	_, err = w.db.UnfreezeWithdrawals(t.Context(), w.treasury, w.Amulet())
	require.NoError(t, err)
	require.Equal(t, withdrawal.Requested, w.find("w-1").State, "another freeze was lifted")

	var none store.Freeze

	_, err = w.db.UnfreezeWithdrawals(t.Context(), w.treasury, none.Instrument)
	require.NoError(t, err)
	w.untilState("w-1", withdrawal.Completed)
	require.Zero(t, w.reserved())
	w.reconciled()
}

// flaky are registries that fail at first.
type flaky struct {
	payout.Registries

	failures chan error
}

func (f flaky) TransferFactory(ctx context.Context, t token.Transfer) (registry.TransferFactory, error) {
	select {
	case err := <-f.failures:
		return registry.TransferFactory{}, err
	default:
		return f.Registries.TransferFactory(ctx, t)
	}
}

// TestTroubleBeforeASubmissionCostsNothing: registry, node or signer are away; the withdrawal goes back to the queue,
// says why, and is paid when they are there again.
func TestTroubleBeforeASubmissionCostsNothing(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		fails  func(w *world) (change func(*payout.Config, *payout.Parts), heal func())
		reason withdrawal.Reason
	}{
		"registry": {func(w *world) (func(*payout.Config, *payout.Parts), func()) {
			id := w.fault(fault.Rule{Kind: fault.RegistryDown})

			return func(*payout.Config, *payout.Parts) {}, func() { _ = w.Faults().Remove(id) }
		}, withdrawal.RegistryUnavailable},
		"node": {func(w *world) (func(*payout.Config, *payout.Parts), func()) {
			id := w.fault(fault.Rule{Kind: fault.Status503, Match: fault.Match{Path: "/v2/interactive-submission/prepare"}})

			return func(*payout.Config, *payout.Parts) {}, func() { _ = w.Faults().Remove(id) }
		}, withdrawal.NodeUnavailable},
		"signer": {func(w *world) (func(*payout.Config, *payout.Parts), func()) {
			w.signer.fail = errors.New("away")

			return func(*payout.Config, *payout.Parts) {}, func() {
				w.signer.mu.Lock()
				defer w.signer.mu.Unlock()

				w.signer.fail = nil
			}
		}, withdrawal.SignerUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.deposit("100", 1)
			change, heal := c.fails(w)
			w.pay(change)

			w.request("w-1", "30", w.Amulet(), w.shop, nil)
			w.until("it says why it waits", func() bool {
				found := w.find("w-1")

				return found.State == withdrawal.Requested && found.Waiting == c.reason
			})
			require.Zero(t, w.reserved())

			heal()
			w.untilState("w-1", withdrawal.Completed)
			require.Contains(t, w.attempts(), "dropped")
			w.reconciled()
		})
	}
}

// TestARefusalEndsAfterAWhile: a registry that refuses a transfer is asked a few times, and then the money goes back.
func TestARefusalEndsAfterAWhile(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)

	failures := make(chan error, 3)
	for range cap(failures) {
		failures <- &registry.Error{Op: "get transfer factory", Kind: registry.Refused, Cause: "not allowed"}
	}

	w.pay(func(_ *payout.Config, p *payout.Parts) { p.Registries = flaky{p.Registries, failures} })
	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	require.Equal(t, withdrawal.RefusedByRegistry, w.untilState("w-1", withdrawal.Failed).Reason)
	require.Equal(t, "100", w.balance(w.Amulet()))
	require.Zero(t, w.signer.count())
	w.reconciled()
}

// TestNothingIsPaidWhileIngestionIsBehind: what the database does not know yet may be a payment that was made.
func TestNothingIsPaidWhileIngestionIsBehind(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)

	ours := &shifted{}
	ours.advance(5 * time.Minute)

	stop := w.pay(func(_ *payout.Config, p *payout.Parts) { p.Clock = ours })
	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	w.until("it says why it waits", func() bool { return w.find("w-1").Waiting == withdrawal.IngestionBehind })
	require.Empty(t, w.attempts())
	stop()

	w.clock.advance(6 * time.Minute)
	w.Tick()
	w.pay()
	w.untilState("w-1", withdrawal.Completed)
	w.reconciled()
}
