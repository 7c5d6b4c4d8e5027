package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"

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
	s.addValidator()
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

	if err := s.first().administer(); err != nil {
		return nil, err
	}

	if err := s.startFaults(); err != nil {
		return nil, err
	}

	return s, nil
}

// recording builds a ledger out of recorded updates.
type recording struct {
	s     *Sandbox
	shift ident.Offset
}

func (r *recording) v() *Validator { return r.s.first() }

// errRecording is a recording that cannot be served as it is.
var errRecording = errors.New("not a recording of transactions")

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

	if len(r.v().history) == 0 && tx.Offset == ident.Begin {
		r.shift = 1
	}

	tx.Offset += r.shift

	if tx.Offset <= r.v().end {
		return fmt.Errorf("%w: offset %d after %d", errRecording, tx.Offset, r.v().end)
	}

	u := &update{
		kind: updateTransaction, id: tx.UpdateID, offsets: offsets{tx.Offset}, commandID: tx.CommandID,
		workflowID:  tx.WorkflowID,
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

	r.v().end = tx.Offset
	r.v().history = append(r.v().history, u)

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
	c.node = &node{details: &details{}, kind: nodeCreate, contract: c, id: answer.Created.Event.NodeID}
	c.created[0] = max(answer.Created.Event.Offset+r.shift, ident.Begin+1)
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
	for _, u := range r.v().history {
		u.submitters = []ident.Party{party}
	}
}

// know makes parties answerable without any update.
func (s *Sandbox) know(parties ...ident.Party) {
	for _, party := range parties {
		if _, ok := s.parties[party]; !ok {
			s.parties[party] = localParty(s.first())
			s.partyOrder = append(s.partyOrder, party)
		}
	}
}
