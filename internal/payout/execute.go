package payout

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// submit submits what is written down: for the first time, where a person has signed, or again.
func (s *Service) submit(ctx context.Context, j store.Job) error {
	if j.State == withdrawal.Reserved { // signed by hand
		return s.commit(ctx, j, j.Live.Prepared)
	}

	if err := s.pace.Wait(ctx); err != nil {
		return fmt.Errorf("submit withdrawal %s: %w", j.ID, err)
	}

	// Whoever has waited long may have lost the job meanwhile, or history may have moved it on.
	if err := s.DB.StillHeld(ctx, s.treasury, j); err != nil {
		return err
	}

	return s.execute(ctx, j)
}

// execute hands in exactly what is written down. What the node says of it only says when to look again.
func (s *Service) execute(ctx context.Context, j store.Job) error {
	p := j.Live.Prepared

	scheme, err := signing.ParseScheme(p.Scheme)
	if err != nil {
		return fmt.Errorf("submit withdrawal %s: %w", j.ID, err)
	}

	began := s.Clock.Now()
	err = s.Node.Execute(ctx, ledger.ExecuteRequest{
		UserID: s.config.UserID, Transaction: p.Transaction, Scheme: scheme, SubmissionID: p.SubmissionID,
		Signatures: []ledger.PartySignatures{{Party: s.config.Party, Signatures: []signing.Signature{*p.Signature}}},
	})

	answer := withdrawal.Accepted
	if err != nil {
		answer = withdrawal.Answer(ledger.OutcomeOf(err).String())
	}

	now := s.Clock.Now()
	s.Metrics.executed(answer, now.Sub(began))
	s.pace.Learn(err)

	if ctx.Err() != nil {
		return fmt.Errorf("submit withdrawal %s: %w", j.ID, ctx.Err())
	}

	if answer == withdrawal.Accepted && j.Live.Answer == withdrawal.Unanswered {
		return nil // history is expected to have the next word; the row says already when to look again
	}

	return s.heard(ctx, j, answer, err, now)
}

// heard notes what the node said, and when to look again.
func (s *Service) heard(ctx context.Context, j store.Job, answer withdrawal.Answer, err error, now time.Time) error {
	told := store.Postponement{Told: answer, Executed: true}
	pause := custody.Jittered(max(withdrawal.Pause(j.Live.Executions+1), ledger.RetryDelay(err)))

	switch answer {
	case withdrawal.Accepted, withdrawal.Committed:
		pause = s.config.Recheck
	case withdrawal.Paused:
		told.Waiting = withdrawal.SynchronizerPaused
	case withdrawal.OutOfTraffic:
		told.Waiting = withdrawal.NoTraffic
	case withdrawal.Rejected:
		s.Metrics.alarm("rejected")
		s.Logger.WarnContext(ctx,
			"the node rejects a submission; its holdings stay reserved until its record time has passed",
			slog.String("withdrawal_id", j.ID), slog.String("error", err.Error()))
	case withdrawal.PrepareAgain:
		// An input may be gone because an earlier request was successful. History, which is about to say so, comes first.
		pause = custody.Jittered(s.config.Recheck / 2)
	case withdrawal.Unanswered, withdrawal.Unknown, withdrawal.RetrySame:
	}

	told.NextAt = now.Add(pause)

	if err != nil {
		told.Error = clip(err.Error())
		told.Detail = told.Error
	}

	return s.postpone(ctx, j, told)
}

// watchCompletions follows what the node says of our submissions, so that one that failed is taken up at once. It
// decides nothing, and payments go on without it.
func (s *Service) watchCompletions(ctx context.Context) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstRetry, longestRetry

	var at ident.Offset

	for ctx.Err() == nil {
		before := at
		err := s.followCompletions(ctx, &at)

		if at != before {
			pause.Reset()
		}

		if ctx.Err() == nil && !ledger.IsStreamClosed(err) && !s.told.Repeats("completions", s.Clock.Now()) {
			s.Logger.WarnContext(ctx, "completions cannot be followed now; payments are only slower by it",
				slog.String("error", err.Error()))
		}

		custody.Sleep(ctx, pause.NextBackOff())
	}
}

// followCompletions follows one stream until it ends, from where the last one ended.
func (s *Service) followCompletions(ctx context.Context, at *ident.Offset) error {
	if *at == 0 {
		end, err := s.Node.LedgerEnd(ctx)
		if err != nil {
			return err
		}

		*at = end
	}

	stream, err := s.Node.OpenCompletions(ctx, ledger.CompletionsRequest{
		UserID: s.config.UserID, Parties: []ident.Party{s.config.Party}, Begin: *at,
	})
	if err != nil {
		*at = 0 // it may have been pruned

		return err
	}

	defer func() { _ = stream.Close() }() // it has ended, and has said why

	for {
		item, err := stream.Next(ctx)
		if err != nil {
			return err
		}

		*at = stream.Position()
		if c := item.Completion; c != nil && c.Err != nil {
			s.completed(ctx, c)
		}
	}
}

// completed notes that a submission has come to nothing, by the node's word.
func (s *Service) completed(ctx context.Context, c *ledger.Completion) {
	answer := withdrawal.Answer(c.Outcome().String())
	now := s.Clock.Now()

	s.Metrics.completed(answer)
	s.pace.Learn(c.Err)

	next := now.Add(custody.Jittered(firstRetry))
	if answer == withdrawal.PrepareAgain {
		next = now.Add(custody.Jittered(s.config.Recheck / 2)) // history first, see heard
	}

	if err := s.DB.NoteCompletion(ctx, s.treasury, c.SubmissionID, answer, clip(c.Err.Error()), next); err != nil {
		s.Logger.WarnContext(ctx, "a completion was not noted; the submission is looked at later all the same",
			slog.String("submission_id", c.SubmissionID), slog.String("error", err.Error()))
	}
}
