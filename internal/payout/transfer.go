package payout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// requestMargin is how far in the past a transfer says it was requested: the ledger refuses one that was requested in
// its future, and its clock is not ours.
const requestMargin = time.Minute

// pay prepares a transfer over the attempt's holdings and submits it.
func (s *Service) pay(ctx context.Context, v *view, j store.Job) error {
	policy := v.policies[j.Instrument]
	now := s.Clock.Now()
	transfer := s.transfer(j, policy, now)

	if s.breaker.Open(registryOf(j.Instrument.Admin), now) {
		return s.giveUp(ctx, j, withdrawal.RegistryUnavailable, "it has not answered several times, and is left alone", now)
	}

	factory, err := s.Registries.TransferFactory(ctx, transfer)
	if err != nil {
		return s.withoutContext(ctx, j, err)
	}

	s.breaker.Worked(registryOf(j.Instrument.Admin))

	if reason := delivers(j.Kind, factory.Kind, policy); reason != "" {
		return s.giveUp(ctx, j, reason, "the registry says "+string(factory.Kind), now)
	}

	argument, err := registry.TransferArgument(transfer, factory.Context.Data, nil)
	if err != nil {
		return s.giveUp(ctx, j, withdrawal.Refused, err.Error(), now)
	}

	return s.prepare(ctx, j, wanted{
		delivery: string(factory.Kind),
		command: ledger.Exercise{
			On: token.TransferFactoryV1, Contract: factory.ID, Choice: token.ChoiceTransfer, Argument: argument,
		},
		disclosed: factory.Context.Disclosed,
		action: intent.Transfer{
			Transfer: transfer, Total: j.Live.Total, Factory: factory.ID, Kind: intent.Kind(factory.Kind),
			DirectOnly: policy.Delivery == withdrawal.DirectOnly,
		},
	})
}

// transfer is what is asked for. A retry makes it anew, with times of its own, over the same holdings.
func (s *Service) transfer(j store.Job, policy withdrawal.Policy, now time.Time) token.Transfer {
	requested := now.Add(-requestMargin).Truncate(time.Microsecond).UTC()
	lifetime := min(policy.OfferLifetime+requestMargin, withdrawal.MaxOfferLifetime)

	return token.Transfer{
		Sender: s.config.Party, Receiver: j.Receiver, Amount: j.Amount, Instrument: j.Instrument,
		RequestedAt: requested, ExecuteBefore: requested.Add(lifetime), Inputs: j.Live.Inputs, Meta: metadata(j),
	}
}

// metadata names the withdrawal, so that history can tell what was paid even to a database that knows nothing of it: as
// the reason, or beside a reason of the receiver's own.
func metadata(j store.Job) token.Metadata {
	if j.Memo == nil {
		return token.Metadata{token.KeyReason: j.ID}
	}

	return token.Metadata{token.KeyReason: *j.Memo, token.KeyWithdrawal: j.ID}
}

// delivers says why a transfer may not go the way that the registry says; empty if it may.
func delivers(kind withdrawal.Kind, way registry.TransferKind, policy withdrawal.Policy) withdrawal.Reason {
	switch {
	case (kind == withdrawal.Internal) != (way == registry.KindSelf):
		return withdrawal.RefusedByRegistry
	case way == registry.KindOffer && policy.Delivery == withdrawal.DirectOnly:
		return withdrawal.NoPreapproval
	default:
		return ""
	}
}

// withoutContext is what becomes of a job whose registry gave no usable answer.
func (s *Service) withoutContext(ctx context.Context, j store.Job, err error) error {
	reason := withdrawal.RegistryUnavailable

	switch registry.KindOf(err) {
	case registry.Refused:
		reason = withdrawal.RefusedByRegistry
	case registry.Gone: // of an offer: history will say what became of it
		reason = withdrawal.HoldingsBusy
	case registry.Broken, registry.Misconfigured:
		s.Metrics.alarm("registry")
	case registry.KindNone, registry.Later:
	}

	if reason == withdrawal.RegistryUnavailable && ctx.Err() == nil {
		s.breaker.Failed(registryOf(j.Instrument.Admin), s.Clock.Now())
	}

	if ctx.Err() != nil {
		return fmt.Errorf("ask the registry for withdrawal %s: %w", j.ID, err)
	}

	return s.giveUp(ctx, j, reason, err.Error(), s.Clock.Now())
}

