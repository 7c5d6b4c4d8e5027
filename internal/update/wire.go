package update

import (
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// The wire types name just what we read; newer nodes add members, which are skipped. createArgument is left
// out on purpose: what a contract means is read from its interface views alone. Lists of parties are taken as they
// are: they are compared with our party, never shown as identities.

type wireItem struct {
	Update wireUpdate `json:"update"`
	// Code is set when the node sends an error in place of an update.
	Code string `json:"code"`
}

// wireUpdate has one member, named for the kind. The kinds that we know are decoded in one pass; an update of any
// other, even beside one that we know, must not go unnoticed.
type wireUpdate struct {
	Transaction  *wireBox[wireTransaction]  `json:"Transaction"`
	Tree         *wireBox[wireTransaction]  `json:"TransactionTree"`
	Reassignment *wireBox[wireReassignment] `json:"Reassignment"`
	Checkpoint   *wireBox[wireCheckpoint]   `json:"OffsetCheckpoint"`
	Topology     *wireBox[wireTopology]     `json:"TopologyTransaction"`
	Others       map[string]strictjson.Raw  `json:",embed"`
}

type wireBox[T any] struct {
	Value T `json:"value"`
}

type wireTransaction struct {
	UpdateID        string                   `json:"updateId"`
	CommandID       string                   `json:"commandId"`
	WorkflowID      string                   `json:"workflowId"`
	EffectiveAt     time.Time                `json:"effectiveAt"`
	RecordTime      *time.Time               `json:"recordTime"`
	Offset          *int64                   `json:"offset"`
	SynchronizerID  string                   `json:"synchronizerId"`
	Events          []wireEvent              `json:"events"`
	EventsByID      map[string]wireTreeEvent `json:"eventsById"`
	ExternalHash    string                   `json:"externalTransactionHash"`
	TransactionHash string                   `json:"transactionHash"`
	TrafficCost     *int64                   `json:"paidTrafficCost"`
}

type wireEvent struct {
	Created   *wireCreated   `json:"CreatedEvent"`
	Exercised *wireExercised `json:"ExercisedEvent"`
	Archived  strictjson.Raw `json:"ArchivedEvent"`
}

type wireTreeEvent struct {
	Created *struct {
		Value *wireCreated `json:"value"`
	} `json:"CreatedTreeEvent"`
	Exercised *struct {
		Value *wireExercised `json:"value"`
	} `json:"ExercisedTreeEvent"`
}

type wireCreated struct {
	NodeID      *int32        `json:"nodeId"`
	ContractID  string        `json:"contractId"`
	TemplateID  string        `json:"templateId"`
	PackageName string        `json:"packageName"`
	Views       []wireView    `json:"interfaceViews"`
	Witnesses   []ident.Party `json:"witnessParties"`
	Signatories []ident.Party `json:"signatories"`
	Observers   []ident.Party `json:"observers"`
	CreatedAt   time.Time     `json:"createdAt"`
	ACSDelta    *bool         `json:"acsDelta"`
}

type wireView struct {
	InterfaceID string         `json:"interfaceId"`
	Status      wireStatus     `json:"viewStatus"`
	Value       strictjson.Raw `json:"viewValue"`
}

type wireStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type wireExercised struct {
	NodeID         *int32         `json:"nodeId"`
	ContractID     string         `json:"contractId"`
	TemplateID     string         `json:"templateId"`
	PackageName    string         `json:"packageName"`
	InterfaceID    *string        `json:"interfaceId"`
	Choice         string         `json:"choice"`
	Argument       strictjson.Raw `json:"choiceArgument"`
	Result         strictjson.Raw `json:"exerciseResult"`
	Actors         []ident.Party  `json:"actingParties"`
	Witnesses      []ident.Party  `json:"witnessParties"`
	Consuming      bool           `json:"consuming"`
	LastDescendant *int32         `json:"lastDescendantNodeId"`
	Implements     []string       `json:"implementedInterfaces"`
	ACSDelta       *bool          `json:"acsDelta"`
}

type wireReassignment struct {
	UpdateID       string     `json:"updateId"`
	CommandID      string     `json:"commandId"`
	WorkflowID     string     `json:"workflowId"`
	Offset         *int64     `json:"offset"`
	RecordTime     *time.Time `json:"recordTime"`
	SynchronizerID string     `json:"synchronizerId"`
	Events         []wireMove `json:"events"`
	TrafficCost    *int64     `json:"paidTrafficCost"`
}

type wireMove struct {
	Assigned *struct {
		Source  string       `json:"source"`
		Target  string       `json:"target"`
		Counter int64        `json:"reassignmentCounter"`
		Created *wireCreated `json:"createdEvent"`
	} `json:"JsAssignmentEvent"`
	Unassigned *struct {
		Value *struct {
			ContractID string `json:"contractId"`
			Source     string `json:"source"`
			Target     string `json:"target"`
			Counter    int64  `json:"reassignmentCounter"`
			NodeID     int32  `json:"nodeId"`
		} `json:"value"`
	} `json:"JsUnassignedEvent"`
}

type wireCheckpoint struct {
	Offset *int64 `json:"offset"`
	Times  []struct {
		SynchronizerID string     `json:"synchronizerId"`
		RecordTime     *time.Time `json:"recordTime"`
	} `json:"synchronizerTimes"`
}

type wireTopology struct {
	UpdateID       string     `json:"updateId"`
	Offset         *int64     `json:"offset"`
	SynchronizerID string     `json:"synchronizerId"`
	RecordTime     *time.Time `json:"recordTime"`
	// Events are decoded one by one: 3.3 had a flatter shape, and a change of hosting that we cannot read must
	// not stop the ledger.
	Events []strictjson.Raw `json:"events"`
}

type wireHosting struct {
	Event map[string]struct {
		Value struct {
			Party       string         `json:"partyId"`
			Participant string         `json:"participantId"`
			Permission  strictjson.Raw `json:"participantPermission"`
		} `json:"value"`
	} `json:"event"`
}
