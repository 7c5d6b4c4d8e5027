package ingest

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// follow derives what a reassignment moves. Known contracts change their synchronizer and nothing else. A contract of
// the treasury that arrives without being known was missed: it is taken into balance and reported.
func follow(
	party ident.Party, u update.Update, view known, o txhistory.Options,
) (txhistory.Effects, []store.ContractMove, error) {
	moved, problems, err := txhistory.Moves(party, u, o)
	if err != nil {
		return txhistory.Effects{}, nil, err
	}

	e := txhistory.Effects{Unrecognized: problems}

	var moves []store.ContractMove

	for _, m := range moved {
		_, isHolding := view.Holding(m.Contract)
		_, isInstruction := view.Instruction(m.Contract)

		switch {
		case view.Ended[m.Contract]:
			continue // told late: the contract has ended on another synchronizer meanwhile
		case !isHolding && m.Holding != nil:
			missedHolding(&e, m)
		case !isInstruction && m.Instruction != nil:
			missedInstruction(&e, m)
		case !isHolding && !isInstruction:
			continue // another party's contract leaves
		}

		move := store.ContractMove{Contract: m.Contract, Synchronizer: m.Source, Arrived: m.Arrived, Counter: m.Counter}
		if m.Arrived {
			move.Synchronizer = m.Target
		}

		moves = append(moves, move)
	}

	return e, moves, nil
}

func missedHolding(e *txhistory.Effects, m txhistory.Moved) {
	h := m.Holding.Holding
	e.Created = append(e.Created, *m.Holding)

	if h.Amount.Sign() > 0 {
		e.Movements = append(e.Movements, txhistory.Movement{
			Node: m.Node, Kind: txhistory.MoveUnrecognized, Instrument: h.Instrument, Change: h.Amount, Transfer: -1,
		})
	}

	e.Unrecognized = append(e.Unrecognized, txhistory.Unrecognized{
		Node: m.Node, Problem: txhistory.ProblemUnknownHolding,
		Detail: fmt.Sprintf("holding %s of %s %q arrived from another synchronizer and was not known",
			m.Contract, h.Amount, h.Instrument),
	})
}

func missedInstruction(e *txhistory.Effects, m txhistory.Moved) {
	e.Opened = append(e.Opened, *m.Instruction)
	e.Unrecognized = append(e.Unrecognized, txhistory.Unrecognized{
		Node: m.Node, Problem: txhistory.ProblemUnknownInstruction,
		Detail: fmt.Sprintf("instruction %s arrived from another synchronizer and was not known", m.Contract),
	})
}
