package main

import (
	"context"
	"crypto/rand"
	"os"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/broker/jetstream"
	"github.com/canton-exchange/suite/internal/broker/kafka"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

// brokersConfig is where events are published to.
type brokersConfig struct {
	Broker broker.Settings
	NATS   jetstream.Settings
	Kafka  kafka.Settings
}

// publishing makes the publisher to the brokers that are set; a runner is only there if there is one. stop is for when
// all runners have ended.
func publishing(
	ctx context.Context, s *service.Service, cfg brokersConfig, db *store.DB, tail *eventlog.Tail, now clock.Clock,
) (runners []service.Runner, stop func(), err error) {
	stop = func() {}

	var brokers []broker.Broker

	nats := cfg.NATS

	if nats.Embedded != "" {
		embedded, reached, err := jetstream.StartEmbedded(ctx, nats, s.Logger)
		if err != nil {
			return nil, stop, err
		}

		nats, stop = reached, embedded.Stop
	}

	if nats.URL != "" {
		b, err := jetstream.New(nats, s.Logger)
		if err != nil {
			return nil, stop, service.UsageError(err)
		}

		brokers = append(brokers, b)
	}

	if len(cfg.Kafka.Brokers) > 0 {
		b, err := kafka.New(cfg.Kafka)
		if err != nil {
			return nil, stop, service.UsageError(err)
		}

		brokers = append(brokers, b)
	}

	if len(brokers) == 0 {
		return nil, stop, nil
	}

	publisher := &broker.Publisher{
		DB: db, Tail: tail, Brokers: brokers, Clock: now, Logger: s.Logger, Config: cfg.Broker, Owner: owner(),
		Metrics: broker.NewMetrics(s.Metrics),
	}

	return []service.Runner{{Name: "brokers", Run: publisher.Run}}, stop, nil
}

// owner names this instance to whoever looks at event_sinks.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}

	const digits = 8

	return host + "/" + rand.Text()[:digits]
}
