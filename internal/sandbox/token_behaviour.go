package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// behaviour is what a choice does when a client exercises it: the token logic that the wallets use too, with the
// arguments that the client gave. The arguments have been checked against their type; everything else has not.
type behaviour func(t *transaction, c *contract, argument json.RawMessage) error

// birth is how a client creates a contract of a template.
type birth func(t *transaction, argument json.RawMessage) error

// behaviours are the choices that clients may exercise, by the interface or template that declares them.
func behaviours() map[string]behaviour {
	const (
		onFactory     = modInstructionV1 + ":TransferFactory/TransferFactory_"
		onInstruction = modInstructionV1 + ":TransferInstruction/TransferInstruction_"
		onAllocations = modAllocationFactory + ":AllocationFactory/AllocationFactory_"
		onAllocation  = modAllocation + ":Allocation/Allocation_"
		onRequest     = modAllocationRequest + ":AllocationRequest/AllocationRequest_"
		onRules       = modAmuletRules + ":AmuletRules/AmuletRules_"
		onPreapproval = modAmuletRules + ":TransferPreapproval/TransferPreapproval_"
		onProposal    = modWalletApprove + ":TransferPreapprovalProposal/TransferPreapprovalProposal_"
		onSettlement  = modSettlement + ":SettlementRequest/SettlementRequest_"
	)

	return map[string]behaviour{
		onFactory + "Transfer":     (*transaction).chooseTransfer,
		onFactory + "PublicFetch":  publicFetch("TransferFactory_PublicFetch", ifaceFactory),
		onInstruction + "Accept":   (*transaction).chooseAccept,
		onInstruction + "Reject":   chooseEnd("Reject", TransferRejected),
		onInstruction + "Withdraw": chooseEnd("Withdraw", TransferWithdrawn),
		onInstruction + "Update":   (*transaction).chooseUpdate,
		onAllocations + "Allocate": (*transaction).chooseAllocate,
		onAllocations + "PublicFetch": publicFetch(
			"AllocationFactory_PublicFetch", ifaceAllocationFactory),
		onAllocation + "ExecuteTransfer": (*transaction).chooseSettle,
		onAllocation + "Cancel":          chooseRelease("Cancel"),
		onAllocation + "Withdraw":        chooseRelease("Withdraw"),
		onRequest + "Reject":             (*transaction).chooseRejectRequest,
		onRequest + "Withdraw":           (*transaction).chooseWithdrawRequest,
		onRules + "DevNet_Tap":           (*transaction).chooseTap,
		onRules + "DevNet_FeatureApp":    (*transaction).chooseFeature,
		onRules + "BuyMemberTraffic":     (*transaction).chooseBuyTraffic,
		onPreapproval + "Cancel":         (*transaction).chooseCancelPreapproval,
		onPreapproval + "Expire":         (*transaction).expirePreapproval,
		onPreapproval + "Renew":          (*transaction).chooseRenewPreapproval,
		onProposal + "Accept":            (*transaction).chooseApprove,
		onSettlement + "Settle":          (*transaction).chooseSettleAll,
		modPing + ":Ping/Respond":        (*transaction).choosePong,
	}
}

// births are the templates of which clients may create contracts.
func births() map[string]birth {
	return map[string]birth{
		modWalletApprove + ":TransferPreapprovalProposal": (*transaction).bearProposal,
		modSettlement + ":SettlementRequest":              (*transaction).bearSettlement,
		modPing + ":Ping":                                 (*transaction).bearPing,
	}
}

// read decodes an argument whose type has been checked.
func read(argument json.RawMessage, into any) error {
	if err := unmarshal(argument, into); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}

	return nil
}

// publicFetch shows anybody who asks what a factory is.
func publicFetch(choice string, iface func() ident.Name) behaviour {
	return func(t *transaction, c *contract, argument json.RawMessage) error {
		var args struct {
			Admin ident.Party `json:"expectedAdmin"`
			Actor ident.Party `json:"actor"`
		}

		if err := read(argument, &args); err != nil {
			return err
		}

		if args.Admin != c.signatories[0] {
			return fmt.Errorf("%w: expectedAdmin %s is not %s", ErrInvalid, args.Admin, c.signatories[0])
		}

		return t.exercise(exercise{
			on: c, iface: iface(), choice: choice, argument: argument, acting: []ident.Party{args.Actor},
		}, func() (any, error) { return obj{"admin": args.Admin, "meta": meta()}, nil })
	}
}

