package signer_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signing"
)

// memory is a keeper in this process that can be made to misbehave.
type memory struct {
	key, other ed25519.PrivateKey
	conduct    atomic.Pointer[func(context.Context, signer.Message) ([]byte, error)]
	asked      atomic.Int32
	most       atomic.Int32
	closed     atomic.Int32
	fails      error
}

func newMemory(t *testing.T) *memory {
	t.Helper()

	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)

	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)

	return &memory{key: key, other: other}
}

func (m *memory) public(t *testing.T) signing.PublicKey {
	t.Helper()

	public, err := signing.NewPublicKey(m.key.Public())
	require.NoError(t, err)

	return public
}

func (m *memory) PublicKey(context.Context, signing.Fingerprint) (signing.PublicKey, error) {
	if m.fails != nil {
		return signing.PublicKey{}, m.fails
	}

	return signing.NewPublicKey(m.key.Public())
}

func (m *memory) Sign(ctx context.Context, what signer.Message) ([]byte, error) {
	for now := m.asked.Add(1); ; {
		most := m.most.Load()
		if now <= most || m.most.CompareAndSwap(most, now) {
			break
		}
	}
	defer m.asked.Add(-1)

	if conduct := m.conduct.Load(); conduct != nil {
		return (*conduct)(ctx, what)
	}

	return ed25519.Sign(m.key, what.Content()), nil
}

func (m *memory) Close() error {
	if m.asked.Load() != 0 {
		return errors.New("closed while signing")
	}

	m.closed.Add(1)

	return nil
}

func (m *memory) does(conduct func(context.Context, signer.Message) ([]byte, error)) {
	m.conduct.Store(&conduct)
}

func TestContract(t *testing.T) {
	t.Parallel()

	signertest.Run(t, func(t *testing.T) signertest.Subject {
		t.Helper()

		m := newMemory(t)

		return signertest.Subject{
			Key: m.public(t),
			Open: func(ctx context.Context, cfg signer.Config) (*signer.Key, error) {
				return signer.New(ctx, m, cfg)
			},
			Secrets: []string{string(m.key.Seed())},
			Alter: func() {
				m.does(func(_ context.Context, what signer.Message) ([]byte, error) {
					sig := ed25519.Sign(m.key, what.Content())
					sig[0] ^= 1

					return sig, nil
				})
			},
			Swap: func() {
				m.does(func(_ context.Context, what signer.Message) ([]byte, error) {
					return ed25519.Sign(m.other, what.Content()), nil
				})
			},
			Stall: func() {
				m.does(func(ctx context.Context, _ signer.Message) ([]byte, error) {
					<-ctx.Done()

					return nil, ctx.Err()
				})
			},
		}
	})
}

func TestAnythingButTheSignatureIsRefused(t *testing.T) {
	t.Parallel()

	m := newMemory(t)
	key, err := signer.New(t.Context(), m, signer.Config{Fingerprint: m.public(t).Fingerprint()})
	require.NoError(t, err)

	rapid.Check(t, func(t *rapid.T) {
		answer := rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "answer")
		m.does(func(context.Context, signer.Message) ([]byte, error) { return answer, nil })

		sig, err := key.Sign(context.Background(), signertest.Hash(0))
		require.ErrorIs(t, err, signing.ErrBadSignature)
		require.Zero(t, sig)
	})
}

