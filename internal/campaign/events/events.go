// Package events is the campaign against the telling of events: writers whose transactions overlap and are cut, ingestion
// and two instances of cmd/events that are killed and whose clocks jump, a broker and a database that crash, and
// receivers that are slow, dead, lie and talk too much. What was written, and what was paid on the ledger, is compared
// with what every receiver and the broker have. Nothing that customers run imports it.
package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// Config says how long and how.
type Config struct {
	Seed uint64
	// Events is how many are written at least.
	Events int
	// Programs is a directory with the built programs, events and nats-server.
	Programs string
	// Pace is how long each writer rests on average between two transactions.
	Pace time.Duration
	// Standstill is how long nothing may move at the end while something is left to be told; 90 s if it is zero.
	Standstill time.Duration
	Clock      clock.Clock
	Logger     *slog.Logger
}

// Report is what happened.
type Report struct {
	Seed uint64
	// Written were committed; RolledBack were not, and Cut were neither before their connection was.
	Written, RolledBack, Cut int64
	// Accepted counts what receivers took, Again what they had before.
	Accepted, Again int64
	// LostToNaive is how many events a reader of a plain sequence never saw.
	LostToNaive int
	Kills       map[string]int
	Scenes      map[string]int
	// Jumps is how often a clock jumped.
	Jumps int
	// Deposits is how many were paid on the ledger.
	Deposits int
	// PeakMiB is the most memory that an instance of cmd/events had.
	PeakMiB int64
	Took    time.Duration
}

const (
	secretText = "the campaign's secret of events, which is long"
	natsToken  = "campaign"
	treasuries = 2
	accounts   = 20
)

// Campaign is one run.
type Campaign struct {
	cfg   Config
	rng   *rand.Rand
	began time.Time
	dir   string
	keys  event.Secret

	postgres *pgtest.Server
	pool     *pgxpool.Pool
	parties  []ident.Party
	ids      []store.TreasuryID

	network   *network
	receivers []*receiver
	hall      *hall
	fleet     [2]*program.Life
	broker    *program.Life
	natsPort  int
	naive     naive

	writing sync.WaitGroup
	enough  context.CancelFunc
	written atomic.Int64
	late    map[string]int64 // what punctual found
	report  Report
	mu      sync.Mutex // of report
}

// Build makes the programs that a campaign kills, with clocks that can be set and with what else is edited. root is the
// module's.
func Build(ctx context.Context, root, dir string, edits ...program.Edit) error {
	overlay, err := program.Overlay(root, dir, append(wrongClocks(), edits...))
	if err != nil {
		return err
	}

	if err := program.Build(ctx, dir, overlay, "events", ingestion); err != nil {
		return err
	}

	return program.BuildOther(ctx, dir, "github.com/nats-io/nats-server/v2")
}

// Open starts everything. Close it.
func Open(ctx context.Context, cfg Config) (*Campaign, error) {
	c := &Campaign{
		cfg: cfg, rng: chance.Source(cfg.Seed, "scenes"), began: cfg.Clock.Now(),
		report: Report{Seed: cfg.Seed, Kills: map[string]int{}, Scenes: map[string]int{}}, late: map[string]int64{},
	}

	for _, start := range []func(context.Context) error{
		c.openDatabase, c.openNetwork, c.openReceivers, c.openPrograms, c.openWriters,
	} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
	}

	return c, nil
}

