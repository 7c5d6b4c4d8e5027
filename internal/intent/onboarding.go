package intent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// Onboarding is what was asked of the node that generated an external party's topology: a party of one key, which alone
// signs for it, hosted by one node, which confirms and can do nothing in its name.
type Onboarding struct {
	Party ident.Party
	// Key is the one that the party's id is made of.
	Key         signing.PublicKey
	Participant ident.ParticipantID
}

// OnboardingError is everything that CheckOnboarding found. It wraps ErrMismatch.
type OnboardingError struct{ MismatchError }

// Error names every mismatch.
func (e *OnboardingError) Error() string {
	// The same list as a transaction's, under a heading of its own.
	return "topology is not what was asked for" + strings.TrimPrefix(e.MismatchError.Error(), ErrMismatch.Error())
}

// onboardingSerial is the serial of a mapping that is put for the first time. A later one would replace something.
const onboardingSerial = 1

// CheckOnboarding reports whether signing these topology transactions makes exactly the party that was asked for, and
// nothing else. The hash is what is to be signed then: that of the very bytes that were checked, computed here. The
// error is an *OnboardingError, or one of signing where a transaction cannot be understood; then nothing may be signed.
//
// A new party is one PartyToParticipant that holds its key, or that with a NamespaceDelegation and a PartyToKeys.
func CheckOnboarding(transactions [][]byte, want Onboarding) (signing.TopologyHash, error) {
	hash, err := signing.TopologyMultiHash(transactions)
	if err != nil {
		return signing.TopologyHash{}, fmt.Errorf("hash topology: %w", err)
	}

	o := &onboarding{want: want}

	namespace, err := signing.Namespace(want.Party)
	o.expect(err == nil && namespace == want.Key.Fingerprint(),
		"party", "one of the key "+string(want.Key.Fingerprint()), string(want.Party))

	for i, raw := range transactions {
		t, err := signing.DecodeTopology(raw)
		if err != nil {
			return signing.TopologyHash{}, fmt.Errorf("topology transaction %d: %w", i, err)
		}

		o.add(t)
	}

	o.whole()

	if len(o.found.Mismatches) > 0 {
		return signing.TopologyHash{}, &OnboardingError{o.found}
	}

	return hash, nil
}

// onboarding is one check.
type onboarding struct {
	checker

	want Onboarding
	// How many mappings of each kind there are.
	hostings, registrations, delegations int
	// registered says that a PartyToParticipant holds keys, founded that one of them is the namespace's.
	registered, founded bool
}

func (o *onboarding) add(t signing.TopologyTransaction) {
	o.expect(t.Operation == signing.TopologyAddReplace, "operation", "add", fmt.Sprintf("operation %d", t.Operation))
	o.expect(t.Serial == onboardingSerial, "serial", "that of something new, 1", fmt.Sprint(t.Serial))

	switch m := t.Mapping.(type) { //nolint:exhaustive // mappings are values
	case signing.NamespaceDelegation:
		o.delegations++
		o.delegation(m)
	case signing.PartyToParticipant:
		o.hostings++
		o.hosting(m)
	case signing.PartyToKeys:
		o.registrations++
		o.equal("keys.party", string(o.want.Party), string(m.Party))
		o.keys("keys", m.Keys, m.Threshold)
	default:
		o.differs("topology", "a new party", fmt.Sprintf("%T", t.Mapping))
	}
}

// delegation should give the namespace to our key. One to another key would let that key move the party.
func (o *onboarding) delegation(d signing.NamespaceDelegation) {
	o.equal("namespace", string(o.want.Key.Fingerprint()), string(d.Namespace))
	o.key("namespace.key", d.Target, signing.UsageNamespace)
	o.expect(d.Root || d.SignsAll, "namespace.delegation", "all rights", "some rights")
}

func (o *onboarding) hosting(p signing.PartyToParticipant) {
	o.equal("hosting.party", string(o.want.Party), string(p.Party))
	o.equal("hosting.threshold", "1", fmt.Sprint(p.Threshold))
	o.expect(len(p.Participants) == 1, "hosting", "one node", fmt.Sprintf("%d nodes", len(p.Participants)))

	for _, host := range p.Participants {
		o.equal("hosting.participant", string(o.want.Participant), string(host.Participant))
		o.equal("hosting.permission", permission(signing.PermissionConfirmation), permission(host.Permission))
		o.expect(!host.Onboarding, "hosting.onboarding", "a party without a past", "a party that moves here")
	}

	if len(p.Keys) == 0 && p.KeysThreshold == 0 {
		return
	}

	o.registered = true
	o.keys("hosting.keys", p.Keys, p.KeysThreshold)

	for _, key := range p.Keys {
		o.founded = o.founded || key.Key == o.want.Key && slices.Contains(key.Usage, signing.UsageNamespace)
	}
}

// permission is what a node may do, in words. Submission is to act in the party's name without its key.
func permission(p signing.Permission) string {
	switch p {
	case signing.PermissionSubmission:
		return "submission"
	case signing.PermissionConfirmation:
		return "confirmation"
	case signing.PermissionObservation:
		return "observation"
	default:
		return fmt.Sprintf("permission %d", p)
	}
}

// keys are those that the party's transactions are signed with.
func (o *onboarding) keys(field string, keys []signing.TopologyKey, threshold uint32) {
	o.equal(field+".threshold", "1", fmt.Sprint(threshold))
	o.expect(len(keys) == 1, field, "one key", fmt.Sprintf("%d keys", len(keys)))

	for _, key := range keys {
		o.key(field+".key", key, signing.UsageProtocol)
	}
}

func (o *onboarding) key(field string, key signing.TopologyKey, usage signing.KeyUsage) {
	o.expect(key.Key == o.want.Key, field, string(o.want.Key.Fingerprint()), string(key.Key.Fingerprint()))
	o.expect(slices.Contains(key.Usage, usage), field+".usage", fmt.Sprintf("usage %d among them", usage),
		fmt.Sprintf("usages %d", key.Usage))
}

// whole judges what only all of the transactions together can say.
func (o *onboarding) whole() {
	o.expect(o.hostings == 1, "topology", "one PartyToParticipant", fmt.Sprint(o.hostings))
	o.expect(o.delegations <= 1, "topology", "one NamespaceDelegation at most", fmt.Sprint(o.delegations))

	// Of two registrations of keys a node could choose.
	registrations := o.registrations
	if o.registered {
		registrations++
	}

	o.expect(registrations == 1, "keys", "registered once", fmt.Sprintf("registered %d times", registrations))
	o.expect(o.delegations > 0 || o.founded, "namespace", "founded by the key "+string(o.want.Key.Fingerprint()),
		"not founded")
}
