package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/onboarding"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	token      = "AcmeToken"
	registrars = "/api/token-standard/v0/registrars/{admin}"
	userID     = "ledger-api-user"

	// customers have a memo each, to which the offers are made in turn.
	customers = 20
	// wealth is what a wallet has to offer: more than it ever will.
	wealth = 1_000_000_000
)

// exchange is a treasury with customers, on a node and in a database of its own.
type exchange struct {
	bench *bench
	node  *node
	data  *database
	// ledger is the client of whoever is not measured, db the operator's database.
	ledger   *ledger.Client
	db       *store.DB
	key      *signer.Key
	party    ident.Party
	treasury store.TreasuryID
	token    ident.Instrument
	senders  []ident.Party
	log      *slog.Logger
}

// open makes an exchange, and wallets that can offer its token.
func (b *bench) open(ctx context.Context) (*exchange, error) {
	e := &exchange{bench: b, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))}

	if err := e.begin(ctx); err != nil {
		return nil, errors.Join(err, e.close(context.WithoutCancel(ctx)))
	}

	return e, nil
}

func (e *exchange) begin(ctx context.Context) error {
	var err error
	if e.node, err = startNode(ctx, e.bench.program); err != nil {
		return err
	}

	if e.data, err = e.bench.server.database(ctx); err != nil {
		return err
	}

	if e.db, err = e.data.open(ctx, roleOperator); err != nil {
		return err
	}

	if e.ledger, err = ledger.New(ledger.Config{URL: e.node.url}); err != nil {
		return err
	}

	if err := e.onboard(ctx); err != nil {
		return err
	}

	if err := e.openWallets(ctx); err != nil {
		return err
	}

	return e.openBooks(ctx)
}

func (e *exchange) close(ctx context.Context) error {
	var failures []error

	if e.key != nil {
		failures = append(failures, e.key.Close())
	}

	if e.ledger != nil {
		e.ledger.CloseIdle()
	}

	if e.db != nil {
		e.db.Close()
	}

	if e.data != nil {
		failures = append(failures, e.data.drop(ctx))
	}

	if e.node != nil {
		failures = append(failures, e.node.stop())
	}

	return errors.Join(failures...)
}

// onboard makes the treasury an external party. Its key is one as a key file has it.
func (e *exchange) onboard(ctx context.Context) error {
	seed := sha256.Sum256([]byte("depositbench"))

	private, err := keyfile.FromSeed(signing.KeyEd25519, seed[:])
	if err != nil {
		return err
	}

	e.key, err = private.Signer(ctx, signer.Config{Fingerprint: private.PublicKey().Fingerprint()})
	if err != nil {
		return err
	}

	made, err := onboarding.Ensure(ctx, e.ledger, e.key, "treasury", "")
	e.party = made.Party

	return err
}

// openWallets gives the senders something to offer.
func (e *exchange) openWallets(ctx context.Context) error {
	for i := range e.bench.options.senders {
		sender, err := e.node.party(ctx, fmt.Sprintf("sender-%d", i))
		if err != nil {
			return err
		}

		body := map[string]any{"amount": fmt.Sprint(wealth), "instrument": token}
		if err := e.node.post(ctx, wallet(sender, "tap"), body, nil); err != nil {
			return err
		}

		e.senders = append(e.senders, sender)
	}

	var err error
	e.token, err = e.node.acme(ctx, e.senders[0])

	return err
}

func memoOf(customer int) string { return fmt.Sprintf("ACC-%d", customer) }

// openBooks registers the customers, and lists the token.
func (e *exchange) openBooks(ctx context.Context) error {
	now := time.Now()

	var err error
	if e.treasury, err = e.db.EnsureTreasury(ctx, e.party, now); err != nil {
		return err
	}

	for i := range customers {
		if err := e.db.RegisterMemo(ctx, e.treasury, memoOf(i), fmt.Sprintf("customer-%d", i), now); err != nil {
			return err
		}
	}

	if err := e.db.ListInstrument(ctx, e.token, amount.Zero(), now); err != nil {
		return err
	}

	return e.db.SetRegistry(ctx, e.token.Admin, []store.RegistryPlace{
		{Admin: e.token.Admin, URL: e.node.url + registrars},
	})
}

// offer has a wallet offer one token.
func (e *exchange) offer(ctx context.Context, sender ident.Party, memo string) error {
	return e.node.post(ctx, wallet(sender, "transfers"), map[string]any{
		"receiver": e.party, "amount": "1", "instrument": token, "memo": memo,
	}, nil)
}

// ingest runs Tx History Ingestion until ctx ends.
func (e *exchange) ingest(ctx context.Context) error {
	db, err := e.data.open(ctx, roleIngest)
	if err != nil {
		return err
	}
	defer db.Close()

	node, err := ledger.New(ledger.Config{URL: e.node.url})
	if err != nil {
		return err
	}
	defer node.CloseIdle()

	service, err := ingest.New(ingest.Config{Party: e.party}, node, db, clock.System{}, e.log,
		ingest.NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		return err
	}

	return service.Run(ctx)
}

// deposit runs an instance of deposits until ctx ends, with a pool and clients of its own as it is in production. Its
// submissions are noted.
func (e *exchange) deposit(ctx context.Context, sent *submissions, change func(*intake.Config)) error {
	db, err := e.data.open(ctx, roleDeposit)
	if err != nil {
		return err
	}
	defer db.Close()

	node, err := ledger.New(ledger.Config{URL: e.node.url})
	if err != nil {
		return err
	}
	defer node.CloseIdle()

	directory := custody.NewDirectory(db, nil, clock.System{}, e.log)
	defer directory.CloseIdle()

	o := e.bench.options
	config := intake.Config{Party: e.party, UserID: userID, Workers: o.workers, Poll: o.poll}
	change(&config)

	service, err := intake.New(config, intake.Parts{
		Node: notedNode{Node: node, sent: sent}, Registries: directory, Signer: e.key, DB: db, Clock: clock.System{},
		Logger: e.log, Metrics: intake.NewMetrics(prometheus.NewRegistry()), Random: rand.Reader,
	})
	if err != nil {
		return err
	}

	return service.Run(ctx)
}

// until waits for the database to answer a question with yes.
func (e *exchange) until(ctx context.Context, question string, args ...any) error {
	for {
		var answer bool
		if err := e.data.pool.QueryRow(ctx, question, args...).Scan(&answer); err != nil {
			return fmt.Errorf("look whether it is done: %w", err)
		}

		if answer {
			return nil
		}

		if err := pause(ctx); err != nil {
			return err
		}
	}
}

var errBooks = errors.New("the database and the node contradict each other")

// reconcile checks that what was measured is right.
func (e *exchange) reconcile(ctx context.Context) error {
	report, err := reconcile.Run(ctx, e.ledger, e.db, e.treasury, e.party)
	if err != nil {
		return err
	}

	if len(report.Differences) > 0 {
		return fmt.Errorf("%w: %v", errBooks, report.Differences)
	}

	return nil
}
