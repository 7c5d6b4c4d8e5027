package payments

import (
	"context"
	"errors"
	"fmt"

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

	return c.askAgain(ctx)
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

// swapDatabase puts the copy in the database's place.
func (c *Campaign) swapDatabase(ctx context.Context) error {
	c.swap.Lock()
	defer c.swap.Unlock()

	if c.rng.IntN(2) == 0 {
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

	c.db.Pool().Reset()
	c.exchange.pool.Reset()

	if err := c.endLeases(ctx); err != nil {
		return err
	}

	c.forget()

	return c.startAll(ctx)
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
