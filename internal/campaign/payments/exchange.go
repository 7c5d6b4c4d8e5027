package payments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/ident"
)

// request is a withdrawal as the exchange asks for it, and what it was told.
type request struct {
	id       string
	account  string
	token    ident.Instrument
	amount   amount.Amount
	receiver receiver
	memo     *string

	// taken says that it was accepted; otherwise refused says why not.
	taken   bool
	refused string
	// cancelled says that the exchange was told it is.
	cancelled bool
	// takenIn and cancelledIn count the copies of the database before that.
	takenIn, cancelledIn int64
	// lost says that a restore took the request away, so that the books may not know whose payment it was.
	lost bool
	// uncancelled says that a restore took its cancellation away.
	uncancelled bool
}

// exchange is the system that asks for withdrawals. Like a careful program it repeats a request until it knows what came
// of it, and like a careless one it repeats some that it knows.
type exchange struct {
	pool *pgxpool.Pool

	mu       sync.Mutex
	requests map[string]*request
	asked    map[string]int
	broken   []string // answers that no request may get

	next  atomic.Int64
	taken atomic.Int64
	open  atomic.Int64
	// era counts the copies of the database.
	era atomic.Int64
}

const (
	clerks = 5
	// mostOpen bounds how many withdrawals are under way, so that a campaign's requests are spread over its misfortunes.
	mostOpen = 60
)

// refusalState is the SQLSTATE of a refused request.
const refusalState = "CE001"

// clerk asks for withdrawals until there are enough.
func (c *Campaign) clerk(ctx, enough context.Context, number int) {
	rng := chance.Source(c.cfg.Seed, fmt.Sprintf("clerk %d", number))

	for enough.Err() == nil && ctx.Err() == nil {
		if c.exchange.taken.Load() >= int64(c.cfg.Withdrawals) {
			return
		}

		if c.exchange.open.Load() >= mostOpen {
			wait(ctx, 10*time.Millisecond)

			continue
		}

		c.ask(ctx, rng, c.invent(rng))
		wait(ctx, time.Duration(rng.IntN(50))*time.Millisecond)
	}
}

// invent makes up a request.
func (c *Campaign) invent(rng *rand.Rand) *request {
	no := c.exchange.next.Add(1)
	r := &request{
		id: fmt.Sprintf("w-%d", no), account: accountNames()[rng.IntN(accounts)], token: c.tokens()[min(1, rng.IntN(3)/2)],
		amount: withdrawalOf(rng), receiver: c.world.receivers[rng.IntN(len(c.world.receivers))],
	}

	if rng.IntN(3) > 0 && r.receiver.temper != shop { // most are paid without much ado
		r.receiver = c.world.receivers[rng.IntN(3)]
	}

	if rng.IntN(2) == 0 {
		r.memo = new(fmt.Sprintf("invoice %d", rng.IntN(50))) // the same for many
	}

	return r
}

func withdrawalOf(rng *rand.Rand) amount.Amount {
	switch rng.IntN(20) {
	case 0:
		return chance.Fraction(rng, 600)
	case 1, 2:
		return amount.FromInt(10)
	case 3, 4, 5, 6, 7, 8:
		return chance.Fraction(rng, 40)
	default:
		return chance.Fraction(rng, 6)
	}
}

// ask asks for a withdrawal, and then does some of what exchanges do: repeats it, says something else under the same id,
// or cancels it.
func (c *Campaign) ask(ctx context.Context, rng *rand.Rand, r *request) {
	c.swap.RLock()
	defer c.swap.RUnlock()

	twice := rng.IntN(12) == 0

	var both sync.WaitGroup
	if twice {
		both.Go(func() { c.answered(r, c.put(ctx, r)) })
	}

	c.answered(r, c.put(ctx, r))
	both.Wait()

	if c.isTaken(r) {
		if err := c.addFunds(r.account, r.token, r.amount.Neg()); err != nil {
			c.fail(err)
		}
	}

	switch rng.IntN(24) {
	case 0:
		c.contradict(ctx, r)
	case 1:
		c.cancel(ctx, r)
	case 2, 3: // when it may be anywhere
		wait(ctx, chance.Millis(rng, 0, 400))
		c.cancel(ctx, r)
	}
}

// errUnanswered means that the campaign ended before an answer came.
var errUnanswered = errors.New("no answer")

