package ledger_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ledger"
)

func TestStreamGivesEveryUpdateInOrderAndTail(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.produce(1000)

	s := open(t, newClient(t, n), 0)
	require.Equal(t, "websocket", s.Transport())
	require.Equal(t, idsAfter(0, 1000), take(t, s, 1000))

	n.produce(3)
	require.Equal(t, idsAfter(2000, 3), take(t, s, 3))
}

func TestStreamResumesAfterACut(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.produce(20)
	n.message = func(count int, raw string) string {
		if count == 7 {
			return ""
		}

		return raw
	}

	c := newClient(t, n)

	var got []string

	for begin := int64(0); len(got) < 20; begin = int64(2 * len(got)) {
		s := open(t, c, begin)

		for {
			raw, err := s.Next(within(t))
			if err != nil {
				require.True(t, ledger.IsStreamClosed(err), err)
				require.Equal(t, ledger.RetrySoon, ledger.Classify(err))

				_, again := s.Next(within(t))
				require.Equal(t, err, again, "the end of a stream stays its end")

				break
			}

			if got = append(got, updateID(t, raw)); len(got) == 20 {
				break
			}
		}

		require.NoError(t, s.Close())
	}

	require.Equal(t, idsAfter(0, 20), got)
}

func TestNextCanGiveUpWithoutEndingTheStream(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	s := open(t, newClient(t, n), 0)

	ctx, cancel := context.WithCancel(t.Context())
	go cancel()

	_, err := s.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, ledger.Canceled, ledger.Classify(err))

	n.produce(2)
	require.Equal(t, idsAfter(0, 2), take(t, s, 2))
}

func TestStreamNoticesAHalfOpenConnection(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })

	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return true
		}

		_, _, _ = conn.Read(r.Context())
		<-over // reads no more, so it answers no ping
		_ = conn.CloseNow()

		return true
	}

	c := newClient(t, n)
	c.Rhythm(10*time.Millisecond, 50*time.Millisecond)

	err := endOf(t, open(t, c, 0))
	require.True(t, ledger.IsStreamClosed(err), err)
	require.ErrorContains(t, err, "did not answer a ping")
}

func TestPingsKeepAnIdleStreamAndSlowReadersAlive(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	c := newClient(t, n)
	c.Rhythm(2*time.Millisecond, 500*time.Millisecond)

	var pings atomic.Int64

	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			OnPingReceived: func(context.Context, []byte) bool {
				if pings.Add(1) == 5 {
					n.produce(600) // more than is read ahead
				}

				return true
			},
		})
		if err != nil {
			return true
		}

		_, _, _ = conn.Read(r.Context())
		ctx := conn.CloseRead(context.Background())
		_, _, moved := n.after(0, nil)

		select {
		case <-moved:
		case <-ctx.Done():
		}

		raws, _, _ := n.after(0, nil)
		for _, raw := range raws {
			_ = conn.Write(ctx, websocket.MessageText, []byte(raw))
		}

		<-ctx.Done()

		return true
	}

	s := open(t, c, 0)
	require.Equal(t, idsAfter(0, 1), take(t, s, 1))

	// Nobody takes what comes, so that pongs are not heard and pings time out; the connection must survive that.
	since := pings.Load()
	require.Eventually(t, func() bool { return pings.Load() > since+2 }, patience, time.Millisecond)
	require.Equal(t, idsAfter(2, 599), take(t, s, 599))
}

