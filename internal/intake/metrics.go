package intake

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// Metrics are what operators watch.
type Metrics struct {
	turns      prometheus.Histogram
	verdicts   *prometheus.CounterVec
	executions *prometheus.CounterVec
	execute    prometheus.Histogram
	postponed  *prometheus.CounterVec
	troubles   *prometheus.CounterVec
	alarms     *prometheus.CounterVec
	faster     prometheus.Counter
	open       *prometheus.GaugeVec
	cases      *prometheus.GaugeVec
	credited   prometheus.Counter

	screenings *prometheus.CounterVec
	screening  prometheus.Histogram
	awaiting   *prometheus.GaugeVec
	oldest     prometheus.Gauge
	unscreened prometheus.Gauge
}

// NewMetrics registers the metrics of deposits.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	seconds := []float64{.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 5, 30}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}

	m := &Metrics{
		turns: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ces_deposit_decide_seconds", Help: "Time to decide what is undecided, per turn.", Buckets: seconds,
		}),
		verdicts: counter("ces_deposit_verdicts_total", "Verdicts on offers.", "verdict", "reason"),
		executions: counter("ces_deposit_executions_total", "Submissions, by what the node said of them.",
			"answer"),
		execute: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ces_deposit_execute_seconds", Help: "Time of one submission.", Buckets: seconds,
		}),
		postponed: counter("ces_deposit_held_total", "Offers that could not be answered, by reason.", "reason"),
		troubles:  counter("ces_deposit_troubles_total", "Interruptions. No money has moved by them.", "what"),
		alarms:    counter("ces_deposit_alarms_total", "What a person should look at.", "alarm"),
		faster: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_deposit_overtaken_total", Help: "Offers that history, or another worker, had moved on before.",
		}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ces_deposit_open_offers", Help: "Open offers by verdict, reason and how far the answer is.",
		}, []string{"verdict", "reason", "work"}),
		cases: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ces_deposit_open_cases", Help: "Deposits that have arrived and are not credited, by state and reason.",
		}, []string{"state", "reason"}),
		credited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ces_deposit_released_total", Help: "Held deposits that were credited when their time had come.",
		}),
	}

	m.withScreening(registry, seconds)
	registry.MustRegister(m.turns, m.verdicts, m.executions, m.execute, m.postponed, m.troubles, m.alarms, m.faster,
		m.open, m.cases, m.credited)

	return m
}

func (m *Metrics) withScreening(registry prometheus.Registerer, seconds []float64) {
	m.screenings = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ces_deposit_screenings_total", Help: "Questions to the screening service, by its answer.",
	}, []string{"result"})
	m.screening = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "ces_deposit_screening_seconds", Help: "Time of one question to the screening service.", Buckets: seconds,
	})
	m.awaiting = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ces_deposit_awaiting_screening",
		Help: "Offers and deposits that wait for an answer of the screening service: not_asked yet, or it was unavailable.",
	}, []string{"result"})
	m.oldest = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ces_deposit_oldest_screening_seconds",
		Help: "Since when the oldest of them waits, in seconds of Unix time; 0 if none does.",
	})
	m.unscreened = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ces_deposit_unscreened_tokens",
		Help: "Tokens of which nothing is taken, because they are to be screened and no service is configured.",
	})

	registry.MustRegister(m.screenings, m.screening, m.awaiting, m.oldest, m.unscreened)
}

func (m *Metrics) decided(list []store.DecidedOffer, took time.Duration) {
	for _, d := range list {
		m.verdicts.WithLabelValues(string(d.Verdict), string(d.Reason)).Inc()
	}

	m.turns.Observe(took.Seconds())
}

func (m *Metrics) executed(answer withdrawal.Answer, took time.Duration) {
	m.executions.WithLabelValues(string(answer)).Inc()
	m.execute.Observe(took.Seconds())
}

func (m *Metrics) held(reason withdrawal.Reason) { m.postponed.WithLabelValues(string(reason)).Inc() }

func (m *Metrics) trouble(what string) { m.troubles.WithLabelValues(what).Inc() }

func (m *Metrics) alarm(name string) { m.alarms.WithLabelValues(name).Inc() }

func (m *Metrics) moved() { m.faster.Inc() }

func (m *Metrics) released(deposits int) { m.credited.Add(float64(deposits)) }

func (m *Metrics) screened(result deposit.Screening, took time.Duration) {
	m.screenings.WithLabelValues(string(result)).Inc()
	m.screening.Observe(took.Seconds())
}

func (m *Metrics) missScreening(tokens int64) { m.unscreened.Set(float64(tokens)) }

// awaitScreening shows what waits for an answer.
func (m *Metrics) awaitScreening(list []store.WaitingScreenings) {
	m.awaiting.Reset()
	m.oldest.Set(0)

	var oldest time.Time

	for _, w := range list {
		result := string(w.Result)
		if result == "" {
			result = "not_asked"
		}

		m.awaiting.WithLabelValues(result).Set(float64(w.Count))

		if oldest.IsZero() || w.Oldest.Before(oldest) {
			oldest = w.Oldest
			m.oldest.Set(float64(oldest.Unix()))
		}
	}
}

// waiting shows what has arrived and is not credited.
func (m *Metrics) waiting(list []store.OpenCases) {
	m.cases.Reset()

	for _, c := range list {
		m.cases.WithLabelValues(string(c.State), string(c.Reason)).Set(float64(c.Count))
	}
}

// opened shows what has not ended, and forgets what was shown before.
func (m *Metrics) opened(list []store.OpenOffers) {
	m.open.Reset()

	for _, o := range list {
		m.open.WithLabelValues(string(o.Verdict), string(o.Reason), string(o.Work)).Set(float64(o.Count))
	}
}
