package intake

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// commit writes down what is about to be submitted, and submits it.
func (s *Service) commit(ctx context.Context, v *view, j store.OfferJob, target time.Time) error {
	if err := s.pace.Wait(ctx); err != nil {
		return err
	}

	next := s.Clock.Now().Add(custody.Jittered(s.config.Recheck))
	if err := s.DB.SubmitOffer(ctx, s.treasury, j, j.Prepared, target, next); err != nil {
		return err
	}

	j.Work, j.Target, j.Detail, j.Answer = store.Submitted, target, "", withdrawal.Unanswered

	return s.execute(ctx, v, j)
}

// execute hands in exactly what is written down.
func (s *Service) execute(ctx context.Context, v *view, j store.OfferJob) error {
	scheme, err := signing.ParseScheme(j.Scheme)
	if err != nil {
		return err
	}

	began := s.Clock.Now()
	err = s.Node.Execute(ctx, ledger.ExecuteRequest{
		UserID: s.config.UserID, Transaction: j.Transaction, Scheme: scheme, SubmissionID: j.SubmissionID,
		Signatures: []ledger.PartySignatures{
			{Party: s.config.Party, Signatures: []signing.Signature{*j.Signature}},
		},
	})

	answer := withdrawal.Accepted
	if err != nil {
		answer = withdrawal.Answer(ledger.OutcomeOf(err).String())
	}

	now := s.Clock.Now()
	s.Metrics.executed(answer, now.Sub(began))
	s.pace.Learn(err)

	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("submit the answer to offer %s: %w", j.DepositID, ctx.Err())
	case answer == withdrawal.Accepted && j.Answer == withdrawal.Unanswered:
		return nil // history is expected to have the next word; the row says already when to look again
	default:
		return s.heard(ctx, v, j, answer, err, now)
	}
}

// heard notes what the node said. It only says when to look again.
func (s *Service) heard(
	ctx context.Context, v *view, j store.OfferJob, answer withdrawal.Answer, err error, now time.Time,
) error {
	p := store.OfferPostponement{Answer: answer, NextAt: now.Add(custody.Jittered(s.config.Recheck))}
	if err != nil {
		p.Detail = memo.Stored(err.Error())
		p.NextAt = now.Add(custody.Jittered(max(s.config.Recheck/2, ledger.RetryDelay(err))))
	}

	switch answer {
	case withdrawal.Rejected:
		s.Metrics.alarm("rejected")
		s.Logger.WarnContext(ctx, "the node rejects the answer to an offer; it is tried anew once its record time has passed",
			slog.String("deposit_id", j.DepositID.String()), slog.String("error", p.Detail))
	case withdrawal.PrepareAgain: // it may be spent because an earlier request was successful: history comes first
		p.Tries = j.Tries + 1
		if p.Tries >= v.policy(j.Instrument).MaxTries {
			return s.giveUp(ctx, j, p)
		}
	case withdrawal.Accepted, withdrawal.Committed, withdrawal.Paused, withdrawal.OutOfTraffic, withdrawal.Unanswered,
		withdrawal.Unknown, withdrawal.RetrySame:
	}

	return s.postpone(ctx, j, p)
}
