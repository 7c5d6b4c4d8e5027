package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// catchUp is how long ingestion may take, when the customers have stopped, to store what they did.
	catchUp = 30 * time.Second
	// refresh is how often the table is printed.
	refresh = 2 * time.Second
	// stopTimeout bounds the end of the database.
	stopTimeout = 20 * time.Second
	// poll is how often the database is asked how far ingestion is.
	poll = 50 * time.Millisecond
)

// exhibit is everything that runs.
type exhibit struct {
	*service.Service

	settings settings
	network  *sandbox.Sandbox
	node     *ledger.Client
	db       *store.DB
	treasury store.TreasuryID
	party    ident.Party
	worker   *ingest.Service
	accounts []account
}

type account struct{ name, memo string }

func customers() []account {
	return []account{
		{"alice", "ACC-1001"}, {"bob", "ACC-1002"}, {"carol", "ACC-1003"}, {"dave", "ACC-1004"}, {"erin", "ACC-1005"},
	}
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

	if err := e.prepare(ctx); err != nil {
		return err
	}

	say("database   psql '%s'", server.DSN(pgtest.Superuser))
	say("treasury   %s", e.party)
	say("           customers deposit to this party, each with the memo of their account\n")

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

	url := "http://" + listener.Addr().String()
	_, _ = fmt.Fprintf(e.Stdout,
		"sandbox    %s (a validator node's JSON Ledger API, and customer wallets under /sandbox/v1)\n", url)

	if e.node, err = ledger.New(ledger.Config{URL: url, Clock: clock.System{}, Logger: e.serviceLog()}); err != nil {
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

// prepare does what an exchange does once: a treasury with a preapproval, the tokens it deals in, the customers' memos.
func (e *exhibit) prepare(ctx context.Context) error {
	var err error
	if e.party, err = e.network.AllocateParty("treasury"); err != nil {
		return err
	}

	if _, err = e.network.Preapprove(e.party); err != nil {
		return err
	}

	now := time.Now()
	if e.treasury, err = e.db.EnsureTreasury(ctx, e.party, now); err != nil {
		return err
	}

	for _, token := range []ident.Instrument{e.network.Amulet(), e.network.AcmeToken()} {
		if err := e.db.ListInstrument(ctx, token, amount.Zero(), now); err != nil {
			return err
		}
	}

	for _, a := range e.accounts {
		if err := e.db.RegisterMemo(ctx, e.treasury, a.memo, a.name, now); err != nil {
			return err
		}
	}

	metrics := ingest.NewMetrics(e.Metrics)
	e.worker, err = ingest.New(ingest.Config{Party: e.party}, e.node, e.db, clock.System{}, e.serviceLog(), metrics)

	return err
}

// perform lets the customers act and the table be printed until the time is over, and then checks the books.
func (e *exhibit) perform(ctx context.Context) error {
	// Ingestion outlives the customers, because it has to store the last things that they did.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	ingested := make(chan error, 1)

	go func() { ingested <- e.worker.Run(working) }()

	acting, cancel := ctx, context.CancelFunc(func() {})
	if e.settings.length > 0 {
		acting, cancel = context.WithTimeout(ctx, e.settings.length)
	}
	defer cancel()

	err := e.Run(acting,
		service.Runner{Name: "customers", Run: e.act},
		service.Runner{Name: "table", Run: e.watch},
		service.Runner{Name: "ingestion watch", Run: func(ctx context.Context) error {
			select {
			case err := <-ingested:
				ingested <- err

				return errors.Join(errors.New("ingestion has stopped"), err)
			case <-ctx.Done():
				return nil
			}
		}},
	)
	if err == nil {
		err = e.finish(context.WithoutCancel(ctx))
	}

	stop()

	return errors.Join(err, <-ingested)
}

func (e *exhibit) act(ctx context.Context) error {
	memos := make([]string, len(e.accounts))
	for i, a := range e.accounts {
		memos[i] = a.memo
	}

	_, err := e.network.Traffic(ctx, sandbox.TrafficConfig{
		Seed: e.settings.seed, Treasury: e.party, Memos: memos, Interval: e.settings.interval, TreasuryAccepts: true,
	})
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}

	return err
}

// finish waits for ingestion to catch up, compares everything, and fails if anything differs.
func (e *exhibit) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()

	if err := e.waitFor(ctx, e.network.LedgerEnd()); err != nil {
		return err
	}

	if err := e.table(ctx); err != nil {
		return err
	}

	report, err := reconcile.Run(ctx, e.node, e.db, e.treasury, e.party)
	if err != nil {
		return err
	}

	_, _ = fmt.Fprintf(e.Stdout, "reconciled with the node at offset %d: %d holdings, %d open offers, ",
		report.At, report.Holdings, report.Instructions)

	for _, d := range report.Differences {
		_, _ = fmt.Fprintf(e.Stdout, "\nDIFFERENCE %s %q: %s", d.Finding, d.Subject, d.Detail)
	}

	if !report.Clean() {
		return fmt.Errorf("the database does not agree with the ledger: %d differences", len(report.Differences))
	}

	_, _ = fmt.Fprintln(e.Stdout, "no difference; every account's postings sum to what the treasury holds")

	return nil
}

func (e *exhibit) waitFor(ctx context.Context, end ident.Offset) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()

	for {
		cursor, err := e.db.Cursor(ctx, e.treasury)
		if err == nil && cursor.Position.Offset >= end {
			return nil
		}

		select {
		case <-ctx.Done():
			late := fmt.Errorf("ingestion did not reach offset %d in %s", end, catchUp)

			return errors.Join(late, e.worker.Ready())
		case <-ticker.C:
		}
	}
}
