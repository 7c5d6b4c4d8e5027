package sandbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
)

// socket is one open stream.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

// dial opens a stream with any headers and subprotocols, without sending a request yet.
func (n *network) dial(path string, header http.Header, protocols ...string) (*socket, *http.Response, error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), waitAtMost)
	defer cancel()

	conn, resp, err := websocket.Dial(ctx, n.url+path, &websocket.DialOptions{HTTPHeader: header, Subprotocols: protocols})
	if err != nil {
		return nil, resp, err
	}

	conn.SetReadLimit(1 << 24)
	n.t.Cleanup(func() { _ = conn.CloseNow() })

	return &socket{t: n.t, conn: conn}, resp, nil
}

// stream opens a stream the usual way and sends its request.
func (n *network) stream(path string, request any) *socket {
	n.t.Helper()

	header := http.Header{}
	if n.token != "" {
		header.Set("Authorization", "Bearer "+n.token)
	}

	s, _, err := n.dial(path, header, "daml.ws.auth")
	require.NoError(n.t, err)
	s.send(request)

	return s
}

func (s *socket) send(request any) {
	s.t.Helper()

	raw, err := json.Marshal(request)
	require.NoError(s.t, err)

	ctx, cancel := context.WithTimeout(s.t.Context(), waitAtMost)
	defer cancel()

	require.NoError(s.t, s.conn.Write(ctx, websocket.MessageText, raw))
}

func (s *socket) raw() ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), waitAtMost)
	defer cancel()

	_, raw, err := s.conn.Read(ctx)

	return raw, err
}

func (s *socket) next() item {
	s.t.Helper()

	raw, err := s.raw()
	require.NoError(s.t, err)

	var i item

	require.NoError(s.t, json.Unmarshal(raw, &i), string(raw))

	return i
}

// nextTransaction skips everything else.
func (s *socket) nextTransaction() transaction {
	s.t.Helper()

	for {
		if i := s.next(); i.Update.Transaction != nil {
			return i.Update.Transaction.Value
		}
	}
}

// ends expects the connection to end without another message.
func (s *socket) ends() websocket.StatusCode {
	s.t.Helper()

	raw, err := s.raw()
	require.Error(s.t, err, string(raw))
	require.NoError(s.t, s.t.Context().Err())

	return websocket.CloseStatus(err)
}

func TestStreamBeginsWithACheckpointAndFollowsTheLedger(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	begin := n.LedgerEnd()
	s := n.stream("/v2/updates", updatesRequest(n.treasury, begin))

	first := s.next().Update.OffsetCheckpoint
	require.NotNil(t, first, "3.5 starts an open-ended stream with a checkpoint")
	require.Equal(t, begin, first.Value.Offset)

	sent := n.send(n.alice, n.treasury, "10", "ACC-1")
	got := s.nextTransaction()
	require.Equal(t, sent.UpdateID, got.UpdateID)
	require.Equal(t, sent.Offset, got.Offset)

	n.clock.Advance(time.Hour)
	n.Tick()

	last := s.next().Update.OffsetCheckpoint
	require.NotNil(t, last)
	require.Equal(t, n.LedgerEnd(), last.Value.Offset)
	require.Equal(t, n.clock.Now(), last.Value.Times[0].RecordTime, "record time moves on though nothing happens")

	later := n.send(n.alice, n.treasury, "10", "ACC-1")
	require.True(t, later.RecordTime.After(last.Value.Times[0].RecordTime),
		"no update may come with a record time at or below a checkpoint's")
}

func TestStreamOf34HasNoFirstCheckpoint(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{Version: sandbox.V34})
	s := n.stream("/v2/updates", updatesRequest(n.treasury, n.LedgerEnd()))
	n.send(n.alice, n.treasury, "10", "ACC-1")
	require.NotNil(t, s.next().Update.Transaction)
}

func TestFirstCheckpointDoesNotRunAheadOfUpdates(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	begin := n.LedgerEnd()
	sent := n.send(n.alice, n.treasury, "10", "ACC-1")
	n.clock.Advance(time.Hour)

	first := n.stream("/v2/updates", updatesRequest(n.treasury, begin)).next().Update.OffsetCheckpoint
	require.NotNil(t, first)
	require.Equal(t, begin, first.Value.Offset)
	require.True(t, first.Value.Times[0].RecordTime.Before(sent.RecordTime))
}

func TestCheckpointsComeByThemselves(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{CheckpointInterval: 5 * time.Millisecond})
	s := n.stream("/v2/updates", updatesRequest(n.treasury, n.LedgerEnd()))

	for range 3 {
		require.NotNil(t, s.next().Update.OffsetCheckpoint)
	}
}

