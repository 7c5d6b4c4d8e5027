//go:build cgo

package pkcs11

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"testing"

	"github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signing"
)

// TestRestartOfTheLibrary is first and alone: it takes the library away from the whole process.
func TestRestartOfTheLibrary(t *testing.T) { // Not parallel: see above
	k := newToken(t)
	public := k.generate(t, signing.KeyEd25519, "treasury", 1)
	key := open(t, k.config(), public)
	mustSign(t, key)

	require.NoError(t, k.library.Finalize())
	mustSign(t, key)
}

func open(t *testing.T, cfg Config, public signing.PublicKey) *signer.Key {
	t.Helper()

	key, err := Open(t.Context(), cfg, signer.Config{Fingerprint: public.Fingerprint()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, key.Close()) })

	return key
}

func mustSign(t *testing.T, key *signer.Key) {
	t.Helper()

	hash := signertest.Hash(1)
	sig, err := key.Sign(t.Context(), hash)
	require.NoError(t, err)
	signertest.Holds(t, key.PublicKey(), hash[:], sig)
}

func TestContract(t *testing.T) {
	t.Parallel()

	for _, spec := range []signing.KeySpec{signing.KeyEd25519, signing.KeyP256} {
		t.Run(string(spec), func(t *testing.T) {
			t.Parallel()

			signertest.Run(t, func(t *testing.T) signertest.Subject {
				t.Helper()

				return subject(t, spec)
			})
		})
	}
}

func subject(t *testing.T, spec signing.KeySpec) signertest.Subject {
	t.Helper()

	var current *keeper

	token := newToken(t)
	return signertest.Subject{
		Key: token.generate(t, spec, "treasury", 1),
		Open: func(ctx context.Context, cfg signer.Config) (*signer.Key, error) {
			k, err := newKeeper(token.config())
			if err != nil {
				return nil, err
			}

			current = k

			return signer.New(ctx, k, cfg)
		},
		Secrets: []string{pin, soPIN},
		// Somebody replaces the private key and leaves the public one.
		Swap: func() {
			token.remove(t, pkcs11.CKO_PRIVATE_KEY)
			token.generate(t, spec, "treasury", 2)
		},
		// A module that does not return, in every session.
		Stall: func() {
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })

			for range current.cfg.Sessions {
				current.jobs <- job{do: func(*session) error { <-release; return nil }, done: make(chan error, 1)}
			}
		},
	}
}

func TestSessionsAreOpenedAgain(t *testing.T) {
	t.Parallel()

	for name, disturb := range map[string]func(*testing.T, *token){
		"sessions closed": func(t *testing.T, k *token) {
			t.Helper()
			require.NoError(t, k.library.CloseAllSessions(k.slot))
		},
		"logged out": func(t *testing.T, k *token) {
			t.Helper()

			session, err := k.library.OpenSession(k.slot, pkcs11.CKF_SERIAL_SESSION)
			require.NoError(t, err)
			require.NoError(t, k.library.Logout(session))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			k := newToken(t)
			key := open(t, k.config(), k.generate(t, signing.KeyP256, "treasury", 1))

			for range 3 {
				mustSign(t, key)
				disturb(t, k)
			}

			mustSign(t, key)
		})
	}
}

func TestKeyThatIsGone(t *testing.T) {
	t.Parallel()

	k := newToken(t)
	key := open(t, k.config(), k.generate(t, signing.KeyEd25519, "treasury", 1))
	k.remove(t, pkcs11.CKO_PRIVATE_KEY)

	for range 2 * DefaultSessions {
		_, err := key.Sign(t.Context(), signertest.Hash(0))
		require.ErrorContains(t, err, "no private key")
		require.False(t, signer.IsTemporary(err))
	}

	require.False(t, k.inUse(t), "after an error no session is left behind")
}

func TestCloseClosesSessions(t *testing.T) {
	t.Parallel()

	k := newToken(t)
	public := k.generate(t, signing.KeyEd25519, "treasury", 1)
	key, err := Open(t.Context(), k.config(), signer.Config{Fingerprint: public.Fingerprint()})
	require.NoError(t, err)
	mustSign(t, key)
	require.True(t, k.inUse(t))
	require.NoError(t, key.Close())
	require.False(t, k.inUse(t))
}

