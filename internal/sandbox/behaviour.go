package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// behaviour is what a choice does when a client exercises it: the token logic that the wallets use too, with the
// arguments that the client gave. The arguments have been checked against their type; everything else has not.
type behaviour func(t *transaction, c *contract, argument json.RawMessage) error

// birth is how a client creates a contract of a template.
type birth func(t *transaction, argument json.RawMessage) error

// behaviours are the choices that clients may exercise, by the interface or template that declares them.
func behaviours() map[string]behaviour {
	return map[string]behaviour{
		modInstructionV1 + ":TransferFactory/TransferFactory_Transfer":         (*transaction).chooseTransfer,
		modInstructionV1 + ":TransferFactory/TransferFactory_PublicFetch":      publicFetch("TransferFactory_PublicFetch", ifaceFactory),
		modInstructionV1 + ":TransferInstruction/TransferInstruction_Accept":   (*transaction).chooseAccept,
		modInstructionV1 + ":TransferInstruction/TransferInstruction_Reject":   chooseEnd("Reject", TransferRejected),
		modInstructionV1 + ":TransferInstruction/TransferInstruction_Withdraw": chooseEnd("Withdraw", TransferWithdrawn),
		modInstructionV1 + ":TransferInstruction/TransferInstruction_Update":   (*transaction).chooseUpdate,
		modAllocationFactory + ":AllocationFactory/AllocationFactory_Allocate": (*transaction).chooseAllocate,
		modAllocationFactory + ":AllocationFactory/AllocationFactory_PublicFetch": publicFetch(
			"AllocationFactory_PublicFetch", ifaceAllocationFactory),
		modAllocation + ":Allocation/Allocation_ExecuteTransfer":                             (*transaction).chooseSettle,
		modAllocation + ":Allocation/Allocation_Cancel":                                      chooseRelease("Cancel"),
		modAllocation + ":Allocation/Allocation_Withdraw":                                    chooseRelease("Withdraw"),
		modAllocationRequest + ":AllocationRequest/AllocationRequest_Reject":                 (*transaction).chooseRejectRequest,
		modAllocationRequest + ":AllocationRequest/AllocationRequest_Withdraw":               (*transaction).chooseWithdrawRequest,
		modAmuletRules + ":AmuletRules/AmuletRules_DevNet_Tap":                               (*transaction).chooseTap,
		modAmuletRules + ":AmuletRules/AmuletRules_DevNet_FeatureApp":                        (*transaction).chooseFeature,
		modAmuletRules + ":AmuletRules/AmuletRules_BuyMemberTraffic":                         (*transaction).chooseBuyTraffic,
		modAmuletRules + ":TransferPreapproval/TransferPreapproval_Cancel":                   (*transaction).chooseCancelPreapproval,
		modAmuletRules + ":TransferPreapproval/TransferPreapproval_Expire":                   (*transaction).expirePreapproval,
		modAmuletRules + ":TransferPreapproval/TransferPreapproval_Renew":                    (*transaction).chooseRenewPreapproval,
		modWalletApprove + ":TransferPreapprovalProposal/TransferPreapprovalProposal_Accept": (*transaction).chooseApprove,
		modPing + ":Ping/Respond":                                                            (*transaction).choosePong,
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
	if err := json.Unmarshal(argument, into); err != nil {
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
	if err == nil {
		t.settle(p.record)
	}

	return err
}

// useContext takes from the context what a transfer of Canton Coin needs.
func (p *plan) useContext(t *transaction, context choiceContext) error {
	if err := t.goBy(context); err != nil {
		return err
	}

	approval, err := context.contract(t, contextPreapproval)
	if err != nil || approval == nil || p.sender() == p.receiver() {
		return err
	}

	known, _ := approval.payload.(*preapproval)
	if known == nil || known.receiver != p.receiver() {
		return fmt.Errorf("%w: the preapproval given is not that of %s", ErrInvalid, p.receiver())
	}

	if !t.isBefore(known.expiresAt) {
		return fmt.Errorf("preapproval of %s: %w", p.receiver(), ErrExpired)
	}

	p.approval = approval

	return nil
}

// usePermits takes from the context what a transfer of a permissioned token needs.
func (p *plan) usePermits(t *transaction, context choiceContext) error {
	for i, key := range []string{contextSenderPermit, contextReceiverPermit} {
		c, err := context.contract(t, key)
		if err != nil {
			return err
		}

		p.permits[i] = c
	}

	return nil
}

// planGiven checks a transfer that a client asks a factory for.
func (t *transaction) planGiven(factory *contract, admin ident.Party, transfer transferRecord) (*plan, error) {
	own := factory.signatories[0]

	switch {
	case admin != own:
		return nil, fmt.Errorf("%w: expectedAdmin %s is not %s", ErrInvalid, admin, own)
	case transfer.Instrument.Admin != own:
		return nil, fmt.Errorf("%w: instrument of %s at the factory of %s", ErrInvalid, transfer.Instrument.Admin, own)
	case transfer.Amount.Sign() <= 0:
		return nil, fmt.Errorf("%w: amount %s is not positive", ErrInvalid, transfer.Amount.Short())
	}

	if err := checkMeta(transfer.Meta); err != nil {
		return nil, err
	}

	before := time.Time(transfer.ExecuteBefore)
	p := &plan{
		transfer: transfer, before: before,
		record: &Transfer{
			Sender: transfer.Sender, Receiver: transfer.Receiver, Amount: transfer.Amount,
			Instrument: transfer.Instrument, Memo: memoOf(transfer.Meta), ExecuteBefore: before,
		},
	}

	if _, err := t.s.party(transfer.Receiver); err != nil {
		return nil, err
	}

	var err error

	p.inputs, p.total, err = t.given(transfer.Sender, p.instrument(), transfer.Inputs)
	if err != nil {
		return nil, err
	}

	need, err := t.expectedCost(p)
	if err == nil && p.total.Cmp(need) < 0 {
		err = fmt.Errorf("inputs of %s, needs %s: %w", p.total.Short(), need.Short(), ErrFunds)
	}

	return p, err
}

// given are the holdings that a client wants spent: all of them one owner's, one token, and free to be spent.
func (t *transaction) given(
	owner ident.Party, instrument ident.Instrument, ids []ident.ContractID,
) ([]*contract, amount.Amount, error) {
	total := amount.Zero()

	switch {
	case len(ids) == 0:
		return nil, total, fmt.Errorf("%w: No holdings provided", ErrInvalid)
	case len(ids) > maxInputs:
		return nil, total, fmt.Errorf("%d inputs, at most %d: %w", len(ids), maxInputs, ErrTooManyInputs)
	}

	inputs := make([]*contract, 0, len(ids))
	twice := make(map[ident.ContractID]bool, len(ids))

	for _, id := range ids {
		c := t.s.contracts[id]
		if err := t.look(c); err != nil {
			return nil, total, fmt.Errorf("input %s: %w", id, err)
		}

		h := holdingOf(c)

		switch {
		case twice[id]:
			return nil, total, fmt.Errorf("%w: input %s is given twice", ErrInvalid, id)
		case h == nil || h.bare || h.owner != owner || h.instrument != instrument:
			return nil, total, fmt.Errorf("%w: input %s is no %s of %s", ErrInvalid, id, instrument.ID, owner)
		case h.locked && !t.lockIsOver(h):
			return nil, total, fmt.Errorf("input %s is locked: %w", id, ErrConflict)
		}

		twice[id] = true
		inputs = append(inputs, c)

		var err error
		if total, err = total.Add(h.amount); err != nil {
			return nil, total, fmt.Errorf("add up inputs: %w", err)
		}
	}

	return inputs, total, nil
}

// lockIsOver reports whether an owner may spend a locked holding: Canton Coin whose lock has run out.
func (t *transaction) lockIsOver(h *holding) bool {
	return h.instrument == t.s.Amulet() && t.isFrom(h.expiresAt)
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

	if o.waiting {
		err := t.approveAcme(c, argument)
		if err == nil {
			t.conclude(o.record, TransferCompleted)
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