func TestStreamErrors(t *testing.T) {
	t.Parallel()

	pruned := strings.Replace(cantonError("PARTICIPANT_PRUNED_DATA_ACCESSED", 9, 9, "pruned"),
		`"context":{}`, `"context":{"earliest_offset":"40","definite_answer":"false"}`, 1)

	cases := []struct {
		name    string
		at      int
		message string
		advice  ledger.Advice
		check   func(t *testing.T, err error)
	}{
		{
			name: "an error comes first", at: 0, advice: ledger.Stop,
			message: cantonError("INVALID_ARGUMENT", 8, 3, "no"),
			check: func(t *testing.T, err error) {
				t.Helper()
				e, _ := errors.AsType[*ledger.Error](err)
				require.Equal(t, "INVALID_ARGUMENT", e.Code)
				require.Equal(t, "c1", e.CorrelationID)
				require.Equal(t, "t1", e.TraceID)
			},
		},
		{
			name: "pruning overtakes", at: 3, message: pruned, advice: ledger.Stop,
			check: func(t *testing.T, err error) {
				t.Helper()
				earliest, ok := ledger.IsPruned(err)
				require.True(t, ok)
				require.EqualValues(t, 40, earliest)
			},
		},
		{
			name: "the token expires", at: 3, message: cantonError("ACCESS_TOKEN_EXPIRED", 2, 10, "expired"),
			advice: ledger.RetrySoon,
			check: func(t *testing.T, err error) {
				t.Helper()
				require.True(t, ledger.IsUnauthorized(err))
			},
		},
		{
			name: "rights change", at: 1, message: cantonError("STALE_STREAM_AUTHORIZATION", 2, 10, "stale"),
			advice: ledger.RetrySoon,
		},
		{
			name: "no token was sent", at: 0, message: cantonError("NA", -1, 16, "security-sensitive"),
			advice: ledger.Reauthenticate,
		},
		{
			name: "rights are missing", at: 0, message: cantonError("NA", -1, 7, "security-sensitive"),
			advice: ledger.Stop,
			check: func(t *testing.T, err error) {
				t.Helper()
				require.True(t, ledger.IsForbidden(err))
			},
		},
		{name: "garbage", at: 2, message: "<html>\x00\x1b", advice: ledger.Stop},
		{name: "neither item nor error", at: 2, message: `{"hello":1}`, advice: ledger.Stop},
		{name: "shutdown", at: 2, message: cantonError("ABORTED_DUE_TO_SHUTDOWN", 1, 14, "bye"), advice: ledger.RetryBackoff},
		{
			name: "oversized", at: 2, message: `{"update":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`, advice: ledger.Stop,
			check: func(t *testing.T, err error) {
				t.Helper()
				e, _ := errors.AsType[*ledger.Error](err)
				require.Equal(t, ledger.CodeTooLarge, e.Code)
			},
		},
	}

	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			n := newNode(t)
			n.produce(5)
			n.message = func(count int, raw string) string {
				if count == tc.at {
					return tc.message
				}

				return raw
			}

			s := open(t, newClient(t, n, func(c *ledger.Config) { c.MaxMessage = 1 << 20 }), 0)
			require.Equal(t, idsAfter(0, tc.at), take(t, s, tc.at), "what came before the error is given")

			_, err := s.Next(within(t))
			require.Error(t, err)
			require.Equal(t, tc.advice, ledger.Classify(err), "%v", err)
			require.NotContains(t, err.Error(), "\x1b")

			if tc.check != nil {
				tc.check(t, err)
			}
		})
	}
}

func TestStreamAsksForFewerInterfacesAfterTheNodeRefused(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.produce(1)

	var refusals atomic.Int64

	n.message = func(int, string) string {
		if refusals.Add(1) == 1 {
			return cantonError("PACKAGE_NAMES_NOT_FOUND", 11, 5,
				"The following package names do not match: [splice-api-token-holding-v2, splice-api-token-transfer-events-v2].")
		}

		return item(2)
	}

	require.Equal(t, idsAfter(0, 1), take(t, open(t, newClient(t, n), 0), 1), "the caller does not notice")
	require.EqualValues(t, 2, refusals.Load())
}

func TestStreamCarriesMoreThanItReadsAhead(t *testing.T) {
	t.Parallel()

	const count, size = 40, 1 << 20

	n := newNode(t)
	n.produce(count)
	n.message = func(_ int, raw string) string {
		return strings.Replace(raw, `"commandId":""`, `"commandId":"`+strings.Repeat("x", size)+`"`, 1)
	}

	s := open(t, newClient(t, n), 0)
	require.Equal(t, idsAfter(0, count), take(t, s, count))
}

func TestStreamEndsItselfWhenOld(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.produce(3)

	s := open(t, newClient(t, n, func(c *ledger.Config) { c.MaxStreamAge = 100 * time.Millisecond }), 0)
	err := endOf(t, s)
	require.True(t, ledger.IsStreamClosed(err), err)
}

