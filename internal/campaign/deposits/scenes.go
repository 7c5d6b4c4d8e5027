package deposits

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/campaign/stage"
	"github.com/canton-exchange/suite/internal/faultnet"
)

// patience bounds the wait for something that a scene wants to see before it strikes; without it, it strikes anyway.
const patience = 2 * time.Second

// scene is one misfortune of the programs, their database or their network. At its end all programs run.
type scene struct {
	name string
	// cards is how often it comes in a round.
	cards int
	play  func(*Campaign, context.Context) error
}

func scenes() []scene {
	return []scene{
		{"nothing happens", 1, func(c *Campaign, ctx context.Context) error { c.pass(ctx, 200, 900); return nil }},
		{"acceptance killed at a random moment", 3, (*Campaign).killAcceptor},
		{"acceptance killed inside a transaction", 2, (*Campaign).killAcceptorInside},
		{"acceptance killed right after a submission", 3, (*Campaign).killAfterSubmission},
		{"both instances killed", 1, (*Campaign).killBoth},
		{"both instances down, and offers accepted elsewhere", 2, (*Campaign).downWhileAcceptedElsewhere},
		{"what sends back killed at a random moment", 2, (*Campaign).killReturns},
		{"ingestion killed at a random moment", 2, (*Campaign).killIngestion},
		{"ingestion killed inside a transaction", 2, (*Campaign).killIngestionInside},
		{"history stands still", 2, (*Campaign).standStill},
		{"history stands still, and acceptance is killed", 1, (*Campaign).standStillAndKill},
		{"a worker stalls and loses its leases", 1, (*Campaign).stall},
		{"leases end in workers' hands", 1, (*Campaign).loseLeases},
		{"the network of acceptance is cut and slow", 1, (*Campaign).cuts},
		{"the network of ingestion is cut and slow", 1, (*Campaign).cutIngestion},
		{"connections to the database are cut", 2, (*Campaign).cutDatabase},
		{"database crashes", 1, (*Campaign).databaseCrash},
	}
}

// Run lets everybody act and plays scenes until enough deposits were made, then heals everything and waits until each
// offer that is to be answered has been. An error means that the campaign could not go on; Check says whether a promise
// was broken.
func (c *Campaign) Run(ctx context.Context) (Report, error) {
	began := c.cfg.Clock.Now()
	err := c.run(ctx)

	c.world.mu.Lock()
	c.report.People = c.world.done
	c.world.mu.Unlock()

	c.report.Deposits = int(c.made.Load())
	c.report.Faults = c.sky.Struck()
	c.report.Took = c.cfg.Clock.Now().Sub(began).Round(time.Second)

	return c.report, err
}

func (c *Campaign) run(ctx context.Context) error {
	keeping, rest := context.WithCancel(ctx)
	c.rest = rest

	making, enough := context.WithCancel(keeping)
	defer enough()

	c.start(keeping, c.keepers(ctx))
	c.start(making, c.makers(ctx))

	for i := range customers {
		c.people.Go(func() { c.customer(making, i) })
	}

	c.people.Go(func() {
		if err := c.sky.Blow(making); err != nil {
			c.fail(err)
		}
	})
	c.people.Go(func() { c.countOpen(making) })

	for c.made.Load() < int64(c.cfg.Deposits) {
		if err := c.playOne(ctx); err != nil {
			return err
		}
	}

	enough()

	return c.drain(ctx)
}

// countOpen looks how many offers are to be answered.
func (c *Campaign) countOpen(ctx context.Context) {
	for ctx.Err() == nil {
		if n := c.stage.Count(ctx, "SELECT count(*) FROM offer_verdicts WHERE open AND work IN ('due', 'submitted')"); n >= 0 {
			c.open.Store(n)
		}

		pause(ctx, 100*time.Millisecond)
	}
}

