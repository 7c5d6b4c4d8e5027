package sandbox

import (
	"encoding/base64"
	"slices"
	"strconv"

	"github.com/canton-exchange/suite/internal/ident"
)

// createdEvent writes a create; offset is that of the update it is shown in.
func (v *Validator) createdEvent(
	c *contract, offset ident.Offset, f *format, witnesses []ident.Party, delta bool,
) *createdJSON {
	e := &createdJSON{
		Offset: offset, ContractID: c.id, TemplateID: c.template.String(), Argument: c.argument(),
		Views: []viewJSON{}, Witnesses: witnesses, Signatories: c.signatories, Observers: nonNil(c.observers),
		CreatedAt: instant(c.createdAt), PackageName: c.packageName, Delta: v.delta(delta),
	}

	if offset == c.created[v.index] || c.created[v.index] == unseen {
		e.NodeID = v.nodeID(c.node, f)
	}

	if v.cfg.Version.atLeast(V34) {
		e.Representative = c.template.Package
	}

	if v.cfg.Version.atLeast(V35) {
		e.KeyHash = new(string)
	}

	if f.wantsBlob(c, witnesses) {
		e.Blob = base64.StdEncoding.EncodeToString(c.blob())
	}

	for _, iface := range c.interfaces {
		if !f.wantsView(iface, witnesses) {
			continue
		}

		view := viewJSON{InterfaceID: iface.String(), Status: statusJSON{Details: []struct{}{}}, Value: c.view(iface)}
		if v.cfg.Version.atLeast(V35) {
			view.Implementation = &c.template.Package
		}

		e.Views = append(e.Views, view)
	}

	return e
}

// delta is acsDelta, which 3.3 does not tell.
func (v *Validator) delta(value bool) *bool {
	if !v.cfg.Version.atLeast(V34) {
		return nil
	}

	return &value
}

func (v *Validator) exercisedEvent(offset ident.Offset, f *format, seen seen) *exercisedJSON {
	n := seen.node
	e := &exercisedJSON{
		Offset: offset, NodeID: v.nodeID(n, f), ContractID: n.contract.id, TemplateID: n.contract.template.String(),
		Choice: n.choice, Argument: n.argument, Acting: nonNil(n.acting), Consuming: n.consuming,
		Witnesses: seen.witnesses, Last: v.lastDescendant(n, f), Result: n.result, PackageName: n.contract.packageName,
		Interfaces: []string{}, Delta: v.delta(seen.delta),
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

	for _, iface := range c.interfaces {
		if f.wantsView(iface, witnesses) {
			names = append(names, iface.String())
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
