package sandbox

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

const permissionSubmission = "PARTICIPANT_PERMISSION_SUBMISSION"

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

	Events      []eventJSON `json:"events"`
	TrafficCost *int64      `json:"paidTrafficCost,omitempty"`
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
	Representative string           `json:"representativePackageId"`
	Delta          bool             `json:"acsDelta"`
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
	Delta       bool             `json:"acsDelta"`
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
	SynchronizerID ident.SynchronizerID `json:"synchronizerId"`
}

type assignedJSON struct {
	Source    ident.SynchronizerID `json:"source"`
	Target    ident.SynchronizerID `json:"target"`
	ID        string               `json:"reassignmentId"`
	Submitter ident.Party          `json:"submitter"`
	Counter   int64                `json:"reassignmentCounter"`
	Created   *createdJSON         `json:"createdEvent"`
}

type unassignedJSON struct {
	ID          string               `json:"reassignmentId"`
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
	Trace          *traceJSON           `json:"traceContext"`
}

type authorizationJSON struct {
	Party       ident.Party `json:"partyId"`
	Participant string      `json:"participantId"`
	Permission  string      `json:"participantPermission"`
}

type checkpointJSON struct {
	Offset ident.Offset           `json:"offset"`
	Times  []synchronizerTimeJSON `json:"synchronizerTimes"`
}

type synchronizerTimeJSON struct {
	SynchronizerID ident.SynchronizerID `json:"synchronizerId"`
	RecordTime     instant              `json:"recordTime"`
}

// createdEvent writes a create; offset is that of the update it is shown in.
func (v *Validator) createdEvent(
	c *contract, offset ident.Offset, f *format, witnesses []ident.Party, delta bool,
) *createdJSON {
	e := &createdJSON{
		Offset: offset, ContractID: c.id, TemplateID: c.template.String(), Argument: c.argument,
		Views: []viewJSON{}, Witnesses: witnesses, Signatories: c.signatories, Observers: nonNil(c.observers),
		CreatedAt: instant(c.createdAt), PackageName: c.packageName, Representative: c.template.Package, Delta: delta,
	}

	if offset == c.created[v.index] || c.created[v.index] == unseen {
		e.NodeID = v.nodeID(c.node, f)
	}

	if v.cfg.Version.atLeast(V35) {
		e.KeyHash = new(string)
	}

	for _, shown := range c.views {
		if !f.wantsView(shown.iface, witnesses) {
			continue
		}

		view := viewJSON{InterfaceID: shown.iface.String(), Status: statusJSON{Details: []struct{}{}}, Value: shown.value}
		if v.cfg.Version.atLeast(V35) {
			view.Implementation = &c.template.Package
		}

		e.Views = append(e.Views, view)
	}

	return e
}

func (v *Validator) exercisedEvent(offset ident.Offset, f *format, seen seen) *exercisedJSON {
	n := seen.node
	e := &exercisedJSON{
		Offset: offset, NodeID: v.nodeID(n, f), ContractID: n.contract.id, TemplateID: n.contract.template.String(),
		Choice: n.choice, Argument: n.argument, Acting: nonNil(n.acting), Consuming: n.consuming,
		Witnesses: seen.witnesses, Last: v.lastDescendant(n, f), Result: n.result, PackageName: n.contract.packageName,
		Interfaces: []string{}, Delta: seen.delta,
	}

	if !n.iface.IsZero() {
		name := n.iface.String()
		e.InterfaceID = &name
	}

	if n.consuming {
		e.Interfaces = implemented(n.contract, f, seen.witnesses)
	}

	return e
}

func (v *Validator) archivedEvent(
	n *node, offset ident.Offset, f *format, witnesses []ident.Party,
) *archivedJSON {
	return &archivedJSON{
		Offset: offset, NodeID: v.nodeID(n, f), ContractID: n.contract.id, TemplateID: n.contract.template.String(),
		Witnesses: witnesses, PackageName: n.contract.packageName, Interfaces: implemented(n.contract, f, witnesses),
	}
}

// implemented names the interfaces of a contract that the request asked views of.
func implemented(c *contract, f *format, witnesses []ident.Party) []string {
	names := []string{}

	for _, v := range c.views {
		if f.wantsView(v.iface, witnesses) {
			names = append(names, v.iface.String())
		}
	}

	return names
}

func (v *Validator) treeEvents(u *update, f *format, events []seen) map[string]treeEventJSON {
	byID := make(map[string]treeEventJSON, len(events))

	for _, e := range events {
		event := v.eventOf(u.offsets[v.index], f, e, true)
		id := strconv.FormatInt(int64(v.nodeID(e.node, f)), 10)

		if event.Created != nil {
			byID[id] = treeEventJSON{Created: &wrapped[*createdJSON]{event.Created}}
		} else {
			byID[id] = treeEventJSON{Exercised: &wrapped[*exercisedJSON]{event.Exercised}}
		}
	}

	return byID
}

func nonNil(parties []ident.Party) []ident.Party {
	if parties == nil {
		return []ident.Party{}
	}

	return slices.Clip(parties)
}