func TestBoundedStreamEndsNormally(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	n.send(n.alice, n.treasury, "10", "ACC-1")

	want := n.transactions(n.treasury)
	req := updatesRequest(n.treasury, 0)
	req["endInclusive"] = n.LedgerEnd()
	s := n.stream("/v2/updates", req)

	for _, u := range want {
		require.Equal(t, u.UpdateID, s.nextTransaction().UpdateID)
	}

	require.Equal(t, websocket.StatusNormalClosure, s.ends())
}

func TestStreamResumesWhereItWasCut(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	var (
		got   []ident.UpdateID
		sent  []ident.UpdateID
		begin = n.LedgerEnd()
	)

	for round := range 5 {
		s := n.stream("/v2/updates", updatesRequest(n.treasury, begin))

		for range 3 {
			sent = append(sent, n.send(n.alice, n.treasury, "1", "ACC-1").UpdateID)
			u := s.nextTransaction()
			got, begin = append(got, u.UpdateID), u.Offset
		}

		n.CutStreams()
		require.NotEqual(t, websocket.StatusNormalClosure, s.ends(), "round %d", round)

		sent = append(sent, n.send(n.alice, n.treasury, "1", "ACC-1").UpdateID)
		s = n.stream("/v2/updates", updatesRequest(n.treasury, begin))
		u := s.nextTransaction()
		got, begin = append(got, u.UpdateID), u.Offset
	}

	require.Equal(t, sent, got)
}

func TestStreamTellsAnErrorAndEnds(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	for code, request := range map[string]any{
		"OFFSET_AFTER_LEDGER_END": updatesRequest(n.treasury, n.LedgerEnd()+1),
		"NEGATIVE_OFFSET":         updatesRequest(n.treasury, -1),
		"INVALID_ARGUMENT":        map[string]any{"beginExclusive": 0},
		"PACKAGE_NAMES_NOT_FOUND": map[string]any{
			"beginExclusive": 0, "filter": eventFormat(n.treasury, "#no-such-package:A:B"),
		},
		"INVALID_FIELD": map[string]any{"beginExclusive": 0, "filter": eventFormat(n.treasury, "718a:A:B")},
	} {
		s := n.stream("/v2/updates", request)
		require.Equal(t, code, s.next().Code)
		require.Equal(t, websocket.StatusNormalClosure, s.ends(), code)
	}
}

func TestStreamIgnoresLaterMessages(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	s := n.stream("/v2/updates", updatesRequest(n.treasury, n.LedgerEnd()))
	require.NotNil(t, s.next().Update.OffsetCheckpoint)
	s.send("what is this")

	sent := n.send(n.alice, n.treasury, "1", "ACC-1")
	require.Equal(t, sent.UpdateID, s.nextTransaction().UpdateID)
}

func TestStreamOfActiveContracts(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	s := n.stream("/v2/state/active-contracts", map[string]any{
		"activeAtOffset": n.LedgerEnd(), "eventFormat": standardFormat(n.treasury),
	})

	for range n.ActiveContracts(n.treasury) {
		_, err := s.raw()
		require.NoError(t, err)
	}

	require.Equal(t, websocket.StatusNormalClosure, s.ends())
}

func TestStreamAuthorization(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{Token: secret.New("s3cret")})
	request := updatesRequest(n.treasury, 0)

	good := map[string]struct {
		header    http.Header
		protocols []string
	}{
		"header": {http.Header{"Authorization": {"Bearer s3cret"}}, []string{"daml.ws.auth"}},
		"header before the protocol": {
			http.Header{"Authorization": {"Bearer s3cret"}}, []string{"jwt.token.wrong", "daml.ws.auth"},
		},
		"protocol, token first": {nil, []string{"jwt.token.s3cret", "daml.ws.auth"}},
	}
	for name, c := range good {
		s, resp, err := n.dial("/v2/updates", c.header, c.protocols...)
		require.NoError(t, err, name)
		require.Equal(t, "daml.ws.auth", resp.Header.Get("Sec-WebSocket-Protocol"))
		s.send(request)
		require.NotNil(t, s.next().Update.OffsetCheckpoint, name)
	}

	_, resp, err := n.dial("/v2/updates", http.Header{"Authorization": {"Bearer wrong"}}, "daml.ws.auth")
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode, "an invalid token fails the upgrade")

	for name, protocols := range map[string][]string{
		"no token":                        {"daml.ws.auth"},
		"a token after a comma and blank": {"daml.ws.auth", " jwt.token.s3cret"},
	} {
		s, _, err := n.dial("/v2/updates", nil, protocols...)
		require.NoError(t, err, name)
		s.send(request)
		require.Equal(t, "NA", s.next().Code, name)
		require.Equal(t, websocket.StatusNormalClosure, s.ends())
	}
}

func TestStreamEndsWhenItsOffsetIsPruned(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	require.NoError(t, n.Prune(n.LedgerEnd()))

	s := n.stream("/v2/updates", updatesRequest(n.treasury, 0))
	require.Equal(t, "PARTICIPANT_PRUNED_DATA_ACCESSED", s.next().Code)
}

