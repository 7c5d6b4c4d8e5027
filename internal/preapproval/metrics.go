package preapproval

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ledger"
)

// Metrics are what operators watch.
type Metrics struct {
	state    *prometheus.GaugeVec
	ends     *prometheus.GaugeVec
	tries    *prometheus.CounterVec
	renewals *prometheus.CounterVec
	troubles *prometheus.CounterVec
}

// NewMetrics registers the metrics of the preapproval.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}

	m := &Metrics{
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ces_deposit_preapproval_state", Help: "1 for how the treasury's preapproval stands, 0 for the other states.",
		}, []string{"state"}),
		ends: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ces_deposit_preapproval_expires_seconds",
			Help: "When the treasury's preapproval ends, or has ended, in seconds since 1970. Absent if there never was one.",
		}, []string{"provider"}),
		tries: counter("ces_deposit_preapproval_tries_total", "Tries to renew it, by what the node said.", "outcome"),
		renewals: counter("ces_deposit_preapproval_renewals_total", "Renewals seen on the ledger, by who made them.",
			"by"),
		troubles: counter("ces_deposit_preapproval_troubles_total", "Interruptions in watching it.", "what"),
	}

	registry.MustRegister(m.state, m.ends, m.tries, m.renewals, m.troubles)

	return m
}

// stands shows how it stands.
func (m *Metrics) stands(o deposit.Outlook) {
	for _, state := range deposit.PreapprovalStates() {
		value := 0.
		if state == o.State {
			value = 1
		}

		m.state.WithLabelValues(string(state)).Set(value)
	}

	m.ends.Reset()

	if o.State != deposit.NoPreapproval {
		m.ends.WithLabelValues(string(o.Current.Provider)).Set(float64(o.Current.ExpiresAt.Unix()))
	}
}

func (m *Metrics) tried(outcome ledger.Outcome) { m.tries.WithLabelValues(outcome.String()).Inc() }

func (m *Metrics) renewed(byUs bool) {
	by := "provider"
	if byUs {
		by = "us"
	}

	m.renewals.WithLabelValues(by).Inc()
}

func (m *Metrics) trouble(what string) { m.troubles.WithLabelValues(what).Inc() }
