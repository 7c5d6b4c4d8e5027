package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Records of the standard's allocations, version 1: one leg of a settlement, with the money for it set aside.
type (
	settlementInfo struct {
		Executor       ident.Party `json:"executor"`
		Reference      reference   `json:"settlementRef"`
		RequestedAt    damlTime    `json:"requestedAt"`
		AllocateBefore damlTime    `json:"allocateBefore"`
		SettleBefore   damlTime    `json:"settleBefore"`
		Meta           metadata    `json:"meta"`
	}
	reference struct {
		ID       string            `json:"id"`
		Contract *ident.ContractID `json:"cid"`
	}
	transferLeg struct {
		Sender     ident.Party   `json:"sender"`
		Receiver   ident.Party   `json:"receiver"`
		Amount     amount.Amount `json:"amount"`
		Instrument InstrumentID  `json:"instrumentId"`
		Meta       metadata      `json:"meta"`
	}
	allocationSpec struct {
		Settlement settlementInfo `json:"settlement"`
		LegID      string         `json:"transferLegId"`
		Leg        transferLeg    `json:"transferLeg"`
	}
)

// allocationView is the view of the interface Allocation.
type allocationView struct {
	Allocation allocationSpec     `json:"allocation"`
	Holdings   []ident.ContractID `json:"holdingCids"`
	Meta       metadata           `json:"meta"`
}

// allocation is what the token logic knows of an allocation.
type allocation struct {
	spec   allocationSpec
	locked *contract
}

func (a *allocation) instrument() ident.Instrument { return a.spec.Leg.Instrument.Ident() }

func (a *allocation) settleBefore() time.Time { return time.Time(a.spec.Settlement.SettleBefore) }

// transfer is the leg as a transfer, for what books and events say of it.
func (a *allocation) transfer(input *contract) transferRecord {
	leg := a.spec.Leg

	return transferRecord{
		Sender: leg.Sender, Receiver: leg.Receiver, Amount: leg.Amount, Instrument: leg.Instrument,
		RequestedAt: a.spec.Settlement.RequestedAt, ExecuteBefore: a.spec.Settlement.SettleBefore,
		Inputs: []ident.ContractID{input.id}, Meta: leg.Meta,
	}
}

