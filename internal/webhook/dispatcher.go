package webhook

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// lease is how long a subscription is a worker's; what a killed one had in hand is taken up after it.
	lease = time.Minute
	// leaseMargin is what is left of a lease at least when an attempt begins, besides the attempt's own time.
	leaseMargin = 10 * time.Second
	// poll is how often it is looked who has something to be told. Whoever was told something just now does not wait for
	// it.
	poll = 200 * time.Millisecond
	// pause comes after a failure of the database.
	pause = time.Second
	// yieldEvery is how often workers without anything to tell make room, when all hands are full.
	yieldEvery = 2 * time.Second
	// saveTimeout bounds what is stored, which does not end with the service.
	saveTimeout = 5 * time.Second

	identityBytes = 8
	// slowPlaces is how many receivers that let us wait there may be for each that answers.
	slowPlaces = 4
)

// Why subscriptions are disabled.
const (
	reasonGone       = "gone"
	reasonGaveUp     = "gave_up"
	reasonEventsGone = "events_gone"
	reasonOwner      = "owner_lost_rights"
	reasonChallenge  = "challenge_failed"
)

// Parts are what a dispatcher works with.
type Parts struct {
	DB      *store.DB
	Tail    *eventlog.Tail
	Sender  *Sender
	Clock   clock.Clock
	Logger  *slog.Logger
	Metrics *Metrics
	// Random names this instance: crypto/rand.Reader.
	Random io.Reader
}

// Dispatcher gives subscriptions to workers. Several may run at once on the same database.
type Dispatcher struct {
	Parts

	lanes   lanes
	timeout time.Duration
	// drain is how long attempts under way may go on when the service ends.
	drain time.Duration
	// identity tells instances apart.
	identity string

	mu       sync.Mutex // of limiters
	limiters map[string]*rate.Limiter
	running  sync.WaitGroup
}

// New makes a dispatcher; Run delivers, and Watch looks after the subscriptions.
func New(settings Settings, drain time.Duration, parts Parts) (*Dispatcher, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}

	random := make([]byte, identityBytes)
	if _, err := io.ReadFull(parts.Random, random); err != nil {
		return nil, fmt.Errorf("name this instance: %w", err)
	}

	return &Dispatcher{
		Parts: parts, timeout: settings.Timeout, drain: drain,
		lanes: lanes{
			most: map[lane]int{swift: settings.Workers, slow: slowPlaces * settings.Workers}, held: map[string]lane{},
		},
		identity: hex.EncodeToString(random), limiters: map[string]*rate.Limiter{},
	}, nil
}

// Run delivers until ctx ends. What is under way then is finished, as long as the drain lasts.
func (d *Dispatcher) Run(ctx context.Context) error {
	hard, end := d.draining(ctx)
	defer end()

	turn := make(chan struct{})
	since := d.Clock.Now()

	for ctx.Err() == nil {
		wait := poll

		full, err := d.round(ctx, hard, turn)
		if err != nil && ctx.Err() == nil {
			d.troubled(ctx, "look for subscriptions", err)

			wait = pause
		}

		// Those who only wait for events make room for those who have some.
		if now := d.Clock.Now(); full && now.Sub(since).Abs() >= yieldEvery {
			close(turn)

			turn, since = make(chan struct{}), now
		}

		sleep(ctx, wait)
	}

	close(turn)
	d.running.Wait()
	d.Sender.CloseIdle()

	return nil
}

// draining is a context that ends a while after ctx.
func (d *Dispatcher) draining(ctx context.Context) (context.Context, context.CancelFunc) {
	hard, end := context.WithCancel(context.WithoutCancel(ctx))

	stop := context.AfterFunc(ctx, func() {
		sleep(hard, d.drain)
		end()
	})

	return hard, func() {
		stop()
		end()
	}
}

// round takes up what is due in both lanes. It reports whether one of them was full already.
func (d *Dispatcher) round(ctx, hard context.Context, turn <-chan struct{}) (bool, error) {
	full := false

	for _, of := range []lane{swift, slow} {
		filled, err := d.fill(ctx, hard, turn, of)
		if err != nil {
			return false, err
		}

		full = full || filled
	}

	return full, nil
}

// fill takes up what is due in a lane. It reports whether that was full already.
func (d *Dispatcher) fill(ctx, hard context.Context, turn <-chan struct{}, of lane) (bool, error) {
	room, held := d.lanes.room(of)
	if room == 0 {
		return true, nil
	}

	at := d.Clock.Now()

	jobs, err := d.DB.ClaimPushes(ctx, d.identity, held, bool(of), at, lease, room)
	if err != nil || len(jobs) == 0 {
		return false, err
	}

	ids := make([]string, len(jobs))
	for i := range jobs {
		ids[i] = jobs[i].ID
	}

	ended, err := d.disownerless(ctx, ids)
	if err != nil { // whether they may be told is not known; they are taken up again
		return false, err
	}

	for i := range jobs {
		if !slices.Contains(ended, jobs[i].ID) {
			d.start(hard, turn, jobs[i], of, at.Add(lease))
		}
	}

	return false, nil
}

func (d *Dispatcher) start(
	ctx context.Context, turn <-chan struct{}, job store.PushJob, in lane, until time.Time,
) {
	d.lanes.enter(job.ID, in)
	d.mu.Lock()

	limiter := d.limiters[job.ID]
	if limiter == nil || limiter.Limit() != rate.Limit(job.PerSecond) {
		limiter = rate.NewLimiter(rate.Limit(job.PerSecond), job.PerSecond)
		d.limiters[job.ID] = limiter
	}
	d.mu.Unlock()

	w := &worker{Dispatcher: d, job: job, turn: turn, taken: d.Clock.Now(), until: until, limiter: limiter}
	w.progress = store.PushProgress{
		Cursor: job.Cursor, Tries: job.Tries, FailingSince: job.FailingSince, NextAt: d.Clock.Now(),
	}

	d.running.Go(func() {
		defer d.lanes.leave(job.ID)

		w.run(ctx)
	})
}

// disownerless ends subscriptions whose owners may not read any more; nil for all of them.
func (d *Dispatcher) disownerless(ctx context.Context, ids []string) ([]string, error) {
	now := d.Clock.Now()

	ended, err := d.DB.DisableOwnerless(ctx, ids, reasonOwner, now)

	for _, id := range ended {
		d.disabled(ctx, id, reasonOwner)
	}

	return ended, err
}

func (d *Dispatcher) disabled(ctx context.Context, id, reason string) {
	d.Metrics.ended(reason)
	d.Logger.WarnContext(ctx, "a subscription is disabled, and is told nothing until somebody activates it",
		slog.String("subscription", id), slog.String("reason", reason))
}

// troubled logs what is tried again. That somebody else has a subscription by now is no trouble.
func (d *Dispatcher) troubled(ctx context.Context, what string, err error) {
	if errors.Is(err, store.ErrSubscriptionMoved) {
		return
	}

	d.Metrics.trouble(what)
	d.Logger.ErrorContext(ctx, "webhooks cannot go on now and will be tried again; nothing is lost",
		slog.String("what", what), slog.Any("error", err))
}
