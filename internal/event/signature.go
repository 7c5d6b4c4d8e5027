package event

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// MinSecret is how many bytes the secret has at least from which all keys are made.
const MinSecret = 32

const (
	webhookSecretBytes = 32 // Standard Webhooks: 24 to 64
	keyIDBytes         = 12
)

// ErrSignature is an event that nobody signed who is known.
var ErrSignature = errors.New("the event's signature is not good")

// Secret is what all keys of events are made from, by HKDF (RFC 5869): the key that signs events, the one that signs
// webhooks, and the secret of each subscription. None of them is stored anywhere.
type Secret struct{ key secret.String }

// NewSecret takes a secret of at least 32 bytes.
func NewSecret(key secret.String) (Secret, error) {
	if len(key.Reveal()) < MinSecret {
		return Secret{}, fmt.Errorf("the secret of events has %d bytes, want at least %d", len(key.Reveal()), MinSecret)
	}

	return Secret{key: key}, nil
}

func (s Secret) derive(purpose string, length int) []byte {
	key, err := hkdf.Key(sha256.New, []byte(s.key.Reveal()), nil, "canton-exchange-suite events 1: "+purpose, length)
	if err != nil { // only for lengths that are not asked for
		return nil
	}

	return key
}

// Signer signs events, as detached JWS (RFC 7515, appendix F) with EdDSA (RFC 8037) over the canonical event without
// its signature.
func (s Secret) Signer() Signer { return newSigner(s.derive("events", ed25519.SeedSize)) }

// WebhookSigner signs webhooks with a public key, for those who will not keep a secret.
func (s Secret) WebhookSigner() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(s.derive("webhooks", ed25519.SeedSize))
}

// WebhookSecret is the secret of a subscription with this salt.
func (s Secret) WebhookSecret(subscription string, salt uuid.UUID) secret.String {
	return secret.New("whsec_" + base64.StdEncoding.EncodeToString(
		s.derive("webhook "+subscription+" "+salt.String(), webhookSecretBytes)))
}

// Signer signs events.
type Signer struct {
	key    ed25519.PrivateKey
	header string
}

func newSigner(seed []byte) Signer {
	key := ed25519.NewKeyFromSeed(seed)

	return Signer{key: key, header: base64.RawURLEncoding.EncodeToString(
		[]byte(`{"alg":"EdDSA","kid":"` + keyID(publicOf(key)) + `"}`))}
}

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey {
	public, _ := key.Public().(ed25519.PublicKey)

	return public
}

// keyID is the beginning of a public key's hash.
func keyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)

	return base64.RawURLEncoding.EncodeToString(sum[:keyIDBytes])
}

// Sign makes the signature of a canonical event.
func (s Signer) Sign(body []byte) string {
	signature := ed25519.Sign(s.key, signingInput(s.header, body))

	return s.header + ".." + base64.RawURLEncoding.EncodeToString(signature)
}

func signingInput(header string, body []byte) []byte {
	input := make([]byte, 0, len(header)+1+base64.RawURLEncoding.EncodedLen(len(body)))
	input = append(append(input, header...), '.')

	return base64.RawURLEncoding.AppendEncode(input, body)
}

// Keys are the public keys that events may be signed with, by their ids.
type Keys map[string]ed25519.PublicKey

// Keys has the signer's own.
func (s Signer) Keys() Keys { return Keys{keyID(publicOf(s.key)): publicOf(s.key)} }

func (k Keys) verify(body []byte, signature string) error {
	header, signed, ok := strings.Cut(signature, "..")
	if !ok {
		return ErrSignature
	}

	var said struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}

	raw, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || strictjson.DecodeKnown(raw, &said) != nil || said.Algorithm != "EdDSA" {
		return ErrSignature
	}

	key, known := k[said.KeyID]
	value, err := base64.RawURLEncoding.DecodeString(signed)

	if !known || err != nil || !ed25519.Verify(key, signingInput(header, body), value) {
		return ErrSignature
	}

	return nil
}

// JWK is a public key as RFC 8037 writes it.
type JWK struct {
	Kind      string `json:"kty"`
	Curve     string `json:"crv"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	X         string `json:"x"`
}

// JWKOf is a key as others read it.
func JWKOf(public ed25519.PublicKey) JWK {
	return JWK{
		Kind: "OKP", Curve: "Ed25519", ID: keyID(public), Algorithm: "EdDSA", Use: "sig",
		X: base64.RawURLEncoding.EncodeToString(public),
	}
}
