package signing

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
)

// Scheme is a version of the hashing scheme; its number is part of the hash.
type Scheme uint8

// The schemes of Canton's HashingSchemeVersion that this package computes.
const (
	// V2 is for protocol versions 34 and 35. It covers neither contract keys nor the maximum record time.
	V2 Scheme = 2
	// V3 is for protocol version 35 and covers both.
	V3 Scheme = 3
)

const schemeName = "HASHING_SCHEME_VERSION_V"

// ParseScheme reads the name that the Ledger API uses, as HASHING_SCHEME_VERSION_V2.
func ParseScheme(name string) (Scheme, error) {
	for _, s := range []Scheme{V2, V3} {
		if name == s.String() {
			return s, nil
		}
	}

	return 0, fmt.Errorf("%w: hashing scheme %.80q", ErrUnsupported, name)
}

// String is the name that the Ledger API uses.
func (s Scheme) String() string { return fmt.Sprintf("%s%d", schemeName, uint8(s)) }

// Hash is a SHA-256 hash.
type Hash [hashBytes]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// HashPurpose of Canton (HashPurpose.scala): the number that each kind of hash begins with.
const (
	purposeTopologyTransaction  = 11
	purposePublicKeyFingerprint = 12
	purposePreparedSubmission   = 48
	purposeMultiTopology        = 55
)

// Node tags and versions of the encoding.
const (
	encodingVersionV2 = 1 // precedes nodes and metadata in V2 only

	tagCreate     = 0
	tagExercise   = 1
	tagFetch      = 2
	tagRollback   = 3
	tagQueryByKey = 4
)

// HashBytes is the hash of a PreparedTransaction message: Decode and Hash. To sign it without having compared the
// decoded content with what was asked for is to sign something unseen.
func HashBytes(raw []byte, scheme Scheme) (Hash, error) {
	p, err := Decode(raw)
	if err != nil {
		return Hash{}, err
	}

	return p.Hash(scheme)
}

// Hash is what a party signs for this transaction. It is an error if the scheme cannot cover everything that was
// decoded, except for what NotHashed names.
func (p Prepared) Hash(scheme Scheme) (Hash, error) {
	e := encoding{scheme: scheme, buf: make([]byte, 0, firstBytes/2)}
	e.int32(purposePreparedSubmission)
	e.byte(byte(scheme))
	e.nested(func() { e.transaction(p.Transaction) })
	e.nested(func() { e.metadata(p.Metadata) })

	h, err := e.sum()
	if err != nil {
		return Hash{}, fmt.Errorf("hash prepared transaction: %w", err)
	}

	return h, nil
}

// NotHashed names what the message says and the scheme's hash does not cover, so that the node that executes it could
// still change it: the event blobs of input contracts under every scheme, which the ledger checks against the contract
// that is hashed, and the maximum record time under V2, where one has to trust the executing node.
func (p Prepared) NotHashed(scheme Scheme) []string {
	var fields []string

	if p.Metadata.MaxRecordTime != nil && scheme == V2 {
		fields = append(fields, "metadata.max_record_time")
	}

	for i, input := range p.Metadata.InputContracts {
		if len(input.EventBlob) > 0 {
			fields = append(fields, fmt.Sprintf("metadata.input_contracts[%d].event_blob", i))
		}
	}

	return fields
}

func (t Transaction) hash(scheme Scheme) (Hash, error) {
	e := encoding{scheme: scheme, buf: make([]byte, 0, firstBytes/2)}
	e.transaction(t)

	return e.sum()
}

func (m Metadata) hash(scheme Scheme) (Hash, error) {
	e := encoding{scheme: scheme, buf: make([]byte, 0, firstBytes/2)}
	e.metadata(m)

	return e.sum()
}

// encoding is the bytes of a hash. After an error it is worthless.
type encoding struct {
	scheme Scheme
	buf    []byte
	err    error
}

func (e *encoding) sum() (Hash, error) {
	if e.scheme != V2 && e.scheme != V3 {
		return Hash{}, fmt.Errorf("%w: %s", ErrUnsupported, e.scheme)
	}

	return sha256.Sum256(e.buf), e.err
}

func (e *encoding) failf(kind error, format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
	}
}

func (e *encoding) transaction(t Transaction) {
	e.int32(purposePreparedSubmission)
	e.str(t.Version)
	e.nodes(t.Roots, 0)
}

func (e *encoding) metadata(m Metadata) {
	e.int32(purposePreparedSubmission)

	if e.scheme == V2 {
		e.byte(encodingVersionV2)
	}

	e.parties(m.ActAs)
	e.str(m.CommandID)
	e.str(m.TransactionUUID)
	e.int32(int32(m.MediatorGroup)) //nolint:gosec // below 2^31, as decoded
	e.str(string(m.SynchronizerID))
	e.optionalTime(m.MinLedgerTime)
	e.optionalTime(m.MaxLedgerTime)
	e.int64(int64(m.PreparationTime))
	e.length(len(m.InputContracts))

	for _, input := range m.InputContracts {
		e.int64(int64(input.CreatedAt))

		e.nested(func() { e.create(input.Create, nil) })
	}

	if e.scheme != V2 {
		e.optionalTime(m.MaxRecordTime)
	}
}

// nested appends the hash of what content encodes. The content is in the buffer only until it is hashed.
func (e *encoding) nested(content func()) {
	begin := len(e.buf)

	content()

	h := sha256.Sum256(e.buf[begin:])
	e.buf = append(e.buf[:begin], h[:]...)
}

func (e *encoding) optionalTime(t *Timestamp) {
	e.bool(t != nil)

	if t != nil {
		e.int64(int64(*t))
	}
}

// What the encodings consist of; integers are big-endian.

func (e *encoding) byte(b byte) { e.buf = append(e.buf, b) }

func (e *encoding) bool(b bool) {
	if b {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

func (e *encoding) int32(n int32) {
	e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(n)) //nolint:gosec // two's complement
}

func (e *encoding) int64(n int64) {
	e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(n)) //nolint:gosec // two's complement
}

func (e *encoding) length(n int) { e.int32(int32(n)) } //nolint:gosec // far below 2^31, as decoded

func (e *encoding) str(s string) {
	e.length(len(s))
	e.buf = append(e.buf, s...)
}

// hex is bytes, with their length, given as hexadecimal digits.
func (e *encoding) hex(digits string) {
	raw, err := hex.DecodeString(digits)
	if err != nil {
		e.failf(ErrInvalidValue, "contract id %.80q", digits)
	}

	e.length(len(raw))
	e.buf = append(e.buf, raw...)
}

func (e *encoding) parties(parties []ident.Party) {
	e.length(len(parties))

	for _, p := range parties {
		e.str(string(p))
	}
}

func (e *encoding) identifier(name ident.Name) {
	e.str(name.Package)
	e.dotted(name.Module)
	e.dotted(name.Entity)
}

func (e *encoding) dotted(name string) {
	parts := strings.Split(name, ".")
	e.length(len(parts))

	for _, part := range parts {
		e.str(part)
	}
}

// optionalIdentifier is an identifier that may be left out.
func (e *encoding) optionalIdentifier(name ident.Name) {
	e.bool(!name.IsZero())

	if !name.IsZero() {
		e.identifier(name)
	}
}
