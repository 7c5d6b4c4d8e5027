package campaign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/faultnet"
	"github.com/canton-exchange/suite/internal/ident"
)

const (
	pollInterval = 2 * time.Millisecond
	// patience bounds the wait for something that a scene wants to see before it strikes; without it, it strikes anyway.
	patience = 5 * time.Second
	// standstill bounds the wait for the next update after the last kill. How long all of them take is the machine's
	// affair.
	standstill = time.Minute
)

// scene is one misfortune. It starts ingestion and kills it at least once.
type scene struct {
	name   string
	weight int
	play   func(*Campaign, context.Context) error
}

func scenes() []scene {
	return []scene{
		{"killed at a random moment", 42, (*Campaign).anytime},
		{"killed right after a commit", 22, (*Campaign).afterCommit},
		{"killed inside a transaction", 12, (*Campaign).insideTransaction},
		{"killed with a standby behind it", 4, (*Campaign).withStandby},
		{"connections cut and delayed", 7, (*Campaign).cuts},
		{"connections half-open", 3, (*Campaign).halfOpen},
		{"node down", 5, (*Campaign).nodeDown},
		{"node talks garbage", 5, (*Campaign).garbage},
		{"token refused", 3, (*Campaign).tokenRefused},
		{"database crashes", 4, (*Campaign).databaseCrash},
	}
}

// Run plays scenes until ingestion was killed often enough, stops the traffic, lets ingestion catch up, and kills it a
// last time. An error means that the campaign could not go on; Check says whether a promise was broken.
func (c *Campaign) Run(ctx context.Context) (Report, error) {
	for c.report.Kills < c.cfg.Kills {
		s := c.choose()

		before, began := c.offset(ctx), c.cfg.Clock.Now()
		if err := s.play(c, ctx); err != nil {
			return c.report, fmt.Errorf("after %d kills: %s: %w", c.report.Kills, s.name, err)
		}

		c.report.Scenes[s.name]++

		after := c.offset(ctx)
		if after > before {
			c.report.Fruitful++
		}

		c.cfg.Logger.DebugContext(ctx, "scene is over", slog.String("scene", s.name), slog.Int("kills", c.report.Kills), slog.Duration("took", c.cfg.Clock.Now().Sub(began)),
			slog.Int64("from", int64(before)), slog.Int64("to", int64(after)), slog.Int64("end", int64(c.ledger.LedgerEnd())))

		if err := ctx.Err(); err != nil {
			return c.report, fmt.Errorf("after %d kills: %w", c.report.Kills, err)
		}
	}

	if err := c.StopTraffic(); err != nil {
		return c.report, err
	}

	return c.report, c.CatchUp(ctx)
}

// CatchUp runs ingestion without any fault until the database is at the ledger's end.
func (c *Campaign) CatchUp(ctx context.Context) error {
	l, err := c.start(ctx, c.direct)
	if err != nil {
		return err
	}

	end := c.ledger.LedgerEnd()

	at := c.offset(ctx)
	for moved := true; moved && at < end; {
		before := at
		moved = c.await(ctx, standstill, func() bool {
			c.ledger.Tick() // a checkpoint for what the treasury does not see

			at = c.offset(ctx)

			return at > before
		})
	}

	if err := c.kill(l); err != nil {
		return err
	}

	if at < end {
		return fmt.Errorf("ingestion stands still at %d, the ledger's end is %d:\n%s", at, end, l.Log())
	}

	cursor, err := c.db.Cursor(ctx, c.treasury)
	if err != nil {
		return err
	}

	c.report.Updates, c.report.Writers = len(c.ledger.Updates(c.party)), cursor.Epoch

	return nil
}

func (c *Campaign) choose() scene {
	total := 0
	for _, s := range c.plan {
		total += s.weight
	}

	pick := c.rng.IntN(total)

	for _, s := range c.plan {
		if pick -= s.weight; pick < 0 {
			return s
		}
	}

	return c.plan[0]
}

// between is a random time from least to most.
func (c *Campaign) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.rng.Int64N(int64(most-least)+1))
}

// offset is how far the database is; 0 before the first start and while the database is away.
func (c *Campaign) offset(ctx context.Context) ident.Offset {
	cursor, err := c.db.Cursor(ctx, c.treasury)
	if err != nil {
		return 0
	}

	return cursor.Position.Offset
}

// await polls until something is so; false if it never was.
func (c *Campaign) await(ctx context.Context, most time.Duration, so func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()

	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()

	for !so() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}

	return true
}

// moves waits until ingestion stores something.
func (c *Campaign) moves(ctx context.Context) bool {
	before := c.offset(ctx)

	return c.await(ctx, patience, func() bool { return c.offset(ctx) > before })
}

// wait is how long fate takes.
func (c *Campaign) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// oneLife starts ingestion, lets things happen, and kills it.
func (c *Campaign) oneLife(ctx context.Context, url string, happens func(*program.Life) error) error {
	l, err := c.start(ctx, url)
	if err != nil {
		return err
	}

	return errors.Join(happens(l), c.kill(l))
}

func (c *Campaign) anytime(ctx context.Context) error {
	return c.oneLife(ctx, c.direct, func(*program.Life) error {
		c.wait(ctx, c.between(2*time.Millisecond, 300*time.Millisecond))

		return nil
	})
}

// afterCommit strikes while rows are being committed: a transaction has just ended, the next one is under way.
func (c *Campaign) afterCommit(ctx context.Context) error {
	return c.oneLife(ctx, c.direct, func(*program.Life) error {
		c.moves(ctx)
		c.wait(ctx, c.between(0, 6*time.Millisecond))

		return nil
	})
}

