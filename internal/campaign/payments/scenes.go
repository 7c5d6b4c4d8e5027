package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/faultnet"
)

const (
	pollInterval = 3 * time.Millisecond
	// patience bounds the wait for something that a scene wants to see before it strikes; without it, it strikes anyway.
	patience = 3 * time.Second
)

// scene is one misfortune of the programs, their database or their network. At its end all programs run.
type scene struct {
	name string
	// cards is how often it comes in a round.
	cards int
	play  func(*Campaign, context.Context) error
}

// restored is the scene after which the database knows less than the ledger.
const restored = "database put back to an earlier state"

func scenes() []scene {
	return []scene{
		{"nothing happens", 1, func(c *Campaign, ctx context.Context) error { c.pass(ctx, 200, 900); return nil }},
		{"payments killed at a random moment", 3, (*Campaign).killPayments},
		{"payments killed inside a transaction", 2, (*Campaign).killPaymentsInside},
		{"payments killed right after a submission", 2, (*Campaign).killAfterSubmission},
		{"both instances killed", 1, (*Campaign).killBoth},
		{"ingestion killed at a random moment", 2, (*Campaign).killIngestion},
		{"ingestion killed inside a transaction", 1, (*Campaign).killIngestionInside},
		{"history stands still", 3, (*Campaign).standStill},
		{"history stands still, then payments are killed", 2, (*Campaign).standStillAndKill},
		{"a worker stalls and loses its leases", 1, (*Campaign).stall},
		{"leases end in workers' hands", 1, (*Campaign).loseLeases},
		{"the network of payments is cut and slow", 1, (*Campaign).cuts},
		{"the network of ingestion is cut and slow", 1, (*Campaign).cutIngestion},
		{"database crashes", 1, (*Campaign).databaseCrash},
		{restored, 2, (*Campaign).restore},
	}
}

// Run lets everybody act and plays scenes until enough withdrawals were taken, then heals everything and waits until
// each of them has ended. An error means that the campaign could not go on; Check says whether a promise was broken.
func (c *Campaign) Run(ctx context.Context) (Report, error) {
	began := c.cfg.Clock.Now()
	err := c.run(ctx)

	c.world.mu.Lock()
	c.report.People = c.world.done
	c.world.mu.Unlock()

	c.exchange.mu.Lock()
	c.report.Requested, c.report.Asked = int(c.exchange.taken.Load()), c.exchange.asked
	c.exchange.mu.Unlock()

	c.report.Faults = c.sky.Struck()
	c.report.Took = c.cfg.Clock.Now().Sub(began).Round(time.Second)

	return c.report, err
}

func (c *Campaign) run(ctx context.Context) error {
	people, rest := context.WithCancel(ctx)
	c.rest = rest

	asking, enough := context.WithCancel(ctx)
	defer enough()

	c.startPeople(people)

	if err := c.settleIn(ctx); err != nil {
		return err
	}

	storm, calm := context.WithCancel(ctx)
	defer calm()

	c.people.Go(func() { c.watchDoubles(people) })
	c.people.Go(func() {
		if err := c.sky.Blow(storm); err != nil {
			c.fail(err)
		}
	})

	for i := range clerks {
		c.people.Go(func() { c.clerk(ctx, asking, i) })
	}

	for c.exchange.taken.Load() < int64(c.cfg.Withdrawals) {
		if err := c.playOne(ctx); err != nil {
			return err
		}

		if found := c.doubled.Load(); found != nil {
			return fmt.Errorf("%w: %s", errDoubled, found)
		}
	}

	enough()
	calm()

	return c.drain(ctx)
}

func (c *Campaign) playOne(ctx context.Context) error {
	s := c.plan.Deal()
	began := c.cfg.Clock.Now()

	if err := s.play(c, ctx); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}

	c.report.Scenes[s.name]++
	c.cfg.Logger.DebugContext(ctx, "scene is over", slog.String("scene", s.name), slog.Duration("took", c.cfg.Clock.Now().Sub(began)),
		slog.Int64("taken", c.exchange.taken.Load()), slog.Int64("open", c.exchange.open.Load()))

	select {
	case err := <-c.failure:
		return err
	default:
		return errors.Join(ctx.Err())
	}
}

// pass lets some milliseconds pass, from least to most.
func (c *Campaign) pass(ctx context.Context, least, most int) {
	wait(ctx, chance.Millis(c.rng, least, most))
}

// until polls until something is so; false if it was not in time.
func (c *Campaign) until(ctx context.Context, most time.Duration, so func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()

	for !so() {
		wait(ctx, pollInterval)

		if ctx.Err() != nil {
			return false
		}
	}

	return true
}

func (c *Campaign) onePayer() *post { return &c.fleet.payers[c.rng.IntN(2)] }

// again kills a program and starts its next life.
func (c *Campaign) again(ctx context.Context, p *post) error {
	if err := c.kill(p); err != nil {
		return err
	}

	if p.name == "withdraw" {
		if err := c.endLeases(ctx); err != nil {
			return err
		}
	}

	return c.start(ctx, p)
}

func (c *Campaign) killPayments(ctx context.Context) error {
	c.pass(ctx, 20, 500)

	return c.again(ctx, c.onePayer())
}

