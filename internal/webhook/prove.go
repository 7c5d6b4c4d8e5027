package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/canton-exchange/suite/internal/store"
)

// challenge asks a receiver, once, whether it wants to be told.
func (w *worker) challenge(ctx context.Context) error {
	if err := w.admitted(ctx); err != nil {
		return err
	}

	answered := w.timed()
	result, err := w.Sender.Challenge(ctx, w.receiver())

	answered()

	if err != nil {
		return err
	}

	w.Metrics.attempted(result, nil)

	storing, cancel := w.storing(ctx)
	defer cancel()

	now, attempt := w.Clock.Now(), attemptOf(result, nil)

	if result.Outcome == Delivered {
		return w.DB.ActivatePush(storing, &w.job, attempt, now)
	}

	tries, since := w.job.Tries+1, now
	if w.job.FailingSince != nil {
		since = *w.job.FailingSince
	}

	err = w.DB.PostponeChallenge(storing, &w.job, store.PushProgress{
		Tries: tries, FailingSince: &since, NextAt: later(now, tries, result), Attempts: []store.PushAttempt{attempt},
	})
	if err != nil || tries < challengeTries {
		return errors.Join(err, errAtEnd)
	}

	return w.disable(ctx, reasonChallenge)
}

func later(now time.Time, tries int, r Result) time.Time {
	return now.Add(max(pauseAfter(tries), r.RetryAfter))
}