func TestDownAndUpAgain(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	s := n.stream("/v2/updates", updatesRequest(n.treasury, n.LedgerEnd()))
	require.NotNil(t, s.next().Update.OffsetCheckpoint)

	n.SetDown(true)
	s.ends()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/v2/version", http.NoBody)
	require.NoError(t, err)

	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}

	require.Error(t, err)

	_, _, err = n.dial("/v2/updates", nil, "daml.ws.auth")
	require.Error(t, err)

	sent := n.send(n.alice, n.treasury, "1", "while the node was down")
	n.SetDown(false)

	s = n.stream("/v2/updates", updatesRequest(n.treasury, sent.Offset-1))
	require.Equal(t, sent.UpdateID, s.nextTransaction().UpdateID)
}

func TestGarbleNext(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	n.GarbleNext()

	_, _, raw := n.call(http.MethodGet, "/v2/version", nil)
	require.False(t, json.Valid(raw))

	_, _, raw = n.call(http.MethodGet, "/v2/version", nil)
	require.True(t, json.Valid(raw))

	s := n.stream("/v2/updates", updatesRequest(n.treasury, n.LedgerEnd()))
	require.NotNil(t, s.next().Update.OffsetCheckpoint)
	n.GarbleNext()
	n.send(n.alice, n.treasury, "1", "ACC-1")

	raw, err := s.raw()
	if err == nil { // a client may also refuse the message for its invalid UTF-8
		require.False(t, json.Valid(raw))
	}
}

func TestTreesStream(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{Version: sandbox.V34})
	begin := n.LedgerEnd()
	sent := n.send(n.alice, n.treasury, "10", "ACC-1")

	s := n.stream("/v2/updates/trees", map[string]any{
		"beginExclusive": begin, "filter": standardFormat(n.treasury), "verbose": true,
	})

	got := s.next().Update.TransactionTree
	require.NotNil(t, got)
	require.Equal(t, sent.UpdateID, got.Value.UpdateID)

	flat := n.last(n.treasury)
	require.Len(t, got.Value.Events, len(flat.Events))

	for _, e := range flat.Events {
		key := strings.TrimSpace(jsonNumber(t, e.body().NodeID))
		require.Contains(t, got.Value.Events, key)
	}
}

func jsonNumber(t *testing.T, value any) string {
	t.Helper()

	raw, err := json.Marshal(value)
	require.NoError(t, err)

	return string(raw)
}

func TestTreesAreGoneIn36(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{Version: sandbox.V36})
	status, _, _ := n.call(http.MethodPost, "/v2/updates/trees", updatesRequest(n.treasury, 0))
	require.Equal(t, http.StatusNotFound, status)
}

func TestOpenStreamsAreCounted(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	before := n.OpenStreams()
	s := n.stream("/v2/updates", updatesRequest(n.treasury, n.LedgerEnd()))
	s.next()
	require.Equal(t, before+1, n.OpenStreams())
	require.NoError(t, s.conn.Close(websocket.StatusNormalClosure, ""))
	require.Eventually(t, func() bool { return n.OpenStreams() == before }, waitAtMost, time.Millisecond)
}

// TestBrowsersMayOpenStreams: a node asks for no origin.
func TestBrowsersMayOpenStreams(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	for _, origin := range []string{"https://wallet.example", "http://localhost:3000", "null", "file://"} {
		s, _, err := n.dial("/v2/updates", http.Header{"Origin": {origin}}, "daml.ws.auth")
		require.NoError(t, err, origin)

		s.send(updatesRequest(n.treasury, n.LedgerEnd()))
		require.NotNil(t, s.next().Update.OffsetCheckpoint, origin)
	}
}

// TestSilentClientsMakeRoom opens all the websockets that a node has room for and says nothing.
func TestSilentClientsMakeRoom(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	sandbox.Crowd(n.Sandbox, 2, 300*time.Millisecond)

	talking := n.stream("/v2/updates", updatesRequest(n.treasury, n.LedgerEnd()))
	require.NotNil(t, talking.next().Update.OffsetCheckpoint)

	for range 3 {
		silent, _, err := n.dial("/v2/updates", nil, "daml.ws.auth")
		require.NoError(t, err, "the one before has made room")

		_, resp, err := n.dial("/v2/updates", nil, "daml.ws.auth")
		require.Error(t, err)
		require.Equal(t, http.StatusConflict, resp.StatusCode)

		require.Eventually(t, func() bool { return sandbox.Seats(n.Sandbox) == 1 }, waitAtMost, time.Millisecond)

		_, err = silent.raw()
		require.Error(t, err)
		require.NotErrorIs(t, err, context.DeadlineExceeded, "it is the node that ends it")
	}

	sent := n.send(n.alice, n.treasury, "1", "ACC-1")
	require.Equal(t, sent.UpdateID, talking.nextTransaction().UpdateID, "who has asked may be silent as long as it likes")
}
