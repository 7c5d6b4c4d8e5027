package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/machine"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/utxo"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// crowd is how many withdrawals wait in the turns in which many do.
const crowd = 50

// wholePool is how many holdings a turn reads that looks at all.
const wholePool = 200_000

// selection measures the choice of holdings from a large pool.
func (b *bench) selection(ctx context.Context) (err error) {
	o := b.options
	if o.holdings < 1 {
		return nil
	}

	h, err := b.hoard(ctx, o.holdings, o.reservations, o.locked, 2)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(context.WithoutCancel(ctx))) }()

	b.printf("selection  %d holdings of which %d are reserved and %d locked, beside as many that were spent before; "+
		"half of equal amounts\n", o.holdings, o.reservations, o.locked)

	amounts := drawn(crowd)
	if err := h.request(ctx, "wanted", amounts); err != nil {
		return err
	}

	for _, way := range []struct {
		title                string
		waiting, read, turns int
	}{
		{"a turn for one withdrawal", 1, o.read, o.turns},
		{fmt.Sprintf("a turn for %d withdrawals", crowd), crowd, o.read, o.turns},
		{"a turn that reads the whole pool", 1, wholePool, max(1, o.turns/10)},
	} {
		if err := b.turns(ctx, h, way.title, way.waiting, way.read, way.turns); err != nil {
			return fmt.Errorf("%s: %w", way.title, err)
		}
	}

	return b.choose(ctx, h)
}

// turns measures whole turns, from before the treasury is locked until the commit is durable.
func (b *bench) turns(ctx context.Context, h *hoard, title string, waiting, read, count int) error {
	var whole, pure []time.Duration

	own, postgres, err := b.used()
	if err != nil {
		return err
	}

	for range count {
		began := time.Now()

		jobs, err := h.plan(ctx, waiting, read, func(t store.Turn) (store.Plan, error) {
			from := time.Now()
			plan, err := serve(t, h.now)
			pure = append(pure, time.Since(from))

			return plan, err
		})

		whole = append(whole, time.Since(began))

		if err == nil && len(jobs) != waiting {
			err = fmt.Errorf("%w: %d of %d", errUnpaid, len(jobs), waiting)
		}

		if err == nil {
			err = h.drop(ctx, jobs)
		}

		if err != nil {
			return err
		}
	}

	ownThen, postgresThen, err := b.used()
	if err != nil {
		return err
	}

	b.printf("%-38s %s; of it the choice itself %s\n%11sprocessor time of one and of dropping it: own %s, PostgreSQL %s\n",
		title, percentiles(whole), percentiles(pure), "",
		((ownThen - own) / time.Duration(count)).Round(fine), ((postgresThen - postgres) / time.Duration(count)).Round(fine))

	return nil
}

// used is how much of the processor this program and PostgreSQL have used.
func (b *bench) used() (own, postgres time.Duration, err error) {
	usage, err := machine.UsageOf(os.Getpid())
	if err != nil {
		return 0, 0, err
	}

	postgres, err = machine.FamilyTime(b.server.pid)

	return usage.CPU, postgres, err
}

// choose measures the choice alone, over all holdings, as the database has them.
func (b *bench) choose(ctx context.Context, h *hoard) error {
	var holdings []utxo.Holding

	_, err := h.plan(ctx, 1, wholePool, func(t store.Turn) (store.Plan, error) {
		holdings = t.Holdings

		return store.Plan{}, nil
	})
	if err != nil {
		return err
	}

	var made, chosen []time.Duration

	for _, a := range drawn(b.options.turns) {
		began := time.Now()

		pool, err := utxo.NewPool(utxo.Scope{Instrument: hoardToken(), Synchronizer: hoardSync},
			withdrawal.DefaultPolicy().Rules(), h.now, holdings)
		if err != nil {
			return err
		}

		between := time.Now()

		if _, err := pool.Select(a); err != nil {
			return err
		}

		chosen = append(chosen, time.Since(between))
		made = append(made, time.Since(began))
	}

	b.printf("%-38s %s; of it without making the pool %s\n",
		fmt.Sprintf("the choice alone, from %d holdings", len(holdings)), percentiles(made), percentiles(chosen))

	return nil
}

// drawn are amounts from a part of a coin to hundreds, always the same.
func drawn(count int) []amount.Amount {
	const (
		seed  = 42
		cents = 20_000
	)

	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // amounts, no secrets
	list := make([]amount.Amount, count)

	for i := range list {
		a, err := amount.Parse(fmt.Sprintf("%.2f", float64(1+random.IntN(cents))/percent))
		if err != nil {
			continue // cannot be: two decimals
		}

		list[i] = a
	}

	return list
}

const (
	percent = 100
	p50     = 50
	p99     = 99

	// fine is to what times are rounded.
	fine = 10 * time.Microsecond
)

// percentiles tells how long something took.
func percentiles(took []time.Duration) string {
	if len(took) == 0 {
		return "nothing"
	}

	slices.Sort(took)

	at := func(share int) time.Duration { return took[len(took)*share/percent].Round(fine) }

	return fmt.Sprintf("p50 %s, p99 %s, at most %s", at(p50), at(p99), took[len(took)-1].Round(fine))
}
