package ingest

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// Metrics are what operators watch.
type Metrics struct {
	updates     *prometheus.CounterVec
	batch       prometheus.Histogram
	latency     prometheus.Histogram
	offset      prometheus.Gauge
	recordTime  *prometheus.GaugeVec
	lastStored  prometheus.Gauge
	sessions    prometheus.Counter
	failures    *prometheus.CounterVec
	unexplained *prometheus.CounterVec
	deposits    *prometheus.CounterVec
}

// NewMetrics registers the metrics of ingestion.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		updates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ces_ingest_updates_total", Help: "Stream elements stored, by kind.",
		}, []string{"kind"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ces_ingest_batch_updates", Help: "Stream elements per database transaction.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ces_ingest_commit_seconds", Help: "From the receipt of an update to its commit.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 5, 30},
		}),
		offset: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ces_ingest_offset", Help: "Offset of the node up to which everything is stored.",
		}),
		recordTime: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ces_ingest_record_time_seconds",
			Help: "Ledger time up to which everything is stored, per synchronizer, as Unix time.",
		}, []string{"synchronizer"}),
		lastStored: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ces_ingest_last_stored_seconds", Help: "When this process last stored something, as Unix time.",
		}),
		sessions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_ingest_sessions_total", Help: "Streams opened as the treasury's writer.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ces_ingest_failures_total", Help: "Interruptions, by what was at fault. Nothing is lost by them.",
		}, []string{"cause"}),
		unexplained: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ces_ingest_unrecognized_total",
			Help: "Events on the ledger that nothing explains, by problem. Each wants a person's look.",
		}, []string{"problem"}),
		deposits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ces_ingest_deposits_total", Help: "Deposits that reached a state.",
		}, []string{"state"}),
	}
	registry.MustRegister(m.updates, m.batch, m.latency, m.offset, m.recordTime, m.lastStored)
	registry.MustRegister(m.sessions, m.failures, m.unexplained, m.deposits)

	return m
}

func (m *Metrics) session() { m.sessions.Inc() }

func (m *Metrics) stored(now time.Time, run []decoded) {
	for _, d := range run {
		m.updates.WithLabelValues(string(d.update.Kind)).Inc()

		if d.update.Kind == update.Checkpoint {
			for _, t := range d.update.Times {
				m.recordTime.WithLabelValues(string(t.Synchronizer)).Set(float64(t.RecordTime.Unix()))
			}

			continue
		}

		m.latency.Observe(now.Sub(d.at).Seconds())

		if !imported(d.update) {
			m.recordTime.WithLabelValues(string(d.update.Synchronizer)).Set(float64(d.update.RecordTime.Unix()))
		}
	}

	m.batch.Observe(float64(len(run)))
	m.offset.Set(float64(run[len(run)-1].update.Offset))
	m.lastStored.Set(float64(now.Unix()))
}

func (m *Metrics) failure(err error) { m.failures.WithLabelValues(cause(err)).Inc() }

func (m *Metrics) unrecognized(p txhistory.Problem) { m.unexplained.WithLabelValues(string(p)).Inc() }

func (m *Metrics) deposit(s books.DepositState) { m.deposits.WithLabelValues(string(s)).Inc() }

// cause names what was at fault, for the metric's label.
func cause(err error) string {
	var node *ledger.Error

	switch {
	case errors.Is(err, store.ErrFenced):
		return "other_writer"
	case errors.Is(err, store.ErrContradiction):
		return "contradiction"
	case errors.Is(err, update.ErrMalformed):
		return "malformed_update"
	case errors.As(err, &node): // first: what it wraps may look like a database that is away
		return "node"
	case store.IsAway(err):
		return "database"
	default:
		return "other"
	}
}
