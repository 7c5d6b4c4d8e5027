package payments

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/canton-exchange/suite/internal/ident"
)

// restore copies the database, lets time pass in which withdrawals are paid, and puts the copy in the database's place. It
// may be older than the largest lag that payments accept, or younger; payments may be restarted, or run through it as they
// do when a standby takes over. Afterwards the exchange repeats what it has asked for since.
func (c *Campaign) restore(ctx context.Context) error {
	if err := c.copyDatabase(ctx); err != nil {
		return err
	}

	c.pass(ctx, 300, 7000)

	if err := c.swapDatabase(ctx); err != nil {
		return err
	}

	c.report.Restores++

	return errors.Join(c.askAgain(ctx), c.hastenCertainty(ctx))
}

// hastenCertainty makes less of the five minutes for which nothing is certain after a restore: no attempt of a campaign
// takes longer than its policies' few seconds.
func (c *Campaign) hastenCertainty(ctx context.Context) error {
	noticed := c.until(ctx, settling, func() bool {
		return c.count(ctx, "SELECT notice_database_life(clock_timestamp())::int") >= 0 &&
			c.count(ctx, "SELECT count(*) FROM database_lives WHERE began_at > 'epoch'") == 1
	})
	if !noticed {
		return errors.New("nobody notices that the database was restored")
	}

	return c.insist(ctx, `UPDATE database_lives SET began_at = began_at - make_interval(secs => 300 - (SELECT max(attempt_seconds) FROM withdrawal_policies))`)
}

// copyDatabase makes the copy. PostgreSQL copies a database to which nobody is connected.
func (c *Campaign) copyDatabase(ctx context.Context) error {
	c.swap.Lock()
	defer c.swap.Unlock()

	if err := c.stopAll(ctx); err != nil {
		return err
	}

	if err := c.adminExec(ctx, "CREATE DATABASE "+backup+" TEMPLATE "+database); err != nil {
		return err
	}

	c.exchange.era.Add(1)

	return c.startAll(ctx)
}

// stopAll kills the programs and closes every connection to the database. The exchange must be held up.
func (c *Campaign) stopAll(ctx context.Context) error {
	for _, p := range c.fleet.posts() {
		if err := c.kill(p); err != nil {
			return err
		}
	}

	if err := c.endLeases(ctx); err != nil {
		return err
	}

	return c.disconnect(ctx)
}

func (c *Campaign) disconnect(ctx context.Context) error {
	c.db.Pool().Reset()
	c.exchange.pool.Reset()

	return c.adminExec(ctx, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '"+database+"'")
}

func (c *Campaign) startAll(ctx context.Context) error {
	for _, p := range c.fleet.posts() {
		if err := c.start(ctx, p); err != nil {
			return err
		}
	}

	return nil
}

func (c *Campaign) adminExec(ctx context.Context, statement string) error {
	if _, err := c.admin.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}

	return nil
}

// swapDatabase puts the copy in the database's place: as a copy of a disk comes back, which nothing can notice but who put
// it there; or as a standby takes over, under the hands of payments that run on.
func (c *Campaign) swapDatabase(ctx context.Context) error {
	c.swap.Lock()
	defer c.swap.Unlock()

	byHand, stop := c.rng.IntN(3) == 0, c.rng.IntN(2) == 0

	if byHand || stop {
		if err := c.stopAll(ctx); err != nil {
			return err
		}
	} else if err := c.kill(&c.fleet.ingest); err != nil { // it is a session: a standby's ingestion is another
		return err
	}

	for _, statement := range []string{
		"ALTER DATABASE " + database + " ALLOW_CONNECTIONS false",
		"DROP DATABASE " + database + " WITH (FORCE)",
		"ALTER DATABASE " + backup + " RENAME TO " + database,
	} {
		if err := c.adminExec(ctx, statement); err != nil {
			return err
		}
	}

	if err := c.tellRestored(ctx, byHand); err != nil {
		return err
	}

	if err := c.endLeases(ctx); err != nil {
		return err
	}

	c.forget()

	return c.startAll(ctx)
}

func (c *Campaign) tellRestored(ctx context.Context, byHand bool) error {
	if !byHand {
		return c.beginAnotherLife(ctx)
	}

	c.db.Pool().Reset()
	c.exchange.pool.Reset()

	_, err := c.operate(ctx, "restored")

	return err
}

// beginAnotherLife has the server recover as one does that was restored from an archive: it goes on under another timeline.
func (c *Campaign) beginAnotherLife(ctx context.Context) error {
	if err := c.adminExec(ctx, "ALTER SYSTEM SET restore_command = 'false'"); err != nil { // there is no archive
		return err
	}

	where, err := url.Parse(c.postgres.DSN(database))
	if err != nil {
		return fmt.Errorf("find the server's directory: %w", err)
	}

	if err := c.postgres.Crash(ctx); err != nil {
		return err
	}

	signal := filepath.Join(where.Query().Get("host"), "data", "recovery.signal")
	if err := os.WriteFile(signal, nil, 0o644); err != nil { //nolint:gosec // for the server's user to read
		return fmt.Errorf("ask the server to recover: %w", err)
	}

	if err := c.postgres.Resume(ctx); err != nil {
		return err
	}

	c.resetPools()

	return nil
}

// forget notes which answers the restored database knows nothing of.
func (c *Campaign) forget() {
	now := c.exchange.era.Load()

	c.exchange.mu.Lock()
	defer c.exchange.mu.Unlock()

	for _, r := range c.exchange.requests {
		r.lost = r.lost || r.taken && r.takenIn == now
		r.uncancelled = r.cancelled && r.cancelledIn == now
	}
}

// askAgain repeats everything of which the restored database knows nothing: requests, and cancellations. What it refuses
// then is refused, whatever it was before.
func (c *Campaign) askAgain(ctx context.Context) error {
	c.swap.RLock()
	defer c.swap.RUnlock()

	end, now := c.ledger.LedgerEnd(), c.exchange.era.Load()

	for _, r := range c.exchange.all() {
		switch {
		case r.uncancelled && r.takenIn < now: // its request is there
			r.cancelled = false
			c.cancel(ctx, r)
		case r.cancelled:
		case r.taken && r.lost && r.takenIn == now:
			if err := c.repeat(ctx, r, end); err != nil {
				return err
			}
		}
	}

	return nil
}

// repeat asks again for what was lost. The deposits that cover it may have been lost as well, until they are ingested again.
func (c *Campaign) repeat(ctx context.Context, r *request, end ident.Offset) error {
	for {
		there := c.offset(ctx) >= end
		err := c.put(ctx, r)

		no, refused := errors.AsType[refusal](err)
		if !refused || no != "insufficient_funds" {
			if refused {
				c.unask(r, no)
			}

			return errors.Join(ctx.Err())
		}

		if there {
			c.unask(r, no)

			return nil
		}

		wait(ctx, pollInterval)
	}
}

func (c *Campaign) unask(r *request, why refusal) {
	c.exchange.mu.Lock()
	defer c.exchange.mu.Unlock()

	c.exchange.asked["after a restore: "+string(why)]++
	r.taken, r.refused = false, string(why)
}
