package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/model"
	"github.com/canton-exchange/suite/internal/signing"
)

// prepared is the transaction in the form that external parties sign: typed values, local contract ids, every contract
// it depends on. The metadata's inputs and ledger time bounds are filled in.
func (t *transaction) prepared(metadata signing.Metadata) (signing.Prepared, error) {
	p := preparation{t: t, made: make(map[ident.ContractID]bool, len(t.created))}
	for _, c := range t.created {
		p.made[c.id] = true
	}

	nodes := t.finish()
	out := signing.Prepared{
		Transaction: signing.Transaction{Version: signing.LFVersion1}, Metadata: metadata,
	}

	built := make([]*signing.Node, len(nodes)) // by id

	// Backwards, so that a node's children are there before it.
	for _, n := range slices.Backward(nodes) {
		made, err := p.node(n, built)
		if err != nil {
			return out, err
		}

		built[n.id] = made
	}

	for _, root := range t.roots {
		out.Transaction.Roots = append(out.Transaction.Roots, built[root.id])
	}

	inputs, err := p.inputs()
	if err != nil {
		return out, err
	}

	out.Metadata.InputContracts = inputs
	out.Metadata.MinLedgerTime, out.Metadata.MaxLedgerTime = optionalStamp(t.bounds.from), optionalStamp(t.bounds.last)

	return out, nil
}

func optionalStamp(at time.Time) *signing.Timestamp {
	if at.IsZero() {
		return nil
	}

	stamp := signing.TimestampOf(at)

	return &stamp
}

// preparation writes one transaction.
type preparation struct {
	t    *transaction
	made map[ident.ContractID]bool
}

func (p *preparation) node(n *node, built []*signing.Node) (*signing.Node, error) {
	out := &signing.Node{ID: n.id}
	c := n.contract

	switch n.kind {
	case nodeFetch:
		out.Action = signing.Fetch{
			LFVersion: signing.LFVersion1, ContractID: p.local(c.id), PackageName: c.packageName, Template: c.template,
			Signatories: union(c.signatories), Stakeholders: c.stakeholders(),
			ActingParties: intersection(n.authority, c.stakeholders()),
		}

		return out, nil
	case nodeCreate:
		create, err := p.create(c)
		if err != nil {
			return nil, err
		}

		out.Action = create
	case nodeExercise:
		exercise, err := p.exercise(n)
		if err != nil {
			return nil, err
		}

		for _, child := range n.children {
			exercise.Children = append(exercise.Children, built[child.id])
		}

		out.Action = exercise
	}

	from := signing.Seed(p.t.seed.node(n.id))
	out.Seed = &from

	return out, nil
}

func (p *preparation) create(c *contract) (signing.Create, error) {
	entity, err := p.t.s.templateOf(c)
	if err != nil {
		return signing.Create{}, err
	}

	argument, err := entity.Argument.Decode(c.argument())
	if err != nil {
		return signing.Create{}, fmt.Errorf("argument of %s: %w", c.template, err)
	}

	return signing.Create{
		LFVersion: signing.LFVersion1, ContractID: p.local(c.id), PackageName: c.packageName, Template: c.template,
		Argument: p.localized(argument), Signatories: union(c.signatories), Stakeholders: c.stakeholders(),
	}, nil
}

func (p *preparation) exercise(n *node) (signing.Exercise, error) {
	c := n.contract

	entity, err := p.t.s.templateOf(c)
	if err != nil {
		return signing.Exercise{}, err
	}

	choice, ok := p.t.s.catalog.Choice(entity, n.iface, n.choice)
	if !ok {
		return signing.Exercise{}, fmt.Errorf("choice %s of %s is not declared", n.choice, c.template)
	}

	argument, err := choice.Argument.Decode(n.argument)
	if err != nil {
		return signing.Exercise{}, fmt.Errorf("argument of %s: %w", n.choice, err)
	}

	result, err := choice.Result.Decode(n.result)
	if err != nil {
		return signing.Exercise{}, fmt.Errorf("result of %s: %w", n.choice, err)
	}

	return signing.Exercise{
		LFVersion: signing.LFVersion1, ContractID: p.local(c.id), PackageName: c.packageName, Template: c.template,
		Signatories: union(c.signatories), Stakeholders: c.stakeholders(), ActingParties: union(n.acting),
		Interface: n.iface, Choice: n.choice, Argument: p.localized(argument), Consuming: n.consuming,
		Result: p.localized(result), Observers: union(n.informed),
	}, nil
}

// inputs are the contracts that the transaction depends on, by id.
func (p *preparation) inputs() ([]signing.InputContract, error) {
	used := make([]*contract, 0, len(p.t.inputs))
	for c := range p.t.inputs {
		used = append(used, c)
	}

	slices.SortFunc(used, func(a, b *contract) int { return strings.Compare(string(a.id), string(b.id)) })

	inputs := make([]signing.InputContract, 0, len(used))

	for _, c := range used {
		create, err := p.input(c)
		if err != nil {
			return nil, err
		}

		inputs = append(inputs, signing.InputContract{
			Create: *create, CreatedAt: signing.TimestampOf(c.createdAt), EventBlob: c.blob(),
		})
	}

	return inputs, nil
}

// input is the create of a contract that the transaction depends on. The network's own are in most transactions, and
// are kept; nobody may change what they hold.
func (p *preparation) input(c *contract) (*signing.Create, error) {
	known := p.t.s.inputs[c]
	if known == nil {
		create, err := p.create(c)
		if err != nil {
			return nil, err
		}

		known = &create
		if c.anywhere && c.active() && len(p.t.s.inputs) < maxKeptInputs {
			p.t.s.inputs[c] = known
		}
	}

	return known, nil
}

// maxKeptInputs bounds the contracts of the network of which the signed form is kept.
const maxKeptInputs = 1_000

// local is the id of a contract inside the transaction: one that it makes has no suffix yet.
func (p *preparation) local(id ident.ContractID) ident.ContractID {
	if p.made[id] {
		return id[:localIDLength]
	}

	return id
}

// localized is a value with local contract ids.
func (p *preparation) localized(value signing.Value) signing.Value {
	switch v := value.(type) { //nolint:exhaustive // the others are leaves, and values are no pointers
	case signing.ContractID:
		return signing.ContractID(p.local(ident.ContractID(v)))
	case signing.Optional:
		if v.Value != nil {
			v.Value = p.localized(v.Value)
		}

		return v
	case signing.List:
		for i := range v {
			v[i] = p.localized(v[i])
		}
	case signing.TextMap:
		for i := range v {
			v[i].Value = p.localized(v[i].Value)
		}
	case signing.GenMap:
		for i := range v {
			v[i].Key, v[i].Value = p.localized(v[i].Key), p.localized(v[i].Value)
		}
	case signing.Record:
		for i := range v.Fields {
			v.Fields[i].Value = p.localized(v.Fields[i].Value)
		}
	case signing.Variant:
		v.Value = p.localized(v.Value)

		return v
	}

	return value
}

func (s *Sandbox) templateOf(c *contract) (*model.Entity, error) {
	entity, ok := s.catalog.Lookup(c.template.Module, c.template.Entity)
	if !ok {
		return nil, fmt.Errorf("template %s is not declared", c.template)
	}

	return entity, nil
}

func intersection(a, b []ident.Party) []ident.Party {
	return slices.DeleteFunc(slices.Clone(a), func(p ident.Party) bool { return !slices.Contains(b, p) })
}
