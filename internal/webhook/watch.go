package webhook

import (
	"context"
	"log/slog"
	"time"
)

const (
	// watchEvery is how often subscriptions are looked after, and tidyEvery how often what is expensive is done.
	watchEvery = 10 * time.Second
	tidyEvery  = time.Minute
	// keepAttempts is how long a row of the delivery log is kept, keepNewest how many of a subscription are.
	keepAttempts = 7 * 24 * time.Hour
	keepNewest   = 1000
	prunePage    = 5000
)

// Watch looks after all subscriptions until ctx ends: their backlogs, their owners' rights, their delivery logs.
func (d *Dispatcher) Watch(ctx context.Context) error {
	for n := 0; ; n++ {
		err := d.Look(ctx)
		if err == nil && n%int(tidyEvery/watchEvery) == 0 {
			err = d.Tidy(ctx)
		}

		if err != nil && ctx.Err() == nil {
			d.troubled(ctx, "look after subscriptions", err)
		}

		if !sleep(ctx, watchEvery) {
			return nil
		}
	}
}

// Look warns of backlogs, and shows what operators watch.
func (d *Dispatcher) Look(ctx context.Context) error {
	behind, err := d.DB.WarnBacklogs(ctx, d.Clock.Now())
	if err != nil {
		return err
	}

	for _, b := range behind {
		d.Logger.WarnContext(ctx, "a subscription is further behind than it wants to be",
			slog.String("subscription", b.Subscription), slog.Int64("backlog", b.Events))
	}

	view, err := d.DB.ViewPushes(ctx, shownBacklogs)
	if err != nil {
		return err
	}

	d.Metrics.viewed(view)

	return nil
}

// Tidy ends subscriptions whose owners have lost their rights, and forgets old deliveries.
func (d *Dispatcher) Tidy(ctx context.Context) error {
	if _, err := d.disownerless(ctx, nil); err != nil {
		return err
	}

	d.forgetLimiters()

	for {
		n, err := d.DB.PrunePushes(ctx, d.Clock.Now().Add(-keepAttempts), keepNewest, prunePage)
		if err != nil || n == 0 {
			return err
		}
	}
}

// forgetLimiters lets those go that would be made anew as they are.
func (d *Dispatcher) forgetLimiters() {
	d.mu.Lock()
	defer d.mu.Unlock()

	now := d.Clock.Now()

	for id, limiter := range d.limiters {
		if !d.lanes.has(id) && limiter.TokensAt(now) >= float64(limiter.Burst()) {
			delete(d.limiters, id)
		}
	}
}
