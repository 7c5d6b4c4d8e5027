package sandbox

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// bend lies about what a command does, past all rules of the token. The transaction is complete otherwise.
func (l lie) bend(t *transaction) error {
	owner := t.submitters[0]

	if l.tells(fault.LieRecipientOfChange) {
		if err := t.divertChange(owner, l.v.accomplice); err != nil {
			return err
		}
	}

	if l.tells(fault.LieExtraNode) {
		return t.giveAway(owner, l.v.accomplice)
	}

	return nil
}

// divertChange makes the last holding that an owner gets the accomplice's.
func (t *transaction) divertChange(owner, accomplice ident.Party) error {
	for _, c := range slices.Backward(t.created) {
		h := holdingOf(c)
		if h == nil || h.locked || h.owner != owner || t.consumed[c] != nil {
			continue
		}

		var argument map[string]json.RawMessage
		if err := json.Unmarshal(c.argument(), &argument); err != nil {
			return err //nolint:wrapcheck // our own JSON
		}

		var err error
		if argument["owner"], err = encodeValue(string(accomplice)); err != nil {
			return err
		}

		raw, err := encodeValue(argument)
		if err != nil {
			return err
		}

		c.content = &written{arg: raw}
		c.signatories = union(slices.DeleteFunc(slices.Clone(c.signatories), func(p ident.Party) bool {
			return p == owner
		}), []ident.Party{accomplice})
		t.nodes = nil // they are numbered again, with other witnesses

		return nil
	}

	return errUntold
}

// giveAway adds an action that nobody asked for, beside the root or below it: a holding changes its owner, or if there
// is none, the accomplice is asked to be the owner's provider.
func (t *transaction) giveAway(owner, accomplice ident.Party) error {
	if root := t.roots[0]; root.kind == nodeExercise && t.s.rng.IntN(2) == 0 {
		t.parent = root
	}

	before := t.authority
	defer func() { t.parent, t.authority, t.nodes = nil, before, nil }()

	c := t.s.freeHolding(owner, func(c *contract) bool { return t.consumed[c] == nil && c.home == t.home })
	if c == nil {
		return t.proposePreapproval(owner, accomplice)
	}

	t.authority = union(c.signatories, []ident.Party{owner, accomplice})

	if err := t.archive(c); err != nil {
		return err
	}

	return t.createLike(c, accomplice, holdingOf(c).amount)
}

// createLike makes a holding of the same token.
func (t *transaction) createLike(c *contract, owner ident.Party, value amount.Amount) error {
	var err error

	if h := holdingOf(c); h.instrument == t.s.Amulet() {
		_, err = t.createAmulet(owner, value)
	} else {
		_, err = t.createAcme(h.instrument, owner, value, nil, time.Time{})
	}

	return err
}
