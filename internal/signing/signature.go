package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
)

// SignatureFormat is the form of a signature, as the Ledger API names it (SignatureFormat of crypto.proto).
type SignatureFormat string

// The forms of signatures that this package handles.
const (
	// FormatConcat is r and s one after the other, little-endian, as RFC 8032 has it: what Ed25519 produces. The
	// big-endian concatenation of ECDSA (IEEE P1363) is not this, and Canton does not take it.
	FormatConcat SignatureFormat = "SIGNATURE_FORMAT_CONCAT"
	// FormatDER is the DER of an ECDSA signature's r and s (RFC 3279, section 2.2.3).
	FormatDER SignatureFormat = "SIGNATURE_FORMAT_DER"
)

// Algorithm is what a signature is made with, as the Ledger API names it (SigningAlgorithmSpec of crypto.proto).
type Algorithm string

// The algorithms that this package handles.
const (
	// AlgorithmEd25519 signs the message itself.
	AlgorithmEd25519 Algorithm = "SIGNING_ALGORITHM_SPEC_ED25519"
	// AlgorithmECDSASHA256 signs the SHA-256 of the message, on P-256.
	AlgorithmECDSASHA256 Algorithm = "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256"
)

// Signature is a signature with what one must know to check it.
type Signature struct {
	Format    SignatureFormat
	Algorithm Algorithm
	SignedBy  Fingerprint
	Bytes     []byte
}

// Signable is what a party's key may sign: the Hash of a prepared transaction or the TopologyHash of an onboarding.
// There are no others, so that no other bytes are ever signed.
type Signable interface{ signable() []byte }

// signable is the 32 bytes themselves.
func (h Hash) signable() []byte { return h[:] }

// signable is all 34 bytes, the multihash prefix included.
func (h TopologyHash) signable() []byte { return h[:] }

// Sign signs with the signer, which must hold the expected key, and checks the signature before it returns it: a broken
// signer costs an error and not a submission. random may be what the signer needs; an ed25519.PrivateKey needs none.
func Sign(random io.Reader, signer crypto.Signer, expected PublicKey, what Signable) (Signature, error) {
	public, err := NewPublicKey(signer.Public())
	if err != nil {
		return Signature{}, fmt.Errorf("signer's key: %w", err)
	}

	if public != expected {
		return Signature{}, fmt.Errorf("%w: the signer holds %s instead of %s",
			ErrWrongKey, public.Fingerprint(), expected.Fingerprint())
	}

	out := Signature{SignedBy: expected.Fingerprint()}
	content, hash := what.signable(), crypto.Hash(0)

	switch expected.spec {
	case KeyEd25519:
		out.Format, out.Algorithm = FormatConcat, AlgorithmEd25519
	case KeyP256:
		out.Format, out.Algorithm = FormatDER, AlgorithmECDSASHA256
		digest := sha256.Sum256(content)
		content, hash = digest[:], crypto.SHA256
	}

	if out.Bytes, err = signer.Sign(random, content, hash); err != nil {
		return Signature{}, fmt.Errorf("sign with %s: %w", out.SignedBy, err)
	}

	if err := Verify(expected, what, out); err != nil {
		return Signature{}, fmt.Errorf("check own signature: %w", err)
	}

	return out, nil
}

// Verify checks that the signature is one of this key, over this hash, in the one form that Canton takes for the kind
// of key.
func Verify(key PublicKey, what Signable, s Signature) error {
	if s.SignedBy != key.Fingerprint() {
		return fmt.Errorf("%w: %.80q instead of %s", ErrWrongKey, s.SignedBy, key.Fingerprint())
	}

	public, err := x509.ParsePKIXPublicKey([]byte(key.spki))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}

	held := false

	switch public := public.(type) {
	case ed25519.PublicKey:
		if err := s.check(FormatConcat, AlgorithmEd25519); err != nil {
			return err
		}

		held = ed25519.Verify(public, what.signable(), s.Bytes)
	case *ecdsa.PublicKey:
		if err := s.check(FormatDER, AlgorithmECDSASHA256); err != nil {
			return err
		}

		digest := sha256.Sum256(what.signable())
		held = ecdsa.VerifyASN1(public, digest[:], s.Bytes)
	}

	if !held {
		return fmt.Errorf("%w: %s by %s", ErrBadSignature, s.Algorithm, s.SignedBy)
	}

	return nil
}

func (s Signature) check(format SignatureFormat, algorithm Algorithm) error {
	if s.Format != format || s.Algorithm != algorithm {
		return fmt.Errorf("%w: signature %.80q in %.80q, want %s in %s",
			ErrUnsupported, s.Algorithm, s.Format, algorithm, format)
	}

	return nil
}
