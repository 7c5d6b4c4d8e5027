package sandbox

import (
	"encoding/hex"
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
	if f.trees {
		tree := v.writeTree(u, f)
		if tree == nil {
			return nil
		}

		return &updateJSON{TransactionTree: &wrapped[treeJSON]{*tree}}
	}

	tx := v.writeTransaction(u, f)
	if tx == nil {
		return nil
	}

	return &updateJSON{Transaction: &wrapped[transactionJSON]{*tx}}
}

// transactionOf admits whom a transaction concerns, and writes it. It must not be called under Sandbox.mu.
func (v *Validator) transactionOf(u *update, f *updateFormat) *transactionJSON {
	v.find(f, func() *update { return u })

	return v.writeTransaction(u, f)
}

// treeOf admits whom a transaction concerns, and writes it in the older shape. It must not be called under Sandbox.mu.
func (v *Validator) treeOf(u *update, f *updateFormat) *treeJSON {
	v.find(f, func() *update { return u })

	return v.writeTree(u, f)
}

// writeTransaction writes a transaction in the shape of the format; nil when the format shows nothing of it.
func (v *Validator) writeTransaction(u *update, f *updateFormat) *transactionJSON {
	if u.kind != updateTransaction || f.transactions == nil {
		return nil
	}

	events := project(u, f.transactions, f.effects)
	if len(events) == 0 && !v.showsEmpty(u, f) {
		return nil
	}

	tx := &transactionJSON{transactionHead: v.headOf(u, f.transactions), Events: make([]eventJSON, 0, len(events))}

	for _, e := range events {
		tx.Events = append(tx.Events, v.eventOf(u.offsets[v.index], f.transactions, e, f.effects))
	}

	if !v.cfg.Version.atLeast(V34) {
		return tx
	}

	if tx.CommandID != "" && u.trafficCost > 0 {
		tx.TrafficCost = &u.trafficCost
	}

	if u.signed {
		tx.ExternalHash = hex.EncodeToString(u.externalHash[:])
	}

	if v.cfg.Version.atLeast(V36) {
		tx.Hash = tx.ExternalHash
	}

	return tx
}

// showsEmpty reports whether a transaction is told though its changes of active contracts cancel out, as 3.3 does.
func (v *Validator) showsEmpty(u *update, f *updateFormat) bool {
	if f.effects || v.cfg.Version.atLeast(V34) {
		return false
	}

	return slices.ContainsFunc(u.nodes, func(n *node) bool {
		return n.transient && f.transactions.concerns(n.contract) &&
			f.transactions.selects(n.contract, f.transactions.witnessed(n.contract.stakeholders()))
	})
}

// writeTree writes a transaction in the older shape; nil when the format shows nothing of it.
func (v *Validator) writeTree(u *update, f *updateFormat) *treeJSON {
	if u.kind != updateTransaction || f.transactions == nil {
		return nil
	}

	events := project(u, f.transactions, true)
	if len(events) == 0 {
		return nil
	}

	return &treeJSON{v.headOf(u, f.transactions), v.treeEvents(u, f.transactions, events)}
}

func (v *Validator) headOf(u *update, f *format) transactionHead {
	head := transactionHead{
		UpdateID: u.id, WorkflowID: u.workflowID, EffectiveAt: instant(u.effectiveAt), Offset: u.offsets[v.index],
		SynchronizerID: u.synchronizer.id, RecordTime: instant(u.recordTime), Trace: traceOf(u),
	}

	// The command, and what it cost, are its submitters' own business, and their node's.
	if own := f.witnessed(u.submitters); len(own) > 0 && v.submittedHere(u) {
		head.CommandID = u.commandID
	}

	return head
}

// submittedHere reports whether an update was submitted here. The network's wallets submit on the first node.
func (v *Validator) submittedHere(u *update) bool {
	return u.submitter == v || u.submitter == nil && v.index == 0
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

	added := obj{"partyId": u.party, "participantId": v.participant}
	told := &topologyJSON{
		UpdateID: u.id, Offset: u.offsets[v.index], SynchronizerID: u.synchronizer.id, RecordTime: instant(u.recordTime),
	}

	if v.cfg.Version.atLeast(V34) {
		added["participantPermission"] = f.hosting[u.party].String()
		told.Events = []obj{{"event": obj{"ParticipantAuthorizationAdded": obj{"value": added}}}}
		told.Trace = traceOf(u)
	} else {
		added["participantPermission"] = f.hosting[u.party]
		told.Events = []obj{{"ParticipantAuthorizationAdded": added}}
	}

	return &updateJSON{Topology: &wrapped[topologyJSON]{*told}}
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
			reassignmentID: v.reassignmentID(m), Source: m.source.id, Target: m.target.id,
			Submitter: m.submitter, Counter: m.counter,
			Created: v.createdEvent(c, u.offsets[v.index], f.reassignments, witnesses, true),
		}}
	}

	told := reassignmentJSON{
		UpdateID: u.id, Offset: u.offsets[v.index], Events: []obj{event}, Trace: traceOf(u),
		RecordTime: instant(u.recordTime),
	}
	if v.cfg.Version.atLeast(V34) {
		told.SynchronizerID = u.synchronizer.id
	}

	return &updateJSON{Reassignment: &wrapped[reassignmentJSON]{told}}
}

func (v *Validator) reassignmentID(m *move) reassignmentID {
	if !v.cfg.Version.atLeast(V34) {
		return reassignmentID{Unassign: m.id}
	}

	return reassignmentID{ID: m.id}
}

func (v *Validator) unassigned(c *contract, m *move, offset ident.Offset, witnesses []ident.Party) unassignedJSON {
	return unassignedJSON{
		reassignmentID: v.reassignmentID(m), Contract: c.id, Template: c.template.String(),
		Source: m.source.id, Target: m.target.id, Submitter: m.submitter, Counter: m.counter,
		Witnesses: witnesses, PackageName: c.packageName, Offset: offset,
	}
}