func (c *Campaign) killBoth(ctx context.Context) error {
	c.pass(ctx, 20, 500)

	return errors.Join(c.again(ctx, &c.fleet.payers[0]), c.again(ctx, &c.fleet.payers[1]))
}

func (c *Campaign) killIngestion(ctx context.Context) error {
	c.pass(ctx, 20, 500)

	return c.again(ctx, &c.fleet.ingest)
}

// killAfterSubmission strikes when a submission has just been written down: it is on its way, or about to be.
func (c *Campaign) killAfterSubmission(ctx context.Context) error {
	p := c.onePayer()
	before := c.prepared(ctx)

	c.until(ctx, patience, func() bool { return c.prepared(ctx) > before })
	c.pass(ctx, 0, 12)

	return c.again(ctx, p)
}

// prepared counts what was signed and written down.
func (c *Campaign) prepared(ctx context.Context) int64 {
	var n int64

	err := c.db.Pool().QueryRow(ctx, "SELECT count(*) FROM withdrawal_attempts WHERE prepared_at IS NOT NULL").Scan(&n)
	if err != nil {
		return 0
	}

	return n
}

func (c *Campaign) killPaymentsInside(ctx context.Context) error {
	tables := []string{"withdrawals", "withdrawal_attempts", "reservations", "events", "postings"}

	return c.killInside(ctx, c.onePayer(), tables[c.rng.IntN(len(tables))])
}

func (c *Campaign) killIngestionInside(ctx context.Context) error {
	tables := []string{
		"ledger_updates", "holdings", "transfers", "transfer_instructions", "postings", "events", "withdrawals", "withdrawal_attempts", "reservations",
	}

	return c.killInside(ctx, &c.fleet.ingest, tables[c.rng.IntN(len(tables))])
}

// killInside holds up one table, so that programs stand in the middle of their transactions when one is killed.
func (c *Campaign) killInside(ctx context.Context, p *post, table string) error {
	tx, err := c.db.Pool().Begin(ctx)
	if err != nil {
		return fmt.Errorf("hold up %s: %w", table, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	if _, err := tx.Exec(ctx, "LOCK TABLE "+pgx.Identifier{table}.Sanitize()+" IN SHARE MODE"); err != nil {
		return fmt.Errorf("hold up %s: %w", table, err)
	}

	c.until(ctx, patience/4, func() bool { return c.blocked(ctx) })
	c.pass(ctx, 0, 40)

	if err := c.kill(p); err != nil { // before the table is let go
		return err
	}

	if err := tx.Rollback(ctx); err != nil {
		return fmt.Errorf("let go %s: %w", table, err)
	}

	return c.again(ctx, p)
}

// blocked reports whether somebody waits for a table.
func (c *Campaign) blocked(ctx context.Context) bool {
	var waiting bool

	err := c.db.Pool().QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'relation')").Scan(&waiting)

	return err == nil && waiting
}

// standStill keeps ingestion away for as long as attempts live, or longer: workers see no history.
func (c *Campaign) standStill(ctx context.Context) error {
	if err := c.kill(&c.fleet.ingest); err != nil {
		return err
	}

	c.pass(ctx, 500, 5500)

	return c.start(ctx, &c.fleet.ingest)
}

func (c *Campaign) standStillAndKill(ctx context.Context) error {
	if err := c.kill(&c.fleet.ingest); err != nil {
		return err
	}

	for range 1 + c.rng.IntN(3) {
		c.pass(ctx, 100, 1500)

		if err := c.again(ctx, c.onePayer()); err != nil {
			return err
		}
	}

	c.pass(ctx, 0, 800)

	return c.start(ctx, &c.fleet.ingest)
}

// stall stops a worker in the middle of what it does, for longer than its leases last.
func (c *Campaign) stall(ctx context.Context) error {
	p := c.onePayer()

	if err := p.life.Stall(); err != nil {
		return err
	}

	c.pass(ctx, 50, 400)

	if err := c.endLeases(ctx); err != nil {
		return err
	}

	c.pass(ctx, 200, 4000)

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

func (c *Campaign) cuts(ctx context.Context) error { return c.cut(ctx, c.payNet) }

func (c *Campaign) cutIngestion(ctx context.Context) error { return c.cut(ctx, c.ingestNet) }

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

// databaseCrash takes PostgreSQL away as a power cut would.
func (c *Campaign) databaseCrash(ctx context.Context) error {
	c.pass(ctx, 20, 400)

	if err := c.postgres.Crash(ctx); err != nil {
		return err
	}

	c.report.Crashes++

	var killed error
	if c.rng.IntN(2) == 0 {
		killed = c.kill(c.onePayer())
	}

	c.pass(ctx, 0, 400)

	if err := errors.Join(killed, c.postgres.Resume(ctx)); err != nil {
		return err
	}

	c.resetPools()

	if err := c.endLeases(ctx); err != nil {
		return err
	}

	return errors.Join(c.start(ctx, &c.fleet.payers[0]), c.start(ctx, &c.fleet.payers[1]))
}

func (c *Campaign) resetPools() {
	c.db.Pool().Reset()
	c.admin.Reset()
	c.exchange.pool.Reset()
}
