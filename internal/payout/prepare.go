package payout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// wanted is what is asked of the node, and what it must come to.
type wanted struct {
	delivery  string
	command   ledger.Exercise
	disclosed []registry.DisclosedContract
	action    intent.Action
}

// prepare has the node prepare what is wanted, checks that it is that and nothing else, signs and submits it.
func (s *Service) prepare(ctx context.Context, j store.Job, w wanted) error {
	command := s.commandID(j)

	answer, err := s.Node.Prepare(ctx, ledger.PrepareRequest{
		UserID: s.config.UserID, CommandID: command, Command: w.command, ActAs: []ident.Party{s.config.Party},
		Disclosed: custody.Disclosed(w.disclosed, j.Live.Synchronizer), Synchronizer: j.Live.Synchronizer,
		MaxRecordTime: j.Live.Target, Schemes: *s.schemes.Load(),
	})
	if err != nil {
		return s.notPrepared(ctx, j, err)
	}

	s.breaker.Worked(theNode)
	s.breaker.Worked(preparing(j.Instrument))

	hash, err := custody.Check(answer, intent.Request{
		Party: s.config.Party, CommandID: command, Synchronizer: j.Live.Synchronizer, MaxRecordTime: j.Live.Target,
		Now: s.Clock.Now(), Tolerance: s.config.Tolerance, Action: w.action,
	})
	if err != nil {
		return s.refuse(ctx, j, err)
	}

	submission, err := uuid.NewRandomFromReader(s.Random)
	if err != nil {
		return fmt.Errorf("name a submission: %w", err)
	}

	p := store.Prepared{
		Delivery: w.delivery, CommandID: command, SubmissionID: submission.String(), Scheme: answer.Scheme.String(),
		Hash: hash.String(), Transaction: answer.Transaction,
	}
	if answer.Cost != nil {
		p.Traffic = answer.Cost.Total
	}

	signature, err := s.Signer.Sign(ctx, hash)
	if err != nil {
		return s.notSigned(ctx, j, p, err)
	}

	p.Signature = &signature

	return s.commit(ctx, j, p)
}

// commit writes down what is about to be submitted, and submits it.
func (s *Service) commit(ctx context.Context, j store.Job, p store.Prepared) error {
	if err := s.pace.Wait(ctx); err != nil {
		return fmt.Errorf("submit withdrawal %s: %w", j.ID, err)
	}

	now := s.Clock.Now()
	if err := s.DB.SubmitWithdrawal(ctx, s.treasury, j, p, now.Add(custody.Jittered(s.config.Recheck)), now); err != nil {
		return err
	}

	if j.State == withdrawal.Reserved {
		j.State = withdrawal.Submitted
	}

	j.Live.Prepared = p

	return s.execute(ctx, j)
}

// notPrepared is what becomes of a job that the node did not prepare. Nothing can have happened by it.
func (s *Service) notPrepared(ctx context.Context, j store.Job, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("prepare withdrawal %s: %w", j.ID, err)
	}

	now := s.Clock.Now()
	reason := withdrawal.NodeRefuses

	switch ledger.Classify(err) {
	case ledger.RetrySoon, ledger.RetryBackoff, ledger.Reauthenticate, ledger.Canceled:
		reason = withdrawal.NodeUnavailable

		s.breaker.Failed(theNode, now)
	case ledger.Rebuild: // a holding is gone or locked: history will say why
		reason = withdrawal.HoldingsBusy
	case ledger.Stop, ledger.Submitted:
		if ledger.IsTokensRefusal(err) {
			reason = withdrawal.Refused

			break
		}

		s.Metrics.alarm("node_refuses")
		s.breaker.Failed(preparing(j.Instrument), now)
	}

	s.pace.Note(err)

	return s.giveUp(ctx, j, reason, err.Error(), now)
}

// notSigned waits for a person, or for a signer that is away.
func (s *Service) notSigned(ctx context.Context, j store.Job, p store.Prepared, err error) error {
	now := s.Clock.Now()

	switch {
	case errors.Is(err, signer.ErrLater) && j.State == withdrawal.Submitted:
		// What is signed already may still commit. When it is certain that it has not, the next attempt is signed.
		return s.postpone(ctx, j, store.Postponement{NextAt: j.Live.Target, Waiting: withdrawal.AwaitsRecordTime})
	case errors.Is(err, signer.ErrLater):
		return s.DB.AwaitSignature(ctx, s.treasury, j, p, j.Live.Target, now)
	case ctx.Err() != nil:
		return fmt.Errorf("sign withdrawal %s: %w", j.ID, err)
	case !signer.IsTemporary(err):
		s.Metrics.alarm("signer")
		s.Logger.ErrorContext(ctx, "the signer refuses; nothing is paid until somebody has looked",
			slog.String("withdrawal_id", j.ID), slog.String("error", err.Error()))
	}

	return s.giveUp(ctx, j, withdrawal.SignerUnavailable, err.Error(), now)
}

// refuse is the alarm: a node prepared something else than was asked for. Nothing is signed, and nothing of this token
// is until a person has looked.
func (s *Service) refuse(ctx context.Context, j store.Job, err error) error {
	now := s.Clock.Now()

	s.Metrics.alarm("refused_to_sign")
	s.Logger.ErrorContext(ctx, "ALARM: the node prepared something else than was asked for. Nothing was signed, no money "+
		"has moved; withdrawals of this token are frozen until `treasury unfreeze`",
		slog.String("withdrawal_id", j.ID), slog.String("instrument", j.Instrument.String()),
		slog.String("mismatch", err.Error()))

	_, frozen := s.DB.FreezeWithdrawals(ctx, s.treasury, store.Freeze{
		Instrument: j.Instrument, Reason: withdrawal.RefusedToSign, Detail: clip(err.Error()), At: now,
	})
	s.forgetSettings()

	return errors.Join(frozen, s.giveUp(ctx, j, withdrawal.RefusedToSign, clip(err.Error()), now))
}

// clip is what is kept of an error, in a form that the database can hold.
func clip(text string) string { return memo.Stored(text) }