func TestCloseEndsAWaitingNext(t *testing.T) {
	t.Parallel()

	for _, transport := range []string{"websocket", "http"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()

			n := newNode(t)
			if transport == "http" {
				n.before = refuseUpgrade(http.StatusBadRequest)
			}

			s := open(t, newClient(t, n), 0)
			require.Equal(t, transport, s.Transport())

			ended := make(chan error, 1)
			go func() {
				_, err := s.Next(context.Background())
				ended <- err
			}()

			require.NoError(t, s.Close())
			require.NoError(t, s.Close())
			require.True(t, ledger.IsStreamClosed(<-ended))
		})
	}
}

func TestOpenHonoursCancellation(t *testing.T) {
	t.Parallel()

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() }) // takes connections, and never says a word

	c, err := ledger.New(ledger.Config{URL: "http://" + listener.Addr().String()})
	require.NoError(t, err)
	t.Cleanup(c.CloseIdle)

	ctx, cancel := context.WithCancel(t.Context())
	go cancel()

	_, err = c.OpenUpdates(ctx, party, 0)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, ledger.Canceled, ledger.Classify(err))

	_, err = c.LedgerEnd(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func refuseUpgrade(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Upgrade") == "" {
			return false
		}

		http.Error(w, "no upgrades here", status)

		return true
	}
}

func TestStreamFallsBackToHTTP(t *testing.T) {
	t.Parallel()

	for _, status := range []int{200, 400, 404, 405, 426, 501, 502} {
		n := newNode(t)
		n.before = refuseUpgrade(status)
		n.produce(450)

		s := open(t, newClient(t, n), 0)
		require.Equal(t, "http", s.Transport())
		require.Equal(t, idsAfter(0, 450), take(t, s, 450))

		n.produce(2)
		require.Equal(t, idsAfter(900, 2), take(t, s, 2))
		require.NoError(t, s.Close())
	}
}

func TestStreamDoesNotFallBackWhereHTTPWouldNotHelp(t *testing.T) {
	t.Parallel()

	cases := []struct {
		name   string
		before func(http.ResponseWriter, *http.Request) bool
		advice ledger.Advice
	}{
		{name: "not authorized", before: refuseUpgrade(401), advice: ledger.Reauthenticate},
		{name: "forbidden", before: refuseUpgrade(403), advice: ledger.Stop},
		{name: "busy", before: refuseUpgrade(429), advice: ledger.RetryBackoff},
		{name: "everything is down", advice: ledger.RetryBackoff, before: func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)

			return true
		}},
		{name: "the node says why", advice: ledger.RetryBackoff, before: func(w http.ResponseWriter, _ *http.Request) bool {
			reply(w, http.StatusServiceUnavailable, cantonError("NODE_IS_PASSIVE_REPLICA", 1, 14, "passive"))

			return true
		}},
		{name: "redirect", advice: ledger.Stop, before: func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)

			return true
		}},
	}

	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			n := newNode(t)
			n.before = tc.before

			_, err := newClient(t, n).OpenUpdates(within(t), party, 0)
			require.Error(t, err)
			require.Equal(t, tc.advice, ledger.Classify(err), "%v", err)
		})
	}
}

// A node whose database is slow answers a poll with nothing although there is more. Nothing may be skipped.
func TestPollingDoesNotBelieveAnEmptyAnswer(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.produce(5)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no", http.StatusBadRequest)

			return true
		}

		if r.URL.Query().Has("stream_idle_timeout_ms") {
			reply(w, http.StatusOK, `[]`)

			return true
		}

		return false
	}

	s := open(t, newClient(t, n), 0)
	require.Equal(t, idsAfter(0, 5), take(t, s, 5))

	n.produce(1)
	require.Equal(t, idsAfter(10, 1), take(t, s, 1))
}

func TestPollingReportsErrorsAndALedgerThatShrank(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.produce(5)
	n.before = refuseUpgrade(http.StatusNotFound)

	s := open(t, newClient(t, n), 0)
	require.Equal(t, idsAfter(0, 5), take(t, s, 5))

	n.mu.Lock()
	n.offsets, n.updates = n.offsets[:2], n.updates[:2]
	n.mu.Unlock()

	err := endOf(t, s)
	require.True(t, ledger.IsBeyondLedgerEnd(err), err)
	require.Equal(t, ledger.Stop, ledger.Classify(err))
}