func (c *Campaign) playOne(ctx context.Context) error {
	s := c.plan.Deal()
	began := c.cfg.Clock.Now()

	if err := s.play(c, ctx); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}

	c.report.Scenes[s.name]++
	c.cfg.Logger.DebugContext(ctx, "scene is over", slog.String("scene", s.name), slog.Duration("took", c.cfg.Clock.Now().Sub(began)),
		slog.Int64("made", c.made.Load()), slog.Int64("open", c.open.Load()))

	return c.failed(ctx)
}

// failed is why the campaign cannot go on; nil if it can.
func (c *Campaign) failed(ctx context.Context) error {
	select {
	case err := <-c.failure:
		return err
	default:
		return errors.Join(ctx.Err())
	}
}

// pass lets some milliseconds pass, from least to most.
func (c *Campaign) pass(ctx context.Context, least, most int) {
	pause(ctx, chance.Millis(c.rng, least, most))
}

func (c *Campaign) oneAcceptor() *post { return &c.fleet.acceptors[c.rng.IntN(2)] }

func (c *Campaign) killAcceptor(ctx context.Context) error {
	c.pass(ctx, 20, 500)

	return c.again(ctx, c.oneAcceptor())
}

func (c *Campaign) killBoth(ctx context.Context) error {
	c.pass(ctx, 20, 500)

	return errors.Join(c.again(ctx, &c.fleet.acceptors[0]), c.again(ctx, &c.fleet.acceptors[1]))
}

func (c *Campaign) killReturns(ctx context.Context) error {
	c.pass(ctx, 20, 500)

	return c.again(ctx, &c.fleet.returns)
}

func (c *Campaign) killIngestion(ctx context.Context) error {
	c.pass(ctx, 20, 500)

	return c.again(ctx, &c.fleet.ingest)
}

// killAfterSubmission strikes when a submission has just been written down: it is on its way, or about to be.
func (c *Campaign) killAfterSubmission(ctx context.Context) error {
	const query = "SELECT coalesce(max(no), 0) FROM campaign.submitted"

	p := c.oneAcceptor()
	before := c.stage.Count(ctx, query)

	stage.Until(ctx, patience, func() bool { return c.stage.Count(ctx, query) > before })
	c.pass(ctx, 0, 12)

	return c.again(ctx, p)
}

// downWhileAcceptedElsewhere has nobody of ours accept, and somebody else do it.
func (c *Campaign) downWhileAcceptedElsewhere(ctx context.Context) error {
	if err := errors.Join(c.kill(&c.fleet.acceptors[0]), c.kill(&c.fleet.acceptors[1])); err != nil {
		return err
	}

	for range 1 + c.rng.IntN(4) {
		c.pass(ctx, 100, 500)

		if err := c.acceptElsewhere(c.rng, 2); err != nil {
			return err
		}
	}

	return errors.Join(c.endLeases(ctx), c.startAll(ctx))
}

func (c *Campaign) killAcceptorInside(ctx context.Context) error {
	tables := []string{"offer_verdicts", "deposits", "transfer_instructions", "withdrawal_freezes", "synchronizer_clocks", "deposit_cases", "postings"}

	return c.killInside(ctx, c.oneAcceptor(), tables[c.rng.IntN(len(tables))])
}

func (c *Campaign) killIngestionInside(ctx context.Context) error {
	tables := []string{"ledger_updates", "holdings", "transfers", "transfer_instructions", "deposits", "deposit_cases", "offer_verdicts", "postings", "events"}

	return c.killInside(ctx, &c.fleet.ingest, tables[c.rng.IntN(len(tables))])
}

