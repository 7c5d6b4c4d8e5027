package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// RightKind is a kind of right as the API spells it.
type RightKind string

// Kinds of rights. The first three are for one party, which the right names.
const (
	// CanActAs includes CanReadAs and CanExecuteAs.
	CanActAs  RightKind = "CanActAs"
	CanReadAs RightKind = "CanReadAs"
	// CanExecuteAs executes prepared submissions, and allows no reading.
	CanExecuteAs         RightKind = "CanExecuteAs"
	CanReadAsAnyParty    RightKind = "CanReadAsAnyParty"
	CanExecuteAsAnyParty RightKind = "CanExecuteAsAnyParty"
	// CanActAsAnyParty exists from 3.6 on.
	CanActAsAnyParty      RightKind = "CanActAsAnyParty"
	ParticipantAdmin      RightKind = "ParticipantAdmin"
	IdentityProviderAdmin RightKind = "IdentityProviderAdmin"
)

// Right is one right of a user. Party is empty for the kinds that are for no party.
type Right struct {
	Kind  RightKind
	Party ident.Party
}

func (k RightKind) forParty() bool {
	return k == CanActAs || k == CanReadAs || k == CanExecuteAs
}

func (k RightKind) forAnyParty() bool {
	return k == CanReadAsAnyParty || k == CanExecuteAsAnyParty || k == CanActAsAnyParty
}

func (k RightKind) known(version release) bool {
	switch k {
	case CanActAs, CanReadAs, CanExecuteAs, CanReadAsAnyParty, CanExecuteAsAnyParty,
		ParticipantAdmin, IdentityProviderAdmin:
		return true
	case CanActAsAnyParty:
		return version >= release36
	default:
		return false
	}
}

// MarshalJSON writes {"kind": {"CanActAs": {"value": {"party": …}}}}.
func (r Right) MarshalJSON() ([]byte, error) {
	value := map[string]ident.Party{}
	if r.Kind.forParty() {
		value["party"] = r.Party
	}

	raw, err := json.Marshal(obj{"kind": obj{string(r.Kind): obj{"value": value}}})
	if err != nil {
		return nil, fmt.Errorf("encode right: %w", err)
	}

	return raw, nil
}

// UnmarshalJSON reads what MarshalJSON writes; whether the node's version knows the kind is checked later.
func (r *Right) UnmarshalJSON(raw []byte) error {
	var given struct {
		Kind map[RightKind]struct {
			Value struct {
				Party ident.Party `json:"party"`
			} `json:"value"`
		} `json:"kind"`
	}

	if err := json.Unmarshal(raw, &given); err != nil {
		return fmt.Errorf("decode right: %w", err)
	}

	if len(given.Kind) > 1 {
		return fmt.Errorf("decode right: %d kinds in one right", len(given.Kind))
	}

	*r = Right{}

	for kind, body := range given.Kind {
		r.Kind = kind

		if kind.forParty() {
			r.Party = body.Value.Party
		}
	}

	return nil
}

func (r Right) check(version release) error {
	if !r.Kind.known(version) {
		return cantonerr.Argument("unknown kind of right %.40q", string(r.Kind))
	}

	if r.Kind.forParty() {
		return checkParty("right.kind.party", r.Party)
	}

	return nil
}

// maxPartyID is Canton's bound on a party id.
const maxPartyID = 255

// checkParty holds a party to the API's alphabet. A right may name any party: the node does not ask whether it exists.
func checkParty(field string, party ident.Party) error {
	outside := func(r rune) bool {
		return !letterOrDigit(r) && !strings.ContainsRune(":-_ ", r)
	}

	switch {
	case party == "":
		return cantonerr.Missing(field)
	case len(party) > maxPartyID || strings.ContainsFunc(string(party), outside):
		return cantonerr.Field("%s: %.80q is no party id", field, string(party))
	default:
		return nil
	}
}

func letterOrDigit(r rune) bool {
	return (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9')
}

// rightSet is never changed once others can see it: it is replaced.
type rightSet map[Right]struct{}

func (s rightSet) has(kind RightKind, party ident.Party) bool {
	_, ok := s[Right{Kind: kind, Party: party}]

	return ok
}

// sorted lists a set in a stable order.
func (s rightSet) sorted() []Right {
	list := make([]Right, 0, len(s))
	for right := range s {
		list = append(list, right)
	}

	slices.SortFunc(list, func(a, b Right) int {
		if a.Kind != b.Kind {
			return strings.Compare(string(a.Kind), string(b.Kind))
		}

		return strings.Compare(string(a.Party), string(b.Party))
	})

	return list
}
