package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/coder/websocket"
)

// protocolLedger is the subprotocol that a node always selects, whatever was offered.
const protocolLedger = "daml.ws.auth"

func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// serve runs one websocket: the client's first message is the request, everything it sends later is ignored,
// and an error is one message before the end.
func (s *Sandbox) serve(
	w http.ResponseWriter, r *http.Request, run func(ctx context.Context, request []byte, send sender) error,
) {
	if !s.enter() {
		s.fail(w, r, newError(http.StatusConflict, grpcResourceLimit, categoryContention,
			"MAXIMUM_NUMBER_OF_STREAMS", "The maximum number of streams is reached."))

		return
	}
	defer s.streams.Done()

	w.Header().Set("Sec-WebSocket-Protocol", protocolLedger)

	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocolLedger}})
	if err != nil {
		s.cfg.Logger.DebugContext(r.Context(), "accept websocket", slog.Any("error", err))

		return
	}
	defer func() { _ = conn.CloseNow() }()

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()

	stream := &openStream{cut: func() { cancel(); _ = conn.CloseNow() }}
	s.register(stream)
	defer s.unregister(stream)

	conn.SetReadLimit(maxRequestBody)

	_, request, err := conn.Read(ctx)
	if err != nil {
		return
	}

	ignored := make(chan struct{})

	go func() {
		defer close(ignored)
		defer cancel()

		drain(ctx, conn)
	}()

	err = s.conduct(ctx, r, request, conn, run)
	if err == nil && ctx.Err() == nil {
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}

	_ = conn.CloseNow()

	<-ignored
}

// conduct runs the stream, and tells an error of the ledger API in a message of its own.
func (s *Sandbox) conduct(
	ctx context.Context, r *http.Request, request []byte, conn *websocket.Conn,
	run func(ctx context.Context, request []byte, send sender) error,
) error {
	send := func(value any) error {
		raw, err := encodeJSON(value)
		if err != nil {
			return err
		}

		return conn.Write(ctx, websocket.MessageText, s.faults.garbled(raw))
	}

	err := error(errUnauthenticated())
	if s.token(r) == tokenValid {
		err = run(ctx, request, send)
	}

	if e, ok := errors.AsType[*cantonError](err); ok {
		return send(e)
	}

	return err
}

// sender writes one message.
type sender func(value any) error

// drain reads and drops what the client sends after its request; it ends with the connection.
func drain(ctx context.Context, conn *websocket.Conn) {
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
	}
}

func (s *Sandbox) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.stopped || len(s.open) >= maxStreams {
		return false
	}

	s.streams.Add(1)

	return true
}

// register adds a stream to those that CutStreams cuts. One that comes while the sandbox closes is cut at once.
func (s *Sandbox) register(stream *openStream) {
	s.mu.Lock()
	s.open[stream] = struct{}{}
	stopped := s.stopped
	s.mu.Unlock()

	if stopped {
		stream.cut()
	}
}

func (s *Sandbox) unregister(stream *openStream) {
	s.mu.Lock()
	defer s.mu.Unlock()

	delete(s.open, stream)
}

// OpenStreams is how many websockets are open.
func (s *Sandbox) OpenStreams() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return len(s.open)
}

func (s *Sandbox) streamUpdates(trees bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, func(ctx context.Context, request []byte, send sender) error {
			var req updatesRequest
			if err := json.Unmarshal(request, &req); err != nil {
				return errArgument("the first message cannot be read as a request")
			}

			c, err := s.openCursor(&req, trees)
			if err != nil {
				return err
			}

			return c.run(ctx, func(u *updateJSON) (bool, error) { return true, send(itemJSON{Update: u}) })
		})
	}
}

func (s *Sandbox) streamContracts(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, func(_ context.Context, request []byte, send sender) error {
		var req contractsRequest
		if err := json.Unmarshal(request, &req); err != nil {
			return errArgument("the first message cannot be read as a request")
		}

		items, err := s.snapshot(&req)
		if err != nil {
			return err
		}

		for _, item := range items {
			if err := send(item); err != nil {
				return err
			}
		}

		return nil
	})
}
