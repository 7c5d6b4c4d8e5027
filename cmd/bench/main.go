// Command bench measures Tx History Ingestion: the real program, over a real websocket, into a real PostgreSQL with
// durable commits, all on this machine. It prints the machine, the settings and the figures; docs/performance.md keeps
// the last run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"

	"github.com/canton-exchange/suite/internal/machine"
)

type options struct {
	recording string
	party     string
	updates   int64
	rate      int
	seconds   int
	holdings  int
	batch     int
	dir       string
	admin     string
	profile   bool
}

// What a run does that was told nothing.
const (
	defaultRecording = "../shared/conformance/transactions/java-splice-test-cases.json"
	defaultUpdates   = 60_000
	defaultRate      = 100 // updates per second
	defaultLength    = 20  // seconds
	defaultHoldings  = 1_000_000
	defaultBatch     = 400 // updates
)

// poll is how often the database is asked how far ingestion is.
const poll = 20 * time.Millisecond

func main() {
	var o options

	flag.StringVar(&o.recording, "recording", defaultRecording, "recorded updates to play")
	flag.StringVar(&o.party, "party", "treasury::normalized", "treasury party of the recording")
	flag.Int64Var(&o.updates, "updates", defaultUpdates, "updates of the throughput run")
	flag.IntVar(&o.rate, "rate", defaultRate, "updates per second of the latency run")
	flag.IntVar(&o.seconds, "seconds", defaultLength, "length of the latency run")
	flag.IntVar(&o.holdings, "holdings", defaultHoldings, "holdings of the full database; 0 leaves that run out")
	flag.IntVar(&o.batch, "batch", defaultBatch, "most updates in one database transaction")
	flag.StringVar(&o.dir, "dir", "",
		"directory on a real disk for the database (default: the system's temporary directory)")
	flag.StringVar(&o.admin, "admin", "127.0.0.1:19090", "admin address of the measured program")
	flag.BoolVar(&o.profile, "profile", false,
		"print the statements that took most of the database's time (needs pg_stat_statements)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up
	}
}

func run(ctx context.Context, o options) error {
	recording, err := loadRecording(o.recording, o.party)
	if err != nil {
		return err
	}

	dir, err := os.MkdirTemp(o.dir, "ces-bench-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	program, err := build(ctx, dir)
	if err != nil {
		return err
	}

	settings := map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min", "wal_compression": "off",
	}
	if o.profile {
		settings["shared_preload_libraries"] = "pg_stat_statements"
	}

	server, err := pgtest.Start(ctx, pgtest.Options{Durable: true, Dir: o.dir, Settings: settings})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop(context.WithoutCancel(ctx)) }()

	b := &bench{options: o, recording: recording, program: program, server: server}
	fmt.Println("machine   ", machine.Description())
	b.describe(ctx)

	return b.all(ctx)
}

type bench struct {
	options   options
	recording *recording
	program   string
	server    *pgtest.Server
	databases int
}

func (b *bench) all(ctx context.Context) error {
	empty, err := b.throughput(ctx, "throughput, empty database", 0)
	if err != nil {
		return err
	}

	if b.options.holdings > 0 {
		full, err := b.throughput(ctx, fmt.Sprintf("throughput, %d holdings before", b.options.holdings), b.options.holdings)
		if err != nil {
			return err
		}

		fmt.Printf("%-42s %.1f %%\n", "slower with a full database by", percent*(1-full/empty))
	}

	return b.latency(ctx)
}

// describe prints what a reader needs to compare figures.
func (b *bench) describe(ctx context.Context) {
	var size int
	for n := range b.recording.templates {
		size += len(b.recording.render(nil, int64(n), epoch(0)))
	}

	round := len(b.recording.templates)
	fmt.Printf("recording  %s: %d updates a round, %d bytes on average\n", b.options.recording, round, size/round)
	fmt.Printf("settings   fsync=on synchronous_commit=on shared_buffers=1GB, batches of at most %d updates, "+
		"websocket on loopback\n", b.options.batch)

	if pool, err := pgxpool.New(ctx, b.server.DSN("postgres")); err == nil {
		defer pool.Close()

		var version string
		if pool.QueryRow(ctx, "SHOW server_version").Scan(&version) == nil {
			fmt.Println("postgres  ", version)
		}
	}
}

