package txhistory

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/update"
)

// Moved is one contract that changes its synchronizer. That changes no balance: between its two halves a holding
// is in flight, still the party's, and not to be spent.
type Moved struct {
	Node     ident.NodeID
	Contract ident.ContractID
	Source   ident.SynchronizerID
	Target   ident.SynchronizerID
	// Counter counts the reassignments of the contract; of two halves with the same counter, leaving comes first
	// in time and may come last in the stream.
	Counter int64
	// Arrived is set for the half that arrives at Target. The half that leaves Source says nothing of the contract:
	// whoever knows the party's contracts must look it up.
	Arrived bool
	// Holding is the party's holding that arrives, with what a creation would say of it. It is nil if the contract
	// is none, and never a credit: what is not known yet was missed.
	Holding *HoldingCreated
	// Instruction is the party's transfer instruction that arrives; nil if the contract is none.
	Instruction *InstructionOpened
}

// Moves tells which contracts a reassignment moves: every one that leaves, and of those that arrive the party's
// holdings and instructions. Errors are those of Parse.
func Moves(party ident.Party, u update.Update, o Options) ([]Moved, []Unrecognized, error) {
	if u.Kind != update.Reassignment {
		return nil, nil, fmt.Errorf("read moves of %s at offset %d: %w", u.Kind, u.Offset, ErrKind)
	}

	var (
		moves    []Moved
		problems []Unrecognized
		views    = reader{party: party, update: u.ID, options: o}
	)

	for _, move := range u.Moves {
		m := Moved{
			Node: move.Node, Contract: move.Contract, Source: move.Source, Target: move.Target, Counter: move.Counter,
		}

		if move.Assigned != nil {
			found, err := m.arrive(views, move)
			if err != nil {
				return nil, nil, fmt.Errorf("read moves of update %s: %w", u.ID, err)
			}

			problems = append(problems, found...)

			if m.Holding == nil && m.Instruction == nil {
				continue
			}
		}

		moves = append(moves, m)
	}

	return moves, problems, nil
}

func (m *Moved) arrive(views reader, move update.Move) ([]Unrecognized, error) {
	c := move.Assigned

	r, err := views.read(move.Node, c)
	if err != nil {
		return nil, err
	}

	m.Arrived = true

	if r.holding != nil && r.holding.Owner == views.party {
		m.Holding = &HoldingCreated{
			Node: move.Node, Contract: c.Contract, Holding: *r.holding, Template: c.Template,
			PackageName: c.PackageName, CreatedAt: c.CreatedAt,
		}
	}

	if r.instruction != nil && concerns(views.party, r.instruction.Transfer) {
		m.Instruction = &InstructionOpened{Node: move.Node, Contract: c.Contract, Instruction: *r.instruction}
	}

	return r.problems, nil
}
