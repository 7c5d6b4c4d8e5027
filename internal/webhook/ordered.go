package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// cut takes the next batch off events: those that the subscription wants, up to its size and maxBody. through is the
// last event that is done with when the batch is.
func (w *worker) cut(events []store.LoggedEvent) (batch, rest []store.LoggedEvent, through event.Place) {
	const around = 64 // a comma, and what an event that lacks something says of it

	size := 2

	for i, e := range events {
		if !w.wants(e.About) {
			if len(batch) == 0 {
				through = e.Place()
			}

			continue
		}

		size += len(e.Body) + around
		held := w.progress.Tries > 0 && w.job.LastTried > 0 && e.Seq > w.job.LastTried && len(batch) > 0

		if len(batch) == w.job.Batch || (len(batch) > 0 && size > maxBody) || held {
			return batch, events[i:], through
		}

		batch, through = append(batch, e), e.Place()
	}

	return batch, nil, through
}

// wants reports whether the subscription is to be told of an event.
func (w *worker) wants(e event.About) bool { return w.job.Filter.Meant(e, w.job.ID) }

// inOrder delivers events one batch after the other. What fails holds up what comes after it: the same batch comes
// again, and the cursor does not move.
func (w *worker) inOrder(ctx context.Context, events []store.LoggedEvent) error {
	end := events[len(events)-1].Place()

	for len(events) > 0 {
		batch, rest, through := w.cut(events)
		if len(batch) == 0 {
			break // nothing of it is wanted
		}

		result, err := w.attempt(ctx, batch)
		if err != nil {
			return err
		}

		w.note(result, batch)

		switch result.Outcome {
		case Delivered:
		case Refused:
			// A receiver that refuses an event for good would refuse it for ever, and with it all that comes after. The
			// line goes on, and the dead letter says so.
			w.bury(ctx, result, batch)
		case Gone:
			return w.disable(ctx, reasonGone)
		case Failed:
			return w.hold(ctx, result, batch)
		}

		w.moveTo(through)
		w.progress.Tries, w.progress.FailingSince, w.job.LastTried = 0, nil, 0

		if err := w.saveInTime(ctx); err != nil {
			return err
		}

		events = rest
	}

	w.moveTo(end)

	return nil
}

// bury makes events dead letters.
func (w *worker) bury(ctx context.Context, r Result, batch []store.LoggedEvent) {
	now := w.Clock.Now()

	for _, e := range batch {
		w.progress.Failures = append(w.progress.Failures, store.PushFailure{
			Seq: e.Seq, Dead: true, Tries: w.progress.Tries + 1, Since: now, NextAt: now, Reason: why(r),
		})
	}

	w.buried(ctx, len(batch), why(r))
}

func why(r Result) string {
	if r.Status == 0 {
		return r.Detail
	}

	return fmt.Sprintf("HTTP %d", r.Status)
}

// hold stops the line until the same batch is tried again. A line that has stood still for days is given up.
func (w *worker) hold(ctx context.Context, r Result, batch []store.LoggedEvent) error {
	now := w.Clock.Now()

	since := now
	if w.progress.FailingSince != nil {
		since = *w.progress.FailingSince
	} else {
		w.Logger.InfoContext(ctx, "a receiver does not take events now; they are tried again",
			slog.String("subscription", w.job.ID), slog.String("why", why(r)),
			slog.String("event", batch[0].ID.String()))
	}

	w.progress.Tries++
	w.progress.FailingSince = &since

	next, goesOn := nextTry(w.progress.Tries, since, now, r.RetryAfter)
	if !goesOn {
		return w.disable(ctx, reasonGaveUp)
	}

	return w.putOff(next)
}

// putOff gives the subscription out of hand until a time.
func (w *worker) putOff(until time.Time) error {
	w.progress.NextAt = until
	w.touch()

	return errAtEnd
}
