package webhook

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// sent is a batch and what became of it.
type sent struct {
	batch  []store.LoggedEvent
	result Result
	err    error
}

// sendAll sends batches, several at once, and waits for all of them.
func (w *worker) sendAll(ctx context.Context, batches [][]store.LoggedEvent) []sent {
	all := make([]sent, len(batches))
	next := make(chan int, len(batches))

	for i := range batches {
		next <- i
	}

	close(next)

	var (
		running sync.WaitGroup
		line    standing
	)

	for range min(abreast, len(batches)) {
		running.Go(func() {
			for i := range next {
				all[i].batch = batches[i]

				if line.still() {
					all[i].err = errAtEnd // it comes again when the receiver is asked again

					continue
				}

				if all[i].result, all[i].err = w.attempt(ctx, batches[i]); all[i].err == nil {
					line.saw(all[i].result)
				}
			}
		})
	}

	running.Wait()

	return all
}

// standing is whether a receiver takes nothing at all, so that it is left alone instead of being asked for each event.
type standing struct {
	mu            sync.Mutex
	taken, failed int
}

func (s *standing) saw(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if r.Outcome == Failed {
		s.failed++
	} else {
		s.taken++
	}
}

func (s *standing) still() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.taken == 0 && s.failed >= abreast
}

// apart delivers events each by itself. What fails waits for another try, and the others go on.
func (w *worker) apart(ctx context.Context, events []store.LoggedEvent) error {
	waiting, first, err := w.DB.CountWaitingPushes(ctx, &w.job, maxWaiting)
	if err != nil {
		return err
	}

	if waiting >= maxWaiting { // a receiver that takes nothing is not told more and more
		return w.putOff(laterOf(first, w.Clock.Now().Add(look)))
	}

	var batches [][]store.LoggedEvent

	for rest := events; len(rest) > 0; {
		var batch []store.LoggedEvent
		if batch, rest, _ = w.cut(rest); len(batch) > 0 {
			batches = append(batches, batch)
		}
	}

	all := w.sendAll(ctx, batches)

	// What comes after the first that was not sent comes again. There are few such: they were under way at that moment.
	done := slices.IndexFunc(all, func(s sent) bool { return s.err != nil })
	if done < 0 {
		done = len(all)
	}

	t, err := w.settle(ctx, all[:done], nil)

	switch {
	case err != nil:
		return err
	case done == len(all):
		w.moveTo(events[len(events)-1].Place())

		return w.breathe(t)
	case done > 0:
		w.moveTo(all[done-1].last())
	}

	if err := w.breathe(t); err != nil {
		return err
	}

	return all[done].err
}

func (s *sent) last() event.Place { return s.batch[len(s.batch)-1].Place() }

// breathe leaves a receiver alone that took nothing, or that asks for it.
func (w *worker) breathe(t tally) error {
	now := w.Clock.Now()

	switch {
	case t.retryAfter > 0:
		return w.putOff(now.Add(t.retryAfter))
	case t.failed > 0 && t.taken == 0:
		w.progress.Tries++

		return w.putOff(now.Add(min(pauseAfter(w.progress.Tries), longestPause)))
	case t.taken > 0:
		w.progress.Tries = 0
	}

	return nil
}

// tally is what became of several batches.
type tally struct {
	taken, failed int
	retryAfter    time.Duration
}

// settle notes what became of batches. before are the failures that their events had already; nil for events that are
// told for the first time. Where a receiver is gone those are not done with.
func (w *worker) settle(ctx context.Context, all []sent, before map[int64]store.WaitingPush) (tally, error) {
	var (
		t       tally
		gone    bool
		trouble error
	)

	for i := range all {
		if trouble = errors.Join(trouble, all[i].err); all[i].err == nil {
			w.note(all[i].result, all[i].batch)
		}

		gone = gone || all[i].result.Outcome == Gone
	}

	if before != nil || !gone {
		t = w.tally(ctx, all, before)
	}

	if gone {
		trouble = w.disable(ctx, reasonGone)
	}

	return t, trouble
}

