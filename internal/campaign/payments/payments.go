// Package payments proves "never paid twice, never lost" from the outside: while customers ask for withdrawals, it kills
// the real programs that pay and that ingest at random moments, crashes their database and puts it back to an earlier
// state, and has the node lose, delay, double and deny what it is told. At the end it holds every withdrawal, posting and
// event against what the sandbox knows happened. Nothing that customers run imports it.
package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/campaign/weather"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/faultnet"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// Config is one campaign. The seed decides what happens and in which order; when exactly a signal hits another process,
// and which of two requests is first, is up to the machine. So a seed repeats a campaign's plan and not its every
// instruction.
type Config struct {
	Seed uint64
	// Withdrawals is how many are asked for and taken.
	Withdrawals int
	// Programs is a directory with the built ingest, withdraw and treasury.
	Programs string
	// Scenes, if there are any, are played and no others.
	Scenes []string
	Clock  clock.Clock
	Logger *slog.Logger
}

const (
	nodeToken     = "campaign-token"
	passphrase    = "a passphrase of the campaign"
	user          = "ledger-api-user"
	headerTimeout = 5 * time.Second
)

// Campaign is a network, a database, the programs and a plan of misfortunes.
type Campaign struct {
	cfg  Config
	rng  *rand.Rand // of the scenes alone
	plan *chance.Deck[scene]

	ledger  *sandbox.Sandbox
	meddler *weather.Meddler
	sky     *weather.Sky
	servers []*http.Server
	served  sync.WaitGroup
	direct  string
	// nets are what stands between the programs and the node: ingestion's, and that of payments, which meets the meddler.
	ingestNet, payNet *faultnet.Proxy

	postgres *pgtest.Server
	admin    *pgxpool.Pool // of another database of the same server
	url      secret.String
	db       *store.DB
	// swap is held by whoever needs the database to be the same from its first to its last statement; a restore takes it
	// away from everybody.
	swap sync.RWMutex

	directory string // key, token
	two       bool   // synchronizers
	party     ident.Party
	treasury  store.TreasuryID

	world    world
	exchange exchange
	fleet    fleet

	people  sync.WaitGroup
	rest    context.CancelFunc // ends what people do
	failure chan error
	doubled atomic.Pointer[verdict.Violation]

	report Report
}

// Report is what a campaign did.
type Report struct {
	Seed uint64
	Node string
	// Requested is how many withdrawals were taken, and Asked what was asked, by what came of it.
	Requested int
	Asked     map[string]int
	Kills     map[string]int
	Starts    map[string]int
	Crashes   int
	Restores  int
	Scenes    map[string]int
	// Faults is how often each kind of fault struck.
	Faults map[string]int
	People map[string]int
	// Ends are the states in which withdrawals ended, with their reasons; Attempts how theirs ended.
	Ends     map[string]int
	Attempts map[string]int
	Took     time.Duration
}

// Open starts the network, the database and the programs. Close it.
func Open(ctx context.Context, cfg Config) (*Campaign, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}

	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}

	c := &Campaign{
		cfg: cfg, rng: chance.Source(cfg.Seed, "scenes"), rest: func() {}, failure: make(chan error, 16),
		report: Report{
			Seed: cfg.Seed, Kills: map[string]int{}, Starts: map[string]int{}, Scenes: map[string]int{},
			Faults: map[string]int{}, Ends: map[string]int{}, Attempts: map[string]int{},
		},
	}

	c.plan = chance.NewDeck(c.rng, scenes(), func(s scene) int {
		if len(cfg.Scenes) > 0 && !slices.Contains(cfg.Scenes, s.name) {
			return 0
		}

		return s.cards
	})

	for _, start := range []func(context.Context) error{
		c.openLedger, c.openDatabase, c.openTreasury, c.openBooks, c.openWorld, c.openPrograms,
	} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
	}

	return c, nil
}

