package ledger_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
)

func asError(t *testing.T, err error) *ledger.Error {
	t.Helper()

	e, ok := errors.AsType[*ledger.Error](err)
	require.True(t, ok, "%v", err)

	return e
}

func answer(status int, kind, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))

		return true
	}
}

func TestNodeFacts(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/prefix/v2/version":
			reply(w, 200, `{"version":"3.5.1-SNAPSHOT","features":{"offsetCheckpoint":{"maxOffsetCheckpointEmissionDelay":`+
				`{"seconds":75,"nanos":5,"unknownFields":{"fields":{}}}},"later":{}}}`)
		case "/prefix/v2/state/latest-pruned-offsets":
			reply(w, 200, `{"participantPrunedUpToInclusive":1200}`)
		case "/prefix/v2/state/connected-synchronizers":
			reply(w, 200, `{"connectedSynchronizers":[{"synchronizerAlias":"global","synchronizerId":"`+synchronizer+
				`","permission":"PARTICIPANT_PERMISSION_SUBMISSION"}]}`)
			if r.URL.Query().Get("party") != string(party) {
				t.Errorf("query %q", r.URL.RawQuery)
			}
		case "/prefix/v2/parties/participant-id":
			reply(w, 200, `{"participantId":"node::1220cc"}`)
		case "/prefix/v2/state/ledger-end":
			reply(w, 200, `{}`)
		default:
			return false
		}

		return true
	}

	c := newClient(t, n, func(c *ledger.Config) { c.URL += "/prefix/" })

	version, err := c.Version(within(t))
	require.NoError(t, err)
	require.Equal(t, ledger.Version{
		Text: "3.5.1-SNAPSHOT", Major: 3, Minor: 5, Patch: 1, MaxCheckpointDelay: 75*time.Second + 5,
	}, version)
	require.True(t, version.AtLeast(3, 5))
	require.False(t, version.AtLeast(3, 6))

	pruned, err := c.PrunedOffsets(within(t))
	require.NoError(t, err)
	require.Equal(t, ledger.PrunedOffsets{Participant: 1200}, pruned)

	connected, err := c.ConnectedSynchronizers(within(t), party)
	require.NoError(t, err)
	require.Equal(t, []ledger.ConnectedSynchronizer{
		{ID: synchronizer, Alias: "global", Permission: "PARTICIPANT_PERMISSION_SUBMISSION"},
	}, connected)

	id, err := c.ParticipantID(within(t))
	require.NoError(t, err)
	require.Equal(t, ident.ParticipantID("node::1220cc"), id)

	end, err := c.LedgerEnd(within(t))
	require.NoError(t, err)
	require.Equal(t, ident.Begin, end, "an empty node leaves the offset out")
}

func TestAnswersThatAreNoAnswers(t *testing.T) {
	t.Parallel()

	bomb := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")

		z := gzip.NewWriter(w)
		for range 64 {
			if _, err := z.Write(make([]byte, 1<<20)); err != nil {
				return true
			}
		}

		_ = z.Close()

		return true
	}
	cut := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"offset":`))

		panic(http.ErrAbortHandler)
	}

	cases := []struct {
		name   string
		before func(http.ResponseWriter, *http.Request) bool
		code   string
		advice ledger.Advice
		tries  int64
	}{
		{"garbage", answer(200, "application/json", `{"offset":1`), ledger.CodeMalformed, ledger.Stop, 1},
		{
			"duplicate member", answer(200, "application/json", `{"offset":1,"offset":2}`),
			ledger.CodeMalformed, ledger.Stop, 1,
		},
		{"negative", answer(200, "application/json", `{"offset":-1}`), ledger.CodeMalformed, ledger.Stop, 1},
		{"a proxy's page", answer(200, "text/html", `<html>\x1b`), ledger.CodeNotJSON, ledger.RetryBackoff, 3},
		{"a proxy's error", answer(502, "text/html", `<html>`), ledger.CodeRefused, ledger.RetryBackoff, 3},
		{"too slow", answer(503, "text/plain", `The server was not able to`), ledger.CodeRefused, ledger.RetryBackoff, 3},
		{"a damaged error", answer(400, "application/json", `{"code":"X","c`), ledger.CodeGarbled, ledger.Stop, 1},
		{"an older error", answer(404, "application/json", `{"status":404}`), ledger.CodeRefused, ledger.Stop, 1},
		{"bad request in words", answer(400, "text/plain", `Invalid value for: body`), ledger.CodeRefused, ledger.Stop, 1},
		{"gzip bomb", bomb, ledger.CodeTooLarge, ledger.Stop, 1},
		{"cut short", cut, ledger.CodeConnection, ledger.RetryBackoff, 3},
		{"nothing", answer(500, "", ``), ledger.CodeRefused, ledger.Stop, 1},
		{"redacted", answer(500, "application/json", cantonError("NA", -1, 13, "secret")), "NA", ledger.Stop, 1},
		{
			"the gateway's sentence", answer(503, "application/json", cantonError("io exception: host down", -1, 14, "x")),
			ledger.CodeRefused, ledger.RetryBackoff, 3,
		},
		{
			"an error with odd details",
			answer(400, "application/json", `{"code":"INVALID_ARGUMENT","cause":"no","context":{"a":1},"errorCategory":8}`),
			"INVALID_ARGUMENT", ledger.Stop, 1,
		},
	}

	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			var tries atomic.Int64

			n := newNode(t)
			n.before = func(w http.ResponseWriter, r *http.Request) bool {
				tries.Add(1)

				return tc.before(w, r)
			}

			_, err := newClient(t, n, func(c *ledger.Config) { c.MaxMessage = 1 << 20 }).LedgerEnd(within(t))
			require.Equal(t, tc.code, asError(t, err).Code)
			require.Equal(t, tc.advice, ledger.Classify(err), "%v", err)
			require.Equal(t, tc.tries, tries.Load())
			require.NotContains(t, err.Error(), "\x1b")
		})
	}
}

