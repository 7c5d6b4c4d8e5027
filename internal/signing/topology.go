package signing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
)

// TopologyHash is a hash of topology transactions: a SHA-256 hash with its multihash prefix, 34 bytes, all of which are
// signed.
type TopologyHash [multihashLength]byte

// String is the hash in hexadecimal.
func (h TopologyHash) String() string { return hex.EncodeToString(h[:]) }

// TopologyTransactionHash is the hash of one serialized topology transaction.
func TopologyTransactionHash(raw []byte) TopologyHash {
	prefix := binary.BigEndian.AppendUint32(nil, purposeTopologyTransaction)

	return multihash(sha256.Sum256(append(prefix, raw...)))
}

// TopologyMultiHash is what a party's key signs at onboarding: one hash over a set of serialized topology transactions,
// in any order. It says nothing about their content: decode each before signing.
func TopologyMultiHash(transactions [][]byte) (TopologyHash, error) {
	if len(transactions) == 0 || len(transactions) > MaxTopologyTransactions {
		return TopologyHash{}, fmt.Errorf("%w: %d topology transactions, want 1 to %d",
			ErrTooLarge, len(transactions), MaxTopologyTransactions)
	}

	hashes := make([]TopologyHash, len(transactions))
	for i, raw := range transactions {
		hashes[i] = TopologyTransactionHash(raw)
	}

	slices.SortFunc(hashes, func(a, b TopologyHash) int { return bytes.Compare(a[:], b[:]) })

	if len(slices.Compact(slices.Clone(hashes))) != len(hashes) {
		return TopologyHash{}, fmt.Errorf("%w: the same topology transaction twice", ErrDuplicateField)
	}

	e := encoding{}
	e.int32(purposeMultiTopology)
	e.length(len(hashes))

	for _, h := range hashes {
		e.length(len(h))
		e.buf = append(e.buf, h[:]...)
	}

	return multihash(sha256.Sum256(e.buf)), nil
}

// TopologyTransaction is a change of the network's topology that a party's key authorizes.
type TopologyTransaction struct {
	Operation TopologyOperation
	Serial    uint32
	Mapping   TopologyMapping
}

// TopologyOperation says whether a mapping is put or removed.
type TopologyOperation uint8

// The operations, numbered as in Canton's Enums.TopologyChangeOp.
const (
	TopologyAddReplace TopologyOperation = 1
	TopologyRemove     TopologyOperation = 2
)

// TopologyMapping is what a topology transaction says: NamespaceDelegation, PartyToParticipant or PartyToKeys. Those
// are the ones of an onboarding; others are refused.
//
//sumtype:decl
type TopologyMapping interface{ isTopologyMapping() }

// NamespaceDelegation lets a key act for a namespace.
type NamespaceDelegation struct {
	Namespace Fingerprint
	Target    TopologyKey
	// Root is the older way to say that the key may sign everything, SignsAll the newer one.
	Root     bool
	SignsAll bool
}

// PartyToParticipant says which nodes host a party, how many of them must confirm, and with which keys the party signs.
type PartyToParticipant struct {
	Party         ident.Party
	Threshold     uint32
	Participants  []HostingParticipant
	Keys          []TopologyKey
	KeysThreshold uint32
}

// PartyToKeys says with which keys a party signs, and how many of them must; the older way.
type PartyToKeys struct {
	Party     ident.Party
	Threshold uint32
	Keys      []TopologyKey
}

func (NamespaceDelegation) isTopologyMapping() {}
func (PartyToParticipant) isTopologyMapping()  {}
func (PartyToKeys) isTopologyMapping()         {}

// HostingParticipant is a node that hosts a party.
type HostingParticipant struct {
	Participant ident.ParticipantID
	Permission  Permission
	Onboarding  bool
}

// Permission is what a hosting node may do for a party.
type Permission uint8

// The permissions, numbered as in Canton's Enums.ParticipantPermission. Submission lets the node act in the party's
// name without its signature: an external party grants it to nobody.
const (
	PermissionSubmission   Permission = 1
	PermissionConfirmation Permission = 2
	PermissionObservation  Permission = 3
)

// TopologyKey is a public key with what it may be used for.
type TopologyKey struct {
	Key   PublicKey
	Usage []KeyUsage
}

// KeyUsage is a use of a key, numbered as in Canton's SigningKeyUsage.
type KeyUsage uint8

// The uses that occur at onboarding; others are refused.
const (
	UsageNamespace        KeyUsage = 1
	UsageProtocol         KeyUsage = 4
	UsageProofOfOwnership KeyUsage = 5
)
