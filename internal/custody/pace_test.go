package custody

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func noon() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }

// failed is the error of a submission.
func failed(code string) error { return &ledger.Error{Stage: ledger.StageExecute, Code: code} }

// TestThePaceFollowsTheNode: overload halves it, success brings it back bit by bit and never above what is configured.
func TestThePaceFollowsTheNode(t *testing.T) {
	t.Parallel()

	p := NewPace(600, 0, clock.NewManual(noon()))
	require.InDelta(t, 10, float64(p.limiter.Limit()), 1e-9)

	overload := failed("SEQUENCER_BACKPRESSURE")
	for range 3 {
		p.Learn(overload)
	}

	require.InDelta(t, 1.25, float64(p.limiter.Limit()), 1e-9)

	for range 20 {
		p.Learn(overload)
	}

	require.InDelta(t, float64(slowest), float64(p.limiter.Limit()), 1e-9)

	for range 1000 {
		p.Learn(nil)
	}

	require.InDelta(t, 10, float64(p.limiter.Limit()), 1e-9)

	// The verdict on one transaction says nothing about the others.
	p.Learn(failed("LOCAL_VERDICT_LOCKED_CONTRACTS"))
	p.Learn(failed("REQUEST_TIME_OUT"))
	require.InDelta(t, 10, float64(p.limiter.Limit()), 1e-9)

	// What is configured is never exceeded, however slow it is.
	slow := NewPace(6, 0, clock.NewManual(noon()))
	slow.Learn(overload)
	require.InDelta(t, 0.1, float64(slow.limiter.Limit()), 1e-9)

	for _, indifferent := range []string{"INVALID_ARGUMENT", "CONTRACT_NOT_FOUND", "DUPLICATE_COMMAND"} {
		p.Learn(failed(indifferent))
		require.InDelta(t, 10, float64(p.limiter.Limit()), 1e-9)
	}
}

// TestThePaceStops: without traffic nothing is submitted for a while, and no shorter than the node asks.
func TestThePaceStops(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(noon())
	p := NewPace(0, 0, now)
	require.NoError(t, p.Wait(t.Context()))

	p.Learn(&ledger.Error{
		Stage: ledger.StageExecute, Code: "SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT", RetryAfter: 30 * time.Second,
	})
	require.Equal(t, NoTraffic, p.Standstill())
	require.Zero(t, p.Allowance())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, p.Wait(ctx))

	now.Advance(29 * time.Second)
	require.Error(t, p.Wait(ctx))

	now.Advance(time.Second)
	require.NoError(t, p.Wait(t.Context()))

	p.Note(&ledger.Error{RetryAfter: time.Second})
	require.Error(t, p.Wait(ctx))
}

// TestStandstillsAreReasons: what stops the pace is stored as a withdrawal's reason to wait.
func TestStandstillsAreReasons(t *testing.T) {
	t.Parallel()

	require.Equal(t, withdrawal.NoTraffic, withdrawal.Reason(NoTraffic))
	require.Equal(t, withdrawal.SynchronizerPaused, withdrawal.Reason(Paused))
}
