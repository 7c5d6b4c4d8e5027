package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/onboarding"
	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/preapproval"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/webhook"
)

const (
	// refresh is how often the table is printed.
	refresh = 2 * time.Second
	// stopTimeout bounds the end of the database.
	stopTimeout = 20 * time.Second
)

// exhibit is everything that runs.
type exhibit struct {
	*service.Service

	settings settings
	network  *sandbox.Sandbox
	url      string // of the network
	node     *ledger.Client
	db       *store.DB
	treasury store.TreasuryID
	party    ident.Party
	key      signer.Signer // the treasury's
	worker   *ingest.Service
	payments *payout.Service
	intake   *intake.Service
	keeper   *preapproval.Keeper
	handler  *api.Handler
	door     *api.Listener
	// Events are numbered and followed here.
	sequencer  *eventlog.Sequencer
	tail       *eventlog.Tail
	dispatcher *webhook.Dispatcher
	backend    *backend
	// subscribing asks the API for webhooks, once it listens.
	subscribing func(context.Context) error
	accounts    []account
	refusals    refusals
}

// tokens are those that the exchange deals in.
func (e *exhibit) tokens() []ident.Instrument {
	return []ident.Instrument{e.network.Amulet(), e.network.AcmeToken()}
}

func run(ctx context.Context, s *service.Service, o settings) error {
	say := func(format string, arguments ...any) { _, _ = fmt.Fprintf(s.Stdout, format+"\n", arguments...) }

	say("starting PostgreSQL …")

	server, err := pgtest.Start(ctx, pgtest.Options{AllowDownload: true})
	if err != nil {
		return err
	}

	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()

		if err := server.Stop(ending); err != nil {
			s.Logger.ErrorContext(ending, "the demo's PostgreSQL did not stop cleanly", slog.String("error", err.Error()))
		}
	}()

	e := &exhibit{Service: s, settings: o, accounts: customers()}
	if err := e.openDatabase(ctx, server.DSN(pgtest.Superuser)); err != nil {
		return err
	}
	defer e.db.Close()

	stopNetwork, err := e.openNetwork(ctx)
	if err != nil {
		return err
	}
	defer stopNetwork()

	if err := e.onboard(ctx); err != nil {
		return err
	}
	defer func() { _ = e.key.Close() }() // it holds nothing open

	if err := e.prepare(ctx); err != nil {
		return err
	}

	say("database   psql '%s'", server.DSN(pgtest.Superuser))
	say("treasury   %s", e.party)
	say("           a party whose key only this program has; customers deposit to it, each with the memo of their account")
	say("wallets    %s\n", cast)

	if err := e.openDoor(ctx); err != nil {
		return err
	}

	return e.perform(ctx)
}

func (e *exhibit) openDatabase(ctx context.Context, dsn string) error {
	url := secret.New(dsn)
	if err := store.Migrate(ctx, url); err != nil {
		return err
	}

	var err error
	e.db, err = store.Open(ctx, url)

	return err
}

// openNetwork starts the sandbox and serves it on loopback; the function returned ends both.
func (e *exhibit) openNetwork(ctx context.Context) (func(), error) {
	var err error
	if e.network, err = sandbox.New(sandbox.Config{Seed: e.settings.seed, Logger: e.serviceLog()}); err != nil {
		return nil, err
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		e.network.Close()

		return nil, fmt.Errorf("listen for the sandbox: %w", err)
	}

	server := &http.Server{Handler: e.network.Handler(), ReadHeaderTimeout: time.Second}
	ended := make(chan struct{})

	go func() {
		defer close(ended)

		_ = server.Serve(listener) // ends when stop closes it, and says only that
	}()

	stop := func() {
		e.network.Close()
		_ = server.Close()
		<-ended
	}

	e.url = "http://" + listener.Addr().String()
	_, _ = fmt.Fprintf(e.Stdout,
		"sandbox    %s (a validator node's JSON Ledger API, and customer wallets under /sandbox/v1)\n", e.url)

	if e.node, err = ledger.New(ledger.Config{URL: e.url, Clock: clock.System{}, Logger: e.serviceLog()}); err != nil {
		stop()

		return nil, err
	}

	return stop, nil
}

// serviceLog keeps the services quiet unless they were asked to speak: the table is what people look at.
func (e *exhibit) serviceLog() *slog.Logger {
	if e.settings.verbose {
		return e.Logger
	}

	return slog.New(slog.DiscardHandler)
}

// onboard makes the treasury a party with a key of its own, as `treasury onboard` does.
func (e *exhibit) onboard(ctx context.Context) error {
	private, err := keyfile.Generate(signing.KeyEd25519)
	if err != nil {
		return err
	}

	e.key, err = private.Signer(ctx, signer.Config{Fingerprint: private.PublicKey().Fingerprint()})
	if err != nil {
		return err
	}

	made, err := onboarding.Ensure(ctx, e.node, e.key, "treasury", "")
	e.party = made.Party

	return err
}

