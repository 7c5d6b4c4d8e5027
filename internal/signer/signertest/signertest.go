// Package signertest is what every driver of internal/signer must do, as a test.
package signertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

// patience bounds every wait: long enough for a slow machine, so that a test that reaches it has failed.
const patience = time.Minute

// Subject is a driver with a key behind it.
type Subject struct {
	// Key is the key behind it, known from elsewhere.
	Key signing.PublicKey
	// Open opens the driver anew.
	Open func(ctx context.Context, cfg signer.Config) (*signer.Key, error)
	// Secrets are texts that nothing may ever show.
	Secrets []string

	// What the far side can be made to do from now on; nil where there is no far side to do it.

	// Alter changes every signature on its way.
	Alter func()
	// Swap signs with another key of the same kind.
	Swap func()
	// Stall answers no further requests to sign until the test ends.
	Stall func()
}

// Run puts new subjects through everything.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	t.Helper()

	for name, test := range map[string]func(*testing.T, Subject){
		"signs both kinds of hash":              signs,
		"signs for a party":                     signsForParty,
		"refuses another key":                   refusesAnotherKey,
		"refuses an unknown expectation":        refusesNoExpectation,
		"refuses after close":                   refusesAfterClose,
		"signs concurrently, closes meanwhile":  concurrent,
		"ends with the caller's context":        endsWithContext,
		"refuses altered signatures":            refusesAltered,
		"refuses signatures of another key":     refusesSwapped,
		"ends when nobody answers":              timesOut,
		"ends with the context, nobody answers": endsWhileStalled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, subject(t))
		})
	}
}

// Hash is some transaction's hash.
func Hash(n byte) signing.Hash { return sha256.Sum256([]byte{n}) }

// TopologyHash is some topology's.
func TopologyHash(n byte) signing.TopologyHash { return signing.TopologyTransactionHash([]byte{n}) }

// Holds checks a signature by the standard library alone, over what Canton expects to be signed.
func Holds(t *testing.T, key signing.PublicKey, content []byte, s signing.Signature) {
	t.Helper()

	require.Equal(t, key.Fingerprint(), s.SignedBy)

	parsed, err := x509.ParsePKIXPublicKey(key.SPKI())
	require.NoError(t, err)

	switch public := parsed.(type) {
	case ed25519.PublicKey:
		require.Equal(t, signing.FormatConcat, s.Format)
		require.Equal(t, signing.AlgorithmEd25519, s.Algorithm)
		require.True(t, ed25519.Verify(public, content, s.Bytes), "the signature does not hold")
	case *ecdsa.PublicKey:
		require.Equal(t, signing.FormatDER, s.Format)
		require.Equal(t, signing.AlgorithmECDSASHA256, s.Algorithm)

		digest := sha256.Sum256(content)
		require.True(t, ecdsa.VerifyASN1(public, digest[:], s.Bytes), "the signature does not hold")
	default:
		require.Fail(t, "unknown kind of key", "%T", parsed)
	}
}

func (s Subject) mustOpen(t *testing.T, cfg signer.Config) *signer.Key {
	t.Helper()

	if cfg.Party == "" && cfg.Fingerprint == "" {
		cfg.Fingerprint = s.Key.Fingerprint()
	}

	if cfg.Timeout == 0 {
		cfg.Timeout = patience
	}

	key, err := s.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, key.Close()) })
	s.hides(t, fmt.Sprintf("%v %+v %#v", key, key, key))

	return key
}

// hides fails when a text shows a secret.
func (s Subject) hides(t *testing.T, text string) {
	t.Helper()

	for _, hidden := range s.Secrets {
		require.NotEmpty(t, hidden)
		require.False(t, strings.Contains(text, hidden), "a secret is shown") //nolint:testifylint // not the secret itself
	}
}

// fails wants an error, of this permanence, that hides the secrets, and no signature.
func (s Subject) fails(t *testing.T, sig signing.Signature, err error, temporary bool) {
	t.Helper()

	require.Error(t, err)
	require.Zero(t, sig)
	require.Equal(t, temporary, signer.IsTemporary(err), "%v", err)
	s.hides(t, fmt.Sprintf("%v %+v %#v", err, err, err))
}

func signs(t *testing.T, s Subject) {
	t.Helper()

	key := s.mustOpen(t, signer.Config{})
	require.Equal(t, s.Key, key.PublicKey())

	for n := range byte(2) {
		hash := Hash(n)
		sig, err := key.Sign(t.Context(), hash)
		require.NoError(t, err)
		Holds(t, s.Key, hash[:], sig)

		topology := TopologyHash(n)
		sig, err = key.Sign(t.Context(), topology)
		require.NoError(t, err)
		Holds(t, s.Key, topology[:], sig)
	}
}

