package store

import (
	"context"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// Backlog is how many events a subscription has not been told.
type Backlog struct {
	Subscription string
	Events       int64
}

// WarnBacklogs tells of subscriptions that are further behind than they want to be, once until they have caught up to
// half of it, and names them.
func (db *DB) WarnBacklogs(ctx context.Context, now time.Time) ([]Backlog, error) {
	if err := db.queries.PushCalm(ctx, db.exec); err != nil {
		return nil, fmt.Errorf("look who has caught up: %w", err)
	}

	rows, err := db.queries.PushWarn(ctx, db.exec, now)
	if err != nil {
		return nil, fmt.Errorf("warn of backlogs: %w", err)
	}

	return mapped(rows, func(r dbsqlc.PushWarnRow) Backlog { return Backlog{r.SubscriptionID, r.Backlog} }), nil
}

// countedDead bounds what counting dead letters costs.
const countedDead = 100_000

// PushView is what operators watch.
type PushView struct {
	// Backlogs are those of the subscriptions that are furthest behind.
	Backlogs []Backlog
	// States are how many subscriptions are in each state.
	States map[string]int64
	// Dead is how many dead letters there are, up to 100,000.
	Dead int64
}

// ViewPushes reads what operators watch, of at most so many subscriptions.
func (db *DB) ViewPushes(ctx context.Context, most int) (PushView, error) {
	backlogs, err := db.queries.PushBacklogs(ctx, db.exec, integer(most))
	if err != nil {
		return PushView{}, fmt.Errorf("read backlogs: %w", err)
	}

	states, err := db.queries.PushStates(ctx, db.exec)
	if err != nil {
		return PushView{}, fmt.Errorf("count subscriptions: %w", err)
	}

	dead, err := db.queries.PushDeadTotal(ctx, db.exec, countedDead)
	if err != nil {
		return PushView{}, fmt.Errorf("count dead letters: %w", err)
	}

	v := PushView{States: make(map[string]int64, len(states)), Dead: dead}
	v.Backlogs = mapped(backlogs, func(r dbsqlc.PushBacklogsRow) Backlog { return Backlog{r.SubscriptionID, r.Backlog} })

	for _, s := range states {
		v.States[s.State] = s.Subscriptions
	}

	return v, nil
}

// PrunePushes forgets rows of the delivery log from before a time, those of a subscription beyond the newest so many,
// and dead letters whose events are gone; of each at most so many at once. It reports how many it were.
func (db *DB) PrunePushes(ctx context.Context, before time.Time, keep, most int) (int64, error) {
	old, err := db.queries.PushForgetOldAttempts(ctx, db.exec, dbsqlc.PushForgetOldAttemptsParams{
		Before: before, Most: integer(most),
	})
	if err != nil {
		return 0, fmt.Errorf("forget old deliveries: %w", err)
	}

	many, err := db.queries.PushForgetManyAttempts(ctx, db.exec, dbsqlc.PushForgetManyAttemptsParams{
		Keep: integer(keep), Most: integer(most),
	})
	if err != nil {
		return old, fmt.Errorf("forget deliveries beyond the newest: %w", err)
	}

	dead, err := db.queries.PushForgetDead(ctx, db.exec, integer(most))

	return old + many + dead, wrap("forget dead letters", err)
}