// prepare does what an exchange does once: a preapproval for the treasury, the tokens it deals in and how it pays them
// out, the customers' memos.
func (e *exhibit) prepare(ctx context.Context) error {
	// The sandbox's own wallet needs no key, whoever's the party is. That keeps what is not the demo's point short: the
	// treasury's preapproval. What the treasury accepts and pays goes through its key.
	_, err := e.network.PreapproveWith(sandbox.PreapprovalRequest{Receiver: e.party, Life: firstLife})
	if err != nil {
		return err
	}

	now := time.Now()
	if e.treasury, err = e.db.EnsureTreasury(ctx, e.party, now); err != nil {
		return err
	}

	for _, token := range e.tokens() {
		if err := e.db.ListInstrument(ctx, token, amount.Zero(), now); err != nil {
			return err
		}
	}

	for _, a := range e.accounts {
		if err := e.db.RegisterMemo(ctx, e.treasury, a.memo, a.name, now); err != nil {
			return err
		}
	}

	if err := e.openWallets(); err != nil {
		return err
	}

	if err := e.setPolicies(ctx); err != nil {
		return err
	}

	if err := e.setDepositPolicies(ctx); err != nil {
		return err
	}

	metrics := ingest.NewMetrics(e.Metrics)

	e.worker, err = ingest.New(ingest.Config{Party: e.party}, e.node, e.db, clock.System{}, e.serviceLog(), metrics)
	if err != nil {
		return err
	}

	if e.payments, err = e.newPayments(); err != nil {
		return err
	}

	if e.intake, err = e.newIntake(); err != nil {
		return err
	}

	e.keeper, err = e.newKeeper()

	return err
}

// perform lets the customers act and the table be printed until the time is over, and then checks the books.
func (e *exhibit) perform(ctx context.Context) error {
	// The services outlive the customers, because they have to finish the last things that they did.
	working := context.WithoutCancel(ctx)
	ingestion, payments := start(working, e.worker.Run), start(working, e.payments.Run)
	deposits := start(working, e.intake.Run)

	acting, cancel := ctx, context.CancelFunc(func() {})
	if e.settings.length > 0 {
		acting, cancel = context.WithTimeout(ctx, e.settings.length)
	}
	defer cancel()

	err := e.Run(acting,
		service.Runner{Name: "customers who deposit", Run: e.act},
		service.Runner{Name: "customers who withdraw", Run: e.withdraw},
		service.Runner{Name: "wallets", Run: e.answerOffers},
		service.Runner{Name: "table", Run: e.watch},
		service.Runner{Name: "ingestion", Run: ingestion.watch},
		service.Runner{Name: "payments", Run: payments.watch},
		service.Runner{Name: "deposits", Run: deposits.watch},
		service.Runner{Name: "operators", Run: e.operate},
		service.Runner{Name: "API", Run: e.door.Run},
		service.Runner{Name: "order of events", Run: e.sequencer.Run},
		service.Runner{Name: "news of events", Run: e.tail.Run},
		service.Runner{Name: "webhooks", Run: e.dispatcher.Run},
		service.Runner{Name: "subscriptions", Run: e.dispatcher.Watch},
		service.Runner{Name: "receiver of webhooks", Run: e.listenToWebhooks},
		service.Runner{Name: "keeping of the API", Run: e.handler.Run},
		service.Runner{Name: "keeper of the preapproval", Run: e.keeper.Run},
		service.Runner{Name: "provider of the preapproval", Run: e.renew},
		service.Runner{Name: "news of the preapproval", Run: e.tellPreapproval},
	)
	if err == nil {
		err = e.finish(working, func() error { return errors.Join(deposits.stop(), payments.stop()) })
	}

	return errors.Join(err, deposits.stop(), payments.stop(), ingestion.stop())
}

// background is a service that runs beside the customers.
type background struct {
	ended <-chan struct{}
	stop  func() error
}

func start(ctx context.Context, run func(context.Context) error) background {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})

	var err error

	go func() {
		defer close(ended)

		err = run(ctx)
	}()

	return background{ended: ended, stop: sync.OnceValue(func() error {
		cancel()
		<-ended

		return err
	})}
}

// watch ends when the service does, which it should not, or with ctx.
func (b background) watch(ctx context.Context) error {
	select {
	case <-b.ended:
		return service.ErrEndedEarly
	case <-ctx.Done():
		return nil
	}
}

func (e *exhibit) act(ctx context.Context) error {
	memos := make([]string, len(e.accounts))
	for i, a := range e.accounts {
		memos[i] = a.memo
	}

	_, err := e.network.Traffic(ctx, sandbox.TrafficConfig{
		Seed: e.settings.seed, Treasury: e.party, Memos: memos, Interval: e.settings.interval,
	})
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}

	return err
}
