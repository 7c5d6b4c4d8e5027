package sandbox

import (
	"encoding/json"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// permission is what a node may do for a party that it hosts (ParticipantPermission), by its number in the protocol.
type permission int

const (
	permissionUnspecified permission = iota
	permissionSubmission
	permissionConfirmation
	permissionObservation
)

// String is the permission as JSON spells it, except in topology events of 3.3, which have the number.
func (p permission) String() string {
	switch p {
	case permissionSubmission:
		return "PARTICIPANT_PERMISSION_SUBMISSION"
	case permissionConfirmation:
		return "PARTICIPANT_PERMISSION_CONFIRMATION"
	case permissionObservation:
		return "PARTICIPANT_PERMISSION_OBSERVATION"
	case permissionUnspecified:
	}

	return "PARTICIPANT_PERMISSION_UNSPECIFIED"
}

// instant is a time stamp of the envelope: UTC with 0, 3 or 6 fraction digits, as Java prints an Instant.
type instant time.Time

func (t instant) MarshalText() ([]byte, error) {
	layout := "2006-01-02T15:04:05.000000Z"

	switch ns := time.Time(t).Nanosecond(); {
	case ns == 0:
		layout = "2006-01-02T15:04:05Z"
	case ns%int(time.Millisecond) == 0:
		layout = "2006-01-02T15:04:05.000Z"
	}

	return []byte(time.Time(t).UTC().Format(layout)), nil
}

// wrapped is the {"value": …} around most one-of members.
type wrapped[T any] struct {
	Value T `json:"value"`
}

// itemJSON is one element of a list of updates, or one message of a stream.
type itemJSON struct {
	Update *updateJSON `json:"update"`
}

// updateJSON is a one-of: exactly one member is set.
type updateJSON struct {
	Transaction     *wrapped[transactionJSON]  `json:"Transaction,omitempty"`
	TransactionTree *wrapped[treeJSON]         `json:"TransactionTree,omitempty"`
	Reassignment    *wrapped[reassignmentJSON] `json:"Reassignment,omitempty"`
	Checkpoint      *wrapped[checkpointJSON]   `json:"OffsetCheckpoint,omitempty"`
	Topology        *wrapped[topologyJSON]     `json:"TopologyTransaction,omitempty"`
}

// traceJSON is the submitter's trace context.
type traceJSON struct {
	Parent string  `json:"traceparent"`
	State  *string `json:"tracestate"`
}

func traceOf(u *update) *traceJSON {
	if u.traceparent == "" {
		return nil
	}

	return &traceJSON{Parent: u.traceparent}
}

// transactionHead is what both shapes of a transaction share.
type transactionHead struct {
	UpdateID       ident.UpdateID       `json:"updateId"`
	CommandID      string               `json:"commandId"`
	WorkflowID     string               `json:"workflowId"`
	EffectiveAt    instant              `json:"effectiveAt"`
	Offset         ident.Offset         `json:"offset"`
	SynchronizerID ident.SynchronizerID `json:"synchronizerId"`
	Trace          *traceJSON           `json:"traceContext"`
	RecordTime     instant              `json:"recordTime"`
}

type transactionJSON struct {
	transactionHead

	Events       []eventJSON `json:"events"`
	ExternalHash string      `json:"externalTransactionHash,omitempty"` // 3.4+
	Hash         string      `json:"transactionHash,omitempty"`         // 3.6+, the same
	TrafficCost  *int64      `json:"paidTrafficCost,omitempty"`         // 3.4+
}

type treeJSON struct {
	transactionHead

	EventsByID map[string]treeEventJSON `json:"eventsById"`
}

type treeEventJSON struct {
	Created   *wrapped[*createdJSON]   `json:"CreatedTreeEvent,omitempty"`
	Exercised *wrapped[*exercisedJSON] `json:"ExercisedTreeEvent,omitempty"`
}

type eventJSON struct {
	Created   *createdJSON   `json:"CreatedEvent,omitempty"`
	Exercised *exercisedJSON `json:"ExercisedEvent,omitempty"`
	Archived  *archivedJSON  `json:"ArchivedEvent,omitempty"`
}

type createdJSON struct {
	Offset         ident.Offset     `json:"offset"`
	NodeID         ident.NodeID     `json:"nodeId"`
	ContractID     ident.ContractID `json:"contractId"`
	TemplateID     string           `json:"templateId"`
	Key            *struct{}        `json:"contractKey"`
	KeyHash        *string          `json:"contractKeyHash,omitempty"` // 3.5+
	Argument       json.RawMessage  `json:"createArgument"`
	Blob           string           `json:"createdEventBlob"`
	Views          []viewJSON       `json:"interfaceViews"`
	Witnesses      []ident.Party    `json:"witnessParties"`
	Signatories    []ident.Party    `json:"signatories"`
	Observers      []ident.Party    `json:"observers"`
	CreatedAt      instant          `json:"createdAt"`
	PackageName    string           `json:"packageName"`
	Representative string           `json:"representativePackageId,omitempty"` // 3.4+
	Delta          *bool            `json:"acsDelta,omitempty"`                // 3.4+
}

type viewJSON struct {
	InterfaceID    string          `json:"interfaceId"`
	Status         statusJSON      `json:"viewStatus"`
	Value          json.RawMessage `json:"viewValue"`
	Implementation *string         `json:"implementationPackageId,omitempty"` // 3.5+
}

type statusJSON struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Details []struct{} `json:"details"`
}

