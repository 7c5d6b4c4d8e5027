package signer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/signing"
)

// Key is a Signer whose key a Keeper keeps.
type Key struct {
	keeper  Keeper
	public  signing.PublicKey
	timeout time.Duration
	// slots bounds the calls under way. Close takes all of them for good.
	slots   chan struct{}
	closing chan struct{}
	close   func() error
}

var _ Signer = (*Key)(nil)

// New asks the keeper for its public key and refuses it with ErrWrongKey unless it is the expected one. The keeper
// belongs to the Key from then on; it is closed when New fails.
func New(ctx context.Context, keeper Keeper, cfg Config) (*Key, error) {
	k, err := open(ctx, keeper, cfg)
	if err != nil {
		return nil, errors.Join(err, keeper.Close())
	}

	return k, nil
}

func open(ctx context.Context, keeper Keeper, cfg Config) (*Key, error) {
	want, err := cfg.expected()
	if err != nil {
		return nil, fmt.Errorf("signer: expected key: %w", err)
	}

	if cfg, err = cfg.withDefaults(); err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}

	limited, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()

	public, err := keeper.PublicKey(limited, want)
	if err != nil {
		return nil, failure(ctx, limited, "read public key", err)
	}

	if public.Spec() != signing.KeyEd25519 && public.Spec() != signing.KeyP256 {
		return nil, fmt.Errorf("signer: %w: key spec %.80q", signing.ErrUnsupported, public.Spec())
	}

	if got := public.Fingerprint(); got != want {
		return nil, fmt.Errorf("signer: %w: the key has fingerprint %s, expected is %s; "+
			"point the signer at the right key, or correct the party or fingerprint", ErrWrongKey, got, want)
	}

	k := &Key{
		keeper: keeper, public: public, timeout: cfg.Timeout,
		slots: make(chan struct{}, cfg.Concurrency), closing: make(chan struct{}),
	}
	k.close = sync.OnceValue(k.end)

	return k, nil
}

// PublicKey is the key that was found to be the expected one.
func (k *Key) PublicKey() signing.PublicKey { return k.public }

// LogValue shows which key this is.
func (k *Key) LogValue() slog.Value { return slog.StringValue(string(k.public.Fingerprint())) }

// Sign asks the keeper once and checks what it answers.
func (k *Key) Sign(ctx context.Context, what signing.Signable) (signing.Signature, error) {
	m, err := MessageOf(what)
	if err != nil {
		return signing.Signature{}, err
	}

	limited, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()

	if err := k.enter(limited); err != nil {
		return signing.Signature{}, failure(ctx, limited, "wait for a turn to sign", err)
	}
	defer func() { <-k.slots }()

	raw, err := k.keeper.Sign(limited, m)
	if err != nil {
		return signing.Signature{}, failure(ctx, limited, "sign", err)
	}

	s := signing.Signature{Format: signing.FormatConcat, Algorithm: signing.AlgorithmEd25519}
	if k.public.Spec() == signing.KeyP256 {
		s.Format, s.Algorithm = signing.FormatDER, signing.AlgorithmECDSASHA256
	}

	s.SignedBy, s.Bytes = k.public.Fingerprint(), raw

	if err := signing.Verify(k.public, what, s); err != nil {
		return signing.Signature{}, &Error{
			Op: "check the signature that the keeper returned", Cause: err.Error(), err: err,
			Advice: "it was made with another key or scheme, or altered on the way, and has not been used; " +
				"find out before signing again",
		}
	}

	return s, nil
}

func (k *Key) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("before signing: %w", err)
	}

	select {
	case k.slots <- struct{}{}:
		return nil
	case <-k.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("all turns taken: %w", ctx.Err())
	}
}

// Close waits for the signatures under way, which end by their timeout, and closes the keeper.
func (k *Key) Close() error { return k.close() }

func (k *Key) end() error {
	close(k.closing)

	for range cap(k.slots) {
		k.slots <- struct{}{}
	}

	if err := k.keeper.Close(); err != nil {
		return fmt.Errorf("signer: close: %w", err)
	}

	return nil
}
