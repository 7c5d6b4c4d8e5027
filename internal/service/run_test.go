package service

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func quiet() *slog.Logger { return NewLogger(io.Discard, slog.LevelError, false) }

// untilStopped is a well-behaved runner; ended counts how many have finished their clean-up.
func untilStopped(name string, ended *atomic.Int32) Runner {
	return Runner{name, func(ctx context.Context) error {
		<-ctx.Done()
		ended.Add(1)

		return ctx.Err()
	}}
}

func returns(name string, err error) Runner {
	return Runner{name, func(context.Context) error { return err }}
}

func TestRunStopsAllOnTheFirstEnd(t *testing.T) {
	t.Parallel()

	broken := errors.New("broken")

	for name, test := range map[string]struct {
		ends error
		want error
	}{
		"error":              {broken, broken},
		"work done":          {ErrDone, nil},
		"nil":                {nil, ErrEndedEarly},
		"cancelled, unasked": {context.Canceled, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var ended atomic.Int32
			err := Run(t.Context(), quiet(), time.Minute,
				untilStopped("a", &ended), returns("odd", test.ends), untilStopped("b", &ended))

			require.ErrorIs(t, err, test.want)
			require.EqualValues(t, 2, ended.Load(), "all were waited for")

			if test.want != nil {
				require.ErrorContains(t, err, "odd: ")
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()

	late := errors.New("flush failed")
	ctx, cancel := context.WithCancel(t.Context())

	var ended atomic.Int32

	starter := Runner{"starter", func(ctx context.Context) error {
		cancel()
		<-ctx.Done()

		return nil
	}}
	failing := Runner{"failing", func(ctx context.Context) error {
		<-ctx.Done()

		return late
	}}

	err := Run(ctx, quiet(), time.Minute, starter, untilStopped("a", &ended), failing)
	require.ErrorIs(t, err, late, "a failure while stopping is not lost")
	require.NotErrorIs(t, err, context.Canceled)
	require.EqualValues(t, 1, ended.Load())

	require.NoError(t, Run(ctx, quiet(), time.Minute))
}

func TestRunGivesUpOnAHangingRunner(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hanging := Runner{"hanging", func(context.Context) error {
			<-release

			return nil
		}}
		broken := errors.New("broken")
		began := time.Now()

		err := Run(t.Context(), quiet(), 7*time.Second, hanging, returns("broken", broken))
		require.ErrorIs(t, err, ErrShutdownTimeout)
		require.ErrorIs(t, err, broken, "the cause is not lost")
		require.ErrorContains(t, err, "hanging")
		require.Equal(t, 7*time.Second, time.Since(began), "virtual time")

		close(release)
	})
}