// database makes a migrated database, with holdings of other customers in it if asked.
func (b *bench) database(ctx context.Context, holdings int) (*pgxpool.Pool, error) {
	b.databases++
	name := fmt.Sprintf("bench_%d", b.databases)

	admin, err := pgxpool.New(ctx, b.server.DSN("postgres"))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer admin.Close()

	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}

	dsn := b.server.DSN(name)
	if err := store.Migrate(ctx, secret.New(dsn)); err != nil {
		return nil, err
	}

	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}

	if b.options.profile {
		if _, err := pool.Exec(ctx, "CREATE EXTENSION pg_stat_statements"); err != nil {
			return nil, fmt.Errorf("prepare profile: %w", err)
		}
	}

	if holdings == 0 {
		return pool, nil
	}

	for _, statement := range []string{
		fmt.Sprintf("INSERT INTO treasuries (party, created_at) VALUES ('%s', now())", b.recording.party),
		"INSERT INTO instruments (admin, instrument_id, listed, first_seen_at) VALUES ('other::1220', 'Other', true, now())",
		fmt.Sprintf(fillHoldings, holdings),
		"VACUUM ANALYZE holdings",
	} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("fill database: %w", err)
		}
	}

	return pool, nil
}

// fillHoldings makes as many holdings of other customers as it is told, under contract ids of a real id's length.
const fillHoldings = `
	INSERT INTO holdings (treasury_id, contract_id, instrument_no, amount,
		synchronizer_id, template_id, created_no, created_node)
	SELECT 1, '00' || encode(sha256(n::text::bytea), 'hex') || encode(sha256((-n)::text::bytea), 'hex') || '00000000',
		1, n, 'sync::1220', 'p:m:e', 0, n
	FROM generate_series(1, %d) n`

var errStuck = errors.New("ingestion made no progress for a minute")

// throughput plays the recording as fast as it is taken and gives updates per second.
func (b *bench) throughput(ctx context.Context, title string, holdings int) (float64, error) {
	pool, err := b.database(ctx, holdings)
	if err != nil {
		return 0, err
	}
	defer pool.Close()

	s := &source{recording: b.recording, to: b.options.updates}

	// Both runs begin alike: nothing left to be written out, and every old page whole in the log at its first change.
	if _, err := pool.Exec(ctx, "CHECKPOINT"); err != nil {
		return 0, fmt.Errorf("write out the database: %w", err)
	}

	before, err := written(ctx, pool)
	if err != nil {
		return 0, err
	}

	took, used, _, err := b.measure(ctx, pool, s)
	if err != nil {
		return 0, err
	}

	after, err := written(ctx, pool)
	if err != nil {
		return 0, err
	}

	rate := float64(b.options.updates) / took.Seconds()
	fmt.Printf("%-42s %.0f updates/s (%d in %.1f s); ingest used %.2f cores, at most %d MiB resident, %d at the end\n",
		title, rate, b.options.updates, took.Seconds(),
		used.CPU.Seconds()/took.Seconds(), mebibytes(used.Peak), mebibytes(used.Resident))
	fmt.Printf("           written to the log: %d MiB, with %d whole pages\n",
		mebibytes(after.bytes-before.bytes), after.pages-before.pages)

	return rate, b.sizes(ctx, pool)
}

