package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// page is how many events are read at once at least, maxPage at most.
	page    = 64
	maxPage = 500
	// abreast is how many requests of one subscription are under way at once, where order does not matter.
	abreast = 8
	// saveAfter is how many attempts, and saveEvery how much time, lie between two times that progress is stored. It is
	// what may be delivered twice after a failure.
	saveAfter = 10
	saveEvery = 100 * time.Millisecond
	// look is how often a worker that has nothing to tell looks what else there may be.
	look = time.Second
	// staleAfter is how old settings may be that an attempt goes by, and for how long a lease is lost unnoticed.
	staleAfter = 2 * time.Second
	// slowAfter is how long a receiver may let us wait until others need not wait for it.
	slowAfter = 500 * time.Millisecond
	// maxWaiting is how many events wait for another try at most; with more the receiver is told nothing new.
	maxWaiting = 1000
)

var (
	// errAtEnd means that a worker is to give its subscription out of hand.
	errAtEnd = errors.New("the turn is over")
	// errEventsGone means that events follow that are not kept any more.
	errEventsGone = errors.New("events that were not told are not kept any more")
)

// worker has one subscription in hand.
type worker struct {
	*Dispatcher

	job store.PushJob
	// turn is closed when the subscription is to be given out of hand. What is under way may be finished.
	turn <-chan struct{}
	// progress is what is not stored yet, since when.
	progress store.PushProgress
	since    time.Time
	dirty    bool
	// checkAt is when it is looked next what is to be tried again.
	checkAt time.Time
	told    bool // that events became dead letters
	limiter *rate.Limiter

	taken time.Time // when it was taken up
	lease sync.Mutex
	until time.Time
	fresh time.Time // when the lease was last renewed
}

// run delivers until the turn ends, or there is nothing more to be done now. ctx is that of attempts, and outlasts the
// turn.
func (w *worker) run(ctx context.Context) {
	err := w.deliver(ctx)

	if errors.Is(err, store.ErrSubscriptionMoved) {
		return
	}

	if errors.Is(err, errAtEnd) || ctx.Err() != nil {
		err = nil
	}

	// What was delivered is stored, whatever ended it.
	saved := w.save(ctx)
	if saved == nil {
		saved = w.release(ctx)
	}

	if err = errors.Join(err, saved); err != nil {
		w.troubled(ctx, "deliver events", err)
		w.wait(ctx, pause) // it is taken up again at once
	}
}

func (w *worker) deliver(ctx context.Context) error {
	if w.job.Pending {
		return w.challenge(ctx)
	}

	for !w.over() {
		if err := w.step(ctx); err != nil {
			return err
		}

		if err := w.saveInTime(ctx); err != nil {
			return err
		}
	}

	return nil
}

// over reports whether the turn has ended.
func (w *worker) over() bool {
	select {
	case <-w.turn:
		return true
	default:
		return false
	}
}

// wait waits, at most until the turn ends.
func (w *worker) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-w.turn:
	case <-ctx.Done():
	}
}

// step tells what there is to tell, or waits for it.
func (w *worker) step(ctx context.Context) error {
	if err := w.repeat(ctx); err != nil {
		return err
	}

	events, err := w.read(ctx)

	switch {
	case errors.Is(err, errEventsGone):
		return w.disable(ctx, reasonEventsGone)
	case err != nil:
		return err
	case len(events) == 0:
		return w.idle(ctx)
	case w.job.Ordered:
		return w.inOrder(ctx, events)
	default:
		return w.apart(ctx, events)
	}
}

// read reads the events that follow. A gap is events that are not kept any more.
func (w *worker) read(ctx context.Context) ([]store.LoggedEvent, error) {
	after := w.progress.Cursor

	events, err := w.Tail.Read(ctx, w.job.Treasury, after, min(max(page, w.job.Batch), maxPage))

	switch {
	case err != nil:
		return nil, err
	case len(events) > 0 && events[0].Seq != after+1:
		return nil, errEventsGone
	case len(events) > 0 && !events[0].Follows(event.Place{Seq: after, Chain: w.progress.Chain}):
		return nil, store.ErrSubscriptionMoved // the database was put back: where to go on, it says
	case len(events) > 0 || w.Tail.Head(w.job.Treasury) <= after:
		return events, nil
	}

	head, err := w.DB.EventHead(ctx, w.job.Treasury)

	switch {
	case err != nil:
		return nil, err
	case head.Pruned > after:
		return nil, errEventsGone
	default: // what the tail knows is another database's
		w.wait(ctx, poll)

		return nil, nil
	}
}

// idle waits until there is something to tell.
func (w *worker) idle(ctx context.Context) error {
	if len(w.progress.Attempts) > 0 {
		if err := w.save(ctx); err != nil {
			return err
		}
	}

	waiting, cancel := context.WithTimeout(ctx, look)
	defer cancel()

	go func() {
		select {
		case <-w.turn:
			cancel()
		case <-waiting.Done():
		}
	}()

	w.Tail.Wait(waiting, w.job.Treasury, w.progress.Cursor)

	// Whoever was idle may have been paused, or have lost its rights: nothing is sent on an old word.
	return w.renew(ctx, func(now time.Time) bool { return now.Sub(w.fresh).Abs() >= look })
}

