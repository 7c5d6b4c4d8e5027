package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/client"
	"github.com/canton-exchange/suite/docs/examples/receiver"
	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/webhook"

	cryptorand "crypto/rand"
)

// headerTimeout is how long a webhook's head may take to arrive.
const headerTimeout = 5 * time.Second

// backend is the exchange's own system that is told by webhook: the receiver of docs/events.md, which prints what
// comes.
type backend struct {
	listener net.Listener
	handler  atomic.Pointer[http.Handler]
}

// subscribe asks the API, as an exchange does, to be told what became of money.
func (e *exhibit) subscribe(ctx context.Context, key string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for webhooks: %w", err)
	}

	e.backend = &backend{listener: listener}

	asking, err := client.NewClientWithResponses("http://"+e.door.Addr().String(), client.WithRequestEditorFn(
		func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+key)

			return nil
		}))
	if err != nil {
		return fmt.Errorf("make a client of the API: %w", err)
	}

	e.subscribing = func(ctx context.Context) error {
		answer, err := asking.CreateSubscriptionWithResponse(ctx, string(e.party), nil, client.SubscriptionRequest{
			Name: "demo", Url: "http://" + listener.Addr().String(), Ordered: new(true), PerSecond: new(aThousand),
			Types: &[]string{
				"deposit.credited", "deposit.unattributed", "withdrawal.completed", "withdrawal.failed", "reconciliation.*",
			},
		})
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}

		if answer.JSON201 == nil || answer.JSON201.Secret == nil {
			return fmt.Errorf("subscribe: the API answers %s: %s", answer.Status(), answer.Body)
		}

		handler, err := receiver.Handler(*answer.JSON201.Secret, e.printWebhook)
		if err != nil {
			return fmt.Errorf("make a receiver: %w", err)
		}

		e.backend.handler.Store(&handler)

		return nil
	}

	return nil
}

// newDispatcher makes what sends webhooks, as cmd/events does.
func (e *exhibit) newDispatcher(keys event.Secret) (*webhook.Dispatcher, error) {
	var cfg struct{ Webhooks webhook.Settings }

	// The receiver is on this machine, without TLS; both must be allowed.
	err := service.Load(&cfg, []string{"CES_EVENTS_PLAIN_HTTP=true", "CES_EVENTS_ALLOW_NETWORKS=127.0.0.0/8"})
	if err != nil {
		return nil, err
	}

	sender, err := webhook.NewSender(cfg.Webhooks, keys, clock.System{}, cryptorand.Reader)
	if err != nil {
		return nil, err
	}

	return webhook.New(cfg.Webhooks, time.Second, webhook.Parts{
		DB: e.db, Tail: e.tail, Sender: sender, Clock: clock.System{}, Logger: e.serviceLog(),
		Metrics: webhook.NewMetrics(e.Metrics), Random: cryptorand.Reader,
	})
}

// listenToWebhooks subscribes, and receives until ctx ends.
func (e *exhibit) listenToWebhooks(ctx context.Context) error {
	server := &http.Server{ReadHeaderTimeout: headerTimeout, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if handler := e.backend.handler.Load(); handler != nil {
				(*handler).ServeHTTP(w, r)
			} else { // whoever is asked before the secret is known
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})}

	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()

	if err := e.subscribing(ctx); err != nil && ctx.Err() == nil {
		return err
	}

	if err := server.Serve(e.backend.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("receive webhooks: %w", err)
	}

	return nil
}

// printWebhook prints one event as it arrives.
func (e *exhibit) printWebhook(told receiver.Event) error {
	var data struct {
		Account      string        `json:"account"`
		Admin        ident.Party   `json:"instrumentAdmin"`
		InstrumentID string        `json:"instrumentId"`
		Amount       amount.Amount `json:"amount"`
		Reason       string        `json:"reason"`
	}

	if err := json.Unmarshal(told.Data, &data); err != nil {
		return fmt.Errorf("read event %s: %w", told.ID, err)
	}

	parts := []string{told.Type, "", "", ""}
	if data.InstrumentID != "" {
		parts[1] = data.Amount.Short() + " " + e.named(ident.Instrument{Admin: data.Admin, ID: data.InstrumentID})
	}

	parts[2], parts[3] = memo.Line(data.Account), memo.Line(data.Reason)
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })

	_, _ = fmt.Fprintln(e.Stdout, "  << webhook: "+strings.Join(parts, ", "))

	return nil
}
