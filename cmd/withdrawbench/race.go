package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

// What part of the attempts goes which way. A turn lets one planner at a time choose, so that many of them take long.
const (
	plannedShare  = 50  // one of so many, by planners that do as they should
	carelessShare = 200 // one of so many, by planners that do not look at what is reserved
)

var (
	errDouble   = errors.New("holdings were reserved twice")
	errNoDouble = errors.New("without the key of reservations holdings must be reserved twice, and that was not seen")
)

// race lets many at once reserve holdings, and watches that none is ever reserved by two.
func (b *bench) race(ctx context.Context) (err error) {
	o := b.options
	if o.attempts < 1 {
		return nil
	}

	h, err := b.hoard(ctx, o.contested, 0, 0, o.racers+2)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(context.WithoutCancel(ctx))) }()

	r := &racing{hoard: h, racers: o.racers}
	if err := r.prepare(ctx, o.withoutConstraint); err != nil {
		return err
	}

	b.printf("race       %d racers for %d holdings, each over a connection of its own\n", o.racers, o.contested)

	planned, careless := o.attempts/plannedShare, o.attempts/carelessShare

	for _, way := range []struct {
		title    string
		attempts int
		try      func(context.Context, *rand.Rand) error
	}{
		{"turns of planning, each then dropped", planned, r.planned},
		{"turns that ignore reservations", careless, r.careless},
		{"reservations inserted without turns", o.attempts - planned - careless, r.bare},
	} {
		if err := b.heat(ctx, r, way.title, way.attempts, way.try); err != nil {
			return fmt.Errorf("%s: %w", way.title, err)
		}
	}

	switch {
	case o.withoutConstraint && r.doubles.Load() == 0:
		return errNoDouble
	case !o.withoutConstraint && r.doubles.Load() > 0:
		return errDouble
	default:
		return nil
	}
}

// heat lets all racers try until the attempts are used up, while somebody else looks at the table.
func (b *bench) heat(
	ctx context.Context, r *racing, title string, attempts int, try func(context.Context, *rand.Rand) error,
) error {
	taken, refused, doubles := r.taken.Load(), r.refused.Load(), r.doubles.Load()
	r.left.Store(int64(attempts))
	r.attempts.Store(0)

	began := time.Now()

	err := beside(ctx, r.watch, func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)

		for i := range r.racers {
			random := rand.New(rand.NewPCG(uint64(i), uint64(attempts))) //nolint:gosec // a race, no secrets

			group.Go(func() error {
				for r.left.Load() > 0 {
					if err := try(ctx, random); err != nil {
						return err
					}
				}

				return nil
			})
		}

		return group.Wait()
	})
	took := time.Since(began)

	count := r.attempts.Load()
	b.printf("%-38s %d attempts in %.1f s (%.0f/s): %d took their holdings, %d were refused; "+
		"a holding that was taken twice was seen %d times\n",
		title, count, took.Seconds(), float64(count)/took.Seconds(),
		r.taken.Load()-taken, r.refused.Load()-refused, r.doubles.Load()-doubles)

	return err
}