type exercisedJSON struct {
	Offset      ident.Offset     `json:"offset"`
	NodeID      ident.NodeID     `json:"nodeId"`
	ContractID  ident.ContractID `json:"contractId"`
	TemplateID  string           `json:"templateId"`
	InterfaceID *string          `json:"interfaceId"`
	Choice      string           `json:"choice"`
	Argument    json.RawMessage  `json:"choiceArgument"`
	Acting      []ident.Party    `json:"actingParties"`
	Consuming   bool             `json:"consuming"`
	Witnesses   []ident.Party    `json:"witnessParties"`
	Last        ident.NodeID     `json:"lastDescendantNodeId"`
	Result      json.RawMessage  `json:"exerciseResult"`
	PackageName string           `json:"packageName"`
	Interfaces  []string         `json:"implementedInterfaces"`
	Delta       *bool            `json:"acsDelta,omitempty"` // 3.4+
}

type archivedJSON struct {
	Offset      ident.Offset     `json:"offset"`
	NodeID      ident.NodeID     `json:"nodeId"`
	ContractID  ident.ContractID `json:"contractId"`
	TemplateID  string           `json:"templateId"`
	Witnesses   []ident.Party    `json:"witnessParties"`
	PackageName string           `json:"packageName"`
	Interfaces  []string         `json:"implementedInterfaces"`
}

type reassignmentJSON struct {
	UpdateID       ident.UpdateID       `json:"updateId"`
	CommandID      string               `json:"commandId"`
	WorkflowID     string               `json:"workflowId"`
	Offset         ident.Offset         `json:"offset"`
	Events         []obj                `json:"events"`
	Trace          *traceJSON           `json:"traceContext"`
	RecordTime     instant              `json:"recordTime"`
	SynchronizerID ident.SynchronizerID `json:"synchronizerId,omitempty"` // 3.4+
}

// reassignmentID is the id under the name that the node's version has for it.
type reassignmentID struct {
	ID       string `json:"reassignmentId,omitempty"`
	Unassign string `json:"unassignId,omitempty"` // 3.3
}

type assignedJSON struct {
	reassignmentID

	Source    ident.SynchronizerID `json:"source"`
	Target    ident.SynchronizerID `json:"target"`
	Submitter ident.Party          `json:"submitter"`
	Counter   int64                `json:"reassignmentCounter"`
	Created   *createdJSON         `json:"createdEvent"`
}

type unassignedJSON struct {
	reassignmentID

	Contract    ident.ContractID     `json:"contractId"`
	Template    string               `json:"templateId"`
	Source      ident.SynchronizerID `json:"source"`
	Target      ident.SynchronizerID `json:"target"`
	Submitter   ident.Party          `json:"submitter"`
	Counter     int64                `json:"reassignmentCounter"`
	Exclusivity *instant             `json:"assignmentExclusivity"`
	Witnesses   []ident.Party        `json:"witnessParties"`
	PackageName string               `json:"packageName"`
	Offset      ident.Offset         `json:"offset"`
	NodeID      ident.NodeID         `json:"nodeId"`
}

type topologyJSON struct {
	UpdateID       ident.UpdateID       `json:"updateId"`
	Offset         ident.Offset         `json:"offset"`
	SynchronizerID ident.SynchronizerID `json:"synchronizerId"`
	RecordTime     instant              `json:"recordTime"`
	Events         []obj                `json:"events"`
	Trace          *traceJSON           `json:"traceContext,omitempty"` // 3.4+
}

type checkpointJSON struct {
	Offset ident.Offset           `json:"offset"`
	Times  []synchronizerTimeJSON `json:"synchronizerTimes"`
}

type synchronizerTimeJSON struct {
	SynchronizerID ident.SynchronizerID `json:"synchronizerId"`
	RecordTime     instant              `json:"recordTime"`
}