// chooseAllocate is AllocationFactory_Allocate: the sender of a leg sets its money aside until the settlement.
func (t *transaction) chooseAllocate(factory *contract, argument json.RawMessage) error {
	var args struct {
		Admin       ident.Party        `json:"expectedAdmin"`
		Allocation  allocationSpec     `json:"allocation"`
		RequestedAt damlTime           `json:"requestedAt"`
		Inputs      []ident.ContractID `json:"inputHoldingCids"`
		Extra       givenArgs          `json:"extraArgs"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	spec := args.Allocation
	leg := spec.Leg
	coin := factory == t.s.amulet.externalRules

	if err := t.checkAllocation(factory, args.Admin, spec, time.Time(args.RequestedAt)); err != nil {
		return err
	}

	p := &plan{transfer: transferRecord{Sender: leg.Sender, Receiver: leg.Receiver, Instrument: leg.Instrument}}

	err := p.usePermits(t, args.Extra.Context.Values)
	if coin {
		err = t.goBy(args.Extra.Context.Values)
	}

	if err != nil {
		return err
	}

	inputs, total, err := t.given(leg.Sender, leg.Instrument.Ident(), args.Inputs)
	if err != nil {
		return err
	}

	left, err := total.Sub(leg.Amount)
	if err != nil || left.Sign() < 0 {
		return fmt.Errorf("inputs of %s, needs %s: %w", total.Short(), leg.Amount.Short(), ErrFunds)
	}

	return t.exercise(exercise{
		on: factory, iface: ifaceAllocationFactory(), choice: "AllocationFactory_Allocate",
		argument: argument, acting: []ident.Party{leg.Sender},
	}, func() (any, error) {
		if coin {
			t.fetchFigures()
		}

		if err := t.permitted(p); err != nil {
			return nil, err
		}

		return t.allocateLeg(factory, spec, inputs, left)
	})
}

func (t *transaction) checkAllocation(
	factory *contract, admin ident.Party, spec allocationSpec, requestedAt time.Time,
) error {
	own := factory.signatories[0]
	until, before := time.Time(spec.Settlement.SettleBefore), time.Time(spec.Settlement.AllocateBefore)

	switch {
	case admin != own || spec.Leg.Instrument.Admin != own:
		return fmt.Errorf("%w: expectedAdmin and the leg's instrument must be of %s", ErrInvalid, own)
	case spec.Leg.Amount.Sign() <= 0:
		return fmt.Errorf("%w: amount %s is not positive", ErrInvalid, spec.Leg.Amount.Short())
	case before.After(until):
		return fmt.Errorf("%w: allocateBefore is after settleBefore", ErrInvalid)
	case !t.isFrom(requestedAt), !t.isFrom(time.Time(spec.Settlement.RequestedAt)), !t.isBefore(before):
		return fmt.Errorf("allocation requested at %s, to be made before %s: %w", requestedAt, before, ErrExpired)
	}

	for _, m := range []metadata{spec.Settlement.Meta, spec.Leg.Meta} {
		if err := checkMeta(m); err != nil {
			return err
		}
	}

	return nil
}

// allocateLeg spends the inputs for a locked holding of the leg's amount, change, and the allocation.
func (t *transaction) allocateLeg(
	factory *contract, spec allocationSpec, inputs []*contract, left amount.Amount,
) (any, error) {
	leg, until := spec.Leg, time.Time(spec.Settlement.SettleBefore)

	if err := t.spend(inputs); err != nil {
		return nil, err
	}

	locked, err := t.createHolding(leg.Instrument.Ident(), leg.Sender, leg.Amount, &lock{
		Holders: []ident.Party{leg.Instrument.Admin}, ExpiresAt: optionalTime(until),
		Context: new("allocation for settlement " + spec.Settlement.Reference.ID),
	}, until)
	if err != nil {
		return nil, err
	}

	change := []*contract{}

	if left.Sign() > 0 {
		c, err := t.createHolding(leg.Instrument.Ident(), leg.Sender, left, nil, time.Time{})
		if err != nil {
			return nil, err
		}

		change = append(change, c)
	}

	made, err := t.createAllocation(&allocation{spec: spec, locked: locked})
	if err != nil {
		return nil, err
	}

	if err := t.logChange(factory, leg.Sender, inputs, append([]*contract{locked}, change...)); err != nil {
		return nil, err
	}

	return obj{
		"output":           variant{"AllocationInstructionResult_Completed", obj{"allocationCid": made.id}},
		"senderChangeCids": ids(change), "meta": meta(),
	}, nil
}

// createHolding creates a holding of either token.
func (t *transaction) createHolding(
	instrument ident.Instrument, owner ident.Party, value amount.Amount, l *lock, until time.Time,
) (*contract, error) {
	switch {
	case instrument != t.s.Amulet():
		return t.createAcme(instrument, owner, value, l, until)
	case l != nil:
		return t.lockAmulet(owner, value, l, until)
	default:
		return t.createAmulet(owner, value)
	}
}

func (t *transaction) createAllocation(a *allocation) (*contract, error) {
	leg := a.spec.Leg
	spec := creation{
		template:    templateName(pkgAcme, modAcme, "AcmeAllocation"),
		packageName: pkgAcme,
		argument:    obj{"lockedHolding": a.locked.id, "allocation": a.spec},
		signatories: union([]ident.Party{leg.Instrument.Admin, leg.Sender}),
		observers:   []ident.Party{a.spec.Settlement.Executor},
		views: map[ident.Name]any{ifaceAllocation(): allocationView{
			Allocation: a.spec, Holdings: []ident.ContractID{a.locked.id}, Meta: meta(),
		}},
		payload: a,
	}

	if a.instrument() == t.s.Amulet() {
		spec.template = templateName(pkgAmulet, modAmuletAllocation, "AmuletAllocation")
		spec.packageName = pkgAmulet
		spec.argument = obj{"lockedAmulet": a.locked.id, "allocation": a.spec}
	}

	return t.create(spec)
}

// chooseSettle is Allocation_ExecuteTransfer: executor, sender and receiver together move the money.
func (t *transaction) chooseSettle(c *contract, argument json.RawMessage) error {
	a, err := t.allocationContext(c, argument)
	if err != nil {
		return err
	}

	if !t.isBefore(a.settleBefore()) {
		return fmt.Errorf("settle %s: %w", c.id, ErrExpired)
	}

	permits, err := t.settlementPermits(a, argument)
	if err != nil {
		return err
	}

	return t.allocationChoice(c, a, "ExecuteTransfer", argument, a.parties(), func() (any, error) {
		if err := t.permitted(permits); err != nil {
			return nil, err
		}

		free, err := t.release(a)
		if err != nil {
			return nil, err
		}

		p := &plan{transfer: a.transfer(free), inputs: []*contract{free}, total: holdingOf(free).amount}

		received, change, err := t.settleLeg(p)
		if err != nil {
			return nil, err
		}

		p.inputs = []*contract{a.locked, free}
		if err := t.logTransfer(p, received, append([]*contract{free}, change...)); err != nil {
			return nil, err
		}

		return obj{
			"senderHoldingCids": ids(change), "receiverHoldingCids": ids(received),
			"meta": mergeMeta(a.spec.Leg.Meta.Values, keyTxKind, kindTransfer, keySender, string(p.sender())),
		}, nil
	})
}

// settlementPermits takes from a settlement's context what a permissioned token needs.
func (t *transaction) settlementPermits(a *allocation, argument json.RawMessage) (*plan, error) {
	p := &plan{transfer: a.transfer(a.locked)}
	_, err := t.completionArgs(p, argument)

	return p, err
}

func (t *transaction) settleLeg(p *plan) (received, change []*contract, err error) {
	if p.instrument() == t.s.Amulet() {
		return t.settleAmulet(p)
	}

	return t.settleAcme(p)
}

// chooseRelease gives the money back: Cancel by all together, Withdraw by the sender.
func chooseRelease(choice string) behaviour {
	return func(t *transaction, c *contract, argument json.RawMessage) error {
		a, err := t.allocationContext(c, argument)
		if err != nil {
			return err
		}

		acting := a.parties()
		if choice == "Withdraw" {
			acting = []ident.Party{a.spec.Leg.Sender}
		}

		return t.allocationChoice(c, a, choice, argument, acting, func() (any, error) {
			if !a.locked.active() || t.consumed[a.locked] != nil {
				return obj{"senderHoldingCids": []ident.ContractID{}, "meta": meta()}, nil
			}

			free, err := t.release(a)
			if err != nil {
				return nil, err
			}

			back := []*contract{free}

			return obj{"senderHoldingCids": ids(back), "meta": meta()},
				t.logChange(t.registryOf(a.instrument().Admin), a.spec.Leg.Sender, []*contract{a.locked}, back)
		})
	}
}

func (a *allocation) parties() []ident.Party {
	return union([]ident.Party{a.spec.Settlement.Executor, a.spec.Leg.Sender, a.spec.Leg.Receiver})
}

// allocationContext reads the arguments of a choice on an allocation.
func (t *transaction) allocationContext(c *contract, argument json.RawMessage) (*allocation, error) {
	a, _ := c.payload.(*allocation)
	if a == nil {
		return nil, fmt.Errorf("%w: not an allocation", ErrInvalid)
	}

	var args struct {
		Extra givenArgs `json:"extraArgs"`
	}

	if err := read(argument, &args); err != nil || a.instrument() != t.s.Amulet() {
		return a, err
	}

	return a, t.goBy(args.Extra.Context.Values)
}

func (t *transaction) allocationChoice(
	c *contract, a *allocation, choice string, argument json.RawMessage, acting []ident.Party, body func() (any, error),
) error {
	return t.exercise(exercise{
		on: c, iface: ifaceAllocation(), choice: "Allocation_" + choice, argument: argument, acting: acting,
		consuming: true,
	}, func() (any, error) {
		if a.instrument() == t.s.Amulet() {
			t.fetch(t.base())
		}

		return body()
	})
}

// release opens the lock of an allocation's holding by its holder, the admin, and its owner.
func (t *transaction) release(a *allocation) (*contract, error) {
	if a.instrument() == t.s.Amulet() {
		holders := []ident.Party{t.s.amulet.dso, a.spec.Leg.Sender}

		return t.unlock(a.locked, t.choiceName("LockedAmulet_Unlock"), holders, "holders released lock")
	}

	t.fetch(a.locked)

	if err := t.archive(a.locked); err != nil {
		return nil, err
	}

	h := holdingOf(a.locked)

	return t.createAcme(h.instrument, h.owner, h.amount, nil, time.Time{})
}
