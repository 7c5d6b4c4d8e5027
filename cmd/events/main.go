// Command events tells others what happened: it gives the events of the outbox their order, signs them, and sends them
// to who has subscribed.
package main

import (
	"context"
	"crypto/rand"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/webhook"
)

type config struct {
	service.Base
	service.AdminConfig
	service.DatabaseConfig

	Log      eventlog.Settings
	Webhooks webhook.Settings
	Brokers  brokersConfig
}

// drainParts is the part of the shutdown time that webhooks under way have.
const drainParts = 4

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

	now := store.NewServerTime(db, s.Logger)
	sequencer := &eventlog.Sequencer{
		DB: db, Signer: keys.Signer(), Clock: now, Logger: s.Logger, Retention: cfg.Log.Retention,
		Metrics: eventlog.NewMetrics(s.Metrics),
	}

	stall := &eventlog.StallWatch{DB: db, Clock: now, Logger: s.Logger, Metrics: sequencer.Metrics}
	lag := &eventlog.LagWatch{DB: db, Clock: now, Logger: s.Logger, Most: cfg.Log.MaxLag}
	tail := eventlog.NewTail(db, s.Logger)

	dispatcher, err := webhooks(s, cfg, db, tail, now)
	if err != nil {
		return service.UsageError(err)
	}

	publishers, stop, err := publishing(ctx, s, cfg.Brokers, db, tail, now)
	if err != nil {
		return err
	}
	defer stop()

	s.Health.Register("database", db.Ping)

	runners := append([]service.Runner{
		{Name: "sequencer", Run: sequencer.Run},
		{Name: "lag", Run: lag.Run},
		{Name: "stall", Run: stall.Run},
		{Name: "retention", Run: sequencer.Keep},
		{Name: "tail", Run: tail.Run},
		{Name: "webhooks", Run: dispatcher.Run},
		{Name: "subscriptions", Run: dispatcher.Watch},
	}, publishers...)

	for i := range runners { // what is old, or late, nobody knows before the time
		runners[i].Run = now.Then(runners[i].Run)
	}

	return s.Run(ctx, append([]service.Runner{
		s.Admin(cfg.AdminConfig), {Name: "clock", Run: now.Follow},
	}, runners...)...)
}

func webhooks(
	s *service.Service, cfg config, db *store.DB, tail *eventlog.Tail, now clock.Clock,
) (*webhook.Dispatcher, error) {
	keys, err := cfg.Log.Open()
	if err != nil {
		return nil, err
	}

	sender, err := webhook.NewSender(cfg.Webhooks, *keys, now, rand.Reader)
	if err != nil {
		return nil, err
	}

	drain := cfg.ShutdownTimeout - cfg.ShutdownTimeout/drainParts

	return webhook.New(cfg.Webhooks, drain, webhook.Parts{
		DB: db, Tail: tail, Sender: sender, Clock: now, Logger: s.Logger,
		Metrics: webhook.NewMetrics(s.Metrics), Random: rand.Reader,
	})
}
