package signing

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ident"
)

// Field numbers of com.digitalasset.canton.version.v1.UntypedVersionedMessage and of
// com.digitalasset.canton.protocol.v30 (topology.proto).
const (
	versionedData    number = 1
	versionedVersion number = 2

	topologyOperation number = 1
	topologySerial    number = 2
	topologyMapping   number = 3

	mappingNamespaceDelegation number = 1
	mappingPartyToParticipant  number = 9
	mappingPartyToKeys         number = 16

	delegationNamespace number = 1
	delegationTarget    number = 2
	delegationRoot      number = 3
	delegationSignsAll  number = 4

	hostingParty        number = 1
	hostingThreshold    number = 2
	hostingParticipants number = 3
	hostingKeys         number = 6

	participantUID        number = 1
	participantPermission number = 2
	participantOnboarding number = 3

	partyKeysParty     number = 1
	partyKeysThreshold number = 3
	partyKeysKeys      number = 4

	keysKeys      number = 1
	keysThreshold number = 2
)

// Field numbers and enumerations of com.digitalasset.canton.crypto.v30 (crypto.proto); the Ledger API numbers the same
// things differently.
const (
	keyFormat    number = 2
	keyPublicKey number = 3
	keyUsage     number = 5
	keySpec      number = 6

	internalFormatRaw    = 3
	internalFormatSPKI   = 4
	internalSpecEd25519  = 1
	internalSpecP256     = 2
	topologyProtoVersion = 30
)

// DecodeTopology reads one serialized topology transaction (base64 decoded), as strictly as Decode: what it accepts is
// understood completely. TopologyTransactionHash of the same bytes covers all of it.
func DecodeTopology(raw []byte) (TopologyTransaction, error) {
	if len(raw) > MaxTopologyBytes {
		return TopologyTransaction{}, fmt.Errorf("topology transaction: %w: %d bytes, at most %d are read",
			ErrTooLarge, len(raw), MaxTopologyBytes)
	}

	d := &decoder{}
	m := d.open("topology transaction", raw)

	var out TopologyTransaction

	for m.next() {
		switch m.num {
		case versionedData:
			out = d.topology(m.sub("data"))
		case versionedVersion:
			if v := m.uint32(); v != topologyProtoVersion {
				d.failf(ErrUnknownField, "version %d of the message", v)
			}
		default:
			m.unknown()
		}
	}

	m.require(versionedData, versionedVersion)

	if d.err != nil {
		return TopologyTransaction{}, d.err
	}

	return out, nil
}

func (d *decoder) topology(m message) TopologyTransaction {
	var out TopologyTransaction

	for m.next() {
		switch m.num {
		case topologyOperation:
			out.Operation = TopologyOperation(m.enum(uint8(TopologyAddReplace), uint8(TopologyRemove)))
		case topologySerial:
			out.Serial = m.uint32()
		case topologyMapping:
			out.Mapping = d.mapping(m.sub("mapping"))
		default:
			m.unknown()
		}
	}

	m.require(topologyOperation, topologySerial, topologyMapping)

	return out
}

func (d *decoder) mapping(m message) TopologyMapping {
	var out TopologyMapping

	for m.next() {
		switch m.num {
		case mappingNamespaceDelegation:
			m.only(protowire.BytesType)
			out = d.namespaceDelegation(d.open("namespace_delegation", m.data))
		case mappingPartyToParticipant:
			m.only(protowire.BytesType)
			out = d.partyToParticipant(d.open("party_to_participant", m.data))
		case mappingPartyToKeys:
			m.only(protowire.BytesType)
			out = d.partyToKeys(d.open("party_to_key_mapping", m.data))
		default:
			m.unknown()
		}
	}

	if out == nil {
		d.failf(ErrMissingField, "a topology transaction without a mapping")
	}

	return out
}

func (d *decoder) namespaceDelegation(m message) NamespaceDelegation {
	var out NamespaceDelegation

	for m.next() {
		switch m.num {
		case delegationNamespace:
			out.Namespace = d.fingerprint(m.text(maxPartyBytes))
		case delegationTarget:
			out.Target = d.topologyKey(m.sub("target_key"))
		case delegationRoot:
			out.Root = m.bool()
		case delegationSignsAll:
			out.SignsAll = d.empty(m.sub("can_sign_all_mappings"))
		default:
			m.unknown()
		}
	}

	m.require(delegationNamespace, delegationTarget)

	return out
}

