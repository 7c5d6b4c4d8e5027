package registry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/secret"
)

// counted is an endpoint that can be told what to say, and counts.
type counted struct {
	url   string
	asked atomic.Int32
	next  atomic.Value // http.HandlerFunc
}

func newCounted(t *testing.T, first http.HandlerFunc) *counted {
	t.Helper()

	c := &counted{}
	c.next.Store(first)
	c.url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		c.asked.Add(1)
		c.next.Load().(http.HandlerFunc)(w, r)
	})

	return c
}

func waits(status int, header string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":"later"}`)
	}
}

// TestAlternatives: what two endpoints say, and what the caller is told.
func TestAlternatives(t *testing.T) {
	t.Parallel()

	good, gone, refused := says(200, goodContext), says(404, `{"error":"x"}`), says(400, `{"error":"x"}`)
	later, broken, absent := says(503, ""), says(200, "?"), says(404, "x")

	for name, c := range map[string]struct {
		first, second http.HandlerFunc
		want          registry.Kind
		rounds        int32 // how often the second is asked, out of three rounds
	}{
		"good":             {good, good, registry.KindNone, 0},
		"the first fails":  {later, good, registry.KindNone, 1},
		"the first lies":   {broken, good, registry.KindNone, 1},
		"one refuses":      {refused, good, registry.KindNone, 1},
		"one is behind":    {gone, good, registry.KindNone, 1},
		"gone":             {later, gone, registry.Gone, 1},
		"gone, then later": {gone, later, registry.Gone, 1},
		"refused":          {refused, broken, registry.Refused, 1},
		"gone and refused": {refused, gone, registry.Gone, 1},
		"later":            {later, broken, registry.Later, 3},
		"broken":           {absent, broken, registry.Broken, 3},
		"misconfigured":    {absent, absent, registry.Misconfigured, 3},
	} {
		first, second := newCounted(t, c.first), newCounted(t, c.second)
		client := at(t, func(cfg *registry.Config) {
			cfg.Retry = registry.Retry{Rounds: 3, Initial: time.Microsecond, Max: time.Millisecond}
		}, first.url, second.url)

		_, err := client.AcceptContext(t.Context(), admin, "00aa", nil)
		require.Equal(t, c.want, registry.KindOf(err), "%s: %v", name, err)
		require.Equal(t, c.rounds, second.asked.Load(), name)
	}
}

func TestTiredEndpointsAreAskedLast(t *testing.T) {
	t.Parallel()

	first, second := newCounted(t, says(503, "")), newCounted(t, says(200, goodContext))
	now := clock.NewManual(time.Unix(1_000_000, 0))
	client := at(t, func(c *registry.Config) { c.Clock = now }, first.url, second.url)
	asks := func(firstAsked, secondAsked int32) {
		t.Helper()

		_, err := client.AcceptContext(t.Context(), admin, "00aa", nil)
		require.NoError(t, err)
		require.Equal(t, []int32{firstAsked, secondAsked}, []int32{first.asked.Load(), second.asked.Load()})
	}

	asks(1, 1)
	first.next.Store(says(200, goodContext))
	asks(1, 2)
	now.Advance(30 * time.Second)
	asks(2, 2)

	// An endpoint that asks for a longer rest gets it.
	first.next.Store(waits(429, "300"))
	asks(3, 3)
	first.next.Store(says(200, goodContext))
	now.Advance(299 * time.Second)
	asks(3, 4)
	second.next.Store(says(503, ""))
	asks(4, 5) // the tired one is asked when the other fails
	now.Advance(time.Second)
	asks(5, 5)
}

func TestSpread(t *testing.T) {
	t.Parallel()

	all := []*counted{}
	urls := []string{}

	for range 3 {
		all = append(all, newCounted(t, says(200, goodContext)))
		urls = append(urls, all[len(all)-1].url)
	}

	client := at(t, func(c *registry.Config) { c.Registries[0].Spread = true }, urls...)
	for range 9 {
		_, err := client.AcceptContext(t.Context(), admin, "00aa", nil)
		require.NoError(t, err)
	}

	for _, c := range all {
		require.Equal(t, int32(3), c.asked.Load())
	}
}

