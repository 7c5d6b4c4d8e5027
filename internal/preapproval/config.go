package preapproval

import (
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/service"
)

// Settings are a program's variables.
type Settings struct {
	Provider string        `env:"CES_PREAPPROVAL_PROVIDER" help:"Local party of ours on the node that provides the treasury's preapproval of Canton Coin. The ledger user must be allowed to act as it (CanActAs); renewals are its commands, paid with its coins. Not the treasury. If not set, nothing is renewed and a person is called in time."`
	Renew    time.Duration `env:"CES_PREAPPROVAL_RENEW" default:"720h" help:"How long before its end a preapproval is renewed."`
	Warn     time.Duration `env:"CES_PREAPPROVAL_WARN" default:"336h" help:"How long before its end a person is called because it has not been renewed. Not longer than CES_PREAPPROVAL_RENEW."`
	Extend   time.Duration `env:"CES_PREAPPROVAL_EXTEND" default:"2160h" help:"By how much a renewal puts the end off. The network charges nothing for 90 days."`
	MaxCost  string        `env:"CES_PREAPPROVAL_MAX_COST" default:"10" help:"What a renewal may cost at most, in Canton Coin: it is handed coins of the provider that are worth no more together. With 0 it is handed none."`
	Every    time.Duration `env:"CES_PREAPPROVAL_EVERY" default:"5m" help:"How often the preapproval is looked at."`
}

// Validate names the variable that could not be meant.
func (s *Settings) Validate() error {
	cost, err := amount.Parse(s.MaxCost)
	if err != nil || cost.Sign() < 0 {
		return service.Invalid("CES_PREAPPROVAL_MAX_COST", s.MaxCost, "an amount of Canton Coin of at least 0")
	}

	if _, err := ident.ParseParty(s.Provider); s.Provider != "" && err != nil {
		return fmt.Errorf("CES_PREAPPROVAL_PROVIDER: %w", err)
	}

	switch {
	case s.Every <= 0:
		return service.Invalid("CES_PREAPPROVAL_EVERY", s.Every.String(), "a duration above zero")
	case s.Renew <= 0 || s.Renew > deposit.MaxRenewalExtend:
		return service.Invalid("CES_PREAPPROVAL_RENEW", s.Renew.String(),
			fmt.Sprintf("a duration above zero and of at most %s", deposit.MaxRenewalExtend))
	case s.Warn <= 0 || s.Warn > s.Renew:
		return service.Invalid("CES_PREAPPROVAL_WARN", s.Warn.String(),
			"a duration above zero, not longer than CES_PREAPPROVAL_RENEW")
	case s.Extend < deposit.MinRenewalExtend || s.Extend > deposit.MaxRenewalExtend:
		return service.Invalid("CES_PREAPPROVAL_EXTEND", s.Extend.String(),
			fmt.Sprintf("a duration from %s to %s", deposit.MinRenewalExtend, deposit.MaxRenewalExtend))
	default:
		return s.policy("", cost).Validate()
	}
}

func (s *Settings) policy(treasury ident.Party, cost amount.Amount) deposit.RenewalPolicy {
	return deposit.RenewalPolicy{
		Treasury: treasury, Provider: ident.Party(s.Provider), Warn: s.Warn, Renew: s.Renew, Extend: s.Extend,
		MaxCost: cost,
	}
}

// Config is the keeper's for a treasury. UserID is the ledger user; the token's if empty.
func (s *Settings) Config(treasury ident.Party, userID string) (Config, error) {
	cost, err := amount.Parse(s.MaxCost)
	if err != nil {
		return Config{}, fmt.Errorf("CES_PREAPPROVAL_MAX_COST: %w", err)
	}

	return Config{Policy: s.policy(treasury, cost), UserID: userID, Every: s.Every}, nil
}

// Config is whose preapproval is kept, and how.
type Config struct {
	Policy deposit.RenewalPolicy
	// UserID is the ledger user; the token's if empty.
	UserID string
	// Every is how often the keeper looks.
	Every time.Duration
	// RoundTimeout is how long one look, with a renewal, may take.
	RoundTimeout time.Duration
}

// Defaults of Config.
const (
	DefaultEvery = 5 * time.Minute

	defaultRoundTimeout = 2 * time.Minute
)

// Validate fills in defaults and says what cannot be meant.
func (c *Config) Validate() error {
	if _, err := ident.ParseParty(string(c.Policy.Treasury)); err != nil {
		return fmt.Errorf("treasury party: %w", err)
	}

	if c.Every == 0 {
		c.Every = DefaultEvery
	}

	if c.RoundTimeout == 0 {
		c.RoundTimeout = defaultRoundTimeout
	}

	if min(c.Every, c.RoundTimeout) <= 0 {
		return errors.New("interval and time-out: want durations above zero")
	}

	return c.Policy.Validate()
}
