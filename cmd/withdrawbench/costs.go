package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/machine"
	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/token"
)

// costs are what a run has taken so far, of everything that is counted.
type costs struct {
	// own is this program: ingestion, payments and who requests. node is the sandbox.
	own, node, database time.Duration
	transactions        int64
	// written are bytes of PostgreSQL's log, flushed how often it was synced to disk.
	written, flushed int64
	// statements and commits of explicit transactions, by role.
	statements, commits map[string]int64
}

// costs reads what was taken so far. Statements are counted anew from then on.
func (e *exchange) costs(ctx context.Context) (costs, error) {
	c := costs{statements: map[string]int64{}, commits: map[string]int64{}}

	var err error
	if c.own, c.database, err = e.bench.used(); err != nil {
		return c, err
	}

	node, err := machine.UsageOf(e.node.command.Process.Pid)
	if err != nil {
		return c, err
	}

	c.node = node.CPU

	row := e.data.pool.QueryRow(ctx, `SELECT d.xact_commit, w.wal_bytes::bigint, w.wal_sync
		FROM pg_stat_database d, pg_stat_wal w WHERE d.datname = current_database()`)
	if err := row.Scan(&c.transactions, &c.written, &c.flushed); err != nil {
		return c, fmt.Errorf("read the database's statistics: %w", err)
	}

	if e.data.server.statements {
		err = e.countStatements(ctx, &c)
	}

	return c, err
}

func (e *exchange) countStatements(ctx context.Context, c *costs) error {
	const query = `SELECT r.rolname, sum(s.calls)::bigint,
			coalesce(sum(s.calls) FILTER (WHERE s.query ILIKE 'commit%'), 0)::bigint
		FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
		WHERE d.datname = current_database() GROUP BY 1`

	rows, err := e.data.pool.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("count statements: %w", err)
	}
	defer rows.Close()

	for rows.Next() {
		var (
			role                string
			statements, commits int64
		)

		if err := rows.Scan(&role, &statements, &commits); err != nil {
			return fmt.Errorf("count statements: %w", err)
		}

		c.statements[role], c.commits[role] = statements, commits
	}

	if err := rows.Err(); err != nil {
		return fmt.Errorf("count statements: %w", err)
	}

	return nil
}

// slowest lists the statements that took most of the database's time, planning included.
const slowest = `
	SELECT format('%s ms, of it %s of planning, in %s calls by %s: %s', round(total_exec_time + total_plan_time),
		round(total_plan_time), calls, rolname, left(regexp_replace(query, '\s+', ' ', 'g'), 90))
	FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
	WHERE datname = current_database() AND rolname <> current_user
	ORDER BY total_exec_time + total_plan_time DESC LIMIT 25`

func (e *exchange) printSlowest(ctx context.Context) error {
	rows, err := e.data.pool.Query(ctx, slowest)
	if err != nil {
		return fmt.Errorf("read statements: %w", err)
	}

	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read statements: %w", err)
	}

	for _, line := range lines {
		e.bench.printf("%11s      %s\n", "", line)
	}

	return nil
}

// settled waits until nobody else is connected: a session's statistics are complete when it has ended.
func (e *exchange) settled(ctx context.Context) error {
	return e.until(ctx, `SELECT count(*) = 0 FROM pg_stat_activity
		WHERE datname = current_database() AND usename <> current_user`)
}

// minus is what was taken since.
func (c costs) minus(before costs) costs {
	return costs{
		own: c.own - before.own, node: c.node - before.node, database: c.database - before.database,
		transactions: c.transactions - before.transactions,
		written:      c.written - before.written, flushed: c.flushed - before.flushed,
		statements: less(c.statements, before.statements), commits: less(c.commits, before.commits),
	}
}

func less(now, before map[string]int64) map[string]int64 {
	since := map[string]int64{}
	for name, n := range now {
		since[name] = n - before[name]
	}

	return since
}

// counter counts calls by name.
type counter struct {
	mu    sync.Mutex
	calls map[string]int64
}

func (c *counter) count(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.calls == nil {
		c.calls = map[string]int64{}
	}

	c.calls[name]++
}

// per tells the calls for each of n, the most frequent first, and leaves out what is rare.
func (c *counter) per(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()

	names := slices.SortedFunc(maps.Keys(c.calls), func(a, b string) int {
		return int(c.calls[b] - c.calls[a])
	})

	parts := make([]string, 0, len(names))
	for _, name := range names {
		if c.calls[name]*percent < int64(n) {
			continue // once at the start, and the like
		}

		parts = append(parts, fmt.Sprintf("%.2f %s", float64(c.calls[name])/float64(n), name))
	}

	return strings.Join(parts, ", ")
}

// counting is a transport that counts requests by path.
type counting struct {
	http.RoundTripper

	counter *counter
}

// RoundTrip implements http.RoundTripper.
func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.counter.count(strings.TrimPrefix(r.URL.Path, "/v2/"))

	return c.RoundTripper.RoundTrip(r) //nolint:wrapcheck // who asked knows what
}

// countedClient is an HTTP client with the ledger client's own bound of idle connections.
func countedClient(c *counter) *http.Client {
	const idle = 8

	return &http.Client{Transport: counting{
		RoundTripper: &http.Transport{MaxIdleConns: idle, MaxIdleConnsPerHost: idle}, counter: c,
	}}
}

// countedRegistries counts what the registries are asked.
type countedRegistries struct {
	payout.Registries

	counter *counter
}

// TransferFactory implements payout.Registries.
func (c countedRegistries) TransferFactory(ctx context.Context, t token.Transfer) (registry.TransferFactory, error) {
	c.counter.count("transfer-factory")

	return c.Registries.TransferFactory(ctx, t)
}
