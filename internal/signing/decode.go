package signing

import (
	"bytes"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
)

// Decode reads a PreparedTransaction as the node sent it (base64 decoded). Whatever it accepts is understood
// completely: every field known, every number canonical, and the nodes a forest in which each hangs once. Its errors
// wrap one of the sentinels of this package.
//
// What Decode returned and Hash hashed is what a signature covers, except for what Prepared.NotHashed names.
func Decode(raw []byte) (Prepared, error) {
	p, faults, err := decodeGraph(raw)
	if err != nil {
		return Prepared{}, err
	}

	if len(faults) > 0 {
		return Prepared{}, fmt.Errorf("prepared transaction: %w: %s", ErrStructure, faults[0])
	}

	return p, nil
}

// decodeGraph is Decode without its last demand: faults tells where the nodes are no forest although a hash is defined.
// Canton's own test vectors are such graphs; no transaction of a ledger is.
func decodeGraph(raw []byte) (p Prepared, faults []string, err error) {
	if len(raw) > MaxBytes {
		return Prepared{}, nil, fmt.Errorf("prepared transaction: %w: %d bytes, at most %d are read",
			ErrTooLarge, len(raw), MaxBytes)
	}

	d := &decoder{}
	m := d.open("prepared transaction", raw)

	var flat flatTransaction

	for m.next() {
		switch m.num {
		case preparedTransactionField:
			flat = d.transaction(m.sub("transaction"))
		case preparedMetadataField:
			p.Metadata = d.metadata(m.sub("metadata"))
		default:
			m.unknown()
		}
	}

	m.require(preparedTransactionField, preparedMetadataField)

	if d.err != nil {
		return Prepared{}, nil, d.err
	}

	p.Transaction, faults, err = flat.link()
	if err != nil {
		return Prepared{}, nil, fmt.Errorf("prepared transaction: %w", err)
	}

	return p, append(faults, repeatedContracts(p)...), nil
}

func (d *decoder) metadata(m message) Metadata {
	var out Metadata

	for m.next() {
		switch m.num {
		case metadataSubmitterInfo:
			out.ActAs, out.CommandID = d.submitter(m.sub("submitter_info"))
		case metadataSynchronizerID:
			out.SynchronizerID = d.synchronizer(m.text(maxPartyBytes))
		case metadataMediatorGroup:
			out.MediatorGroup = m.uint32()
		case metadataTransactionUUID:
			out.TransactionUUID = m.text(maxShortText)
		case metadataPreparationTime:
			out.PreparationTime = m.micros()
		case metadataInputContracts:
			out.InputContracts = append(out.InputContracts, d.inputContract(m.item("input_contracts")))
		case metadataGlobalKeyMapping:
			d.failf(ErrUnhashedField, "global_key_mapping")
		case metadataMinLedgerTime:
			out.MinLedgerTime = new(m.micros())
		case metadataMaxLedgerTime:
			out.MaxLedgerTime = new(m.micros())
		case metadataMaxRecordTime:
			out.MaxRecordTime = new(m.micros())
		default:
			m.unknown()
		}
	}

	m.require(metadataSubmitterInfo, metadataSynchronizerID, metadataTransactionUUID)

	return out
}

func (d *decoder) submitter(m message) (actAs []ident.Party, commandID string) {
	for m.next() {
		switch m.num {
		case submitterActAs:
			actAs = append(actAs, d.party(m.itemText(maxPartyBytes)))
		case submitterCommandID:
			commandID = m.text(maxShortText)
		default:
			m.unknown()
		}
	}

	if len(actAs) == 0 {
		m.missing(submitterActAs)
	}

	return actAs, commandID
}

func (d *decoder) inputContract(m message) InputContract {
	var out InputContract

	for m.next() {
		switch m.num {
		case inputCreateV1:
			out.Create = d.create(m.sub("v1"))
		case inputCreatedAt:
			out.CreatedAt = m.micros()
		case inputEventBlob:
			out.EventBlob = append([]byte(nil), m.bytes()...)
		default:
			m.unknown()
		}
	}

	m.require(inputCreateV1)

	return out
}

