package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// asProgram makes this test binary behave as the program.
	asProgram = "PROGRAM_TEST"

	secretText = "the secret of a test, which is long enough"
	party      = "treasury::1220aa"
	// patience is far above what anything takes that is not stuck.
	patience = 40 * time.Second
	poll     = 10 * time.Millisecond
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}

	os.Exit(pgtest.Main(m))
}

// TestMistakesAreNamed: what an operator left out or wrote wrong is named in one line, before anything is reached.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()

	set := []string{"CES_DATABASE_URL=postgres://nobody@127.0.0.1:1/none", "CES_EVENTS_SECRET=" + secretText, "CES_ADMIN_ADDR=127.0.0.1:0"}

	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"nothing is set":  {nil, "CES_DATABASE_URL is required and not set: "},
		"no secret":       {set[:1], "CES_EVENTS_SECRET is not set: want at least 32 bytes"},
		"a short secret":  {append(set[:1:1], "CES_EVENTS_SECRET=short"), "CES_EVENTS_SECRET: want at least 32 bytes"},
		"short retention": {append(set, "CES_EVENTS_RETENTION=1m"), `CES_EVENTS_RETENTION="1m0s"`},
		"no lag":          {append(set, "CES_EVENTS_MAX_LAG=0s"), `CES_EVENTS_MAX_LAG="0s"`},
		"a long time-out": {append(set, "CES_EVENTS_TIMEOUT=1m"), `CES_EVENTS_TIMEOUT="1m0s"`},
		"no workers":      {append(set, "CES_EVENTS_WORKERS=0"), `CES_EVENTS_WORKERS="0"`},
		"no network":      {append(set, "CES_EVENTS_ALLOW_NETWORKS=10.0.0.1/8"), `CES_EVENTS_ALLOW_NETWORKS="10.0.0.1/8"`},
		"a typing error":  {append(set, "CES_EVENTS_RETENTOIN=24h"), "did you mean CES_EVENTS_RETENTION?"},
		"two servers":     {append(set, "CES_EVENTS_NATS_URL=nats://a", "CES_EVENTS_NATS_EMBEDDED=/tmp/none"), "CES_EVENTS_NATS_"},
		"a strange place": {append(set, "CES_EVENTS_BROKER_GO_ON=anywhere"), `CES_EVENTS_BROKER_GO_ON="anywhere"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()

			var out, log bytes.Buffer

			command := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this test binary
			command.Env = append([]string{asProgram + "=1"}, c.environ...)
			command.Stdout, command.Stderr = &out, &log
			require.Error(t, command.Run())

			require.Equal(t, service.ExitUsage, command.ProcessState.ExitCode(), "%s", &log)
			require.Empty(t, out.String())
			require.Regexp(t, "^events: CES_", log.String())
			require.Contains(t, log.String(), c.want)
			require.Equal(t, 1, strings.Count(log.String(), "\n"), "one line: %s", &log)
		})
	}
}

// said is what the program logs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.text.Write(line)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.text.String()
}

// address finds where the admin server listens.
func (s *said) address() string {
	for line := range strings.Lines(s.String()) {
		var logged struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &logged) == nil && logged.Msg == "admin server listens" {
			return logged.Address
		}
	}

	return ""
}

// program is one run of cmd/events.
type program struct {
	t       *testing.T
	command *exec.Cmd
	log     *said
	admin   string
}

func start(t *testing.T, dsn string) *program {
	t.Helper()

	p := &program{t: t, log: &said{}, command: exec.CommandContext(t.Context(), os.Args[0])} //nolint:gosec // this test binary
	p.command.Env = []string{
		asProgram + "=1", "CES_DATABASE_URL=" + dsn, "CES_ADMIN_ADDR=127.0.0.1:0", "CES_EVENTS_SECRET=" + secretText,
		"CES_EVENTS_PLAIN_HTTP=true", "CES_EVENTS_ALLOW_NETWORKS=127.0.0.0/8", "CES_EVENTS_NATS_EMBEDDED=" + t.TempDir(),
		"CES_EVENTS_NATS_EMBEDDED_ADDR=127.0.0.1:0",
	}
	p.command.Stderr = p.log
	require.NoError(t, p.command.Start())
	require.Eventually(t, func() bool { return p.log.address() != "" }, patience, poll)

	p.admin = "http://" + p.log.address()

	return p
}

func (p *program) ask(path string) (int, string) {
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.admin+path, http.NoBody)
	require.NoError(p.t, err)

	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)

	defer response.Body.Close()

	body, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)

	return response.StatusCode, string(body)
}

// stop ends it as an operator's machine does, and wants a good end.
func (p *program) stop() {
	p.t.Helper()

	require.NoError(p.t, p.command.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, p.command.Wait(), "%s", p.log)
	require.Equal(p.t, service.ExitOK, p.command.ProcessState.ExitCode())
	require.NotContains(p.t, p.log.String(), `"level":"ERROR"`)
}

// receiver takes webhooks, and gives what it was told.
func receiver(t *testing.T) (address string, told chan []byte) {
	t.Helper()

	keys, err := event.NewSecret(secret.New(secretText))
	require.NoError(t, err)

	verifier, err := standardwebhooks.NewWebhook(keys.WebhookSecret("sub_aaaaaaaaaaaa", uuid.UUID{1}).Reveal())
	require.NoError(t, err)

	told = make(chan []byte, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || verifier.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)

			return
		}

		told <- body
	}))
	t.Cleanup(server.Close)

	return server.URL, told
}

func happen(t *testing.T, pool *pgxpool.Pool, address string) {
	t.Helper()

	//nolint:dupword // columns of SQL
	_, err := pool.Exec(t.Context(), `INSERT INTO subscriptions (subscription_id, treasury_id, owner, name, url, ordered, batch, per_second, max_backlog,
			state, cursor_seq, next_at, created_at, changed_at, salt)
		SELECT 'sub_aaaaaaaaaaaa', treasury_id, 'test', 'test', $1, true, 1, 100, 100, 'active', 0, t, t, t, $2 FROM treasuries, now() AS t`, address, uuid.UUID{1})
	require.NoError(t, err)

	_, err = pool.Exec(t.Context(), `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
		SELECT treasury_id, gen_random_uuid(), 'withdrawal.alarm', 'books', 0, '{"reason": "books"}', now() FROM treasuries`)
	require.NoError(t, err)
}

// TestTheProgram is what an operator sees of it: it is ready, tells a receiver and a broker what happened, counts it, and
// ends when it is told to.
func TestTheProgram(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })

	db, err := store.Open(t.Context(), secret.New(pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	_, err = db.EnsureTreasury(t.Context(), party, time.Now())
	require.NoError(t, err)

	address, told := receiver(t)
	happen(t, pool, address)

	p := start(t, pool.Config().ConnString())

	for _, path := range []string{"/livez", "/readyz"} {
		status, body := p.ask(path)
		require.Equal(t, http.StatusOK, status, "%s: %s", path, body)
	}

	e, err := event.Parse(<-told)
	require.NoError(t, err)
	require.Equal(t, "withdrawal.alarm", e.Type)
	require.Equal(t, event.Sequence(1), e.Sequence)

	for _, want := range []string{
		"ces_events_numbered_total 1\n", `ces_events_webhook_attempts_total{outcome="delivered"} 1` + "\n",
		`ces_events_broker_published_total{sink="nats"} 1` + "\n",
	} {
		require.Eventually(t, func() bool {
			_, metrics := p.ask("/metrics")

			return strings.Contains(metrics, want)
		}, patience, poll, want)
	}

	p.stop()

	// What it had in hand is given back: another instance goes on at once.
	var held int

	require.NoError(t, pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM subscriptions WHERE lease_until > clock_timestamp() OR cursor_seq <> 1)
		+ (SELECT count(*) FROM event_sinks WHERE lease_until > clock_timestamp() OR seq <> 1)`).Scan(&held))
	require.Zero(t, held)
}

// TestTheDatabaseIsAway: it waits for it, says so to whoever asks, and ends when it is told to.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()

	p := start(t, "postgres://nobody@127.0.0.1:1/none")

	status, _ := p.ask("/livez")
	require.Equal(t, http.StatusOK, status)

	status, body := p.ask("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "database")

	require.Eventually(t, func() bool {
		return strings.Contains(p.log.String(), "the database cannot be asked for its time; what goes by it waits until it can")
	}, patience, poll)

	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.command.Wait(), "%s", p.log)
}