// An answer without end is read up to the bound and no further.
func TestAnAnswerWithoutEnd(t *testing.T) {
	t.Parallel()

	const most = 1 << 30

	written := make(chan int, 1)
	n := newNode(t)
	n.before = func(w http.ResponseWriter, _ *http.Request) bool {
		sent, chunk := 0, make([]byte, 1<<20)

		for sent < most {
			if _, err := w.Write(chunk); err != nil {
				break
			}

			sent += len(chunk)
		}

		written <- sent

		return true
	}

	_, err := newClient(t, n, func(c *ledger.Config) { c.MaxMessage = 1 << 20 }).LedgerEnd(within(t))
	require.Equal(t, ledger.CodeTooLarge, asError(t, err).Code)
	require.Less(t, <-written, most)
}

func TestErrorTextsAreBoundedAndEscaped(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.before = answer(400, "application/json",
		cantonError("INVALID_ARGUMENT", 8, 3, "line\nbreak \x1b[31m \u202e"+strings.Repeat("x", 1<<20)))

	_, err := newClient(t, n).LedgerEnd(within(t))
	require.Less(t, len(err.Error()), 2000)

	for _, bad := range []string{"\n", "\x1b", "\u202e"} {
		require.NotContains(t, err.Error(), bad)
	}
}

func TestRetryHints(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	n := newNode(t)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/v2/state/latest-pruned-offsets":
			w.Header().Set("Retry-After", "Fri, 02 Jan 2026 03:04:15 GMT")
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case "/v2/version":
			w.Header().Set("Retry-After", "7")
			http.Error(w, "busy", http.StatusTooManyRequests)
		case "/v2/parties/participant-id":
			w.Header().Set("Retry-After", "99999999")
			http.Error(w, "busy", http.StatusServiceUnavailable)
		default:
			reply(w, http.StatusConflict, strings.Replace(cantonError("PARTICIPANT_BACKPRESSURE", 2, 10, "busy"),
				`"retryInfo":null`, `"retryInfo":"100 milliseconds"`, 1))
		}

		return true
	}

	c := newClient(t, n, func(c *ledger.Config) { c.Retry, c.Clock = ledger.NoRetry(), now })

	_, err := c.PrunedOffsets(within(t))
	require.Equal(t, 10*time.Second, ledger.RetryDelay(err))
	now.Advance(time.Hour)

	_, err = c.PrunedOffsets(within(t))
	require.Zero(t, ledger.RetryDelay(err))
	now.Advance(-10 * time.Hour)

	_, err = c.PrunedOffsets(within(t))
	require.Equal(t, time.Minute, ledger.RetryDelay(err))

	_, err = c.Version(within(t))
	require.Equal(t, 7*time.Second, ledger.RetryDelay(err))

	_, err = c.ParticipantID(within(t))
	require.Equal(t, time.Minute, ledger.RetryDelay(err), "a stranger cannot put us to sleep")

	_, err = c.LedgerEnd(within(t))
	require.Equal(t, 100*time.Millisecond, ledger.RetryDelay(err))
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()

	var hits atomic.Int64

	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(elsewhere.Close)

	n := newNode(t)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)

		return true
	}

	for _, client := range []*http.Client{nil, {Timeout: patience}} {
		c := newClient(t, n, func(c *ledger.Config) { c.HTTPClient = client })

		_, err := c.LedgerEnd(within(t))
		require.Equal(t, ledger.CodeRedirected, asError(t, err).Code)
		require.ErrorContains(t, err, elsewhere.URL)
		require.Equal(t, ledger.Stop, ledger.Classify(err))
	}

	require.Zero(t, hits.Load())
}

