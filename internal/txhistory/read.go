package txhistory

import (
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/update"
)

// opened is an instruction of the party that was created.
type opened struct {
	event       int
	contract    ident.ContractID
	instruction token.Instruction
	// step is the step in whose subtree it was created; nil if there is none.
	step *step
}

// read goes through the events once, in the order of their nodes. It lists the changes of holdings and the
// instructions, and recognizes the steps of transfers, whose subtrees claim the changes inside them.
func (p *parser) read() error {
	p.foreignOf, p.openedOf = make(map[ident.ContractID]int), make(map[ident.ContractID]int)
	p.continued, p.stepOf = make(map[ident.ContractID]int), make(map[ident.ContractID]*step)

	views := reader{party: p.party, update: p.tx.ID, options: p.options}

	var around []*step // steps around the current event, outermost first

	for i, event := range p.events {
		for len(around) > 0 && i > around[len(around)-1].end {
			around = around[:len(around)-1]
		}

		p.opaque[i+1], p.explicit[i+1] = p.opaque[i], p.explicit[i]

		if event.Created != nil {
			if err := p.readCreated(views, i, innermost(around)); err != nil {
				return err
			}

			continue
		}

		if s := p.recognize(i, innermost(around)); s != nil {
			p.steps = append(p.steps, s)
			p.explicit[i+1]++

			around = append(around, s)
		}

		if event.Exercised.Consuming {
			p.readConsumed(i, innermost(around))
		}
	}

	return nil
}

func innermost(around []*step) *step {
	if len(around) == 0 {
		return nil
	}

	return around[len(around)-1]
}

func (p *parser) readCreated(views reader, i int, around *step) error {
	event := p.events[i]

	r, err := views.read(event.Node, event.Created)
	if err != nil {
		return err
	}

	p.unrecognized = append(p.unrecognized, r.problems...)

	if r.opaque {
		p.opaque[i+1]++
	}

	if r.holding != nil {
		if err := p.readHolding(i, *r.holding, around); err != nil {
			return err
		}
	}

	if r.instruction != nil && concerns(p.party, r.instruction.Transfer) {
		return p.readInstruction(i, *r.instruction, around)
	}

	return nil
}

func (p *parser) readHolding(i int, holding token.Holding, around *step) error {
	id := p.events[i].Created.Contract

	if holding.Owner != p.party {
		p.foreignOf[id] = len(p.foreign)
		p.foreign = append(p.foreign, foreign{event: i, gain: true, holding: holding})

		return nil
	}

	if p.merelyWitnessed(i) {
		return nil
	}

	if _, ok := p.known.Holding(id); ok {
		return fmt.Errorf("%w: node %d creates holding %s, which is active already", ErrContradiction, p.events[i].Node, id)
	}

	p.addChange(change{event: i, gain: true, contract: id, holding: holding}, around)

	return nil
}

// merelyWitnessed reports whether the node says that a contract that outlives the transaction is no contract of
// ours, in spite of a view that names the party. Counting it would put money into the books that the ledger
// does not hold for us.
func (p *parser) merelyWitnessed(i int) bool {
	c := p.events[i].Created
	if _, consumed := p.consumer[c.Contract]; consumed || c.ACSDelta == nil || *c.ACSDelta || stakeholder(p.party, c) {
		return false
	}

	p.problem(p.events[i].Node, ProblemView,
		"contract %s names the party, but the party has no stake in it: it is not counted", c.Contract)

	return true
}

func (p *parser) addChange(c change, around *step) {
	p.changeAt[c.event] = len(p.changes)

	if around != nil {
		c.claimed = true
		around.changes = append(around.changes, len(p.changes))
	}

	p.changes = append(p.changes, c)
}

func (p *parser) readInstruction(i int, instruction token.Instruction, around *step) error {
	id, node := p.events[i].Created.Contract, p.events[i].Node

	if p.merelyWitnessed(i) {
		return nil
	}

	if _, ok := p.known.Instruction(id); ok {
		return fmt.Errorf("%w: node %d creates instruction %s, which is open already", ErrContradiction, node, id)
	}

	// A chain is continued by consuming its last contract. An instruction that claims to continue one that is
	// still open, or that moved other money, would let a stranger end somebody's withdrawal: it stands alone.
	if instruction.Original != "" {
		_, consumed := p.consumer[instruction.Original]
		original, known := p.instruction(instruction.Original)

		if known && (!consumed || !sameTransfer(original.Transfer, instruction.Transfer)) {
			p.problem(node, ProblemInstruction, "instruction %s claims to continue %s, which it cannot", id,
				instruction.Original)

			instruction.Original = ""
		}
	}

	if _, consumed := p.consumer[id]; !consumed {
		if around != nil && sameTransfer(around.transfer, instruction.Transfer) {
			around.opened = len(p.opened)
		}

		if instruction.Original != "" {
			p.continued[instruction.Original] = len(p.opened)
		}
	}

	p.openedOf[id] = len(p.opened)
	p.opened = append(p.opened, opened{event: i, contract: id, instruction: instruction, step: around})

	return nil
}

// instruction is an instruction of the party, from this transaction or from before.
func (p *parser) instruction(id ident.ContractID) (token.Instruction, bool) {
	if at, ok := p.openedOf[id]; ok {
		return p.opened[at].instruction, true
	}

	if _, here := p.creator[id]; here {
		return token.Instruction{}, false
	}

	return p.known.Instruction(id)
}

// readConsumed reads the end of a contract: of a holding, of an instruction, or of both.
func (p *parser) readConsumed(i int, around *step) {
	x, node := p.events[i].Exercised, p.events[i].Node
	_, here := p.creator[x.Contract]
	stake := x.ACSDelta != nil && *x.ACSDelta

	switch holding, ours := p.ownHolding(x.Contract); {
	case ours:
		p.addChange(change{event: i, contract: x.Contract, holding: holding}, around)
	case here:
		if at, ok := p.foreignOf[x.Contract]; ok {
			p.foreign = append(p.foreign, foreign{event: i, holding: p.foreign[at].holding})
		}
	case slices.ContainsFunc(x.Implements, token.IsHolding):
		p.opaque[i+1]++

		if stake {
			p.problem(node, ProblemUnknownHolding, "choice %s ends holding %s, in which the party has a stake and which "+
				"is not known", quoted(x.Choice), x.Contract)
		}
	}

	if instruction, ok := p.instruction(x.Contract); ok {
		p.consume(i, instruction, around)
	} else if !here && p.oughtToKnow(x, stake) {
		p.problem(node, ProblemUnknownInstruction, "choice %s ends transfer instruction %s, which is not known",
			quoted(x.Choice), x.Contract)
	}
}

// oughtToKnow reports whether a consumed contract is an instruction that the party must have seen coming.
func (p *parser) oughtToKnow(x *update.Exercised, stake bool) bool {
	if token.IsTransferInstruction(x.Interface) && slices.Contains(x.Actors, p.party) {
		return true
	}

	return stake && slices.ContainsFunc(x.Implements, token.IsTransferInstruction)
}

// ownHolding is what a holding of the party was worth, from this transaction or from before.
func (p *parser) ownHolding(id ident.ContractID) (token.Holding, bool) {
	if at, here := p.creator[id]; here {
		if c := p.changeAt[at]; c >= 0 {
			return p.changes[c].holding, true
		}

		return token.Holding{}, false
	}

	return p.known.Holding(id)
}
