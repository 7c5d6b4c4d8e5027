package broker_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/broker/jetstream"
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
	other    = ident.Party("treasury.other::1220aa")
	patience = 2 * time.Minute
	poll     = 10 * time.Millisecond
	token    = "a token of the test's"

	// serve makes the test's binary a NATS server in the directory and at the address that it gives, for others to kill; a
	// member of a cluster where it gives the addresses for that too.
	serve = "CES_TEST_NATS_SERVE"
)

func TestMain(m *testing.M) {
	if given := strings.Fields(os.Getenv(serve)); len(given) > 0 {
		os.Exit(served(given))
	}

	os.Exit(pgtest.Main(m))
}

func served(given []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	run := serveAlone
	if len(given) > 2 {
		run = serveMember
	}

	if err := run(ctx, given); err != nil {
		fmt.Fprintln(os.Stderr, err)

		return 1
	}

	return 0
}

func serveAlone(ctx context.Context, given []string) error {
	e, _, err := jetstream.StartEmbedded(ctx, settings(given[0], given[1]), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}

	<-ctx.Done()
	e.Stop()

	return nil
}

func settings(dir, addr string) jetstream.Settings {
	return jetstream.Settings{
		Embedded: dir, EmbeddedAddr: addr, EmbeddedDisk: 1 << 30, Token: secret.New(token), Stream: "CES", Create: true, Replicas: 1,
		URL: "nats://" + addr, MaxAge: time.Hour,
	}
}

// embedded is a server in this process.
func embedded(t *testing.T) jetstream.Settings {
	t.Helper()

	e, s, err := jetstream.StartEmbedded(t.Context(), settings(t.TempDir(), "127.0.0.1:0"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(e.Stop)

	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())

	return l.Addr().String()
}

// world is a database with events.
type world struct {
	t          *testing.T
	pool       *pgxpool.Pool
	db         *store.DB
	keys       event.Secret
	sequencer  *eventlog.Sequencer
	treasuries map[ident.Party]store.TreasuryID
}

func newWorld(t *testing.T) *world {
	t.Helper()

	pool := pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })
	w := &world{t: t, pool: pool, db: reopen(t, pool), treasuries: map[ident.Party]store.TreasuryID{}}

	var err error
	w.keys, err = event.NewSecret(secret.New(strings.Repeat("k", event.MinSecret)))
	require.NoError(t, err)

	w.sequencer = &eventlog.Sequencer{
		DB: w.db, Signer: w.keys.Signer(), Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler),
		Metrics: eventlog.NewMetrics(prometheus.NewRegistry()), Retention: time.Nanosecond,
	}

	for _, p := range []ident.Party{party, other} {
		w.treasuries[p], err = w.db.EnsureTreasury(t.Context(), p, time.Now())
		require.NoError(t, err)
	}

	return w
}

func reopen(t *testing.T, pool *pgxpool.Pool) *store.DB {
	t.Helper()

	db, err := store.Open(t.Context(), secret.New(pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	return db
}

// happen writes n events of a treasury, and has them numbered.
func (w *world) happen(of ident.Party, n int) {
	w.t.Helper()

	_, err := w.pool.Exec(w.t.Context(), `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
		SELECT $1, gen_random_uuid(), 'deposit.credited', 'deposit ' || n, 0, '{"amount": "1"}', now() FROM generate_series(1, $2::integer) AS n`,
		int32(w.treasuries[of]), n)
	require.NoError(w.t, err)
	w.number()
}

// happens writes one event with an id.
func (w *world) happens(of ident.Party, id string) {
	w.t.Helper()

	_, err := w.pool.Exec(w.t.Context(), `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
		VALUES ($1, $2, 'deposit.credited', 'a deposit', 0, '{"amount": "1"}', now())`, int32(w.treasuries[of]), id)
	require.NoError(w.t, err)
	w.number()
}

// number gives all events their places.
func (w *world) number() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		_, err := w.sequencer.Step(w.t.Context())
		require.NoError(w.t, err)

		var left int

		require.NoError(w.t, w.pool.QueryRow(w.t.Context(), "SELECT (SELECT count(*) FROM events) - (SELECT count(*) FROM event_log)").Scan(&left))

		return left == 0
	}, patience, poll)
}

