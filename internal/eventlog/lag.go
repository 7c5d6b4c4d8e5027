package eventlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/store"
)

// watching is how often it is looked how far ingestion is.
const watching = 5 * time.Second

// LagWatch tells when history is behind, and when it is not any more.
type LagWatch struct {
	DB     *store.DB
	Clock  clock.Clock
	Logger *slog.Logger
	// Most is how far it may be behind.
	Most time.Duration
}

// Run watches until ctx ends.
func (w *LagWatch) Run(ctx context.Context) error {
	for {
		if err := w.Look(ctx); err != nil && ctx.Err() == nil {
			w.Logger.ErrorContext(ctx, "it is not known how far ingestion is", slog.Any("error", err))
		}

		if !sleep(ctx, watching) {
			return nil
		}
	}
}

// Look looks once at all histories.
func (w *LagWatch) Look(ctx context.Context) error {
	clocks, err := w.DB.AllClocks(ctx)
	if err != nil {
		return err
	}

	now := w.Clock.Now()

	for _, c := range clocks {
		behind := now.Sub(c.RecordTime) > w.Most

		fresh, err := w.DB.TellLag(ctx, c, behind, now)
		if err != nil {
			return err
		}

		if fresh && behind {
			w.Logger.WarnContext(ctx, "history in the database is behind the ledger: deposits are credited late",
				slog.String("synchronizer", string(c.Synchronizer)), slog.Time("record_time", c.RecordTime))
		}
	}

	return nil
}