func (c *Campaign) openLedger(ctx context.Context) error {
	pick := chance.Source(c.cfg.Seed, "node")
	config := sandbox.Config{
		Seed: c.cfg.Seed, Token: secret.New(nodeToken), TwoSynchronizers: pick.IntN(2) == 0, EventsV2: pick.IntN(2) == 0,
		Workflow: []sandbox.AcmeWorkflow{sandbox.AcmeDirect, sandbox.AcmePending}[pick.IntN(2)],
		// Canton Coin of before CIP-0078 takes fees, which nobody who pays out agrees to.
		Shape:            sandbox.ShapeCurrent,
		Version:          []sandbox.Version{sandbox.V34, sandbox.V35, sandbox.V36, sandbox.V33}[pick.IntN(4)],
		AcmePermissioned: pick.IntN(2) == 0,
		Latency:          time.Duration(10+pick.IntN(60)) * time.Millisecond, CheckpointInterval: 50 * time.Millisecond,
	}

	strikes := weather.NewStrikes()
	config.Logger = slog.New(strikes)

	c.two = config.TwoSynchronizers
	c.report.Node = fmt.Sprintf("%s %s, AcmeToken %s, permissioned=%t, events V2=%t, two synchronizers=%t, latency %s", config.Version,
		config.Shape, config.Workflow, config.AcmePermissioned, config.EventsV2, config.TwoSynchronizers, config.Latency)
	c.cfg.Logger.InfoContext(ctx, "the node", slog.String("is", c.report.Node))

	var err error
	if c.ledger, err = sandbox.New(config); err != nil {
		return fmt.Errorf("start the sandbox: %w", err)
	}

	c.meddler = weather.NewMeddler(c.ledger.Handler(), chance.Source(c.cfg.Seed, "meddler"))
	c.sky = weather.NewSky(c.ledger.Faults(), c.meddler, strikes, chance.Source(c.cfg.Seed, "weather"),
		slices.Concat(weather.OnTheWay(), weather.AtTheNode(), weather.Meddled()))

	plain, err := c.serve(ctx, c.ledger.Handler())
	if err != nil {
		return err
	}

	meddled, err := c.serve(ctx, c.meddler)
	if err != nil {
		return err
	}

	c.direct = "http://" + plain

	if c.ingestNet, err = faultnet.Listen(ctx, plain, c.cfg.Seed); err != nil {
		return err
	}

	c.payNet, err = faultnet.Listen(ctx, meddled, c.cfg.Seed+1)

	return err
}

func (c *Campaign) serve(ctx context.Context, handler http.Handler) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the sandbox: %w", err)
	}

	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	c.servers = append(c.servers, server)

	c.served.Go(func() { _ = server.Serve(listener) }) // only says that it was closed

	return listener.Addr().String(), nil
}

// Close ends everything that Open started.
func (c *Campaign) Close(ctx context.Context) error {
	var failures []error

	c.rest()
	c.people.Wait()

	c.fleet.killAll()

	if c.db != nil {
		c.db.Close()
	}

	for _, pool := range []*pgxpool.Pool{c.admin, c.exchange.pool} {
		if pool != nil {
			pool.Close()
		}
	}

	for _, net := range []*faultnet.Proxy{c.ingestNet, c.payNet} {
		if net != nil {
			failures = append(failures, net.Close())
		}
	}

	if c.ledger != nil {
		c.ledger.Close()
	}

	for _, server := range c.servers {
		failures = append(failures, server.Close())
	}

	c.served.Wait()

	if c.meddler != nil {
		c.meddler.Wait()
	}

	if c.postgres != nil {
		failures = append(failures, c.postgres.Stop(ctx))
	}

	if c.directory != "" {
		failures = append(failures, os.RemoveAll(c.directory))
	}

	return errors.Join(failures...)
}

func (c *Campaign) program(name string) string { return filepath.Join(c.cfg.Programs, name) }

// Build makes the programs that a campaign runs; see program.Build.
func Build(ctx context.Context, directory, overlay string) error {
	return program.Build(ctx, directory, overlay, "ingest", "withdraw", "treasury")
}
