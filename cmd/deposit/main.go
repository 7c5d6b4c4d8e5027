// Command deposit is Multi-Step Deposit Automation: it decides which offers to one treasury party are accepted, and
// accepts them.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/preapproval"
	"github.com/canton-exchange/suite/internal/screening"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/driver"
	"github.com/canton-exchange/suite/internal/store"
)

type config struct {
	service.Base
	service.AdminConfig
	service.DatabaseConfig
	ledger.Settings

	Signer      driver.Settings
	Screening   screening.Settings
	Preapproval preapproval.Settings

	Party   string        `env:"CES_TREASURY_PARTY,required" help:"Party id of the treasury that receives, name::fingerprint."`
	User    string        `env:"CES_LEDGER_USER" help:"Ledger user that submits; the access token's own if not set. It needs CanReadAs and CanExecuteAs of the treasury, CanActAs of CES_PREAPPROVAL_PROVIDER if that is set, and nothing more."`
	Workers int           `env:"CES_DEPOSIT_WORKERS" default:"8" help:"How many offers are answered at once, 1 to 256."`
	Rate    int           `env:"CES_DEPOSIT_PER_MINUTE" default:"0" help:"Most submissions per minute, which is what bounds the cost of traffic, about 20 kB each; 0 for no bound."`
	Burst   int           `env:"CES_DEPOSIT_BURST" default:"0" help:"How many submissions may be made at once after a quiet time; a second's worth if 0."`
	Recheck time.Duration `env:"CES_DEPOSIT_RECHECK" default:"10s" help:"After what time without a word from the ledger a submission is repeated, exactly as it was."`
	MaxLag  time.Duration `env:"CES_DEPOSIT_MAX_LAG" default:"1m" help:"How far ingestion may be behind for offers to be accepted."`
}

// Validate names the variable that deposits could not live with.
func (c *config) Validate() error {
	if _, err := ident.ParseParty(c.Party); err != nil {
		return fmt.Errorf("CES_TREASURY_PARTY: %w", err)
	}

	switch {
	case c.Preapproval.Provider == c.Party:
		return service.Invalid("CES_PREAPPROVAL_PROVIDER", c.Preapproval.Provider,
			"another party than the treasury, whose coins are reserved for withdrawals")
	case c.Workers < 1 || c.Workers > intake.MaxWorkers:
		return service.Invalid("CES_DEPOSIT_WORKERS", strconv.Itoa(c.Workers),
			fmt.Sprintf("a whole number from 1 to %d", intake.MaxWorkers))
	case c.Rate < 0:
		return service.Invalid("CES_DEPOSIT_PER_MINUTE", strconv.Itoa(c.Rate), "0 or a whole number above it")
	case c.Burst < 0:
		return service.Invalid("CES_DEPOSIT_BURST", strconv.Itoa(c.Burst), "0 or a whole number above it")
	case c.Recheck <= 0:
		return service.Invalid("CES_DEPOSIT_RECHECK", c.Recheck.String(), "a duration above zero")
	case c.MaxLag <= 0:
		return service.Invalid("CES_DEPOSIT_MAX_LAG", c.MaxLag.String(), "a duration above zero")
	default:
		return nil
	}
}

func (c *config) settings() intake.Config {
	return intake.Config{
		Party: ident.Party(c.Party), UserID: c.User, Workers: c.Workers, PerMinute: c.Rate, Burst: c.Burst,
		Recheck: c.Recheck, MaxLag: c.MaxLag, ScreeningWorkers: c.Screening.Workers,
	}
}

func main() {
	var cfg config

	program := service.Program{
		Name: "deposit",
		Summary: "Multi-Step Deposit Automation: decides which offers to one treasury party are accepted, by memo, amount " +
			"and sender, and accepts them. Several instances may run at once.",
	}

	service.Main(program, &cfg, func(ctx context.Context, s *service.Service) error { return run(ctx, s, cfg) })
}

func run(ctx context.Context, s *service.Service, cfg config) error {
	node, err := cfg.Settings.Client(s.Logger)
	if err != nil {
		return service.UsageError(err) // no node was asked yet
	}
	defer node.CloseIdle()

	tokens, err := custody.RegistryTokens(&cfg.Settings)
	if err != nil {
		return service.UsageError(err)
	}

	if err := cfg.Signer.Complete(); err != nil {
		return service.UsageError(err)
	}

	db, err := store.Open(ctx, cfg.DatabaseConfig.URL)
	if err != nil {
		return err
	}
	defer db.Close()

	key, err := custody.OpenSigner(ctx, s.Logger, func(ctx context.Context) (signer.Signer, error) {
		return cfg.Signer.Open(ctx, ident.Party(cfg.Party))
	})
	if err != nil {
		return err
	}
	defer func() { _ = key.Close() }() // nothing is signed any more, and nothing would be done about it

	directory := custody.NewDirectory(db, tokens, clock.System{}, s.Logger)
	defer directory.CloseIdle()

	parts := intake.Parts{
		Node: node, Registries: directory, Signer: key, DB: db, Clock: clock.System{}, Logger: s.Logger,
		Metrics: intake.NewMetrics(s.Metrics), Random: rand.Reader,
	}

	if cfg.Screening.Configured() {
		client, err := cfg.Screening.Client()
		if err != nil {
			return service.UsageError(err)
		}
		defer client.CloseIdle()

		parts.Screening = client
	}

	worker, err := intake.New(cfg.settings(), parts)
	if err != nil {
		return service.UsageError(err)
	}

	s.Health.Register("deposits", func(context.Context) error { return worker.Ready() })
	s.Health.Register("screening", func(context.Context) error { return worker.ScreeningReady() })
	s.Health.Register("database", db.Ping)

	preapprovals, err := keeper(s, &cfg, node, directory, db)
	if err != nil {
		return err
	}

	return s.Run(ctx, s.Admin(cfg.AdminConfig), service.Runner{Name: "deposits", Run: worker.Run}, preapprovals)
}
