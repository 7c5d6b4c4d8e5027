// Command events tells others what happened: it gives the events of the outbox their order and signs them.
package main

import (
	"context"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

type config struct {
	service.Base
	service.AdminConfig
	service.DatabaseConfig

	Log     eventlog.Settings
	Brokers brokersConfig
}

func main() {
	var cfg config

	program := service.Program{
		Name: "events",
		Summary: "Event Delivery: gives what happened one order per treasury, signs it, and tells it to who should know. " +
			"Several instances may run at once.",
	}

	service.Main(program, &cfg, func(ctx context.Context, s *service.Service) error { return run(ctx, s, cfg) })
}

func run(ctx context.Context, s *service.Service, cfg config) error {
	keys, err := cfg.Log.Open()
	if err != nil {
		return service.UsageError(err)
	}

	db, err := store.Open(ctx, cfg.DatabaseConfig.URL)
	if err != nil {
		return err
	}
	defer db.Close()

	sequencer := &eventlog.Sequencer{
		DB: db, Signer: keys.Signer(), Clock: clock.System{}, Logger: s.Logger, Retention: cfg.Log.Retention,
		Metrics: eventlog.NewMetrics(s.Metrics),
	}

	tail := eventlog.NewTail(db, s.Logger)

	runners, stop, err := publishing(ctx, s, cfg.Brokers, db, tail)
	if err != nil {
		return err
	}
	defer stop()

	s.Health.Register("database", db.Ping)

	return s.Run(ctx, append([]service.Runner{
		s.Admin(cfg.AdminConfig),
		{Name: "sequencer", Run: sequencer.Run},
		{Name: "retention", Run: sequencer.Keep},
		{Name: "tail", Run: tail.Run},
	}, runners...)...)
}