func TestCallsAreBounded(t *testing.T) {
	t.Parallel()

	const most = 3

	m := newMemory(t)
	key, err := signer.New(t.Context(), m, signer.Config{Fingerprint: m.public(t).Fingerprint(), Concurrency: most})
	require.NoError(t, err)

	// Every call waits for a full house, so that the bound is reached, and then for whoever exceeds it.
	full := make(chan struct{})
	m.does(func(_ context.Context, what signer.Message) ([]byte, error) {
		if m.asked.Load() == most {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full

		return ed25519.Sign(m.key, what.Content()), nil
	})

	errs := make(chan error)
	for range 30 {
		go func() {
			_, err := key.Sign(t.Context(), signertest.Hash(0))
			errs <- err
		}()
	}

	for range 30 {
		require.NoError(t, <-errs)
	}

	require.EqualValues(t, most, m.most.Load())
	require.NoError(t, key.Close())
	require.EqualValues(t, 1, m.closed.Load())
}

func TestCloseWaits(t *testing.T) {
	t.Parallel()

	m := newMemory(t)
	key, err := signer.New(t.Context(), m, signer.Config{Fingerprint: m.public(t).Fingerprint(), Concurrency: 1})
	require.NoError(t, err)

	begun, release := make(chan struct{}), make(chan struct{})
	m.does(func(_ context.Context, what signer.Message) ([]byte, error) {
		close(begun)
		<-release

		return ed25519.Sign(m.key, what.Content()), nil
	})

	signed, closed := make(chan error, 1), make(chan error, 1)

	go func() {
		_, err := key.Sign(t.Context(), signertest.Hash(0))
		signed <- err
	}()
	<-begun

	go func() { closed <- key.Close() }()

	_, err = key.Sign(t.Context(), signertest.Hash(1))
	require.ErrorIs(t, err, signer.ErrClosed, "no turn is free, until there is none any more")
	close(release)
	require.NoError(t, <-signed)
	require.NoError(t, <-closed, "the keeper was not closed while it signed")
	require.EqualValues(t, 1, m.closed.Load())
}

func TestKeeperIsClosedWhenItsKeyIsRefused(t *testing.T) {
	t.Parallel()

	m := newMemory(t)
	_, err := signer.New(t.Context(), m, signer.Config{Party: "treasury::1220" + "00"})
	require.ErrorIs(t, err, signing.ErrInvalidKey)
	require.EqualValues(t, 1, m.closed.Load())

	m.fails = &signer.Error{Driver: "memory", Op: "read", Cause: "asleep", Advice: "wake it", Temporary: true}
	_, err = signer.New(t.Context(), m, signer.Config{Fingerprint: m.public(t).Fingerprint()})
	require.True(t, signer.IsTemporary(err))
	require.EqualError(t, err, "signer: memory: read: asleep (wake it)")
	require.EqualValues(t, 2, m.closed.Load())
}

func TestErrorsOfAKeeperPass(t *testing.T) {
	t.Parallel()

	m := newMemory(t)
	key, err := signer.New(t.Context(), m, signer.Config{Fingerprint: m.public(t).Fingerprint()})
	require.NoError(t, err)

	cause := errors.New("cause")

	for _, temporary := range []bool{true, false} {
		m.does(func(context.Context, signer.Message) ([]byte, error) {
			return nil, (&signer.Error{Op: "sign", Cause: "busy", Temporary: temporary}).Because(cause)
		})

		_, err = key.Sign(t.Context(), signertest.Hash(0))
		require.ErrorIs(t, err, cause)
		require.Equal(t, temporary, signer.IsTemporary(err))
	}

	m.does(func(context.Context, signer.Message) ([]byte, error) { return nil, cause })

	_, err = key.Sign(t.Context(), signertest.Hash(0))
	require.ErrorIs(t, err, cause)
	require.False(t, signer.IsTemporary(err), "what nobody understood is not tried again")
}

func TestNoOtherHash(t *testing.T) {
	t.Parallel()

	_, err := signer.MessageOf(nil)
	require.Error(t, err)

	// Embedding makes a Signable of another type, whose content would be unknown.
	_, err = signer.MessageOf(struct{ signing.Signable }{signertest.Hash(0)})
	require.Error(t, err)
}

func TestExcerpt(t *testing.T) {
	t.Parallel()

	token := secret.New("s.hidden")

	require.Equal(t, `bad token [redacted]\nagain`, signer.Excerpt(" bad token s.hidden\nagain\n", token, secret.String{}))
	require.Equal(t, `\x1b[31m\xff`, signer.Excerpt("\x1b[31m\xff"))

	long := signer.Excerpt(strings.Repeat("ü", 200) + "s.hidden")
	require.Equal(t, strings.Repeat("ü", 150)+"…", long)

	long = signer.Excerpt(strings.Repeat("x", 296)+"s.hidden", token)
	require.NotContains(t, long, "s.h", "cut first, a part of the secret would remain")
}
