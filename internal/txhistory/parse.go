// Package txhistory reads what a transaction did to one party: its holdings, its transfers and offers, and why
// its balances changed. It is pure: the same update and the same knowledge always give the same effects.
//
// A transaction is a forest of exercises and created contracts, of which the party sees a part. The parser
// first lists every change of the party's own holdings. Then it looks for what explains them, strongest
// evidence first, and each change is claimed by exactly one explanation, so that a change described twice is
// counted once:
//
//  1. exercises of a TransferFactory, and choices that consume an instruction the party knows (explicit.go);
//  2. holdings-change events of the token standard V2, by the contracts they list (eventlog.go);
//  3. from the outside in, metadata of exercise results, mint/burn factories and settlements (inferred.go);
//  4. what is left is unrecognized: kept in balance and shown (inferred.go).
package txhistory

import (
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/update"
)

// Options change what Parse does with what it cannot read.
type Options struct {
	// QuarantineFailedViews reports an unreadable contract as Unrecognized instead of failing with a ViewError.
	// The contract is then in no balance: for an operator who has looked at it.
	QuarantineFailedViews bool
}

// Parse tells what a transaction did to a party. Known must hold the party's active holdings and open
// instructions just before the transaction, at least those that References names.
//
// Errors: ErrKind; a *ViewError; one that wraps update.ErrMalformed or ErrContradiction; ErrUnbalanced. With any
// error nothing of the transaction may be applied.
func Parse(party ident.Party, tx Transaction, known Known, o Options) (Effects, error) {
	if tx.Kind != update.Transaction {
		return Effects{}, fmt.Errorf("parse %s at offset %d: %w", tx.Kind, tx.Offset, ErrKind)
	}

	if known == nil {
		known = nothing{}
	}

	p := parser{party: party, tx: tx, events: tx.Events, known: known, options: o}

	if err := p.parse(); err != nil {
		return Effects{}, fmt.Errorf("parse update %s: %w", tx.ID, err)
	}

	e := p.effects()
	if err := balanced(e); err != nil {
		return Effects{}, fmt.Errorf("parse update %s: %w", tx.ID, err)
	}

	return e, nil
}

// nothing is known.
type nothing struct{}

func (nothing) Holding(ident.ContractID) (token.Holding, bool) { return token.Holding{}, false }

func (nothing) Instruction(ident.ContractID) (token.Instruction, bool) {
	return token.Instruction{}, false
}

func (p *parser) parse() error {
	if err := update.CheckEvents(p.events); err != nil {
		return err
	}

	if err := p.index(); err != nil {
		return err
	}

	if err := p.read(); err != nil {
		return err
	}

	p.bookSteps()
	p.bookOffers()
	p.readEventLogs()
	p.infer()

	return nil
}

// parser is the state of one call of Parse.
type parser struct {
	party   ident.Party
	tx      Transaction
	events  []update.Event
	known   Known
	options Options

	// end is the index of the last event in each event's subtree, root the index of the tree's first event.
	end, root []int
	// creator and consumer find the events that create and consume a contract.
	creator, consumer map[ident.ContractID]int

	// changes are the party's holdings created and archived, by event. changeAt finds them: -1 for no change.
	changes  []change
	changeAt []int
	// foreign are other parties' holdings, as far as this transaction shows what they are worth.
	foreign   []foreign
	foreignOf map[ident.ContractID]int
	// opaque counts, before each event, the changes of foreign holdings whose worth we cannot tell.
	opaque []int

	opened   []opened
	openedOf map[ident.ContractID]int
	// continued finds the open instruction of a chain, by the chain's first contract.
	continued map[ident.ContractID]int
	steps     []*step
	stepOf    map[ident.ContractID]*step
	// explicit counts the steps before each event.
	explicit []int

	matches      []*match
	closed       []InstructionClosed
	unrecognized []Unrecognized
	rootNets     map[int]*balance
	// looks is how many more changes may be looked at in vain.
	looks int
}

// change is one holding of the party that was created or archived.
type change struct {
	event    int
	gain     bool
	contract ident.ContractID
	holding  token.Holding
	claimed  bool
}

// foreign is a change of another party's holding.
type foreign struct {
	event   int
	gain    bool
	holding token.Holding
}

// match is an explanation: what was found at one event, and the movements that it accounts for.
type match struct {
	node      ident.NodeID
	transfers []Transfer
	// movements point into transfers.
	movements []Movement
}

func (m *match) move(kind MovementKind, instrument ident.Instrument, change amount.Amount, transfer int) {
	if !change.IsZero() {
		m.movements = append(m.movements, Movement{
			Node: m.node, Kind: kind, Instrument: instrument, Change: change, Transfer: transfer,
		})
	}
}

func (p *parser) problem(node ident.NodeID, problem Problem, form string, args ...any) {
	p.unrecognized = append(p.unrecognized, Unrecognized{Node: node, Problem: problem, Detail: fmt.Sprintf(form, args...)})
}

// effects puts everything into the order of the nodes.
func (p *parser) effects() Effects {
	e := Effects{Closed: p.closed, Unrecognized: p.unrecognized}

	for _, c := range p.changes {
		event := p.events[c.event]
		if c.gain {
			e.Created = append(e.Created, HoldingCreated{
				Node: event.Node, Contract: c.contract, Holding: c.holding, Template: event.Created.Template,
				PackageName: event.Created.PackageName, CreatedAt: event.Created.CreatedAt,
			})
		} else {
			e.Archived = append(e.Archived, HoldingArchived{
				Node: event.Node, Contract: c.contract, Holding: c.holding, Choice: event.Exercised.Choice,
			})
		}
	}

	for _, o := range p.opened {
		e.Opened = append(e.Opened, InstructionOpened{
			Node: p.events[o.event].Node, Contract: o.contract, Instruction: o.instruction,
		})
	}

	slices.SortStableFunc(p.matches, func(a, b *match) int { return int(a.node) - int(b.node) })

	for _, m := range p.matches {
		base := len(e.Transfers)
		e.Transfers = append(e.Transfers, m.transfers...)

		for _, movement := range m.movements {
			if movement.Transfer >= 0 {
				movement.Transfer += base
			}

			e.Movements = append(e.Movements, movement)
		}
	}

	slices.SortStableFunc(e.Closed, func(a, b InstructionClosed) int { return int(a.Node) - int(b.Node) })
	slices.SortStableFunc(e.Unrecognized, func(a, b Unrecognized) int { return int(a.Node) - int(b.Node) })

	return e
}

// balanced checks the invariant on which the books rest: per instrument, created minus archived holdings are
// what the movements sum to.
func balanced(e Effects) error {
	var b balance

	for _, c := range e.Created {
		b.of(c.Holding.Instrument).add(c.Holding.Amount)
	}

	for _, a := range e.Archived {
		b.of(a.Holding.Instrument).sub(a.Holding.Amount)
	}

	for _, m := range e.Movements {
		b.of(m.Instrument).sub(m.Change)
	}

	for i := range b.entries {
		if b.entries[i].total.sign() != 0 {
			return fmt.Errorf("%w: %s", ErrUnbalanced, quoted(b.entries[i].instrument.String()))
		}
	}

	return nil
}