func signsForParty(t *testing.T, s Subject) {
	t.Helper()

	party, err := signing.PartyID("treasury", s.Key)
	require.NoError(t, err)

	key := s.mustOpen(t, signer.Config{Party: party})

	hash := Hash(0)
	sig, err := key.Sign(t.Context(), hash)
	require.NoError(t, err)
	Holds(t, s.Key, hash[:], sig)
}

func refusesAnotherKey(t *testing.T, s Subject) {
	t.Helper()

	other := signing.Fingerprint("1220" + strings.Repeat("ab", sha256.Size))

	for _, cfg := range []signer.Config{
		{Fingerprint: other},
		{Party: ident.Party("treasury::" + string(other))},
	} {
		key, err := s.Open(t.Context(), cfg)
		require.Nil(t, key)
		require.ErrorIs(t, err, signer.ErrWrongKey)
		s.fails(t, signing.Signature{}, err, false)
	}
}

func refusesNoExpectation(t *testing.T, s Subject) {
	t.Helper()

	for _, cfg := range []signer.Config{
		{},
		{Party: "treasury::1220aa"},
		{Party: "treasury"},
		{Fingerprint: "1220"},
		{Fingerprint: s.Key.Fingerprint(), Timeout: -1},
		{Fingerprint: s.Key.Fingerprint(), Concurrency: math.MaxInt},
	} {
		key, err := s.Open(t.Context(), cfg)
		require.Nil(t, key)
		s.fails(t, signing.Signature{}, err, false)
	}
}

func refusesAfterClose(t *testing.T, s Subject) {
	t.Helper()

	key := s.mustOpen(t, signer.Config{})
	require.NoError(t, key.Close())
	require.NoError(t, key.Close())

	sig, err := key.Sign(t.Context(), Hash(0))
	require.ErrorIs(t, err, signer.ErrClosed)
	s.fails(t, sig, err, false)
}

// concurrent lets more sign than may at once, and closes while some of them do: each has its own signature or
// ErrClosed.
func concurrent(t *testing.T, s Subject) {
	t.Helper()

	const callers byte = 48

	key := s.mustOpen(t, signer.Config{Concurrency: 2})
	signatures, errs := make([]signing.Signature, callers), make([]error, callers)

	var wg sync.WaitGroup

	first := make(chan struct{}, callers)

	for n := range callers {
		wg.Go(func() {
			signatures[n], errs[n] = key.Sign(t.Context(), Hash(n))
			first <- struct{}{}
		})
	}

	<-first
	require.NoError(t, key.Close())
	wg.Wait()

	held := 0

	for n := range callers {
		if errs[n] != nil {
			require.ErrorIs(t, errs[n], signer.ErrClosed)

			continue
		}

		hash := Hash(n)
		Holds(t, s.Key, hash[:], signatures[n])

		held++
	}

	require.Positive(t, held)
}

func endsWithContext(t *testing.T, s Subject) {
	t.Helper()

	ctx, cancel := context.WithCancel(t.Context())
	key := s.mustOpen(t, signer.Config{})

	cancel()

	sig, err := key.Sign(ctx, Hash(0))
	require.ErrorIs(t, err, context.Canceled)
	s.fails(t, sig, err, false)

	hash := Hash(1)
	sig, err = key.Sign(t.Context(), hash)
	require.NoError(t, err, "one caller's end is not another's")
	Holds(t, s.Key, hash[:], sig)
}

func refusesAltered(t *testing.T, s Subject) {
	t.Helper()

	if s.Alter == nil {
		return
	}

	key := s.mustOpen(t, signer.Config{})
	s.Alter()

	sig, err := key.Sign(t.Context(), Hash(0))
	require.ErrorIs(t, err, signing.ErrBadSignature)
	s.fails(t, sig, err, false)
}

func refusesSwapped(t *testing.T, s Subject) {
	t.Helper()

	if s.Swap == nil {
		return
	}

	key := s.mustOpen(t, signer.Config{})
	s.Swap()

	sig, err := key.Sign(t.Context(), Hash(0))
	require.ErrorIs(t, err, signing.ErrBadSignature)
	s.fails(t, sig, err, false)
}

func timesOut(t *testing.T, s Subject) {
	t.Helper()

	if s.Stall == nil {
		return
	}

	key := s.mustOpen(t, signer.Config{Timeout: time.Second})
	s.Stall()

	sig, err := key.Sign(t.Context(), Hash(0))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	s.fails(t, sig, err, true)
}

func endsWhileStalled(t *testing.T, s Subject) {
	t.Helper()

	if s.Stall == nil {
		return
	}

	key := s.mustOpen(t, signer.Config{Concurrency: 1})
	s.Stall()

	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)

	for n := range byte(2) {
		go func() {
			_, err := key.Sign(ctx, Hash(n))
			errs <- err
		}()
	}

	cancel()

	for range 2 {
		err := <-errs
		require.ErrorIs(t, err, context.Canceled)
		s.fails(t, signing.Signature{}, err, false)
	}
}
