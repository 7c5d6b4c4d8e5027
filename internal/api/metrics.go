package api

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what operators watch.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	sealed   prometheus.Counter
	unsealed prometheus.Gauge
	pruned   prometheus.Counter
	troubles *prometheus.CounterVec
	streams  prometheus.Gauge
}

// NewMetrics registers the metrics of the API.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ces_api_requests_total", Help: "Requests by operation and status; none is a path that there is not.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ces_api_request_seconds", Help: "Time to answer, waiting included where it was asked for.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 60},
		}, []string{"operation"}),
		sealed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_api_audit_sealed_total", Help: "Rows of the audit log that were put into the chain of hashes.",
		}),
		unsealed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ces_api_audit_oldest_unsealed_seconds",
			Help: "Unix time of the row of the audit log that has waited longest for its seal; 0 if none waits.",
		}),
		pruned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_api_answers_pruned_total", Help: "Kept answers that were forgotten because of their age.",
		}),
		troubles: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ces_api_troubles_total", Help: "Interruptions of what is done between requests.",
		}, []string{"what"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ces_api_streams", Help: "Streams of events that are open now.",
		}),
	}
	registry.MustRegister(m.requests, m.seconds, m.sealed, m.unsealed, m.pruned, m.troubles, m.streams)

	return m
}

func (m *Metrics) observe(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
}
