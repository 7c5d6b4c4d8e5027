package payout

import (
	"context"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// view is what the dispatcher last read: old by no more than some polls, and good for deciding what is worth trying.
// What must not be wrong is asked again by the statement that depends on it.
type view struct {
	clocks map[ident.SynchronizerID]time.Time
	// skew is how far the database's clock is ahead of ours.
	skew     time.Duration
	policies map[ident.Instrument]withdrawal.Policy
	frozen   map[ident.Instrument]bool
	// all is frozen.
	all bool
	// settingsAt is when policies and freezes were read, countedAt when the open withdrawals were counted.
	settingsAt, countedAt time.Time
}

const (
	// settingsAge is how long policies and freezes are taken as they were.
	settingsAge = time.Second
	// countAge is how long the metrics show the same numbers of open withdrawals.
	countAge = 10 * time.Second
)

// look reads what has changed. Clocks are read every time.
func (s *Service) look(ctx context.Context) (*view, error) {
	now := s.Clock.Now()
	next := view{clocks: map[ident.SynchronizerID]time.Time{}}

	theirs, err := s.DB.Now(ctx)
	if err != nil {
		return nil, err
	}

	next.skew = theirs.Sub(s.Clock.Now())

	clocks, err := s.DB.Clocks(ctx, s.treasury)
	if err != nil {
		return nil, err
	}

	for _, c := range clocks {
		next.clocks[c.Synchronizer] = c.RecordTime
	}

	last := s.view.Load()
	if last != nil && now.Sub(last.settingsAt) < settingsAge && !now.Before(last.settingsAt) {
		next.policies, next.frozen, next.all, next.settingsAt = last.policies, last.frozen, last.all, last.settingsAt
		next.countedAt = last.countedAt
	} else if err := s.readSettings(ctx, &next); err != nil {
		return nil, err
	}

	s.view.Store(&next)

	return &next, nil
}

func (s *Service) readSettings(ctx context.Context, next *view) error {
	var err error
	if next.policies, err = s.DB.Policies(ctx); err != nil {
		return err
	}

	freezes, err := s.DB.Freezes(ctx, s.treasury)
	if err != nil {
		return err
	}

	next.frozen = map[ident.Instrument]bool{}
	for _, f := range freezes {
		if f.Instrument == (ident.Instrument{}) {
			next.all = true
		} else {
			next.frozen[f.Instrument] = true
		}
	}

	next.settingsAt = s.Clock.Now()
	s.Metrics.freezes(len(freezes))

	return s.count(ctx, next)
}

// count shows operators what has not ended.
func (s *Service) count(ctx context.Context, next *view) error {
	if last := s.view.Load(); last != nil && next.settingsAt.Sub(last.countedAt) < countAge {
		next.countedAt = last.countedAt

		return nil
	}

	open, err := s.DB.OpenWithdrawals(ctx, s.treasury)
	if err != nil {
		return err
	}

	next.countedAt = next.settingsAt
	s.Metrics.opened(open)

	return nil
}

// latest is the latest record time of any synchronizer.
func (v *view) latest() time.Time {
	var latest time.Time

	for _, at := range v.clocks {
		if at.After(latest) {
			latest = at
		}
	}

	return latest
}

func (v *view) isFrozen(i ident.Instrument) bool { return v.all || v.frozen[i] }

// forget has the settings read anew at the next look.
func (s *Service) forgetSettings() {
	if last := s.view.Load(); last != nil {
		stale := *last
		stale.settingsAt = time.Time{}
		s.view.Store(&stale)
	}
}
