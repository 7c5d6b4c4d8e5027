package ledger

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
)

// Every member that we rely on is sent, also where a version has a default: the versions disagree about defaults.

func updatesRequest(
	party ident.Party, names []ident.Name, begin ident.Offset, end *ident.Offset,
) ledgerapi.UpdatesRequest {
	return ledgerapi.UpdatesRequest{
		BeginExclusive: int64(begin), EndInclusive: (*int64)(end), UpdateFormat: updateFormat(party, names),
	}
}

func treesRequest(
	party ident.Party, names []ident.Name, begin ident.Offset, end *ident.Offset,
) ledgerapi.UpdateTreesRequest {
	return ledgerapi.UpdateTreesRequest{
		BeginExclusive: int64(begin), EndInclusive: (*int64)(end), Verbose: true,
		Filter: ledgerapi.PartyFilters{FiltersByParty: filters(party, everything(names))},
	}
}

// updateFormat asks for all that a party sees: whole transactions with the views of its contracts, reassignments, and
// who hosts it.
func updateFormat(party ident.Party, names []ident.Name) ledgerapi.UpdateFormat {
	format := eventFormat(party, everything(names))

	return ledgerapi.UpdateFormat{
		IncludeTransactions: ledgerapi.TransactionFormat{
			EventFormat: format, TransactionShape: ledgerapi.TRANSACTIONSHAPELEDGEREFFECTS,
		},
		IncludeReassignments: format,
		IncludeTopologyEvents: ledgerapi.TopologyFormat{
			IncludeParticipantAuthorizationEvents: ledgerapi.HostingFormat{Parties: []string{string(party)}},
		},
	}
}

func eventFormat(party ident.Party, cumulative []ledgerapi.Filter) ledgerapi.EventFormat {
	return ledgerapi.EventFormat{FiltersByParty: filters(party, cumulative)}
}

func filters(party ident.Party, cumulative []ledgerapi.Filter) ledgerapi.FiltersByParty {
	return ledgerapi.FiltersByParty{string(party): {Cumulative: cumulative}}
}

// ofTemplate selects contracts of one template.
func ofTemplate(name ident.Name) []ledgerapi.Filter {
	return []ledgerapi.Filter{{IdentifierFilter: ledgerapi.IdentifierFilter{
		TemplateFilter: &ledgerapi.TemplateFilter{Value: ledgerapi.Template{TemplateId: name.String()}},
	}}}
}

// everything is the wildcard, without which a filtered transaction loses the parents of its events, and the
// interfaces, which then only add views and the implemented interfaces of archived contracts.
func everything(names []ident.Name) []ledgerapi.Filter {
	all := ledgerapi.Filter{IdentifierFilter: ledgerapi.IdentifierFilter{WildcardFilter: &ledgerapi.WildcardFilter{}}}

	return append([]ledgerapi.Filter{all}, views(names)...)
}

// views selects by interface alone: contracts that implement one of them.
func views(names []ident.Name) []ledgerapi.Filter {
	list := make([]ledgerapi.Filter, len(names))
	for i, name := range names {
		list[i].IdentifierFilter.InterfaceFilter = &ledgerapi.InterfaceFilter{
			Value: ledgerapi.Interface{InterfaceId: name.String(), IncludeInterfaceView: true},
		}
	}

	return list
}
