package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// acmeState is the registry software behind AcmeToken. Any party can run it as an admin of its own tokens, under
// any instrument id: that is how look-alike tokens with a working registry come to be.
type acmeState struct {
	registrar  ident.Party
	registries map[ident.Party]*contract // by admin
	permits    map[ident.Party]*contract // AcmePermission by holder, where AcmeToken is permissioned
}

func (s *Sandbox) startAcme() error {
	registrar, err := s.allocate("acme-registrar")
	if err != nil {
		return err
	}

	s.acme = acmeState{
		registrar: registrar, registries: map[ident.Party]*contract{}, permits: map[ident.Party]*contract{},
	}

	return s.openRegistry(registrar)
}

// openRegistry creates the one contract on which all of an admin's choices are exercised.
func (s *Sandbox) openRegistry(admin ident.Party) error {
	if s.acme.registries[admin] != nil {
		return nil
	}

	t := s.begin(s.primary(), admin)
	views := s.factoryViews(admin)
	views[ifaceBurnMint()] = obj{"admin": admin, "meta": meta()}

	c, err := t.create(creation{
		template: templateName(pkgAcme, modAcme, "AcmeRegistry"), packageName: pkgAcme, argument: obj{"admin": admin},
		signatories: []ident.Party{admin}, views: views,
	})
	if err != nil {
		return err
	}

	c.anywhere = true

	if _, err := t.commit(); err != nil {
		return err
	}

	s.acme.registries[admin] = c

	return nil
}

func (t *transaction) createAcme(
	instrument ident.Instrument, owner ident.Party, value amount.Amount, l *lock, until time.Time,
) (*contract, error) {
	h := &holding{instrument: instrument, owner: owner, amount: value, locked: l != nil, expiresAt: until}

	if l == nil {
		free := &token{*h}

		return t.create(creation{
			species: t.s.holdings(pkgAcme, modAcme, "AcmeHolding"), content: free, payload: &free.holding,
			signatories: t.signers(instrument.Admin, owner),
		})
	}

	return t.create(creation{
		template: templateName(pkgAcme, modAcme, "AcmeHolding"), packageName: pkgAcme,
		argument:    obj{"admin": instrument.Admin, "id": instrument.ID, "owner": owner, "amount": value, "lock": l},
		signatories: []ident.Party{instrument.Admin, owner}, views: t.s.holdingViews(h, l, meta()), payload: h,
	})
}

// transferAcme exercises the registry's transfer factory: at once to oneself, otherwise always as an offer.
func (t *transaction) transferAcme(p *plan) error {
	admin := p.transfer.Instrument.Admin

	registry := t.s.acme.registries[admin]
	if registry == nil {
		return fmt.Errorf("registry of %s: %w", admin, ErrUnknown)
	}

	if !t.inTime(p) {
		return fmt.Errorf("transfer requested at %s, to be executed before %s: %w",
			time.Time(p.transfer.RequestedAt), p.before, ErrExpired)
	}

	var argument any = p.arguments
	if p.arguments == nil {
		argument = obj{"expectedAdmin": admin, "transfer": p.transfer, "extraArgs": choiceArgs(t.permissions(p))}
	}

	return t.exercise(exercise{
		on: registry, iface: ifaceFactory(), choice: "TransferFactory_Transfer", acting: []ident.Party{p.sender()},
		argument: argument,
	}, func() (any, error) {
		if err := t.permitted(p); err != nil {
			return nil, err
		}

		if p.sender() == p.receiver() {
			received, change, err := t.settleAcme(p)
			if err != nil {
				return nil, err
			}

			return completed(received, change, meta(keyTxKind, kindMergeSplit)), t.logTransfer(p, received, change)
		}

		return t.offerAcme(p)
	})
}

func (p *plan) instrument() ident.Instrument {
	return p.transfer.Instrument.Ident()
}

func (t *transaction) settleAcme(p *plan) (received, change []*contract, err error) {
	if err := t.spend(p.inputs); err != nil {
		return nil, nil, err
	}

	c, err := t.createAcme(p.instrument(), p.receiver(), p.transfer.Amount, nil, time.Time{})
	if err != nil {
		return nil, nil, err
	}

	change, err = t.acmeChange(p)

	return []*contract{c}, change, err
}

func (t *transaction) acmeChange(p *plan) ([]*contract, error) {
	left, err := p.change()
	if err != nil || left.Sign() <= 0 {
		return nil, err
	}

	c, err := t.createAcme(p.instrument(), p.sender(), left, nil, time.Time{})

	return []*contract{c}, err
}

func (t *transaction) offerAcme(p *plan) (any, error) {
	if err := t.spend(p.inputs); err != nil {
		return nil, err
	}

	context := "offer to " + string(p.receiver())
	held := &lock{
		Holders: []ident.Party{p.transfer.Instrument.Admin}, ExpiresAt: optionalTime(p.before), Context: &context,
	}

	locked, err := t.createAcme(p.instrument(), p.sender(), p.transfer.Amount, held, p.before)
	if err != nil {
		return nil, err
	}

	change, err := t.acmeChange(p)
	if err != nil {
		return nil, err
	}

	instruction, err := t.createAcmeInstruction(&offer{transfer: p.transfer, locked: locked, record: p.record})
	if err != nil {
		return nil, err
	}

	p.record.Instruction = instruction.id
	registry := t.registryOf(p.transfer.Instrument.Admin)

	return pending(instruction, change, meta()),
		t.logChange(registry, p.sender(), p.inputs, append([]*contract{locked}, change...))
}

