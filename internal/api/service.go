package api

import (
	"io"
	"log/slog"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/store"
)

// Parts are what the API works with.
type Parts struct {
	DB     *store.DB
	Events *eventlog.Tail // which somebody runs
	Clock  clock.Clock
	Logger *slog.Logger
	// Secret is what the keys of events are made from; nil where the operators have set none up.
	Secret *event.Secret
	// Metrics are what NewMetrics gave.
	Metrics *Metrics
	// Random makes keys: crypto/rand.Reader, or something seeded in tests.
	Random io.Reader
}

// Service answers the exchange's systems. Several may run at once on the same database; they keep nothing.
type Service struct {
	Parts

	waiting      *places // of requests that wait for something
	eventWaiting *places // of requests that wait for events, for which the database is not asked
	streams      *streams
	// plainWebhooks lets subscriptions have URLs with http.
	plainWebhooks bool
}
