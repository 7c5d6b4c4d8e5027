package payout

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
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
func (s *Service) work(ctx context.Context, j store.Job) {
	err := s.step(ctx, j)

	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, store.ErrMoved):
		// History has been faster, which is what one hopes for.
		s.Metrics.moved()
	default:
		s.trouble(ctx, "carry a withdrawal on", err)
	}
}

func (s *Service) step(ctx context.Context, j store.Job) error {
	v := s.view.Load()
	now := s.Clock.Now()

	if j.State == withdrawal.Offered {
		return s.offered(ctx, v, j, now)
	}

	if j.Live == nil {
		return s.withoutAttempt(ctx, j, now)
	}

	next, until := withdrawal.Next(j.State, attempt(j), withdrawal.Moment{
		Now: now, RecordTime: v.clocks[j.Live.Synchronizer], Frozen: v.isFrozen(j.Instrument),
	})

	switch next {
	case withdrawal.Prepare:
		return s.pay(ctx, v, j)
	case withdrawal.Execute:
		return s.submit(ctx, j)
	case withdrawal.Bury:
		return s.bury(ctx, v, j, now)
	case withdrawal.Drop:
		return s.drop(ctx, v, j, now)
	case withdrawal.Wait:
		return s.await(ctx, j, until)
	default:
		return s.await(ctx, j, until)
	}
}

// withoutAttempt is for what should not be: a reserved or submitted withdrawal has an attempt. But history may have
// ended it since the job was claimed, and with it the withdrawal's state; then there is nothing to alarm anybody about.
func (s *Service) withoutAttempt(ctx context.Context, j store.Job, now time.Time) error {
	err := s.postpone(ctx, j, store.Postponement{NextAt: now.Add(s.config.Lease), Detail: "no attempt"})
	if err != nil {
		return err
	}

	s.Metrics.alarm("no_attempt")
	s.Logger.ErrorContext(ctx, "a withdrawal has no attempt; an operator must look", slog.String("withdrawal_id", j.ID))

	return nil
}

func attempt(j store.Job) withdrawal.Attempt {
	return withdrawal.Attempt{
		Target: j.Live.Target, Prepared: len(j.Live.Transaction) > 0, Signed: j.Live.Signature != nil, Answer: j.Live.Answer,
	}
}

// await looks again later.
func (s *Service) await(ctx context.Context, j store.Job, until time.Time) error {
	reason := withdrawal.AwaitsRecordTime
	if j.State == withdrawal.Reserved {
		reason = withdrawal.AwaitsSignature
	}

	return s.postpone(ctx, j, store.Postponement{NextAt: until, Waiting: reason})
}

// bury ends a dead attempt. The database judges by itself whether it is one.
func (s *Service) bury(ctx context.Context, v *view, j store.Job, now time.Time) error {
	r := store.Retreat{NextAt: now, Detail: "the attempt's record time has passed"}

	state, reason := withdrawal.AfterDeath(j.Kind, j.Deaths+1, v.policies[j.Instrument].MaxAttempts)
	if state == withdrawal.Failed {
		r.Final = reason
	}

	if j.Live.Answer == withdrawal.Committed {
		// The node says that it has succeeded, now or before, and history does not have it. Nothing is given back or paid
		// again before a person knows why. Whether history has it now is known where the attempt is buried, and not before.
		r.Final, r.Freeze = "", s.unexplained(j, "the node says that it is on the ledger already", now)
	}

	err := s.DB.BuryAttempt(ctx, s.treasury, j, r, now)

	switch {
	case errors.Is(err, store.ErrNotDead): // the view was ahead of nothing; look again
		return s.await(ctx, j, now.Add(s.config.Poll))
	case errors.Is(err, store.ErrTrace):
		f := s.unexplained(j, err.Error(), now)
		_, frozen := s.DB.FreezeWithdrawals(ctx, s.treasury, *f)
		s.alarm(ctx, j, *f)

		return errors.Join(frozen, s.await(ctx, j, now.Add(time.Minute)))
	}

	if err == nil && r.Freeze != nil {
		s.alarm(ctx, j, *r.Freeze)
	}

	if err == nil {
		s.Metrics.ended("dead")
		s.Logger.WarnContext(ctx, "an attempt has passed its record time and is not on the ledger; its holdings are free",
			slog.String("withdrawal_id", j.ID), slog.Int("attempt", j.Attempt), slog.String("outcome", string(j.Live.Answer)),
			slog.String("becomes", string(state)))
	}

	return err
}

