package sandbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

func crowd(t *testing.T, seed uint64) (*sandbox.Sandbox, sandbox.TrafficReport) {
	t.Helper()

	s, err := sandbox.New(sandbox.Config{Seed: 7, Clock: clock.NewManual(start())})
	require.NoError(t, err)
	t.Cleanup(s.Close)

	treasury, err := s.AllocateParty("treasury")
	require.NoError(t, err)

	_, err = s.Preapprove(treasury)
	require.NoError(t, err)

	report, err := s.Traffic(t.Context(), sandbox.TrafficConfig{
		Seed: seed, Treasury: treasury, Memos: []string{"ACC-1", "ACC-2"}, Actions: 400, TreasuryAccepts: true,
	})
	require.NoError(t, err)

	return s, report
}

func TestTrafficIsReproducible(t *testing.T) {
	t.Parallel()

	first, report := crowd(t, 1)
	second, again := crowd(t, 1)
	other, _ := crowd(t, 2)

	one, err := first.Oracle()
	require.NoError(t, err)
	two, err := second.Oracle()
	require.NoError(t, err)
	three, err := other.Oracle()
	require.NoError(t, err)

	require.Equal(t, report, again)
	require.Equal(t, jsonText(one), jsonText(two))
	require.NotEqual(t, jsonText(one), jsonText(three))
}

func TestTrafficDoesEverything(t *testing.T) {
	t.Parallel()

	s, report := crowd(t, 3)

	for _, name := range []string{
		"deposit", "deposit with a wrong memo", "deposit without a memo", "offer", "tap", "batch", "look-alike token",
		"bare look-alike", "withdraw an offer", "treasury accepts an offer", "merge", "pay another customer",
	} {
		require.Positive(t, report.Done[name], name)
	}

	require.Less(t, report.Done["refused"], 100)
	require.NotEmpty(t, s.Transfers())
}

func TestTrafficStopsWithItsContext(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	ctx, cancel := context.WithCancel(t.Context())

	var done = make(chan error, 1)

	go func() {
		_, err := n.Traffic(ctx, sandbox.TrafficConfig{Treasury: n.treasury, Interval: time.Millisecond})
		done <- err
	}()

	stream := n.stream("/v2/updates", updatesRequest(n.treasury, n.LedgerEnd()))
	stream.nextTransaction() // the customers are at work
	cancel()
	require.NoError(t, <-done)
}

func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{CheckpointInterval: time.Millisecond})
	begin := n.LedgerEnd()
	done := make(chan error, 4)

	for seed := range uint64(4) {
		go func() {
			_, err := n.Traffic(t.Context(), sandbox.TrafficConfig{
				Seed: seed, Treasury: n.treasury, Memos: []string{"ACC-1"}, Actions: 100, TreasuryAccepts: true,
			})
			done <- err
		}()
	}

	stream := n.stream("/v2/updates", updatesRequest(n.treasury, begin))
	offset, clocks := begin, time.Time{}

	var finished int

	for finished < 4 || offset < lastOf(n) {
		select {
		case err := <-done:
			require.NoError(t, err)

			finished++
		default:
		}

		i := stream.next()

		switch {
		case i.Update.Transaction != nil:
			v := i.Update.Transaction.Value
			require.Greater(t, v.Offset, offset)
			require.True(t, v.RecordTime.After(clocks), "record time goes on, checkpoints' too")
			offset, clocks = v.Offset, v.RecordTime
		case i.Update.OffsetCheckpoint != nil:
			for _, at := range i.Update.OffsetCheckpoint.Value.Times {
				require.False(t, at.RecordTime.Before(clocks))
				clocks = at.RecordTime
			}
		}
	}
}

// lastOf is the offset of the last update that the treasury sees.
func lastOf(n *network) (last ident.Offset) {
	for _, v := range n.Updates(n.treasury) {
		last = v.Offset
	}

	return last
}
