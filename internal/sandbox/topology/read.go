package topology

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// Onboarding is what a set of topology transactions says about the one party that they onboard.
type Onboarding struct {
	Party ident.Party
	// Keys are what the party's submissions are signed with.
	Keys KeySet
	// Hosts are the nodes that host the party, of which Threshold must confirm. They consent for themselves.
	Hosts     []signing.HostingParticipant
	Threshold uint32
	// MultiHash names exactly this set of transactions.
	MultiHash signing.TopologyHash

	namespace signing.PublicKey
	// registers is the index of the transaction that registers Keys, which each of them must sign.
	registers int
}

// Permission is what a node may do for the party, if it hosts it.
func (o Onboarding) Permission(node ident.ParticipantID) (signing.Permission, bool) {
	for _, host := range o.Hosts {
		if host.Participant == node {
			return host.Permission, true
		}
	}

	return 0, false
}

// Read reads an onboarding without asking who signed it: a node that is told of a party which another node has been
// given the signatures for needs no more. Everybody else calls Verify.
//
// The transactions must be those of one new party with a namespace of one key: a PartyToParticipant, the keys in it or
// in a PartyToKeyMapping, and a NamespaceDelegation, which may be missing if the namespace's key is among the keys of
// the PartyToParticipant. Decentralized namespaces and delegations to further keys are refused.
func Read(raw [][]byte) (Onboarding, error) {
	hash, err := signing.TopologyMultiHash(raw)
	if err != nil {
		return Onboarding{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}

	var parts mappings

	for i, b := range raw {
		t, err := signing.DecodeTopology(b)
		if err != nil {
			return Onboarding{}, fmt.Errorf("%w: transaction %d: %w", ErrInvalid, i, err)
		}

		if err := parts.add(i, t); err != nil {
			return Onboarding{}, err
		}
	}

	out, err := parts.onboarding()
	if err != nil {
		return Onboarding{}, err
	}

	out.MultiHash = hash

	return out, nil
}

// mappings are the mappings of an onboarding, each at most once.
type mappings struct {
	delegation *signing.NamespaceDelegation
	hosting    *signing.PartyToParticipant
	keys       *signing.PartyToKeys

	hostingAt, keysAt int
}

func (m *mappings) add(i int, t signing.TopologyTransaction) error {
	if t.Operation != signing.TopologyAddReplace || t.Serial != onboardingSerial {
		return fmt.Errorf("%w: transaction %d has operation %d and serial %d, a new party's have %d and %d",
			ErrInvalid, i, t.Operation, t.Serial, signing.TopologyAddReplace, onboardingSerial)
	}

	known := false

	switch mapping := t.Mapping.(type) { //nolint:exhaustive // mappings are values
	case signing.NamespaceDelegation:
		known, m.delegation = m.delegation != nil, &mapping
	case signing.PartyToParticipant:
		known, m.hosting, m.hostingAt = m.hosting != nil, &mapping, i
	case signing.PartyToKeys:
		known, m.keys, m.keysAt = m.keys != nil, &mapping, i
	}

	if known {
		return fmt.Errorf("%w: transaction %d is a second %T", ErrInvalid, i, t.Mapping)
	}

	return nil
}

func (m *mappings) onboarding() (Onboarding, error) {
	if m.hosting == nil {
		return Onboarding{}, fmt.Errorf("%w: no PartyToParticipant", ErrInvalid)
	}

	out := Onboarding{Party: m.hosting.Party, Hosts: m.hosting.Participants, Threshold: m.hosting.Threshold}
	if err := checkHosting(*m.hosting); err != nil {
		return Onboarding{}, err
	}

	keys, threshold, err := m.signingKeys()
	if err != nil {
		return Onboarding{}, err
	}

	if out.Keys, err = keySet(keys, threshold); err != nil {
		return Onboarding{}, err
	}

	out.registers = m.hostingAt
	if m.keys != nil {
		out.registers = m.keysAt
	}

	if out.namespace, err = m.namespace(); err != nil {
		return Onboarding{}, err
	}

	// Of the namespace it is, or namespace had found no key.
	hint, _ := cutParty(out.Party)
	if err := CheckHint(hint); err != nil {
		return Onboarding{}, err
	}

	return out, nil
}

// signingKeys are the party's keys, which one mapping must register and not two.
func (m *mappings) signingKeys() (keys []signing.TopologyKey, threshold uint32, err error) {
	if m.keys == nil {
		return m.hosting.Keys, m.hosting.KeysThreshold, nil
	}

	if len(m.hosting.Keys) > 0 || m.hosting.KeysThreshold != 0 {
		return nil, 0, fmt.Errorf("%w: keys in a PartyToParticipant and in a PartyToKeyMapping", ErrInvalid)
	}

	if m.keys.Party != m.hosting.Party {
		return nil, 0, fmt.Errorf("%w: keys of party %.80q and nodes of party %.80q",
			ErrInvalid, m.keys.Party, m.hosting.Party)
	}

	return m.keys.Keys, m.keys.Threshold, nil
}

// namespace is the key that founds the party's namespace: the one whose fingerprint the namespace is.
func (m *mappings) namespace() (signing.PublicKey, error) {
	var candidates []signing.TopologyKey

	if d := m.delegation; d != nil {
		if d.Target.Key.Fingerprint() != d.Namespace || (!d.Root && !d.SignsAll) {
			return signing.PublicKey{}, fmt.Errorf("%w: the NamespaceDelegation does not found namespace %s",
				ErrInvalid, d.Namespace)
		}

		candidates = []signing.TopologyKey{d.Target}
	} else {
		candidates = m.hosting.Keys
	}

	_, fingerprint := cutParty(m.hosting.Party)

	for _, key := range candidates {
		if key.Key.Fingerprint() == fingerprint && slices.Contains(key.Usage, signing.UsageNamespace) {
			return key.Key, nil
		}
	}

	return signing.PublicKey{}, fmt.Errorf("%w: no transaction holds the namespace key of party %.80q",
		ErrInvalid, m.hosting.Party)
}

func cutParty(party ident.Party) (hint string, namespace signing.Fingerprint) {
	hint, fingerprint, _ := strings.Cut(string(party), "::")

	return hint, signing.Fingerprint(fingerprint)
}
