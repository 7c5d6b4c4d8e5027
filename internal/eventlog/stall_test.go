package eventlog_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/eventlog"
)

// TestWhoHoldsEventsUpIsNamed, once each time, and how long events wait is measured.
func TestWhoHoldsEventsUpIsNamed(t *testing.T) {
	t.Parallel()

	w := begin(t)

	var log bytes.Buffer

	registry := prometheus.NewRegistry()
	watch := &eventlog.StallWatch{
		DB: w.db, Clock: w.clock, Metrics: eventlog.NewMetrics(registry), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}
	look := func(waiting float64) {
		t.Helper()
		require.NoError(t, watch.Look(t.Context()))
		require.InDelta(t, waiting, gauge(t, registry, "ces_events_waiting_seconds"), 0)
	}

	w.write(1)
	w.number(1)

	// Of all tests' databases in this server, this transaction is the oldest one from some time on.
	holder, err := pgx.Connect(t.Context(), w.pool.Config().ConnString())
	require.NoError(t, err)

	defer func() { require.NoError(t, holder.Close(t.Context())) }()

	open, err := holder.Begin(t.Context())
	require.NoError(t, err)
	_, err = open.Exec(t.Context(), "SELECT pg_current_xact_id()")
	require.NoError(t, err)

	look(0)
	w.clock.Advance(-time.Hour) // whoever wrote it has another clock
	w.write(1)
	w.clock.Advance(time.Hour)
	look(0)
	w.clock.Advance(59 * time.Second)
	look(59)
	require.Empty(t, log.String())

	require.Eventually(t, func() bool {
		oldest, err := w.db.OldestTransaction(t.Context())
		require.NoError(t, err)

		return oldest.PID == int(holder.PgConn().PID())
	}, patience, pollInterval)

	w.clock.Advance(2 * time.Second)
	look(61)
	look(61)
	require.Equal(t, 1, strings.Count(log.String(), "get no places"))
	require.Contains(t, log.String(), "idle in transaction")

	_, err = w.log.Step(t.Context())
	require.NoError(t, err)
	require.Len(t, w.all(), 1, "this is why")

	require.NoError(t, open.Rollback(t.Context()))
	w.number(2)
	look(0)
}

func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()

	families, err := registry.Gather()
	require.NoError(t, err)

	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}

	t.Fatal("no metric ", name)

	return 0
}
