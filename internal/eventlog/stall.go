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

	said bool
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
	since, err := w.DB.OutboxWaitsSince(ctx)
	if err != nil {
		return err
	}

	waited := time.Duration(0)
	if since != nil {
		waited = max(0, w.Clock.Now().Sub(*since))
	}

	w.Metrics.waiting.Set(waited.Seconds())

	if waited < tooLong {
		w.said = false

		return nil
	}

	if w.said {
		return nil
	}

	w.said = true

	holder, err := w.DB.OldestTransaction(ctx)
	if err != nil {
		return err
	}

	w.Logger.ErrorContext(ctx, "events get no places, and nobody is told anything new; if a transaction does not end, "+
		"end it: SELECT pg_terminate_backend(PID)", slog.Duration("waiting", waited), slog.Any("oldest_transaction", holder))

	return nil
}