// chooseTransfer is TransferFactory_Transfer with everything as the client says: inputs, metadata and context.
func (t *transaction) chooseTransfer(factory *contract, argument json.RawMessage) error {
	var args struct {
		Admin    ident.Party    `json:"expectedAdmin"`
		Transfer transferRecord `json:"transfer"`
		Extra    givenArgs      `json:"extraArgs"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	p, err := t.planGiven(factory, args.Admin, args.Transfer)
	if err != nil {
		return err
	}

	p.arguments = argument
	if factory != t.s.amulet.externalRules {
		if err := p.usePermits(t, args.Extra.Context.Values); err != nil {
			return err
		}

		return t.settled(p, t.transferAcme(p))
	}

	if err := p.useContext(t, args.Extra.Context.Values); err != nil {
		return err
	}

	return t.settled(p, t.transferAmulet(p))
}

// settled enters a transfer into the books unless it failed.
func (t *transaction) settled(p *plan, err error) error {
	if err != nil {
		return err
	}

	if err := t.s.roomInBooks(1); err != nil {
		return err
	}

	t.settle(p.record)

	return nil
}

func (t *transaction) chooseAccept(c *contract, argument json.RawMessage) error {
	o := offerOf(c)
	if err := t.offerContext(o, argument); err != nil {
		return err
	}

	state, err := t.acceptOffer(c, argument)
	if err == nil {
		t.conclude(o.record, state)
	}

	return err
}

// offerContext takes from a choice's arguments what Canton Coin needs to end an offer.
func (t *transaction) offerContext(o *offer, argument json.RawMessage) error {
	if o == nil {
		return fmt.Errorf("%w: not a transfer instruction", ErrInvalid)
	}

	var args struct {
		Extra givenArgs `json:"extraArgs"`
	}

	if err := read(argument, &args); err != nil || o.instrument() != t.s.Amulet() {
		return err
	}

	if !t.stillLocked(o) {
		return nil // nothing to unlock, so nothing to go by
	}

	return t.goBy(args.Extra.Context.Values)
}

// chooseEnd is the receiver's Reject or the sender's Withdraw.
func chooseEnd(choice string, state TransferState) behaviour {
	return func(t *transaction, c *contract, argument json.RawMessage) error {
		o := offerOf(c)
		if err := t.offerContext(o, argument); err != nil {
			return err
		}

		actor := o.transfer.Sender
		if state == TransferRejected {
			if actor = o.transfer.Receiver; o.waiting {
				return fmt.Errorf("reject %s: it waits for its registry: %w", c.id, ErrConflict)
			}
		}

		err := t.endOffer(c, choice, actor, argument)
		if err == nil {
			t.conclude(o.record, state)
		}

		return err
	}
}

// chooseUpdate is the registry's own step: it completes what waits for it, and ends what is past its deadline.
func (t *transaction) chooseUpdate(c *contract, argument json.RawMessage) error {
	o := offerOf(c)
	if err := t.offerContext(o, argument); err != nil {
		return err
	}

	var args struct {
		Extra []ident.Party `json:"extraActors"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	if len(args.Extra) > 0 {
		return fmt.Errorf("%w: update %s: its registry acts alone, without extraActors", ErrInvalid, c.id)
	}

	if o.waiting {
		state, err := t.decideAcme(c, argument)
		if err == nil {
			t.conclude(o.record, state)
		}

		return err
	}

	if !t.isFrom(time.Time(o.transfer.ExecuteBefore)) {
		return fmt.Errorf("update %s before its deadline: %w", c.id, ErrConflict)
	}

	err := t.endOffer(c, choiceUpdate, o.transfer.Instrument.Admin, argument)
	if err == nil {
		t.conclude(o.record, TransferExpired)
	}

	return err
}
