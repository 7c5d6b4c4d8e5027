// Package update is what a validator node tells us: one update of the ledger with its events, decoded
// strictly from the JSON Ledger API and checked for the properties that everything else relies on.
//
// Both shapes that nodes serve become the same value: /v2/updates with TRANSACTION_SHAPE_LEDGER_EFFECTS (an
// event list, Canton 3.3 and later) and /v2/updates/trees (events by node id, up to 3.5).
// Source of the shapes: the published OpenAPI documents of Canton 3.3, 3.4.12 and 3.5.1.
package update

import (
	"errors"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// ErrMalformed is wrapped by every error about an update that the node should never have sent.
var ErrMalformed = errors.New("malformed update")

// Kind is what an update is about.
type Kind string

// The kinds of update. Their text is what the database stores.
const (
	Transaction  Kind = "transaction"
	Reassignment Kind = "reassignment"
	Topology     Kind = "topology"
	// Checkpoint is not on the ledger: the node makes it up to say that nothing else happened until then.
	Checkpoint Kind = "checkpoint"
)

// Update is one element of a node's update stream.
type Update struct {
	Kind   Kind
	Offset ident.Offset
	// ID is empty for a checkpoint.
	ID ident.UpdateID
	// Synchronizer is empty for a checkpoint, and for a reassignment of a 3.3 node.
	Synchronizer ident.SynchronizerID
	// RecordTime is when the synchronizer sequenced the update; unset for a checkpoint. The year 1 is a legal
	// value (contracts imported by a migration carry it), so IsZero does not mean missing.
	RecordTime time.Time
	// EffectiveAt was chosen by the submitter within a tolerance: never order by it.
	EffectiveAt time.Time
	CommandID   string
	WorkflowID  string
	// TransactionHash is the lower-case hex of the hash that an external party signed; empty for others.
	TransactionHash string
	// TrafficCost is what this node paid for the submission, in bytes of traffic; 0 if it paid nothing or does not say.
	TrafficCost int64
	// Events of a transaction, by ascending node id.
	Events []Event
	// Moves of a reassignment.
	Moves []Move
	// Times of a checkpoint: per synchronizer, the record time up to which everything was delivered.
	Times []SynchronizerTime
	// Hosting of a topology update: what changed about who hosts the party.
	Hosting []HostingChange
}

// Event is a created contract or an exercised choice; exactly one of the two is set.
type Event struct {
	Node      ident.NodeID
	Created   *Created
	Exercised *Exercised
}

// Created is a contract that came into being in view of our party.
type Created struct {
	Contract    ident.ContractID
	Template    ident.Name
	PackageName string
	Views       []View
	Witnesses   []ident.Party
	Signatories []ident.Party
	Observers   []ident.Party
	CreatedAt   time.Time
	// ACSDelta says whether one of our parties is a stakeholder and the contract outlives its transaction;
	// nil where the node does not say (3.3).
	ACSDelta *bool
}

// Exercised is a choice that was exercised in view of our party.
type Exercised struct {
	Contract    ident.ContractID
	Template    ident.Name
	PackageName string
	// Interface is the zero Name for a template's own choice.
	Interface ident.Name
	Choice    string
	Argument  strictjson.Raw
	Result    strictjson.Raw
	Actors    []ident.Party
	Witnesses []ident.Party
	Consuming bool
	// LastDescendant is the greatest node id below this one: the subtree is the closed interval
	// [Node, LastDescendant], visible to us only in part.
	LastDescendant ident.NodeID
	// Implements lists the interfaces of a consumed contract that our filter asked for.
	Implements []ident.Name
	ACSDelta   *bool
}

// View is a contract seen through an interface.
type View struct {
	Interface ident.Name
	// Status is a gRPC status code, 0 for success; with any other there is no Value.
	Status  int
	Message string
	Value   strictjson.Raw
}

// Move is one half of a contract's reassignment from one synchronizer to another.
type Move struct {
	// Assigned holds the contract as it arrives at Target; nil for the half that leaves Source.
	Assigned *Created
	Contract ident.ContractID
	Source   ident.SynchronizerID
	Target   ident.SynchronizerID
	Node     ident.NodeID
	// Counter counts the reassignments of the contract.
	Counter int64
}

// SynchronizerTime is a synchronizer's clock as a checkpoint states it.
type SynchronizerTime struct {
	Synchronizer ident.SynchronizerID
	RecordTime   time.Time
}

// HostingChange is a change of a party's hosting on a validator node.
type HostingChange struct {
	// Change is Added, Changed, Revoked or Onboarding, as the ledger names it.
	Change      string
	Party       ident.Party
	Participant string
	Permission  string
}
