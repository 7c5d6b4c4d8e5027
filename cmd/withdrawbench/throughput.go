package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/store"
)

// scenario is a way to pay many withdrawals.
type scenario struct {
	title     string
	count     int
	holdings  int
	instances int
	offers    bool
	// rate of requests per second; as fast as they are taken if 0.
	rate int
	// first is whether all are requested before payments begin.
	first bool
}

func (b *bench) scenarios() []scenario {
	o := b.options
	all := scenario{count: o.withdrawals, holdings: o.pool, instances: 1}

	vary := func(title string, change func(*scenario)) scenario {
		s := all
		s.title = title
		change(&s)

		return s
	}

	const length = 20 // seconds of the run at a rate

	list := []scenario{
		vary("requested while they are paid", func(*scenario) {}),
		vary("requested before payments begin", func(s *scenario) { s.first = true }),
		vary("two instances", func(s *scenario) { s.instances = 2 }),
		vary(fmt.Sprintf("a pool of %d holdings", o.smallPool), func(s *scenario) { s.holdings = o.smallPool }),
		vary("offers that their receiver accepts", func(s *scenario) { s.offers = true }),
		vary(fmt.Sprintf("at %d requests/s", o.rate), func(s *scenario) {
			s.rate, s.count = o.rate, min(o.withdrawals, o.rate*length)
		}),
	}

	var chosen []scenario

	for _, s := range list {
		if strings.Contains(s.title, o.only) {
			chosen = append(chosen, s)
		}
	}

	return chosen
}

// throughput pays withdrawals in each way, of an exchange of its own.
func (b *bench) throughput(ctx context.Context) error {
	if b.options.withdrawals < 1 {
		return nil
	}

	b.printf("payments   %d workers an instance, holdings of %d coins, withdrawals of 1; "+
		"requested by %d clients for %d accounts\n", b.options.workers, each, b.options.clients, customers)

	for _, s := range b.scenarios() {
		if err := b.pay(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
	}

	return nil
}

func (b *bench) pay(ctx context.Context, s scenario) (err error) {
	e, err := b.open(ctx, s.holdings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(context.WithoutCancel(ctx))) }()

	// Every run begins alike: statistics as they are in the long run, and nothing left to be written out.
	if err := e.data.exec(ctx, "ANALYZE", "CHECKPOINT"); err != nil {
		return err
	}

	if err := e.settled(ctx); err != nil {
		return err
	}

	before, err := e.costs(ctx)
	if err != nil {
		return err
	}

	r := &result{scenario: s}

	if err := e.measure(ctx, r); err != nil {
		return err
	}

	if err := e.settled(ctx); err != nil {
		return err
	}

	after, err := e.costs(ctx)
	if err != nil {
		return err
	}

	r.costs = after.minus(before)

	if err := r.read(ctx, e.data.pool); err != nil {
		return err
	}

	r.print(b)

	if b.options.slowest {
		if err := e.printSlowest(ctx); err != nil {
			return err
		}
	}

	return e.reconcile(ctx)
}

// measure requests the withdrawals and waits until all of them are paid.
func (e *exchange) measure(ctx context.Context, r *result) error {
	if r.scenario.first {
		if err := e.request(ctx, r); err != nil {
			return err
		}
	}

	r.began = time.Now()

	group, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)

	defer cancel()

	group.Go(func() error { return e.runIngestion(ctx, r) })

	for range r.scenario.instances {
		group.Go(func() error { return e.runPayments(ctx, r) })
	}

	if r.scenario.offers {
		group.Go(func() error { return e.accept(ctx) })
	}

	group.Go(func() error {
		defer cancel()

		if !r.scenario.first {
			if err := e.request(ctx, r); err != nil {
				return err
			}
		}

		return e.until(ctx, `SELECT count(*) >= $1 FROM withdrawals WHERE state IN ('completed', 'failed')`, r.scenario.count)
	})

	return group.Wait() //nolint:wrapcheck // each says what it did
}

func (e *exchange) runIngestion(ctx context.Context, r *result) error {
	db, err := e.data.open(ctx, roleIngest, 1)
	if err != nil {
		return err
	}
	defer db.Close()

	node, err := ledger.New(ledger.Config{URL: e.node.url, HTTPClient: countedClient(&r.calls)})
	if err != nil {
		return err
	}
	defer node.CloseIdle()

	service, err := e.ingestion(db, node)
	if err != nil {
		return err
	}

	return service.Run(ctx)
}

// runPayments runs an instance with a pool and clients of its own, as it is in production.
func (e *exchange) runPayments(ctx context.Context, r *result) error {
	db, err := e.data.open(ctx, rolePayments, 1)
	if err != nil {
		return err
	}
	defer db.Close()

	node, err := ledger.New(ledger.Config{URL: e.node.url, HTTPClient: countedClient(&r.calls)})
	if err != nil {
		return err
	}
	defer node.CloseIdle()

	directory := custody.NewDirectory(db, nil, clock.System{}, e.log)
	defer directory.CloseIdle()

	service, err := e.payments(db, node, countedRegistries{Registries: directory, counter: &r.registries})
	if err != nil {
		return err
	}

	return service.Run(ctx)
}

// request asks for all withdrawals, from several goroutines that each wait for the answer.
func (e *exchange) request(ctx context.Context, r *result) error {
	o := e.bench.options

	db, err := e.data.open(ctx, roleRequests, o.clients)
	if err != nil {
		return err
	}
	defer db.Close()

	limit := rate.Inf
	if r.scenario.rate > 0 {
		limit = rate.Limit(r.scenario.rate)
	}

	limiter := rate.NewLimiter(limit, 1)
	receiver := e.direct

	if r.scenario.offers {
		receiver = e.offered
	}

	var next atomic.Int64

	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)

	for range o.clients {
		group.Go(func() error {
			for {
				i := int(next.Add(1))
				if i > r.scenario.count {
					return nil
				}

				if err := limiter.Wait(ctx); err != nil {
					return fmt.Errorf("wait for the next request: %w", err)
				}

				_, err := db.RequestWithdrawal(ctx, e.party, store.WithdrawalRequest{
					ID: fmt.Sprintf("w-%d", i), Account: accountOf(i % e.paying), Instrument: e.coin,
					Amount: amount.FromInt(1), Receiver: receiver,
				}, time.Now())
				if err != nil {
					return err
				}
			}
		})
	}

	err = group.Wait()
	r.requesting = time.Since(began)

	return err //nolint:wrapcheck // each says what it did
}

// accept accepts offers as they come, until ctx ends.
func (e *exchange) accept(ctx context.Context) error {
	for ctx.Err() == nil {
		var answer struct {
			Offers []struct {
				ID ident.ContractID `json:"contractId"`
			} `json:"offers"`
		}

		err := e.node.get(ctx, wallet(e.offered, "offers"), &answer)

		for _, offer := range answer.Offers {
			if err != nil {
				break
			}

			path := wallet(e.offered, "offers/"+url.PathEscape(string(offer.ID))+"/accept")
			err = e.node.call(ctx, http.MethodPost, path, nil, nil)
		}

		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the run is over, which is what the error says
		case err != nil:
			return err
		}

		_ = pause(ctx) // the loop looks at ctx
	}

	return nil
}