func TestSlowServerAndCancellation(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	asked := make(chan struct{}, 10)
	n.before = func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- struct{}{}

		<-r.Context().Done()

		return true
	}

	hasty := newClient(t, n, func(c *ledger.Config) { c.RequestTimeout, c.Retry = 50*time.Millisecond, ledger.NoRetry() })

	_, err := hasty.LedgerEnd(within(t))
	require.Equal(t, ledger.CodeTimeout, asError(t, err).Code)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "our caller's deadline is another matter")
	require.Equal(t, ledger.RetryBackoff, ledger.Classify(err))

	<-asked

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()

	_, err = newClient(t, n).LedgerEnd(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, ledger.Canceled, ledger.Classify(err))
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	address := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())

	c, err := ledger.New(ledger.Config{URL: address, Retry: ledger.NoRetry()})
	require.NoError(t, err)

	_, err = c.LedgerEnd(within(t))
	require.Equal(t, ledger.CodeConnection, asError(t, err).Code)
	require.Equal(t, ledger.RetryBackoff, ledger.Classify(err))

	_, err = c.OpenUpdates(within(t), party, 0)
	require.Equal(t, ledger.CodeConnection, asError(t, err).Code)
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()

	var opened atomic.Int64

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusBadGateway, strings.Repeat("x", 1000))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}

	server.Start()
	t.Cleanup(server.Close)

	c, err := ledger.New(ledger.Config{URL: server.URL, Retry: ledger.NoRetry()})
	require.NoError(t, err)
	t.Cleanup(c.CloseIdle)

	for range 20 {
		_, err := c.LedgerEnd(within(t))
		require.Error(t, err)
	}

	require.EqualValues(t, 1, opened.Load())
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()

	var subject atomic.Value

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject.Store(r.TLS.PeerCertificates[0].Subject.String())
		reply(w, http.StatusOK, `{"offset":5}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)

	// The test server's own certificate serves as ours, too.
	dir := t.TempDir()
	pair := server.TLS.Certificates[0]
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, ca, "CERTIFICATE", server.Certificate().Raw)
	writePEM(t, cert, "CERTIFICATE", pair.Certificate[0])

	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	writePEM(t, key, "PRIVATE KEY", der)

	try := func(settings ledger.TLS) error {
		c, err := ledger.New(ledger.Config{URL: server.URL, TLS: settings, Retry: ledger.NoRetry()})
		require.NoError(t, err)

		defer c.CloseIdle()

		_, err = c.LedgerEnd(within(t))

		return err
	}

	require.NoError(t, try(ledger.TLS{CAFile: ca, CertFile: cert, KeyFile: key, ServerName: "example.com"}))
	require.NotEmpty(t, subject.Load())
	require.Error(t, try(ledger.TLS{CAFile: ca}), "the node wants to know who we are")
	require.Error(t, try(ledger.TLS{CertFile: cert, KeyFile: key}), "we want to know who the node is")

	for _, bad := range []ledger.TLS{
		{CAFile: key}, {CAFile: dir + "/none"}, {CertFile: cert}, {CertFile: ca, KeyFile: ca},
	} {
		_, err := ledger.New(ledger.Config{URL: server.URL, TLS: bad})
		require.Error(t, err)
	}
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()

	for _, bad := range []ledger.Config{
		{}, {URL: "://"}, {URL: "ftp://h"}, {URL: "http://"}, {URL: "http://u:p@h"}, {URL: "http://h?x=1"},
		{URL: "http://h#x"}, {URL: "http://h/v2"}, {URL: "http://h/v2/"}, {URL: "http://h", MaxMessage: 1},
		{URL: "http://h", RequestTimeout: -1}, {URL: "http://h", Shape: "flat"},
		{URL: "http://h", Retry: ledger.Retry{Attempts: -1}}, {URL: "http://h", Interfaces: []ledger.Interface{}},
		{URL: "http://h", Interfaces: []ledger.Interface{
			{ID: ident.Name{Package: "ab", Module: "M", Entity: "E"}, Mandatory: true},
		}},
		{URL: "http://h", HTTPClient: &http.Client{}, TLS: ledger.TLS{ServerName: "x"}},
	} {
		_, err := ledger.New(bad)
		require.Error(t, err, "%+v", bad)
		require.NotContains(t, err.Error(), "u:p")
	}
}

func TestUpdatesArePagedToTheEnd(t *testing.T) {
	t.Parallel()

	for _, maximum := range []int{200, 37, 1} {
		t.Run(fmt.Sprintf("limit %d", maximum), func(t *testing.T) {
			t.Parallel()

			n := newNode(t)
			n.maximum = maximum
			n.produce(450)

			var got []string

			err := newClient(t, n).Updates(within(t), party, 100, 800, func(raw []byte) error {
				got = append(got, updateID(t, raw))

				return nil
			})
			require.NoError(t, err)
			require.Equal(t, idsAfter(100, 350), got)
		})
	}
}

func TestUpdatesShrinkPagesThatAreTooLarge(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.produce(100)

	count := 0
	c := newClient(t, n, func(c *ledger.Config) { c.MaxMessage = 2048 })
	err := c.Updates(within(t), party, 0, 200, func([]byte) error {
		count++

		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 100, count)
}

func TestUpdatesAreCompleteOrAnError(t *testing.T) {
	t.Parallel()

	list := func(items ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}

			reply(w, http.StatusOK, "["+strings.Join(items, ",")+"]")

			return true
		}
	}
	stop := errors.New("enough")

	cases := []struct {
		name   string
		end    ident.Offset
		before func(http.ResponseWriter, *http.Request) bool
		check  func(t *testing.T, err error)
	}{
		{name: "beyond the ledger end", end: 11, check: func(t *testing.T, err error) {
			t.Helper()
			require.True(t, ledger.IsBeyondLedgerEnd(err))
			require.Equal(t, "10", asError(t, err).Context["latest_offset"])
		}},
		{name: "descending", end: 10, before: list(item(4), item(2)), check: isMalformed},
		{name: "twice the same", end: 10, before: list(item(4), item(4)), check: isMalformed},
		{name: "before the begin", end: 10, before: list(item(0)), check: isMalformed},
		{name: "beyond the end", end: 6, before: list(item(8)), check: isMalformed},
		{name: "no offset", end: 6, before: list(`{"update":{"Transaction":{"value":{}}}}`), check: isMalformed},
		{name: "two kinds", end: 6, before: list(`{"update":{"A":{"value":{"offset":2}},"B":{}}}`), check: isMalformed},
		{name: "an error in the list", end: 6, before: list(cantonError("X", 1, 14, "x")), check: isMalformed},
		{name: "only a checkpoint", end: 6, before: list(checkpoint(0)), check: func(t *testing.T, err error) {
			t.Helper()
			require.ErrorIs(t, err, stop)
		}},
	}

	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			n := newNode(t)
			n.produce(5)
			n.before = tc.before

			err := newClient(t, n).Updates(within(t), party, 0, tc.end, func([]byte) error { return stop })
			require.Error(t, err)
			tc.check(t, err)
		})
	}

	n := newNode(t)
	n.produce(5)
	n.before = list(checkpoint(0))
	c := newClient(t, n)
	require.NoError(t, c.Updates(within(t), party, 0, 10, func([]byte) error { return nil }), "a checkpoint makes no loop")
	require.NoError(t, c.Updates(within(t), party, 3, 3, func([]byte) error { return stop }), "an empty range")
	require.Error(t, c.Updates(within(t), party, 3, 2, func([]byte) error { return nil }))
}

func isMalformed(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, ledger.CodeMalformed, asError(t, err).Code)
	require.Equal(t, ledger.Stop, ledger.Classify(err))
}

func TestSingleUpdatesAreTheOnesAskedFor(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.before = answer(200, "application/json", item(6))
	c := newClient(t, n)

	raw, err := c.UpdateByID(within(t), party, "u6")
	require.NoError(t, err)
	require.JSONEq(t, item(6), string(raw))

	_, err = c.UpdateByID(within(t), party, "u7")
	isMalformed(t, err)

	raw, err = c.UpdateByOffset(within(t), party, 6)
	require.NoError(t, err)
	require.JSONEq(t, item(6), string(raw))

	_, err = c.UpdateByOffset(within(t), party, 7)
	isMalformed(t, err)

	missing := newNode(t)
	missing.before = answer(404, "application/json", cantonError("UPDATE_NOT_FOUND", 11, 5, "none"))
	_, err = newClient(t, missing).UpdateByID(within(t), party, "u6")
	require.True(t, ledger.IsNotFound(err))

	_, err = newClient(t, newNode(t)).UpdateByID(within(t), party, "u6")
	require.Error(t, err)
	require.False(t, ledger.IsNotFound(err), "a wrong address is not a missing update")
}
