package events

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/campaign/chance"
)

const (
	writers    = 6
	mostAtOnce = 400
)

var errRollBack = errors.New("roll back")

// openWriters lets transactions write events, which overlap in every way.
func (c *Campaign) openWriters(ctx context.Context) error {
	var writing context.Context

	writing, c.enough = context.WithCancel(ctx)

	for i := range writers {
		rng := chance.Source(c.cfg.Seed, fmt.Sprintf("writer %d", i))

		c.writing.Go(func() {
			for writing.Err() == nil {
				c.write(writing, rng)
				pause(writing, time.Duration(rng.Int64N(2*int64(c.cfg.Pace)+1)))
			}
		})
	}

	c.writing.Go(func() {
		for writing.Err() == nil {
			c.naive.look(writing, c)
			pause(writing, 20*time.Millisecond)
		}
	})

	return nil
}

// write makes one transaction. Sometimes it stays open for a while after it has its numbers, and sometimes it ends
// without a commit.
func (c *Campaign) write(ctx context.Context, rng *rand.Rand) {
	n, treasury := 1+rng.IntN(mostAtOnce), c.ids[rng.IntN(treasuries)]
	open, give := time.Duration(rng.IntN(40))*time.Millisecond, rng.IntN(12) == 0

	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `WITH e AS (
				INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
				SELECT $1::integer, gen_random_uuid(), CASE n % 3 WHEN 0 THEN 'deposit.credited' WHEN 1 THEN 'withdrawal.completed' ELSE 'deposit.offered' END,
					'subject ' || n, 0, jsonb_build_object('state', 'credited', 'account', 'account-' || (n + $3) % $4, 'amount', '12.5000000000',
						'memo', 'memo <' || n || '> of a stranger', 'sender', 'stranger::1220'), clock_timestamp()
				FROM generate_series(1, $2::integer) AS n
				RETURNING treasury_id, event_id)
			INSERT INTO campaign.written SELECT treasury_id, event_id FROM e`, int32(treasury), n, rng.IntN(accounts), accounts)
		if err != nil {
			return fmt.Errorf("write events: %w", err)
		}

		pause(ctx, open)

		if give {
			return errRollBack
		}

		return nil
	})

	c.mu.Lock()
	defer c.mu.Unlock()

	switch {
	case err == nil:
		c.written.Add(int64(n))
	case errors.Is(err, errRollBack):
		c.report.RolledBack += int64(n)
	default: // whether it was committed, campaign.written knows
		c.report.Cut += int64(n)
	}

	if err != nil && !errors.Is(err, errRollBack) {
		pause(ctx, 50*time.Millisecond)
	}
}

// naive reads the outbox by its numbers alone, as somebody would who does not know that they are taken before the commit.
type naive struct {
	mu   sync.Mutex
	last int64
	seen int
}

func (n *naive) look(ctx context.Context, c *Campaign) {
	n.mu.Lock()
	defer n.mu.Unlock()

	rows, err := c.pool.Query(ctx, "SELECT event_no FROM events WHERE event_no > $1 ORDER BY event_no LIMIT 20000", n.last)
	if err != nil {
		return // the database is away
	}

	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(numbers) == 0 {
		return
	}

	n.last, n.seen = numbers[len(numbers)-1], n.seen+len(numbers)
}
