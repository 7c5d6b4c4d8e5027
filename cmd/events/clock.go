package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// asking is how often the database is asked for its time, sooner while it does not answer.
	asking = 10 * time.Second
	again  = time.Second
	// mostApart is how far this machine's clock may be from the database's until that is worth a word.
	mostApart = 5 * time.Second
)

// databaseTime is the one time by which all instances deliver, whatever their machines take the time to be: how long
// events are kept, until when a lease lasts, when something is tried again and when it is given up.
type databaseTime struct {
	*clock.Following

	db     *store.DB
	logger *slog.Logger
}

func newDatabaseTime(db *store.DB, logger *slog.Logger) *databaseTime {
	return &databaseTime{Following: clock.NewFollowing(), db: db, logger: logger}
}

// follow asks until ctx ends.
func (d *databaseTime) follow(ctx context.Context) error {
	apart, away := false, false

	for ctx.Err() == nil {
		wait := asking

		err := d.Ask(ctx, d.db.Now)
		if err != nil {
			wait = again
		}

		if err != nil && !away && ctx.Err() == nil {
			d.logger.WarnContext(ctx, "the database cannot be asked for its time; nothing is told until it can",
				slog.Any("error", err))
		}

		away = err != nil

		now := clock.System{}.Now().Sub(d.Now()).Abs() > mostApart
		if now && !apart {
			d.logger.WarnContext(ctx, "this machine's clock differs from the database's, by which events are delivered",
				slog.Duration("by", clock.System{}.Now().Sub(d.Now())))
		}

		apart = now

		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}

	return nil
}

// known has runners wait until the time is known.
func (d *databaseTime) known(runners []service.Runner) []service.Runner {
	waiting := make([]service.Runner, len(runners))

	for i, r := range runners {
		waiting[i] = service.Runner{Name: r.Name, Run: func(ctx context.Context) error {
			if !d.Ready(ctx) {
				return nil
			}

			return r.Run(ctx)
		}}
	}

	return waiting
}
