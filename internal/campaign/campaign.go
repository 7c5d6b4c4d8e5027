// Package campaign proves "exactly once" from the outside: it kills the real ingestion program at random moments while
// the sandbox's customers go on paying, cuts its network and its database, and at the end compares every row with what
// the sandbox knows happened. Nothing that customers run imports it.
package campaign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/faultnet"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// Config is one campaign. The seed decides what happens and in which order; when exactly a signal hits another process
// is up to the machine, so a seed repeats a campaign's plan and not its every instruction.
type Config struct {
	Seed uint64
	// Kills is how many times ingestion is killed.
	Kills int
	// Program is the built cmd/ingest.
	Program string
	// Pace is the pause between two actions of the customers; 10 ms when 0.
	Pace   time.Duration
	Clock  clock.Clock
	Logger *slog.Logger
	// Inspect, when set, gives what a node of that version shows its answers to; see sandbox.Config.
	Inspect func(sandbox.Version) func(method, path string, status int, header http.Header, body []byte)
}

const (
	defaultPace = 10 * time.Millisecond
	// exchangePaces is how many of the customers' paces the exchange's own action takes.
	exchangePaces = 3

	headerTimeout = 5 * time.Second
	token         = "campaign-token"
	accounts      = 8
	// minimumDeposit of Canton Coin makes some of the customers' deposits too small.
	minimumDeposit = 2
)

// Campaign is a network, a database and a plan of misfortunes. It is for one goroutine.
type Campaign struct {
	cfg  Config
	rng  *rand.Rand
	plan []scene

	ledger *sandbox.Sandbox
	server *http.Server
	served chan struct{}
	direct string // the node's URL
	net    *faultnet.Proxy

	postgres *pgtest.Server
	url      secret.String
	db       *store.DB

	party    ident.Party
	treasury store.TreasuryID
	memos    map[string]string // memo → account
	tokens   string            // file with the node's token

	people  sync.WaitGroup
	send    context.CancelFunc // ends the traffic
	failure chan error
	traffic sandbox.TrafficReport
	acts    exchange

	report Report
}

// Report is what a campaign did.
type Report struct {
	Seed   uint64
	Kills  int
	Starts int
	// Fruitful is how many lives of the program stored something before they ended.
	Fruitful int
	// Crashes is how many times PostgreSQL was crashed.
	Crashes int
	// Scenes counts what was done, by name.
	Scenes map[string]int
	// Traffic counts what the customers and the exchange did, by name.
	Traffic map[string]int
	// Updates is how many updates the treasury saw.
	Updates int
	// Writers is how many times a program became the treasury's writer.
	Writers int64
}

// Open starts the network, the database and the traffic. Close it.
func Open(ctx context.Context, cfg Config) (*Campaign, error) {
	if cfg.Pace == 0 {
		cfg.Pace = defaultPace
	}

	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}

	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}

	c := &Campaign{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 1)), //nolint:gosec // reproducible
		memos: map[string]string{}, failure: make(chan error, 2), send: func() {},
		report: Report{Seed: cfg.Seed, Scenes: map[string]int{}, Traffic: map[string]int{}},
	}
	c.plan = scenes()

	for _, start := range []func(context.Context) error{c.openLedger, c.openDatabase, c.openBooks, c.openTraffic} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
	}

	return c, nil
}

// openLedger starts the node. The seed picks what kind of node it is.
func (c *Campaign) openLedger(ctx context.Context) error {
	pick := rand.New(rand.NewPCG(c.cfg.Seed, 2)) //nolint:gosec // reproducible
	config := sandbox.Config{
		Seed: c.cfg.Seed, Token: secret.New(token), TwoSynchronizers: pick.IntN(2) == 0, EventsV2: pick.IntN(2) == 0,
		Workflow: []sandbox.AcmeWorkflow{sandbox.AcmeDirect, sandbox.AcmePending}[pick.IntN(2)],
		Shape:    []sandbox.AmuletShape{sandbox.ShapeCurrent, sandbox.ShapeRecorded}[pick.IntN(2)],
		Version:  []sandbox.Version{sandbox.V34, sandbox.V35, sandbox.V36, sandbox.V33}[pick.IntN(4)],
	}

	if config.Shape == sandbox.ShapeRecorded {
		config.EventsV2 = false // they were never together
	}

	if c.cfg.Inspect != nil {
		config.Inspect = c.cfg.Inspect(config.Version)
	}

	c.cfg.Logger.InfoContext(ctx, "the node", slog.String("version", string(config.Version)), slog.String("shape", string(config.Shape)),
		slog.String("workflow", string(config.Workflow)), slog.Bool("events_v2", config.EventsV2), slog.Bool("two_synchronizers", config.TwoSynchronizers))

	var err error
	if c.ledger, err = sandbox.New(config); err != nil {
		return fmt.Errorf("start the sandbox: %w", err)
	}

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the sandbox: %w", err)
	}

	c.server = &http.Server{Handler: c.ledger.Handler(), ReadHeaderTimeout: headerTimeout}
	c.served = make(chan struct{})

	go func() {
		defer close(c.served)

		_ = c.server.Serve(listener) // only says that it was closed
	}()

	c.direct = "http://" + listener.Addr().String()

	c.net, err = faultnet.Listen(ctx, listener.Addr().String(), c.cfg.Seed)

	return err
}