// killInside holds up one table, so that programs stand in the middle of their transactions when one is killed.
func (c *Campaign) killInside(ctx context.Context, p *post, table string) error {
	tx, err := c.stage.DB.Pool().Begin(ctx)
	if err != nil {
		return fmt.Errorf("hold up %s: %w", table, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	if _, err := tx.Exec(ctx, "LOCK TABLE "+pgx.Identifier{table}.Sanitize()+" IN SHARE MODE"); err != nil {
		return fmt.Errorf("hold up %s: %w", table, err)
	}

	stage.Until(ctx, patience/4, func() bool { return c.stage.Blocked(ctx) })
	c.pass(ctx, 0, 40)

	if err := c.kill(p); err != nil { // before the table is let go
		return err
	}

	if err := tx.Rollback(ctx); err != nil {
		return fmt.Errorf("let go %s: %w", table, err)
	}

	return c.again(ctx, p)
}

// standStill keeps ingestion away: offers that are submitted stay so, and their deadlines pass unseen.
func (c *Campaign) standStill(ctx context.Context) error {
	if err := c.kill(&c.fleet.ingest); err != nil {
		return err
	}

	c.pass(ctx, 500, 4500)

	return c.begin(ctx, &c.fleet.ingest)
}

func (c *Campaign) standStillAndKill(ctx context.Context) error {
	if err := c.kill(&c.fleet.ingest); err != nil {
		return err
	}

	for range 1 + c.rng.IntN(3) {
		c.pass(ctx, 100, 1200)

		if err := c.again(ctx, c.oneAcceptor()); err != nil {
			return err
		}
	}

	return c.begin(ctx, &c.fleet.ingest)
}

// stall stops a worker in the middle of what it does, for longer than its leases last.
func (c *Campaign) stall(ctx context.Context) error {
	p := c.oneAcceptor()

	if err := p.life.Stall(); err != nil {
		return err
	}

	c.pass(ctx, 50, 400)

	if err := c.endLeases(ctx); err != nil {
		return err
	}

	c.pass(ctx, 200, 3000)

	return p.life.Resume()
}

func (c *Campaign) loseLeases(ctx context.Context) error {
	for range 3 + c.rng.IntN(10) {
		c.pass(ctx, 20, 150)

		if err := c.endLeases(ctx); err != nil {
			return err
		}
	}

	return nil
}

func (c *Campaign) cuts(ctx context.Context) error { return c.cut(ctx, c.stage.SignNet) }

func (c *Campaign) cutIngestion(ctx context.Context) error { return c.cut(ctx, c.stage.IngestNet) }

func (c *Campaign) cut(ctx context.Context, network *faultnet.Proxy) error {
	const most = 400_000 // bytes

	network.Set(faultnet.Faults{MaxDelay: chance.Millis(c.rng, 0, 8), CutAfter: 1 + c.rng.Int64N(most)})
	defer network.Set(faultnet.Faults{})

	for range 1 + c.rng.IntN(4) {
		c.pass(ctx, 50, 400)
		network.Cut()
	}

	if c.rng.IntN(3) == 0 {
		network.Silence()
		c.pass(ctx, 100, 900)
		network.Cut()
	}

	return nil
}

// cutDatabase ends every connection to the database, whoever's it is and whatever is under way.
func (c *Campaign) cutDatabase(ctx context.Context) error {
	for range 1 + c.rng.IntN(4) {
		c.pass(ctx, 20, 300)

		if err := c.stage.Insist(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`); err != nil {
			return err
		}
	}

	return nil
}

// databaseCrash takes PostgreSQL away as a power cut would.
func (c *Campaign) databaseCrash(ctx context.Context) error {
	c.pass(ctx, 20, 400)

	if err := c.stage.Postgres.Crash(ctx); err != nil {
		return err
	}

	c.report.Crashes++

	var killed error
	if c.rng.IntN(2) == 0 {
		killed = c.kill(c.oneAcceptor())
	}

	c.pass(ctx, 0, 400)

	if err := errors.Join(killed, c.stage.Postgres.Resume(ctx)); err != nil {
		return err
	}

	c.stage.DB.Pool().Reset()

	return errors.Join(c.endLeases(ctx), c.startAll(ctx))
}
