package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// registries answers for every token registry of the network what clients need to build their commands.
type registries struct{ s *Sandbox }

// enter locks the ledger for one answer and brings it up to date. The caller unlocks.
func (r registries) enter() error {
	r.s.mu.Lock()

	if err := r.s.first().ready(); err != nil {
		r.s.mu.Unlock()

		return offledger.Errorf(offledger.ErrUnavailable, "%s", err)
	}

	return nil
}

func (s *Sandbox) factoryOf(admin ident.Party) (*contract, error) {
	if admin == s.amulet.dso {
		return s.amulet.externalRules, nil
	}

	if c := s.acme.registries[admin]; c != nil {
		return c, nil
	}

	return nil, offledger.Errorf(offledger.ErrUnknown, "no registry of %s", admin)
}

// factory is the contract that a registry names as its factory. Canton Coin's never changes; there the context does.
func (r registries) factory(admin ident.Party) (*contract, error) {
	c, err := r.s.factoryOf(admin)
	if err == nil && admin != r.s.amulet.dso && r.s.isStale(admin) {
		c = r.s.outdated(c)
	}

	return c, err
}

// Instruments implements registry.Ledger.
func (r registries) Instruments(admin ident.Party) ([]registry.Instrument, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.s.mu.Unlock()

	if _, err := r.s.factoryOf(admin); err != nil {
		return nil, err
	}

	list := []registry.Instrument{}
	if admin == r.s.amulet.dso {
		list = append(list, registry.Instrument{ID: r.s.Amulet().ID, Name: "Canton Coin", Symbol: "CC", Decimals: 10})
	}

	if admin == r.s.acme.registrar {
		list = append(list, registry.Instrument{ID: r.s.AcmeToken().ID, Name: "Acme Token", Symbol: "ACME", Decimals: 10})
	}

	for minted := range r.s.books.minted {
		known := slices.ContainsFunc(list, func(i registry.Instrument) bool { return i.ID == minted.ID })
		if minted.Admin == admin && !known {
			list = append(list, registry.Instrument{ID: minted.ID, Name: minted.ID, Symbol: minted.ID, Decimals: 10})
		}
	}

	for i := range list {
		instrument := ident.Instrument{Admin: admin, ID: list[i].ID}

		left, err := r.s.books.minted[instrument].Sub(r.s.books.burned[instrument])
		if err != nil {
			return nil, fmt.Errorf("supply of %s: %w", instrument, err)
		}

		list[i].Supply, list[i].SupplyAsOf = left, r.s.ledgerTime()
	}

	return list, nil
}

// TransferFactory implements registry.Ledger.
func (r registries) TransferFactory(admin ident.Party, raw json.RawMessage) (registry.TransferFactory, error) {
	var (
		none registry.TransferFactory
		args struct {
			Admin    ident.Party    `json:"expectedAdmin"`
			Transfer transferRecord `json:"transfer"`
		}
	)

	if err := unmarshal(raw, &args); err != nil {
		return none, offledger.Errorf(offledger.ErrInvalid, "choiceArguments: %s", err)
	}

	if args.Transfer.Instrument.Admin != admin {
		return none, offledger.Errorf(offledger.ErrInvalid, "instrument %s is not of this registry",
			args.Transfer.Instrument.ID)
	}

	if err := r.enter(); err != nil {
		return none, err
	}
	defer r.s.mu.Unlock()

	factory, err := r.factory(admin)
	if err != nil {
		return none, err
	}

	t := r.s.begin(r.s.primary())
	p := &plan{transfer: args.Transfer}
	kind := registry.KindOffer

	var context obj

	if factory == r.s.amulet.externalRules {
		extra := obj{}
		if p.sender() != p.receiver() {
			p.approval = r.s.livePreapproval(p.receiver(), t.at)
		}

		if p.approval != nil {
			kind, extra[contextPreapproval] = registry.KindDirect, avContract(p.approval.id)
		}

		context = r.s.coinContext(t, extra)
	} else {
		context = t.permissions(p)

		if r.s.isPermissioned(admin) && (p.permits[0] == nil || p.permits[1] == nil) {
			return none, offledger.Errorf(offledger.ErrInvalid, "sender and receiver must be permitted to hold %s",
				p.transfer.Instrument.ID)
		}
	}

	if p.sender() == p.receiver() {
		kind = registry.KindSelf
	}

	given, err := r.s.context(context, factory, p.approval, p.permits[0], p.permits[1])

	return registry.TransferFactory{Factory: registry.Factory{ID: factory.id, Context: given}, Kind: kind}, err
}

// eventLogOf is the contract on which an admin tells changes of holdings, where it does (token standard V2).
func (s *Sandbox) eventLogOf(admin ident.Party) *contract {
	if !s.cfg.EventsV2 {
		return nil
	}

	c, err := s.factoryOf(admin)
	if err != nil {
		return nil
	}

	return c
}

// coinContext is the context of a choice of Canton Coin. One that is out of date names figures no longer in force.
func (s *Sandbox) coinContext(t *transaction, extra obj) obj {
	if s.isStale(s.amulet.dso) {
		t.config, t.round = s.outdated(t.config), s.outdated(t.round)
	}

	values, _ := t.amuletContext(extra).Context["values"].(obj)

	return values
}