func (c *Campaign) openDatabase(ctx context.Context) error {
	var err error

	if c.dir, err = os.MkdirTemp("", "ces-events-campaign-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}

	if c.keys, err = event.NewSecret(secret.New(secretText)); err != nil {
		return err
	}

	c.postgres, err = pgtest.Start(ctx, pgtest.Options{Durable: true, Settings: map[string]string{
		"shared_buffers": "256MB", "max_wal_size": "2GB",
	}})
	if err != nil {
		return err
	}

	dsn := secret.New(c.postgres.DSN(pgtest.Superuser))
	if err := store.Migrate(ctx, dsn); err != nil {
		return err
	}

	// What the writers lose in a crash, the campaign's own table loses too; they alone need not wait for the disk.
	if c.pool, err = pgxpool.New(ctx, dsn.Reveal()+"&synchronous_commit=off"); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}

	db, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer db.Close()

	for i := range treasuries {
		party := ident.Party(fmt.Sprintf("treasury-%d::1220%s", i, strings.Repeat("ab", 32)))

		id, err := db.EnsureTreasury(ctx, party, c.cfg.Clock.Now())
		if err != nil {
			return err
		}

		c.parties, c.ids = append(c.parties, party), append(c.ids, id)
	}

	_, err = c.pool.Exec(ctx, `CREATE SCHEMA campaign;
		CREATE TABLE campaign.written (treasury_id integer NOT NULL, event_id uuid NOT NULL);`+measures)
	if err != nil {
		return fmt.Errorf("make the campaign's tables: %w", err)
	}

	return nil
}

// insist does something in the database until it is there to do it.
func (c *Campaign) insist(ctx context.Context, statement string) error {
	for {
		_, err := c.pool.Exec(ctx, statement)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err())
		}

		pause(ctx, 50*time.Millisecond)
	}
}

// count is a number in the database; -1 while it is away.
func (c *Campaign) count(ctx context.Context, query string, arguments ...any) int64 {
	var n int64
	if err := c.pool.QueryRow(ctx, query, arguments...).Scan(&n); err != nil {
		return -1
	}

	return n
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Run plays scenes until enough was written, heals everything, and waits until everybody was told everything.
func (c *Campaign) Run(ctx context.Context) (Report, error) {
	deck := chance.NewDeck(c.rng, scenes(), func(s scene) int { return s.cards })

	for c.written.Load() < int64(c.cfg.Events) {
		s := deck.Deal()
		if err := s.play(c, ctx); err != nil {
			return c.report, fmt.Errorf("%s: %w", s.name, err)
		}

		c.report.Scenes[s.name]++
		c.punctual(ctx)
		c.cfg.Logger.DebugContext(ctx, "scene is over", slog.String("scene", s.name), slog.Int64("written", c.written.Load()),
			slog.Int64("numbered", c.count(ctx, "SELECT coalesce(sum(seq), 0)::bigint FROM event_heads")))

		if err := errors.Join(ctx.Err(), c.beginAll(ctx)); err != nil {
			return c.report, err
		}
	}

	c.enough()
	c.writing.Wait()

	err := errors.Join(c.network.stopPaying(), c.drain(ctx))

	c.report.Written, c.report.Took = c.written.Load(), c.cfg.Clock.Now().Sub(c.began).Round(time.Second)
	for _, r := range c.receivers {
		c.report.Accepted += r.accepted.Load()
		c.report.Again += r.again.Load()
	}

	return c.report, err
}

// Close ends everything that Open started.
func (c *Campaign) Close(ctx context.Context) error {
	if c.enough != nil {
		c.enough()
	}

	c.writing.Wait()

	for _, life := range []*program.Life{c.fleet[0], c.fleet[1], c.broker} {
		if life != nil {
			_, _ = life.Kill() // the campaign has its verdict
		}
	}

	var failures []error

	if c.network != nil {
		failures = append(failures, c.network.close())
	}

	if c.hall != nil {
		failures = append(failures, c.hall.close(ctx))
	}

	if c.pool != nil {
		c.pool.Close()
	}

	if c.postgres != nil {
		failures = append(failures, c.postgres.Stop(ctx))
	}

	return errors.Join(append(failures, os.RemoveAll(c.dir))...)
}

func (c *Campaign) program(name string) string { return filepath.Join(c.cfg.Programs, name) }

// Check compares what was written with what everybody has.
func (c *Campaign) Check(ctx context.Context) ([]verdict.Violation, error) { return c.check(ctx) }
