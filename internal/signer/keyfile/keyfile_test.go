package keyfile

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const pass = "correct horse battery staple"

// leastCost makes tests quick.
func leastCost() cost { return cost{Time: 1, MemoryKiB: minMemoryKiB, Threads: 1} }

func generate(t testing.TB, spec signing.KeySpec) Private {
	t.Helper()

	p, err := Generate(spec)
	require.NoError(t, err)

	return p
}

func sealed(t testing.TB, p Private) []byte {
	t.Helper()

	raw, err := seal(p, secret.New(pass), leastCost())
	require.NoError(t, err)

	return raw
}

func TestContract(t *testing.T) {
	t.Parallel()

	for _, spec := range []signing.KeySpec{signing.KeyEd25519, signing.KeyP256} {
		t.Run(string(spec), func(t *testing.T) {
			t.Parallel()

			p := generate(t, spec)
			path := filepath.Join(t.TempDir(), "key")
			require.NoError(t, writeNew(path, sealed(t, p)))

			signertest.Run(t, func(t *testing.T) signertest.Subject {
				t.Helper()

				return signertest.Subject{
					Key: p.PublicKey(),
					Open: func(ctx context.Context, cfg signer.Config) (*signer.Key, error) {
						return Open(ctx, path, secret.New(pass), cfg)
					},
					Secrets: append([]string{pass}, printed(t, p)...),
				}
			})
		})
	}
}

// printed is how a key would look if a printer met it.
func printed(t *testing.T, p Private) []string {
	t.Helper()

	der, err := p.pkcs8()
	require.NoError(t, err)

	var out []string

	secretPart := der[len(der)-16:]
	if p.public.Spec() == signing.KeyP256 {
		key, err := x509.ParsePKCS8PrivateKey(der)
		require.NoError(t, err)

		secretPart, err = key.(interface{ Bytes() ([]byte, error) }).Bytes()
		require.NoError(t, err)
	}

	for _, form := range []string{"%x", "%v", "%s", "%#v"} {
		out = append(out, strings.Trim(fmt.Sprintf(form, secretPart), "[]"))
	}

	return out
}

func TestWrittenFileIsRead(t *testing.T) {
	t.Parallel()

	p := generate(t, signing.KeyEd25519)
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, Write(path, p, secret.New(pass)))

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	got, err := Read(path, secret.New(pass))
	require.NoError(t, err)
	require.Equal(t, p.PublicKey(), got.PublicKey())

	raw, err := os.ReadFile(path)
	require.NoError(t, err)

	d, _, err := parse(raw)
	require.NoError(t, err)
	require.Equal(t, defaultCost(), d.KDF.cost)

	for _, hidden := range append(printed(t, p), pass) {
		require.NotContains(t, string(raw), hidden)
	}

	err = Write(path, generate(t, signing.KeyEd25519), secret.New(pass))
	require.ErrorIs(t, err, os.ErrExist, "a key is never replaced")

	require.ErrorContains(t, Write(path+"2", p, secret.New("short")), "passphrase")
	require.Error(t, Write(path+"2", Private{}, secret.New(pass)))
	require.NoFileExists(t, path+"2")

	_, err = Private{}.Signer(t.Context(), signer.Config{})
	require.Error(t, err)
}

func TestWrongPassphrase(t *testing.T) {
	t.Parallel()

	raw := sealed(t, generate(t, signing.KeyEd25519))

	for _, wrong := range []string{"", pass + " ", strings.ToUpper(pass)} {
		_, err := unseal(raw, secret.New(wrong))
		require.ErrorIs(t, err, ErrPassphrase)
		require.NotErrorIs(t, err, ErrAltered)
	}
}

// TestDamage changes any one byte: the file is refused, and never with the blame on the passphrase.
func TestDamage(t *testing.T) {
	t.Parallel()

	raw := sealed(t, generate(t, signing.KeyP256))

	rapid.Check(t, func(t *rapid.T) {
		damaged := bytes.Clone(raw)
		at := rapid.IntRange(0, len(raw)-2).Draw(t, "at")
		damaged[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "xor"))

		_, err := unseal(damaged, secret.New(pass))
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrPassphrase)
	})
}

