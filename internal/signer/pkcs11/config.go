package pkcs11

import (
	"context"
	"fmt"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
)

const driver = "PKCS#11"

// Config says which key of which token.
type Config struct {
	// Library is the file of the module's PKCS#11 library.
	Library string
	// TokenLabel and TokenSerial name the token; at least one, and together exactly one token.
	TokenLabel, TokenSerial string
	PIN                     secret.String
	// KeyLabel (CKA_LABEL) and KeyID (CKA_ID) name the key; at least one, and together exactly one key pair.
	KeyLabel string
	KeyID    []byte
	// Sessions is how many sessions may be open, and so how many signatures are made at once; DefaultSessions if zero.
	Sessions int
}

// DefaultSessions and MaxSessions bound the sessions of one signer. Modules have few.
const (
	DefaultSessions = 4
	MaxSessions     = 64
)

func (c Config) withDefaults() (Config, error) {
	if c.Sessions == 0 {
		c.Sessions = DefaultSessions
	}

	switch {
	case c.Library == "":
		return Config{}, fmt.Errorf("signer: %s: no library", driver)
	case c.TokenLabel == "" && c.TokenSerial == "":
		return Config{}, fmt.Errorf("signer: %s: neither label nor serial number of the token", driver)
	case c.KeyLabel == "" && len(c.KeyID) == 0:
		return Config{}, fmt.Errorf("signer: %s: neither label nor id of the key", driver)
	case c.PIN.IsZero():
		return Config{}, fmt.Errorf("signer: %s: no PIN", driver)
	case c.Sessions < 0 || c.Sessions > MaxSessions:
		return Config{}, fmt.Errorf("signer: %s: %d sessions: want 1 to %d", driver, c.Sessions, MaxSessions)
	default:
		return c, nil
	}
}

// Open logs in and finds the key. ctx bounds how long the caller waits for that.
func Open(ctx context.Context, cfg Config, key signer.Config) (*signer.Key, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}

	k, err := newKeeper(cfg)
	if err != nil {
		return nil, err
	}

	return signer.New(ctx, k, key)
}
