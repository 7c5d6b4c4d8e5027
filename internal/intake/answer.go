package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// Reasons for which an offer is not answered yet, beside those for which a withdrawal waits.
const (
	gone        withdrawal.Reason = "gone"
	badMetadata withdrawal.Reason = "metadata_too_large"
)

func registryOf(admin ident.Party) string { return "registry of " + string(admin) }

// preparing is the circuit of a node that refuses to prepare answers to offers of one token: it may lack packages.
func preparing(instrument ident.Instrument) string { return "preparing " + instrument.String() }

// answer has the node prepare the acceptance or rejection of an offer, checks that it is that and nothing else, signs
// and submits it.
func (s *Service) answer(ctx context.Context, v *view, j store.OfferJob, offer store.Offer) error {
	now := s.Clock.Now()
	admin := j.Instrument.Admin

	switch {
	case s.breaker.Open(registryOf(admin), now):
		return s.hold(ctx, j, withdrawal.RegistryUnavailable, "it has not answered several times, and is left alone", now)
	case s.breaker.Open(preparing(j.Instrument), now):
		return s.hold(ctx, j, withdrawal.NodeRefuses, "it has refused several times, and is left alone", now)
	}

	transfer, err := s.transfer(ctx, offer)
	if err != nil {
		return s.notShown(ctx, v, j, err)
	}

	choice, ask := intent.Accept, s.Registries.AcceptContext
	if j.Verdict == deposit.Reject {
		choice, ask = intent.Reject, s.Registries.RejectContext
	}

	extra, err := ask(ctx, admin, offer.Contract, nil)
	if err != nil {
		return s.withoutContext(ctx, v, j, err)
	}

	s.breaker.Worked(registryOf(admin))

	argument, err := registry.ChoiceArgument(extra.Data, nil)
	if err != nil {
		return s.failed(ctx, v, j, withdrawal.RefusedByRegistry, err.Error())
	}

	target := later(now, v.clocks[offer.Synchronizer]).Add(v.policy(j.Instrument).Window)
	target = sooner(target, transfer.ExecuteBefore).Truncate(time.Microsecond).UTC()

	request := ledger.PrepareRequest{
		UserID: s.config.UserID, CommandID: s.commandID(j, choice, offer.Contract), ActAs: []ident.Party{s.config.Party},
		Command: ledger.Exercise{
			On: token.TransferInstructionV1, Contract: offer.Contract, Choice: string(choice), Argument: argument,
		},
		Disclosed: custody.Disclosed(extra.Disclosed, offer.Synchronizer), Synchronizer: offer.Synchronizer,
		MaxRecordTime: target, Schemes: *s.schemes.Load(),
	}

	return s.prepare(ctx, v, j, request, intent.Answer{Choice: choice, Instruction: offer.Contract, Transfer: transfer})
}

// prepare is answer from the node on.
func (s *Service) prepare(
	ctx context.Context, v *view, j store.OfferJob, r ledger.PrepareRequest, want intent.Answer,
) error {
	answer, err := s.Node.Prepare(ctx, r)
	if err != nil {
		return s.notPrepared(ctx, v, j, err)
	}

	s.breaker.Worked(theNode)
	s.breaker.Worked(preparing(j.Instrument))

	hash, err := custody.Check(answer, intent.Request{
		Party: s.config.Party, CommandID: r.CommandID, Synchronizer: r.Synchronizer, MaxRecordTime: r.MaxRecordTime,
		Now: s.Clock.Now(), Tolerance: s.config.Tolerance, Action: want,
	})
	if err != nil {
		return s.refuse(ctx, v, j, err)
	}

	submission, err := uuid.NewRandomFromReader(s.Random)
	if err != nil {
		return fmt.Errorf("name a submission: %w", err)
	}

	signature, err := s.Signer.Sign(ctx, hash)
	if err != nil {
		return s.notSigned(ctx, j, err)
	}

	s.breaker.Worked(theSigner)

	j.Prepared = store.Prepared{
		CommandID: r.CommandID, SubmissionID: submission.String(), Scheme: answer.Scheme.String(), Hash: hash.String(),
		Transaction: answer.Transaction, Signature: &signature,
	}

	return s.commit(ctx, v, j, r.MaxRecordTime)
}

