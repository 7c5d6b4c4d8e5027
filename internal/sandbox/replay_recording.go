package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// recordedTransaction is a transaction as it was recorded; time stamps are kept as they are.
type recordedTransaction struct {
	UpdateID       ident.UpdateID       `json:"updateId"`
	CommandID      string               `json:"commandId"`
	WorkflowID     string               `json:"workflowId"`
	EffectiveAt    time.Time            `json:"effectiveAt"`
	RecordTime     time.Time            `json:"recordTime"`
	Offset         ident.Offset         `json:"offset"`
	SynchronizerID ident.SynchronizerID `json:"synchronizerId"`
	Trace          *struct {
		Parent string `json:"traceparent"`
	} `json:"traceContext"`
	Events      []recordedEvent `json:"events"`
	TrafficCost int64           `json:"paidTrafficCost"`
}

type recordedEvent struct {
	Created   *recordedCreate   `json:"CreatedEvent"`
	Exercised *recordedExercise `json:"ExercisedEvent"`
}

type recordedCreate struct {
	Offset      ident.Offset     `json:"offset"`
	NodeID      ident.NodeID     `json:"nodeId"`
	ContractID  ident.ContractID `json:"contractId"`
	TemplateID  string           `json:"templateId"`
	Argument    json.RawMessage  `json:"createArgument"`
	Views       []recordedView   `json:"interfaceViews"`
	Witnesses   []ident.Party    `json:"witnessParties"`
	Signatories []ident.Party    `json:"signatories"`
	Observers   []ident.Party    `json:"observers"`
	CreatedAt   time.Time        `json:"createdAt"`
	PackageName string           `json:"packageName"`
}

type recordedView struct {
	InterfaceID string          `json:"interfaceId"`
	Value       json.RawMessage `json:"viewValue"`
}

type recordedExercise struct {
	NodeID      ident.NodeID     `json:"nodeId"`
	Last        ident.NodeID     `json:"lastDescendantNodeId"`
	ContractID  ident.ContractID `json:"contractId"`
	TemplateID  string           `json:"templateId"`
	InterfaceID string           `json:"interfaceId"`
	Choice      string           `json:"choice"`
	Argument    json.RawMessage  `json:"choiceArgument"`
	Result      json.RawMessage  `json:"exerciseResult"`
	Acting      []ident.Party    `json:"actingParties"`
	Consuming   bool             `json:"consuming"`
	Witnesses   []ident.Party    `json:"witnessParties"`
	PackageName string           `json:"packageName"`
	Interfaces  []string         `json:"implementedInterfaces"`
}

func (r *recording) event(u *update, event recordedEvent) (*node, error) {
	switch {
	case event.Created != nil:
		return r.create(u, event.Created)
	case event.Exercised != nil:
		return r.exercise(u, event.Exercised)
	default:
		return nil, fmt.Errorf("%w: an event is neither a create nor an exercise", errRecording)
	}
}

func (r *recording) create(u *update, e *recordedCreate) (*node, error) {
	c, err := contractOf(e)
	if err != nil {
		return nil, err
	}

	if early, ok := r.s.contracts[c.id]; ok {
		if early.node != nil {
			return nil, fmt.Errorf("%w: contract %s is created twice", errRecording, c.id)
		}

		// Its end was listed before its beginning.
		early.learn(c)
		c = early
	}

	r.s.know(e.Witnesses...)

	n := &node{
		details: &details{}, kind: nodeCreate, id: e.NodeID, last: e.NodeID, contract: c, witnesses: union(e.Witnesses),
	}
	c.node, c.created, c.home = n, u.offsets, u.synchronizer

	if c.archived == u.offsets {
		n.transient, c.archivedBy.transient = true, true
	}

	r.s.contracts[c.id] = c
	r.s.order = append(r.s.order, c)

	return n, nil
}

// learn takes over what a create tells about a contract that was known by its id only.
func (c *contract) learn(from *contract) {
	c.species, c.content, c.createdAt = from.species, from.content, from.createdAt
	c.signatories, c.observers = from.signatories, from.observers
}

func contractOf(e *recordedCreate) (*contract, error) {
	template, err := ident.ParseName(e.TemplateID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecording, err)
	}

	said := &written{arg: e.Argument}

	for _, v := range e.Views {
		name, err := ident.ParseName(v.InterfaceID)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRecording, err)
		}

		said.views = append(said.views, view{iface: name, value: v.Value})
	}

	return &contract{
		species: &species{template: template, packageName: e.PackageName, interfaces: said.interfaces()},
		id:      e.ContractID, content: said, signatories: e.Signatories, observers: e.Observers, createdAt: e.CreatedAt,
	}, nil
}

func (r *recording) exercise(u *update, e *recordedExercise) (*node, error) {
	c, err := r.exercised(e)
	if err != nil {
		return nil, err
	}

	r.s.know(e.Witnesses...)

	n := &node{
		kind: nodeExercise, id: e.NodeID, last: e.Last, contract: c, witnesses: union(e.Witnesses),
		details: &details{
			choice: e.Choice, argument: e.Argument, result: e.Result, acting: e.Acting, consuming: e.Consuming,
		},
	}

	if e.InterfaceID != "" {
		if n.iface, err = ident.ParseName(e.InterfaceID); err != nil {
			return nil, fmt.Errorf("%w: %w", errRecording, err)
		}
	}

	if !e.Consuming {
		return n, nil
	}

	// A recording may be a collection of unrelated cases, in which an older contract ends more than once: the
	// first end counts. What the recording itself creates cannot.
	switch {
	case c.active():
		c.archived, c.archivedBy = u.offsets, n
	case c.node != nil:
		return nil, fmt.Errorf("%w: contract %s is archived twice", errRecording, c.id)
	default:
		return n, nil
	}

	if c.node != nil && c.created == u.offsets {
		n.transient, c.node.transient = true, true
	}

	return n, nil
}

// exercised is the contract that a choice was exercised on. One created before the recording is known by that
// exercise alone: its stakeholders are then taken to be those who acted, and its payload is unknown.
func (r *recording) exercised(e *recordedExercise) (*contract, error) {
	if c, ok := r.s.contracts[e.ContractID]; ok {
		return c, nil
	}

	template, err := ident.ParseName(e.TemplateID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecording, err)
	}

	c := &contract{
		species: &species{template: template, packageName: e.PackageName}, id: e.ContractID, signatories: e.Acting,
	}

	for _, text := range e.Interfaces {
		name, err := ident.ParseName(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRecording, err)
		}

		c.interfaces = append(c.interfaces, name)
	}

	r.s.contracts[c.id] = c

	return c, nil
}
