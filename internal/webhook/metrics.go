package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// shownBacklogs is how many subscriptions have a gauge: those that are furthest behind.
const shownBacklogs = 100

// Metrics are what operators watch.
type Metrics struct {
	attempts *prometheus.CounterVec
	latency  prometheus.Histogram
	disabled *prometheus.CounterVec
	dead     prometheus.Counter
	letters  prometheus.Gauge
	states   *prometheus.GaugeVec
	backlog  *prometheus.GaugeVec
	troubles *prometheus.CounterVec
}

// NewMetrics registers the metrics of webhooks.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	gauge := func(name, help, label string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	}

	m := &Metrics{
		attempts: counter("ces_events_webhook_attempts_total", "Webhooks that were sent, by what became of them.", "outcome"),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ces_events_webhook_latency_seconds", Help: "From an event's time to its receiver's answer.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600, 86400},
		}),
		disabled: counter("ces_events_webhook_disabled_total", "Subscriptions that were disabled, by reason.", "reason"),
		dead: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_events_webhook_dead_total", Help: "Events that became dead letters.",
		}),
		letters: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ces_events_webhook_dead_letters", Help: "Dead letters that nobody has replayed.",
		}),
		states: gauge("ces_events_webhook_subscriptions", "Subscriptions, by state.", "state"),
		backlog: gauge("ces_events_webhook_backlog", "Events that a subscription was not told, of the 100 furthest behind.",
			"subscription"),
		troubles: counter("ces_events_webhook_troubles_total", "Interruptions. Nothing is lost by them.", "what"),
	}
	registry.MustRegister(m.attempts, m.latency, m.disabled, m.dead, m.letters, m.states, m.backlog, m.troubles)

	return m
}

func (m *Metrics) attempted(r Result, events []store.LoggedEvent) {
	m.attempts.WithLabelValues(string(r.Outcome)).Inc()

	if r.Outcome != Delivered {
		return
	}

	for i := range events {
		told, err := event.Parse(events[i].Body)
		if err != nil {
			continue
		}

		if at, err := time.Parse(time.RFC3339Nano, told.Time); err == nil {
			m.latency.Observe(max(0, r.At.Add(r.Took).Sub(at).Seconds()))
		}
	}
}

func (m *Metrics) died(events int) { m.dead.Add(float64(events)) }

func (m *Metrics) ended(reason string) { m.disabled.WithLabelValues(reason).Inc() }

func (m *Metrics) trouble(what string) { m.troubles.WithLabelValues(what).Inc() }

// viewed shows what there is, and forgets what was shown before.
func (m *Metrics) viewed(v store.PushView) {
	m.backlog.Reset()
	m.letters.Set(float64(v.Dead))

	for _, b := range v.Backlogs {
		m.backlog.WithLabelValues(b.Subscription).Set(float64(b.Events))
	}

	for _, state := range []string{"pending", "active", "paused", "disabled"} {
		m.states.WithLabelValues(state).Set(float64(v.States[state]))
	}
}
