package ledger_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/secret"
)

// guard lets only one token pass, which the test may change.
type guard struct {
	mu      sync.Mutex
	token   string
	refused int
}

func (g *guard) set(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.token = token
}

func (g *guard) before(w http.ResponseWriter, r *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()

	if r.Header.Get("Authorization") == "Bearer "+g.token {
		return false
	}

	g.refused++

	reply(w, http.StatusUnauthorized, cantonError("NA", -1, 16, "security-sensitive"))

	return true
}

func TestTokenFileIsReadAgain(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("one\n"), 0o600))

	g := &guard{token: "one"}
	n := newNode(t)
	n.before = g.before
	n.produce(2)
	c := newClient(t, n, func(c *ledger.Config) { c.Tokens = ledger.FileTokens(path) })

	_, err := c.LedgerEnd(within(t))
	require.NoError(t, err)
	require.Equal(t, idsAfter(0, 2), take(t, open(t, c, 0), 2))

	g.set("two")

	_, err = c.LedgerEnd(within(t))
	require.True(t, ledger.IsUnauthorized(err))
	require.Equal(t, ledger.Reauthenticate, ledger.Classify(err))

	require.NoError(t, os.WriteFile(path, []byte("two"), 0o600))

	_, err = c.LedgerEnd(within(t))
	require.NoError(t, err)
	require.Equal(t, idsAfter(0, 2), take(t, open(t, c, 0), 2))

	require.NoError(t, os.WriteFile(path, nil, 0o600))

	_, err = c.LedgerEnd(within(t))
	require.Equal(t, ledger.CodeNoToken, asError(t, err).Code)
	require.Equal(t, ledger.RetryBackoff, ledger.Classify(err))

	require.NoError(t, os.WriteFile(path, []byte("two\nlines"), 0o600))

	_, err = c.LedgerEnd(within(t))
	require.Equal(t, ledger.CodeNoToken, asError(t, err).Code)
	require.NotContains(t, err.Error(), "lines")
}

// provider is an identity provider that numbers its tokens.
type provider struct {
	server *httptest.Server
	issued atomic.Int64
	down   atomic.Bool
	life   atomic.Int64
	form   atomic.Value
}

func newProvider(t *testing.T) *provider {
	t.Helper()

	p := &provider{}
	p.life.Store(300)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			reply(w, http.StatusUnauthorized, `{"error":"invalid_client","error_description":"you sent hush"}`)

			return
		}

		_ = r.ParseForm()
		p.form.Store(r.Form.Encode())
		reply(w, http.StatusOK, fmt.Sprintf(`{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`,
			p.issued.Add(1), p.life.Load()))
	}))
	t.Cleanup(p.server.Close)

	return p
}

func (p *provider) source(t *testing.T, c clock.Clock) ledger.TokenSource {
	t.Helper()

	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)

	s, err := ledger.ClientCredentials(ledger.ClientCredentialsConfig{
		TokenURL: p.server.URL + "/token", ClientID: "ingest", Secret: secret.New("hush"), Audience: "the-node",
		Scopes: []string{"daml_ledger_api"}, Clock: c, HTTPClient: &http.Client{Transport: transport},
	})
	require.NoError(t, err)

	return s
}

func TestClientCredentialsRenewBeforeExpiry(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	now := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s := p.source(t, now)

	expect := func(want string) {
		t.Helper()

		token, err := s.Token(within(t))
		require.NoError(t, err)
		require.Equal(t, want, token.Reveal())
	}

	expect("token-1")
	require.Equal(t,
		"audience=the-node&client_id=ingest&client_secret=hush&grant_type=client_credentials&scope=daml_ledger_api",
		p.form.Load())
	now.Advance(269 * time.Second)
	expect("token-1")
	now.Advance(time.Second) // 30 s left
	expect("token-2")

	// While the provider is down the token serves to its very end, and no longer.
	now.Advance(280 * time.Second)
	p.down.Store(true)
	expect("token-2")
	now.Advance(20 * time.Second)

	_, err := s.Token(within(t))
	require.ErrorContains(t, err, "invalid_client")
	require.NotContains(t, err.Error(), "hush")

	p.down.Store(false)
	p.life.Store(20) // shorter than the margin: used for half its life, not fetched for every call
	expect("token-3")
	now.Advance(9 * time.Second)
	expect("token-3")
	s.Invalidate()
	expect("token-4")

	p.life.Store(0) // no expires_in: some minutes
	s.Invalidate()
	expect("token-5")
	now.Advance(4 * time.Minute)
	expect("token-5")
	now.Advance(time.Minute)
	expect("token-6")
}

func TestClientCredentialsConfigIsChecked(t *testing.T) {
	t.Parallel()

	for _, bad := range []ledger.ClientCredentialsConfig{
		{}, {TokenURL: "x", ClientID: "a", Secret: secret.New("b")}, {TokenURL: "http://h", Secret: secret.New("b")},
		{TokenURL: "http://h", ClientID: "a"}, {TokenURL: "http://u:p@h", ClientID: "a", Secret: secret.New("b")},
	} {
		_, err := ledger.ClientCredentials(bad)
		require.Error(t, err)
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	g := &guard{token: "token-2"}
	n := newNode(t)
	n.before = g.before
	n.produce(2)
	c := newClient(t, n, func(c *ledger.Config) {
		c.Tokens, c.Retry = p.source(t, clock.System{}), ledger.NoRetry()
	})

	_, err := c.LedgerEnd(within(t))
	require.NoError(t, err, "token-1 is refused, token-2 is not")
	require.Equal(t, 1, g.refused)

	g.set("token-3")
	require.Equal(t, idsAfter(0, 2), take(t, open(t, c, 0), 2))
	require.Equal(t, 2, g.refused)

	g.set("none")

	_, err = c.LedgerEnd(within(t))
	require.Equal(t, ledger.Reauthenticate, ledger.Classify(err))
	require.Equal(t, 4, g.refused, "once with the old token, once with a fresh one")

	_, err = c.OpenUpdates(within(t), party, 0)
	require.Equal(t, ledger.Reauthenticate, ledger.Classify(err))
	require.Equal(t, 6, g.refused)
}

func TestAnExpiredStreamTakesAnotherToken(t *testing.T) {
	t.Parallel()

	p := newProvider(t)
	n := newNode(t)
	n.produce(1)

	var messages atomic.Int64

	n.message = func(int, string) string {
		if messages.Add(1) == 1 {
			return cantonError("ACCESS_TOKEN_EXPIRED", 2, 10, "expired")
		}

		return item(2)
	}

	c := newClient(t, n, func(c *ledger.Config) { c.Tokens = p.source(t, clock.System{}) })
	require.True(t, ledger.IsUnauthorized(endOf(t, open(t, c, 0))))
	require.Equal(t, idsAfter(0, 1), take(t, open(t, c, 0), 1))
	require.EqualValues(t, 2, p.issued.Load())
}

func TestErrorsNeverShowTheToken(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.before = answer(401, "text/plain", "no")
	c := newClient(t, n, func(c *ledger.Config) { c.Tokens = ledger.StaticToken(secret.New("s3cret")) })

	_, err := c.LedgerEnd(within(t))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "s3cret")

	e, ok := errors.AsType[*ledger.Error](err)
	require.True(t, ok)
	require.Equal(t, http.StatusUnauthorized, e.HTTPStatus)
}
