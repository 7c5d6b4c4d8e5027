// Command api is the exchange's door: the REST API that the exchange's systems use.
package main

import (
	"context"
	"crypto/rand"
	"log/slog"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

type config struct {
	service.Base
	service.AdminConfig
	service.DatabaseConfig

	API    api.Settings
	Events eventlog.SecretSettings
}

func main() {
	var cfg config

	program := service.Program{
		Name: "api",
		Summary: "The exchange's door: the REST API that the exchange's systems use. Several instances may run at once. " +
			"/reference and /openapi.yaml are on its admin server.",
	}

	service.Main(program, &cfg, func(ctx context.Context, s *service.Service) error { return run(ctx, s, cfg) })
}

func run(ctx context.Context, s *service.Service, cfg config) error {
	reference, err := api.Reference()
	if err != nil {
		return err
	}

	db, err := store.OpenForRequests(ctx, cfg.DatabaseConfig.URL)
	if err != nil {
		return err
	}
	defer db.Close()

	keys, err := cfg.Events.Open()
	if err != nil {
		return service.UsageError(err)
	}

	tail := eventlog.NewTail(db, s.Logger)
	now := store.NewServerTime(db, s.Logger) // what it writes, programs on other machines go by

	handler, err := api.NewHandler(&cfg.API, api.Parts{
		DB: db, Events: tail, Secret: keys, Clock: now, Logger: s.Logger, Metrics: api.NewMetrics(s.Metrics),
		Random: rand.Reader,
	})
	if err != nil {
		return err
	}

	s.Health.Register("database", db.Ping)

	return s.Run(ctx, s.Admin(cfg.AdminConfig, reference...), service.Runner{Name: "keeping", Run: handler.Run},
		service.Runner{Name: "events", Run: tail.Run}, service.Runner{Name: "clock", Run: now.Follow},
		service.Runner{Name: "api", Run: func(ctx context.Context) error { return listen(ctx, s, &cfg, handler) }})
}

func listen(ctx context.Context, s *service.Service, cfg *config, handler *api.Handler) error {
	listener, err := api.Listen(ctx, &cfg.API, handler)
	if err != nil {
		return err
	}

	s.Logger.InfoContext(ctx, "the API listens", slog.String("address", listener.Addr().String()),
		slog.Bool("tls", cfg.API.CertFile != ""), slog.Bool("client_certificates", cfg.API.ClientCA != ""))

	return listener.Run(ctx)
}
