package api

import (
	"context"
	"net/http"
	"time"

	"github.com/canton-exchange/suite/internal/api/server"
)

const (
	// lookEvery is how often what is waited for is looked at.
	lookEvery = 250 * time.Millisecond
	// maxWaiting bounds how many requests wait at once, and by that how much the database is asked on their behalf.
	maxWaiting = 200
	// maxWaitingOfOne bounds how many of one caller's do.
	maxWaitingOfOne = 50
)

// awaited reads something until it is in another state than the one that the caller knows, and at most for so many
// seconds. A caller who names no state knows the one that it is in. When the service ends, all are answered at once.
func awaited[T any](
	ctx context.Context, s *Service, seconds *server.WaitParam, notState *server.NotStateParam,
	look func() (T, error), state func(T) string,
) (T, error) {
	seen, err := look()
	if err != nil || seconds == nil || *seconds == 0 {
		return seen, err
	}

	known := state(seen)
	if notState != nil && *notState != known {
		return seen, nil
	}

	who := asking(ctx).Actor
	if !s.waiting.take(who) {
		return seen, tooManyWait()
	}
	defer s.waiting.leave(who)

	ends := time.NewTimer(time.Duration(*seconds) * time.Second)
	defer ends.Stop()

	again := time.NewTicker(lookEvery)
	defer again.Stop()

	for {
		select {
		case <-again.C:
			if seen, err = look(); err != nil || state(seen) != known {
				return seen, err
			}
		case <-ends.C:
			return seen, nil
		case <-draining(ctx):
			return seen, nil
		case <-ctx.Done():
			return seen, ctx.Err() //nolint:wrapcheck // nobody is there to read it
		}
	}
}

func tooManyWait() *problemError {
	return &problemError{
		status: http.StatusServiceUnavailable, code: "too_many_wait", retry: soon,
		detail: "Too many requests wait already. Ask again a moment later, or without wait.",
	}
}

// Waiting is how many requests wait for something now.
func (h *Handler) Waiting() int { return h.waiting.count() }
