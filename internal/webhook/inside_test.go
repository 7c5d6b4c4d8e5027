package webhook

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// TestAddresses that are not public are reached only where they are allowed.
func TestAddresses(t *testing.T) {
	t.Parallel()

	g := newGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")})

	for _, public := range []string{
		"93.184.216.34", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111", "10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5",
	} {
		require.NoError(t, g.check(netip.MustParseAddr(public)), public)
	}

	for _, closed := range []string{
		"127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.2.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1",
		"203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"100::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:2::1", "ff02::1", "2001::1", "2001:db8::1",
		"2002:7f00:1::", "3fff::1", "4000::1", "5f00::1",
	} {
		require.ErrorIs(t, g.check(netip.MustParseAddr(closed)), errAddress, closed)
	}

	require.ErrorIs(t, g.control(t.Context(), "tcp", "/var/run/socket", nil), errAddress)
}

// nameServer answers every question about addresses of IPv4 with the next of these.
func nameServer(t *testing.T, asked *atomic.Int64, addresses ...string) *net.Resolver {
	t.Helper()

	conn, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // it lives as long as the test
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })

	go func() {
		packet := make([]byte, 1500)

		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}

			question := packet[12:n]
			name := bytes.IndexByte(question, 0) + 1 // where the type stands
			answer := append([]byte{packet[0], packet[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[:name+4]...)

			if binary.BigEndian.Uint16(question[name:]) == 1 { // A
				at := min(int(asked.Add(1)), len(addresses)) - 1
				address := netip.MustParseAddr(addresses[at]).As4()
				answer[7] = 1
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				answer = append(answer, address[:]...)
			}

			_, _ = conn.WriteTo(answer, from)
		}
	}()

	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// TestANameThatLeadsElsewhereTheSecondTime: what counts is the address that is connected to.
func TestANameThatLeadsElsewhereTheSecondTime(t *testing.T) {
	t.Parallel()

	var met, asked atomic.Int64

	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { met.Add(1) }))
	t.Cleanup(server.Close)

	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)

	resolver := nameServer(t, &asked, "93.184.216.34", "127.0.0.1")
	guarded := newGuard(nil)
	s := testSender(t, newHTTPClient(guarded, nil, resolver))

	// Whoever only looks the name up is content.
	found, err := resolver.LookupNetIP(t.Context(), "ip4", "receiver.example")
	require.NoError(t, err)
	require.NoError(t, guarded.check(found[0]))

	to := Receiver{ID: "sub_000000000001", URL: "http://receiver.example:" + port, Salt: uuid.UUID{1}}
	result, err := s.Send(t.Context(), to, []store.LoggedEvent{{ID: uuid.UUID{1}, Body: []byte("{}")}})
	require.NoError(t, err)
	require.Equal(t, Failed, result.Outcome)
	require.Equal(t, errAddress.Error(), result.Detail)
	require.Equal(t, int64(2), asked.Load())
	require.Zero(t, met.Load())

	// The address itself is no better, and is reached where that is allowed.
	to.URL = server.URL
	result, err = s.Send(t.Context(), to, []store.LoggedEvent{{ID: uuid.UUID{1}, Body: []byte("{}")}})
	require.NoError(t, err)
	require.Equal(t, errAddress.Error(), result.Detail)
	require.Zero(t, met.Load())

	s.http = newHTTPClient(newGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), nil, resolver)
	to.URL = "http://receiver.example:" + port
	result, err = s.Send(t.Context(), to, []store.LoggedEvent{{ID: uuid.UUID{1}, Body: []byte("{}")}})
	require.NoError(t, err)
	require.Equal(t, Delivered, result.Outcome)
	require.Equal(t, int64(1), met.Load())
	s.CloseIdle()
}

func testSender(t *testing.T, client *http.Client) *Sender {
	t.Helper()

	keys, err := event.NewSecret(secret.New(strings.Repeat("s", event.MinSecret)))
	require.NoError(t, err)

	s, err := NewSender(Settings{Timeout: 10 * time.Second, Workers: 1, PlainHTTP: true}, keys, clock.System{}, strings.NewReader(""))
	require.NoError(t, err)

	s.http = client

	return s
}

// TestNoProxyOfTheEnvironment: it would connect to addresses that nobody checks.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	t.Parallel()

	transport, ok := newHTTPClient(newGuard(nil), nil, nil).Transport.(*http.Transport)
	require.True(t, ok)
	require.Nil(t, transport.Proxy)
}

// TestACertificateCounts, and plain HTTP only where it is allowed.
func TestACertificateCounts(t *testing.T) {
	t.Parallel()

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)

	s := testSender(t, newHTTPClient(newGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), nil, nil))
	events := []store.LoggedEvent{{ID: uuid.UUID{1}, Body: []byte("{}")}}
	to := Receiver{ID: "sub_000000000001", URL: server.URL, Salt: uuid.UUID{1}}

	result, err := s.Send(t.Context(), to, events)
	require.NoError(t, err)
	require.Equal(t, Failed, result.Outcome)
	require.Contains(t, result.Detail, "the certificate is not trusted")

	s.plain = false

	for _, bad := range []string{
		"http://receiver.example/", "ftp://receiver.example/", "https://", "https://u:hunter2@receiver.example", "https://a/#hunter2", "receiver.example", "https:hunter2", "\x7f",
	} {
		to.URL = bad
		result, err = s.Send(t.Context(), to, events)
		require.NoError(t, err)
		require.Equal(t, errURL.Error(), result.Detail, bad)
	}
}

