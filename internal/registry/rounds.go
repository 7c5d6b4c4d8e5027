package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
)

// registrar is one admin's registry at all its endpoints.
type registrar struct {
	admin     ident.Party
	endpoints []*endpoint
	paths     Paths
	spread    bool
	calls     atomic.Uint64
	retry     Retry
	clock     clock.Clock
	log       *slog.Logger
}

// order is whom a call asks, one after the other.
func (r *registrar) order() []*endpoint {
	order := slices.Clone(r.endpoints)

	if r.spread {
		first := int((r.calls.Add(1) - 1) % uint64(len(order))) //nolint:gosec // below the length of a slice
		order = slices.Concat(order[first:], order[:first])
	}

	now := r.clock.Now()
	slices.SortStableFunc(order, func(a, b *endpoint) int { return rank(a, now) - rank(b, now) })

	return order
}

func rank(e *endpoint, now time.Time) int {
	if e.tired(now) {
		return 1
	}

	return 0
}

// ask puts a question to the endpoints until one gives an answer that decode accepts. What a single one refuses counts
// when none of them says otherwise.
func ask[T any](ctx context.Context, r *registrar, q question, decode func([]byte) (T, error)) (T, error) {
	var none T

	order := r.order()
	pauses := backoff.ExponentialBackOff{
		InitialInterval: r.retry.Initial, MaxInterval: r.retry.Max, Multiplier: growth, RandomizationFactor: spread,
	}

	for round := 1; ; round++ {
		value, failed, err := askRound(ctx, r, order, q, decode)
		if failed == nil {
			return value, err
		}

		pause := max(pauses.NextBackOff(), failed.RetryAfter)
		if failed.Kind.final() || round >= r.retry.Rounds || failed.RetryAfter > r.retry.Max {
			return none, failed
		}

		if err := wait(ctx, pause); err != nil {
			return none, fmt.Errorf("registry: %s: %w", q.op, errors.Join(err, failed))
		}
	}
}

// A pause between rounds grows and strays, so that many clients do not come back at once.
const (
	growth = 2
	spread = 0.5
)

// askRound asks each endpoint once. Failed is the heaviest of what they said, nil if there is an answer or if err says
// that our own context has ended.
func askRound[T any](
	ctx context.Context, r *registrar, order []*endpoint, q question, decode func([]byte) (T, error),
) (value T, failed *Error, err error) {
	for _, e := range order {
		value, err := askOne(ctx, e, q, decode)
		if err == nil {
			return value, nil, nil
		}

		said, ok := errors.AsType[*Error](err)
		if !ok {
			return value, nil, err
		}

		if said.Kind == Later {
			e.tire(said.RetryAfter)
		}

		if !said.Kind.final() {
			r.log.WarnContext(ctx, "registry gives no answer",
				slog.String("kind", said.Kind.String()), slog.String("error", said.Error()))
		}

		failed = heavier(failed, said)
	}

	return value, failed, nil
}

// heavier is the error to be told of two. Where both ask to wait, the shorter wait will do.
func heavier(a, b *Error) *Error {
	switch {
	case a == nil, b.Kind.weight() > a.Kind.weight():
		return b
	case a.Kind == b.Kind && b.RetryAfter < a.RetryAfter:
		return b
	default:
		return a
	}
}

func askOne[T any](ctx context.Context, e *endpoint, q question, decode func([]byte) (T, error)) (T, error) {
	a, err := e.ask(ctx, q)
	if err != nil {
		var none T

		return none, err
	}

	value, err := decode(a.body)
	if err != nil {
		return value, e.failure(q, Broken, http.StatusOK, "not to be trusted: "+excerpt(err.Error(), a.token), err)
	}

	return value, nil
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
