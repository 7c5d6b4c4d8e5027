package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
)

const (
	// asking is how often the database is asked for its time, sooner while it does not answer within askTimeout.
	asking     = 10 * time.Second
	askAgain   = time.Second
	askTimeout = 5 * time.Second
	// mostApart is how far this machine's clock may be from the database's until that is worth a word.
	mostApart = 5 * time.Second
)

// ServerTime is the database server's clock, by which all instances of a program go, whatever their machines take the
// time to be. It is a clock.Clock; until the database has answered once it shows this machine's time.
type ServerTime struct {
	*clock.Following

	db     *DB
	logger *slog.Logger
}

// NewServerTime makes one; Follow keeps it.
func NewServerTime(db *DB, logger *slog.Logger) *ServerTime {
	return &ServerTime{Following: clock.NewFollowing(), db: db, logger: logger}
}

// Follow asks the database until ctx ends.
func (t *ServerTime) Follow(ctx context.Context) error {
	apart, away := false, false

	for ctx.Err() == nil {
		wait := asking

		err := t.ask(ctx)
		if err != nil {
			wait = askAgain
		}

		if err != nil && !away && ctx.Err() == nil {
			t.logger.WarnContext(ctx, "the database cannot be asked for its time; what goes by it waits until it can",
				slog.Any("error", err))
		}

		away = err != nil

		now := clock.System{}.Now().Sub(t.Now()).Abs() > mostApart
		if now && !apart {
			t.logger.WarnContext(ctx, "this machine's clock differs from the database's, which is the one that counts",
				slog.Duration("by", clock.System{}.Now().Sub(t.Now())))
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

func (t *ServerTime) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()

	return t.Ask(ctx, t.db.Now)
}

// Then has something run only when the time is known.
func (t *ServerTime) Then(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if !t.Ready(ctx) {
			return nil
		}

		return run(ctx)
	}
}