// latency plays at a fixed rate.
func (b *bench) latency(ctx context.Context) error {
	pool, err := b.database(ctx, 0)
	if err != nil {
		return err
	}
	defer pool.Close()

	s := &source{recording: b.recording, to: int64(b.options.rate * b.options.seconds), rate: b.options.rate}

	_, used, buckets, err := b.measure(ctx, pool, s)
	if err != nil {
		return err
	}

	title := fmt.Sprintf("receipt to commit at %d updates/s", b.options.rate)
	fmt.Printf("%-42s p50 < %s, p99 < %s, p99.9 < %s; at most %d MiB resident\n",
		title, below(buckets, p50), below(buckets, p99), below(buckets, p999), mebibytes(used.Peak))

	return nil
}

// measure runs the program until everything that the source has is in the database.
func (b *bench) measure(
	ctx context.Context, pool *pgxpool.Pool, s *source,
) (time.Duration, machine.Usage, []bucket, error) {
	if err := s.start(ctx); err != nil {
		return 0, machine.Usage{}, nil, err
	}
	defer s.stop()

	begin := time.Now()

	program, err := startIngester(ctx, b.program, b.options.admin, map[string]string{
		"CES_DATABASE_URL": pool.Config().ConnString(), "CES_LEDGER_URL": s.url(), "CES_TREASURY_PARTY": b.recording.party,
		"CES_INGEST_BATCH": fmt.Sprint(b.options.batch),
	})
	if err != nil {
		return 0, machine.Usage{}, nil, err
	}

	err = until(ctx, pool, s.to)
	took := time.Since(begin)
	used, usageErr := machine.UsageOf(program.command.Process.Pid)
	buckets, latencyErr := program.commitLatency(ctx)

	return took, used, buckets, errors.Join(err, usageErr, latencyErr, program.stop())
}

// until waits for the cursor to reach an offset.
func until(ctx context.Context, pool *pgxpool.Pool, end int64) error {
	var last int64

	moved := time.Now()

	for {
		var offset int64

		_ = pool.QueryRow(ctx, "SELECT coalesce(max(ledger_offset), 0) FROM ingestion_cursors").Scan(&offset)

		switch {
		case offset >= end:
			return nil
		case offset != last:
			last, moved = offset, time.Now()
		case time.Since(moved) > time.Minute:
			return fmt.Errorf("at offset %d of %d: %w", offset, end, errStuck)
		}

		if err := pause(ctx, poll); err != nil {
			return err
		}
	}
}

// largestTables lists the tables above a megabyte with what they take on disk, the largest first.
const largestTables = `
	SELECT string_agg(relname || ' ' || pg_size_pretty(size), ', ' ORDER BY size DESC)
	FROM (
		SELECT relname, pg_total_relation_size(oid) AS size
		FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
	) AS tables
	WHERE size > 1000000`

// sizes prints what the run left behind.
func (b *bench) sizes(ctx context.Context, pool *pgxpool.Pool) error {
	var text string

	err := pool.QueryRow(ctx, largestTables).Scan(&text)
	if err != nil {
		return fmt.Errorf("read sizes: %w", err)
	}

	fmt.Println("           left in the database:", text)

	if b.options.profile {
		return b.statements(ctx, pool)
	}

	return nil
}

// slowest lists the statements that took most of the database's time.
const slowest = `
	SELECT round(total_exec_time)::text || ' ms in ' || calls || ' calls: ' ||
		left(regexp_replace(query, '\s+', ' ', 'g'), 90)
	FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid
	WHERE datname = current_database() ORDER BY total_exec_time DESC LIMIT 25`

// statements prints where the database's time went.
func (b *bench) statements(ctx context.Context, pool *pgxpool.Pool) error {
	rows, err := pool.Query(ctx, slowest)
	if err != nil {
		return fmt.Errorf("read statements: %w", err)
	}
	defer rows.Close()

	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return fmt.Errorf("read statements: %w", err)
		}

		fmt.Println("          ", text)
	}

	if err := rows.Err(); err != nil {
		return fmt.Errorf("read statements: %w", err)
	}

	return nil
}
