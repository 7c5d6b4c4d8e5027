package eventlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/store"
)

// tooLong is how long an event may wait for its place until that is worth a word.
const tooLong = time.Minute

// StallWatch sees that events get their places in time. A transaction that stays open, in any database of the server,
// holds all of them up: what it has written, nobody knows.
type StallWatch struct {
	DB      *store.DB
	Clock   clock.Clock
	Logger  *slog.Logger
	Metrics *Metrics

	first int64 // the event that waits
	since time.Time
	said  bool
}

// Run watches until ctx ends.
func (w *StallWatch) Run(ctx context.Context) error {
	for {
		if err := w.Look(ctx); err != nil && ctx.Err() == nil {
			w.Logger.ErrorContext(ctx, "it is not known how long events wait for their places", slog.Any("error", err))
		}

		if !sleep(ctx, watching) {
			return nil
		}
	}
}

// Look looks once.
func (w *StallWatch) Look(ctx context.Context) error {
	first, err := w.DB.OutboxWaits(ctx)
	if err != nil {
		return err
	}

	// By when it was seen first: when it was written, other machines' clocks say.
	if now := w.Clock.Now(); first == 0 || first != w.first {
		w.first, w.since = first, now
	}

	waited := max(0, w.Clock.Now().Sub(w.since))
	if first == 0 {
		waited = 0
	}

	w.Metrics.waiting.Set(waited.Seconds())

	if waited < tooLong {
		w.said = false

		return nil
	}

	if w.said {
		return nil
	}

	holder, err := w.DB.OldestTransaction(ctx)
	if err != nil {
		return err
	}

	w.said = true

	w.Logger.ErrorContext(ctx, "events get no places, and nobody is told anything new; if a transaction does not end, "+
		"end it: SELECT pg_terminate_backend(PID)", slog.Duration("waiting", waited), slog.Any("oldest_transaction", holder))

	return nil
}
