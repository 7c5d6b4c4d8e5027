package driver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

// Settings are the environment variables of every program that signs. The names that other programs read are kept at
// more than a typing error's distance: CES_SIGNER_TIMEOUT would be taken for CES_LEDGER_TIMEOUT mistyped.
type Settings struct {
	Driver      string        `env:"CES_SIGNER" help:"Where the treasury's key is kept: file, pkcs11, transit, awskms, remote, or manual for a key away from the network. Required by all that signs; it alone says which of the variables below are used."`
	Fingerprint string        `env:"CES_SIGNER_FINGERPRINT" help:"Fingerprint of the key, 1220 and 64 hexadecimal digits. For what the treasury's party does not say: the key of a treasury that is still to be made, or one that signs and is not the one the party id is made of. If it is another key's, the error names the key that was found."`
	Timeout     time.Duration `env:"CES_SIGNER_ANSWER_TIMEOUT" default:"10s" help:"How long one signature may take, up to 5m; waiting for its turn counts."`
	Concurrency int           `env:"CES_SIGNER_CONCURRENCY" default:"16" help:"How many signatures are asked for at once, up to 1024."`

	File    File
	PKCS11  PKCS11
	Transit Transit
	AWSKMS  AWSKMS
	Remote  Remote
	Manual  Manual
}

// The values of CES_SIGNER.
const (
	file    = "file"
	pkcs11  = "pkcs11"
	transit = "transit"
	awskms  = "awskms"
	remote  = "remote"
	manual  = "manual"
)

// The most that package signer takes.
const (
	maxTimeout     = 5 * time.Minute
	maxConcurrency = 1024
)

// ErrNotSet means that a program which signs was not told how.
var ErrNotSet = errors.New("CES_SIGNER is not set: it says where the treasury's key is kept")

var errNoFingerprint = errors.New("CES_SIGNER_FINGERPRINT is not set: where there is no party yet, " +
	"it says which key is expected")

// keeper is the part of the settings that one driver has.
type keeper interface {
	// validate wants what is set to be well-formed. Its errors name the variable.
	validate() error
	// missing names what is needed and not set.
	missing() []string
	// describe says where the key is, without secrets.
	describe() string
	open(ctx context.Context, key signer.Config) (*signer.Key, error)
}

type named struct {
	name   string
	keeper keeper
}

func (s *Settings) keepers() []named {
	return []named{
		{file, &s.File},
		{pkcs11, &s.PKCS11},
		{transit, &s.Transit},
		{awskms, &s.AWSKMS},
		{remote, &s.Remote},
		{manual, &s.Manual},
	}
}

// chosen is the keeper that CES_SIGNER names.
func (s *Settings) chosen() (keeper, bool) {
	for _, k := range s.keepers() {
		if k.name == s.Driver {
			return k.keeper, true
		}
	}

	return nil, false
}

// Validate wants well-formed values, for the chosen driver and no other. Its errors name the variable. That something
// is missing is not one of them: a program may have other things to do than to sign, see Complete.
func (s *Settings) Validate() error {
	switch {
	case s.Timeout <= 0 || s.Timeout > maxTimeout:
		return fmt.Errorf("CES_SIGNER_ANSWER_TIMEOUT: %s: want a duration above zero, up to %s", s.Timeout, maxTimeout)
	case s.Concurrency < 1 || s.Concurrency > maxConcurrency:
		return fmt.Errorf("CES_SIGNER_CONCURRENCY: %d: want 1 to %d", s.Concurrency, maxConcurrency)
	}

	if s.Fingerprint != "" {
		if _, err := signing.ParseFingerprint(s.Fingerprint); err != nil {
			return fmt.Errorf("CES_SIGNER_FINGERPRINT: %w", err)
		}
	}

	if s.Driver == "" {
		return nil // who needs a signer calls Complete
	}

	chosen, ok := s.chosen()
	if !ok {
		return fmt.Errorf("CES_SIGNER: %.40q: want file, pkcs11, transit, awskms, remote or manual", s.Driver)
	}

	if foreign := s.foreign(); len(foreign) > 0 {
		return fmt.Errorf("CES_SIGNER=%s does not use %s: unset what is not meant",
			s.Driver, strings.Join(foreign, ", "))
	}

	return chosen.validate()
}

// foreign are the variables that are set and belong to other drivers.
func (s *Settings) foreign() []string {
	var names []string

	for _, k := range s.keepers() {
		if k.name != s.Driver {
			names = append(names, given(k.keeper)...)
		}
	}

	return names
}

// Complete wants all that Open needs, without reaching for anything: ErrNotSet, what Validate finds, or what the chosen
// driver lacks. An error is the operator's.
func (s *Settings) Complete() error {
	if s.Driver == "" {
		return ErrNotSet
	}

	if err := s.Validate(); err != nil {
		return err
	}

	if chosen, _ := s.chosen(); len(chosen.missing()) > 0 {
		return fmt.Errorf("CES_SIGNER=%s needs %s", s.Driver, strings.Join(chosen.missing(), ", "))
	}

	return nil
}

// ByHand reports whether people sign, so that every Sign will be answered with signer.ErrLater.
func (s *Settings) ByHand() bool { return s.Driver == manual }

// Open reaches for the key and refuses it with signer.ErrWrongKey unless it is CES_SIGNER_FINGERPRINT's, or the party's
// if that is not set. The party may be empty while it is still to be made. ctx bounds what has to be asked for; an
// error for which signer.IsTemporary is true may go away by itself. The caller closes the signer.
func (s *Settings) Open(ctx context.Context, party ident.Party) (signer.Signer, error) {
	if err := s.Complete(); err != nil {
		return nil, err
	}

	// A key file and a public key say themselves which key they are.
	if party == "" && s.Fingerprint == "" && s.Driver != file && s.Driver != manual {
		return nil, errNoFingerprint
	}

	chosen, _ := s.chosen()

	key, err := chosen.open(ctx, signer.Config{
		Party: party, Fingerprint: signing.Fingerprint(s.Fingerprint), Timeout: s.Timeout, Concurrency: s.Concurrency,
	})
	if err != nil {
		return nil, err
	}

	return key, nil
}

// Describe says where the key is kept, for people and logs. It holds no secret.
func (s *Settings) Describe() string {
	chosen, ok := s.chosen()
	if !ok {
		return "no signer"
	}

	return chosen.describe()
}

// LogValue is the description.
func (s *Settings) LogValue() slog.Value { return slog.StringValue(s.Describe()) }
