// Package deposits proves "credited exactly once, or explained" from the outside: while customers pay in, in one step and
// by offers, it kills the real programs that accept and that ingest at random moments, has their node lose, delay, double,
// deny and lie, and their registries too, and changes whose memos, senders and tokens are dealt in. At the end it holds
// every deposit, verdict, posting and event against what the sandbox knows happened. Nothing that customers run imports it.
package deposits

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/stage"
	"github.com/canton-exchange/suite/internal/campaign/weather"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// Config is one campaign. The seed decides what happens and in which order; when exactly a signal hits another process,
// and which of two requests is first, is up to the machine. So a seed repeats a campaign's plan and not its every
// instruction.
type Config struct {
	Seed uint64
	// Deposits is how many transfers and offers customers make to the treasury.
	Deposits int
	// Programs is a directory with the built ingest, deposit, withdraw and treasury.
	Programs string
	// Scenes, if there are any, are played and no others.
	Scenes []string
	// Drain bounds the wait for all that is to be done once nothing is in its way; three minutes if 0.
	Drain  time.Duration
	Clock  clock.Clock
	Logger *slog.Logger
}

// Campaign is a network, a database, the programs and a plan of misfortunes.
type Campaign struct {
	cfg     Config
	rng     *rand.Rand // of the scenes alone
	plan    *chance.Deck[scene]
	network sandbox.Config

	stage *stage.Stage
	sky   *weather.Sky

	world   world
	grounds grounds
	fleet   fleet
	service *service

	people  sync.WaitGroup
	rest    context.CancelFunc // ends what people do
	failure chan error
	// made is how many deposits were made, open how many offers are to be answered.
	made, open atomic.Int64

	report Report
}

// Report is what a campaign did.
type Report struct {
	Seed uint64
	Node string
	// Deposits is how many transfers and offers were made to the treasury.
	Deposits int
	Kills    map[string]int
	Starts   map[string]int
	Crashes  int
	Scenes   map[string]int
	// Faults is how often each kind of fault struck, and each weather was.
	Faults map[string]int
	People map[string]int
	// Ends are the states in which history has deposits, with their reasons; Verdicts what was said last of offers that are open.
	Ends     map[string]int
	Verdicts map[string]int
	// Screened is what the screening service said at last, and how often something else.
	Screened map[string]int
	// Cases is what became of money that was not credited at once.
	Cases map[string]int
	Took  time.Duration
}

// Open starts the network, the database and the programs. Close it.
func Open(ctx context.Context, cfg Config) (*Campaign, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}

	if cfg.Drain == 0 {
		cfg.Drain = draining
	}

	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}

	c := &Campaign{
		cfg: cfg, rng: chance.Source(cfg.Seed, "scenes"), network: stage.RandomNetwork(cfg.Seed),
		rest: func() {}, failure: make(chan error, 16),
		report: Report{
			Seed: cfg.Seed, Kills: map[string]int{}, Starts: map[string]int{}, Scenes: map[string]int{},
			Ends: map[string]int{}, Verdicts: map[string]int{}, Cases: map[string]int{}, Screened: map[string]int{},
		},
	}
	c.report.Node = stage.Describe(c.network)
	c.cfg.Logger.InfoContext(ctx, "the node", slog.String("is", c.report.Node))

	var err error
	if c.service, err = openService(ctx, cfg.Seed); err != nil {
		return nil, err
	}

	c.plan = chance.NewDeck(c.rng, scenes(), func(s scene) int {
		if len(cfg.Scenes) > 0 && !slices.Contains(cfg.Scenes, s.name) {
			return 0
		}

		return s.cards
	})

	for _, start := range []func(context.Context) error{c.openStage, c.openWorld, c.openBooks, c.openPrograms} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
	}

	return c, nil
}

func (c *Campaign) openStage(ctx context.Context) error {
	var err error

	strikes := weather.NewStrikes()
	c.network.Logger = slog.New(strikes)

	c.stage, err = stage.Open(ctx, stage.Config{
		Name: "deposits", Seed: c.cfg.Seed, Programs: c.cfg.Programs, Network: c.network, Clock: c.cfg.Clock,
	})
	if err != nil {
		return err
	}

	c.sky = weather.NewSky(c.stage.Ledger.Faults(), c.stage.Meddler, strikes, chance.Source(c.cfg.Seed, "weather"), slices.Concat(
		weather.OnTheWay(), weather.AtTheNode(), weather.Meddled(), weather.Lies(), weather.Misled()))

	return c.watch(ctx)
}

// Close ends everything that Open started.
func (c *Campaign) Close(ctx context.Context) error {
	c.rest()
	c.people.Wait()
	c.fleet.killAll()

	err := c.service.close()
	if c.stage == nil {
		return err
	}

	return errors.Join(err, c.stage.Close(ctx))
}

// Build makes the programs that a campaign runs; see program.Build.
func Build(ctx context.Context, directory, overlay string) error {
	return program.Build(ctx, directory, overlay, "ingest", "deposit", "withdraw", "treasury")
}

// Report is what the campaign did.
func (c *Campaign) Report() Report { return c.report }
