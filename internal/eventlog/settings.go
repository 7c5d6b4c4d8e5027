package eventlog

import (
	"errors"
	"time"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
)

// SecretSettings are what all who sign events, or show others how they are signed, must share.
type SecretSettings struct {
	Secret secret.String `env:"CES_EVENTS_SECRET" help:"At least 32 bytes from which the keys that sign events and webhooks are made. The same for every program; whoever has it can sign in the suite's name."`
}

// Open makes the keys; nil where there is no secret, and nothing is signed.
func (c *SecretSettings) Open() (*event.Secret, error) {
	if c.Secret.Reveal() == "" {
		return nil, nil //nolint:nilnil // whoever needs one says so
	}

	keys, err := event.NewSecret(c.Secret)
	if err != nil {
		return nil, errors.New("CES_EVENTS_SECRET: want at least 32 bytes, best long random ones")
	}

	return &keys, nil
}

// Settings are those of the sequencer.
type Settings struct {
	SecretSettings

	MaxLag    time.Duration `env:"CES_EVENTS_MAX_LAG" default:"2m" help:"How far the database may be behind the ledger before that is told as an event."`
	Retention time.Duration `env:"CES_EVENTS_RETENTION" default:"720h" help:"How long events are kept for who reads them late."`
}

const leastRetention = time.Hour

// Validate names the variable that events could not live with.
func (c *Settings) Validate() error {
	switch keys, err := c.Open(); {
	case err != nil:
		return err
	case keys == nil:
		return errors.New("CES_EVENTS_SECRET is not set: want at least 32 bytes, best long random ones")
	case c.Retention < leastRetention:
		return service.Invalid("CES_EVENTS_RETENTION", c.Retention.String(), "a duration of at least an hour")
	case c.MaxLag <= 0:
		return service.Invalid("CES_EVENTS_MAX_LAG", c.MaxLag.String(), "a duration above zero")
	default:
		return nil
	}
}
