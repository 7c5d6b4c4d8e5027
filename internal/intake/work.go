package intake

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

const (
	// lookAgain is for what somebody else has to move.
	lookAgain = time.Minute
	// awayPause is before what was away is asked again for an offer; the breaker makes longer ones.
	awayPause = 5 * time.Second
	// frozenPause is how often a frozen token's offers are looked at.
	frozenPause = 5 * time.Second
	// leastTime is what must be left of a submission's time for another try to be worth its traffic.
	leastTime = time.Second
	// watch is how often it is looked whether record time has passed.
	watch = time.Second
)

// worker carries jobs until ctx ends.
func (s *Service) worker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-s.jobs:
			s.work(ctx, j)
			s.busy.Add(-1)
		}
	}
}

// work does the next step of a job. Whatever goes wrong, the row is as good as before, and the lease's end brings the
// job back.
func (s *Service) work(ctx context.Context, j store.OfferJob) {
	err := s.step(ctx, s.view.Load(), j)
	if errors.Is(err, store.ErrOfferMoved) { // history has been faster, or the verdict is another one now
		s.Metrics.moved()

		err = s.DB.ReleaseOffer(ctx, s.treasury, j, s.Clock.Now().Add(watch))
	}

	if err != nil && ctx.Err() == nil {
		s.trouble(ctx, "answer an offer", err)
	}
}

func (s *Service) step(ctx context.Context, v *view, j store.OfferJob) error {
	now := s.Clock.Now()

	offer, err := s.DB.FindOffer(ctx, s.treasury, j.Correlation)

	switch {
	case errors.Is(err, store.ErrNotFound): // accepted, withdrawn or expired: history tells which
		return s.postpone(ctx, j, store.OfferPostponement{NextAt: now.Add(lookAgain)})
	case err != nil:
		return err
	case !offer.Instruction.AwaitsReceiver: // accepted, and in its registry's hands
		return s.DB.ReconsiderOffer(ctx, s.treasury, j)
	case v.isFrozen(j.Instrument):
		return s.postpone(ctx, j, store.OfferPostponement{NextAt: now.Add(frozenPause), Detail: keep(j, withdrawal.Frozen)})
	case j.Work == store.Submitted:
		return s.submitted(ctx, v, j, offer, now)
	default:
		return s.answer(ctx, v, j, offer)
	}
}

// keep is the detail of an offer that is frozen: what froze it, if that was this very offer.
func keep(j store.OfferJob, reason withdrawal.Reason) string {
	if j.Detail != "" {
		return j.Detail
	}

	return string(reason)
}

// submitted goes on with what may be under way, and was not seen on the ledger yet.
func (s *Service) submitted(ctx context.Context, v *view, j store.OfferJob, offer store.Offer, now time.Time) error {
	late := !now.Before(j.Target.Add(-leastTime))

	switch {
	case v.clocks[offer.Synchronizer].After(j.Target):
		return s.failed(ctx, v, j, "not_on_ledger", "its record time has passed and it is not on the ledger")
	case late, !answers(j.Verdict), j.Answer == withdrawal.Rejected, j.Answer == withdrawal.Committed:
		// The verdict may be another one meanwhile, a refusal does not get better, and what is there already is there:
		// history has the word.
		return s.postpone(ctx, j, store.OfferPostponement{NextAt: later(j.Target, now.Add(watch)), Detail: j.Detail})
	case j.Answer == withdrawal.PrepareAgain:
		return s.answer(ctx, v, j, offer)
	default:
		if err := s.pace.Wait(ctx); err != nil {
			return err
		}

		return s.execute(ctx, v, j)
	}
}

// answers reports whether a verdict is to be carried to the ledger.
func answers(verdict deposit.Verdict) bool {
	return verdict == deposit.Accept || verdict == deposit.Reject
}

// failed counts a failure that is this offer's own. After as many as the policy allows, it is left to a person.
func (s *Service) failed(
	ctx context.Context, v *view, j store.OfferJob, reason withdrawal.Reason, detail string,
) error {
	p := store.OfferPostponement{
		Work: store.Due, Tries: j.Tries + 1, Detail: memo.Stored(string(reason) + ": " + detail),
		NextAt: s.Clock.Now().Add(custody.Jittered(withdrawal.Pause(j.Tries + 1))),
	}

	switch {
	case !answers(j.Verdict):
		p.Work = store.NoWork
	case p.Tries >= v.policy(j.Instrument).MaxTries:
		return s.giveUp(ctx, j, p)
	}

	s.Metrics.held(reason)

	return s.postpone(ctx, j, p)
}

// giveUp leaves an offer to a person.
func (s *Service) giveUp(ctx context.Context, j store.OfferJob, p store.OfferPostponement) error {
	p.Work = store.GivenUp

	if err := s.postpone(ctx, j, p); err != nil {
		return err
	}

	s.Metrics.alarm("given_up")
	s.Logger.ErrorContext(ctx, "an offer could not be answered and is left to an operator; its money is where it was",
		slog.String("deposit_id", j.DepositID.String()), slog.Int("tries", p.Tries), slog.String("detail", p.Detail))

	return nil
}

// away is for what is nobody's offer's fault: it does not count, and is left alone for longer each time.
func (s *Service) away(
	ctx context.Context, j store.OfferJob, circuit string, reason withdrawal.Reason, err error,
) error {
	if ctx.Err() != nil {
		return err
	}

	now := s.Clock.Now()
	s.breaker.Failed(circuit, now)

	return s.hold(ctx, j, reason, err.Error(), now)
}

func (s *Service) hold(
	ctx context.Context, j store.OfferJob, reason withdrawal.Reason, detail string, now time.Time,
) error {
	s.Metrics.held(reason)

	return s.postpone(ctx, j, store.OfferPostponement{
		NextAt: now.Add(custody.Jittered(awayPause)), Detail: memo.Stored(string(reason) + ": " + detail),
	})
}

func (s *Service) postpone(ctx context.Context, j store.OfferJob, p store.OfferPostponement) error {
	return s.DB.PostponeOffer(ctx, s.treasury, j, p)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}

	return b
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}

	return b
}
