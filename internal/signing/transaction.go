package signing

import (
	"github.com/canton-exchange/suite/internal/ident"
)

// Prepared is a transaction as a node prepared it for signing. Of Decode's results every part is known to be hashed,
// save what NotHashed names. Treat it as read-only.
type Prepared struct {
	Transaction Transaction
	Metadata    Metadata
}

// Transaction is what would happen on the ledger: a forest of actions.
type Transaction struct {
	// Version is the serialization version of the transaction as a whole; see LFVersion1.
	Version string
	Roots   []*Node
}

// Serialization versions of Daml-LF that the hashing schemes know, as in the field lf_version.
const (
	// LFVersion1 is the version without contract keys, the only one that V2 hashes.
	LFVersion1 = "2.1"
	// LFVersion2 is the version with contract keys.
	LFVersion2 = "2"
)

// Seed is the randomness that fixes the ids of contracts which an action creates.
type Seed [seedBytes]byte

// Node is one action of a transaction.
type Node struct {
	// ID names the node within the message. It is not hashed, and has no meaning beyond.
	ID ident.NodeID
	// Seed is there for creates and exercises.
	Seed   *Seed
	Action Action
}

// Action is what a node does: Create, Exercise, Fetch, Rollback or QueryByKey, by value.
type Action interface {
	below() []*Node
	contracts() (made, used []ident.ContractID)
	encode(e *encoding, n *Node, depth int)
	write(w *writer)
}

// Create makes a contract.
type Create struct {
	LFVersion    string
	ContractID   ident.ContractID
	PackageName  string
	Template     ident.Name
	Argument     Value
	Signatories  []ident.Party
	Stakeholders []ident.Party
	Key          *ContractKey // V3 only
}

// Exercise takes a choice on a contract and causes its children, in order.
type Exercise struct {
	LFVersion     string
	ContractID    ident.ContractID
	PackageName   string
	Template      ident.Name
	Signatories   []ident.Party
	Stakeholders  []ident.Party
	ActingParties []ident.Party
	Interface     ident.Name // zero for a template's own choice
	Choice        string
	Argument      Value
	Consuming     bool
	Children      []*Node
	Result        Value // nil if the choice failed
	Observers     []ident.Party
	Key           *ContractKey // V3 only
	ByKey         bool         // V3 only
}

// Fetch reads a contract.
type Fetch struct {
	LFVersion     string
	ContractID    ident.ContractID
	PackageName   string
	Template      ident.Name
	Signatories   []ident.Party
	Stakeholders  []ident.Party
	ActingParties []ident.Party
	Interface     ident.Name
	Key           *ContractKey // V3 only
	ByKey         bool         // V3 only
}

// Rollback holds actions that were undone by a caught failure: they have no effect on the ledger.
type Rollback struct{ Children []*Node }

// QueryByKey looks contracts up by key. V3 only.
type QueryByKey struct {
	LFVersion   string
	PackageName string
	Template    ident.Name
	Exhaustive  bool
	Key         ContractKey
	Result      []ident.ContractID
}

// ContractKey is a contract's key with the parties that vouch for it.
type ContractKey struct {
	Template    ident.Name
	PackageName string
	Key         Value
	Hash        Hash
	Maintainers []ident.Party
}

func (Create) below() []*Node     { return nil }
func (x Exercise) below() []*Node { return x.Children }
func (Fetch) below() []*Node      { return nil }
func (r Rollback) below() []*Node { return r.Children }
func (QueryByKey) below() []*Node { return nil }

func (c Create) contracts() (made, _ []ident.ContractID) {
	return []ident.ContractID{c.ContractID}, nil
}

func (x Exercise) contracts() (_, used []ident.ContractID) {
	return nil, []ident.ContractID{x.ContractID}
}

func (f Fetch) contracts() (_, used []ident.ContractID) { return nil, []ident.ContractID{f.ContractID} }

func (Rollback) contracts() (_, _ []ident.ContractID) { return nil, nil }

func (q QueryByKey) contracts() (_, used []ident.ContractID) { return nil, q.Result }

// Metadata is what the signature covers beside the transaction.
type Metadata struct {
	ActAs          []ident.Party
	CommandID      string
	SynchronizerID ident.SynchronizerID // logical, or physical (with ::<protocol version>-<serial>) from 3.5 on
	MediatorGroup  uint32
	// TransactionUUID is what the mediator deduplicates by: one prepared transaction commits at most once.
	TransactionUUID string
	PreparationTime Timestamp
	InputContracts  []InputContract
	MinLedgerTime   *Timestamp
	MaxLedgerTime   *Timestamp
	// MaxRecordTime is the last record time at which the transaction may commit. V2 does not hash it: under V2 the
	// executing node can change it.
	MaxRecordTime *Timestamp
}

// InputContract is a contract that the transaction uses and did not create.
type InputContract struct {
	Create    Create
	CreatedAt Timestamp
	// EventBlob is the contract in the node's own form. No scheme hashes it; never judge by it.
	EventBlob []byte
}

// Children are the nodes directly below a node.
func (n *Node) Children() []*Node { return n.Action.below() }

// Step is a node met by Walk.
type Step struct {
	Node *Node
	// Parent is nil at a root.
	Parent *Node
	// Undone says that the node is below a rollback and has no effect on the ledger.
	Undone bool
}

// Walk visits every node once, parents first and children in order, until visit reports false.
func (t Transaction) Walk(visit func(Step) bool) {
	walk(t.Roots, nil, false, visit)
}

func walk(nodes []*Node, parent *Node, undone bool, visit func(Step) bool) bool {
	for _, n := range nodes {
		if !visit(Step{Node: n, Parent: parent, Undone: undone}) {
			return false
		}

		_, rollback := n.Action.(Rollback)
		if !walk(n.Children(), n, undone || rollback, visit) {
			return false
		}
	}

	return true
}

// RootExercise is the one root of the transaction, if it has exactly one and that is an exercise.
func (t Transaction) RootExercise() (Exercise, bool) {
	if len(t.Roots) != 1 {
		return Exercise{}, false
	}

	exercise, ok := t.Roots[0].Action.(Exercise)

	return exercise, ok
}

// Creates are the contracts that the transaction makes, in order, those that it archives again included.
func (t Transaction) Creates() []Create {
	var creates []Create

	t.Walk(func(s Step) bool {
		if create, ok := s.Node.Action.(Create); ok && !s.Undone {
			creates = append(creates, create)
		}

		return true
	})

	return creates
}

// Consumed are the exercises that archive their contract, in order. A contract among them that the transaction did not
// make is one of Metadata.InputContracts; see Prepared.CheckInputs.
func (t Transaction) Consumed() []Exercise {
	var consumed []Exercise

	t.Walk(func(s Step) bool {
		if exercise, ok := s.Node.Action.(Exercise); ok && exercise.Consuming && !s.Undone {
			consumed = append(consumed, exercise)
		}

		return true
	})

	return consumed
}

// Input is the input contract with this id.
func (m Metadata) Input(id ident.ContractID) (InputContract, bool) {
	for _, input := range m.InputContracts {
		if input.Create.ContractID == id {
			return input, true
		}
	}

	return InputContract{}, false
}
