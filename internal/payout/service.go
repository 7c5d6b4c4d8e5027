package payout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
)

// Parts are what a service works with.
type Parts struct {
	Node       Node
	Registries Registries
	Signer     Signer
	DB         *store.DB
	Clock      clock.Clock
	Logger     *slog.Logger
	Metrics    *Metrics
	// Random gives the ids of submissions: crypto/rand.Reader, or something seeded in tests.
	Random io.Reader
}

// Service pays the withdrawals of one treasury. Several may run at once on the same database.
type Service struct {
	Parts

	config   Config
	treasury store.TreasuryID
	pace     *pace
	jobs     chan store.Job
	// busy counts jobs that are queued or in a worker's hands.
	busy atomic.Int64
	// view is what the dispatcher last read of the database.
	view    atomic.Pointer[view]
	schemes atomic.Pointer[[]signing.Scheme]
	breaker breaker
	// maxLag is Config.MaxLag, or more where the node is silent for longer by its own word.
	maxLag time.Duration
	health health
	told   told
}

const (
	firstRetry   = 100 * time.Millisecond
	longestRetry = 15 * time.Second
	// queue is how many jobs wait per worker, so that none is idle while the next turn is planned.
	queue = 4
)

// New makes a service; Run runs it.
func New(config Config, parts Parts) (*Service, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}

	parts.Logger = parts.Logger.With(slog.String("treasury", string(config.Party)))

	return &Service{
		Parts: parts, config: config, pace: newPace(config.PerMinute, config.Burst, parts.Clock),
		jobs: make(chan store.Job, queue*config.Workers), maxLag: config.MaxLag,
	}, nil
}

// Run pays until ctx ends. Trouble with the database or the node is waited for; nothing ends it but ctx.
func (s *Service) Run(ctx context.Context) error {
	if !s.begin(ctx) {
		return nil
	}

	var running sync.WaitGroup

	for range s.config.Workers {
		running.Go(func() { s.worker(ctx) })
	}

	running.Go(func() { s.watchCompletions(ctx) })
	running.Go(func() { s.dispatcher(ctx) })
	running.Wait()

	return nil
}

// begin finds the treasury, and what kind of node this is. It reports false when ctx ended first.
func (s *Service) begin(ctx context.Context) bool {
	return s.persist(ctx, "find the treasury", func(ctx context.Context) error {
		id, err := s.DB.FindTreasury(ctx, s.config.Party)
		if err != nil {
			return fmt.Errorf("%w (ingestion registers it when it first starts)", err)
		}

		s.treasury = id

		return nil
	}) && s.persist(ctx, "ask the node for its version", s.learnVersion)
}

func (s *Service) learnVersion(ctx context.Context) error {
	version, err := s.Node.Version(ctx)
	if err != nil {
		return err
	}

	schemes := version.Schemes()
	s.schemes.Store(&schemes)
	s.maxLag = max(s.config.MaxLag, 2*version.MaxCheckpointDelay)

	return nil
}

// persist repeats what must succeed, with growing pauses, until ctx ends.
func (s *Service) persist(ctx context.Context, what string, do func(context.Context) error) bool {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstRetry, longestRetry

	for ctx.Err() == nil {
		err := do(ctx)
		if err == nil {
			return true
		}

		s.trouble(ctx, what, err)

		if !sleep(ctx, pause.NextBackOff()) {
			break
		}
	}

	return false
}

// trouble logs what will be tried again, and makes the service not ready.
func (s *Service) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}

	s.health.set(fmt.Errorf("%s: %w", what, err))
	s.Metrics.trouble(what)

	if s.told.repeats(what, s.Clock.Now()) {
		return
	}

	s.Logger.ErrorContext(ctx, "payments cannot go on now and will be tried again; no money has moved by this",
		slog.String("what", what), slog.String("error", err.Error()))
}

// Ready is nil while payments go on.
func (s *Service) Ready() error { return s.health.get() }

// health is what is wrong.
type health struct {
	mu  sync.Mutex
	err error
	ok  bool
}

var errStarting = errors.New("starting")

func (h *health) set(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.err, h.ok = err, err == nil
}

func (h *health) get() error {
	h.mu.Lock()
	defer h.mu.Unlock()

	if !h.ok && h.err == nil {
		return errStarting
	}

	return h.err
}

// told keeps a log from saying the same thing over and over. Its zero value is ready.
type told struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// tellAgain is after what time the same thing is told once more.
const tellAgain = time.Minute

// repeats reports whether this was told a moment ago.
func (t *told) repeats(what string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()

	if last, ok := t.last[what]; ok && now.Sub(last) < tellAgain && !now.Before(last) {
		return true
	}

	if t.last == nil || len(t.last) > maxTold {
		t.last = map[string]time.Time{}
	}

	t.last[what] = now

	return false
}

// maxTold bounds what is remembered of what was told.
const maxTold = 1000

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// jittered spreads a pause by a quarter around its value, so that what failed together is not tried together.
func jittered(d time.Duration) time.Duration {
	const parts = 4

	return d - d/parts + time.Duration(rand.Int64N(int64(d)/(parts/2)+1)) //nolint:gosec // a pause, no secret
}
