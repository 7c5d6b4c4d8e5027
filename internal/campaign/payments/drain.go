package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/token"
)

var (
	// errDoubled means that money has left twice. Nothing that comes after would make it better.
	errDoubled = errors.New("a withdrawal is paid twice")
	// errStuck means that withdrawals do not end although nothing is in their way.
	errStuck = errors.New("withdrawals do not end")
)

const (
	// settling bounds the wait for the first deposits.
	settling = time.Minute
	// draining bounds the wait for the end of all withdrawals once nothing is in their way any more.
	draining = 3 * time.Minute
)

// settleIn waits until customers have something to withdraw.
func (c *Campaign) settleIn(ctx context.Context) error {
	const few = 40

	if !c.until(ctx, settling, func() bool { return c.count(ctx, "SELECT count(*) FROM deposits WHERE state = 'credited'") >= few }) {
		return fmt.Errorf("deposits are not credited:\n%s", c.fleet.ingest.life.Log())
	}

	return nil
}

// count is the answer of a query for a number; -1 while the database is away.
func (c *Campaign) count(ctx context.Context, query string) int64 {
	var n int64
	if err := c.db.Pool().QueryRow(ctx, query).Scan(&n); err != nil {
		return -1
	}

	return n
}

const openSQL = "SELECT count(*) FROM withdrawals WHERE state NOT IN ('completed', 'failed')"

// watchDoubles looks for what no heal would mend, and for how much is under way.
func (c *Campaign) watchDoubles(ctx context.Context) {
	for ctx.Err() == nil {
		c.swap.RLock()
		open := c.count(ctx, openSQL)
		c.swap.RUnlock()

		if open >= 0 {
			c.exchange.open.Store(open)
		}

		paid := map[string]sandbox.Transfer{}

		for _, t := range c.ledger.Transfers() {
			if t.Sender != c.party || !standing(t) {
				continue
			}

			id := withdrawalID(t)
			if first, twice := paid[id]; twice {
				c.doubled.CompareAndSwap(nil, &verdict.Violation{
					Promise: paidOnce, Detail: fmt.Sprintf("%s by %s (%s) and by %s (%s)", id, first.UpdateID, first.State, t.UpdateID, t.State),
				})
			}

			paid[id] = t
		}

		wait(ctx, 150*time.Millisecond)
	}
}

// standing reports whether a transfer has reached its receiver, or still may.
func standing(t sandbox.Transfer) bool {
	return t.State == sandbox.TransferCompleted || t.State == sandbox.TransferOffered || t.State == sandbox.TransferPending
}

// withdrawalID is what a transfer of the treasury says it pays; empty if it says nothing.
func withdrawalID(t sandbox.Transfer) string {
	if id, ok := t.Meta[token.KeyWithdrawal]; ok {
		return id
	}

	if t.Memo != nil {
		return *t.Memo
	}

	return ""
}

// drain heals everything and waits until each withdrawal has ended, and everything is in the books.
func (c *Campaign) drain(ctx context.Context) error {
	if err := c.endLeases(ctx); err != nil {
		return err
	}

	if err := c.startAll(ctx); err != nil {
		return err
	}

	// The pool stays as it is from now on: what waits is all that there is to do.
	if err := c.insist(ctx, "UPDATE withdrawal_policies SET pool_target = 0, merge_from = 0, tiny = 0"); err != nil {
		return err
	}

	looks := 0
	ended := c.until(ctx, draining, func() bool {
		wait(ctx, 100*time.Millisecond)

		looks++
		if looks%50 == 0 {
			c.cfg.Logger.DebugContext(ctx, "draining", slog.Int64("open", c.exchange.open.Load()), slog.String("waits", c.waits(ctx)))
		}

		return c.count(ctx, openSQL+" AND waiting <> 'insufficient_holdings'") == 0 || c.doubled.Load() != nil
	})

	if found := c.doubled.Load(); found != nil {
		return fmt.Errorf("%w: %s", errDoubled, found)
	}

	c.rest()
	c.people.Wait()

	select {
	case err := <-c.failure:
		return err
	default:
	}

	if !ended {
		return fmt.Errorf("%w: %s", errStuck, c.stuck(ctx))
	}

	return c.catchUp(ctx)
}

// waits tells for what withdrawals wait.
func (c *Campaign) waits(ctx context.Context) string {
	var text string

	err := c.db.Pool().QueryRow(ctx, `SELECT coalesce(string_agg(w.n || ' ' || w.state || ' ' || w.waiting, ', '), '') FROM (SELECT count(*) AS n, state, waiting
		FROM withdrawals WHERE state NOT IN ('completed', 'failed') GROUP BY state, waiting) AS w`).Scan(&text)
	if err != nil {
		return err.Error()
	}

	return text
}

// stuck tells what does not end.
func (c *Campaign) stuck(ctx context.Context) string {
	var text string

	err := c.db.Pool().QueryRow(ctx, `SELECT coalesce(string_agg(concat_ws(' ', w.withdrawal_id, w.kind, w.state, w.waiting, w.reason, 'attempt', w.attempt,
			'deaths', w.deaths, 'next', w.next_at, 'lease', w.lease_until, 'amount', w.amount, left(w.detail, 150)), E'\n'), 'nothing')
		FROM (SELECT withdrawal_id, kind, state, waiting, reason, attempt, deaths, next_at, lease_until, amount, detail FROM withdrawals WHERE state NOT IN ('completed', 'failed') ORDER BY withdrawal_no LIMIT 20) AS w`).Scan(&text)
	if err != nil {
		text = err.Error()
	}

	for _, p := range c.fleet.posts() {
		if p.life != nil {
			log := p.life.Log()
			text = fmt.Sprintf("%s\n%s: …%s", text, p.name, log[max(0, len(log)-3000):])
		}
	}

	return text
}

func (c *Campaign) offset(ctx context.Context) ident.Offset {
	cursor, err := c.db.Cursor(ctx, c.treasury)
	if err != nil {
		return -1
	}

	return cursor.Position.Offset
}

// catchUp waits until ingestion is at the ledger's end and ends the programs.
func (c *Campaign) catchUp(ctx context.Context) error {
	reached := c.until(ctx, settling, func() bool {
		c.ledger.Tick() // a checkpoint for what the treasury does not see

		return c.offset(ctx) >= c.ledger.LedgerEnd()
	})

	if !reached {
		return fmt.Errorf("ingestion did not reach the ledger's end %d from %d:\n%s", c.ledger.LedgerEnd(), c.offset(ctx), c.fleet.ingest.life.Log())
	}

	for _, p := range c.fleet.posts() {
		if err := c.kill(p); err != nil {
			return err
		}
	}

	return nil
}