func (t *transaction) createAcmeInstruction(o *offer) (*contract, error) {
	status := variant{"TransferPendingReceiverAcceptance", obj{}}
	signatories := []ident.Party{o.transfer.Instrument.Admin, o.transfer.Sender}

	// Once accepted it carries the receiver's agreement, without which its registrar could not complete it.
	if o.waiting {
		signatories = append(signatories, o.transfer.Receiver)
		status = variant{"TransferPendingInternalWorkflow", obj{
			"pendingActions": [][]string{{string(o.transfer.Instrument.Admin), "approve"}},
		}}
	}

	var original *ident.ContractID
	if o.original != nil {
		original = &o.original.id
	}

	return t.create(creation{
		template: templateName(pkgAcme, modAcme, "AcmeTransferInstruction"), packageName: pkgAcme,
		argument: obj{
			"original": original, "transfer": o.transfer, "lockedHolding": o.locked.id, "status": status,
		},
		signatories: union(signatories),
		observers:   []ident.Party{o.transfer.Receiver},
		views: map[ident.Name]any{ifaceInstruction(): instructionView{
			Original: original, Transfer: o.transfer, Status: status, Meta: meta(),
		}},
		payload: o,
	})
}

// acceptAcme completes the transfer, or hands it to the registrar's own workflow first. args are the choice's own
// arguments as a client gave them, or nil.
func (t *transaction) acceptAcme(c *contract, args json.RawMessage) error {
	o := offerOf(c)
	if !t.isBefore(time.Time(o.transfer.ExecuteBefore)) {
		return fmt.Errorf("accept %s: %w", c.id, ErrExpired)
	}

	p := o.plan()

	own, err := t.completionArgs(p, args)
	if err != nil {
		return err
	}

	receiver := []ident.Party{p.receiver()}

	return t.instructionChoice(c, "Accept", receiver, orOwn(args, own), func() (any, error) {
		if err := t.permitted(p); err != nil {
			return nil, err
		}

		if t.s.cfg.Workflow == AcmeDirect {
			return t.completeAcme(p)
		}

		next := &offer{transfer: o.transfer, locked: o.locked, original: c, waiting: true, record: o.record}

		second, err := t.createAcmeInstruction(next)
		if err != nil {
			return nil, err
		}

		return pending(second, nil, meta()), nil
	})
}

// plan is the transfer that an offer of an AcmeToken becomes.
func (o *offer) plan() *plan {
	return &plan{transfer: o.transfer, inputs: []*contract{o.locked}, total: holdingOf(o.locked).amount}
}

func (t *transaction) completeAcme(p *plan) (any, error) {
	received, change, err := t.settleAcme(p)
	if err != nil {
		return nil, err
	}

	return completed(received, change, mergeMeta(nil, keyTxKind, kindTransfer, keySender, string(p.sender()))),
		t.logTransfer(p, received, change)
}

// endAcmeOffer gives the locked money back: Reject, Withdraw or Update. args are the choice's own arguments as a client
// gave them, or nil.
func (t *transaction) endAcmeOffer(c *contract, choice string, actor ident.Party, args json.RawMessage) error {
	o := offerOf(c)
	own := obj{"extraArgs": choiceArgs(nil)}

	if choice == choiceUpdate {
		own["extraActors"] = []ident.Party{}
	}

	return t.instructionChoice(c, choice, []ident.Party{actor}, orOwn(args, own), func() (any, error) {
		t.fetch(o.locked)

		if err := t.archive(o.locked); err != nil {
			return nil, err
		}

		h := holdingOf(o.locked)

		back, err := t.createAcme(h.instrument, h.owner, h.amount, nil, time.Time{})
		if err != nil {
			return nil, err
		}

		returned := []*contract{back}

		return failed(returned),
			t.logChange(t.registryOf(h.instrument.Admin), h.owner, []*contract{o.locked}, returned)
	})
}

// decideAcme is the registrar's Update of a transfer in its internal workflow, by which it completes the transfer. Past
// the transfer's deadline the same choice can only give the money back.
func (t *transaction) decideAcme(c *contract, args json.RawMessage) (TransferState, error) {
	p := offerOf(c).plan()
	admin := p.transfer.Instrument.Admin

	if !t.isBefore(time.Time(p.transfer.ExecuteBefore)) {
		return TransferExpired, t.endAcmeOffer(c, choiceUpdate, admin, args)
	}

	own, err := t.completionArgs(p, args)
	if err != nil {
		return "", err
	}

	own["extraActors"] = []ident.Party{}

	err = t.instructionChoice(c, choiceUpdate, []ident.Party{admin}, orOwn(args, own), func() (any, error) {
		if err := t.permitted(p); err != nil {
			return nil, err
		}

		return t.completeAcme(p)
	})

	return TransferCompleted, err
}
