package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
)

func TestFollowingGoesByTheOtherClock(t *testing.T) {
	t.Parallel()

	other := clock.NewManual(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	ask := func(context.Context) (time.Time, error) { return other.Now(), nil }
	f := clock.NewFollowing()

	ended, end := context.WithCancel(t.Context())
	end()
	require.False(t, f.Ready(ended), "nobody was asked")
	require.Equal(t, time.Now().Year(), f.Now().Year())

	away := errors.New("away")
	require.ErrorIs(t, f.Ask(t.Context(), func(context.Context) (time.Time, error) { return time.Time{}, away }), away)
	require.False(t, f.Ready(ended))

	require.NoError(t, f.Ask(t.Context(), ask))
	require.True(t, f.Ready(t.Context()))

	first := f.Now()
	require.Equal(t, 2020, first.Year())
	require.Eventually(t, func() bool { return f.Now().After(first) }, time.Minute, time.Millisecond, "it goes on by itself")

	other.Advance(time.Hour)
	require.NoError(t, f.Ask(t.Context(), ask))
	require.GreaterOrEqual(t, f.Now().Sub(other.Now()), time.Duration(0))

	require.ErrorIs(t, f.Ask(t.Context(), func(context.Context) (time.Time, error) { return time.Time{}, away }), away)
	require.GreaterOrEqual(t, f.Now().Sub(other.Now()), time.Duration(0), "it goes on while nobody answers")
}