// TestNothingOfTheAddressIsTold: its query may hold a secret.
func TestNothingOfTheAddressIsTold(t *testing.T) {
	t.Parallel()

	s := testSender(t, newHTTPClient(newGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), nil, nil))
	to := Receiver{ID: "sub_000000000001", URL: "http://127.0.0.1:1/?key=hunter2", Salt: uuid.UUID{1}}
	result, err := s.Send(t.Context(), to, []store.LoggedEvent{{ID: uuid.UUID{1}, Body: []byte("{}")}})
	require.NoError(t, err)
	require.Contains(t, result.Detail, "refused")
	require.NotContains(t, result.Detail, "hunter2")
}

// TestOurOwnEnd is no fault of the receiver's.
func TestOurOwnEnd(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)

		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)

	s := testSender(t, newHTTPClient(newGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), nil, nil))
	_, err := s.Send(ctx, Receiver{ID: "sub_000000000001", URL: server.URL, Salt: uuid.UUID{1}}, []store.LoggedEvent{{ID: uuid.UUID{1}, Body: []byte("{}")}})
	require.ErrorIs(t, err, context.Canceled)
}

// TestCut: batches are bounded in number and bytes, an event that is too large goes alone, and what is not wanted is
// passed over.
func TestCut(t *testing.T) {
	t.Parallel()

	w := &worker{job: store.PushJob{Batch: 3, Filter: event.Filter{Types: []string{"a.*"}}}}

	cutAll := func(events ...store.LoggedEvent) (batches [][]int64, through []int64) {
		for len(events) > 0 {
			batch, rest, to := w.cut(events)

			var seqs []int64
			for _, e := range batch {
				seqs = append(seqs, e.Seq)
			}

			batches, through, events = append(batches, seqs), append(through, to.Seq), rest
		}

		return batches, through
	}
	of := func(seq int64, kind string, size int) store.LoggedEvent {
		return store.LoggedEvent{Seq: seq, Body: make([]byte, size), About: event.About{Type: kind}}
	}

	batches, through := cutAll(of(1, "b.x", 1), of(2, "a.x", 1), of(3, "b.x", 1), of(4, "a.x", 1), of(5, "a.x", 1), of(6, "a.x", 1), of(7, "b.x", 1))
	require.Equal(t, [][]int64{{2, 4, 5}, {6}}, batches)
	require.Equal(t, []int64{5, 6}, through)

	batches, _ = cutAll(of(1, "a.x", maxBody/2), of(2, "a.x", maxBody/2), of(3, "a.x", 2*maxBody), of(4, "a.x", 1), of(5, "a.x", 1))
	require.Equal(t, [][]int64{{1}, {2}, {3}, {4, 5}}, batches)

	w.progress.Tries, w.job.LastTried = 1, 2
	batches, _ = cutAll(of(1, "a.x", 1), of(2, "a.x", 1), of(3, "a.x", 1))
	require.Equal(t, [][]int64{{1, 2}, {3}}, batches, "the batch that failed comes again as it was")
}

// TestTimesOfTries: growing pauses over three days, the last try at their end, and longer where the receiver asks.
func TestTimesOfTries(t *testing.T) {
	t.Parallel()

	begin := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	now, before, tries := begin, time.Duration(0), 0

	for {
		tries++

		next, goesOn := nextTry(tries, begin, now, 0)
		if !goesOn {
			break
		}

		wait := next.Sub(now)
		require.Positive(t, wait)
		require.LessOrEqual(t, wait, 15*time.Hour)

		if tries <= 6 {
			require.Greater(t, wait, before)
		}

		now, before = next, wait
	}

	require.Equal(t, begin.Add(giveUpAfter), now)
	require.InDelta(t, 14, tries, 2)

	next, goesOn := nextTry(1, begin, begin, time.Hour)
	require.True(t, goesOn)
	require.Equal(t, begin.Add(time.Hour), next)
}

// TestTheRate by a clock that stands: so many at once, and each further one waits for its time.
func TestTheRate(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC))
	w := &worker{Dispatcher: &Dispatcher{Parts: Parts{Clock: now}}, limiter: rate.NewLimiter(4, 4)}

	for range 4 {
		require.Zero(t, w.delay())
	}

	require.Equal(t, 250*time.Millisecond, w.delay())
	require.Equal(t, 500*time.Millisecond, w.delay())

	now.Advance(time.Second)
	require.Zero(t, w.delay())
}

// TestWhatIsStorable has a bounded number of bytes, and no others than the database takes.
func TestWhatIsStorable(t *testing.T) {
	t.Parallel()

	for _, text := range []string{"", "short", strings.Repeat("ä", 400), strings.Repeat("\xff", 1000), strings.Repeat("\x00", 1000), "a" + strings.Repeat("€", 200)} {
		kept := storable(text)
		require.LessOrEqual(t, len(kept), maxDetail)
		require.NotContains(t, kept, "\x00")
		require.Equal(t, kept, strings.ToValidUTF8(kept, "?"))
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()

	good := Settings{Timeout: time.Second, Workers: 1, AllowNetworks: "10.0.0.0/8, fd00::/8"}
	require.NoError(t, good.Validate())

	for name, change := range map[string]func(*Settings){
		"CES_EVENTS_TIMEOUT":        func(s *Settings) { s.Timeout = time.Minute },
		"CES_EVENTS_WORKERS":        func(s *Settings) { s.Workers = 0 },
		"CES_EVENTS_ALLOW_NETWORKS": func(s *Settings) { s.AllowNetworks = "10.0.0.1/8" },
		"CES_EVENTS_TLS_CA_FILE":    func(s *Settings) { s.CAFile = "/nowhere" },
	} {
		s := good
		change(&s)

		_, err := NewSender(s, event.Secret{}, clock.System{}, strings.NewReader(""))
		require.ErrorContains(t, err, name)
	}
}