// unexplained is for what cannot be: a payment that history should have and does not. The token is frozen.
func (s *Service) unexplained(j store.Job, what string, now time.Time) *store.Freeze {
	return &store.Freeze{Instrument: j.Instrument, Reason: withdrawal.Unexplained, Detail: j.ID + ": " + what, At: now}
}

// alarm tells of a freeze that unexplained asked for.
func (s *Service) alarm(ctx context.Context, j store.Job, f store.Freeze) {
	s.Metrics.alarm("unexplained")
	s.Logger.ErrorContext(ctx, "ALARM: a payment that history should have is not in there. Its money stays set aside; "+
		"withdrawals of this token are frozen until `treasury unfreeze`",
		slog.String("withdrawal_id", j.ID), slog.Int("attempt", j.Attempt), slog.String("what", f.Detail))
	s.forgetSettings()
}

// drop ends an attempt that was not submitted because there is no time left, or because it may not be.
func (s *Service) drop(ctx context.Context, v *view, j store.Job, now time.Time) error {
	if v.isFrozen(j.Instrument) {
		return s.giveUp(ctx, j, withdrawal.Frozen, "", now)
	}

	return s.retreat(ctx, j, store.Retreat{NextAt: now, Detail: "no time was left to submit it"}, now)
}

// giveUp takes a job whose payment could not be prepared back to the queue, or ends it, by the reason. A payment that
// may be under way keeps its holdings and is looked at again.
func (s *Service) giveUp(
	ctx context.Context, j store.Job, reason withdrawal.Reason, detail string, now time.Time,
) error {
	try, refusals := j.Tries+1, j.Refusals
	if withdrawal.IsRefusal(reason) {
		refusals++
	}

	final, pause := withdrawal.Judge(reason, try, refusals)

	s.Metrics.gaveUp(reason)

	if j.State != withdrawal.Reserved {
		return s.postpone(ctx, j, store.Postponement{
			NextAt: now.Add(custody.Jittered(withdrawal.Pause(try))), Waiting: reason, Detail: detail, Tries: try,
		})
	}

	if final == "" && j.Kind == withdrawal.Internal {
		final = withdrawal.Superseded
	}

	return s.retreat(ctx, j, store.Retreat{
		Final: final, Waiting: reason, Detail: detail, NextAt: now.Add(custody.Jittered(pause)), Tries: try,
		Refusals: refusals,
	}, now)
}

func (s *Service) retreat(ctx context.Context, j store.Job, r store.Retreat, now time.Time) error {
	if j.Kind == withdrawal.Internal && r.Final == "" {
		r.Final = withdrawal.Superseded
	}

	if err := s.DB.DropAttempt(ctx, s.treasury, j, r, now); err != nil {
		return err
	}

	if j.Kind == withdrawal.Internal { // whoever plans the next one waits longer each time
		s.breaker.Failed(shaping(j.Instrument), now)

		if j.Serves != "" {
			if err := s.DB.PutOffWithdrawal(ctx, s.treasury, j.Serves, waitingFor(r.Waiting), now); err != nil {
				return err
			}
		}
	}

	s.Metrics.ended("dropped")
	s.Logger.InfoContext(ctx, "a payment was not made; nothing was submitted",
		slog.String("withdrawal_id", j.ID), slog.String("waiting", string(r.Waiting)), slog.String("failed", string(r.Final)),
		slog.String("detail", r.Detail))

	return nil
}

// waitingFor is why a withdrawal waits whose merge was not made.
func waitingFor(reason withdrawal.Reason) withdrawal.Reason {
	if reason == "" {
		return withdrawal.NeedsMerge
	}

	return reason
}

func (s *Service) postpone(ctx context.Context, j store.Job, p store.Postponement) error {
	return s.DB.PostponeWithdrawal(ctx, s.treasury, j, p)
}
