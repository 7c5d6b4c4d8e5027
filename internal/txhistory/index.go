package txhistory

import (
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/update"
)

// index finds each event's subtree and tree, and the events that create and consume each contract.
func (p *parser) index() error {
	n := len(p.events)
	bounds := make([]int, 5*n+2)
	p.end, p.root, p.changeAt = bounds[:n:n], bounds[n:2*n:2*n], bounds[2*n:3*n:3*n]
	p.opaque, p.explicit = bounds[3*n:4*n+1:4*n+1], bounds[4*n+1:]
	p.creator, p.consumer = make(map[ident.ContractID]int, n), make(map[ident.ContractID]int)

	var open []int // exercises around the current event, outermost first

	for i, event := range p.events {
		for len(open) > 0 && event.Node > p.events[open[len(open)-1]].Exercised.LastDescendant {
			p.end[open[len(open)-1]] = i - 1
			open = open[:len(open)-1]
		}

		p.end[i], p.root[i], p.changeAt[i] = i, i, -1
		if len(open) > 0 {
			p.root[i] = open[0]
		}

		if event.Exercised != nil {
			open = append(open, i)
		}

		if err := p.indexContract(i, event); err != nil {
			return err
		}
	}

	for _, i := range open {
		p.end[i] = n - 1
	}

	return nil
}

func (p *parser) indexContract(i int, event update.Event) error {
	switch {
	case event.Created != nil:
		id := event.Created.Contract
		if _, twice := p.creator[id]; twice {
			return fmt.Errorf("%w: node %d creates contract %s again", ErrContradiction, event.Node, id)
		}

		if _, gone := p.consumer[id]; gone {
			return fmt.Errorf("%w: node %d creates contract %s after its end", ErrContradiction, event.Node, id)
		}

		p.creator[id] = i
	case event.Exercised.Consuming:
		id := event.Exercised.Contract
		if _, twice := p.consumer[id]; twice {
			return fmt.Errorf("%w: node %d consumes contract %s again", ErrContradiction, event.Node, id)
		}

		p.consumer[id] = i
	}

	return nil
}

// References lists the contracts that Parse may ask Known for, each once, so that a caller can fetch them for a
// whole batch of updates. It never leaves one out, and may name contracts that mean nothing to the party.
func References(party ident.Party, tx update.Update) []ident.ContractID {
	var (
		ids  []ident.ContractID
		seen = make(map[ident.ContractID]struct{}, len(tx.Events))
	)

	add := func(id ident.ContractID) {
		if _, ok := seen[id]; !ok {
			seen[id] = struct{}{}
			ids = append(ids, id)
		}
	}

	for _, event := range tx.Events {
		switch {
		case event.Created != nil:
			for _, view := range event.Created.Views {
				if token.IsHolding(view.Interface) || token.IsTransferInstruction(view.Interface) {
					add(event.Created.Contract)
				}

				if original := originalOf(party, view); original != "" {
					add(original)
				}
			}
		case event.Exercised != nil:
			if event.Exercised.Consuming || token.IsTransferInstruction(event.Exercised.Interface) {
				add(event.Exercised.Contract)
			}
		}
	}

	return ids
}

// originalOf is the first contract of the chain to which an instruction of the party belongs.
func originalOf(party ident.Party, view update.View) ident.ContractID {
	if view.Status != 0 || !token.IsTransferInstruction(view.Interface) {
		return ""
	}

	instruction, err := token.DecodeInstruction(view.Interface, view.Value)
	if err != nil || !concerns(party, instruction.Transfer) {
		return ""
	}

	return instruction.Original
}

func concerns(party ident.Party, t token.Transfer) bool {
	return t.Sender == party || t.Receiver == party
}

// stakeholder reports whether the party holds a stake in a created contract.
func stakeholder(party ident.Party, c *update.Created) bool {
	return c.ACSDelta != nil && *c.ACSDelta || slices.Contains(c.Signatories, party) || slices.Contains(c.Observers, party)
}
