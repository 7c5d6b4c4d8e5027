package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/intake"
)

// unknown is the memo of offers that wait.
const unknown = "NOBODY"

// pileUp makes one offer that nobody is to have, and has the database believe that there are so many of it. They are
// written as ingestion writes them, by copying what it wrote.
func (e *exchange) pileUp(ctx context.Context, count int) error {
	err := beside(ctx, e.ingest, func(ctx context.Context) error {
		if err := e.offer(ctx, e.senders[0], unknown); err != nil {
			return err
		}

		return e.until(ctx, allOffered, 1)
	})
	if err != nil {
		return err
	}

	copies := fmt.Sprintf("generate_series(1, %d) AS g", count-1)

	return e.data.exec(ctx,
		`INSERT INTO transfer_instructions SELECT (t).* FROM (SELECT jsonb_populate_record(i, jsonb_build_object(
			'contract_id', i.contract_id || lpad(g::text, 6, '0'),
			'correlation_id', i.contract_id || lpad(g::text, 6, '0'))) AS t
			FROM transfer_instructions i, `+copies+`) AS x`,
		`INSERT INTO deposits SELECT (t).* FROM (SELECT jsonb_populate_record(d, jsonb_build_object(
			'deposit_id', gen_random_uuid(), 'correlation_id', d.correlation_id || lpad(g::text, 6, '0'))) AS t
			FROM deposits d, `+copies+`) AS x`,
		`INSERT INTO offer_verdicts (treasury_id, deposit_id, instrument_no, sender, memo_key, decided_at)
			SELECT v.treasury_id, d.deposit_id, v.instrument_no, v.sender, v.memo_key, v.decided_at
			FROM offer_verdicts v, deposits d WHERE d.deposit_id <> v.deposit_id`,
		`VACUUM ANALYZE`)
}

// change is something on which the verdicts of all waiting offers rest.
type change struct {
	title string
	make  func(ctx context.Context) error
	// reason is why they are ignored afterwards; empty if they are accepted.
	reason deposit.Reason
}

// changes are made one after the other. After each, every verdict is another one than before.
func (e *exchange) changes() []change {
	policy := func(change func(*deposit.Policy)) func(context.Context) error {
		return func(ctx context.Context) error {
			p := deposit.DefaultPolicy()
			change(&p)

			return e.db.SetDepositPolicy(ctx, e.token, p)
		}
	}
	block := func(ctx context.Context) error {
		return e.db.BlockSender(ctx, e.treasury, e.senders[0], "bench", "to see how long it takes", time.Now())
	}
	unblock := func(ctx context.Context) error {
		_, err := e.db.UnblockSender(ctx, e.treasury, e.senders[0], "bench", "it was seen", time.Now())

		return err
	}
	list := func(minimum int64) func(context.Context) error {
		return func(ctx context.Context) error {
			return e.db.ListInstrument(ctx, e.token, amount.FromInt(minimum), time.Now())
		}
	}
	register := func(ctx context.Context) error {
		return e.db.RegisterMemo(ctx, e.treasury, unknown, "somebody", time.Now())
	}

	refuse := policy(func(p *deposit.Policy) { p.AcceptOffers = false })

	return []change{
		{"the policy accepts none any more", refuse, deposit.OffersDisabled},
		{"the policy accepts them again", policy(func(*deposit.Policy) {}), deposit.UnknownMemo},
		{"their memo is registered", register, ""},
		{"their sender is blocked", block, deposit.SenderBlocked},
		{"their sender is unblocked", unblock, ""},
		{"their token has a larger minimum", list(2), deposit.BelowMinimum},
	}
}

const (
	// undecided goes by the index that deposits go by, so that to ask is cheap.
	undecided = `SELECT count(*) = 0 FROM (SELECT FROM offer_verdicts
		WHERE treasury_id = $1 AND open AND changes > decided_changes ORDER BY decided_changes, deposit_id LIMIT 1) AS next`
	// told are the offers whose verdict is this one, and of which an event says so.
	told = `SELECT count(*) FROM offer_verdicts WHERE open AND reason = $1 AND changes = decided_changes`
)

var errUndecided = errors.New("not all offers were decided as they must be")

// decide measures how long it takes until all waiting offers are decided again.
func (b *bench) decide(ctx context.Context) (err error) {
	const title = "open offers are decided again"

	if b.options.waiting < 1 || !strings.Contains(title, b.options.only) {
		return nil
	}

	e, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(context.WithoutCancel(ctx))) }()

	if err := e.pileUp(ctx, b.options.waiting); err != nil {
		return err
	}

	b.printf("%d %s, all of one sender, token and memo; load %s\n", b.options.waiting, title, load())

	return beside(ctx, e.decider, func(ctx context.Context) error {
		first := change{
			title: "they are new", reason: deposit.UnknownMemo, make: func(context.Context) error { return nil },
		}

		for _, c := range append([]change{first}, e.changes()...) {
			if err := e.decided(ctx, c); err != nil {
				return err
			}
		}

		return nil
	})
}

// decider is deposits that only decide: what waits is on no ledger, so next to none of it is to be tried.
func (e *exchange) decider(ctx context.Context) error {
	return e.deposit(ctx, newSubmissions(), func(c *intake.Config) { c.PerMinute = 1 })
}

// settle waits until all that waits is decided.
func (e *exchange) settle(ctx context.Context) error {
	return beside(ctx, e.decider, func(ctx context.Context) error { return e.until(ctx, undecided, e.treasury) })
}

// beside runs a service until do has ended.
func beside(ctx context.Context, service, do func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	ended := make(chan error, 1)

	go func() { ended <- service(ctx) }()

	err := do(ctx)

	cancel()

	return errors.Join(err, <-ended)
}

// decided makes a change, waits until all are decided, and tells how long it took since the change began to be made.
func (e *exchange) decided(ctx context.Context, c change) error {
	// As it is in the long run: nothing is left to be written out, and no dead rows of the change before.
	if err := e.data.exec(ctx, "VACUUM ANALYZE offer_verdicts", "CHECKPOINT"); err != nil {
		return err
	}

	before, err := e.used()
	if err != nil {
		return err
	}

	began := time.Now()

	if err := c.make(ctx); err != nil {
		return err
	}

	made := time.Since(began)

	if err := e.until(ctx, undecided, e.treasury); err != nil {
		return err
	}

	took := time.Since(began)

	after, err := e.used()
	if err != nil {
		return err
	}

	var right int
	if err := e.data.pool.QueryRow(ctx, told, string(c.reason)).Scan(&right); err != nil {
		return fmt.Errorf("count verdicts: %w", err)
	}

	if want := e.bench.options.waiting; right != want {
		return fmt.Errorf("%s: %w: %d of %d are %q", c.title, errUndecided, right, want, c.reason)
	}

	used := after.minus(before)
	e.bench.printf("%11s%-34s all decided after %.2f s, of which the change itself %.2f s; "+
		"processor time: deposits %.2f s, PostgreSQL %.2f s\n", "", c.title,
		took.Seconds(), made.Seconds(), used.own.Seconds(), used.database.Seconds())

	return e.printStatements(ctx)
}
