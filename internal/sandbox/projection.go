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
func (v *Validator) nodeID(n *node, f *format) ident.NodeID {
	if !v.cfg.OwnNodeIDs || n.all == nil {
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
func (v *Validator) lastDescendant(n *node, f *format) ident.NodeID {
	return v.nodeID(n, f) + n.last - n.id
}

// render writes an update as the format shows it; nil when it shows nothing of it.
func (v *Validator) render(u *update, f *updateFormat) *updateJSON {
	switch u.kind {
	case updateTransaction:
		return v.renderTransaction(u, f)
	case updateAssign, updateUnassign:
		return v.renderReassignment(u, f)
	case updateTopology:
		return v.renderTopology(u, f)
	default:
		return nil
	}
}

func (v *Validator) renderTransaction(u *update, f *updateFormat) *updateJSON {
	if f.transactions == nil {
		return nil
	}

	events := project(u, f.transactions, f.effects)
	if len(events) == 0 {
		return nil
	}

	head := transactionHead{
		UpdateID: u.id, WorkflowID: u.workflowID, EffectiveAt: instant(u.effectiveAt), Offset: u.offsets[v.index],
		SynchronizerID: u.synchronizer.id, RecordTime: instant(u.recordTime), Trace: traceOf(u),
	}

	// The command and its cost are the submitting party's own business.
	if own := f.transactions.witnessed(u.submitters); len(own) > 0 {
		head.CommandID = u.commandID
	}

	if f.trees {
		return &updateJSON{TransactionTree: &wrapped[treeJSON]{treeJSON{head, v.treeEvents(u, f.transactions, events)}}}
	}

	tx := transactionJSON{transactionHead: head, Events: make([]eventJSON, 0, len(events))}
	if head.CommandID != "" && u.trafficCost > 0 {
		tx.TrafficCost = &u.trafficCost
	}

	for _, e := range events {
		tx.Events = append(tx.Events, v.eventOf(u.offsets[v.index], f.transactions, e, f.effects))
	}

	return &updateJSON{Transaction: &wrapped[transactionJSON]{tx}}
}

func (v *Validator) eventOf(offset ident.Offset, f *format, e seen, effects bool) eventJSON {
	switch {
	case e.node.kind == nodeCreate:
		return eventJSON{Created: v.createdEvent(e.node.contract, offset, f, e.witnesses, e.delta)}
	case effects:
		return eventJSON{Exercised: v.exercisedEvent(offset, f, e)}
	default:
		return eventJSON{Archived: v.archivedEvent(e.node, offset, f, e.witnesses)}
	}
}

func (v *Validator) renderTopology(u *update, f *updateFormat) *updateJSON {
	if !f.topology || f.trees || (len(f.parties) > 0 && !slices.Contains(f.parties, u.party)) {
		return nil
	}

	added := authorizationJSON{Party: u.party, Participant: v.participant, Permission: permissionSubmission}

	return &updateJSON{Topology: &wrapped[topologyJSON]{topologyJSON{
		UpdateID: u.id, Offset: u.offsets[v.index], SynchronizerID: u.synchronizer.id, RecordTime: instant(u.recordTime),
		Trace: traceOf(u), Events: []obj{{"event": obj{"ParticipantAuthorizationAdded": obj{"value": added}}}},
	}}}
}

func (v *Validator) renderReassignment(u *update, f *updateFormat) *updateJSON {
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
		event = obj{"JsUnassignedEvent": obj{"value": v.unassigned(c, m, u.offsets[v.index], witnesses)}}
	} else {
		event = obj{"JsAssignmentEvent": assignedJSON{
			Source: m.source.id, Target: m.target.id, ID: m.id, Submitter: m.submitter, Counter: m.counter,
			Created: v.createdEvent(c, u.offsets[v.index], f.reassignments, witnesses, true),
		}}
	}

	return &updateJSON{Reassignment: &wrapped[reassignmentJSON]{reassignmentJSON{
		UpdateID: u.id, Offset: u.offsets[v.index], Events: []obj{event}, Trace: traceOf(u),
		RecordTime: instant(u.recordTime), SynchronizerID: u.synchronizer.id,
	}}}
}

func (v *Validator) unassigned(c *contract, m *move, offset ident.Offset, witnesses []ident.Party) unassignedJSON {
	return unassignedJSON{
		ID: m.id, Contract: c.id, Template: c.template.String(), Source: m.source.id, Target: m.target.id,
		Submitter: m.submitter, Counter: m.counter, Witnesses: witnesses, PackageName: c.packageName, Offset: offset,
	}
}
