package api_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// stream is a reader of server-sent events over a real socket.
type stream struct {
	w        *world
	response *http.Response
	lines    *bufio.Reader
	hangUp   context.CancelFunc
}

func (w *world) stream(address, key, query string, headers ...string) *stream {
	w.t.Helper()

	return w.streamBy(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+address, key, query, headers...)
}

func (w *world) streamBy(client *http.Client, server, key, query string, headers ...string) *stream {
	w.t.Helper()

	ctx, cancel := context.WithCancel(w.t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+of(treasury, "/events/stream?")+query, http.NoBody)
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer "+key)

	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}

	response, err := client.Do(request) //nolint:bodyclose // by close
	require.NoError(w.t, err)

	s := &stream{w: w, response: response, lines: bufio.NewReader(response.Body), hangUp: cancel}
	w.t.Cleanup(s.close)

	return s
}

func (s *stream) close() {
	s.hangUp()
	_ = s.response.Body.Close()
}

// number is that of a place, without the history that it is in.
func number(place string) string {
	n, _, _ := strings.Cut(place, "-")

	return n
}

// sent is an event as a stream told it.
type sent struct{ id, kind, data string }

// next reads the next event; comments are passed. It is an error when the stream ends.
func (s *stream) next() (e sent, err error) {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return sent{}, err
		}

		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")

		switch name {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			if e.id != "" && line == "\n" {
				return e, nil
			}
		}
	}
}

// subjects reads so many events, of which each is signed and told as what it is.
func (s *stream) subjects(n int) string {
	s.w.t.Helper()

	var subjects []string

	for range n {
		e, err := s.next()
		require.NoError(s.w.t, err)
		require.NoError(s.w.t, event.Verify([]byte(e.data), s.w.secret.Signer().Keys()))

		cloud, err := event.Parse([]byte(e.data))
		require.NoError(s.w.t, err)
		require.Equal(s.w.t, e.kind, cloud.Type)

		seq, err := strconv.ParseInt(number(e.id), 10, 64)
		require.NoError(s.w.t, err)
		require.Equal(s.w.t, event.Sequence(seq), cloud.Sequence)

		subjects = append(subjects, cloud.Subject)
	}

	return strings.Join(subjects, " ")
}

// rest reads to the end, which must be a whole one.
func (s *stream) rest() string {
	s.w.t.Helper()

	text, err := io.ReadAll(s.lines)
	require.NoError(s.w.t, err)

	return string(text)
}

// TestEventsAreStreamed as they happen; who was cut off goes on without a gap.
func TestEventsAreStreamed(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("read")
	address, _ := w.listening()
	w.happen(treasury, "deposit.credited", "c1", "a", "b")

	now, all := w.stream(address, key, ""), w.stream(address, key, "after=0")
	require.Equal(t, streamType, now.response.Header.Get("Content-Type"))
	require.Equal(t, "a b", all.subjects(2))

	deposits := w.stream(address, key, "after=0&type=deposit.credited&account=c2")
	w.happen(other, "deposit.credited", "c2", "elsewhere")
	w.happen(treasury, "deposit.held", "c2", "c")
	w.happen(treasury, "deposit.credited", "c2", "d")

	require.Equal(t, "c d", now.subjects(2))
	require.Equal(t, "c", all.subjects(1))
	require.Equal(t, "d", deposits.subjects(1))
	all.close()

	again := w.stream(address, key, "after=0", "Last-Event-ID", "3")
	w.happen(treasury, "deposit.credited", "c1", "e")
	require.Equal(t, "d e", again.subjects(2), "what was known last counts more than where it began")
	require.Equal(t, "e", now.subjects(1))

	require.Equal(t, 3, w.handler.Streams())
	again.close()
	require.Eventually(t, func() bool { return w.handler.Streams() == 2 }, 30*time.Second, 5*time.Millisecond, "who hangs up takes no place")
	require.Zero(t, w.handler.Underway(), "nor do those who listen, among requests that end")
}

// TestManyEventsAreStreamed: what is far behind is caught up with, from the database and then from what is held.
func TestManyEventsAreStreamed(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key := w.key("read")
	address, _ := w.listening()
	subjects := make([]string, 1500)

	for i := range subjects {
		subjects[i] = strconv.Itoa(i)
	}

	w.happen(treasury, "deposit.credited", "", subjects[:1200]...)
	s := w.stream(address, key, "after=0")
	require.Equal(t, strings.Join(subjects[:1200], " "), s.subjects(1200))
	w.happen(treasury, "deposit.credited", "", subjects[1200:]...)
	require.Equal(t, strings.Join(subjects[1200:], " "), s.subjects(300))
}

