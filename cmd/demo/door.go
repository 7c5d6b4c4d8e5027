package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"

	cryptorand "crypto/rand"
)

// openDoor makes the REST API, as cmd/api does, with a key that may do everything, and prints what docs/walkthrough.md
// asks for.
func (e *exhibit) openDoor(ctx context.Context) error {
	var cfg struct{ API api.Settings }
	if err := service.Load(&cfg, []string{"CES_API_ADDR=127.0.0.1:0", "CES_API_WEBHOOKS_PLAIN_HTTP=true"}); err != nil {
		return err
	}

	drawn := make([]byte, event.MinSecret)
	if _, err := io.ReadFull(cryptorand.Reader, drawn); err != nil {
		return fmt.Errorf("draw the secret of events: %w", err)
	}

	keys, err := event.NewSecret(secret.New(string(drawn)))
	if err != nil {
		return err
	}

	e.tail = eventlog.NewTail(e.db, e.serviceLog())
	e.sequencer = &eventlog.Sequencer{
		DB: e.db, Signer: keys.Signer(), Clock: clock.System{}, Logger: e.serviceLog(),
		Metrics: eventlog.NewMetrics(e.Metrics),
	}

	if e.dispatcher, err = e.newDispatcher(keys); err != nil {
		return err
	}

	e.handler, err = api.NewHandler(&cfg.API, api.Parts{
		DB: e.db, Events: e.tail, Secret: &keys, Clock: clock.System{}, Logger: e.serviceLog(),
		Metrics: api.NewMetrics(e.Metrics), Random: cryptorand.Reader,
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
	key.Scopes = api.Scopes()

	if _, err := e.db.CreateAPIKey(ctx, key, "demo", time.Now()); err != nil {
		return err
	}

	_, _ = fmt.Fprintf(e.Stdout, "Walk through the API with docs/walkthrough.md; it needs these:\n"+
		"export CES_API=http://%s\nexport CES_SANDBOX=%s\nexport CES_API_KEY=%s\n\n", e.door.Addr(), e.url, text.Reveal())

	return e.subscribe(ctx, text.Reveal())
}

// aThousand requests a second are more than anybody types.
const aThousand = 1000
