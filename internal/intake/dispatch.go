package intake

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

const (
	// troublePause is before the next look after one that failed, standstillPause while nothing can be done.
	troublePause    = 400 * time.Millisecond
	standstillPause = 3 * time.Second
)

// dispatcher finds work until ctx ends.
func (s *Service) dispatcher(ctx context.Context) {
	for ctx.Err() == nil {
		found, err := s.timely(ctx)
		if err != nil {
			s.trouble(ctx, "look for offers", err)
			custody.Sleep(ctx, custody.Jittered(troublePause))

			continue
		}

		wrong := s.wrongClock(s.view.Load())
		s.health.Set(wrong)

		switch {
		case wrong != nil: // others may do the work; this one is not to be in their way
			custody.Sleep(ctx, standstillPause)
		case !found:
			custody.Sleep(ctx, s.config.Poll)
		}
	}
}

// timely is a round that may not take for ever: a lock in the database that nobody gives back must be seen.
func (s *Service) timely(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.RoundTimeout)
	defer cancel()

	return s.round(ctx)
}

// round decides what is undecided, credits what was held long enough, and takes up what is due. It reports whether
// there was anything.
func (s *Service) round(ctx context.Context) (bool, error) {
	v, err := s.look(ctx)
	if err != nil {
		return false, err
	}

	more, err := s.decide(ctx, v.latest())
	if err != nil {
		return false, err
	}

	if err := s.release(ctx, v.latest()); err != nil {
		return false, err
	}

	now := s.Clock.Now()
	if reason := s.standstill(v, now); reason != "" {
		if !s.told.Repeats(string(reason), now) {
			s.Logger.WarnContext(ctx, "no offer is accepted now", slog.String("reason", string(reason)))
		}

		return more, nil
	}

	claimed, err := s.claim(ctx, now)

	return more || claimed, err
}

// claim gives the workers as much as they have hands for, and as may be submitted soon.
func (s *Service) claim(ctx context.Context, now time.Time) (bool, error) {
	room := min(cap(s.jobs), s.pace.Allowance()) - int(s.busy.Load())
	if s.breaker.Suspect(theNode) || s.breaker.Suspect(theSigner) {
		room = min(room, 1) // one job is enough to find out
	}

	if room <= 0 {
		return false, nil
	}

	jobs, err := s.DB.ClaimOffers(ctx, s.treasury, now, now.Add(s.config.Lease), room)
	if err != nil {
		return false, err
	}

	for _, j := range jobs { // there is room for them
		s.busy.Add(1)
		s.jobs <- j
	}

	return len(jobs) > 0, nil
}

// The circuits of the breaker that concern all tokens.
const (
	theNode   = "node"
	theSigner = "signer"
)

// standstill says why nothing may be answered now; empty if it may. The reasons are those for which a withdrawal waits.
func (s *Service) standstill(v *view, now time.Time) withdrawal.Reason {
	switch {
	case s.wrongClock(v) != nil:
		return withdrawal.ClockDiffers
	case now.Sub(v.latest()) > s.maxLag:
		return withdrawal.IngestionBehind
	case s.breaker.Open(theNode, now):
		return withdrawal.NodeUnavailable
	case s.breaker.Open(theSigner, now):
		return withdrawal.SignerUnavailable
	default:
		return withdrawal.Reason(s.pace.Standstill())
	}
}

// wrongClock is why this instance does nothing although nothing else is wrong.
func (s *Service) wrongClock(v *view) error {
	ahead := v.latest().Sub(s.Clock.Now())
	if differs := custody.ClockDiffers(v.skew, ahead, s.config.MaxSkew, s.config.Tolerance/2); differs != "" {
		return errors.New(differs)
	}

	return nil
}