// attempt sends once, as fast as the subscription allows. errAtEnd says that it did not.
func (w *worker) attempt(ctx context.Context, events []store.LoggedEvent) (Result, error) {
	if err := w.admitted(ctx); err != nil {
		return Result{}, err
	}

	answered := w.timed()
	result, err := w.Sender.Send(ctx, w.receiver(), events)

	answered()

	if err == nil {
		w.Metrics.attempted(result, events)
	}

	return result, err
}

// timed gives up the place among the swift when a receiver lets us wait. Call what it returns when it has answered.
func (w *worker) timed() func() {
	timer := time.AfterFunc(slowAfter, func() { w.lanes.slowDown(w.job.ID) })

	return func() { timer.Stop() }
}

// admitted waits for the subscription's turn, and sees that the lease lasts until the answer.
func (w *worker) admitted(ctx context.Context) error {
	if delay := w.delay(); delay > 0 {
		w.wait(ctx, delay)
	}

	if w.over() {
		return errAtEnd
	}

	return w.renew(ctx, func(now time.Time) bool {
		return w.until.Sub(now) < w.timeout+leaseMargin || now.Sub(laterOf(w.taken, w.fresh)).Abs() >= staleAfter
	})
}

// delay is how long the next request has to wait, so that there are no more in a second than the subscription wants.
func (w *worker) delay() time.Duration {
	now := w.Clock.Now()

	return w.limiter.ReserveN(now, 1).DelayFrom(now)
}

func (w *worker) receiver() Receiver {
	return Receiver{
		ID: w.job.ID, URL: w.job.URL, Salt: w.job.Salt, PreviousSalt: w.job.PreviousSalt, PreviousUntil: w.job.PreviousUntil,
		Batched: w.job.Batch > 1, Withheld: w.job.Withheld,
	}
}

// renew makes the lease last if need be, and then finds out whether the subscription is as it was.
func (w *worker) renew(ctx context.Context, needed func(now time.Time) bool) error {
	w.lease.Lock()
	defer w.lease.Unlock()

	now := w.Clock.Now()
	if !needed(now) {
		return nil
	}

	ctx, cancel := w.storing(ctx)
	defer cancel()

	if err := w.DB.RenewPush(ctx, &w.job, lease); err != nil {
		return err
	}

	w.until, w.fresh = now.Add(lease), now

	return nil
}

func (w *worker) release(ctx context.Context) error {
	ctx, cancel := w.storing(ctx)
	defer cancel()

	return w.DB.ReleasePush(ctx, &w.job)
}

// storing is for what is stored: it is stored even when the service ends.
func (w *worker) storing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
}

// moveTo notes that all up to a place is done with.
func (w *worker) moveTo(at event.Place) {
	if at.Seq > w.progress.Cursor {
		w.progress.Cursor, w.progress.Chain = at.Seq, at.Chain
		w.touch()
	}
}

func (w *worker) touch() {
	if !w.dirty {
		w.dirty, w.since = true, w.Clock.Now()
	}
}

// note adds an attempt to the delivery log.
func (w *worker) note(r Result, events []store.LoggedEvent) {
	w.touch()

	w.progress.Attempts = append(w.progress.Attempts, attemptOf(r, events))
}

func attemptOf(r Result, events []store.LoggedEvent) store.PushAttempt {
	a := store.PushAttempt{
		Events: len(events), At: r.At, Took: r.Took, Status: r.Status, Outcome: string(r.Outcome), Detail: r.Detail,
	}
	if len(events) > 0 {
		a.First, a.Last = events[0].Seq, events[len(events)-1].Seq
	}

	return a
}

// saveInTime stores progress when there is much of it, or it is old.
func (w *worker) saveInTime(ctx context.Context) error {
	every := look // what nobody wanted is read again at no harm
	if len(w.progress.Attempts) > 0 {
		every = saveEvery
	}

	if !w.dirty || (len(w.progress.Attempts) < saveAfter && w.Clock.Now().Sub(w.since).Abs() < every) {
		return nil
	}

	return w.save(ctx)
}

// save stores what became of deliveries. It finds out, too, whether the subscription is as it was.
func (w *worker) save(ctx context.Context) error {
	if !w.dirty || w.job.Pending {
		return nil
	}

	ctx, cancel := w.storing(ctx)
	defer cancel()

	if err := w.DB.SavePush(ctx, &w.job, w.progress); err != nil {
		return err
	}

	w.dirty = false
	w.progress.Attempts, w.progress.Failures, w.progress.Mended = nil, nil, nil

	return nil
}

// disable ends the subscription, and with it the turn.
func (w *worker) disable(ctx context.Context, reason string) error {
	if err := w.save(ctx); err != nil {
		return err
	}

	storing, cancel := w.storing(ctx)
	defer cancel()

	if err := w.DB.DisablePush(storing, &w.job, reason, w.Clock.Now()); err != nil {
		return err
	}

	w.disabled(ctx, w.job.ID, reason)

	return store.ErrSubscriptionMoved
}

// buried says that events became dead letters, once a turn.
func (w *worker) buried(ctx context.Context, events int, why string) {
	w.Metrics.died(events)

	if !w.told {
		w.told = true
		w.Logger.WarnContext(ctx, "a receiver refuses events for good: they are dead letters, and can be replayed",
			slog.String("subscription", w.job.ID), slog.String("why", why))
	}
}
