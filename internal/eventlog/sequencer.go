// Package eventlog gives events their one order, and follows it: the sequencer numbers what the outbox has, and a tail
// holds the newest events for all who wait for them.
package eventlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// page is how many events are numbered in one transaction.
	page = 1000
	// poll is how often the outbox is looked at when it is empty. Nobody is told when something is written to it: that
	// would make all who write wait for one another.
	poll = 50 * time.Millisecond
	// pause comes after a failure.
	pause = time.Second
	// pruning is how often old events are forgotten, and how many at once.
	pruning   = time.Minute
	prunePage = 5000
)

// Sequencer numbers the events of all treasuries. However many run, one numbers at a time.
type Sequencer struct {
	DB     *store.DB
	Signer event.Signer
	Clock  clock.Clock
	Logger *slog.Logger
	// Retention is how long events are kept.
	Retention time.Duration
	Metrics   *Metrics
}

// Metrics counts what is numbered.
type Metrics struct {
	numbered, failures, pruned, repeated prometheus.Counter

	waiting prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		numbered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_events_numbered_total", Help: "Events of the outbox that were given their place.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_events_numbering_failures_total", Help: "How often numbering events failed. It is tried again.",
		}),
		pruned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_events_pruned_total", Help: "Events that were forgotten because they are older than they are kept.",
		}),
	}
	m.repeated = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "ces_events_repeated_total", Help: "Events whose id was in the outbox already. It cannot happen: look into it.",
	})
	m.waiting = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ces_events_waiting_seconds",
		Help: "How long the next event of the outbox waits for its place. Until it has one, nobody is told anything new.",
	})
	registry.MustRegister(m.numbered, m.failures, m.pruned, m.repeated, m.waiting)

	return m
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

// Run numbers until ctx ends.
func (s *Sequencer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := s.Step(ctx)

		wait := poll

		switch {
		case err != nil && ctx.Err() == nil:
			s.Metrics.failures.Inc()
			s.Logger.ErrorContext(ctx, "events could not be numbered; nobody is told anything new until they can",
				slog.Any("error", err))

			wait = pause
		case n == page:
			continue
		}

		sleep(ctx, wait)
	}

	return nil
}

// Step numbers once, and reports how many events it were.
func (s *Sequencer) Step(ctx context.Context) (int, error) {
	encode := func(h *event.Happened, seq int64, chain event.Chain) ([]byte, error) {
		return h.Encode(seq, chain, s.Signer)
	}

	n, err := s.DB.NumberEvents(ctx, page, s.Clock.Now(), encode, func(h *event.Happened) {
		s.Metrics.repeated.Inc()
		s.Logger.ErrorContext(ctx, "ALARM: an event's id is in the outbox twice; it is told once",
			slog.String("id", h.ID.String()), slog.String("type", h.Type), slog.String("subject", h.Subject))
	})
	s.Metrics.numbered.Add(float64(n))

	return n, err
}

// Keep forgets events that are older than they are kept, until ctx ends.
func (s *Sequencer) Keep(ctx context.Context) error {
	for {
		if err := s.Prune(ctx); err != nil && ctx.Err() == nil {
			s.Logger.ErrorContext(ctx, "old events could not be forgotten", slog.Any("error", err))
		}

		if !sleep(ctx, pruning) {
			return nil
		}
	}
}

// Prune forgets what is too old now.
func (s *Sequencer) Prune(ctx context.Context) error {
	heads, err := s.DB.EventHeads(ctx)
	if err != nil {
		return err
	}

	before := s.Clock.Now().Add(-s.Retention)

	for treasury := range heads {
		for n := int64(prunePage); n == prunePage; {
			if n, err = s.DB.PruneEvents(ctx, treasury, before, prunePage); err != nil {
				return err
			}

			s.Metrics.pruned.Add(float64(n))
		}
	}

	return nil
}
