package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Retry is how often and how patiently something is tried again.
type Retry struct {
	// Attempts counts all tries, the first included.
	Attempts int
	// Initial is the first delay and Max the longest; each is spread by half around its value.
	Initial, Max time.Duration
}

// DefaultRetry rides out a restart of a proxy, not of a node: a service has its own loop for that.
func DefaultRetry() Retry {
	return Retry{Attempts: defaultAttempts, Initial: defaultInitial, Max: defaultMax}
}

// NoRetry tries once.
func NoRetry() Retry { return Retry{Attempts: 1, Initial: time.Millisecond, Max: time.Millisecond} }

const (
	defaultAttempts = 4
	defaultInitial  = 200 * time.Millisecond
	defaultMax      = 3 * time.Second
	maxAttempts     = 100
	// spread is how far a delay strays from its value, so that many clients do not come back at once.
	spread = 0.5
	growth = 2
)

func (r Retry) validate() error {
	if r.Attempts < 1 || r.Attempts > maxAttempts || r.Initial <= 0 || r.Max < r.Initial {
		return errors.New("ledger: retry: want 1 to 100 attempts and delays above 0, Max not below Initial")
	}

	return nil
}

// Backoff gives the delays of one series of failures.
type Backoff struct{ exponential backoff.ExponentialBackOff }

// Backoff starts a series. It is for one goroutine.
func (r Retry) Backoff() *Backoff {
	return &Backoff{backoff.ExponentialBackOff{
		InitialInterval: r.Initial, MaxInterval: r.Max, Multiplier: growth, RandomizationFactor: spread,
	}}
}

// Next is how long to wait after err: jittered, growing, and no shorter than the other side asks.
func (b *Backoff) Next(err error) time.Duration {
	return max(b.exponential.NextBackOff(), RetryDelay(err))
}

// Do runs op until it succeeds, fails for good by Classify, or has been tried often enough. It returns op's last error,
// or the context's when that ends first. Only for what may be repeated: reads, never submissions.
func Do[T any](ctx context.Context, policy Retry, op func(context.Context) (T, error)) (T, error) {
	delays := policy.Backoff()

	for attempt := 1; ; attempt++ {
		value, err := op(ctx)
		if err == nil || attempt >= policy.Attempts || !Classify(err).Retryable() {
			return value, err
		}

		if waitErr := wait(ctx, delays.Next(err)); waitErr != nil {
			return value, errors.Join(waitErr, err)
		}
	}
}

// wait returns after d, or with the context's error as soon as that ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller knows what waited
	}
}
