package sandbox

import (
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
)

// seen is one event of a transaction as the asking parties see it.
type seen struct {
	node      *node
	witnesses []ident.Party // asking parties that see it
	delta     bool          // it changes what a stakeholder among them has
}

// project lists the events of a transaction that a format shows, by node id. Fetches have no event, so they
// leave gaps, and so do the parts that only others may see.
func project(u *update, f *format, effects bool) []seen {
	var events []seen

	for _, n := range u.nodes {
		if n.kind == nodeFetch {
			continue
		}

		stakes := f.witnessed(n.contract.stakeholders())
		changes := (n.kind == nodeCreate || n.consuming) && !n.transient && len(stakes) > 0

		witnesses := f.witnessed(n.witnesses)
		if !effects {
			if !changes {
				continue
			}

			witnesses = stakes
		}

		if len(witnesses) == 0 || !f.selects(n.contract, witnesses) {
			continue
		}

		events = append(events, seen{node: n, witnesses: witnesses, delta: changes})
	}

	return events
}

// nodeID is the id under which a node is shown.
func (s *Sandbox) nodeID(n *node, f *format) ident.NodeID {
	if !s.cfg.OwnNodeIDs || n.all == nil {
		return n.id
	}

	var own ident.NodeID

	for _, other := range n.all[:n.id] {
		if len(f.witnessed(other.witnesses)) > 0 {
			own++
		}
	}

	return own
}

// lastDescendant is the id under which a node's last descendant is shown: whoever sees a node sees all below it.
func (s *Sandbox) lastDescendant(n *node, f *format) ident.NodeID {
	return s.nodeID(n, f) + n.last - n.id
}

// render writes an update as the format shows it; nil when it shows nothing of it.
func (s *Sandbox) render(u *update, f *updateFormat) *updateJSON {
	switch u.kind {
	case updateTransaction:
		return s.renderTransaction(u, f)
	case updateAssign, updateUnassign:
		return s.renderReassignment(u, f)
	case updateTopology:
		return s.renderTopology(u, f)
	default:
		return nil
	}
}

func (s *Sandbox) renderTransaction(u *update, f *updateFormat) *updateJSON {
	if f.transactions == nil {
		return nil
	}

	events := project(u, f.transactions, f.effects)
	if len(events) == 0 {
		return nil
	}

	head := transactionHead{
		UpdateID: u.id, WorkflowID: u.workflowID, EffectiveAt: instant(u.effectiveAt), Offset: u.offset,
		SynchronizerID: u.synchronizer.id, RecordTime: instant(u.recordTime), Trace: traceOf(u),
	}

	// The command and its cost are the submitting party's own business.
	if own := f.transactions.witnessed([]ident.Party{u.submitter}); len(own) > 0 {
		head.CommandID = u.commandID
	}

	if f.trees {
		return &updateJSON{TransactionTree: &wrapped[treeJSON]{treeJSON{head, s.treeEvents(u, f.transactions, events)}}}
	}

	tx := transactionJSON{transactionHead: head, Events: make([]eventJSON, 0, len(events))}
	if head.CommandID != "" && u.trafficCost > 0 {
		tx.TrafficCost = &u.trafficCost
	}

	for _, e := range events {
		tx.Events = append(tx.Events, s.eventOf(u.offset, f.transactions, e, f.effects))
	}

	return &updateJSON{Transaction: &wrapped[transactionJSON]{tx}}
}

func (s *Sandbox) eventOf(offset ident.Offset, f *format, e seen, effects bool) eventJSON {
	switch {
	case e.node.kind == nodeCreate:
		return eventJSON{Created: s.createdEvent(e.node.contract, offset, f, e.witnesses, e.delta)}
	case effects:
		return eventJSON{Exercised: s.exercisedEvent(offset, f, e)}
	default:
		return eventJSON{Archived: s.archivedEvent(e.node, offset, f, e.witnesses)}
	}
}

func (s *Sandbox) renderTopology(u *update, f *updateFormat) *updateJSON {
	if !f.topology || f.trees || (len(f.parties) > 0 && !slices.Contains(f.parties, u.party)) {
		return nil
	}

	added := authorizationJSON{Party: u.party, Participant: s.participant, Permission: permissionSubmission}

	return &updateJSON{Topology: &wrapped[topologyJSON]{topologyJSON{
		UpdateID: u.id, Offset: u.offset, SynchronizerID: u.synchronizer.id, RecordTime: instant(u.recordTime),
		Trace: traceOf(u), Events: []obj{{"event": obj{"ParticipantAuthorizationAdded": obj{"value": added}}}},
	}}}
}

func (s *Sandbox) renderReassignment(u *update, f *updateFormat) *updateJSON {
	if f.reassignments == nil {
		return nil
	}

	c, m := u.moved, u.move

	witnesses := f.reassignments.witnessed(c.stakeholders())
	if len(witnesses) == 0 || !f.reassignments.selects(c, witnesses) {
		return nil
	}

	var event obj
	if u.kind == updateUnassign {
		event = obj{"JsUnassignedEvent": obj{"value": s.unassigned(c, m, u.offset, witnesses)}}
	} else {
		event = obj{"JsAssignmentEvent": assignedJSON{
			Source: m.source.id, Target: m.target.id, ID: m.id, Submitter: m.submitter, Counter: m.counter,
			Created: s.createdEvent(c, u.offset, f.reassignments, witnesses, true),
		}}
	}

	return &updateJSON{Reassignment: &wrapped[reassignmentJSON]{reassignmentJSON{
		UpdateID: u.id, Offset: u.offset, Events: []obj{event}, Trace: traceOf(u),
		RecordTime: instant(u.recordTime), SynchronizerID: u.synchronizer.id,
	}}}
}

func (s *Sandbox) unassigned(c *contract, m *move, offset ident.Offset, witnesses []ident.Party) unassignedJSON {
	return unassignedJSON{
		ID: m.id, Contract: c.id, Template: c.template.String(), Source: m.source.id, Target: m.target.id,
		Submitter: m.submitter, Counter: m.counter, Witnesses: witnesses, PackageName: c.packageName, Offset: offset,
	}
}
