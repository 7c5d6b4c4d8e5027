package ingest_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// open gives a migrated database of the test's own.
func open(t *testing.T) *store.DB {
	t.Helper()

	pool := pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })

	db, err := store.Open(t.Context(), secret.New(pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	return db
}

// service makes a service that logs into the test.
func service(t *testing.T, config ingest.Config, node ingest.Node, db *store.DB) *ingest.Service {
	t.Helper()

	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))

	s, err := ingest.New(config, node, db, clock.System{}, log, ingest.NewMetrics(prometheus.NewRegistry()))
	require.NoError(t, err)

	return s
}

// runTo ingests everything up to an offset.
func runTo(t *testing.T, config ingest.Config, node ingest.Node, db *store.DB, end ident.Offset) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	config.StopAt = end
	require.NoError(t, service(t, config, node, db).Run(ctx))
	require.NoError(t, ctx.Err(), "ingestion did not reach offset %d", end)
}

// register gives customers their memos and lists the tokens.
func register(
	t *testing.T, db *store.DB, party ident.Party, memos map[string]string, tokens ...ident.Instrument,
) store.TreasuryID {
	t.Helper()

	treasury, err := db.EnsureTreasury(t.Context(), party, time.Now())
	require.NoError(t, err)

	for text, account := range memos {
		require.NoError(t, db.RegisterMemo(t.Context(), treasury, text, account, time.Now()))
	}

	for _, i := range tokens {
		require.NoError(t, db.ListInstrument(t.Context(), i, amount.Zero(), time.Now()))
	}

	return treasury
}
