package broker

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// jittered spreads a pause by a quarter around its value, so that instances do not come all at once.
func jittered(d time.Duration) time.Duration {
	const parts = 4

	return d - d/parts + time.Duration(rand.Int64N(int64(d)/(parts/2)+1)) //nolint:gosec // a pause, no secret
}

// pause is how long to wait after failures: ever longer, up to a bound, and never the same for all.
type pause struct{ exponential *backoff.ExponentialBackOff }

func newPause(t Timing) *pause {
	exponential := backoff.NewExponentialBackOff()
	exponential.InitialInterval, exponential.MaxInterval = t.MinWait, t.MaxWait
	exponential.Reset()

	return &pause{exponential: exponential}
}

func (p *pause) next() time.Duration { return p.exponential.NextBackOff() }

func (p *pause) reset() { p.exponential.Reset() }
