package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
)

// maxHint is Canton's bound on the name part of a party id.
const maxHint = 185

// AllocateParty creates a party with a wallet, hosted on the sandbox's node: hint::1220….
func (s *Sandbox) AllocateParty(hint string) (ident.Party, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.allocate(hint)
}

func (s *Sandbox) allocate(hint string) (ident.Party, error) {
	if hint == "" || len(hint) > maxHint || strings.ContainsFunc(hint, outsideHint) {
		return "", fmt.Errorf("%w: party hint %.40q: want 1 to 185 of a-z A-Z 0-9 - _", ErrInvalid, hint)
	}

	if len(s.parties) >= s.cfg.MaxParties {
		return "", fmt.Errorf("allocate party: %d parties: %w", len(s.parties), ErrFull)
	}

	party := ident.Party(hint + "::" + s.fingerprint())
	if err := s.host(party, localParty(s.first())); err != nil {
		return "", err
	}

	return party, nil
}

func outsideHint(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// localParty is the state of a party for which a node signs itself.
func localParty(on *Validator) *partyState {
	state := &partyState{}
	state.permission[on.index] = permissionSubmission

	return state
}

// host puts a party on its nodes, which their histories show as a topology update.
func (s *Sandbox) host(party ident.Party, state *partyState) error {
	u := &update{kind: updateTopology, synchronizer: s.primary(), party: party, effectiveAt: s.ledgerTime()}
	s.parties[party] = state

	if err := s.appendUpdate(u); err != nil {
		delete(s.parties, party)

		return err
	}

	s.partyOrder = append(s.partyOrder, party)
	s.publish()

	return nil
}

// Parties lists every party on the node, oldest first: the registries' own among them.
func (s *Sandbox) Parties() []ident.Party {
	s.mu.Lock()
	defer s.mu.Unlock()

	return slices.Clone(s.partyOrder)
}

func (s *Sandbox) party(p ident.Party) (*partyState, error) {
	state, ok := s.parties[p]
	if !ok {
		return nil, fmt.Errorf("party %.80q: %w", string(p), ErrUnknown)
	}

	return state, nil
}
