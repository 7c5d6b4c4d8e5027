package main

import (
	"context"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/service"

	cryptorand "crypto/rand"
)

// openDoor makes the REST API, as cmd/api does, with a key that may do everything, and prints what docs/walkthrough.md
// asks for.
func (e *exhibit) openDoor(ctx context.Context) error {
	var cfg struct{ API api.Settings }
	if err := service.Load(&cfg, []string{"CES_API_ADDR=127.0.0.1:0"}); err != nil {
		return err
	}

	var err error

	e.handler, err = api.NewHandler(&cfg.API, api.Parts{
		DB: e.db, Clock: clock.System{}, Logger: e.serviceLog(), Metrics: api.NewMetrics(e.Metrics),
		Random: cryptorand.Reader,
	})
	if err != nil {
		return err
	}

	if e.door, err = api.Listen(ctx, &cfg.API, e.handler); err != nil {
		return err
	}

	key, text, err := api.NewKey(cryptorand.Reader)
	if err != nil {
		return err
	}

	key.Name, key.PerSecond = "demo", aThousand
	key.Scopes = []string{"read", "accounts", "withdrawals", "approvals", "admin"}

	if _, err := e.db.CreateAPIKey(ctx, key, "demo", time.Now()); err != nil {
		return err
	}

	_, _ = fmt.Fprintf(e.Stdout, "Walk through the API with docs/walkthrough.md; it needs these:\n"+
		"export CES_API=http://%s\nexport CES_SANDBOX=%s\nexport CES_API_KEY=%s\n\n", e.door.Addr(), e.url, text.Reveal())

	return nil
}

// aThousand requests a second are more than anybody types.
const aThousand = 1000