// told is how far the broker has been told, as the database knows it.
func (w *world) told(sink string, of ident.Party) int64 {
	w.t.Helper()

	var seq int64

	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), "SELECT coalesce(max(seq), 0) FROM event_sinks WHERE sink = $1 AND treasury_id = $2",
		sink, int32(w.treasuries[of])).Scan(&seq))

	return seq
}

func (w *world) untilTold(sink string, of ident.Party, seq int64) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.told(sink, of) >= seq }, patience, poll)
}

// timing is quick, so that a test is.
func timing() broker.Timing {
	return broker.Timing{
		Lease: 2 * time.Second, Publish: 10 * time.Second, Look: poll, MinWait: poll, MaxWait: 20 * poll, Page: 50,
	}
}

// start runs a publisher as another instance would, and gives what stops it.
func (w *world) start(goOn []string, brokers ...broker.Broker) (registry *prometheus.Registry, stop func()) {
	w.t.Helper()

	db, err := store.Open(w.t.Context(), secret.New(w.pool.Config().ConnString()))
	require.NoError(w.t, err)

	logger := slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	registry = prometheus.NewRegistry()
	p := &broker.Publisher{
		DB: db, Tail: eventlog.NewTail(db, logger), Brokers: brokers, Clock: clock.System{}, Logger: logger,
		Metrics: broker.NewMetrics(registry), Owner: "test", Config: broker.Settings{GoOn: goOn}, Timing: timing(),
	}

	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 2)

	go func() { ended <- p.Tail.Run(ctx) }()
	go func() { ended <- p.Run(ctx) }()

	return registry, func() {
		cancel()
		require.NoError(w.t, <-ended)
		require.NoError(w.t, <-ended)
		db.Close()
	}
}

// events are those of the log.
func (w *world) events(of ident.Party) []store.LoggedEvent {
	w.t.Helper()

	events, err := w.db.EventsAfter(w.t.Context(), w.treasuries[of], 0, 1_000_000)
	require.NoError(w.t, err)

	return events
}

// natsBroker is the sink of these settings.
func natsBroker(t *testing.T, s jetstream.Settings) *jetstream.Broker {
	t.Helper()

	b, err := jetstream.New(s, slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	return b
}

// connect is a connection as a consumer has it.
func connect(t *testing.T, s jetstream.Settings) natsjs.JetStream {
	t.Helper()

	login := nats.Token(s.Token.Reveal())
	if s.Username != "" {
		login = nats.UserInfo(s.Username, s.Password.Reveal())
	}

	nc, err := nats.Connect(s.URL, login, nats.PingInterval(time.Second), nats.MaxReconnects(-1),
		nats.ReconnectWait(10*poll)) // whatever becomes of the servers
	require.NoError(t, err)
	t.Cleanup(nc.Close)

	js, err := natsjs.New(nc)
	require.NoError(t, err)

	return js
}

// streamed are the messages of a treasury's stream from a sequence on.
func streamed(t *testing.T, s jetstream.Settings, of ident.Party) []*natsjs.RawStreamMsg {
	t.Helper()

	stream, err := connect(t, s).Stream(t.Context(), natsBroker(t, s).StreamName(of))
	require.NoError(t, err)

	state := stream.CachedInfo().State
	messages := make([]*natsjs.RawStreamMsg, 0, state.Msgs)

	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := stream.GetMsg(t.Context(), seq)
		require.NoError(t, err)

		messages = append(messages, m)
	}

	return messages
}

// requireStreamed wants the stream to be the log, from an event on.
func (w *world) requireStreamed(s jetstream.Settings, of ident.Party) {
	w.t.Helper()

	messages, events := streamed(w.t, s, of), w.events(of)
	require.Len(w.t, messages, len(events))

	for i, e := range events {
		require.EqualValues(w.t, i+1, e.Seq)
		require.Equal(w.t, event.Sequence(e.Seq), messages[i].Header.Get("ce-sequence"))
		require.Equal(w.t, e.ID.String(), messages[i].Header.Get("Nats-Msg-Id"))
		require.Equal(w.t, e.Body, messages[i].Data)
	}
}
