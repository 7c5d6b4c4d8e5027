package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/onboarding"
	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

const (
	coin       = "Amulet"
	registrars = "/api/token-standard/v0/registrars/{admin}"
	userID     = "ledger-api-user"

	// customers have the treasury's money between them. Each is paid in as many holdings as the next.
	customers = 20
	// each is what a holding of the treasury is worth: much more than a withdrawal, so that the pool stays as large.
	each = 100_000
)

// exchange is a treasury with customers, on a node and in a database of its own.
type exchange struct {
	bench *bench
	node  *node
	data  *database
	// ledger is the client of whoever is not measured.
	ledger   *ledger.Client
	key      *signer.Key
	party    ident.Party
	treasury store.TreasuryID
	coin     ident.Instrument
	// direct has agreed to be paid in one step, offered has not.
	direct, offered ident.Party
	// paying is how many customers have money.
	paying int
	log    *slog.Logger
}

// open makes an exchange whose treasury has so many holdings.
func (b *bench) open(ctx context.Context, holdings int) (*exchange, error) {
	e := &exchange{bench: b, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))}

	if err := e.begin(ctx, holdings); err != nil {
		return nil, errors.Join(err, e.close(context.WithoutCancel(ctx)))
	}

	return e, nil
}

func (e *exchange) begin(ctx context.Context, holdings int) error {
	var err error
	if e.node, err = startNode(ctx, e.bench.program); err != nil {
		return err
	}

	if e.data, err = e.bench.server.database(ctx); err != nil {
		return err
	}

	if e.ledger, err = ledger.New(ledger.Config{URL: e.node.url}); err != nil {
		return err
	}

	if err := e.onboard(ctx); err != nil {
		return err
	}

	db, err := e.data.open(ctx, roleIngest, customers)
	if err != nil {
		return err
	}
	defer db.Close()

	if err := e.openBooks(ctx, db); err != nil {
		return err
	}

	return e.fund(ctx, db, holdings)
}

func (e *exchange) close(ctx context.Context) error {
	var failures []error

	if e.key != nil {
		failures = append(failures, e.key.Close())
	}

	if e.ledger != nil {
		e.ledger.CloseIdle()
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
	seed := sha256.Sum256([]byte("withdrawbench"))

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

func memoOf(customer int) string { return fmt.Sprintf("ACC-%d", customer) }

func accountOf(customer int) string { return fmt.Sprintf("customer-%d", customer) }

// openBooks registers the customers, and lists the coin.
func (e *exchange) openBooks(ctx context.Context, db *store.DB) error {
	now := time.Now()

	dso, err := e.node.dso(ctx)
	if err != nil {
		return err
	}

	e.coin = ident.Instrument{Admin: dso, ID: coin}

	if e.treasury, err = db.EnsureTreasury(ctx, e.party, now); err != nil {
		return err
	}

	for i := range customers {
		if err := db.RegisterMemo(ctx, e.treasury, memoOf(i), accountOf(i), now); err != nil {
			return err
		}
	}

	if e.direct, err = e.node.party(ctx, "direct"); err != nil {
		return err
	}

	if e.offered, err = e.node.party(ctx, "offered"); err != nil {
		return err
	}

	for _, party := range []ident.Party{e.party, e.direct} {
		if err := e.node.call(ctx, http.MethodPost, wallet(party, "preapproval"), nil, nil); err != nil {
			return err
		}
	}

	return errors.Join(
		db.ListInstrument(ctx, e.coin, amount.Zero(), now), db.SetPolicy(ctx, e.coin, withdrawal.DefaultPolicy()),
		db.SetRegistry(ctx, dso, []store.RegistryPlace{{Admin: dso, URL: e.node.url + registrars}}))
}

// fund pays so many deposits in, and waits until ingestion has credited them.
func (e *exchange) fund(ctx context.Context, db *store.DB, holdings int) error {
	e.paying = min(customers, holdings)

	payer, err := e.node.party(ctx, "payer")
	if err != nil {
		return err
	}

	err = e.node.post(ctx, wallet(payer, "tap"), map[string]any{"amount": fmt.Sprint(each * holdings)}, nil)
	if err != nil {
		return err
	}

	for i := range holdings {
		err := e.node.post(ctx, wallet(payer, "transfers"), map[string]any{
			"receiver": e.party, "amount": fmt.Sprint(each), "instrument": coin, "memo": memoOf(i % e.paying),
		}, nil)
		if err != nil {
			return err
		}
	}

	service, err := e.ingestion(db, e.ledger)
	if err != nil {
		return err
	}

	return beside(ctx, service.Run, func(ctx context.Context) error {
		return e.until(ctx, "SELECT count(*) = $1 FROM deposits WHERE state = 'credited'", holdings)
	})
}

func (e *exchange) ingestion(db *store.DB, node *ledger.Client) (*ingest.Service, error) {
	return ingest.New(ingest.Config{Party: e.party}, node, db, clock.System{}, e.log,
		ingest.NewMetrics(prometheus.NewRegistry()))
}

func (e *exchange) payments(db *store.DB, node *ledger.Client, registries payout.Registries) (*payout.Service, error) {
	return payout.New(payout.Config{Party: e.party, UserID: userID, Workers: e.bench.options.workers}, payout.Parts{
		Node: node, Registries: registries, Signer: e.key, DB: db, Clock: clock.System{}, Logger: e.log,
		Metrics: payout.NewMetrics(prometheus.NewRegistry()), Random: rand.Reader,
	})
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
	db, err := e.data.open(ctx, roleIngest, 1)
	if err != nil {
		return err
	}
	defer db.Close()

	report, err := reconcile.Run(ctx, e.ledger, db, e.treasury, e.party)
	if err != nil {
		return err
	}

	if len(report.Differences) > 0 {
		return fmt.Errorf("%w: %v", errBooks, report.Differences)
	}

	return nil
}

// beside runs a service until do has ended.
func beside(ctx context.Context, service, do func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	ended := make(chan error, 1)

	go func() { ended <- service(ctx) }()

	err := do(ctx)

	cancel()

	return errors.Join(err, <-ended)
}
