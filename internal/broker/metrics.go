package broker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// Metrics are what operators watch.
type Metrics struct {
	published, failures, repeated *prometheus.CounterVec
	lag, halted                   *prometheus.GaugeVec
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"sink"})
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"sink", "treasury"})
	}

	m := &Metrics{
		published: counter("ces_events_broker_published_total", "Events that a broker has acknowledged."),
		failures:  counter("ces_events_broker_failures_total", "How often publishing failed. It is tried again."),
		repeated:  counter("ces_events_broker_lost_total", "Events that a broker had lost and was told again."),
		lag:       gauge("ces_events_broker_lag", "Events that a broker has not been told yet."),
		halted: gauge("ces_events_broker_halted",
			"1 while publishing stands still until an operator says how to go on: see CES_EVENTS_BROKER_GO_ON."),
	}
	registry.MustRegister(m.published, m.failures, m.repeated, m.lag, m.halted)

	return m
}

func (m *Metrics) halt(sink string, treasury ident.Party, on bool) {
	value := 0.0
	if on {
		value = 1
	}

	m.halted.WithLabelValues(sink, string(treasury)).Set(value)
}

func (m *Metrics) lags(list []store.SinkLag) {
	for _, l := range list {
		m.lag.WithLabelValues(l.Sink, string(l.Party)).Set(float64(l.Lag))
	}
}
