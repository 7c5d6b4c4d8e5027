package payout

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// Metrics are what operators watch.
type Metrics struct {
	turns       prometheus.Histogram
	reserved    prometheus.Counter
	executions  *prometheus.CounterVec
	execute     prometheus.Histogram
	completions *prometheus.CounterVec
	attempts    *prometheus.CounterVec
	held        *prometheus.CounterVec
	troubles    *prometheus.CounterVec
	alarms      *prometheus.CounterVec
	frozen      prometheus.Gauge
	faster      prometheus.Counter
	open        *prometheus.GaugeVec
	oldest      *prometheus.GaugeVec
}

// NewMetrics registers the metrics of payments.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	seconds := []float64{.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 5, 30}
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}

	m := &Metrics{
		turns: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ces_withdraw_turn_seconds", Help: "Time to give holdings to what waits, per token and turn.",
			Buckets: seconds,
		}),
		reserved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_withdraw_reserved_total", Help: "Withdrawals and internal transfers that got holdings.",
		}),
		executions: counter("ces_withdraw_executions_total", "Submissions, by what the node said of them.", "answer"),
		execute: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ces_withdraw_execute_seconds", Help: "Time of one submission.", Buckets: seconds,
		}),
		completions: counter("ces_withdraw_completions_total", "Submissions that failed, by the node's word.", "answer"),
		attempts:    counter("ces_withdraw_attempts_total", "Attempts that ended without a payment.", "result"),
		held:        counter("ces_withdraw_held_total", "Payments that could not be prepared, by reason.", "reason"),
		troubles:    counter("ces_withdraw_troubles_total", "Interruptions. No money has moved by them.", "what"),
		alarms:      counter("ces_withdraw_alarms_total", "What a person should look at.", "alarm"),
		frozen: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ces_withdraw_freezes", Help: "Freezes in force: nothing is paid of what they name.",
		}),
		faster: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_withdraw_overtaken_total", Help: "Jobs that history, or another worker, had moved on before.",
		}),
	}

	m.open = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ces_withdraw_open", Help: "Withdrawals that have not ended, by state and by what they wait for.",
	}, []string{"kind", "state", "waiting"})
	m.oldest = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ces_withdraw_oldest_requested_seconds", Help: "When the oldest of them was requested, as Unix time.",
	}, []string{"kind", "state", "waiting"})

	registry.MustRegister(m.open, m.oldest, m.turns, m.reserved, m.executions, m.execute, m.completions, m.attempts,
		m.held, m.troubles, m.alarms, m.frozen, m.faster)

	return m
}

func (m *Metrics) planned(count int, took time.Duration) {
	m.reserved.Add(float64(count))
	m.turns.Observe(took.Seconds())
}

func (m *Metrics) executed(answer withdrawal.Answer, took time.Duration) {
	m.executions.WithLabelValues(string(answer)).Inc()
	m.execute.Observe(took.Seconds())
}

func (m *Metrics) completed(answer withdrawal.Answer) {
	m.completions.WithLabelValues(string(answer)).Inc()
}

func (m *Metrics) ended(result string) { m.attempts.WithLabelValues(result).Inc() }

func (m *Metrics) gaveUp(reason withdrawal.Reason) { m.held.WithLabelValues(string(reason)).Inc() }

func (m *Metrics) trouble(what string) { m.troubles.WithLabelValues(what).Inc() }

func (m *Metrics) alarm(name string) { m.alarms.WithLabelValues(name).Inc() }

func (m *Metrics) freezes(count int) { m.frozen.Set(float64(count)) }

// opened shows what has not ended, and forgets what was shown before.
func (m *Metrics) opened(list []store.OpenWithdrawals) {
	m.open.Reset()
	m.oldest.Reset()

	for _, o := range list {
		labels := []string{string(o.Kind), string(o.State), string(o.Waiting)}
		m.open.WithLabelValues(labels...).Set(float64(o.Count))
		m.oldest.WithLabelValues(labels...).Set(float64(o.Oldest.Unix()))
	}
}

func (m *Metrics) moved() { m.faster.Inc() }
