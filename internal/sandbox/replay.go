package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// ReplayConfig is what a replay needs besides the recording.
type ReplayConfig struct {
	// Config as for New; the clock, the tokens and their shapes have no meaning here.
	Config
	// Lookups are recorded answers of events-by-contract-id: they tell of contracts created before the recording
	// began.
	Lookups []json.RawMessage
}

// NewReplay serves a recording as a node: updates is a list of {"update": {"Transaction": {"value": …}}} in
// the LEDGER_EFFECTS shape, as one party's stream showed them. The node answers for that party and for every other
// witness that the recording names. Nothing can be added.
//
// A recorded file may begin at offset 0, which no live node gives to an update, because streams begin after an
// offset. Such a recording is served with every offset one higher, those inside events too.
func NewReplay(updates []json.RawMessage, party ident.Party, cfg ReplayConfig) (*Sandbox, error) {
	s, err := newEmpty(cfg.Config)
	if err != nil {
		return nil, err
	}

	s.replay = true
	s.participant = "participant::" + s.fingerprint()
	s.know(party)

	if len(updates) > s.cfg.MaxUpdates {
		return nil, fmt.Errorf("replay of %d updates: %w", len(updates), ErrFull)
	}

	r := &recording{s: s}

	for i, raw := range updates {
		if err := r.add(raw); err != nil {
			return nil, fmt.Errorf("recorded update %d: %w", i, err)
		}
	}

	for i, raw := range cfg.Lookups {
		if err := r.lookup(raw); err != nil {
			return nil, fmt.Errorf("recorded contract events %d: %w", i, err)
		}
	}

	r.finish(party)

	return s, nil
}

// recording builds a ledger out of recorded updates.
type recording struct {
	s     *Sandbox
	shift ident.Offset
}

// errRecording is a recording that cannot be served as it is.
var errRecording = errors.New("not a recording of transactions")

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

func (r *recording) add(raw json.RawMessage) error {
	var item struct {
		Update struct {
			Transaction *wrapped[recordedTransaction] `json:"Transaction"`
		} `json:"update"`
	}

	if err := json.Unmarshal(raw, &item); err != nil {
		return fmt.Errorf("%w: %w", errRecording, err)
	}

	if item.Update.Transaction == nil {
		return fmt.Errorf("%w: want {\"update\":{\"Transaction\":…}}", errRecording)
	}

	tx := item.Update.Transaction.Value

	if len(r.s.history) == 0 && tx.Offset == ident.Begin {
		r.shift = 1
	}

	tx.Offset += r.shift

	if tx.Offset <= r.s.end {
		return fmt.Errorf("%w: offset %d after %d", errRecording, tx.Offset, r.s.end)
	}

	u := &update{
		kind: updateTransaction, id: tx.UpdateID, offset: tx.Offset, commandID: tx.CommandID, workflowID: tx.WorkflowID,
		effectiveAt: tx.EffectiveAt, recordTime: tx.RecordTime, synchronizer: r.synchronizer(tx.SynchronizerID),
		trafficCost: tx.TrafficCost,
	}
	if tx.Trace != nil {
		u.traceparent = tx.Trace.Parent
	}

	for _, event := range tx.Events {
		n, err := r.event(u, event)
		if err != nil {
			return err
		}

		u.nodes = append(u.nodes, n)
	}

	r.s.end = u.offset
	r.s.history = append(r.s.history, u)

	if u.recordTime.After(u.synchronizer.last) {
		u.synchronizer.last = u.recordTime
	}

	return nil
}

func (r *recording) synchronizer(id ident.SynchronizerID) *synchronizer {
	for _, known := range r.s.synchronizers {
		if known.id == id {
			return known
		}
	}

	r.s.connect("recorded", string(id), 0)

	return r.s.synchronizers[len(r.s.synchronizers)-1]
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

	n := &node{kind: nodeCreate, id: e.NodeID, last: e.NodeID, contract: c, witnesses: union(e.Witnesses)}
	c.node, c.offset, c.home = n, u.offset, u.synchronizer

	if c.archivedAt == u.offset {
		n.transient, c.archivedBy.transient = true, true
	}

	r.s.contracts[c.id] = c
	r.s.order = append(r.s.order, c)

	return n, nil
}