func (d *decoder) partyToParticipant(m message) PartyToParticipant {
	var out PartyToParticipant

	for m.next() {
		switch m.num {
		case hostingParty:
			out.Party = d.topologyParty(m.text(maxPartyBytes))
		case hostingThreshold:
			out.Threshold = m.uint32()
		case hostingParticipants:
			out.Participants = append(out.Participants, d.hostingParticipant(m.item("participants")))
		case hostingKeys:
			out.Keys, out.KeysThreshold = d.keysWithThreshold(m.sub("party_signing_keys"))
		default:
			m.unknown()
		}
	}

	m.require(hostingParty)

	return out
}

func (d *decoder) hostingParticipant(m message) HostingParticipant {
	var out HostingParticipant

	for m.next() {
		switch m.num {
		case participantUID:
			out.Participant = ident.ParticipantID(d.topologyParty(m.text(maxPartyBytes)))
		case participantPermission:
			out.Permission = Permission(m.enum(uint8(PermissionSubmission), uint8(PermissionObservation)))
		case participantOnboarding:
			out.Onboarding = d.empty(m.sub("onboarding"))
		default:
			m.unknown()
		}
	}

	m.require(participantUID, participantPermission)

	return out
}

func (d *decoder) partyToKeys(m message) PartyToKeys {
	var out PartyToKeys

	for m.next() {
		switch m.num {
		case partyKeysParty:
			out.Party = d.topologyParty(m.text(maxPartyBytes))
		case partyKeysThreshold:
			out.Threshold = m.uint32()
		case partyKeysKeys:
			out.Keys = append(out.Keys, d.topologyKey(m.item("signing_keys")))
		default:
			m.unknown()
		}
	}

	m.require(partyKeysParty)

	return out
}

func (d *decoder) keysWithThreshold(m message) (keys []TopologyKey, threshold uint32) {
	for m.next() {
		switch m.num {
		case keysKeys:
			keys = append(keys, d.topologyKey(m.item("keys")))
		case keysThreshold:
			threshold = m.uint32()
		default:
			m.unknown()
		}
	}

	return keys, threshold
}

func (d *decoder) topologyKey(m message) TopologyKey {
	var (
		format KeyFormat
		spec   KeySpec
		data   []byte
		out    TopologyKey
	)

	for m.next() {
		switch m.num {
		case keyFormat:
			format = KeyFormatSPKI
			if m.enum(internalFormatRaw, internalFormatSPKI) == internalFormatRaw {
				format = KeyFormatRaw
			}
		case keyPublicKey:
			data = m.bytes()
		case keyUsage:
			out.Usage = append(out.Usage, d.usages(&m)...)
		case keySpec:
			spec = KeyEd25519
			if m.enum(internalSpecEd25519, internalSpecP256) == internalSpecP256 {
				spec = KeyP256
			}
		default:
			m.unknown()
		}
	}

	m.require(keyFormat, keyPublicKey, keySpec)

	if d.err != nil {
		return TopologyKey{}
	}

	key, err := ParsePublicKey(spec, format, data)
	if err != nil {
		d.failf(ErrInvalidValue, "%s: %v", m.name, err)
	}

	out.Key = key

	return out
}

// usages reads a repeated enumeration, which is written as one packed field.
func (d *decoder) usages(m *message) []KeyUsage {
	m.once(protowire.BytesType)

	var out []KeyUsage

	for rest := m.data; len(rest) > 0; rest = rest[1:] {
		// Every known number takes one byte.
		switch usage := KeyUsage(rest[0]); usage {
		case UsageNamespace, UsageProtocol, UsageProofOfOwnership:
			out = append(out, usage)
			d.count()
		default:
			d.failf(ErrUnknownField, "key usage %d", usage)

			return nil
		}
	}

	return out
}

// enum is a singular enumeration whose known numbers are consecutive.
func (m *message) enum(first, last uint8) uint8 {
	m.once(protowire.VarintType)

	if m.bits < uint64(first) || m.bits > uint64(last) {
		m.d.failf(ErrUnknownField, "field %d has the value %d", m.num, m.bits)

		return first
	}

	return uint8(m.bits) //nolint:gosec // at most last
}

// empty reads a message that has no fields and means yes by being there.
func (d *decoder) empty(m message) bool {
	for m.next() {
		m.unknown()
	}

	return true
}

func (d *decoder) fingerprint(text string) Fingerprint {
	f, err := ParseFingerprint(text)
	if err != nil {
		d.failf(ErrInvalidValue, "%v", err)
	}

	return f
}

// topologyParty is the id of a party or node, whose second half is a fingerprint.
func (d *decoder) topologyParty(text string) ident.Party {
	party, err := ident.ParseParty(text)
	if err == nil {
		_, err = Namespace(party)
	}

	if err != nil {
		d.failf(ErrInvalidValue, "%v", err)
	}

	return party
}
