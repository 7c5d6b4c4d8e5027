package api

import (
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/canton-exchange/suite/internal/clock"
)

const maxLimiters = 10000

// limits bounds how many requests each caller makes in a second, in this process.
type limits struct {
	clock    clock.Clock
	limiters *recent[string, *rate.Limiter]
}

func newLimits(now clock.Clock) *limits {
	return &limits{clock: now, limiters: newRecent[string, *rate.Limiter](maxLimiters)}
}

// admit refuses a caller who asks too often.
func (l *limits) admit(c *caller) error {
	who := c.Key
	if who == "" {
		who = c.Actor
	}

	limiter, ok := l.limiters.get(who)
	if !ok { // two at once make two, of which one counts from then on
		limiter = rate.NewLimiter(rate.Limit(c.PerSecond), c.PerSecond)
		l.limiters.put(who, limiter)
	}

	now := l.clock.Now()

	reserved := limiter.ReserveN(now, 1)
	if wait := reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)

		return &problemError{
			status: http.StatusTooManyRequests, code: "too_many_requests", retry: max(wait, time.Second),
			detail: "The key makes more requests in a second than it may. Nothing was done.",
		}
	}

	return nil
}
