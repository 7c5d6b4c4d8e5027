package preapproval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/store"
)

// Codes that a detail begins with.
const (
	detailRegistry = "registry_unavailable"
	detailNode     = "node_unavailable"
	detailRefused  = "refused_by_network"
	detailUnknown  = "not_known_yet"
)

// renew tries once to put the end of a preapproval off. It reports whether there is now another to be seen. An error is
// of the database, or of our own context; what the node says is written down.
func (k *Keeper) renew(ctx context.Context, o deposit.Outlook, before int) (bool, error) {
	now := k.Clock.Now()
	try := store.Renewal{
		Contract: o.Renew.Contract, CommandID: commandID(k.config.Policy.Treasury, o.Renew),
		Settings: k.config.Policy.Settings(), At: now.Truncate(time.Microsecond),
	}

	number, claimed, err := k.DB.ClaimRenewal(ctx, k.treasury, try, now.Add(deposit.RenewalPause(before+1)))
	if err != nil || !claimed {
		return false, err // another instance has it in its hands
	}

	err = k.submit(ctx, o, try.CommandID)
	if ctx.Err() != nil {
		return false, fmt.Errorf("renew preapproval %s: %w", try.Contract, ctx.Err()) // the claim says when it is tried again
	}

	return k.ended(ctx, o.Renew, try, number, err)
}

// ended writes down how a try has ended.
func (k *Keeper) ended(
	ctx context.Context, p deposit.Preapproval, try store.Renewal, number int, failed error,
) (bool, error) {
	outcome := ledger.OutcomeOf(failed)
	if failed == nil {
		outcome = ledger.OutcomeCommitted
	}

	k.Metrics.tried(outcome)

	log := k.Logger.With(slog.String("preapproval", string(p.Contract)), slog.String("provider", string(p.Provider)),
		slog.Time("ends", p.ExpiresAt), slog.Int("tries", number))

	switch outcome {
	case ledger.OutcomeCommitted:
		return true, nil // also if by an earlier try, of us or of another instance
	case ledger.OutcomeRejected:
		detail := detailRefused + ": " + failed.Error()
		log.ErrorContext(ctx, "the renewal of the treasury's preapproval was refused for good and is not tried again "+
			"before something changes; see `treasury preapproval`. Until its end deposits of Canton Coin arrive in one "+
			"step, after it they come as offers and are accepted by this service", slog.String("error", failed.Error()))

		_, err := k.DB.RefuseRenewal(ctx, k.treasury, try, detail, k.Clock.Now())

		return false, err
	case ledger.OutcomeUnknown, ledger.OutcomeRetrySame, ledger.OutcomePrepareAgain, ledger.OutcomePaused,
		ledger.OutcomeNoTraffic:
	}

	again := k.Clock.Now().Add(max(deposit.RenewalPause(number), ledger.RetryDelay(failed), registry.RetryDelay(failed)))
	log.WarnContext(ctx, "the treasury's preapproval could not be renewed and is tried again; deposits are not concerned",
		slog.String("error", failed.Error()), slog.Time("again", again))

	return false, k.DB.PostponeRenewal(ctx, k.treasury, try, detailOf(failed), again)
}

func detailOf(err error) string {
	code := detailNode

	switch e, ok := errors.AsType[*ledger.Error](err); {
	case registry.KindOf(err) != registry.KindNone:
		code = detailRegistry
	case ok && e.Stage != ledger.StageAnswer && ledger.OutcomeOf(err) == ledger.OutcomeUnknown:
		code = detailUnknown
	}

	return code + ": " + err.Error()
}

// submit has the node submit the renewal as its provider.
func (k *Keeper) submit(ctx context.Context, o deposit.Outlook, commandID string) error {
	needs, err := k.Registries.AmuletContext(ctx, o.Renew.DSO)
	if err != nil {
		return err
	}

	coins, err := k.coins(ctx, o.Renew)
	if err != nil {
		return err
	}

	_, err = k.Node.SubmitAndWait(ctx, ledger.SubmitRequest{
		UserID: k.config.UserID, CommandID: commandID, ActAs: []ident.Party{o.Renew.Provider},
		Command: ledger.Exercise{
			On: preapprovalTemplate(), Contract: o.Renew.Contract, Choice: "TransferPreapproval_Renew",
			Argument: renewArgument(needs, coins, o.Until),
		},
		Disclosed: custody.Disclosed([]registry.DisclosedContract{needs.Rules, needs.Round}, ""),
	})

	return err
}

// commandID is the same whoever tries to renew a preapproval, and however often: a node commits one of them.
func commandID(treasury ident.Party, p deposit.Preapproval) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		string(treasury), string(p.Contract), p.ExpiresAt.UTC().Format(time.RFC3339Nano),
	}, "\n")))

	return "preapproval-" + hex.EncodeToString(sum[:16])
}

type (
	wireInput struct {
		Tag   string           `json:"tag"`
		Value ident.ContractID `json:"value"`
	}

	wireTransferContext struct {
		Round           ident.ContractID `json:"openMiningRound"`
		IssuingRounds   []any            `json:"issuingMiningRounds"`
		ValidatorRights []any            `json:"validatorRights"`
		FeaturedApp     *string          `json:"featuredAppRight"`
	}

	wirePaymentContext struct {
		Rules   ident.ContractID    `json:"amuletRules"`
		Context wireTransferContext `json:"context"`
	}

	wireRenewal struct {
		Context wirePaymentContext `json:"context"`
		Inputs  []wireInput        `json:"inputs"`
		Until   string             `json:"newExpiresAt"`
	}
)

// renewArgument is the argument of TransferPreapproval_Renew. That a renewal within the free days takes an empty list
// of inputs is not confirmed by any public source.
func renewArgument(needs registry.AmuletContext, coins []ident.ContractID, until time.Time) wireRenewal {
	inputs := make([]wireInput, len(coins))
	for i, c := range coins {
		inputs[i] = wireInput{Tag: "InputAmulet", Value: c}
	}

	return wireRenewal{
		Context: wirePaymentContext{Rules: needs.Rules.Contract, Context: wireTransferContext{
			Round: needs.Round.Contract, IssuingRounds: []any{}, ValidatorRights: []any{},
		}},
		Inputs: inputs, Until: until.UTC().Format(time.RFC3339Nano),
	}
}

// sayRenewed lets the log know of what has been renewed, by whomever.
func (k *Keeper) sayRenewed(ctx context.Context, renewed []store.RenewedPreapproval) {
	for _, r := range renewed {
		k.Metrics.renewed(r.Tries > 0)
		k.Logger.InfoContext(ctx, "the treasury's preapproval was renewed: "+meansDirect,
			slog.String("preapproval", string(r.Successor)), slog.Time("ends", r.ExpiresAt), slog.Bool("by_us", r.Tries > 0))
	}
}
