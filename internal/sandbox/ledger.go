package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// contract is one contract of the ledger. Everything but the last block is fixed at creation. A network may have
// millions of them, so what is the same for many is shared, and what can be derived is.
type contract struct {
	*species

	id          ident.ContractID
	content     content
	signatories []ident.Party
	observers   []ident.Party
	createdAt   time.Time
	payload     any // *holding, *offer or *preapproval: what the token logic reads
	seal        atomic.Pointer[seal]
	anywhere    bool // usable on every synchronizer, as contracts of the network itself are

	// Guarded by Sandbox.mu.
	slot       int32   // in the holdings of its owner
	birth      node    // where node is, save in a replay
	node       *node   // its create; nil while a replay has not told it
	created    offsets // of the update that created it
	archivedBy *node   // nil while active
	archived   offsets // of the update that archived it
	moves      []*move
	home       *synchronizer // where it is now
}

// move is one reassignment of a contract from one synchronizer to another.
type move struct {
	id         string
	source     *synchronizer
	target     *synchronizer
	submitter  ident.Party
	counter    int64
	unassigned offsets
	assigned   offsets
}

func (c *contract) stakeholders() []ident.Party { return union(c.signatories, c.observers) }

func (c *contract) implements(name ident.Name) bool {
	return slices.ContainsFunc(c.interfaces, name.Is)
}

// active reports whether the contract can still be used.
func (c *contract) active() bool { return c.archivedBy == nil }

// activeAt reports whether the contract exists on a validator once every update up to offset is applied.
func (c *contract) activeAt(node int, offset ident.Offset) bool {
	if c.created[node] == unseen || c.created[node] > offset {
		return false
	}

	return c.active() || c.archived[node] == unseen || c.archived[node] > offset
}

type nodeKind uint8

const (
	nodeCreate nodeKind = iota + 1
	nodeExercise
	// nodeFetch is a look at a contract: it has a node id but no event, which is one reason for gaps.
	nodeFetch
)

// node is one action of a transaction. It does not change once the transaction is committed.
type node struct {
	*details

	kind      nodeKind
	transient bool // creates or archives a contract that lives only inside this transaction
	id        ident.NodeID
	last      ident.NodeID // of its last descendant; its own id when it has none
	contract  *contract
	witnesses []ident.Party
}

// details are what an exercise or a fetch says beyond its contract. The creates of a transaction share empty ones.
type details struct {
	iface     ident.Name // of an exercise through an interface
	choice    string
	argument  json.RawMessage
	result    json.RawMessage
	acting    []ident.Party
	authority []ident.Party // of a fetch: who had agreed where it was made
	informed  []ident.Party // choice observers
	children  []*node
	consuming bool
	// all of the transaction's nodes, in pre-order, where nodes number their events themselves (Config.OwnNodeIDs). Not
	// otherwise: contracts that live on would keep the transactions that made them.
	all []*node
}

// concerned are the contract's observers, where the node begins or ends the contract.
func (n *node) concerned() []ident.Party {
	if n.kind == nodeCreate || n.consuming {
		return n.contract.observers
	}

	return nil
}

type updateKind int

const (
	updateTransaction updateKind = iota + 1
	updateUnassign
	updateAssign
	updateTopology
)

// update is one entry of the node's history; immutable once committed.
type update struct {
	kind         updateKind
	id           ident.UpdateID
	offsets      offsets
	commandID    string
	workflowID   string
	submitters   []ident.Party
	submitter    *Validator // that took the submission in; nil for a wallet's
	effectiveAt  time.Time
	recordTime   time.Time
	synchronizer *synchronizer
	traceparent  string
	trafficCost  int64
	signed       bool // by external parties; externalHash is what they signed
	externalHash [32]byte
	nodes        []*node // in pre-order, node ids ascending

	moved *contract // for reassignments
	move  *move
	party ident.Party // for topology: the party that became hosted here
}

// synchronizer is one sequencer's view of time.
type synchronizer struct {
	id    ident.SynchronizerID
	alias string
	// serial counts the physical synchronizers that have served this logical one (logical synchronizer upgrades).
	serial   int
	upgraded time.Time     // when the last of them took over; zero for the first
	lag      time.Duration // how far its record time is behind this process's clock
	last     time.Time     // the last record time it gave
}

// number gives every node its id in pre-order over the whole transaction, and its witnesses, and returns the
// flat list. With keep set, every node can find the others.
func number(roots []*node, keep bool) []*node {
	var flat []*node

	var walk func(n *node, inherited []ident.Party)

	walk = func(n *node, inherited []ident.Party) {
		n.id = ident.NodeID(len(flat)) //nolint:gosec // a transaction is far smaller than 2^31 nodes
		// Its informees, whom it concerns directly, and those of its ancestors.
		n.witnesses = extend(inherited, n.contract.signatories, n.acting, n.informed, n.concerned())
		flat = append(flat, n)

		for _, child := range n.children {
			walk(child, n.witnesses)
		}

		n.last = flat[len(flat)-1].id
	}

	for _, root := range roots {
		walk(root, nil)
	}

	if keep {
		for _, n := range flat {
			n.all = flat
		}
	}

	return flat
}

// extend is the union of a sorted set with more, which is the set itself if it has them all.
func extend(sorted []ident.Party, more ...[]ident.Party) []ident.Party {
	lacks := func(group []ident.Party) bool { return lacking(sorted, group) != "" }
	if len(sorted) > 0 && !slices.ContainsFunc(more, lacks) {
		return sorted
	}

	return union(append(more, sorted)...)
}

// union is the sorted set of all parties given.
func union(groups ...[]ident.Party) []ident.Party {
	size := 0
	for _, group := range groups {
		size += len(group)
	}

	all := make([]ident.Party, 0, size)
	for _, group := range groups {
		all = append(all, group...)
	}

	slices.Sort(all)

	return slices.Compact(all)
}

// physical is the id of the physical synchronizer, which prepared transactions name from protocol version 35 on: the
// logical id, the protocol version and a serial. A node of 3.4 or older knows logical ids only.
func (s *synchronizer) physical(v Version) ident.SynchronizerID {
	if !v.atLeast(V35) {
		return s.id
	}

	return ident.SynchronizerID(fmt.Sprintf("%s::35-%d", s.id, 1+s.serial))
}