// offered takes back an offer that nobody accepted, once the ledger's time has passed its deadline.
func (s *Service) offered(ctx context.Context, v *view, j store.Job, now time.Time) error {
	const lookAgain = time.Minute

	policy := v.policies[j.Instrument]

	offer, err := s.DB.FindOffer(ctx, s.treasury, j.Correlation)
	if errors.Is(err, store.ErrNotFound) { // it has ended; ingestion will have said so
		return s.postpone(ctx, j, store.Postponement{NextAt: now.Add(lookAgain)})
	}

	if err != nil {
		return err
	}

	clock := v.clocks[offer.Synchronizer]

	switch {
	case !clock.After(offer.Instruction.Transfer.ExecuteBefore):
		return s.postpone(ctx, j, store.Postponement{
			NextAt: later(offer.Instruction.Transfer.ExecuteBefore, now.Add(s.config.Poll)),
		})
	case !policy.Reclaim || v.isFrozen(j.Instrument) || !offer.Instruction.AwaitsReceiver:
		// An offer that was accepted is in the registry's hands.
		return s.postpone(ctx, j, store.Postponement{NextAt: now.Add(lookAgain)})
	case j.Live != nil:
		return s.takeBack(ctx, j, offer, clock, now)
	}

	j, err = s.DB.BeginReclaim(ctx, s.treasury, j, store.Attempt{
		Kind: store.Reclaim, Inputs: []ident.ContractID{offer.Contract}, Total: j.Amount, Synchronizer: offer.Synchronizer,
		Target: later(now, clock).Add(policy.Window).Truncate(time.Microsecond).UTC(),
	}, now)
	if err != nil {
		return err
	}

	return s.reclaim(ctx, j, offer)
}

// takeBack goes on with an attempt to take an offer back.
func (s *Service) takeBack(ctx context.Context, j store.Job, offer store.Offer, clock, now time.Time) error {
	switch a := attempt(j); {
	case clock.After(a.Target):
		return s.DB.BuryAttempt(ctx, s.treasury, j, store.Retreat{NextAt: now}, now)
	case a.Prepared && !a.Signed: // a person signs
		return s.postpone(ctx, j, store.Postponement{NextAt: a.Target, Waiting: withdrawal.AwaitsSignature})
	case a.Signed && a.Answer != withdrawal.PrepareAgain:
		return s.submit(ctx, j)
	default:
		return s.reclaim(ctx, j, offer)
	}
}

// reclaim withdraws our own offer. It gives nothing away, and consumes the offer: however often it is tried, it happens
// once.
func (s *Service) reclaim(ctx context.Context, j store.Job, offer store.Offer) error {
	answer, err := s.Registries.WithdrawContext(ctx, j.Instrument.Admin, offer.Contract, nil)
	if err != nil {
		return s.withoutContext(ctx, j, err)
	}

	argument, err := registry.ChoiceArgument(answer.Data, nil)
	if err != nil {
		return s.giveUp(ctx, j, withdrawal.Refused, err.Error(), s.Clock.Now())
	}

	transfer := offer.Instruction.Transfer
	transfer.Meta = metadata(j)

	return s.prepare(ctx, j, wanted{
		command: ledger.Exercise{
			On: token.TransferInstructionV1, Contract: offer.Contract, Choice: token.ChoiceWithdraw, Argument: argument,
		},
		disclosed: answer.Disclosed,
		action:    intent.Answer{Choice: intent.Withdraw, Instruction: offer.Contract, Transfer: transfer},
	})
}

// commandID names a payment to the node, always the same whichever attempt it is: a node refuses what has succeeded
// before under this name, for days, and remembers nothing that has failed. So not even a database that has lost its
// last minutes can make it pay again. What takes an offer back has a name of its own.
func (s *Service) commandID(j store.Job) string {
	space := uuid.UUID{0x1f, 0x4c, 0x9d, 0x70, 0x5e, 0x2b, 0x4f, 0x66, 0xb1, 0x0e, 0xd7, 0x8a, 0x93, 0x45, 0x21, 0xc8}

	return "ces-" + uuid.NewSHA1(space, fmt.Appendf(nil, "%s\n%s\n%s", s.config.Party, j.Live.Kind, j.ID)).String()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}

	return b
}
