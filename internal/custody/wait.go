package custody

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	firstRetry   = 100 * time.Millisecond
	longestRetry = 15 * time.Second
)

// Persist repeats what must succeed, with growing pauses, until ctx ends; false then. Each error is told.
func Persist(ctx context.Context, do func(context.Context) error, failed func(error)) bool {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstRetry, longestRetry

	for ctx.Err() == nil {
		err := do(ctx)
		if err == nil {
			return true
		}

		failed(err)

		if !Sleep(ctx, pause.NextBackOff()) {
			break
		}
	}

	return false
}

// ClockDiffers says how our clock is wrong, given how far the database's and the ledger's are ahead of it; empty if it
// is not. With a wrong one an instance takes jobs out of the hands of others, lets attempts end before their time, and
// takes an honest node for a liar.
func ClockDiffers(database, ledger, maxSkew, maxAhead time.Duration) string {
	switch {
	case database.Abs() > maxSkew:
		return fmt.Sprintf("this machine's clock and the database's differ by %s", database.Abs().Round(time.Millisecond))
	case ledger > maxAhead:
		return fmt.Sprintf("the ledger's time is %s ahead of this machine's clock", ledger.Round(time.Millisecond))
	default:
		return ""
	}
}

// Sleep waits; false when ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Jittered spreads a pause by a quarter around its value, so that what failed together is not tried together.
func Jittered(d time.Duration) time.Duration {
	const parts = 4

	return d - d/parts + time.Duration(rand.Int64N(int64(d)/(parts/2)+1)) //nolint:gosec // a pause, no secret
}