// TestRetryAfterIsTheCallers: a long wait is handed on instead of being slept.
func TestRetryAfterIsTheCallers(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 8, 22, 10, 0, 0, 0, time.UTC))

	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "100000000": time.Hour, "-1": 0, "soon": 0, "": 0,
		"Sat, 22 Aug 2026 10:00:05 GMT": 5 * time.Second, "Sat, 22 Aug 2026 09:00:00 GMT": 0,
	} {
		one := newCounted(t, waits(429, header))
		client := at(t, func(c *registry.Config) {
			c.Clock = now
			c.Retry = registry.Retry{Rounds: 2, Initial: time.Microsecond, Max: time.Millisecond}
		}, one.url)

		_, err := client.Info(t.Context(), admin)
		require.Equal(t, registry.Later, registry.KindOf(err), header)
		require.Equal(t, want, registry.RetryDelay(err), header)

		rounds := int32(2)
		if want > 0 {
			rounds = 1
		}

		require.Equal(t, rounds, one.asked.Load(), header)
	}

	// Of two that ask to wait, the shorter wait will do.
	client := at(t, nil, serve(t, waits(429, "9")), serve(t, waits(503, "4")), serve(t, waits(409, "6")))
	_, err := client.Info(t.Context(), admin)
	require.Equal(t, 4*time.Second, registry.RetryDelay(err))
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()

	server := httptest.NewUnstartedServer(says(200, goodContext))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)

	_, err := at(t, nil, server.URL).Info(t.Context(), admin)
	require.Equal(t, registry.Misconfigured, registry.KindOf(err), "%v", err)

	client := at(t, func(c *registry.Config) {
		c.Registries[0].Endpoints[0].TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
	}, server.URL)
	_, err = client.AcceptContext(t.Context(), admin, "00aa", nil)
	require.NoError(t, err)
	client.CloseIdle()
	server.CloseClientConnections()
}

// noTokens is an identity provider that is down.
type noTokens struct{ ended func() }

func (n noTokens) Token(ctx) (secret.String, error) {
	n.ended()

	return secret.String{}, errors.New("provider is down")
}

func (noTokens) Invalidate() {}

func TestNoAccessToken(t *testing.T) {
	t.Parallel()

	client := func(ended func()) *registry.Client {
		return at(t, func(c *registry.Config) {
			c.Registries[0].Endpoints[0].Tokens = noTokens{ended}
			c.Retry = registry.Retry{Rounds: 2, Initial: time.Microsecond, Max: time.Millisecond}
		}, serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked without a token") }))
	}

	_, err := client(func() {}).Info(t.Context(), admin)
	require.Equal(t, registry.Later, registry.KindOf(err))
	require.ErrorContains(t, err, "provider is down")

	ended, cancel := context.WithCancel(t.Context())
	_, err = client(cancel).Info(ended, admin)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, registry.KindNone, registry.KindOf(err))
}

// TestPausesEndWithTheContext: nobody waits for a caller who has gone.
func TestPausesEndWithTheContext(t *testing.T) {
	t.Parallel()

	ended, cancel := context.WithCancel(t.Context())
	one := newCounted(t, says(503, ""))
	client := at(t, func(c *registry.Config) {
		c.Logger = slog.New(cancelling{slog.DiscardHandler, cancel})
		c.Retry = registry.Retry{Rounds: 2, Initial: time.Hour, Max: time.Hour}
	}, one.url)

	_, err := client.Info(ended, admin)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, int32(1), one.asked.Load())
}

// cancelling ends a context when a failure is logged, which is just before the pause.
type cancelling struct {
	slog.Handler

	cancel func()
}

func (cancelling) Enabled(ctx, slog.Level) bool { return true }

func (c cancelling) Handle(ctx, slog.Record) error {
	c.cancel()

	return nil
}
