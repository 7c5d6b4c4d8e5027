package manual

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	answerFormat = "canton-exchange-suite/signature"
	maxAnswer    = 16 << 10
)

// answer is the file of a signature.
type answer struct {
	Format    string                  `json:"format"`
	Version   int                     `json:"version"`
	ID        string                  `json:"id"`
	Hash      string                  `json:"hash"`
	SignedBy  signing.Fingerprint     `json:"signed_by"`
	Form      signing.SignatureFormat `json:"signature_format"`
	Algorithm signing.Algorithm       `json:"algorithm"`
	Signature []byte                  `json:"signature"`
}

// Answer signs a request where the key is, and writes the file that goes back. Whoever calls it has read the request
// and seen what it does.
func Answer(ctx context.Context, r Request, s signer.Signer, now time.Time) ([]byte, error) {
	raw, err := makeAnswer(ctx, r, s, now)
	if err != nil {
		return nil, fmt.Errorf("answer signing request %s: %w", r.ID, err)
	}

	return raw, nil
}

func makeAnswer(ctx context.Context, r Request, s signer.Signer, now time.Time) ([]byte, error) {
	message, err := r.check(now)
	if err != nil {
		return nil, err
	}

	if got := s.PublicKey().Fingerprint(); got != r.SignedBy {
		return nil, fmt.Errorf("%w: the signer has %s, the request wants %s", signer.ErrWrongKey, got, r.SignedBy)
	}

	hash, err := r.Content.Hash()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	sig, err := s.Sign(ctx, hash)
	if err != nil {
		return nil, err
	}

	raw, err := strictjson.Encode(answer{
		Format: answerFormat, Version: formatVersion, ID: r.ID, Hash: hex.EncodeToString(message.Content()),
		SignedBy: sig.SignedBy, Form: sig.Format, Algorithm: sig.Algorithm, Signature: sig.Bytes,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	return append(raw, '\n'), nil
}

// ImportSignature takes the signature out of the file that came back. It holds, for this request, by this key, or it is
// refused: ErrExpired, ErrMismatch, ErrMalformed, or an error of package signing.
func ImportSignature(raw []byte, r Request, key signing.PublicKey, now time.Time) (signing.Signature, error) {
	sig, err := importSignature(raw, r, key, now)
	if err != nil {
		return signing.Signature{}, fmt.Errorf("import signature for request %s: %w", r.ID, err)
	}

	return sig, nil
}

func importSignature(raw []byte, r Request, key signing.PublicKey, now time.Time) (signing.Signature, error) {
	message, err := r.check(now)
	if err != nil {
		return signing.Signature{}, err
	}

	if len(raw) > maxAnswer {
		return signing.Signature{}, fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxAnswer)
	}

	var a answer
	if err := strictjson.DecodeKnown(raw, &a); err != nil {
		return signing.Signature{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	switch want := hex.EncodeToString(message.Content()); {
	case a.Format != answerFormat || a.Version != formatVersion:
		return signing.Signature{}, fmt.Errorf("%w: format %.80q version %d, want %q version %d",
			ErrMalformed, a.Format, a.Version, answerFormat, formatVersion)
	case a.ID != r.ID || a.Hash != want:
		return signing.Signature{}, fmt.Errorf("%w: the signature is for request %.80q with hash %.80q, not %s",
			ErrMismatch, a.ID, a.Hash, want)
	case a.SignedBy != r.SignedBy || key.Fingerprint() != r.SignedBy:
		return signing.Signature{}, fmt.Errorf("%w: signed by %.80q, the request wants %s",
			signing.ErrWrongKey, a.SignedBy, r.SignedBy)
	}

	hash, err := r.Content.Hash()
	if err != nil {
		return signing.Signature{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	sig := signing.Signature{Format: a.Form, Algorithm: a.Algorithm, SignedBy: a.SignedBy, Bytes: a.Signature}
	if err := signing.Verify(key, hash, sig); err != nil {
		return signing.Signature{}, err
	}

	return sig, nil
}

// Open is a Signer for a key that is elsewhere: it knows which key will sign, and answers every Sign with
// signer.ErrLater.
func Open(ctx context.Context, public signing.PublicKey, cfg signer.Config) (*signer.Key, error) {
	return signer.New(ctx, keeper{public: public}, cfg)
}

type keeper struct{ public signing.PublicKey }

var _ signer.Keeper = keeper{}

// PublicKey is the configured one.
func (k keeper) PublicKey(context.Context, signing.Fingerprint) (signing.PublicKey, error) {
	return k.public, nil
}

// Sign leaves it to people.
func (k keeper) Sign(context.Context, signer.Message) ([]byte, error) { return nil, signer.ErrLater }

// Close has nothing to end.
func (k keeper) Close() error { return nil }
