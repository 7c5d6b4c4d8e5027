package signing

import (
	"fmt"
	"strconv"

	"github.com/canton-exchange/suite/internal/ident"
)

// linker makes a graph of nodes that name their children.
type linker struct {
	flat   map[ident.NodeID]flatNode
	nodes  map[ident.NodeID]*Node
	seeds  map[ident.NodeID]Seed
	open   map[ident.NodeID]bool // on the way from a root to where we are
	faults []string
}

// link hangs every node where it belongs. A transaction without a defined hash is an error: nodes that are missing,
// double, below themselves or without their seed. A transaction that has a hash, but says more than the hash covers or
// says it twice, is a fault.
func (f flatTransaction) link() (Transaction, []string, error) {
	l := &linker{
		flat:  make(map[ident.NodeID]flatNode, len(f.nodes)),
		nodes: make(map[ident.NodeID]*Node, len(f.nodes)),
		seeds: make(map[ident.NodeID]Seed, len(f.seeds)),
		open:  map[ident.NodeID]bool{},
	}

	if err := l.index(f); err != nil {
		return Transaction{}, nil, err
	}

	roots, err := l.children(f.roots, 0)
	if err != nil {
		return Transaction{}, nil, err
	}

	if len(roots) == 0 {
		return Transaction{}, nil, fmt.Errorf("%w: no root", ErrStructure)
	}

	if stray := len(f.nodes) - len(l.nodes); stray > 0 {
		l.faultf("%d nodes hang nowhere and would not be hashed", stray)
	}

	for id := range l.seeds {
		if n, ok := l.nodes[id]; !ok || n.Seed == nil {
			l.faultf("a seed for node %d, which has none", id)
		}
	}

	return Transaction{Version: f.version, Roots: roots}, l.faults, nil
}

func (l *linker) faultf(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

func (l *linker) index(f flatTransaction) error {
	for _, n := range f.nodes {
		id, err := parseNodeID(n.id)
		if err != nil {
			return err
		}

		if _, twice := l.flat[id]; twice {
			return fmt.Errorf("%w: two nodes are called %d", ErrStructure, id)
		}

		l.flat[id] = n
	}

	for _, s := range f.seeds {
		if _, twice := l.seeds[s.node]; twice {
			return fmt.Errorf("%w: two seeds for node %d", ErrStructure, s.node)
		}

		l.seeds[s.node] = s.seed
	}

	return nil
}

// parseNodeID accepts one spelling only, since a seed names its node by number.
func parseNodeID(text string) (ident.NodeID, error) {
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil || id < 0 || strconv.FormatInt(id, 10) != text {
		return 0, fmt.Errorf("%w: node id %.80q is no number", ErrStructure, text)
	}

	return ident.NodeID(id), nil
}

func (l *linker) children(ids []string, depth int) ([]*Node, error) {
	if depth > maxNodeDepth {
		return nil, fmt.Errorf("%w: nodes nest deeper than %d", ErrTooLarge, maxNodeDepth)
	}

	var nodes []*Node

	for _, text := range ids {
		id, err := parseNodeID(text)
		if err != nil {
			return nil, err
		}

		n, err := l.node(id, depth)
		if err != nil {
			return nil, err
		}

		nodes = append(nodes, n)
	}

	return nodes, nil
}

func (l *linker) node(id ident.NodeID, depth int) (*Node, error) {
	if l.open[id] {
		return nil, fmt.Errorf("%w: node %d is below itself", ErrStructure, id)
	}

	if n, ok := l.nodes[id]; ok {
		l.faultf("node %d hangs in two places", id)

		return n, nil
	}

	flat, ok := l.flat[id]
	if !ok {
		return nil, fmt.Errorf("%w: node %d is not there", ErrStructure, id)
	}

	l.open[id] = true
	defer delete(l.open, id)

	below, err := l.children(flat.children, depth+1)
	if err != nil {
		return nil, err
	}

	n := &Node{ID: id, Action: flat.action}

	switch action := flat.action.(type) { //nolint:exhaustive // actions are values; the others have neither
	case Exercise:
		action.Children = below
		n.Action = action
		n.Seed, err = l.seed(id)
	case Create:
		n.Seed, err = l.seed(id)
	case Rollback:
		n.Action = Rollback{Children: below}
	}

	l.nodes[id] = n

	return n, err
}

func (l *linker) seed(id ident.NodeID) (*Seed, error) {
	seed, ok := l.seeds[id]
	if !ok {
		return nil, fmt.Errorf("%w: node %d has no seed", ErrStructure, id)
	}

	return &seed, nil
}

// repeatedContracts finds contract ids that stand for two contracts. What a transaction consumes is told by contract
// id, so an id must mean one thing.
func repeatedContracts(p Prepared) []string {
	var faults []string

	known := map[ident.ContractID]bool{}
	note := func(id ident.ContractID) {
		if known[id] {
			faults = append(faults, fmt.Sprintf("contract %.80s is described twice", id))
		}

		known[id] = true
	}

	for _, input := range p.Metadata.InputContracts {
		note(input.Create.ContractID)
	}

	p.Transaction.Walk(func(s Step) bool {
		if create, ok := s.Node.Action.(Create); ok {
			note(create.ContractID)
		}

		return true
	})

	return faults
}

// CheckInputs says whether the metadata's input contracts are those that the transaction uses without having made
// them, no more and no fewer, as the ledger demands. Until then a consumed contract's content is unknown.
func (p Prepared) CheckInputs() error {
	made := map[ident.ContractID]bool{}
	used := map[ident.ContractID]bool{}

	p.Transaction.Walk(func(s Step) bool {
		makes, uses := s.Node.Action.contracts()
		for _, id := range makes {
			made[id] = true
		}

		for _, id := range uses {
			used[id] = true
		}

		return true
	})

	for _, input := range p.Metadata.InputContracts {
		id := input.Create.ContractID
		if !used[id] || made[id] {
			return fmt.Errorf("%w: input contract %s is not used", ErrStructure, id)
		}

		delete(used, id)
	}

	for id := range used {
		if !made[id] {
			return fmt.Errorf("%w: contract %s is used and is no input contract", ErrStructure, id)
		}
	}

	return nil
}
