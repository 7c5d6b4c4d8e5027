package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	treasury = ident.Party("treasury::1220aa")
	other    = ident.Party("treasury::1220bb")
)

func TestMain(m *testing.M) {
	openapi3filter.RegisterBodyDecoder(event.MediaType, openapi3filter.JSONBodyDecoder)
	os.Exit(pgtest.Main(m))
}

func migrate(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) }

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is the API over a database of the test's own, on a real address.
type world struct {
	t        *testing.T
	db       *store.DB
	pool     *pgxpool.Pool
	clock    *clock.Manual
	log      *logged
	settings api.Settings
	handler  *api.Handler
	registry *prometheus.Registry
	server   *httptest.Server
	routes   routes
	secret   event.Secret
}

// logged is what the API logs, all of it.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.text.String()
}

// settings are those of a service about which nothing was said.
func settings(t *testing.T, environ ...string) api.Settings {
	t.Helper()

	var cfg struct{ API api.Settings }

	require.NoError(t, service.Load(&cfg, environ))

	return cfg.API
}

// begin starts the API. What wrap gives, if anything, takes the requests instead of the API itself.
func begin(t *testing.T, environ ...string) *world {
	t.Helper()

	pool := pgtest.New(t, migrate)

	return beginOn(t, pool, pool.Config().ConnString(), environ...)
}

// beginOn starts the API over a database that is reached by an address of the test's.
func beginOn(t *testing.T, pool *pgxpool.Pool, dsn string, environ ...string) *world {
	t.Helper()

	w := &world{
		t: t, pool: pool, clock: clock.NewManual(start()), log: &logged{}, settings: settings(t, environ...), routes: routes{document(t)},
		registry: prometheus.NewRegistry(),
	}

	var err error

	w.db, err = store.Open(t.Context(), secret.New(dsn))
	require.NoError(t, err)
	t.Cleanup(w.db.Close)

	for _, party := range []ident.Party{treasury, other} {
		_, err = pool.Exec(t.Context(), "INSERT INTO treasuries (party, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", party, start())
		require.NoError(t, err)
	}

	w.secret, err = event.NewSecret(secret.New(strings.Repeat("s", event.MinSecret)))
	require.NoError(t, err)

	tail := eventlog.NewTail(w.db, slog.New(slog.DiscardHandler))
	following, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})

	go func() {
		defer close(ended)

		_ = tail.Run(following)
	}()

	t.Cleanup(func() { // before the database closes, and after the server has
		cancel()
		<-ended
	})

	w.handler, err = api.NewHandler(&w.settings, api.Parts{
		DB: w.db, Events: tail, Secret: &w.secret, Clock: w.clock, Logger: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Random: rand.Reader, Metrics: api.NewMetrics(w.registry),
	})
	require.NoError(t, err)

	w.serve(w.handler)

	return w
}

// serve has a handler take the requests from now on.
func (w *world) serve(handler http.Handler) {
	w.server = httptest.NewServer(handler)
	w.t.Cleanup(w.server.Close)
}

// key makes a key with these scopes, for all treasuries and from anywhere.
func (w *world) key(scopes ...string) string {
	w.t.Helper()

	return w.keyWith(store.APIKey{Scopes: scopes})
}

// keyWith makes a key with these rights.
func (w *world) keyWith(rights store.APIKey) string {
	w.t.Helper()

	key, text, err := api.NewKey(rand.Reader)
	require.NoError(w.t, err)

	rights.ID, rights.Prefix, rights.Hash, rights.Name = key.ID, key.Prefix, key.Hash, "test"
	if rights.PerSecond == 0 {
		rights.PerSecond = 10000
	}

	_, err = w.db.CreateAPIKey(w.t.Context(), rights, "test", w.clock.Now())
	require.NoError(w.t, err)

	return text.Reveal()
}

// keyIDOf is the id of a key.
func keyIDOf(key string) string { return "k_" + key[len("ces_"):len("ces_")+12] }

// reply is what was answered.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// is wants a status, and for a problem its code.
func (r *reply) is(status int, code ...string) *reply {
	r.t.Helper()

	require.Equal(r.t, status, r.status, "%s", r.body)

	if status >= http.StatusBadRequest {
		require.Equal(r.t, "application/problem+json", r.header.Get("Content-Type"))
	}

	if len(code) > 0 {
		require.Equal(r.t, code[0], r.member("code"), "%s", r.body)
	}

	return r
}

// member reads a member of the answer.
func (r *reply) member(path ...string) any {
	r.t.Helper()

	var value any

	require.NoError(r.t, json.Unmarshal(r.body, &value), "%s", r.body)

	for _, name := range path {
		value = value.(map[string]any)[name]
	}

	return value
}

// text is member for texts.
func (r *reply) text(path ...string) string {
	r.t.Helper()

	text, _ := r.member(path...).(string)

	return text
}

// ask sends a request and reads all of its answer. Headers are names and values by turns.
func (w *world) ask(method, path, key, body string, headers ...string) *reply {
	w.t.Helper()

	r, err := w.try(method, path, key, body, headers...)
	require.NoError(w.t, err)

	return r
}

// try is ask for answers that may not come.
func (w *world) try(method, path, key, body string, headers ...string) (*reply, error) {
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}

	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}

	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}

	if body != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}

	response, err := w.server.Client().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()

	if response.Header.Get("Content-Type") == streamType { // which has no end: that it began must do
		return &reply{t: w.t, status: response.StatusCode, header: response.Header}, nil
	}

	raw, err := io.ReadAll(response.Body)
	if err == nil {
		promised(w.t, w.routes, request, response.StatusCode, response.Header, raw)
	}

	return &reply{t: w.t, status: response.StatusCode, header: response.Header, body: raw}, err
}

func (w *world) get(path, key string, headers ...string) *reply {
	w.t.Helper()

	return w.ask(http.MethodGet, path, key, "", headers...)
}

func (w *world) post(path, key, body string, headers ...string) *reply {
	w.t.Helper()

	return w.ask(http.MethodPost, path, key, body, headers...)
}

// gauge reads a metric that has no labels.
func (w *world) gauge(name string) float64 {
	w.t.Helper()

	families, err := w.registry.Gather()
	require.NoError(w.t, err)

	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}

	require.Fail(w.t, "there is no metric "+name)

	return 0
}

// count counts rows.
func (w *world) count(query string, arguments ...any) int {
	w.t.Helper()

	var n int

	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), query, arguments...).Scan(&n))

	return n
}