// notShown is what becomes of an offer that the node did not show as it must be.
func (s *Service) notShown(ctx context.Context, v *view, j store.OfferJob, err error) error {
	switch {
	case errors.Is(err, errGone): // history is about to say how it ended
		return s.failed(ctx, v, j, gone, err.Error())
	case errors.Is(err, errMetadata):
		return s.giveUp(ctx, j, store.OfferPostponement{
			Tries: j.Tries + 1, NextAt: s.Clock.Now(), Detail: memo.Stored(string(badMetadata) + ": " + err.Error()),
		})
	case errors.Is(err, intent.ErrMismatch):
		return s.refuse(ctx, v, j, err)
	default:
		s.pace.Note(err)

		return s.away(ctx, j, theNode, withdrawal.NodeUnavailable, err)
	}
}

// withoutContext is what becomes of an offer whose registry gave no usable answer.
func (s *Service) withoutContext(ctx context.Context, v *view, j store.OfferJob, err error) error {
	switch registry.KindOf(err) {
	case registry.Refused:
		return s.failed(ctx, v, j, withdrawal.RefusedByRegistry, err.Error())
	case registry.Gone:
		return s.failed(ctx, v, j, gone, err.Error())
	case registry.Broken, registry.Misconfigured:
		s.Metrics.alarm("registry")
	case registry.KindNone, registry.Later:
	}

	return s.away(ctx, j, registryOf(j.Instrument.Admin), withdrawal.RegistryUnavailable, err)
}

// notPrepared is what becomes of an offer whose answer the node did not prepare. Nothing can have happened by it.
func (s *Service) notPrepared(ctx context.Context, v *view, j store.OfferJob, err error) error {
	s.pace.Note(err)

	switch ledger.Classify(err) {
	case ledger.RetrySoon, ledger.RetryBackoff, ledger.Reauthenticate, ledger.Canceled:
		return s.away(ctx, j, theNode, withdrawal.NodeUnavailable, err)
	case ledger.Rebuild: // it is gone, or another answer is under way: history will say
		return s.failed(ctx, v, j, gone, err.Error())
	case ledger.Stop, ledger.Submitted:
		if ledger.IsTokensRefusal(err) {
			return s.failed(ctx, v, j, withdrawal.Refused, err.Error())
		}
	}

	s.Metrics.alarm("node_refuses")

	return s.away(ctx, j, preparing(j.Instrument), withdrawal.NodeRefuses, err)
}

// notSigned waits for a signer that is away.
func (s *Service) notSigned(ctx context.Context, j store.OfferJob, err error) error {
	if ctx.Err() == nil && !signer.IsTemporary(err) {
		s.Metrics.alarm("signer")
		s.Logger.ErrorContext(ctx, "the signer refuses; no offer is accepted until somebody has looked",
			slog.String("deposit_id", j.DepositID.String()), slog.String("error", err.Error()))
	}

	return s.away(ctx, j, theSigner, withdrawal.SignerUnavailable, err)
}

// refuse is the alarm: a node prepared something else than was asked for. Nothing is signed, and nothing of this token
// is until a person has looked.
func (s *Service) refuse(ctx context.Context, v *view, j store.OfferJob, mismatch error) error {
	s.Metrics.alarm("refused_to_sign")
	s.Logger.ErrorContext(ctx, "ALARM: the node prepared something else than was asked for. Nothing was signed, no money "+
		"has moved; this token is frozen until `treasury unfreeze`",
		slog.String("deposit_id", j.DepositID.String()), slog.String("instrument", j.Instrument.String()),
		slog.String("mismatch", mismatch.Error()))

	_, err := s.DB.FreezeWithdrawals(ctx, s.treasury, store.Freeze{
		Instrument: j.Instrument, Reason: withdrawal.RefusedToSign,
		Detail: memo.Stored("offer " + j.DepositID.String() + ": " + mismatch.Error()), At: s.Clock.Now(),
	})
	s.forgetSettings()

	return errors.Join(err, s.failed(ctx, v, j, withdrawal.RefusedToSign, mismatch.Error()))
}

// commandID names an answer to the node, always the same whoever gives it and however often: a node refuses what has
// succeeded before under this name. An offer that its registry has given back to us is another contract, with another
// answer.
func (s *Service) commandID(j store.OfferJob, choice intent.Choice, contract ident.ContractID) string {
	space := uuid.UUID{0x9a, 0x21, 0x6e, 0x0c, 0x77, 0x1d, 0x4b, 0xc8, 0x83, 0x5f, 0x2e, 0xb4, 0x60, 0xd9, 0x17, 0x3a}
	name := fmt.Appendf(nil, "%s\n%s\n%s", s.config.Party, answerName(choice), j.DepositID)

	if contract != j.Correlation {
		name = fmt.Appendf(name, "\n%s", contract)
	}

	return "ces-" + uuid.NewSHA1(space, name).String()
}

func answerName(choice intent.Choice) string {
	if choice == intent.Reject {
		return "reject"
	}

	return "accept"
}