func (w *worker) tally(ctx context.Context, all []sent, before map[int64]store.WaitingPush) tally {
	var t tally

	for i := range all {
		s := &all[i]

		switch s.result.Outcome {
		case Delivered:
			t.taken++

			w.mend(s.batch, before)
		case Refused:
			w.failed(ctx, s.result, s.batch, before)
		case Failed:
			t.failed++
			t.retryAfter = max(t.retryAfter, s.result.RetryAfter)

			w.failed(ctx, s.result, s.batch, before)
		case Gone: // the whole subscription ends
		}
	}

	return t
}

func (w *worker) mend(batch []store.LoggedEvent, before map[int64]store.WaitingPush) {
	for _, e := range batch {
		if _, failed := before[e.Seq]; failed {
			w.progress.Mended = append(w.progress.Mended, e.Seq)
		}
	}
}

// failed notes events that were not taken: they wait for another try, or are dead letters.
func (w *worker) failed(
	ctx context.Context, r Result, batch []store.LoggedEvent, before map[int64]store.WaitingPush,
) {
	now, dead := w.Clock.Now(), 0

	for _, e := range batch {
		f := store.PushFailure{Seq: e.Seq, Tries: 1, Since: now, NextAt: now, Reason: why(r)}
		if was, failed := before[e.Seq]; failed && was.Tries > 0 { // what is replayed has all its time again
			f.Tries, f.Since = was.Tries+1, was.Since
		}

		goesOn := false
		if r.Outcome == Failed {
			f.NextAt, goesOn = nextTry(f.Tries, f.Since, now, r.RetryAfter)
		}

		if f.Dead = !goesOn; f.Dead {
			dead++
		}

		w.progress.Failures = append(w.progress.Failures, f)
	}

	if dead > 0 {
		w.buried(ctx, dead, why(r))
	}
}

// repeat tries again what is due of what failed before, and what somebody wants to be replayed.
func (w *worker) repeat(ctx context.Context) error {
	now := w.Clock.Now()
	if now.Before(w.checkAt) {
		return nil
	}

	due, err := w.DB.WaitingPushes(ctx, &w.job, now, page)
	if err != nil {
		return err
	}

	w.checkAt = now.Add(look)
	if len(due) == 0 {
		return nil
	}

	batches, before := w.due(due)

	t, err := w.settle(ctx, w.sendAll(ctx, batches), before)

	switch {
	case errors.Is(err, errAtEnd): // over, or the receiver took nothing: then it is left alone
		if off := w.breathe(t); off != nil {
			return off
		}

		return err
	case err != nil:
		return err
	}

	if len(due) == page {
		w.checkAt = now // there may be more
	}

	if err := w.save(ctx); err != nil {
		return err
	}

	if t.retryAfter > 0 {
		return w.putOff(now.Add(t.retryAfter))
	}

	return nil
}

// due makes batches of what is to be tried again. What is not kept any more is a dead letter, and what the subscription
// does not want any more is forgotten.
func (w *worker) due(due []store.WaitingPush) ([][]store.LoggedEvent, map[int64]store.WaitingPush) {
	var (
		batches [][]store.LoggedEvent
		events  []store.LoggedEvent
	)

	before := make(map[int64]store.WaitingPush, len(due))

	for _, d := range due {
		switch {
		case d.Body == nil:
			w.touch()
			w.progress.Failures = append(w.progress.Failures, store.PushFailure{
				Seq: d.Seq, Dead: true, Tries: d.Tries, Since: d.Since, NextAt: w.Clock.Now(), Reason: "event_gone",
			})
			w.Metrics.died(1)
		case !w.wants(d.About):
			w.touch()
			w.progress.Mended = append(w.progress.Mended, d.Seq)
		default:
			before[d.Seq] = d
			events = append(events, d.LoggedEvent)
		}
	}

	for len(events) > 0 {
		var batch []store.LoggedEvent

		batch, events, _ = w.cut(events)
		batches = append(batches, batch)
	}

	return batches, before
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}

	return b
}
