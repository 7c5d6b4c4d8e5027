package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/machine"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/webhook"
)

const (
	ticks         = 100 // writes to the outbox in a second
	pushBatch     = 100
	headerTimeout = 5 * time.Second
	timeMember    = `"time":"`
	settle        = 30 * time.Second
	// As the program events has them.
	attemptTimeout = 10 * time.Second
	workers        = 128
)

// push measures how long it takes from an event's time, which its transaction wrote, until a subscriber has it.
func push(ctx context.Context, o options, tell say) (err error) {
	pg, err := startDatabase(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pg.Stop(context.WithoutCancel(ctx))) }()

	tell("postgres   fsync=on synchronous_commit=on shared_buffers=1GB")
	tell("settings   %d events/s, %d subscriptions, %s; sequencer, webhooks and receivers in one process",
		o.rate, o.subscriptions, o.length)

	if _, err := fill(ctx, pg.DSN(database), 0); err != nil {
		return err
	}

	for _, all := range []bool{false, true} {
		p := &pushing{o: o, all: all, dsn: pg.DSN(database)}

		before, began := machineTime(pg.PID()), time.Now()
		if err := p.run(ctx); err != nil {
			return err
		}

		spent := machineTime(pg.PID()) - before

		title := "each event to the one subscription of its account, by itself"
		if all {
			title = fmt.Sprintf("each event to every subscription, up to %d in a request", pushBatch)
		}

		tell("push       %s: %s; %.2f cores, load %s", title, p.figures(),
			spent.Seconds()/time.Since(began).Seconds(), load())
	}

	return nil
}

// machineTime is the processor time of this process and of PostgreSQL; 0 where it is not known.
func machineTime(postgres int) time.Duration {
	own, err := machine.UsageOf(os.Getpid())
	database, failed := machine.FamilyTime(postgres)

	if err != nil || failed != nil {
		return 0
	}

	return own.CPU + database
}

const subscribing = `INSERT INTO subscriptions (subscription_id, treasury_id, owner, name, url, accounts, ordered,
		batch, per_second, max_backlog, state, cursor_seq, next_at, created_at, changed_at)
	SELECT $1, $2, 'bench', 'bench', $3, $4, true, $5, 1000, 1000000000, 'active',
		coalesce((SELECT seq FROM event_heads), 0), $6, $6, $6`

const writing = `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
	SELECT $1, gen_random_uuid(), 'deposit.credited', gen_random_uuid()::text, 0, jsonb_build_object(
		'depositId', gen_random_uuid(), 'state', 'credited', 'account', 'account-' || ($3::bigint + n) % $4,
		'instrumentAdmin', 'DSO::1220', 'instrumentId', 'Amulet', 'amount', '12.5000000000',
		'sender', 'somebody::1220' || repeat('ab', 32), 'memo', 'ACC-' || n), clock_timestamp()
	FROM generate_series(1, $2::integer) AS n`

// pushing is one run.
type pushing struct {
	o   options
	all bool
	dsn string

	written int
	mu      sync.Mutex
	took    []time.Duration
}

func (p *pushing) run(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, p.dsn)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer pool.Close()

	address, stop, err := p.receive(ctx)
	if err != nil {
		return err
	}
	defer stop()

	if err := p.subscribe(ctx, pool, address); err != nil {
		return err
	}

	end, err := p.deliver(ctx)
	if err != nil {
		return err
	}

	if err := p.write(ctx, pool); err != nil {
		return errors.Join(err, end())
	}

	return errors.Join(p.await(ctx), end())
}

