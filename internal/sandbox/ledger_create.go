package sandbox

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
)

// creation describes a contract to create.
type creation struct {
	template    ident.Name
	packageName string
	argument    any
	signatories []ident.Party
	observers   []ident.Party
	views       map[ident.Name]any
	payload     any
	// Or, for contracts that write their argument and views themselves, these in place of all but payload and parties.
	species *species
	content content
}

func (spec *creation) entity() string {
	if spec.species != nil {
		return spec.species.template.Entity
	}

	return spec.template.Entity
}

func (t *transaction) create(spec creation) (*contract, error) {
	if missing := lacking(t.authority, spec.signatories); missing != "" {
		return nil, fmt.Errorf("create %s without the authority of %s: %w", spec.entity(), missing, ErrUnauthorized)
	}

	if spec.content == nil {
		said, err := write(spec.argument, spec.views)
		if err != nil {
			return nil, err
		}

		spec.content = said
		spec.species = t.s.speciesOf(spec.template, spec.packageName, said.interfaces())
	}

	c := &contract{
		species: spec.species, id: t.newContractID(), content: spec.content,
		signatories: spec.signatories, observers: spec.observers, createdAt: t.at,
		payload: spec.payload, home: t.home,
	}

	c.birth = node{details: t.bare, kind: nodeCreate, contract: c}
	c.node = &c.birth
	t.created = append(t.created, c)
	t.add(c.node)

	return c, nil
}

// signers are the signatories of a holding, which holdings of one owner share.
func (t *transaction) signers(admin, owner ident.Party) []ident.Party {
	if last := t.signed; len(last) == 0 || last[0] != admin || last[1] != owner {
		t.signed = []ident.Party{admin, owner}
	}

	return t.signed
}
