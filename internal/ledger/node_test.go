package ledger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	party        = ident.Party("treasury::1220aa")
	synchronizer = "sync::1220bb"
	// patience is how long a test waits for what must happen.
	patience = 20 * time.Second
)

// node is a server on a real socket that serves a ledger of numbered updates, with the habits of Canton's gateway that
// matter here: it lists no more than its limit, it closes sockets after a bounded stream, and it reports errors of
// streams as messages.
type node struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	updates []string // raw items
	offsets []int64
	moved   chan struct{} // closed and replaced when something changes
	maximum int           // list limit

	// before sees every request and may answer it; true means it did.
	before func(w http.ResponseWriter, r *http.Request) bool
	// message may replace what a stream sends as its n-th message; an empty answer closes the socket.
	message func(n int, raw string) string
}

func newNode(t *testing.T) *node {
	t.Helper()

	n := &node{t: t, moved: make(chan struct{}), maximum: 200}
	n.server = httptest.NewServer(http.HandlerFunc(n.serve))
	t.Cleanup(func() {
		n.server.CloseClientConnections()
		n.server.Close()
	})

	return n
}

func item(offset int64) string {
	return fmt.Sprintf(`{"update":{"Transaction":{"value":{"updateId":"u%d","commandId":"","workflowId":"",`+
		`"effectiveAt":"2026-01-02T03:04:05Z","recordTime":"2026-01-02T03:04:05Z","offset":%d,"synchronizerId":"%s",`+
		`"events":[]}}}}`, offset, offset, synchronizer)
}

func checkpoint(offset int64) string {
	return fmt.Sprintf(`{"update":{"OffsetCheckpoint":{"value":{"offset":%d,"synchronizerTimes":[]}}}}`, offset)
}

// produce adds updates with every second offset, so that offsets have gaps.
func (n *node) produce(count int) {
	n.mu.Lock()
	defer n.mu.Unlock()

	for range count {
		offset := int64(2)
		if len(n.offsets) > 0 {
			offset = n.offsets[len(n.offsets)-1] + 2
		}

		n.offsets = append(n.offsets, offset)
		n.updates = append(n.updates, item(offset))
	}

	close(n.moved)
	n.moved = make(chan struct{})
}

func (n *node) after(begin int64, end *int64) (raws []string, last int64, moved chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()

	last = begin

	for i, offset := range n.offsets {
		if offset > begin && (end == nil || offset <= *end) {
			raws = append(raws, n.updates[i])
			last = offset
		}
	}

	return raws, last, n.moved
}

func (n *node) serve(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	before := n.before
	n.mu.Unlock()

	if before != nil && before(w, r) {
		return
	}

	switch {
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		n.stream(w, r)
	case r.URL.Path == "/v2/updates":
		n.list(w, r)
	case r.URL.Path == "/v2/state/ledger-end":
		n.mu.Lock()
		end := int64(0)
		if len(n.offsets) > 0 {
			end = n.offsets[len(n.offsets)-1]
		}
		n.mu.Unlock()
		reply(w, http.StatusOK, fmt.Sprintf(`{"offset":%d}`, end))
	default:
		reply(w, http.StatusNotFound, `{"errors":["not found"],"status":404}`)
	}
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func cantonError(code string, category, grpc int, cause string) string {
	raw, err := json.Marshal(map[string]any{
		"code": code, "cause": cause, "correlationId": "c1", "traceId": "t1", "context": map[string]string{},
		"resources": [][]string{}, "errorCategory": category, "grpcCodeValue": grpc, "retryInfo": nil, "definiteAnswer": nil,
	})
	if err != nil {
		panic(err)
	}

	return string(raw)
}

type updatesBody struct {
	Begin  int64  `json:"beginExclusive"`
	End    *int64 `json:"endInclusive"`
	Format any    `json:"updateFormat"`
}

func (n *node) list(w http.ResponseWriter, r *http.Request) {
	var body updatesBody
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Format == nil {
		http.Error(w, "Invalid value for: body", http.StatusBadRequest)

		return
	}

	limit := n.maximum + 1
	if text := r.URL.Query().Get("limit"); text != "" {
		asked, _ := strconv.Atoi(text)
		limit = min(limit, asked)
	}

	raws, _, _ := n.after(body.Begin, body.End)
	raws = raws[:min(len(raws), limit)]

	if len(raws) > n.maximum {
		reply(w, http.StatusRequestEntityTooLarge,
			cantonError("JSON_API_MAXIMUM_LIST_ELEMENTS_NUMBER_REACHED", 2, 10, "too many"))

		return
	}

	reply(w, http.StatusOK, "["+strings.Join(raws, ",")+"]")
}

func (n *node) stream(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"daml.ws.auth"}})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()

	_, raw, err := conn.Read(r.Context())
	if err != nil {
		return
	}

	var body updatesBody
	if json.Unmarshal(raw, &body) != nil {
		return
	}

	ctx := conn.CloseRead(context.WithoutCancel(r.Context())) // answers pings, ends with the connection

	begin, count := body.Begin, 0

	for {
		raws, last, moved := n.after(begin, body.End)
		for _, raw := range raws {
			n.mu.Lock()
			message := n.message
			n.mu.Unlock()

			if message != nil {
				raw = message(count, raw)
			}

			if raw == "" {
				return
			}

			count++

			if conn.Write(ctx, websocket.MessageText, []byte(raw)) != nil {
				return
			}
		}

		begin = last

		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

func newClient(t *testing.T, n *node, adjust ...func(*ledger.Config)) *ledger.Client {
	t.Helper()

	cfg := ledger.Config{
		URL: n.server.URL, RequestTimeout: patience,
		Retry: ledger.Retry{Attempts: 3, Initial: time.Millisecond, Max: 2 * time.Millisecond},
	}
	for _, f := range adjust {
		f(&cfg)
	}

	c, err := ledger.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdle)
	c.Rhythm(time.Hour, time.Hour)

	return c
}

func within(t *testing.T) context.Context {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)

	return ctx
}

func open(t *testing.T, c *ledger.Client, begin int64) ledger.Stream {
	t.Helper()

	s, err := c.OpenUpdates(within(t), party, ident.Offset(begin))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })

	return s
}

// take reads count updates and returns their ids.
func take(t *testing.T, s ledger.Stream, count int) []string {
	t.Helper()

	ids := make([]string, 0, count)

	for range count {
		raw, err := s.Next(within(t))
		require.NoError(t, err)

		ids = append(ids, updateID(t, raw))
	}

	return ids
}

func updateID(t *testing.T, raw []byte) string {
	t.Helper()

	var w struct {
		Update map[string]struct {
			Value struct {
				ID string `json:"updateId"`
			} `json:"value"`
		} `json:"update"`
	}
	require.NoError(t, json.Unmarshal(raw, &w))

	for _, box := range w.Update {
		return box.Value.ID
	}

	t.Fatal("no update")

	return ""
}

// idsAfter are the ids of count updates after an offset.
func idsAfter(begin int64, count int) []string {
	ids := make([]string, count)
	for i := range ids {
		ids[i] = fmt.Sprintf("u%d", begin+int64(2*(i+1)))
	}

	return ids
}

// endOf reads until the stream fails, and returns why.
func endOf(t *testing.T, s ledger.Stream) error {
	t.Helper()

	for {
		if _, err := s.Next(within(t)); err != nil {
			require.NotErrorIs(t, err, context.DeadlineExceeded)

			return err
		}
	}
}
