package topology

import (
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// checkHosting checks which nodes host a new external party, whoever wrote it.
func checkHosting(p signing.PartyToParticipant) error {
	if len(p.Participants) > maxHosts {
		return fmt.Errorf("%w: %d hosting nodes, at most %d are taken", ErrInvalid, len(p.Participants), maxHosts)
	}

	seen := make(map[ident.ParticipantID]bool, len(p.Participants))

	for _, host := range p.Participants {
		if err := checkNode(host.Participant); err != nil {
			return err
		}

		switch {
		case seen[host.Participant]:
			return fmt.Errorf("%w: node %.80q hosts the party twice", ErrInvalid, host.Participant)
		case host.Permission == signing.PermissionSubmission:
			return fmt.Errorf("%w: node %.80q may submit for the party, which no node may for an external party",
				ErrInvalid, host.Participant)
		case host.Onboarding:
			return fmt.Errorf("%w: node %.80q is marked as catching up with a party that has no past",
				ErrInvalid, host.Participant)
		}

		seen[host.Participant] = true
	}

	most := confirming(p.Participants)
	if most == 0 {
		return fmt.Errorf("%w: no node confirms for the party", ErrInvalid)
	}

	if p.Threshold < 1 || p.Threshold > most {
		return fmt.Errorf("%w: confirmation threshold %d, want 1 to %d, the number of confirming nodes",
			ErrInvalid, p.Threshold, most)
	}

	return nil
}

// checkNode checks that a node's id is name::fingerprint, as a party's is.
func checkNode(node ident.ParticipantID) error {
	party, err := ident.ParseParty(string(node))
	if err == nil {
		_, err = signing.Namespace(party)
	}

	if err != nil {
		return fmt.Errorf("%w: node %.80q: %w", ErrInvalid, node, err)
	}

	return nil
}

func confirming(hosts []signing.HostingParticipant) uint32 {
	var n uint32

	for _, host := range hosts {
		if host.Permission == signing.PermissionConfirmation {
			n++
		}
	}

	return n
}

// keySet checks the keys that a party registers for its submissions.
func keySet(keys []signing.TopologyKey, threshold uint32) (KeySet, error) {
	if len(keys) == 0 || len(keys) > maxKeys {
		return KeySet{}, fmt.Errorf("%w: %d signing keys, want 1 to %d", ErrInvalid, len(keys), maxKeys)
	}

	if threshold < 1 || uint64(threshold) > uint64(len(keys)) {
		return KeySet{}, fmt.Errorf("%w: signing threshold %d of %d keys", ErrInvalid, threshold, len(keys))
	}

	out := KeySet{Threshold: threshold}

	for _, key := range keys {
		if slices.Contains(out.Keys, key.Key) {
			return KeySet{}, fmt.Errorf("%w: signing key %s twice", ErrInvalid, key.Key.Fingerprint())
		}

		if !slices.Contains(key.Usage, signing.UsageProtocol) {
			return KeySet{}, fmt.Errorf("%w: signing key %s is not for the protocol", ErrInvalid, key.Key.Fingerprint())
		}

		out.Keys = append(out.Keys, key.Key)
	}

	return out, nil
}
