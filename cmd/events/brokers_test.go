package main

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/service"
)

// TestBrokersAreThoseThatAreSet: nothing is published where nobody said so.
func TestBrokersAreThoseThatAreSet(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		set     []string
		runners int
	}{
		"none":     {nil, 0},
		"embedded": {[]string{"CES_EVENTS_NATS_EMBEDDED=" + t.TempDir(), "CES_EVENTS_NATS_EMBEDDED_ADDR=127.0.0.1:0"}, 1},
		"both":     {[]string{"CES_EVENTS_NATS_URL=nats://localhost:4222", "CES_EVENTS_KAFKA_BROKERS=a:9092,b:9092"}, 1},
	} {
		var cfg brokersConfig

		require.NoError(t, service.Load(&cfg, c.set), name)

		s := &service.Service{Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}

		runners, stop, err := publishing(t.Context(), s, cfg, nil, nil, clock.System{})
		require.NoError(t, err, name)
		require.Len(t, runners, c.runners, name)
		stop()
	}
}
