package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
)

// KeySpec is the kind of a signing key, as the Ledger API names it (SigningKeySpec of crypto.proto).
type KeySpec string

// The kinds of keys that this package handles.
const (
	KeyEd25519 KeySpec = "SIGNING_KEY_SPEC_EC_CURVE25519"
	KeyP256    KeySpec = "SIGNING_KEY_SPEC_EC_P256"
)

// KeyFormat is the form of a public key, as the Ledger API names it (CryptoKeyFormat of crypto.proto).
type KeyFormat string

// The forms of public keys that this package handles.
const (
	// KeyFormatRaw is the 32 bytes of an Ed25519 key. No other kind of key has it.
	KeyFormatRaw KeyFormat = "CRYPTO_KEY_FORMAT_RAW"
	// KeyFormatSPKI is the DER of an X.509 SubjectPublicKeyInfo.
	KeyFormatSPKI KeyFormat = "CRYPTO_KEY_FORMAT_DER_X509_SUBJECT_PUBLIC_KEY_INFO"
)

// PublicKey is a public key that Canton knows: Ed25519, or ECDSA on P-256. Its zero value is no key.
type PublicKey struct {
	spec KeySpec
	spki string // canonical DER
	raw  string // Ed25519 only
}

// NewPublicKey takes an ed25519.PublicKey or an *ecdsa.PublicKey on P-256.
func NewPublicKey(key crypto.PublicKey) (PublicKey, error) {
	out := PublicKey{}

	switch key := key.(type) {
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return PublicKey{}, fmt.Errorf("%w: an Ed25519 key of %d bytes", ErrInvalidKey, len(key))
		}

		out.spec, out.raw = KeyEd25519, string(key)
	case *ecdsa.PublicKey:
		if key == nil || key.Curve != elliptic.P256() {
			return PublicKey{}, fmt.Errorf("%w: an ECDSA key on another curve than P-256", ErrUnsupported)
		}

		out.spec = KeyP256
	default:
		return PublicKey{}, fmt.Errorf("%w: a key of type %T", ErrUnsupported, key)
	}

	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}

	out.spki = string(der)

	return out, nil
}

// ParsePublicKey reads a key in a form of the Ledger API. One spelling of a key is accepted, since its fingerprint is
// computed from its bytes.
func ParsePublicKey(spec KeySpec, format KeyFormat, data []byte) (PublicKey, error) {
	if spec != KeyEd25519 && spec != KeyP256 {
		return PublicKey{}, fmt.Errorf("%w: key spec %.80q", ErrUnsupported, spec)
	}

	switch {
	case format == KeyFormatRaw && spec == KeyEd25519:
		return NewPublicKey(ed25519.PublicKey(data))
	case format != KeyFormatSPKI:
		return PublicKey{}, fmt.Errorf("%w: key format %.80q for %s", ErrUnsupported, format, spec)
	}

	parsed, err := x509.ParsePKIXPublicKey(data)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}

	key, err := NewPublicKey(parsed)
	if err != nil {
		return PublicKey{}, err
	}

	if key.spec != spec || !bytes.Equal([]byte(key.spki), data) {
		return PublicKey{}, fmt.Errorf("%w: not the canonical form of a key of %s", ErrInvalidKey, spec)
	}

	return key, nil
}

// Spec is the kind of the key.
func (k PublicKey) Spec() KeySpec { return k.spec }

// SPKI is the key as DER of an X.509 SubjectPublicKeyInfo.
func (k PublicKey) SPKI() []byte { return []byte(k.spki) }

// Raw is the 32 bytes of an Ed25519 key; there are none for others.
func (k PublicKey) Raw() ([]byte, bool) { return []byte(k.raw), k.raw != "" }

// Fingerprint names the key: the SHA-256 of an Ed25519 key's 32 bytes, or of another key's SubjectPublicKeyInfo, with
// the hash purpose before it (CryptoKeys.scala of Canton).
func (k PublicKey) Fingerprint() Fingerprint {
	content := k.raw
	if k.spec != KeyEd25519 {
		content = k.spki
	}

	prefix := binary.BigEndian.AppendUint32(nil, purposePublicKeyFingerprint)
	h := multihash(sha256.Sum256(append(prefix, content...)))

	return Fingerprint(hex.EncodeToString(h[:]))
}

// Fingerprint names a key: 1220 and 64 hexadecimal digits. The fingerprint of a party's namespace key is the second
// half of its party id.
type Fingerprint string

// Multihash prefix of a SHA-256 hash: the algorithm's number and the length.
const (
	multihashSHA256 = 0x12
	multihashLength = 2 + hashBytes
)

func multihash(h [hashBytes]byte) [multihashLength]byte {
	var out [multihashLength]byte

	out[0], out[1] = multihashSHA256, hashBytes
	copy(out[2:], h[:])

	return out
}

// ParseFingerprint checks the form of a fingerprint.
func ParseFingerprint(text string) (Fingerprint, error) {
	if len(text) != 2*multihashLength || !strings.HasPrefix(text, "1220") || !lowerHex(text) {
		return "", fmt.Errorf("%w: fingerprint %.80q", ErrInvalidKey, text)
	}

	return Fingerprint(text), nil
}

// PartyID is the id of the party whose namespace key this is. The hint consists of letters, digits, '-', '_' and single
// colons that are neither first nor last; Canton allows 185 characters, which is what ident.ParseParty leaves room for.
func PartyID(hint string, key PublicKey) (ident.Party, error) {
	if key.spec == "" {
		return "", fmt.Errorf("%w: party %.80q without a key", ErrInvalidKey, hint)
	}

	if hint == "" || strings.ContainsFunc(hint, notInHint) || strings.Contains(hint, "::") ||
		strings.HasPrefix(hint, ":") || strings.HasSuffix(hint, ":") {
		return "", fmt.Errorf("%w: party hint %.80q", ErrInvalidKey, hint)
	}

	party, err := ident.ParseParty(hint + "::" + string(key.Fingerprint()))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}

	return party, nil
}

func notInHint(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != ':'
}

// Namespace is the fingerprint of the key that a party's id belongs to.
func Namespace(party ident.Party) (Fingerprint, error) {
	_, fingerprint, ok := strings.Cut(string(party), "::")
	if !ok {
		return "", fmt.Errorf("%w: party %.80q has no namespace", ErrInvalidKey, party)
	}

	return ParseFingerprint(fingerprint)
}
