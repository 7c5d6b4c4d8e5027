package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/broker/jetstream"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	glance   = 10 * time.Millisecond
	megabyte = 1 << 20
	fine     = 100 * time.Nanosecond
)

// drain publishes a backlog.
func drain(ctx context.Context, o options, tell say) (err error) {
	pg, err := startDatabase(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pg.Stop(context.WithoutCancel(ctx))) }()

	began := time.Now()
	dsn := pg.DSN(database)

	size, err := fill(ctx, dsn, o.events)
	if err != nil {
		return err
	}

	tell("postgres   fsync=on synchronous_commit=on shared_buffers=1GB")
	tell("log        %d events of %d bytes on average, signed, made in %s",
		o.events, size, time.Since(began).Round(time.Second))

	nats, err := startNATS(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nats.stop()) }()

	tell("nats       JetStream, embedded server in %s, file storage, one stream", nats.where())

	db, err := store.Open(ctx, secret.New(dsn))
	if err != nil {
		return err
	}
	defer db.Close()

	stopProfile, err := profiled(o.profile)
	if err != nil {
		return err
	}
	defer stopProfile()

	before, err := costsOf(pg.PID(), nats)
	if err != nil {
		return err
	}

	began = time.Now()
	if err := publishAll(ctx, o, db, nats.settings); err != nil {
		return err
	}

	took := time.Since(began)

	after, err := costsOf(pg.PID(), nats)
	if err != nil {
		return err
	}

	tell("drain      %.0f events/s (%d in %s, %.0f MB/s); load %s", float64(o.events)/took.Seconds(), o.events,
		took.Round(time.Millisecond), float64(int64(o.events)*size)/took.Seconds()/megabyte, load())
	tell("           %s", after.since(before, o.events, took))

	return checked(ctx, o, nats.settings)
}

// publishAll runs a publisher until the broker has been told all.
func publishAll(ctx context.Context, o options, db *store.DB, s jetstream.Settings) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))

	nats, err := jetstream.New(s, logger)
	if err != nil {
		return err
	}

	tail := eventlog.NewTail(db, logger)
	publisher := &broker.Publisher{
		DB: db, Tail: tail, Brokers: []broker.Broker{nats}, Clock: clock.System{}, Logger: logger, Owner: "eventbench",
		Metrics: broker.NewMetrics(prometheus.NewRegistry()), Timing: broker.Timing{Page: o.page},
	}

	ended := make(chan error, 2)

	go func() { ended <- tail.Run(ctx) }()
	go func() { ended <- publisher.Run(ctx) }()

	err = untilTold(ctx, db)

	cancel()

	return errors.Join(err, <-ended, <-ended)
}

func untilTold(ctx context.Context, db *store.DB) error {
	again := time.NewTicker(glance)
	defer again.Stop()

	for {
		lags, err := db.SinkLags(ctx, []string{jetstream.Name})
		if err != nil {
			return err
		}

		if len(lags) == 1 && lags[0].Lag == 0 {
			return nil
		}

		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("publish all: %w", ctx.Err())
		}
	}
}

// checked wants the stream's last event to be the log's.
func checked(ctx context.Context, o options, s jetstream.Settings) error {
	nats, err := jetstream.New(s, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}

	sink, err := nats.Open(ctx, treasury())
	if err != nil {
		return err
	}
	defer sink.Close()

	switch has, err := sink.Last(ctx); {
	case err != nil:
		return err
	case has.Last.Seq != int64(o.events):
		return fmt.Errorf("the stream's last event is %s, want %d", has.Last, o.events)
	default:
		return nil
	}
}

// profiled takes a profile until it is told to stop; none without a file.
func profiled(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}

	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}

	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), file.Close())
	}

	return func() {
		pprof.StopCPUProfile()

		_ = file.Close()
	}, nil
}