// flatTransaction is a transaction as it is on the wire, where nodes name their children.
type flatTransaction struct {
	version string
	roots   []string
	nodes   []flatNode
	seeds   []flatSeed
}

type flatNode struct {
	id       string
	action   Action
	children []string
}

type flatSeed struct {
	node ident.NodeID
	seed Seed
}

func (d *decoder) transaction(m message) flatTransaction {
	var out flatTransaction

	for m.next() {
		switch m.num {
		case transactionVersion:
			out.version = m.text(maxShortText)
		case transactionRoots:
			out.roots = append(out.roots, m.itemText(maxShortText))
		case transactionNodes:
			out.nodes = append(out.nodes, d.node(m.item("nodes")))
		case transactionNodeSeeds:
			out.seeds = append(out.seeds, d.seed(m.item("node_seeds")))
		default:
			m.unknown()
		}
	}

	m.require(transactionVersion)

	return out
}

func (d *decoder) seed(m message) flatSeed {
	var out flatSeed

	for m.next() {
		switch m.num {
		case seedNodeID:
			out.node = ident.NodeID(m.int32())
		case seedSeed:
			d.fixed(out.seed[:], m.bytes())
		default:
			m.unknown()
		}
	}

	m.require(seedSeed)

	return out
}

func (d *decoder) node(m message) flatNode {
	var out flatNode

	for m.next() {
		switch m.num {
		case nodeID:
			out.id = m.text(maxShortText)
		case nodeV1:
			out.action, out.children = d.action(m.sub("v1"))
		default:
			m.unknown()
		}
	}

	m.require(nodeID, nodeV1)

	return out
}

// fixed copies bytes of a fixed length, as hashes have.
func (d *decoder) fixed(dst, src []byte) {
	if len(src) != len(dst) {
		d.failf(ErrInvalidValue, "%d bytes instead of %d", len(src), len(dst))

		return
	}

	copy(dst, src)
}

func (d *decoder) synchronizer(text string) ident.SynchronizerID {
	id, err := ident.ParseSynchronizerID(text)
	if err != nil {
		d.failf(ErrInvalidValue, "%v", err)
	}

	return id
}

// party checks less than ident.ParseParty: what a value holds need not be a party of this network, and is hashed as it
// is. Who compares it with a party that was parsed knows what it is.
func (d *decoder) party(text string) ident.Party {
	if text == "" || !asciiText(text) {
		d.failf(ErrInvalidValue, "party %.80q", text)
	}

	return ident.Party(text)
}

// contractID accepts one spelling only, since what is hashed are the bytes behind the digits.
func (d *decoder) contractID(text string) ident.ContractID {
	if text == "" || len(text)%2 != 0 || !lowerHex(text) {
		d.failf(ErrInvalidValue, "contract id %.80q", text)
	}

	return ident.ContractID(text)
}

func (d *decoder) identifier(m message) ident.Name {
	recent := &d.names[slot(m.rest, recentNames)]
	if raw := m.rest; len(raw) > 0 && bytes.Equal(raw, recent.raw) {
		m.rest = nil
		m.next() // leaves the message

		return recent.name
	}

	name := d.newIdentifier(m)
	if d.err == nil {
		*recent = recentName{raw: m.rest, name: name}
	}

	return name
}

// newIdentifier is an identifier that was not met shortly before.
func (d *decoder) newIdentifier(m message) ident.Name {
	var packageID, module, entity string

	for m.next() {
		switch m.num {
		case identifierPackageID:
			packageID = m.text(maxNameBytes)
		case identifierModuleName:
			module = m.text(maxNameBytes)
		case identifierEntityName:
			entity = m.text(maxNameBytes)
		default:
			m.unknown()
		}
	}

	if d.err != nil {
		return ident.Name{}
	}

	name, err := ident.ParseName(packageID + ":" + module + ":" + entity)
	if err != nil {
		d.failf(ErrInvalidValue, "%v", err)
	}

	return name
}

func asciiText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}

	return true
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}

	return true
}