// written are the tables that ingestion writes, in no particular order.
func written() []string {
	return []string{
		"ledger_updates", "ledger_update_bodies", "holdings", "transfers", "transfer_instructions", "deposits", "postings",
		"events", "synchronizer_clocks", "withdrawals", "unrecognized", "balances",
	}
}

// insideTransaction holds up one table, so that ingestion stands in the middle of its transaction when it is killed.
func (c *Campaign) insideTransaction(ctx context.Context) error {
	table := written()[c.rng.IntN(len(written()))]
	early := c.rng.IntN(2) == 0

	return c.oneLife(ctx, c.direct, func(l *program.Life) error {
		if !early {
			c.moves(ctx)
		}

		tx, err := c.db.Pool().Begin(ctx)
		if err != nil {
			return fmt.Errorf("hold up %s: %w", table, err)
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

		if _, err := tx.Exec(ctx, "LOCK TABLE "+pgx.Identifier{table}.Sanitize()+" IN SHARE MODE"); err != nil {
			return fmt.Errorf("hold up %s: %w", table, err)
		}

		if !c.await(ctx, patience/2, func() bool { return c.blocked(ctx) }) {
			c.report.Scenes["(nothing met the held table)"]++
		}

		return c.kill(l) // before the table is let go
	})
}

// blocked reports whether somebody waits for a table.
func (c *Campaign) blocked(ctx context.Context) bool {
	var waiting bool

	err := c.db.Pool().QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'relation')").Scan(&waiting)

	return err == nil && waiting
}

// withStandby runs two instances. The standby must take over from the killed one, and is then killed itself.
func (c *Campaign) withStandby(ctx context.Context) error {
	first, err := c.start(ctx, c.direct)
	if err != nil {
		return err
	}

	return errors.Join(c.oneLife(ctx, c.direct, func(*program.Life) error {
		c.wait(ctx, c.between(50*time.Millisecond, 400*time.Millisecond))

		if err := c.kill(first); err != nil {
			return err
		}

		if !c.moves(ctx) {
			return errors.New("the standby did not take over")
		}

		c.wait(ctx, c.between(0, 50*time.Millisecond))

		return nil
	}), c.kill(first))
}

func (c *Campaign) throughFaults() string { return "http://" + c.net.Addr() }

func (c *Campaign) cuts(ctx context.Context) error {
	const most = 200_000 // bytes; about a hundred updates

	c.net.Set(faultnet.Faults{MaxDelay: c.between(0, 4*time.Millisecond), CutAfter: 1 + c.rng.Int64N(most)})

	return c.oneLife(ctx, c.throughFaults(), func(*program.Life) error {
		for range c.rng.IntN(4) {
			c.wait(ctx, c.between(20*time.Millisecond, 150*time.Millisecond))
			c.net.Cut()
		}

		c.wait(ctx, c.between(10*time.Millisecond, 300*time.Millisecond))

		return nil
	})
}

func (c *Campaign) halfOpen(ctx context.Context) error {
	c.net.Set(faultnet.Faults{})

	err := c.oneLife(ctx, c.throughFaults(), func(*program.Life) error {
		c.wait(ctx, c.between(30*time.Millisecond, 200*time.Millisecond))
		c.net.Silence()
		c.wait(ctx, c.between(10*time.Millisecond, 100*time.Millisecond))

		return nil
	})
	c.net.Cut()

	return err
}

func (c *Campaign) nodeDown(ctx context.Context) error {
	defer c.ledger.SetDown(false)

	return c.oneLife(ctx, c.direct, func(*program.Life) error {
		for range 1 + c.rng.IntN(2) {
			c.wait(ctx, c.between(0, 120*time.Millisecond))
			c.ledger.SetDown(true)
			c.wait(ctx, c.between(5*time.Millisecond, 100*time.Millisecond))
			c.ledger.SetDown(false)
		}

		if c.rng.IntN(2) == 0 {
			c.moves(ctx)
		}

		return nil
	})
}

func (c *Campaign) garbage(ctx context.Context) error {
	return c.oneLife(ctx, c.direct, func(*program.Life) error {
		for range 1 + c.rng.IntN(3) {
			c.wait(ctx, c.between(0, 120*time.Millisecond))
			c.ledger.GarbleNext()
		}

		if c.rng.IntN(2) == 0 {
			c.moves(ctx)
		}

		c.wait(ctx, c.between(0, 100*time.Millisecond))

		return nil
	})
}

func (c *Campaign) tokenRefused(ctx context.Context) error {
	defer c.ledger.RejectTokens(false)

	return c.oneLife(ctx, c.direct, func(*program.Life) error {
		c.wait(ctx, c.between(0, 150*time.Millisecond))
		c.ledger.RejectTokens(true)
		c.ledger.CutStreams()
		c.wait(ctx, c.between(10*time.Millisecond, 150*time.Millisecond))
		c.ledger.RejectTokens(false)
		c.moves(ctx)

		return nil
	})
}

// databaseCrash takes PostgreSQL away as a power cut would. Ingestion is killed before, during or after it is back.
func (c *Campaign) databaseCrash(ctx context.Context) error {
	c.report.Crashes++

	return c.oneLife(ctx, c.direct, func(l *program.Life) error {
		c.wait(ctx, c.between(30*time.Millisecond, 300*time.Millisecond))

		if err := c.postgres.Crash(ctx); err != nil {
			return err
		}

		c.wait(ctx, c.between(0, 150*time.Millisecond))

		early := c.rng.IntN(3) == 0

		var killed error
		if early {
			killed = c.kill(l)
		}

		if err := c.postgres.Resume(ctx); err != nil {
			return errors.Join(killed, err)
		}

		c.db.Pool().Reset()

		if !early && !c.moves(ctx) {
			c.cfg.Logger.WarnContext(ctx, "ingestion does nothing although the database is back", slog.String("log", l.Log()))
		}

		return killed
	})
}
