package signer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// Signer signs with one key. It is safe for concurrent use.
type Signer interface {
	// PublicKey is the key whose signatures Sign returns. It never changes.
	PublicKey() signing.PublicKey
	// Sign returns a signature that holds, or an error: ErrLater where a person signs, ErrClosed after Close. IsTemporary
	// says whether the same call may succeed later.
	Sign(ctx context.Context, what signing.Signable) (signing.Signature, error)
	// Close ends what the signer holds open. It waits for signatures under way; calling it again does nothing.
	Close() error
}

// Keeper is where a key is kept: what a driver implements. It need check nothing of what Key checks. A Keeper is safe
// for concurrent use, returns when the context ends, and does not repeat failed calls.
type Keeper interface {
	// PublicKey is the key that will sign. A keeper of several, such as the versions of a rotated key, settles on the one
	// with this fingerprint if it has it. It is called once, before Sign.
	PublicKey(ctx context.Context, want signing.Fingerprint) (signing.PublicKey, error)
	// Sign returns the 64 bytes of RFC 8032 over the message's content for an Ed25519 key, and for a P-256 key the DER of
	// r and s over its digest.
	Sign(ctx context.Context, m Message) ([]byte, error)
	// Close is called once, when no Sign is under way.
	Close() error
}

// Kind says what a hash stands for.
type Kind string

// The kinds of what is signed.
const (
	KindTransaction Kind = "prepared-transaction"
	KindTopology    Kind = "topology"
)

// Message is what a Keeper is asked to sign.
type Message struct {
	kind    Kind
	content string
}

// MessageOf tells what a signature of this hash is made over.
func MessageOf(what signing.Signable) (Message, error) {
	switch h := what.(type) {
	case signing.Hash:
		return Message{kind: KindTransaction, content: string(h[:])}, nil
	case signing.TopologyHash:
		return Message{kind: KindTopology, content: string(h[:])}, nil
	case *signing.Hash, *signing.TopologyHash: // could change while it is signed
	}

	return Message{}, fmt.Errorf("signer: no known kind of hash: %T", what)
}

// Kind is what the hash stands for.
func (m Message) Kind() Kind { return m.kind }

// Content is what an Ed25519 key signs: 32 bytes of a transaction's hash, 34 of a topology's.
func (m Message) Content() []byte { return []byte(m.content) }

// Digest is the SHA-256 of the content: what the curve operation of a P-256 key works on.
func (m Message) Digest() []byte {
	digest := sha256.Sum256([]byte(m.content))

	return digest[:]
}

// Defaults and bounds of Config.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultConcurrency = 16

	maxTimeout     = 5 * time.Minute
	maxConcurrency = 1024
)

// Config is what every driver needs to know of its key.
type Config struct {
	// Party is who the key signs for. The key's fingerprint must be the party's namespace.
	Party ident.Party
	// Fingerprint is the key's own where it is not the party's namespace: a party may sign transactions with another key
	// than the one that its id comes from.
	Fingerprint signing.Fingerprint
	// Timeout bounds one signature, waiting included; DefaultTimeout if zero.
	Timeout time.Duration
	// Concurrency is how many signatures are asked for at once, DefaultConcurrency if zero. Further calls wait.
	Concurrency int
}

// expected is the fingerprint that the key must have.
func (c Config) expected() (signing.Fingerprint, error) {
	if c.Fingerprint != "" {
		return signing.ParseFingerprint(string(c.Fingerprint))
	}

	if c.Party == "" {
		return "", errors.New("neither a party nor a fingerprint says which key is the right one")
	}

	return signing.Namespace(c.Party)
}

func (c Config) withDefaults() (Config, error) {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}

	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}

	if c.Timeout < 0 || c.Timeout > maxTimeout || c.Concurrency < 0 || c.Concurrency > maxConcurrency {
		return Config{}, fmt.Errorf("timeout %s and concurrency %d: want up to %s and up to %d",
			c.Timeout, c.Concurrency, maxTimeout, maxConcurrency)
	}

	return c, nil
}
