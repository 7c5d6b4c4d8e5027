package intake

import (
	"context"
	"time"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
)

// view is what the dispatcher last read: good for deciding what is worth trying. What must not be wrong is asked again
// by the statement that depends on it.
type view struct {
	clocks map[ident.SynchronizerID]time.Time
	// skew is how far the database's clock is ahead of ours.
	skew     time.Duration
	policies map[ident.Instrument]deposit.Policy
	frozen   map[ident.Instrument]bool
	// all is frozen.
	all bool
	// settingsAt is when policies and freezes were read, countedAt when the open offers were counted.
	settingsAt, countedAt time.Time
}

const (
	// settingsAge is how long policies and freezes are taken as they were.
	settingsAge = time.Second
	// countAge is how long the metrics show the same numbers of open offers.
	countAge = 10 * time.Second
)

// look reads what has changed. Clocks are read every time.
func (s *Service) look(ctx context.Context) (*view, error) {
	now := s.Clock.Now()
	next := view{}

	if last := s.view.Load(); last != nil {
		next = *last
	}

	theirs, err := s.DB.Now(ctx)
	if err != nil {
		return nil, err
	}

	next.skew = theirs.Sub(s.Clock.Now())

	clocks, err := s.DB.Clocks(ctx, s.treasury)
	if err != nil {
		return nil, err
	}

	next.clocks = make(map[ident.SynchronizerID]time.Time, len(clocks))
	for _, c := range clocks {
		next.clocks[c.Synchronizer] = c.RecordTime
	}

	if now.Sub(next.settingsAt) >= settingsAge || now.Before(next.settingsAt) {
		if err := s.readSettings(ctx, &next, now); err != nil {
			return nil, err
		}
	}

	s.view.Store(&next)

	return &next, nil
}

func (s *Service) readSettings(ctx context.Context, next *view, now time.Time) error {
	var err error
	if next.policies, err = s.DB.DepositPolicies(ctx); err != nil {
		return err
	}

	freezes, err := s.DB.Freezes(ctx, s.treasury)
	if err != nil {
		return err
	}

	next.all, next.frozen = false, map[ident.Instrument]bool{}

	for _, f := range freezes {
		if f.Instrument == (ident.Instrument{}) {
			next.all = true
		} else {
			next.frozen[f.Instrument] = true
		}
	}

	next.settingsAt = now
	s.missScreening(ctx, next.policies)

	if now.Sub(next.countedAt) < countAge && !now.Before(next.countedAt) {
		return nil
	}

	open, err := s.DB.OpenOffers(ctx, s.treasury)
	if err != nil {
		return err
	}

	cases, err := s.DB.OpenCases(ctx, s.treasury)
	if err != nil {
		return err
	}

	next.countedAt = now
	s.Metrics.opened(open)
	s.Metrics.waiting(cases)

	return nil
}

// latest is the latest record time of any synchronizer; zero before there is any.
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

func (v *view) policy(i ident.Instrument) deposit.Policy {
	if p, ok := v.policies[i]; ok {
		return p
	}

	return deposit.DefaultPolicy()
}

// forgetSettings has policies and freezes read anew at the next look.
func (s *Service) forgetSettings() {
	stale := *s.view.Load()
	stale.settingsAt = time.Time{}
	s.view.Store(&stale)
}