// context is a choice context with every contract that it, or the choice, refers to and that a submitter's node may not
// have. For Canton Coin these include AmuletRules and the open rounds: clients tap with what a transfer discloses.
func (s *Sandbox) context(values obj, used ...*contract) (registry.Context, error) {
	data, err := encodeValue(obj{"values": values})
	if err != nil {
		return registry.Context{}, err
	}

	out := registry.Context{Data: data, Disclosed: []offledger.Contract{}}
	known := map[*contract]bool{}

	for _, value := range values {
		if entry, ok := value.(variant); ok && entry.Tag == "AV_ContractId" {
			id, _ := entry.Value.(ident.ContractID)
			used = append(used, s.contracts[id])
		}
	}

	if slices.Contains(used, s.amulet.externalRules) {
		used = append(append(used, s.amulet.rules, s.amulet.config), s.amulet.rounds...)
	}

	for _, c := range used {
		if c != nil && !known[c] {
			known[c] = true
			out.Disclosed = append(out.Disclosed, s.disclosure(c))
		}
	}

	return out, nil
}

// disclosure shows a contract to those who are not its stakeholders.
func (s *Sandbox) disclosure(c *contract) offledger.Contract {
	home := c.home
	if c.anywhere {
		home = s.primary()
	}

	return offledger.Contract{
		TemplateID: c.template, PackageName: c.packageName, ContractID: c.id, Payload: c.argument(), Blob: c.blob(),
		SynchronizerID: home.id, CreatedAt: c.createdAt,
	}
}

// InstructionContext implements registry.Ledger.
func (r registries) InstructionContext(
	admin ident.Party, id ident.ContractID, choice registry.Choice,
) (registry.Context, error) {
	var none registry.Context

	if err := r.enter(); err != nil {
		return none, err
	}
	defer r.s.mu.Unlock()

	c, ok := r.s.contracts[id]
	if !ok || offerOf(c) == nil || !c.active() || offerOf(c).instrument().Admin != admin {
		return none, offledger.Errorf(offledger.ErrUnknown, "transfer instruction %.150s not found", id)
	}

	o := offerOf(c)
	if admin != r.s.amulet.dso {
		values := obj{}
		if choice == registry.ChoiceAccept {
			values = r.s.begin(r.s.primary()).permissions(o.plan())
		}

		return r.s.context(values, o.locked, r.s.eventLogOf(admin))
	}

	t := r.s.begin(r.s.primary())
	if !t.stillLocked(o) {
		return r.s.context(obj{contextExpireLock: avBool(false)})
	}

	return r.s.context(r.s.coinContext(t, obj{contextExpireLock: avBool(true)}), o.locked, r.s.eventLogOf(admin))
}

// AllocationFactory implements registry.Ledger.
func (r registries) AllocationFactory(admin ident.Party, raw json.RawMessage) (registry.Factory, error) {
	var (
		none registry.Factory
		args struct {
			Allocation allocationSpec `json:"allocation"`
		}
	)

	if err := unmarshal(raw, &args); err != nil {
		return none, offledger.Errorf(offledger.ErrInvalid, "choiceArguments: %s", err)
	}

	if args.Allocation.Leg.Instrument.Admin != admin {
		return none, offledger.Errorf(offledger.ErrInvalid, "the leg's instrument is not of this registry")
	}

	if err := r.enter(); err != nil {
		return none, err
	}
	defer r.s.mu.Unlock()

	factory, err := r.factory(admin)
	if err != nil {
		return none, err
	}

	t := r.s.begin(r.s.primary())
	leg := args.Allocation.Leg
	p := &plan{transfer: transferRecord{Sender: leg.Sender, Receiver: leg.Receiver, Instrument: leg.Instrument}}
	values := t.permissions(p)

	if admin == r.s.amulet.dso {
		values = r.s.coinContext(t, nil)
	}

	given, err := r.s.context(values, factory, p.permits[0], p.permits[1])

	return registry.Factory{ID: factory.id, Context: given}, err
}

// AllocationContext implements registry.Ledger.
func (r registries) AllocationContext(
	admin ident.Party, id ident.ContractID, choice registry.Choice,
) (registry.Context, error) {
	var none registry.Context

	if err := r.enter(); err != nil {
		return none, err
	}
	defer r.s.mu.Unlock()

	c, ok := r.s.contracts[id]
	if !ok || !c.active() {
		return none, offledger.Errorf(offledger.ErrUnknown, "allocation %.150s not found", id)
	}

	a, _ := c.payload.(*allocation)
	if a == nil || a.instrument().Admin != admin {
		return none, offledger.Errorf(offledger.ErrUnknown, "allocation %.150s not found", id)
	}

	values := obj{}

	switch {
	case admin == r.s.amulet.dso:
		values = r.s.coinContext(r.s.begin(r.s.primary()), nil)
	case choice == registry.ChoiceExecuteTransfer:
		values = r.s.begin(r.s.primary()).permissions(&plan{transfer: a.transfer(a.locked)})
	}

	return r.s.context(values, a.locked, r.s.eventLogOf(admin))
}
