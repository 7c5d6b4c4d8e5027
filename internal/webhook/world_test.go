package webhook_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/webhook"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	party = ident.Party("treasury::1220aa")
	// patience is far above what anything takes that is not stuck.
	patience     = 40 * time.Second
	pollInterval = 10 * time.Millisecond
)

// world is a database with a treasury whose events are numbered, and dispatchers.
type world struct {
	t         *testing.T
	db        *store.DB
	pool      *pgxpool.Pool
	treasury  store.TreasuryID
	keys      event.Secret
	clock     *shifted
	tail      *eventlog.Tail
	sequencer *eventlog.Sequencer
	log       *buffer
	told, n   int
}

// shifted is the machine's clock, set ahead.
type shifted struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now implements clock.Clock.
func (s *shifted) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()

	return time.Now().Add(s.ahead)
}

func (s *shifted) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.ahead += d
}

// buffer is a log that tests look into.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.b.Write(p)
}

func begin(t *testing.T) *world {
	t.Helper()

	pool := pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })
	db, err := store.Open(t.Context(), secret.New(pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	keys, err := event.NewSecret(secret.New("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)

	w := &world{t: t, db: db, pool: pool, keys: keys, clock: &shifted{}, log: &buffer{}}
	w.treasury, err = db.EnsureTreasury(t.Context(), party, w.clock.Now())
	require.NoError(t, err)

	w.tail = eventlog.NewTail(db, slog.New(slog.DiscardHandler))
	w.sequencer = &eventlog.Sequencer{
		DB: db, Signer: keys.Signer(), Clock: w.clock, Logger: slog.New(slog.DiscardHandler), Retention: time.Hour,
		Metrics: eventlog.NewMetrics(prometheus.NewRegistry()),
	}
	w.run(w.tail.Run)

	return w
}

// run runs something until the test ends, or what it returns is called.
func (w *world) run(do func(context.Context) error) func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)

	go func() { done <- do(ctx) }()

	var once sync.Once

	stop := func() {
		once.Do(func() {
			cancel()
			require.NoError(w.t, <-done)
		})
	}
	w.t.Cleanup(stop)

	return stop
}

func settings() webhook.Settings {
	return webhook.Settings{Timeout: 10 * time.Second, Workers: 8, AllowNetworks: "127.0.0.0/8", PlainHTTP: true}
}

func (w *world) sender(s webhook.Settings) *webhook.Sender {
	sender, err := webhook.NewSender(s, w.keys, w.clock, rand.Reader)
	require.NoError(w.t, err)
	w.t.Cleanup(sender.CloseIdle)

	return sender
}

func (w *world) dispatcher(change ...func(*webhook.Settings)) *webhook.Dispatcher {
	s := settings()
	for _, c := range change {
		c(&s)
	}

	d, err := webhook.New(s, 10*time.Second, webhook.Parts{
		DB: w.db, Tail: w.tail, Sender: w.sender(s), Clock: w.clock, Random: rand.Reader,
		Logger: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: webhook.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(w.t, err)

	return d
}

// start runs a dispatcher until the test ends, or what it returns is called.
func (w *world) start(change ...func(*webhook.Settings)) func() {
	return w.run(w.dispatcher(change...).Run)
}

// tell has n events happen, named by the numbers of their places.
func (w *world) tell(n int) { w.tellOf("withdrawal.alarm", n) }

func (w *world) tellOf(kind string, n int) {
	for range n {
		w.told++
		w.exec(`INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
			VALUES ($1, gen_random_uuid(), $2, $3, 0, '{"reason":"because","memo":"text"}', now())`, int32(w.treasury), kind, fmt.Sprint(w.told))
	}

	w.number()
}

// number gives all that has happened its place.
func (w *world) number() {
	w.eventually(func() bool {
		_, err := w.sequencer.Step(w.t.Context())
		require.NoError(w.t, err)

		return w.count("SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT FROM event_log l WHERE l.event_id = e.event_id)") == 0
	})
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()

	_, err := w.pool.Exec(context.Background(), query, args...)
	require.NoError(w.t, err)
}

func (w *world) count(query string, args ...any) int {
	w.t.Helper()

	var n int

	require.NoError(w.t, w.pool.QueryRow(context.Background(), query, args...).Scan(&n))

	return n
}

func (w *world) text(query string, args ...any) string {
	w.t.Helper()

	var s string

	require.NoError(w.t, w.pool.QueryRow(context.Background(), query, args...).Scan(&s))

	return s
}

func (w *world) eventually(holds func() bool) {
	w.t.Helper()
	require.Eventually(w.t, holds, patience, pollInterval)
}

// subscribe makes a subscription as the API does. More is SQL that sets what is to be different.
// salt is of the n-th secret.
func salt(n int) uuid.UUID { return uuid.UUID{byte(n)} }

// rotated are the columns of a subscription whose secret is the n-th, while the one before it counts as well.
func rotated(n int) string {
	return fmt.Sprintf("secret_no = %d, salt = '%s', previous_salt = '%s', previous_until = now() + interval '1 hour'", n, salt(n), salt(n-1))
}

func (w *world) subscribe(url, more string) string {
	w.n++
	id := fmt.Sprintf("sub_%012d", w.n)
	w.exec(`INSERT INTO subscriptions (subscription_id, treasury_id, owner, name, url, ordered, batch, per_second, max_backlog, state, cursor_seq, next_at, created_at, changed_at, salt)
		VALUES ($1, $2, 'operator', 'test', $3, true, 1, 1000, 1000000, 'active', 0, $4, $4, $4, $5)`, id, int32(w.treasury), url, w.clock.Now(), salt(1))

	if more != "" {
		w.exec("UPDATE subscriptions SET "+more+" WHERE subscription_id = $1", id)
	}

	return id
}

func (w *world) state(id string) string {
	return w.text("SELECT concat_ws(' ', state, nullif(reason, '')) FROM subscriptions WHERE subscription_id = $1", id)
}

func (w *world) cursor(id string) int {
	return w.count("SELECT cursor_seq FROM subscriptions WHERE subscription_id = $1", id)
}

// request is what a receiver got.
type request struct {
	header   http.Header
	body     []byte
	subjects []string
	ids      []string
}

func (r request) id() string { return r.header.Get("Webhook-Id") }

// receiver is somebody who is told.
type receiver struct {
	*httptest.Server

	mu  sync.Mutex
	got []request
	// taken are the subjects of events that were answered 2xx, in order.
	taken []string
}

// answers says what is answered to the n-th request, counted from 1; 0 is 204.
type answers func(n int, r request, w http.ResponseWriter) int

func receive(t *testing.T, answer answers) *receiver {
	t.Helper()

	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err != nil {
			return
		}

		q := request{header: in.Header, body: body}

		var list []event.Cloud
		if strictjson.Decode(body, &list) != nil {
			var one event.Cloud
			if strictjson.Decode(body, &one) == nil {
				list = append(list, one)
			}
		}

		for _, e := range list {
			q.subjects, q.ids = append(q.subjects, e.Subject), append(q.ids, e.ID)
		}

		r.mu.Lock()
		r.got = append(r.got, q)
		n := len(r.got)
		r.mu.Unlock()

		status := 0
		if answer != nil {
			status = answer(n, q, w)
		}

		if status == 0 {
			status = http.StatusNoContent
		}

		if status < http.StatusMultipleChoices {
			r.mu.Lock()
			r.taken = append(r.taken, q.subjects...)
			r.mu.Unlock()
		}

		w.WriteHeader(status)
	}))
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.Start()
	t.Cleanup(r.Close)

	return r
}

func (r *receiver) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()

	return append([]request{}, r.got...)
}

func (r *receiver) subjects() []string {
	r.mu.Lock()
	defer r.mu.Unlock()

	return append([]string{}, r.taken...)
}

// numbers are the texts of from to to.
func numbers(from, to int) []string {
	var all []string
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprint(n))
	}

	return all
}

// challengeOf is what a receiver is to repeat.
func challengeOf(t *testing.T, body []byte) string {
	t.Helper()

	var asked struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}

	require.NoError(t, strictjson.Decode(body, &asked))
	require.Equal(t, "subscription.challenge", asked.Type)
	require.Len(t, asked.Challenge, 32)

	return asked.Challenge
}
