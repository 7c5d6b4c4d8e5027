package api

import (
	"io"
	"log/slog"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/store"
)

// Parts are what the API works with.
type Parts struct {
	DB     *store.DB
	Clock  clock.Clock
	Logger *slog.Logger
	// Metrics are what NewMetrics gave.
	Metrics *Metrics
	// Random makes keys: crypto/rand.Reader, or something seeded in tests.
	Random io.Reader
}

// Service answers the exchange's systems. Several may run at once on the same database; they keep nothing.
type Service struct {
	Parts

	waiting *places // of requests that wait for something
}