// TestForgery changes the file and mends its checksum, as who wants to deceive would.
func TestForgery(t *testing.T) {
	t.Parallel()

	other := generate(t, signing.KeyEd25519)

	for name, tc := range map[string]struct {
		forge func(*document)
		want  error
	}{
		"ciphertext":   {func(d *document) { d.Sealed[3] ^= 1 }, ErrAltered},
		"nonce":        {func(d *document) { d.Nonce[0] ^= 1 }, ErrAltered},
		"empty":        {func(d *document) { d.Sealed = nil }, ErrAltered},
		"salt":         {func(d *document) { d.KDF.Salt[0] ^= 1 }, ErrPassphrase},
		"check":        {func(d *document) { d.Check[0] ^= 1 }, ErrPassphrase},
		"time":         {func(d *document) { d.KDF.Time++ }, ErrPassphrase},
		"weak memory":  {func(d *document) { d.KDF.MemoryKiB = 8 }, ErrAltered},
		"much memory":  {func(d *document) { d.KDF.MemoryKiB = 1 << 30 }, ErrAltered},
		"no time":      {func(d *document) { d.KDF.Time = 0 }, ErrAltered},
		"no threads":   {func(d *document) { d.KDF.Threads = 0 }, ErrAltered},
		"other kdf":    {func(d *document) { d.KDF.Name = "none" }, ErrAltered},
		"other cipher": {func(d *document) { d.Cipher = "none" }, ErrAltered},
		"short nonce":  {func(d *document) { d.Nonce = d.Nonce[:12] }, ErrAltered},
		"format":       {func(d *document) { d.Format = "x" }, ErrFormat},
		"version":      {func(d *document) { d.Version = 2 }, ErrFormat},
		"fingerprint":  {func(d *document) { d.Fingerprint = string(other.public.Fingerprint()) }, ErrAltered},
		"spec":         {func(d *document) { d.KeySpec = string(signing.KeyP256) }, ErrAltered},
		"other identity": {func(d *document) {
			d.PublicKey, d.Fingerprint = other.public.SPKI(), string(other.public.Fingerprint())
		}, ErrAltered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d, _, err := parse(sealed(t, generate(t, signing.KeyEd25519)))
			require.NoError(t, err)
			tc.forge(&d)
			d.Checksum = d.sum()

			raw, err := strictjson.Encode(d)
			require.NoError(t, err)

			_, err = unseal(raw, secret.New(pass))
			require.ErrorIs(t, err, tc.want)
		})
	}
}

// TestOtherKeyInside seals one key under another's name, which only who knows the passphrase can do.
func TestOtherKeyInside(t *testing.T) {
	t.Parallel()

	p := generate(t, signing.KeyEd25519)
	p.public = generate(t, signing.KeyEd25519).public

	_, err := unseal(sealed(t, p), secret.New(pass))
	require.ErrorIs(t, err, ErrAltered)
}

func TestNoKeyFile(t *testing.T) {
	t.Parallel()

	seed := strings.Repeat("5a", 32)

	for name, text := range map[string]string{
		"empty": "", "a raw key": seed, "a list": "[]", "another JSON": `{"seed":"` + seed + `"}`, "a duplicate": `{"format":1,"format":2}`,
	} {
		_, err := unseal([]byte(text), secret.New(pass))
		require.ErrorIs(t, err, ErrFormat, name)
		require.NotContains(t, err.Error(), "5a5a", name)
	}

	raw := sealed(t, generate(t, signing.KeyEd25519))
	_, err := unseal(bytes.Replace(raw, []byte(`{`), []byte(`{"more":1,`), 1), secret.New(pass))
	require.ErrorIs(t, err, ErrAltered)
}

