package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	turnSize = 20 // withdrawals of a turn
	most     = 3  // holdings of one attempt
)

var errLost = errors.New("a reservation is gone that was committed")

// racing is the race so far. Who succeeds writes himself down as the owner, from after the commit that gave a holding
// to him until before the one that gives it back: an owner who is there already is a double.
type racing struct {
	hoard  *hoard
	racers int
	// contracts are ordered: who takes several takes them in the same order as all others.
	contracts []ident.ContractID
	owners    map[ident.ContractID]*atomic.Int64

	left, attempts, taken, refused, doubles, number atomic.Int64
}

func (r *racing) prepare(ctx context.Context, withoutConstraint bool) error {
	_, err := r.hoard.plan(ctx, 1, wholePool, func(t store.Turn) (store.Plan, error) {
		r.owners = make(map[ident.ContractID]*atomic.Int64, len(t.Holdings))

		for _, h := range t.Holdings {
			r.contracts = append(r.contracts, h.Contract)
			r.owners[h.Contract] = &atomic.Int64{}
		}

		return store.Plan{}, nil
	})
	if err != nil {
		return err
	}

	slices.Sort(r.contracts)

	if withoutConstraint {
		err := r.hoard.data.exec(ctx, "ALTER TABLE reservations DROP CONSTRAINT a_holding_is_reserved_once",
			"CREATE INDEX ON reservations (treasury_id, contract_id)")
		if err != nil {
			return err
		}
	}

	dust, err := amount.Parse("0.0000000001")
	if err != nil {
		return err
	}

	return r.hoard.request(ctx, "raced", slices.Repeat([]amount.Amount{dust}, r.racers*turnSize))
}

// watch looks from outside whether the table ever has a holding twice, until ctx ends.
func (r *racing) watch(ctx context.Context) error {
	const twice = `SELECT count(*) FROM (
		SELECT FROM reservations GROUP BY treasury_id, contract_id HAVING count(*) > 1) AS t`

	for {
		var doubles int64

		err := r.hoard.data.pool.QueryRow(ctx, twice).Scan(&doubles)

		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the heat is over, which is what the error says
		case err != nil:
			return fmt.Errorf("look at reservations: %w", err)
		}

		r.doubles.Add(doubles)

		_ = pause(ctx) // the loop looks at ctx
	}
}

// own writes down that these holdings were given to somebody new, whose number it returns.
func (r *racing) own(contracts []ident.ContractID) int64 {
	me := r.number.Add(1)

	for _, c := range contracts {
		if !r.owners[c].CompareAndSwap(0, me) {
			r.doubles.Add(1)
		}
	}

	return me
}

// alone asks the database whether holdings that somebody has are reserved once each.
func (r *racing) alone(ctx context.Context, contracts []ident.ContractID) error {
	const query = `SELECT count(*) FROM reservations WHERE treasury_id = $1 AND contract_id = ANY($2)`

	var count int64

	row := r.hoard.db.Pool().QueryRow(ctx, query, int32(r.hoard.treasury), contracts)
	if err := row.Scan(&count); err != nil {
		return fmt.Errorf("look at a reservation: %w", err)
	}

	r.doubles.Add(max(0, count-int64(len(contracts))))

	if count < int64(len(contracts)) {
		return fmt.Errorf("%d reservations of %d holdings: %w", count, len(contracts), errLost)
	}

	return nil
}

func (r *racing) disown(me int64, contracts []ident.ContractID) {
	for _, c := range contracts {
		r.owners[c].CompareAndSwap(me, 0)
	}
}

// tried counts attempts.
func (r *racing) tried(count, taken int) {
	r.left.Add(-int64(count))
	r.attempts.Add(int64(count))
	r.taken.Add(int64(taken))
	r.refused.Add(int64(count - taken))
}

// planned is a turn as payments make it.
func (r *racing) planned(ctx context.Context, _ *rand.Rand) error {
	wanted := 0

	jobs, err := r.hoard.plan(ctx, turnSize, len(r.contracts), func(t store.Turn) (store.Plan, error) {
		wanted = len(t.Waiting)

		return serve(t, r.hoard.now)
	})
	if err != nil {
		return err
	}

	r.tried(wanted, len(jobs))

	return r.finish(ctx, jobs)
}

// careless is a turn of a planner that takes any holding for one that is free.
func (r *racing) careless(ctx context.Context, random *rand.Rand) error {
	jobs, err := r.hoard.plan(ctx, 1, 1, func(t store.Turn) (store.Plan, error) {
		if len(t.Waiting) == 0 {
			return store.Plan{}, nil
		}

		return store.Plan{Payments: []store.Payment{{
			ID: t.Waiting[0].ID, Inputs: r.any(random), Total: t.Waiting[0].Amount, Synchronizer: hoardSync,
			Target: r.hoard.now.Add(time.Hour),
		}}}, nil
	})

	r.tried(1, len(jobs))

	if errors.Is(err, store.ErrReservedTwice) {
		return nil
	}

	if err != nil {
		return err
	}

	return r.finish(ctx, jobs)
}

// finish owns what a turn gave out, and drops it.
func (r *racing) finish(ctx context.Context, jobs []store.Job) error {
	owners := make([]int64, len(jobs))
	for i, j := range jobs {
		owners[i] = r.own(j.Live.Inputs)
	}

	for _, j := range jobs {
		if err := r.alone(ctx, j.Live.Inputs); err != nil {
			return err
		}
	}

	for i, j := range jobs {
		r.disown(owners[i], j.Live.Inputs)

		if err := r.hoard.drop(ctx, []store.Job{j}); err != nil {
			return err
		}
	}

	return nil
}

// any are some of the holdings.
func (r *racing) any(random *rand.Rand) []ident.ContractID {
	count := 1 + random.IntN(most)
	places := random.Perm(len(r.contracts))[:min(count, len(r.contracts))]
	slices.Sort(places)

	chosen := make([]ident.ContractID, len(places))
	for i, place := range places {
		chosen[i] = r.contracts[place]
	}

	return chosen
}

// bare inserts reservations with nothing before the key to hold them up, and deletes them again.
func (r *racing) bare(ctx context.Context, random *rand.Rand) error {
	const (
		insert = `INSERT INTO reservations (treasury_id, contract_id, withdrawal_id, attempt)
			SELECT $1, unnest($2::text[]), $3, 1`
		remove = `DELETE FROM reservations WHERE treasury_id = $1 AND withdrawal_id = $2 AND attempt = 1`

		uniqueViolation = "23505"
	)

	pool, contracts := r.hoard.db.Pool(), r.any(random)
	id := fmt.Sprintf("bare-%x", random.Uint64())

	_, err := pool.Exec(ctx, insert, int32(r.hoard.treasury), contracts, id)
	if server, ok := errors.AsType[*pgconn.PgError](err); ok && server.Code == uniqueViolation {
		r.tried(1, 0)

		return nil
	}

	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}

	r.tried(1, 1)

	me := r.own(contracts)

	if err := r.alone(ctx, contracts); err != nil {
		return err
	}

	r.disown(me, contracts)

	if _, err := pool.Exec(ctx, remove, int32(r.hoard.treasury), id); err != nil {
		return fmt.Errorf("give back: %w", err)
	}

	return nil
}
