package driver

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	manualdriver "github.com/canton-exchange/suite/internal/signer/manual"
	pkcs11driver "github.com/canton-exchange/suite/internal/signer/pkcs11"
	"github.com/canton-exchange/suite/internal/signing"
)

// File is a key in a file that a passphrase opens.
type File struct {
	Path       string        `env:"CES_SIGNER_FILE_PATH" help:"For CES_SIGNER=file: the encrypted key file, which treasury new-key makes."`
	Passphrase secret.String `env:"CES_SIGNER_FILE_PASSPHRASE" help:"Passphrase of the key file, at least 12 bytes; best a long random one."`
}

func (f *File) validate() error { return nil }

func (f *File) missing() []string {
	return lacking(
		need{f.Path != "", "CES_SIGNER_FILE_PATH"},
		need{!f.Passphrase.IsZero(), "CES_SIGNER_FILE_PASSPHRASE (or CES_SIGNER_FILE_PASSPHRASE_FILE)"},
	)
}

func (f *File) describe() string { return "key file " + f.Path }

func (f *File) open(ctx context.Context, key signer.Config) (*signer.Key, error) {
	private, err := keyfile.Read(f.Path, f.Passphrase)
	if err != nil {
		return nil, err
	}

	if key.Party == "" && key.Fingerprint == "" {
		key.Fingerprint = private.PublicKey().Fingerprint()
	}

	return private.Signer(ctx, key)
}

// PKCS11 is a key in a hardware security module.
type PKCS11 struct {
	Library     string        `env:"CES_SIGNER_PKCS11_LIBRARY" help:"For CES_SIGNER=pkcs11: file of the module's PKCS#11 library."`
	TokenLabel  string        `env:"CES_SIGNER_PKCS11_TOKEN_LABEL" help:"Label of the token. Label and serial number together must name one token; one of them is enough."`
	TokenSerial string        `env:"CES_SIGNER_PKCS11_TOKEN_SERIAL" help:"Serial number of the token."`
	PIN         secret.String `env:"CES_SIGNER_PKCS11_PIN" help:"PIN of the token's user."`
	KeyLabel    string        `env:"CES_SIGNER_PKCS11_KEY_LABEL" help:"Label of the key pair (CKA_LABEL). Label and id together must name one key pair; one of them is enough."`
	KeyID       string        `env:"CES_SIGNER_PKCS11_KEY_ID" help:"Id of the key pair (CKA_ID), in hexadecimal."`
	Sessions    int           `env:"CES_SIGNER_PKCS11_SESSIONS" help:"How many sessions may be open, and so how many signatures are made at once: 1 to 64, 4 if not set."`
}

func (p *PKCS11) validate() error {
	if _, err := hex.DecodeString(p.KeyID); err != nil {
		return fmt.Errorf("CES_SIGNER_PKCS11_KEY_ID: %.80q: want hexadecimal digits", p.KeyID)
	}

	if p.Sessions < 0 || p.Sessions > pkcs11driver.MaxSessions {
		return fmt.Errorf("CES_SIGNER_PKCS11_SESSIONS: %d: want 1 to %d", p.Sessions, pkcs11driver.MaxSessions)
	}

	return nil
}

func (p *PKCS11) missing() []string {
	return lacking(
		need{p.Library != "", "CES_SIGNER_PKCS11_LIBRARY"},
		need{
			p.TokenLabel != "" || p.TokenSerial != "",
			"CES_SIGNER_PKCS11_TOKEN_LABEL or CES_SIGNER_PKCS11_TOKEN_SERIAL",
		},
		need{!p.PIN.IsZero(), "CES_SIGNER_PKCS11_PIN (or CES_SIGNER_PKCS11_PIN_FILE)"},
		need{p.KeyLabel != "" || p.KeyID != "", "CES_SIGNER_PKCS11_KEY_LABEL or CES_SIGNER_PKCS11_KEY_ID"},
	)
}

func (p *PKCS11) describe() string {
	return fmt.Sprintf("PKCS#11 token %q, key %q",
		strings.TrimSpace(p.TokenLabel+" "+p.TokenSerial), strings.TrimSpace(p.KeyLabel+" "+p.KeyID))
}

func (p *PKCS11) open(ctx context.Context, key signer.Config) (*signer.Key, error) {
	id, err := hex.DecodeString(p.KeyID)
	if err != nil {
		return nil, fmt.Errorf("CES_SIGNER_PKCS11_KEY_ID: %w", err)
	}

	return pkcs11driver.Open(ctx, pkcs11driver.Config{
		Library: p.Library, TokenLabel: p.TokenLabel, TokenSerial: p.TokenSerial, PIN: p.PIN,
		KeyLabel: p.KeyLabel, KeyID: id, Sessions: p.Sessions,
	}, key)
}

// Manual is a key that people keep away from the network.
type Manual struct {
	PublicKey string `env:"CES_SIGNER_MANUAL_PUBLIC_KEY" help:"For CES_SIGNER=manual: public half of the cold key, the base64 of its SubjectPublicKeyInfo (DER), as treasury new-key prints it. Transactions wait until somebody has signed them elsewhere."`
}

func (m *Manual) validate() error {
	if m.PublicKey == "" {
		return nil
	}

	_, err := m.key()

	return err
}

func (m *Manual) key() (signing.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(m.PublicKey)
	if err != nil {
		return signing.PublicKey{}, errors.New("CES_SIGNER_MANUAL_PUBLIC_KEY is not base64")
	}

	for _, spec := range []signing.KeySpec{signing.KeyEd25519, signing.KeyP256} {
		if key, err := signing.ParsePublicKey(spec, signing.KeyFormatSPKI, der); err == nil {
			return key, nil
		}
	}

	return signing.PublicKey{}, errors.New("CES_SIGNER_MANUAL_PUBLIC_KEY is not the SubjectPublicKeyInfo " +
		"of an Ed25519 or P-256 key")
}

func (m *Manual) missing() []string {
	return lacking(need{m.PublicKey != "", "CES_SIGNER_MANUAL_PUBLIC_KEY"})
}

func (m *Manual) describe() string { return "a key away from the network, signatures by hand" }

func (m *Manual) open(ctx context.Context, key signer.Config) (*signer.Key, error) {
	public, err := m.key()
	if err != nil {
		return nil, err
	}

	if key.Party == "" && key.Fingerprint == "" {
		key.Fingerprint = public.Fingerprint()
	}

	return manualdriver.Open(ctx, public, key)
}