func TestWrongPINIsTriedOnce(t *testing.T) {
	t.Parallel()

	k := newToken(t)
	public := k.generate(t, signing.KeyEd25519, "treasury", 1)

	cfg := k.config()
	cfg.PIN = secret.New("111111-wrong")

	opened, err := newKeeper(cfg)
	require.NoError(t, err)

	for range 3 {
		_, err = opened.PublicKey(t.Context(), public.Fingerprint())
		require.ErrorContains(t, err, "refuses the PIN")
		require.NotContains(t, err.Error(), "111111")
		require.False(t, signer.IsTemporary(err))
	}

	// After a correction elsewhere it would be right: it is not asked, so it cannot know.
	opened.cfg.PIN = secret.New(pin)
	_, err = opened.PublicKey(t.Context(), public.Fingerprint())
	require.ErrorContains(t, err, "refuses the PIN")
	require.NoError(t, opened.Close())
}

func TestWhichKey(t *testing.T) {
	t.Parallel()

	k := newToken(t)
	first := k.generate(t, signing.KeyEd25519, "treasury", 1)
	second := k.generate(t, signing.KeyP256, "treasury", 2)
	other := k.generate(t, signing.KeyEd25519, "other", 3)

	info, err := k.library.GetTokenInfo(k.slot)
	require.NoError(t, err)

	for name, tc := range map[string]struct {
		change func(*Config)
		want   signing.PublicKey
		cause  string
	}{
		"label alone is two keys": {func(*Config) {}, first, "more than one"},
		"label and id":            {func(c *Config) { c.KeyID = []byte{2} }, second, ""},
		"id alone":                {func(c *Config) { c.KeyLabel, c.KeyID = "", []byte{3} }, other, ""},
		"label":                   {func(c *Config) { c.KeyLabel = "other" }, other, ""},
		"serial": {func(c *Config) {
			c.KeyLabel, c.TokenLabel, c.TokenSerial = "other", "", info.SerialNumber
		}, other, ""},
		"none":         {func(c *Config) { c.KeyLabel = "none" }, first, "no private key"},
		"no token":     {func(c *Config) { c.TokenLabel = "none" }, first, "0 of"},
		"no library":   {func(c *Config) { c.Library = "/nowhere.so" }, first, "does not load"},
		"no name":      {func(c *Config) { c.KeyLabel = "" }, first, "neither label nor id"},
		"no tokenname": {func(c *Config) { c.TokenLabel = "" }, first, "neither label nor serial"},
		"no PIN":       {func(c *Config) { c.PIN = secret.String{} }, first, "no PIN"},
		"empty":        {func(c *Config) { c.Library = "" }, first, "no library"},
		"sessions":     {func(c *Config) { c.Sessions = MaxSessions + 1 }, first, "sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			cfg := k.config()
			tc.change(&cfg)

			key, err := Open(t.Context(), cfg, signer.Config{Fingerprint: tc.want.Fingerprint()})
			if tc.cause != "" {
				require.ErrorContains(t, err, tc.cause)

				return
			}

			require.NoError(t, err)
			mustSign(t, key)
			require.NoError(t, key.Close())
		})
	}
}

func TestPoints(t *testing.T) {
	t.Parallel()

	ed := bytes.Repeat([]byte{7}, 32)
	looksLikeDER := append([]byte{0x04, 30}, ed[2:]...)

	for name, point := range map[string][]byte{"wrapped": append([]byte{0x04, 32}, ed...), "bare": ed, "bare like DER": looksLikeDER} {
		public, err := parsePublicKey(ckkECEdwards, nil, point)
		require.NoError(t, err, name)

		raw, _ := public.Raw()
		require.Equal(t, point[len(point)-32:], raw, name)
	}

	for name, point := range map[string][]byte{
		"none": nil, "long": make([]byte, 33), "trailing": append([]byte{0x04, 32}, append(ed, 1)...), "Ed448": append([]byte{0x04, 57}, make([]byte, 57)...),
	} {
		_, err := parsePublicKey(ckkECEdwards, nil, point)
		require.Error(t, err, name)
	}

	_, err := parsePublicKey(pkcs11.CKK_EC, p256Params(), append([]byte{4}, make([]byte, 64)...))
	require.ErrorIs(t, err, signing.ErrInvalidKey, "not on the curve")

	_, err = parsePublicKey(pkcs11.CKK_EC, []byte{6, 1, 1}, append([]byte{4}, make([]byte, 64)...))
	require.Error(t, err, "another curve")
}

func TestDERKeepsTheNumbers(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "raw")

		der, err := derOfConcat(raw)
		require.NoError(t, err)

		want := fmt.Appendf(nil, "\x30%c", len(der)-2)
		for _, half := range [][]byte{raw[:32], raw[32:]} {
			number := new(big.Int).SetBytes(half).Bytes()
			if len(number) == 0 || number[0] >= 0x80 {
				number = append([]byte{0}, number...)
			}

			want = append(want, 2, byte(len(number)))
			want = append(want, number...)
		}

		require.Equal(t, want, der)
	})

	_, err := derOfConcat(make([]byte, 63))
	require.Error(t, err)
}
