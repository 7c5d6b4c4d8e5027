package eventlog_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	party    = ident.Party("treasury::1220aa")
	home     = ident.SynchronizerID("global::1220ee")
	patience = 30 * time.Second

	pollInterval = 10 * time.Millisecond
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is a treasury, its outbox and a sequencer.
type world struct {
	t        *testing.T
	db       *store.DB
	pool     *pgxpool.Pool
	treasury store.TreasuryID
	clock    *clock.Manual
	keys     event.Secret
	log      *eventlog.Sequencer
}

func begin(t *testing.T) *world {
	t.Helper()

	pool := pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })

	db, err := store.Open(t.Context(), secret.New(pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	treasury, err := db.EnsureTreasury(t.Context(), party, start())
	require.NoError(t, err)

	keys, err := event.NewSecret(secret.New(strings.Repeat("s", event.MinSecret)))
	require.NoError(t, err)

	w := &world{t: t, db: db, pool: pool, treasury: treasury, clock: clock.NewManual(start()), keys: keys}
	w.log = &eventlog.Sequencer{
		DB: db, Signer: keys.Signer(), Clock: w.clock, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Retention: time.Hour,
		Metrics: eventlog.NewMetrics(prometheus.NewRegistry()),
	}

	return w
}

func (w *world) exec(statement string, args ...any) {
	w.t.Helper()

	_, err := w.pool.Exec(w.t.Context(), statement, args...)
	require.NoError(w.t, err)
}

// write puts events into the outbox.
func (w *world) write(n int) {
	w.t.Helper()

	for i := range n {
		w.exec(`INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) VALUES ($1, gen_random_uuid(), 'withdrawal.alarm', $2, 0, $3, $4)`,
			int32(w.treasury), fmt.Sprint(i), `{"reason": "books"}`, w.clock.Now())
	}
}

// number numbers until n events have their places.
func (w *world) number(n int64) {
	w.t.Helper()

	require.Eventually(w.t, func() bool {
		_, err := w.log.Step(w.t.Context())
		require.NoError(w.t, err)

		head, err := w.db.EventHead(w.t.Context(), w.treasury)
		require.NoError(w.t, err)

		return head.Seq >= n
	}, patience, pollInterval)
}

func (w *world) all() []store.LoggedEvent {
	w.t.Helper()

	events, err := w.db.EventsAfter(w.t.Context(), w.treasury, 0, 10000)
	require.NoError(w.t, err)

	return events
}
