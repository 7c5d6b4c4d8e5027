package txhistory

import (
	"errors"
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
)

var errElsewhere = errors.New("the steps of transfers account for all of it")

// readEventLogs goes through the holdings-change events about the party. Each lists the contracts that it explains,
// and its legs say why. An event is believed if its admin exercised it, if it names just holdings of that admin's
// own instruments that really changed, and if its legs sum to that change; otherwise it explains nothing.
func (p *parser) readEventLogs() {
	end := -1 // of the step around the event

	for i, event := range p.events {
		x := event.Exercised
		if x == nil {
			continue
		}

		if p.explicit[i+1] > p.explicit[i] {
			end = max(end, p.end[i])
		}

		if i <= end || !x.Interface.Is(token.EventLogV2) || x.Choice != token.ChoiceHoldingsChange {
			continue
		}

		log, err := token.DecodeHoldingsChange(x.Argument)
		if log.Account.Owner != p.party {
			continue
		}

		var changes []int

		if err == nil {
			changes, err = p.verify(log, x.Actors)
		}

		switch {
		case err == nil:
			p.bookLog(event.Node, log, changes)
		case !errors.Is(err, errElsewhere):
			p.problem(event.Node, ProblemEventLog, "holdings-change event of %s: %.300s", quoted(string(log.Admin)), err)
		}
	}
}

// verify returns the changes that an event explains.
func (p *parser) verify(log token.HoldingsChange, actors []ident.Party) ([]int, error) {
	if !slices.Contains(actors, log.Admin) {
		return nil, errors.New("its admin did not exercise it")
	}

	changes, claimed, err := p.listed(log)
	if err != nil {
		return nil, err
	}

	if claimed > 0 {
		if len(changes) == 0 {
			return nil, errElsewhere
		}

		return nil, fmt.Errorf("%d of its holdings are explained already", claimed)
	}

	return changes, p.verifyLegs(log, changes)
}

// listed finds the changes that an event lists, and counts those that something else has explained.
func (p *parser) listed(log token.HoldingsChange) (changes []int, claimed int, err error) {
	seen := make(map[int]bool)

	for _, list := range []struct {
		ids   []ident.ContractID
		event map[ident.ContractID]int
		what  string
	}{{log.Inputs, p.consumer, "consumed"}, {log.Outputs, p.creator, "created"}} {
		for _, id := range list.ids {
			at, ok := list.event[id]
			if !ok || p.changeAt[at] < 0 {
				return nil, 0, fmt.Errorf("it lists %s, which is no holding of the party that was %s here", id, list.what)
			}

			c := p.changeAt[at]

			switch {
			case seen[c]:
				return nil, 0, fmt.Errorf("it lists %s twice", id)
			case p.changes[c].holding.Instrument.Admin != log.Admin:
				return nil, 0, fmt.Errorf("it lists %s, a holding of another admin", id)
			case p.changes[c].claimed:
				claimed++
			default:
				changes = append(changes, c)
			}

			seen[c] = true
		}
	}

	return changes, claimed, nil
}

// verifyLegs checks that the legs are told apart by id and side, and that they sum to the change of holdings.
func (p *parser) verifyLegs(log token.HoldingsChange, changes []int) error {
	type leg struct {
		id   string
		side token.Side
	}

	seen := make(map[leg]bool)
	rest := p.net(changes)

	for _, l := range log.Legs {
		key := leg{l.ID, l.Side}
		if seen[key] {
			return fmt.Errorf("leg %s appears twice", quoted(l.ID))
		}

		seen[key] = true

		if l.Side == token.ReceiverSide {
			rest.of(l.Instrument).sub(l.Amount)
		} else {
			rest.of(l.Instrument).add(l.Amount)
		}
	}

	for i := range rest.entries {
		if rest.entries[i].total.sign() != 0 {
			return fmt.Errorf("its legs do not sum to the change of %s", quoted(rest.entries[i].instrument.String()))
		}
	}

	return nil
}

// bookLog books an event leg by leg: several legs may have become one holding, and legs that cancel out may have
// changed none.
func (p *parser) bookLog(node ident.NodeID, log token.HoldingsChange, changes []int) {
	for _, c := range changes {
		p.changes[c].claimed = true
	}

	m := &match{node: node}
	p.matches = append(p.matches, m)

	toSelf := p.selfLegs(log.Legs)

	for _, l := range log.Legs {
		switch {
		case !toSelf[l.ID]:
			p.bookLeg(m, l)
		case l.Side == token.SenderSide:
			m.transfers = append(m.transfers, p.legTransfer(m, l)) // both sides cancel out: no movement
		}
	}
}

// selfLegs finds the legs of which the event has both sides: what the party sends to itself.
func (p *parser) selfLegs(legs []token.Leg) map[string]bool {
	sent := make(map[string]token.Leg)

	for _, l := range legs {
		if l.Side == token.SenderSide && l.Other.Owner == p.party {
			sent[l.ID] = l
		}
	}

	both := make(map[string]bool)

	for _, l := range legs {
		out, ok := sent[l.ID]
		if ok && l.Side == token.ReceiverSide && l.Other.Owner == p.party &&
			l.Instrument == out.Instrument && l.Amount.Equal(out.Amount) {
			both[l.ID] = true
		}
	}

	return both
}

func (p *parser) bookLeg(m *match, l token.Leg) {
	change := l.Amount
	if l.Side == token.SenderSide {
		change = change.Neg()
	}

	switch {
	case l.Other.Owner == "" && l.Side == token.ReceiverSide && l.Other.ID == token.AccountMint:
		m.move(MoveMint, l.Instrument, change, -1)
	case l.Other.Owner == "" && l.Side == token.SenderSide && l.Other.ID == token.AccountBurn:
		m.move(MoveBurn, l.Instrument, change, -1)
	default:
		m.transfers = append(m.transfers, p.legTransfer(m, l))
		m.move(MoveTransfer, l.Instrument, change, len(m.transfers)-1)
	}
}

func (p *parser) legTransfer(m *match, l token.Leg) Transfer {
	t := Transfer{
		Node: m.node, Leg: len(m.transfers), Status: Completed, Evidence: ByEventLog, Instrument: l.Instrument,
		Amount: l.Amount, Memo: l.Meta.Memo(), Direction: In, Sender: l.Other.Owner, Receiver: p.party,
	}

	if l.Side == token.SenderSide {
		t.Direction, t.Sender, t.Receiver = Out, p.party, l.Other.Owner
	}

	if l.Other.Owner == p.party {
		t.Direction = Self
	}

	return t
}