// TestAStreamEndsWithItsKey: when it is revoked, expires, or may not do the same any more.
func TestAStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.handler.Quicken(20*time.Millisecond, time.Minute)

	address, _ := w.listening()
	soon := w.clock.Now().Add(time.Minute)
	revoked, expiring, changed, good := w.key("read"), w.keyWith(store.APIKey{Scopes: []string{"read"}, ExpiresAt: &soon}), w.key("read", "accounts"), w.key("read")
	streams := map[string]*stream{}

	for name, key := range map[string]string{"revoked": revoked, "expiring": expiring, "changed": changed, "good": good} {
		streams[name] = w.stream(address, key, "")
	}

	_, err := w.db.RevokeAPIKey(t.Context(), keyIDOf(revoked), "test", w.clock.Now())
	require.NoError(t, err)
	_, err = w.pool.Exec(t.Context(), "UPDATE api_keys SET scopes = '{read}' WHERE key_id = $1", keyIDOf(changed))
	require.NoError(t, err)
	w.clock.Advance(time.Minute)

	for _, name := range []string{"revoked", "expiring", "changed"} {
		require.Contains(t, streams[name].rest(), "not good any more", name)
	}

	w.happen(treasury, "deposit.credited", "c1", "a")
	require.Equal(t, "a", streams["good"].subjects(1))
	w.get(of(treasury, "/events/stream"), revoked).is(http.StatusUnauthorized, "key_revoked")
}

// TestStreamsEndWithTheService, politely and at once.
func TestStreamsEndWithTheService(t *testing.T) {
	t.Parallel()

	w := begin(t)
	address, stop := w.listening()
	s := w.stream(address, w.key("read"), "")

	ended := make(chan error, 1)

	go func() { ended <- stop() }()

	require.Contains(t, s.rest(), "come again")
	require.NoError(t, <-ended)
}

// TestStreamsAreBounded: of one key, and of all.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()

	w := begin(t, "CES_API_MAX_STREAMS=3", "CES_API_MAX_STREAMS_PER_KEY=2")
	address, _ := w.listening()
	greedy, modest, late := w.key("read"), w.key("read"), w.key("read")

	first := w.stream(address, greedy, "")
	w.stream(address, greedy, "")
	r := w.get(of(treasury, "/events/stream"), greedy).is(http.StatusServiceUnavailable, "too_many_streams")
	require.Equal(t, "5", r.header.Get("Retry-After"))

	w.stream(address, modest, "")
	w.get(of(treasury, "/events/stream"), late).is(http.StatusServiceUnavailable, "too_many_streams")
	first.close()
	require.Eventually(t, func() bool { return w.handler.Streams() == 2 }, 30*time.Second, 5*time.Millisecond)
	w.stream(address, late, "")
}

// TestASlowReaderIsCutOff: whoever does not read what is sent holds no memory for long, and can go on.
func TestASlowReaderIsCutOff(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.handler.Quicken(time.Minute, 200*time.Millisecond)

	key := w.key("read")
	address, _ := w.listening()

	w.logged(30, "'deposit.held'", `'{"subject":"' || n || '","pad":"' || repeat('x', 1 << 20) || '"}'`)

	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	require.NoError(t, connection.(*net.TCPConn).SetReadBuffer(64<<10))
	t.Cleanup(func() { _ = connection.Close() })

	_, err = io.WriteString(connection, "GET "+of(treasury, "/events/stream?after=0")+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+key+"\r\n\r\n")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), `"stream_stalled"`) }, 30*time.Second, 10*time.Millisecond)
	require.Zero(t, w.handler.Streams())
	require.NotContains(t, w.log.String(), `"level":"ERROR"`)

	response, err := http.ReadResponse(bufio.NewReader(connection), nil) //nolint:bodyclose // it is the connection, which is closed
	require.NoError(t, err)

	read := &stream{w: w, response: response, lines: bufio.NewReader(response.Body)}
	last := 0

	for { // what was sent before the cut
		e, err := read.next()
		if err != nil {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "it must not look whole")

			break
		}

		last++
		require.Equal(t, strconv.Itoa(last), number(e.id))
	}

	require.Less(t, last, 30)

	again := w.stream(address, key, "", "Last-Event-ID", strconv.Itoa(last))

	for seq := last + 1; seq <= 30; seq++ {
		e, err := again.next()
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(seq), number(e.id))
	}
}

// TestNoTimeOfTheServerEndsAStream: a server that bounds the writing of answers does not bound streams.
func TestNoTimeOfTheServerEndsAStream(t *testing.T) {
	t.Parallel()

	const bound = 2 * time.Second // in which a busy machine shakes hands

	for _, protocol := range []int{1, 2} {
		t.Run("HTTP/"+strconv.Itoa(protocol), func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			w.handler.Quicken(bound/4, time.Minute)

			server := httptest.NewUnstartedServer(w.handler)
			server.EnableHTTP2 = protocol == 2
			server.Config.ReadHeaderTimeout, server.Config.ReadTimeout, server.Config.WriteTimeout = bound, bound, bound
			server.StartTLS()
			t.Cleanup(server.Close)

			s := w.streamBy(server.Client(), server.URL, w.key(api.Scopes()...), "")
			require.Equal(t, protocol, s.response.ProtoMajor)

			for beats := 0; beats < 12; { // three times as long as the server gives an answer
				line, err := s.lines.ReadString('\n')
				require.NoError(t, err)

				if line == ":\n" {
					beats++
				}
			}

			w.happen(treasury, "deposit.credited", "c1", "a")
			require.Equal(t, "a", s.subjects(1))
		})
	}
}
