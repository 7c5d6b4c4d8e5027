// Command ingest is Tx History Ingestion: it follows the ledger for one treasury party and writes what happens into the
// integration database.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

type config struct {
	service.Base
	service.AdminConfig
	service.DatabaseConfig
	ledger.Settings

	Party      string `env:"CES_TREASURY_PARTY,required" help:"Party id of the treasury to ingest, name::fingerprint."`
	Start      string `env:"CES_INGEST_START" default:"genesis" help:"Where a treasury begins that was never ingested: genesis reads the node's whole history; snapshot begins with the contracts that are active now, for a node that has pruned its history."`
	Batch      int    `env:"CES_INGEST_BATCH" default:"400" help:"Most updates in one database transaction, 1 to 1000."`
	Quarantine bool   `env:"CES_INGEST_QUARANTINE_FAILED_VIEWS" default:"false" help:"Store a contract of the treasury whose holding view the node cannot compute as unrecognized instead of stopping before it. Its money is then missing from the books until somebody repairs them."`
}

// Validate names the variable that ingestion could not live with.
func (c *config) Validate() error {
	if _, err := ident.ParseParty(c.Party); err != nil {
		return fmt.Errorf("CES_TREASURY_PARTY: %w", err)
	}

	if start := ingest.Start(c.Start); start != ingest.FromGenesis && start != ingest.FromSnapshot {
		return service.Invalid("CES_INGEST_START", c.Start, "genesis or snapshot")
	}

	// To ingestion 0 is the default; here it was written by somebody.
	settings := c.settings()
	if c.Batch == 0 || settings.Validate() != nil {
		return service.Invalid("CES_INGEST_BATCH", strconv.Itoa(c.Batch), "a whole number from 1 to 1000")
	}

	return nil
}

func (c *config) settings() ingest.Config {
	return ingest.Config{
		Party: ident.Party(c.Party), Start: ingest.Start(c.Start), BatchUpdates: c.Batch,
		QuarantineFailedViews: c.Quarantine,
	}
}

func main() {
	var (
		cfg    config
		replay string
	)

	program := service.Program{
		Name: "ingest",
		Summary: "Tx History Ingestion: follows the ledger for one treasury party and writes what happens " +
			"into the integration database.",
		Flags: func(flags *flag.FlagSet) {
			flags.StringVar(&replay, "replay", "",
				"ingest a recorded `FILE` (a JSON array of updates as a node streams them) instead of a node, and end")
		},
	}

	service.Main(program, &cfg, func(ctx context.Context, s *service.Service) error { return run(ctx, s, cfg, replay) })
}

func run(ctx context.Context, s *service.Service, cfg config, replay string) error {
	settings := cfg.settings()

	var (
		node     ingest.Node
		recorded *ingest.Recorded
		err      error
	)

	if replay != "" {
		if recorded, err = ingest.OpenRecorded(replay); err != nil {
			return err
		}

		node, settings.StopAt = recorded, recorded.End()
	} else if node, err = cfg.Settings.Client(s.Logger); err != nil {
		return service.UsageError(err) // no node was asked yet
	}

	db, err := store.Open(ctx, cfg.DatabaseConfig.URL)
	if err != nil {
		return err
	}
	defer db.Close()

	worker, err := ingest.New(settings, node, db, clock.System{}, s.Logger, ingest.NewMetrics(s.Metrics))
	if err != nil {
		return err
	}

	s.Health.Register("ingestion", func(context.Context) error { return worker.Ready() })
	s.Health.Register("database", db.Ping)

	ingestion := service.Runner{Name: "ingestion", Run: func(ctx context.Context) error {
		if err := migrate(ctx, s.Logger, cfg); err != nil {
			return err
		}

		if err := worker.Run(ctx); err != nil || ctx.Err() != nil {
			return err
		}

		if err := summarize(ctx, s.Stdout, db, settings.Party, recorded); err != nil {
			return err
		}

		return service.ErrDone // the recording has ended
	}}

	return s.Run(ctx, s.Admin(cfg.AdminConfig), ingestion)
}

// migrate brings the schema up to date, waiting for a database that is not there yet.
func migrate(ctx context.Context, log *slog.Logger, cfg config) error {
	const pause = time.Second

	for told := false; ; told = true {
		err := store.Migrate(ctx, cfg.DatabaseConfig.URL)
		if err == nil || !store.IsAway(err) {
			return err
		}

		if !told {
			log.ErrorContext(ctx, "the database is out of reach and will be tried again; no update is lost",
				slog.String("error", err.Error()))
		}

		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}