func (c *Campaign) openDatabase(ctx context.Context) error {
	var err error
	if c.postgres, err = pgtest.Start(ctx, pgtest.Options{Durable: true}); err != nil {
		return err
	}

	c.url = secret.New(c.postgres.DSN("postgres"))

	if err := store.Migrate(ctx, c.url); err != nil {
		return err
	}

	c.db, err = store.Open(ctx, c.url)

	return err
}

// openBooks makes the treasury on the ledger and in the database: its memos, and what tokens it deals in.
func (c *Campaign) openBooks(ctx context.Context) error {
	var err error
	if c.party, err = c.ledger.AllocateParty("treasury"); err != nil {
		return fmt.Errorf("allocate treasury: %w", err)
	}

	if _, err := c.ledger.Preapprove(c.party); err != nil {
		return fmt.Errorf("preapprove treasury: %w", err)
	}

	now := c.cfg.Clock.Now()
	if c.treasury, err = c.db.EnsureTreasury(ctx, c.party, now); err != nil {
		return err
	}

	for i := range accounts {
		memo, account := fmt.Sprintf("MEMO-%03d", i), fmt.Sprintf("account-%d", i)
		c.memos[memo] = account

		if err := c.db.RegisterMemo(ctx, c.treasury, memo, account, now); err != nil {
			return err
		}
	}

	if err := c.db.ListInstrument(ctx, c.ledger.Amulet(), amount.FromInt(minimumDeposit), now); err != nil {
		return err
	}

	if err := c.db.ListInstrument(ctx, c.ledger.AcmeToken(), amount.Zero(), now); err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "ces-campaign-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}

	c.tokens = filepath.Join(dir, "token")
	if err := os.WriteFile(c.tokens, []byte(token), 0o600); err != nil {
		return fmt.Errorf("write the token: %w", err)
	}

	return nil
}

// openTraffic lets the customers and the exchange act until StopTraffic.
func (c *Campaign) openTraffic(ctx context.Context) error {
	memos := make([]string, 0, len(c.memos))
	for i := range accounts {
		memos = append(memos, fmt.Sprintf("MEMO-%03d", i))
	}

	if err := c.acts.prepare(c.ledger, c.party, c.cfg.Seed); err != nil {
		return err
	}

	ctx, c.send = context.WithCancel(ctx)

	c.people.Go(func() {
		var err error

		c.traffic, err = c.ledger.Traffic(ctx, sandbox.TrafficConfig{
			Seed: c.cfg.Seed, Treasury: c.party, Memos: memos, Interval: c.cfg.Pace, TreasuryAccepts: true,
		})
		if err != nil {
			c.failure <- fmt.Errorf("customers: %w", err)
		}
	})
	c.people.Go(func() {
		if err := c.acts.run(ctx, exchangePaces*c.cfg.Pace); err != nil {
			c.failure <- fmt.Errorf("exchange: %w", err)
		}
	})

	return nil
}

// StopTraffic ends the customers' actions and waits for them.
func (c *Campaign) StopTraffic() error {
	c.send()
	c.people.Wait()

	maps.Copy(c.report.Traffic, c.traffic.Done)
	maps.Copy(c.report.Traffic, c.acts.done)

	select {
	case err := <-c.failure:
		return err
	default:
		return nil
	}
}

// Close ends everything that Open started.
func (c *Campaign) Close(ctx context.Context) error {
	var failures []error

	c.send()
	c.people.Wait()

	if c.db != nil {
		c.db.Close()
	}

	if c.net != nil {
		failures = append(failures, c.net.Close())
	}

	if c.ledger != nil {
		c.ledger.Close()
	}

	if c.server != nil {
		failures = append(failures, c.server.Close())
		<-c.served
	}

	if c.postgres != nil {
		failures = append(failures, c.postgres.Stop(ctx))
	}

	if c.tokens != "" {
		failures = append(failures, os.RemoveAll(filepath.Dir(c.tokens)))
	}

	return errors.Join(failures...)
}
