package webhook

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// giveUpAfter is how long an event, or a line, is tried.
	giveUpAfter = 72 * time.Hour
	// longestPause is how long a receiver is left alone at most that took nothing of a page, if it does not ask for more.
	// Its events have their own times.
	longestPause = 5 * time.Minute
	// challengeTries is how often a receiver is challenged.
	challengeTries = 6
)

// pauses are the times between tries; the last one is repeated.
func pauses() []time.Duration {
	return []time.Duration{
		5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
		3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	}
}

// pauseAfter is how long to wait after so many tries, spread so that what failed together is not tried together.
func pauseAfter(tries int) time.Duration {
	const parts = 4

	all := pauses()
	d := all[min(max(tries, 1), len(all))-1]

	return d - d/parts + time.Duration(rand.Int64N(int64(d)/(parts/2)+1)) //nolint:gosec // a pause, no secret
}

// nextTry is when what failed for the tries-th time is tried again; false where it was tried for long enough. The last
// try is when the time is over, or when the receiver wants it.
func nextTry(tries int, since, now time.Time, retryAfter time.Duration) (time.Time, bool) {
	end := since.Add(giveUpAfter)
	if !now.Before(end) {
		return now, false
	}

	at := now.Add(pauseAfter(tries))
	if at.After(end) {
		at = end
	}

	if asked := now.Add(retryAfter); asked.After(at) {
		at = asked
	}

	return at, true
}

// sleep waits, and reports false where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
