package sandbox

import (
	"encoding/json"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
)

// The request's side of formats and filters, as the JSON Ledger API spells them.
type (
	updateFormatJSON struct {
		Transactions  *transactionFormatJSON `json:"includeTransactions"`
		Reassignments *eventFormatJSON       `json:"includeReassignments"`
		Topology      *topologyFormatJSON    `json:"includeTopologyEvents"`
	}
	transactionFormatJSON struct {
		Events eventFormatJSON `json:"eventFormat"`
		Shape  string          `json:"transactionShape"`
	}
	topologyFormatJSON struct {
		Authorizations *struct {
			Parties []ident.Party `json:"parties"`
		} `json:"includeParticipantAuthorizationEvents"`
	}
	eventFormatJSON struct {
		ByParty  map[ident.Party]filtersJSON `json:"filtersByParty"`
		AnyParty *filtersJSON                `json:"filtersForAnyParty"`
		Verbose  bool                        `json:"verbose"`
	}
	filtersJSON struct {
		Cumulative []struct {
			Filter map[string]json.RawMessage `json:"identifierFilter"`
		} `json:"cumulative"`
	}
)

const (
	shapeDelta   = "TRANSACTION_SHAPE_ACS_DELTA"
	shapeEffects = "TRANSACTION_SHAPE_LEDGER_EFFECTS"
)

func (v *Validator) resolveUpdateFormat(in *updateFormatJSON) (*updateFormat, error) {
	out := &updateFormat{}

	if in.Transactions != nil {
		if err := v.resolveTransactions(in.Transactions, out); err != nil {
			return nil, err
		}
	}

	if in.Reassignments != nil {
		var err error
		if out.reassignments, err = v.resolveFormat(in.Reassignments); err != nil {
			return nil, err
		}
	}

	if in.Topology != nil && in.Topology.Authorizations != nil {
		out.topology, out.parties = true, in.Topology.Authorizations.Parties
	}

	if out.transactions == nil && out.reassignments == nil && !out.topology {
		return nil, errArgument("updateFormat includes no kind of update")
	}

	return out, nil
}

func (v *Validator) resolveTransactions(in *transactionFormatJSON, out *updateFormat) error {
	switch in.Shape {
	case shapeEffects:
		out.effects = true
	case shapeDelta:
	default:
		return errField("transactionShape %.60q: want %s or %s", in.Shape, shapeDelta, shapeEffects)
	}

	var err error
	out.transactions, err = v.resolveFormat(&in.Events)

	return err
}

// formatFor is everything that the given parties see, as the older requests that name parties alone mean it.
func (v *Validator) formatFor(parties []ident.Party) (*format, error) {
	in := eventFormatJSON{ByParty: make(map[ident.Party]filtersJSON, min(len(parties), maxFilters))}
	for _, party := range parties {
		in.ByParty[party] = filtersJSON{}
	}

	return v.resolveFormat(&in)
}

func (v *Validator) resolveFormat(in *eventFormatJSON) (*format, error) {
	if len(in.ByParty) == 0 && in.AnyParty == nil {
		return nil, errArgument("filtersByParty and filtersForAnyParty cannot be empty simultaneously")
	}

	if len(in.ByParty) > maxFilters {
		return nil, errArgument("%d parties in filtersByParty, at most %d", len(in.ByParty), maxFilters)
	}

	out := &format{byParty: make(map[ident.Party]*filter, len(in.ByParty))}
	if len(v.validators) > 1 {
		out.local = map[ident.Party]bool{}
	}

	for party, filters := range in.ByParty {
		if _, err := ident.ParseParty(string(party)); err != nil {
			return nil, errField("filtersByParty: %s", err)
		}

		f, err := v.resolveFilters(&filters)
		if err != nil {
			return nil, err
		}

		out.byParty[party] = f
	}

	if in.AnyParty != nil {
		var err error
		if out.any, err = v.resolveFilters(in.AnyParty); err != nil {
			return nil, err
		}
	}

	return out, nil
}

func (v *Validator) resolveFilters(in *filtersJSON) (*filter, error) {
	out := &filter{selection: selection{wildcard: len(in.Cumulative) == 0}}

	if len(in.Cumulative) > maxFilters {
		return nil, errArgument("%d filters, at most %d", len(in.Cumulative), maxFilters)
	}

	for _, entry := range in.Cumulative {
		if len(entry.Filter) != 1 {
			return nil, errArgument("identifierFilter has %d members, want exactly one", len(entry.Filter))
		}

		for kind, body := range entry.Filter {
			if err := v.resolveFilter(out, kind, body); err != nil {
				return nil, err
			}
		}
	}

	return out, nil
}

func (v *Validator) resolveFilter(out *filter, kind string, body json.RawMessage) error {
	var wrapped struct {
		Value struct {
			Template  string `json:"templateId"`
			Interface string `json:"interfaceId"`
			View      bool   `json:"includeInterfaceView"`
			Blob      bool   `json:"includeCreatedEventBlob"`
		} `json:"value"`
	}

	if err := json.Unmarshal(body, &wrapped); err != nil {
		return errArgument("identifierFilter %.60q cannot be read", kind)
	}

	var chosen selection

	switch kind {
	case "WildcardFilter":
		chosen.wildcard = true
	case "Empty":
	case "TemplateFilter":
		name, err := v.resolveName(wrapped.Value.Template)
		if err != nil {
			return err
		}

		chosen.templates = []ident.Name{name}
	case "InterfaceFilter":
		name, err := v.resolveName(wrapped.Value.Interface)
		if err != nil {
			return err
		}

		chosen.interfaces = []ident.Name{name}
		if wrapped.Value.View {
			out.views = append(out.views, name)
		}
	default:
		return errArgument("unknown identifierFilter %.60q", kind)
	}

	out.add(chosen)

	if wrapped.Value.Blob {
		out.blobs.add(chosen)
	}

	return nil
}

// resolveName checks that a filter names something that the node knows, the way the node's version does.
func (v *Validator) resolveName(text string) (ident.Name, error) {
	name, err := ident.ParseName(text)
	if err != nil {
		return name, errField("%s", err)
	}

	if v.replay {
		return name, nil
	}

	pkg, byName := strings.CutPrefix(name.Package, "#")
	if !byName {
		if v.cfg.Version.atLeast(V35) {
			return name, errField("expected a package name, got package id %.80q", pkg)
		}

		return name, nil
	}

	names, ok := v.known[pkg]
	if !ok {
		return name, errNotFound("PACKAGE_NAMES_NOT_FOUND",
			"The following package names do not match upgradable packages uploaded on this participant: ["+pkg+"].")
	}

	if !names[name.Module+":"+name.Entity] {
		return name, errNotFound("TEMPLATES_OR_INTERFACES_NOT_FOUND", "Templates or interfaces do not exist: ["+text+"].")
	}

	return name, nil
}
