package topology

import (
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// Style is how an onboarding is cut into topology transactions.
type Style uint8

const (
	// SelfContained is one PartyToParticipant that holds the party's keys, as nodes generate it from 3.4.8 on.
	SelfContained Style = iota
	// Separate is a NamespaceDelegation, a PartyToKeyMapping and a PartyToParticipant, as nodes generate it before.
	Separate
)

// Request is what a party's onboarding is generated from.
type Request struct {
	// Key is the party's only key: it founds the namespace and signs the submissions.
	Key signing.PublicKey
	// Hint is the name part of the party id.
	Hint string
	// Local is the node that is asked. It hosts the party, and must not be among the others.
	Local ident.ParticipantID
	// LocalObserves makes the node that is asked an observer instead of a confirming host.
	LocalObserves bool
	// Confirming are the other nodes that confirm, Observing the other nodes that only see.
	Confirming []ident.ParticipantID
	Observing  []ident.ParticipantID
	// Threshold is how many confirming nodes must confirm; 0 means all of them.
	Threshold uint32
	Style     Style
}

// Generated is an onboarding for the key to sign.
type Generated struct {
	Party       ident.Party
	Fingerprint signing.Fingerprint
	// Transactions are serialized topology transactions.
	Transactions [][]byte
	// MultiHash is over all of them; the key signs its 34 bytes.
	MultiHash signing.TopologyHash
}

// Generate writes the topology transactions of a party with one key. No node gets the permission to submit: only who
// holds the key acts for the party.
func Generate(r Request) (Generated, error) {
	if err := CheckHint(r.Hint); err != nil {
		return Generated{}, err
	}

	party, err := signing.PartyID(r.Hint, r.Key)
	if err != nil {
		return Generated{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}

	hosting := signing.PartyToParticipant{Party: party, Participants: r.hosts(), Threshold: r.threshold()}
	if err := checkHosting(hosting); err != nil {
		return Generated{}, err
	}

	out := Generated{Party: party, Fingerprint: r.Key.Fingerprint()}
	for _, mapping := range r.mappings(hosting) {
		out.Transactions = append(out.Transactions, Encode(signing.TopologyTransaction{
			Operation: signing.TopologyAddReplace, Serial: onboardingSerial, Mapping: mapping,
		}))
	}

	if out.MultiHash, err = signing.TopologyMultiHash(out.Transactions); err != nil {
		return Generated{}, fmt.Errorf("hash generated topology: %w", err)
	}

	return out, nil
}

// CheckHint checks the name part of a party id that a client asks for.
func CheckHint(hint string) error {
	if hint == "" || len(hint) > MaxHint || strings.ContainsFunc(hint, outsideHint) {
		return fmt.Errorf("%w: party hint %.40q: want 1 to %d of a-z A-Z 0-9 - _", ErrInvalid, hint, MaxHint)
	}

	return nil
}

func outsideHint(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

func (r Request) hosts() []signing.HostingParticipant {
	local := signing.HostingParticipant{Participant: r.Local, Permission: signing.PermissionConfirmation}
	if r.LocalObserves {
		local.Permission = signing.PermissionObservation
	}

	hosts := []signing.HostingParticipant{local}

	for _, id := range r.Confirming {
		hosts = append(hosts, signing.HostingParticipant{Participant: id, Permission: signing.PermissionConfirmation})
	}

	for _, id := range r.Observing {
		hosts = append(hosts, signing.HostingParticipant{Participant: id, Permission: signing.PermissionObservation})
	}

	return hosts
}

func (r Request) threshold() uint32 {
	if r.Threshold != 0 {
		return r.Threshold
	}

	return confirming(r.hosts())
}

// mappings cuts the onboarding into what each transaction says.
func (r Request) mappings(hosting signing.PartyToParticipant) []signing.TopologyMapping {
	key := signing.TopologyKey{
		Key: r.Key,
		// In the order in which nodes write them.
		Usage: []signing.KeyUsage{signing.UsageNamespace, signing.UsageProofOfOwnership, signing.UsageProtocol},
	}
	keys := []signing.TopologyKey{key}

	if r.Style == SelfContained {
		hosting.Keys, hosting.KeysThreshold = keys, 1

		return []signing.TopologyMapping{hosting}
	}

	return []signing.TopologyMapping{
		signing.NamespaceDelegation{Namespace: r.Key.Fingerprint(), Target: key, SignsAll: true},
		signing.PartyToKeys{Party: hosting.Party, Threshold: 1, Keys: keys},
		hosting,
	}
}
