package sandbox

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
	"github.com/canton-exchange/suite/internal/signing"
)

// errConformance is a prepared transaction that is not what its root action does.
var errConformance = errors.New("transaction does not follow from its root action")

// rebuild makes the transaction anew of which a client hands in the signed form, and checks that it is the same: that
// everything in it follows from its root action, as confirming nodes do.
func (s *Sandbox) rebuild(p signing.Prepared, raw []byte) (*transaction, error) {
	home, ok := s.synchronizerOf(p.Metadata.SynchronizerID)
	if !ok || p.Metadata.SynchronizerID != home.physical(s.cfg.Version) {
		return nil, fmt.Errorf("synchronizer %s: %w", p.Metadata.SynchronizerID, errConformance)
	}

	if len(p.Transaction.Roots) != 1 {
		return nil, fmt.Errorf("%d root actions, want one: %w", len(p.Transaction.Roots), errConformance)
	}

	root := p.Transaction.Roots[0]
	if root.Seed == nil {
		return nil, fmt.Errorf("root action without a seed: %w", errConformance)
	}

	cmd, err := s.commandOf(root)
	if err != nil {
		return nil, err
	}

	t := s.beginAt(home, p.Metadata.PreparationTime.Time(), seed(*root.Seed), p.Metadata.ActAs)
	t.suffixes = t.seed.salted(p.Metadata)
	t.reach = s.reachOf(p.Metadata)

	if err := t.interpret(cmd); err != nil {
		return nil, err
	}

	again, err := t.prepared(p.Metadata)
	if err != nil { // an argument that is not of its type
		return nil, fmt.Errorf("%w: %w", errConformance, err)
	}

	// What the node wrote comes back as it was, if its client leaves it alone; the same message may be written
	// otherwise.
	if want := signing.Encode(again); !bytes.Equal(want, raw) && !bytes.Equal(want, signing.Encode(p)) {
		return nil, errConformance
	}

	// Contract ids follow from what the signer chose, who may have chosen the same before.
	if made := s.madeBefore(t); made != nil {
		return nil, fmt.Errorf("contract %s exists already: %w", made.id, errConformance)
	}

	return t, nil
}

// madeBefore is a contract whose id the transaction would give to another one; nil when there is none.
func (s *Sandbox) madeBefore(t *transaction) *contract {
	for _, c := range t.created {
		if known := s.contracts[c.id]; known != nil {
			return known
		}
	}

	return nil
}

// reachOf is what a prepared transaction may use: the contracts that it names as its inputs.
func (s *Sandbox) reachOf(m signing.Metadata) reach {
	r := reach{limited: true, disclosed: make(map[*contract]struct{}, len(m.InputContracts))}

	for _, input := range m.InputContracts {
		if c, ok := s.contracts[input.Create.ContractID]; ok {
			r.disclosed[c] = struct{}{}
		}
	}

	return r
}

// commandOf is the command of which a node is the root action.
func (s *Sandbox) commandOf(root *signing.Node) (command, error) {
	var (
		c     command
		name  ident.Name
		value signing.Value
	)

	switch action := root.Action.(type) { //nolint:exhaustive // nothing else is the action of a command
	case signing.Create:
		name, value = action.Template, action.Argument
	case signing.Exercise:
		name, value = action.Template, action.Argument
		if !action.Interface.IsZero() {
			name = action.Interface
		}

		c.contract, c.choice = action.ContractID, action.Choice
	default:
		return c, fmt.Errorf("root action %T: %w", action, errConformance)
	}

	var ok bool
	if c.entity, ok = s.catalog.Lookup(name.Module, name.Entity); !ok {
		return c, fmt.Errorf("%s is unknown: %w", name, errConformance)
	}

	var err error
	if c.argument, err = daml.JSON(value); err != nil {
		return c, fmt.Errorf("root action's argument: %w: %w", errConformance, err)
	}

	return c, nil
}

// synchronizerOf finds a synchronizer by its logical id or by a physical one (logical id, protocol version and serial).
func (s *Sandbox) synchronizerOf(id ident.SynchronizerID) (*synchronizer, bool) {
	for _, known := range s.synchronizers {
		if id == known.id || id == known.physical(s.cfg.Version) {
			return known, true
		}
	}

	return nil, false
}
