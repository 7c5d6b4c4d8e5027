package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/go-chi/chi/v5"
)

// source is a node that plays a recording as fast as it is read, or at a fixed rate. It serves just what ingestion
// asks for.
type source struct {
	recording *recording
	// to is how many updates there are to play.
	to int64
	// rate is updates per second; 0 plays as fast as the client reads.
	rate int
	sent atomic.Int64

	server   *http.Server
	listener net.Listener
	done     chan struct{}
}

func (s *source) start(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}

	s.listener, s.done = listener, make(chan struct{})
	s.server = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}

	go func() {
		defer close(s.done)

		_ = s.server.Serve(listener) // ends when stop closes it, and says only that
	}()

	return nil
}

func (s *source) stop() {
	_ = s.server.Close()
	<-s.done
}

func (s *source) url() string { return "http://" + s.listener.Addr().String() }

func (s *source) routes() http.Handler {
	r := chi.NewRouter()
	answer := func(path, body string) {
		r.Get(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		})
	}

	answer("/v2/version", `{"version":"3.4.12","features":{}}`)
	answer("/v2/parties/participant-id", `{"participantId":"bench::1220bench"}`)
	answer("/v2/state/latest-pruned-offsets",
		`{"participantPrunedUpToInclusive":0,"allDivulgedContractsPrunedUpToInclusive":0}`)
	answer("/v2/state/ledger-end", fmt.Sprintf(`{"offset":%d}`, s.to))
	r.Get("/v2/updates", s.stream)
	r.Post("/v2/updates/update-by-offset", s.byOffset)

	return r
}

// byOffset answers the check at start, whether the history is still the same.
func (s *source) byOffset(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Offset int64 `json:"offset"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)

		return
	}

	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.recording.render(nil, request.Offset-1, epoch(request.Offset-1)))
}

func (s *source) stream(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"daml.ws.auth"}})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()

	var request struct {
		BeginExclusive int64 `json:"beginExclusive"`
	}

	_, body, err := conn.Read(r.Context())
	if err != nil || json.Unmarshal(body, &request) != nil {
		return
	}

	ctx := conn.CloseRead(r.Context())
	if err := s.play(ctx, conn, request.BeginExclusive); err == nil {
		<-ctx.Done() // all is said; a live node would keep the stream open
	}
}

func (s *source) play(ctx context.Context, conn *websocket.Conn, next int64) error {
	var buf []byte

	begin := time.Now()

	for n := next; n < s.to; n++ {
		if s.rate > 0 {
			wait := time.Until(begin.Add(time.Duration(n-next) * time.Second / time.Duration(s.rate)))
			if err := pause(ctx, wait); err != nil {
				return err
			}
		}

		buf = s.recording.render(buf[:0], n, epoch(n))
		if err := conn.Write(ctx, websocket.MessageText, buf); err != nil {
			return fmt.Errorf("send update %d: %w", n, err)
		}

		s.sent.Store(n + 1)
	}

	return nil
}

// epoch is the record time of an update: one millisecond after the one before.
func epoch(n int64) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
}

func pause(ctx context.Context, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()

		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}

	if err := ctx.Err(); err != nil {
		return fmt.Errorf("pause: %w", err)
	}

	return nil
}
