package signing

import "errors"

// What is wrong with a message. Every error of Decode and DecodeTopology wraps exactly one of these and names the
// place. Whatever it is, nothing may be signed: no money has moved and none can move by what was refused.
var (
	// ErrUnknownField is a field, node kind, value kind or enumeration value that this package does not know. A newer
	// network may have added it; signing without knowing it would sign something unseen.
	ErrUnknownField = errors.New("unknown field")
	// ErrUnhashedField is a field that we know and that no scheme we support hashes, and that we cannot do without.
	ErrUnhashedField = errors.New("field that the hash does not cover")
	// ErrDuplicateField is a field, or an alternative of a oneof, given more than once. Readers differ about which counts.
	ErrDuplicateField = errors.New("field given more than once")
	// ErrMissingField is a field that must be there.
	ErrMissingField = errors.New("missing field")
	// ErrNotCanonical is an encoding longer than necessary, or a number that does not fit its field: readers differ.
	ErrNotCanonical = errors.New("not encoded canonically")
	// ErrMalformed is what is no protobuf message of the expected shape.
	ErrMalformed = errors.New("malformed message")
	// ErrInvalidValue is a value outside of what the ledger's language allows.
	ErrInvalidValue = errors.New("invalid value")
	// ErrTooLarge is a message beyond one of this package's bounds.
	ErrTooLarge = errors.New("message too large")
	// ErrStructure is a transaction whose nodes are no forest: a node that is missing, hangs nowhere, hangs twice or
	// below itself, or whose seeds do not fit.
	ErrStructure = errors.New("nodes are not a forest")
)

// ErrNotHashable is a transaction that the asked scheme cannot hash in full, such as contract keys under V2.
var ErrNotHashable = errors.New("not hashable under this scheme")

// Errors about keys and signatures.
var (
	// ErrUnsupported is a key, algorithm or format that Canton may know and this package does not handle.
	ErrUnsupported = errors.New("unsupported")
	// ErrInvalidKey is what is no public key of the stated kind, or no fingerprint or party id of one.
	ErrInvalidKey = errors.New("invalid key")
	// ErrWrongKey is a signature made with, or claimed for, another key than the expected one.
	ErrWrongKey = errors.New("signed by another key")
	// ErrBadSignature is a signature that does not hold.
	ErrBadSignature = errors.New("signature does not hold")
)
