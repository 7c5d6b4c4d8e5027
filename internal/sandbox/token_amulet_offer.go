package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// offerAmulet is the two-step transfer's first step: the amount is locked and the receiver gets an instruction,
// which is the only part of this transaction that it sees.
func (t *transaction) offerAmulet(p *plan) (any, error) {
	if t.s.cfg.Shape == ShapeRecorded {
		return t.offerAmuletRecorded(p)
	}

	t.fetch(t.config)

	expired, opened, err := t.openExpired(p)
	if err != nil {
		return nil, err
	}

	if err := t.spend(p.inputs); err != nil {
		return nil, err
	}

	locked, err := t.createLockedAmulet(p.sender(), p.receiver(), p.transfer.Amount, p.before)
	if err != nil {
		return nil, err
	}

	change, err := t.amuletChange(p)
	if err != nil {
		return nil, err
	}

	instruction, err := t.createAmuletInstruction(p, locked)
	if err != nil {
		return nil, err
	}

	inputs, outputs := slices.Concat(p.inputs, expired), slices.Concat([]*contract{locked}, opened, change)
	if err := t.logChange(t.s.amulet.externalRules, p.sender(), inputs, outputs); err != nil {
		return nil, err
	}

	return pending(instruction, change, meta()), nil
}

// createAmuletInstruction stores the offer: its inputs are rewritten to the one locked holding.
func (t *transaction) createAmuletInstruction(p *plan, locked *contract) (*contract, error) {
	transfer := p.transfer
	transfer.Inputs = []ident.ContractID{locked.id}

	c, err := t.create(creation{
		template:    templateName(pkgAmulet, modAmuletOffer, "AmuletTransferInstruction"),
		packageName: pkgAmulet,
		argument:    obj{"lockedAmulet": locked.id, "transfer": transfer},
		signatories: []ident.Party{t.s.amulet.dso, p.sender()},
		observers:   []ident.Party{p.receiver()},
		views: map[ident.Name]any{ifaceInstruction(): instructionView{
			Transfer: transfer, Status: variant{"TransferPendingReceiverAcceptance", obj{}}, Meta: meta(),
		}},
		payload: &offer{transfer: transfer, locked: locked, record: p.record},
	})
	if err == nil {
		p.record.Instruction = c.id
	}

	return c, err
}

// base is the contract of the DSO that a choice on an offer looks at first.
func (t *transaction) base() *contract {
	if t.s.cfg.Shape == ShapeRecorded {
		return t.s.amulet.rules
	}

	return t.config
}

// fetchFigures looks at all that the transaction goes by.
func (t *transaction) fetchFigures() {
	t.fetch(t.base())

	if t.s.cfg.Shape == ShapeRecorded {
		t.fetch(t.round)
	}
}

// instructionChoice exercises a choice of an instruction.
func (t *transaction) instructionChoice(
	c *contract, choice string, acting []ident.Party, argument any, body func() (any, error),
) error {
	return t.exercise(exercise{
		on: c, iface: ifaceInstruction(), choice: "TransferInstruction_" + choice, argument: argument,
		acting: acting, consuming: true,
	}, body)
}

// stillLocked reports whether the money of an offer is still behind it. The owner may have taken it back after
// the lock ran out, which leaves the instruction standing.
func (t *transaction) stillLocked(o *offer) bool {
	return o.locked.active() && t.consumed[o.locked] == nil
}

// acceptAmulet is the second step: unlock to the sender, and on to the receiver at once. args are the choice's own
// arguments as a client gave them, or nil.
func (t *transaction) acceptAmulet(c *contract, args json.RawMessage) error {
	o := offerOf(c)
	if !t.isBefore(time.Time(o.transfer.ExecuteBefore)) {
		return fmt.Errorf("accept %s: %w", c.id, ErrExpired)
	}

	if !t.stillLocked(o) {
		return fmt.Errorf("accept %s: its locked holding is gone: %w", c.id, ErrConflict)
	}

	receiver := []ident.Party{o.transfer.Receiver}
	own := obj{"extraArgs": t.amuletContext(obj{contextExpireLock: avBool(true)})}

	return t.instructionChoice(c, "Accept", receiver, orOwn(args, own), func() (any, error) {
		t.fetch(t.base())

		free, err := t.releaseLock(o)
		if err != nil {
			return nil, err
		}

		p := &plan{transfer: o.transfer, inputs: []*contract{free}, total: holdingOf(free).amount}
		if t.s.cfg.Shape == ShapeRecorded {
			return t.acceptAmuletRecorded(p)
		}

		received, change, err := t.settleAmulet(p)
		if err != nil {
			return nil, err
		}

		// The unlocked holding lives inside this transaction only: V2 wants it among inputs and outputs.
		p.inputs = []*contract{o.locked, free}
		if err := t.logTransfer(p, received, append([]*contract{free}, change...)); err != nil {
			return nil, err
		}

		return completed(received, change,
			mergeMeta(o.transfer.Meta.Values, keyTxKind, kindTransfer, keySender, string(p.sender()))), nil
	})
}

// releaseLock opens the lock of an offer by its holder, the DSO, and its owner.
func (t *transaction) releaseLock(o *offer) (*contract, error) {
	holders := []ident.Party{t.s.amulet.dso, o.transfer.Sender}

	return t.unlock(o.locked, t.choiceName("LockedAmulet_Unlock"), holders, "holders released lock")
}

// endAmuletOffer ends an offer without a transfer: Reject, Withdraw or, after the deadline, Update. args are the
// choice's own arguments as a client gave them, or nil.
func (t *transaction) endAmuletOffer(c *contract, choice string, actor ident.Party, args json.RawMessage) error {
	o := offerOf(c)
	locked := t.stillLocked(o)
	own := obj{"extraArgs": choiceArgs(obj{contextExpireLock: avBool(false)})}

	if locked {
		own["extraArgs"] = t.amuletContext(obj{contextExpireLock: avBool(true)})
	}

	if choice == choiceUpdate {
		own["extraActors"] = []ident.Party{}
	}

	return t.instructionChoice(c, choice, []ident.Party{actor}, orOwn(args, own), func() (any, error) {
		if !locked {
			return failed(nil), nil
		}

		t.fetch(t.base())

		free, err := t.releaseLock(o)
		if err != nil {
			return nil, err
		}

		returned := []*contract{free}
		if err := t.logChange(t.s.amulet.externalRules, o.transfer.Sender, []*contract{o.locked}, returned); err != nil {
			return nil, err
		}

		return failed(returned), nil
	})
}

// expireAmuletOffers is the DSO's sweep: one transaction over every offer past its deadline. The batch choice
// is seen by the DSO alone, each Update below it by its own stakeholders.
func (t *transaction) expireAmuletOffers(offers []*contract) error {
	dso := t.s.amulet.dso

	return t.exercise(exercise{
		on: t.s.amulet.rules, choice: "AmuletRules_Amulet_ExpireTransferInstructions", acting: []ident.Party{dso},
		argument: obj{"instructionCids": ids(offers)},
	}, func() (any, error) {
		for _, c := range offers {
			if err := t.endAmuletOffer(c, choiceUpdate, dso, nil); err != nil {
				return nil, err
			}
		}

		return obj{}, nil
	})
}
