package payout

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// TestThePaceFollowsTheNode: overload halves it, success brings it back bit by bit and never above what is configured.
func TestThePaceFollowsTheNode(t *testing.T) {
	t.Parallel()

	p := newPace(600, 0, clock.NewManual(noon()))
	require.InDelta(t, 10, float64(p.limiter.Limit()), 1e-9)

	overload := &ledger.Error{Code: "SEQUENCER_BACKPRESSURE"}
	for range 3 {
		p.learn(withdrawal.RetrySame, overload)
	}

	require.InDelta(t, 1.25, float64(p.limiter.Limit()), 1e-9)

	for range 20 {
		p.learn(withdrawal.RetrySame, overload)
	}

	require.InDelta(t, float64(slowest), float64(p.limiter.Limit()), 1e-9)

	for range 1000 {
		p.learn(withdrawal.Accepted, nil)
	}

	require.InDelta(t, 10, float64(p.limiter.Limit()), 1e-9)

	// The verdict on one transaction says nothing about the others.
	p.learn(withdrawal.RetrySame, &ledger.Error{Code: "LOCAL_VERDICT_LOCKED_CONTRACTS"})
	p.learn(withdrawal.Unknown, nil)
	require.InDelta(t, 10, float64(p.limiter.Limit()), 1e-9)

	// What is configured is never exceeded, however slow it is.
	slow := newPace(6, 0, clock.NewManual(noon()))
	slow.learn(withdrawal.RetrySame, overload)
	require.InDelta(t, 0.1, float64(slow.limiter.Limit()), 1e-9)

	for _, indifferent := range []withdrawal.Answer{withdrawal.Rejected, withdrawal.PrepareAgain, withdrawal.Committed} {
		p.learn(indifferent, nil)
		require.InDelta(t, 10, float64(p.limiter.Limit()), 1e-9)
	}
}

// TestThePaceStops: without traffic nothing is submitted for a while, and no shorter than the node asks.
func TestThePaceStops(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(noon())
	p := newPace(0, 0, now)
	require.NoError(t, p.wait(t.Context()))

	p.learn(withdrawal.OutOfTraffic, &ledger.Error{RetryAfter: 30 * time.Second})

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, p.wait(ctx))

	now.Advance(29 * time.Second)
	require.Error(t, p.wait(ctx))

	now.Advance(time.Second)
	require.NoError(t, p.wait(t.Context()))

	p.note(&ledger.Error{RetryAfter: time.Second})
	require.Error(t, p.wait(ctx))
}