func TestMode(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	require.NoError(t, writeNew(path, sealed(t, generate(t, signing.KeyEd25519))))

	for mode, good := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o440: true, 0o640: true, 0o644: false, 0o604: false, 0o660: false, 0o666: false, 0o601: false,
	} {
		require.NoError(t, os.Chmod(path, mode))

		_, err := Read(path, secret.New(pass))
		if good {
			require.NoError(t, err, mode)
		} else {
			require.ErrorIs(t, err, ErrMode, mode)
		}
	}

	_, err := Read(dir, secret.New(pass))
	require.ErrorIs(t, err, ErrMode)

	_, err = Read(path+"2", secret.New(pass))
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.WriteFile(path+"3", make([]byte, maxFile+1), 0o600))
	_, err = Read(path+"3", secret.New(pass))
	require.ErrorIs(t, err, ErrFormat)
}

func TestImport(t *testing.T) {
	t.Parallel()

	// RFC 8032, section 7.1, test 1.
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	require.NoError(t, err)

	p, err := FromSeed(signing.KeyEd25519, seed)
	require.NoError(t, err)

	raw, ok := p.PublicKey().Raw()
	require.True(t, ok)
	require.Equal(t, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", hex.EncodeToString(raw))

	// RFC 6979, appendix A.2.5.
	number, err := hex.DecodeString("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	require.NoError(t, err)

	p, err = FromSeed(signing.KeyP256, number)
	require.NoError(t, err)
	require.Contains(t, hex.EncodeToString(p.PublicKey().SPKI()),
		"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")

	for _, spec := range []signing.KeySpec{signing.KeyEd25519, signing.KeyP256} {
		p := generate(t, spec)
		der, err := p.pkcs8()
		require.NoError(t, err)

		for _, form := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
			got, err := FromPKCS8(form)
			require.NoError(t, err)
			require.Equal(t, p.PublicKey(), got.PublicKey())
		}
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()

	secretText := bytes.Repeat([]byte{0x5a}, 32)
	der, err := generate(t, signing.KeyEd25519).pkcs8()
	require.NoError(t, err)

	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})

	for name, try := range map[string]func() (Private, error){
		"short seed":   func() (Private, error) { return FromSeed(signing.KeyEd25519, secretText[1:]) },
		"long seed":    func() (Private, error) { return FromSeed(signing.KeyEd25519, append(secretText, 1)) },
		"zero":         func() (Private, error) { return FromSeed(signing.KeyP256, make([]byte, 32)) },
		"beyond order": func() (Private, error) { return FromSeed(signing.KeyP256, bytes.Repeat([]byte{255}, 32)) },
		"other spec":   func() (Private, error) { return FromSeed("SIGNING_KEY_SPEC_EC_P384", secretText) },
		"other kind":   func() (Private, error) { return Generate("SIGNING_KEY_SPEC_EC_SECP256K1") },
		"no DER":       func() (Private, error) { return FromPKCS8(secretText) },
		"two blocks":   func() (Private, error) { return FromPKCS8(append(bytes.Clone(block), block...)) },
		"encrypted": func() (Private, error) {
			return FromPKCS8(bytes.ReplaceAll(block, []byte("PRIVATE"), []byte("ENCRYPTED PRIVATE")))
		},
	} {
		_, err := try()
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "ZZZ", name)
		require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString(der)[:20], name)
	}
}

func TestPrivateDoesNotPrint(t *testing.T) {
	t.Parallel()

	p, err := FromSeed(signing.KeyEd25519, bytes.Repeat([]byte("Z"), ed25519.SeedSize))
	require.NoError(t, err)

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", slog.Any("key", p))

	for _, text := range []string{fmt.Sprint(p), fmt.Sprintf("%+v %#v %+v", p, p, &p), log.String()} {
		require.NotContains(t, text, "ZZZ")
		require.NotContains(t, text, "5a5a")
		require.NotContains(t, text, "90 90 90")
	}
}

// FuzzParse reads what it is given without a crash, and accepts only what it would write.
func FuzzParse(f *testing.F) {
	f.Add(sealed(f, generate(f, signing.KeyEd25519)))
	f.Add(sealed(f, generate(f, signing.KeyP256)))
	f.Add([]byte(`{"format":"canton-exchange-suite/key","version":1}`))

	f.Fuzz(func(t *testing.T, raw []byte) {
		d, public, err := parse(raw)
		if err != nil {
			return
		}

		require.Equal(t, d.Fingerprint, string(public.Fingerprint()))
		require.True(t, d.KDF.acceptable())
	})
}