// learn takes over what a create tells about a contract that was known by its id only.
func (c *contract) learn(from *contract) {
	c.template, c.packageName = from.template, from.packageName
	c.argument, c.signatories, c.observers = from.argument, from.signatories, from.observers
	c.views, c.createdAt = from.views, from.createdAt
}

func contractOf(e *recordedCreate) (*contract, error) {
	template, err := ident.ParseName(e.TemplateID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecording, err)
	}

	c := &contract{
		id: e.ContractID, template: template, packageName: e.PackageName, argument: e.Argument,
		signatories: e.Signatories, observers: e.Observers, createdAt: e.CreatedAt,
	}

	for _, v := range e.Views {
		name, err := ident.ParseName(v.InterfaceID)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRecording, err)
		}

		c.views = append(c.views, view{iface: name, value: v.Value})
	}

	return c, nil
}

func (r *recording) exercise(u *update, e *recordedExercise) (*node, error) {
	c, err := r.exercised(e)
	if err != nil {
		return nil, err
	}

	r.s.know(e.Witnesses...)

	n := &node{
		kind: nodeExercise, id: e.NodeID, last: e.Last, contract: c, choice: e.Choice, argument: e.Argument,
		result: e.Result, acting: e.Acting, consuming: e.Consuming, witnesses: union(e.Witnesses),
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
	case c.archivedAt == 0:
		c.archivedAt, c.archivedBy = u.offset, n
	case c.node != nil:
		return nil, fmt.Errorf("%w: contract %s is archived twice", errRecording, c.id)
	default:
		return n, nil
	}

	if c.node != nil && c.offset == u.offset {
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

	c := &contract{id: e.ContractID, template: template, packageName: e.PackageName, signatories: e.Acting}

	for _, text := range e.Interfaces {
		name, err := ident.ParseName(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRecording, err)
		}

		c.views = append(c.views, view{iface: name, value: json.RawMessage("null")})
	}

	r.s.contracts[c.id] = c

	return c, nil
}

// lookup adds what a recorded events-by-contract-id answer tells about a contract that the updates do not
// create.
func (r *recording) lookup(raw json.RawMessage) error {
	var answer struct {
		Created *struct {
			Event recordedCreate `json:"createdEvent"`
		} `json:"created"`
	}

	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%w: %w", errRecording, err)
	}

	if answer.Created == nil {
		return nil
	}

	old, err := contractOf(&answer.Created.Event)
	if err != nil {
		return err
	}

	c, known := r.s.contracts[old.id]
	if !known || c.node != nil {
		return nil // not part of this history, or told by it already
	}

	c.learn(old)
	c.node = &node{kind: nodeCreate, contract: c, id: answer.Created.Event.NodeID}
	c.offset = max(answer.Created.Event.Offset+r.shift, ident.Begin+1)
	c.home = r.s.primary()

	return nil
}

// finish settles what only the whole recording tells.
func (r *recording) finish(party ident.Party) {
	if len(r.s.synchronizers) == 0 {
		r.s.connect("recorded", "recorded::"+r.s.fingerprint(), 0)
	}

	for _, c := range r.s.contracts {
		if c.home == nil {
			c.home = r.s.primary()
		}
	}

	// Recorded command ids are those that the recorded party saw.
	for _, u := range r.s.history {
		u.submitter = party
	}
}

// know makes parties answerable without any update.
func (s *Sandbox) know(parties ...ident.Party) {
	for _, party := range parties {
		if _, ok := s.parties[party]; !ok {
			s.parties[party] = &partyState{}
			s.partyOrder = append(s.partyOrder, party)
		}
	}
}
