package topology

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/signing"
)

// Field numbers and values for writing; what each is called in its .proto file is told where internal/signing reads
// them (decode_topology.go).
const (
	versionedData    = 1
	versionedVersion = 2
	protoVersion     = 30

	transactionOperation = 1
	transactionSerial    = 2
	transactionMapping   = 3

	mappingNamespaceDelegation = 1
	mappingPartyToParticipant  = 9
	mappingPartyToKeys         = 16

	delegationNamespace = 1
	delegationTarget    = 2
	delegationRoot      = 3
	delegationSignsAll  = 4

	hostingParty        = 1
	hostingThreshold    = 2
	hostingParticipants = 3
	hostingKeys         = 6

	participantUID        = 1
	participantPermission = 2
	participantOnboarding = 3

	partyKeysParty     = 1
	partyKeysThreshold = 3
	partyKeysKeys      = 4

	keysKeys      = 1
	keysThreshold = 2

	keyFormat    = 2
	keyPublicKey = 3
	keyUsage     = 5
	keySpec      = 6

	formatSPKI  = 4
	specEd25519 = 1
	specP256    = 2
)

// Encode writes a topology transaction as a node serializes it: fields in the order of their numbers, keys as
// SubjectPublicKeyInfo whatever form they came in. It is the inverse of signing.DecodeTopology for what that accepts,
// and does not check what it is given.
func Encode(t signing.TopologyTransaction) []byte {
	var w writer

	w.message(versionedData, func() {
		w.varint(transactionOperation, uint64(t.Operation))
		w.varint(transactionSerial, uint64(t.Serial))
		w.message(transactionMapping, func() { w.mapping(t.Mapping) })
	})
	w.varint(versionedVersion, protoVersion)

	return w.buf
}

// writer appends fields. As protobuf has it, a plain field that is zero or empty is left out.
type writer struct{ buf []byte }

// message appends a message field; a message is there even if it is empty.
func (w *writer) message(num protowire.Number, content func()) {
	outer := w.buf
	w.buf = nil

	content()

	inner := w.buf
	w.buf = protowire.AppendTag(outer, num, protowire.BytesType)
	w.buf = protowire.AppendBytes(w.buf, inner)
}

// mark appends an empty message, which means yes by being there.
func (w *writer) mark(num protowire.Number, there bool) {
	if there {
		w.message(num, func() {})
	}
}

func (w *writer) bytes(num protowire.Number, b []byte) {
	if len(b) > 0 {
		w.buf = protowire.AppendTag(w.buf, num, protowire.BytesType)
		w.buf = protowire.AppendBytes(w.buf, b)
	}
}

func (w *writer) varint(num protowire.Number, n uint64) {
	if n != 0 {
		w.buf = protowire.AppendTag(w.buf, num, protowire.VarintType)
		w.buf = protowire.AppendVarint(w.buf, n)
	}
}

func (w *writer) mapping(m signing.TopologyMapping) {
	switch m := m.(type) { //nolint:exhaustive // mappings are values
	case signing.NamespaceDelegation:
		w.message(mappingNamespaceDelegation, func() { w.namespaceDelegation(m) })
	case signing.PartyToParticipant:
		w.message(mappingPartyToParticipant, func() { w.partyToParticipant(m) })
	case signing.PartyToKeys:
		w.message(mappingPartyToKeys, func() { w.partyToKeys(m) })
	}
}

func (w *writer) namespaceDelegation(n signing.NamespaceDelegation) {
	w.bytes(delegationNamespace, []byte(n.Namespace))
	w.message(delegationTarget, func() { w.key(n.Target) })
	w.varint(delegationRoot, protowire.EncodeBool(n.Root))
	w.mark(delegationSignsAll, n.SignsAll)
}

func (w *writer) partyToParticipant(p signing.PartyToParticipant) {
	w.bytes(hostingParty, []byte(p.Party))
	w.varint(hostingThreshold, uint64(p.Threshold))

	for _, host := range p.Participants {
		w.message(hostingParticipants, func() {
			w.bytes(participantUID, []byte(host.Participant))
			w.varint(participantPermission, uint64(host.Permission))
			w.mark(participantOnboarding, host.Onboarding)
		})
	}

	if len(p.Keys) == 0 && p.KeysThreshold == 0 {
		return
	}

	w.message(hostingKeys, func() {
		w.keys(keysKeys, p.Keys)
		w.varint(keysThreshold, uint64(p.KeysThreshold))
	})
}

func (w *writer) partyToKeys(p signing.PartyToKeys) {
	w.bytes(partyKeysParty, []byte(p.Party))
	w.varint(partyKeysThreshold, uint64(p.Threshold))
	w.keys(partyKeysKeys, p.Keys)
}

func (w *writer) keys(num protowire.Number, keys []signing.TopologyKey) {
	for _, key := range keys {
		w.message(num, func() { w.key(key) })
	}
}

func (w *writer) key(k signing.TopologyKey) {
	w.varint(keyFormat, formatSPKI)
	w.bytes(keyPublicKey, k.Key.SPKI())

	// A repeated enumeration is one packed field, and every known number takes one byte of it.
	usage := make([]byte, len(k.Usage))
	for i, u := range k.Usage {
		usage[i] = byte(u)
	}

	w.bytes(keyUsage, usage)

	spec := uint64(specEd25519)
	if k.Key.Spec() == signing.KeyP256 {
		spec = specP256
	}

	w.varint(keySpec, spec)
}