// put asks until the answer is certain: nil, or the code of a refusal.
func (c *Campaign) put(ctx context.Context, r *request) error {
	return c.certain(ctx, func() error {
		var repeated bool

		return c.exchange.pool.QueryRow(ctx, `SELECT repeated FROM api.request_withdrawal($1, $2, $3, $4, $5, $6::text::numeric, $7, $8)`,
			string(c.party), r.id, r.account, string(r.token.Admin), r.token.ID, r.amount.String(), string(r.receiver.party), r.memo).Scan(&repeated)
	})
}

// refusal is the answer no.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// certain repeats a statement of which it is not known whether it happened.
func (c *Campaign) certain(ctx context.Context, do func() error) error {
	for ctx.Err() == nil {
		err := do()
		if err == nil {
			return nil
		}

		said, ok := errors.AsType[*pgconn.PgError](err)

		switch {
		case ok && said.Message == "requested_meanwhile": // the same again is answered
		case ok && said.Code == refusalState:
			return refusal(said.Message)
		case ok && !passes(said.Code):
			c.exchange.mu.Lock()
			c.exchange.broken = append(c.exchange.broken, err.Error())
			c.exchange.mu.Unlock()

			return err
		}

		wait(ctx, 15*time.Millisecond)
	}

	return errUnanswered
}

// passes reports whether an error of PostgreSQL is one that the same statement need not meet again: connections, shutdowns,
// deadlocks.
func passes(code string) bool {
	return slices.Contains([]string{"08", "57", "53", "40", "55", "3D"}, code[:2])
}

// answered notes the answer to a request.
func (c *Campaign) answered(r *request, err error) {
	e := &c.exchange

	e.mu.Lock()
	defer e.mu.Unlock()

	no, refused := errors.AsType[refusal](err)

	switch {
	case err == nil:
		if !r.taken {
			e.taken.Add(1)
		}

		r.taken, r.refused, r.takenIn = true, "", e.era.Load()
		e.asked["taken"]++
	case refused:
		e.asked[string(no)]++

		if !r.taken {
			r.refused = string(no)
		}
	default:
		return
	}

	e.requests[r.id] = r
}

// contradict asks for something else under the same id, which must change nothing.
func (c *Campaign) contradict(ctx context.Context, r *request) {
	if !c.isTaken(r) {
		return
	}

	other := *r
	other.amount = amount.FromInt(1)

	if r.amount.Equal(other.amount) {
		other.amount = amount.FromInt(2)
	}

	err := c.put(ctx, &other)

	c.exchange.mu.Lock()
	defer c.exchange.mu.Unlock()

	if no, ok := errors.AsType[refusal](err); ok && no == "conflict" {
		c.exchange.asked["conflict"]++

		return
	}

	if !errors.Is(err, errUnanswered) {
		c.exchange.broken = append(c.exchange.broken, fmt.Sprintf("%s asked for twice with two amounts: %v", r.id, err))
	}
}

func (c *Campaign) isTaken(r *request) bool {
	c.exchange.mu.Lock()
	defer c.exchange.mu.Unlock()

	return r.taken
}

func (c *Campaign) cancel(ctx context.Context, r *request) {
	if !c.isTaken(r) {
		return
	}

	err := c.certain(ctx, func() error {
		var state string

		return c.exchange.pool.QueryRow(ctx, `SELECT api.cancel_withdrawal($1, $2)`, string(c.party), r.id).Scan(&state)
	})

	c.exchange.mu.Lock()
	defer c.exchange.mu.Unlock()

	if err == nil {
		r.cancelled, r.cancelledIn = true, c.exchange.era.Load()
		c.exchange.asked["cancelled"]++
	} else if no, ok := errors.AsType[refusal](err); ok {
		c.exchange.asked["cancel: "+string(no)]++
	}
}

// all are the requests in the order of their ids.
func (e *exchange) all() []*request {
	e.mu.Lock()
	defer e.mu.Unlock()

	list := slices.Collect(maps.Values(e.requests))
	slices.SortFunc(list, func(a, b *request) int { return cmp.Or(cmp.Compare(len(a.id), len(b.id)), cmp.Compare(a.id, b.id)) })

	return list
}

// wait is how long something takes that nobody waits for.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
