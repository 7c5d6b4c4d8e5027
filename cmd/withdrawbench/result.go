package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// result is what became of a scenario.
type result struct {
	scenario scenario
	costs    costs
	// calls are requests to the node, registries those to the tokens' registries.
	calls, registries counter

	began time.Time
	// requesting is how long it took until all were requested, took until all were completed, from the first request or,
	// where all were requested before, from when payments began.
	requesting, took time.Duration
	// p50, p95, p99 and most are from request to completed.
	p50, p95, p99, most time.Duration
	// offered is the median from request until the offer was known.
	completed, failed int
}

// finished reads when each withdrawal's last change was committed.
const finished = `
	WITH ended AS (
		SELECT state, pg_xact_commit_timestamp(xmin) AS at, requested_at FROM withdrawals WHERE kind = 'customer'
	), waits AS (
		SELECT *, extract(epoch FROM at - requested_at) AS wait FROM ended WHERE state = 'completed'
	)
	SELECT count(*), (SELECT count(*) FROM ended WHERE state <> 'completed'),
		extract(epoch FROM max(at) - greatest(min(requested_at), $1))::float8,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY wait)::float8, percentile_cont(0.95) WITHIN GROUP (ORDER BY wait)::float8,
		percentile_cont(0.99) WITHIN GROUP (ORDER BY wait)::float8, max(wait)::float8
	FROM waits`

var errUnpaid = errors.New("not all withdrawals were paid")

// read reads from the database when what was completed.
func (r *result) read(ctx context.Context, pool *pgxpool.Pool) error {
	from := time.Time{}
	if r.scenario.first {
		from = r.began
	}

	var took, p50, p95, p99, most float64

	row := pool.QueryRow(ctx, finished, from)
	if err := row.Scan(&r.completed, &r.failed, &took, &p50, &p95, &p99, &most); err != nil {
		return fmt.Errorf("read when withdrawals were completed: %w", err)
	}

	r.took, r.p50, r.p95, r.p99, r.most = seconds(took), seconds(p50), seconds(p95), seconds(p99), seconds(most)

	if r.completed != r.scenario.count || r.failed > 0 {
		return fmt.Errorf("%d completed of %d, %d not: %w", r.completed, r.scenario.count, r.failed, errUnpaid)
	}

	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

const kilobyte = 1_000

// print tells the figures.
func (r *result) print(b *bench) {
	n := r.scenario.count
	per := func(count int64) float64 { return float64(count) / float64(n) }
	cpu := func(d time.Duration) string { return (d / time.Duration(n)).Round(fine).String() }

	b.printf("%-38s %.0f completed/s (%d in %.1f s); requested at %.0f/s\n", r.scenario.title,
		float64(n)/r.took.Seconds(), n, r.took.Seconds(), float64(n)/r.requesting.Seconds())

	if !r.scenario.first {
		b.printf("%11sfrom request to completed: p50 %s, p95 %s, p99 %s, at most %s\n", "",
			rounded(r.p50), rounded(r.p95), rounded(r.p99), rounded(r.most))
	}

	// What was requested before is among the costs, and not in the time that payments took.
	length := r.took
	if r.scenario.first {
		length += r.requesting
	}

	c := r.costs
	b.printf("%11seach: %.2f database transactions, %.1f kB of log, %.2f syncs of it\n", "",
		per(c.transactions), per(c.written)/kilobyte, per(c.flushed))

	if b.options.statements {
		b.printf("%11s      statements: request %.2f, ingestion %.2f, payments %.2f; "+
			"of these commits: ingestion %.2f, payments %.2f\n", "",
			per(c.statements[roleRequests]), per(c.statements[roleIngest]), per(c.statements[rolePayments]),
			per(c.commits[roleIngest]), per(c.commits[rolePayments]))
	}

	b.printf("%11s      node: %s; registry: %s\n", "", r.calls.per(n), r.registries.per(n))
	b.printf("%11s      processor time: payments, ingestion and requests %s, PostgreSQL %s, sandbox %s; cores used %.2f\n",
		"", cpu(c.own), cpu(c.database), cpu(c.node), (c.own+c.database+c.node).Seconds()/length.Seconds())
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
