package sandbox

import (
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
)

// selection is a set of contracts: the union of its parts.
type selection struct {
	wildcard   bool
	templates  []ident.Name
	interfaces []ident.Name
}

// filter is what one party (or anybody) asked to see.
type filter struct {
	selection

	views []ident.Name // interfaces whose views are wanted too
	blobs selection    // whose blobs are wanted too
}

// format is a resolved event format. It belongs to the one request that it was resolved for.
type format struct {
	byParty map[ident.Party]*filter
	any     *filter

	// local is which parties live on the node, of those met so far: see Validator.admit. It is nil on a network of
	// one node, where all do.
	local map[ident.Party]bool
}

// updateFormat is a resolved update format.
type updateFormat struct {
	transactions  *format
	effects       bool // LEDGER_EFFECTS rather than ACS_DELTA
	trees         bool // the older eventsById shape
	reassignments *format
	topology      bool
	parties       []ident.Party              // of topology events; all when empty
	hosting       map[ident.Party]permission // of the parties of those topology events that are about to be told
}

func (s *selection) add(other selection) {
	s.wildcard = s.wildcard || other.wildcard
	s.templates = append(s.templates, other.templates...)
	s.interfaces = append(s.interfaces, other.interfaces...)
}

// selects reports whether a contract is in the set.
func (s *selection) selects(c *contract) bool {
	return s.wildcard || slices.ContainsFunc(s.templates, c.template.Is) ||
		slices.ContainsFunc(s.interfaces, c.implements)
}

// admit notes which of the parties live on the node, as nodes tell nothing of parties that live elsewhere. Whoever
// renders something for f has to admit its parties before. It is called under Sandbox.mu.
func (v *Validator) admit(f *format, parties ...ident.Party) {
	if f == nil || f.local == nil {
		return
	}

	for _, party := range parties {
		f.local[party] = v.hosts(party)
	}
}

// admitUpdate admits everybody whom an update concerns, and notes how the node hosts the party that it is about.
func (v *Validator) admitUpdate(f *updateFormat, u *update) {
	if u.kind == updateTopology && f.topology {
		if f.hosting == nil {
			f.hosting = map[ident.Party]permission{}
		}

		f.hosting[u.party] = v.permission(u.party)
	}

	if len(v.validators) == 1 {
		return
	}

	for _, part := range []*format{f.transactions, f.reassignments} {
		v.admit(part, u.submitters...)

		for _, n := range u.nodes {
			v.admit(part, n.witnesses...)
		}

		if u.moved != nil {
			v.admit(part, u.moved.signatories...)
			v.admit(part, u.moved.observers...)
		}
	}
}

// shows reports whether the format is about a party, and the node may tell of it.
func (f *format) shows(party ident.Party) bool {
	return (f.local == nil || f.local[party]) && (f.any != nil || f.byParty[party] != nil)
}

// concerns reports whether the format is about a stakeholder of the contract.
func (f *format) concerns(c *contract) bool {
	return slices.ContainsFunc(c.signatories, f.shows) || slices.ContainsFunc(c.observers, f.shows)
}

// witnessed is which of the asking parties see an event: those of parties whom the format is about.
func (f *format) witnessed(parties []ident.Party) []ident.Party {
	if f.any != nil && f.local == nil {
		return parties
	}

	seen := make([]ident.Party, 0, 1)

	for _, party := range parties {
		if f.shows(party) {
			seen = append(seen, party)
		}
	}

	return seen
}

// anyFilter reports whether wanted holds for what was asked of any party, or by one of the witnesses.
func (f *format) anyFilter(witnesses []ident.Party, wanted func(*filter) bool) bool {
	if f.any != nil && wanted(f.any) {
		return true
	}

	return slices.ContainsFunc(witnesses, func(p ident.Party) bool {
		own := f.byParty[p]

		return own != nil && wanted(own)
	})
}

// selects reports whether any of the witnesses asked for events of this contract.
func (f *format) selects(c *contract, witnesses []ident.Party) bool {
	return f.anyFilter(witnesses, func(own *filter) bool { return own.selects(c) })
}

// wantsView reports whether any of the witnesses asked for the view of an interface.
func (f *format) wantsView(name ident.Name, witnesses []ident.Party) bool {
	return f.anyFilter(witnesses, func(own *filter) bool { return slices.ContainsFunc(own.views, name.Is) })
}

// wantsBlob reports whether any of the witnesses asked for the blob of a contract.
func (f *format) wantsBlob(c *contract, witnesses []ident.Party) bool {
	return f.anyFilter(witnesses, func(own *filter) bool { return own.blobs.selects(c) })
}
