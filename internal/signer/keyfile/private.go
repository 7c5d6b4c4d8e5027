package keyfile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signing"
)

// seedBytes is the length of a raw key: an Ed25519 seed, or the number that is a P-256 key.
const seedBytes = 32

// Private is a private key in memory. However it is printed, it does not show the key.
type Private struct {
	public signing.PublicKey
	// Functions print as addresses, at whatever depth, so that no printer meets the key.
	sign  func(content, digest []byte) ([]byte, error)
	pkcs8 func() ([]byte, error)
}

// Generate makes a key from the system's randomness.
func Generate(spec signing.KeySpec) (Private, error) {
	switch spec {
	case signing.KeyEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return Private{}, fmt.Errorf("key file: generate: %w", err)
		}

		return newPrivate(key)
	case signing.KeyP256:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return Private{}, fmt.Errorf("key file: generate: %w", err)
		}

		return newPrivate(key)
	default:
		return Private{}, fmt.Errorf("key file: %w: key spec %.80q", signing.ErrUnsupported, spec)
	}
}

// FromSeed takes the 32 bytes of a key: the seed of RFC 8032, or a P-256 key's number, big-endian. It does not repeat
// them in errors.
func FromSeed(spec signing.KeySpec, seed []byte) (Private, error) {
	if len(seed) != seedBytes {
		return Private{}, fmt.Errorf("key file: %w: a raw key of %d bytes instead of %d",
			signing.ErrInvalidKey, len(seed), seedBytes)
	}

	switch spec {
	case signing.KeyEd25519:
		return newPrivate(ed25519.NewKeyFromSeed(seed))
	case signing.KeyP256:
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
		if err != nil {
			return Private{}, fmt.Errorf("key file: %w: not the number of a P-256 key", signing.ErrInvalidKey)
		}

		return newPrivate(key)
	default:
		return Private{}, fmt.Errorf("key file: %w: key spec %.80q", signing.ErrUnsupported, spec)
	}
}

// FromPKCS8 takes an unencrypted PKCS#8 key, in DER or as the only block of a PEM file.
func FromPKCS8(raw []byte) (Private, error) {
	if block, rest := pem.Decode(raw); block != nil {
		if block.Type != "PRIVATE KEY" || len(rest) != 0 {
			return Private{}, fmt.Errorf("key file: %w: %.40q: want one PEM block PRIVATE KEY (openssl pkcs8 -topk8 -nocrypt)",
				signing.ErrInvalidKey, block.Type)
		}

		raw = block.Bytes
	}

	parsed, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		// The parser's own text may describe what it read.
		return Private{}, fmt.Errorf("key file: %w: not an unencrypted PKCS#8 key", signing.ErrInvalidKey)
	}

	key, ok := parsed.(crypto.Signer)
	if !ok {
		return Private{}, fmt.Errorf("key file: %w: a key of type %T", signing.ErrUnsupported, parsed)
	}

	return newPrivate(key)
}

func newPrivate(key crypto.Signer) (Private, error) {
	public, err := signing.NewPublicKey(key.Public())
	if err != nil {
		return Private{}, fmt.Errorf("key file: %w", err)
	}

	p := Private{public: public, pkcs8: func() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(key) }}

	p.sign = func(content, _ []byte) ([]byte, error) { return key.Sign(nil, content, crypto.Hash(0)) }
	if public.Spec() == signing.KeyP256 {
		p.sign = func(_, digest []byte) ([]byte, error) { return key.Sign(rand.Reader, digest, crypto.SHA256) }
	}

	return p, nil
}

// PublicKey is the key's public half; its fingerprint is what a party id is made of.
func (p Private) PublicKey() signing.PublicKey { return p.public }

var errNoPrivate = errors.New("key file: no key")

// minPassphrase keeps out what is guessed in no time. A good passphrase is random and longer.
const minPassphrase = 12

func checkPassphrase(passphrase secret.String) error {
	if len(passphrase.Reveal()) < minPassphrase {
		return fmt.Errorf("key file: the passphrase has fewer than %d bytes", minPassphrase)
	}

	return nil
}
