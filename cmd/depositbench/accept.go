package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/ledger"
)

// scenario is a way in which offers come.
type scenario struct {
	title     string
	count     int
	instances int
	// rate of offers per second; as fast as they are made if 0.
	rate int
	// first is whether all are made, and in the database, before the first is accepted.
	first bool
	// waiting is how many other offers are open meanwhile, of which nothing becomes.
	waiting int
}

func (b *bench) scenarios() []scenario {
	o := b.options

	var list []scenario

	add := func(rate int, more string, instances, waiting int) {
		if count := int(o.length.Seconds() * float64(rate)); count > 0 {
			list = append(list, scenario{
				title: fmt.Sprintf("at %d offers/s%s", rate, more), count: count, rate: rate, instances: instances,
				waiting: waiting,
			})
		}
	}

	add(o.rate, "", 1, 0)
	add(o.rate, ", two instances", 2, 0)

	if o.waiting > 0 {
		add(o.rate, fmt.Sprintf(" beside %d that wait", o.waiting), 1, o.waiting)
	}

	add(o.high, "", 1, 0)

	if o.offers > 0 {
		list = append(list,
			scenario{title: "as fast as they are made", count: o.offers, instances: 1},
			scenario{title: "all made before the first is accepted", count: o.offers, instances: 1, first: true},
			scenario{title: "the same with two instances", count: o.offers, instances: 2, first: true})
	}

	var chosen []scenario

	for _, s := range list {
		if strings.Contains(s.title, o.only) {
			chosen = append(chosen, s)
		}
	}

	return chosen
}

// accept has offers made and accepted in one way, by an exchange of its own.
func (b *bench) accept(ctx context.Context, s scenario) (err error) {
	e, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(context.WithoutCancel(ctx))) }()

	if s.waiting > 0 {
		if err := e.pileUp(ctx, s.waiting); err != nil {
			return err
		}

		// They are looked at once, and then wait.
		if err := e.settle(ctx); err != nil {
			return err
		}
	}

	// Every run begins alike: statistics as they are in the long run, and nothing left to be written out.
	if err := e.data.exec(ctx, "ANALYZE", "CHECKPOINT"); err != nil {
		return err
	}

	r := &result{scenario: s, sent: newSubmissions()}

	before, err := e.used()
	if err != nil {
		return err
	}

	if err := e.measure(ctx, r); err != nil {
		return err
	}

	after, err := e.used()
	if err != nil {
		return err
	}

	r.used = after.minus(before)

	if err := r.read(ctx, e); err != nil {
		return err
	}

	r.print(b)

	if err := e.printStatements(ctx); err != nil {
		return err
	}

	if s.waiting > 0 {
		return nil // the offers that waited were never on the node
	}

	return e.reconcile(ctx)
}

const (
	allOffered = `SELECT count(*) >= $1 FROM deposits WHERE kind = 'offer'`
	// allEnded leaves out those that wait.
	allEnded = `SELECT count(*) >= $1 FROM deposits WHERE kind = 'offer' AND state <> 'offered'`
)

// measure makes the offers and waits until all of them are credited.
func (e *exchange) measure(ctx context.Context, r *result) error {
	group, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)

	defer cancel()

	group.Go(func() error { return e.ingest(ctx) })

	begin := make(chan struct{})

	for range r.scenario.instances {
		group.Go(func() error {
			select {
			case <-begin:
				return e.deposit(ctx, r.sent, func(*intake.Config) {})
			case <-ctx.Done():
				return nil
			}
		})
	}

	group.Go(func() error {
		defer cancel()

		if !r.scenario.first {
			close(begin)
		}

		if err := e.makeOffers(ctx, r); err != nil {
			return err
		}

		if r.scenario.first {
			if err := e.until(ctx, allOffered, r.scenario.count); err != nil {
				return err
			}

			r.began = time.Now()
			close(begin)
		}

		return e.until(ctx, allEnded, r.scenario.count)
	})

	return group.Wait() //nolint:wrapcheck // each says what it did
}

// makeOffers has every wallet make offers, one after the other, until there are enough.
func (e *exchange) makeOffers(ctx context.Context, r *result) error {
	limit := rate.Inf
	if r.scenario.rate > 0 {
		limit = rate.Limit(r.scenario.rate)
	}

	limiter := rate.NewLimiter(limit, 1)
	r.began = time.Now()

	var next atomic.Int64

	group, ctx := errgroup.WithContext(ctx)

	for _, sender := range e.senders {
		group.Go(func() error {
			for {
				i := int(next.Add(1))
				if i > r.scenario.count {
					return nil
				}

				if err := limiter.Wait(ctx); err != nil {
					return fmt.Errorf("wait for the next offer: %w", err)
				}

				if err := e.offer(ctx, sender, memoOf(i%customers)); err != nil {
					return err
				}
			}
		})
	}

	err := group.Wait()
	r.making = time.Since(r.began)

	return err //nolint:wrapcheck // each says what it did
}

// submissions are when each was first handed to the node.
type submissions struct {
	mu sync.Mutex
	at map[string]time.Time
}

func newSubmissions() *submissions { return &submissions{at: map[string]time.Time{}} }

func (s *submissions) note(id string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, known := s.at[id]; !known {
		s.at[id] = at
	}
}

// notedNode is a node of which it is known when what was handed to it.
type notedNode struct {
	intake.Node

	sent *submissions
}

// Execute notes the time at which it is called: what was submitted is on its way then.
func (n notedNode) Execute(ctx context.Context, r ledger.ExecuteRequest) error {
	n.sent.note(r.SubmissionID, time.Now())

	return n.Node.Execute(ctx, r)
}