// deliver runs what cmd/events runs.
func (p *pushing) deliver(ctx context.Context) (end func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)

	db, err := store.Open(ctx, secret.New(p.dsn))
	if err != nil {
		cancel()

		return nil, err
	}

	keys, err := event.NewSecret(secret.New(strings.Repeat("k", event.MinSecret)))
	if err != nil {
		cancel()

		return nil, err
	}

	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	tail := eventlog.NewTail(db, logger)
	sequencer := &eventlog.Sequencer{
		DB: db, Signer: keys.Signer(), Clock: clock.System{}, Logger: logger,
		Metrics: eventlog.NewMetrics(prometheus.NewRegistry()),
	}

	dispatcher, err := dispatching(db, tail, keys, logger)
	if err != nil {
		cancel()

		return nil, err
	}

	ended := make(chan error, 3)

	for _, run := range []func(context.Context) error{tail.Run, sequencer.Run, dispatcher.Run} {
		go func() { ended <- run(ctx) }()
	}

	return func() error {
		cancel()
		defer db.Close()

		return errors.Join(<-ended, <-ended, <-ended)
	}, nil
}

func dispatching(
	db *store.DB, tail *eventlog.Tail, keys event.Secret, logger *slog.Logger,
) (*webhook.Dispatcher, error) {
	settings := webhook.Settings{
		Timeout: attemptTimeout, Workers: workers, PlainHTTP: true, AllowNetworks: "127.0.0.0/8",
	}

	sender, err := webhook.NewSender(settings, keys, clock.System{}, rand.Reader)
	if err != nil {
		return nil, err
	}

	return webhook.New(settings, time.Second, webhook.Parts{
		DB: db, Tail: tail, Sender: sender, Clock: clock.System{}, Logger: logger,
		Metrics: webhook.NewMetrics(prometheus.NewRegistry()), Random: rand.Reader,
	})
}

// subscribe makes the subscriptions, as if their receivers had been challenged.
func (p *pushing) subscribe(ctx context.Context, pool *pgxpool.Pool, address string) error {
	batch := 1
	if p.all {
		batch = pushBatch
	}

	_, err := pool.Exec(ctx, "DELETE FROM subscriptions")

	for i := range p.o.subscriptions {
		accounts := []string{fmt.Sprintf("account-%d", i)}
		if p.all {
			accounts = []string{}
		}

		_, failed := pool.Exec(ctx, subscribing, fmt.Sprintf("sub_%012d", i), treasuryNo,
			fmt.Sprintf("http://%s/%d", address, i), accounts, batch, time.Now())
		err = errors.Join(err, failed)
	}

	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}

	return nil
}

// write puts events into the outbox at the rate, some in each transaction.
func (p *pushing) write(ctx context.Context, pool *pgxpool.Pool) error {
	each := max(1, p.o.rate/ticks)
	step := time.Duration(each) * time.Second / time.Duration(p.o.rate)
	again := time.NewTicker(step)
	defer again.Stop()

	for end := time.Now().Add(p.o.length); time.Now().Before(end); {
		_, err := pool.Exec(ctx, writing, treasuryNo, each, p.written, p.o.subscriptions)
		if err != nil {
			return fmt.Errorf("write events: %w", err)
		}

		p.written += each

		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("write events: %w", ctx.Err())
		}
	}

	return nil
}

// await waits until all were told, for a while.
func (p *pushing) await(ctx context.Context) error {
	want := p.written
	if p.all {
		want *= p.o.subscriptions
	}

	again := time.NewTicker(glance)
	defer again.Stop()

	for end := time.Now().Add(settle); time.Now().Before(end); {
		p.mu.Lock()
		have := len(p.took)
		p.mu.Unlock()

		if have >= want {
			return nil
		}

		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for webhooks: %w", ctx.Err())
		}
	}

	return errors.New("not everything was told: the rate is more than this machine delivers")
}

// figures are how long it took.
func (p *pushing) figures() string {
	slices.Sort(p.took)

	const half, most, all = 500, 990, 1000

	at := func(share int) string {
		return p.took[min(len(p.took)-1, len(p.took)*share/all)].Round(time.Millisecond).String()
	}

	return fmt.Sprintf("%d deliveries, p50 %s, p99 %s, max %s", len(p.took), at(half), at(most), at(all))
}
