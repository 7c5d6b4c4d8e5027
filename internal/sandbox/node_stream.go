package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// protocolLedger is the subprotocol that a node always selects, whatever was offered.
const protocolLedger = "daml.ws.auth"

// maxSilence is how long a client may take from opening a websocket to its request. No source names a node's.
const maxSilence = 30 * time.Second

func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// serve runs one websocket: the client's first message is the request, everything it sends later is ignored,
// and an error is one message before the end.
func (v *Validator) serve(
	w http.ResponseWriter, r *http.Request, run func(ctx context.Context, request []byte, send sender) error,
) {
	if !v.enter() {
		v.fail(w, r, newError(http.StatusConflict, grpcResourceLimit, categoryContention,
			"MAXIMUM_NUMBER_OF_STREAMS", "The maximum number of streams is reached."))

		return
	}
	defer v.leave()

	w.Header().Set("Sec-WebSocket-Protocol", protocolLedger)

	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{protocolLedger},
		// A node asks for no origin: what a browser may do, its token says.
		InsecureSkipVerify: true,
	})
	if err != nil {
		v.cfg.Logger.DebugContext(r.Context(), "accept websocket", slog.Any("error", err))

		return
	}
	defer func() { _ = conn.CloseNow() }()

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()

	running, end := context.WithCancelCause(ctx) // a stream that ends still has to tell why
	defer end(nil)

	stream := &openStream{cut: func() { cancel(); _ = conn.CloseNow() }, end: end}
	v.register(stream)
	defer v.unregister(stream)

	conn.SetReadLimit(maxRequestBody)

	request, err := v.firstMessage(ctx, conn)
	if err != nil {
		return
	}

	ignored := make(chan struct{})

	go func() {
		defer close(ignored)
		defer cancel()

		drain(ctx, conn)
	}()

	told := &telling{v: v, r: r, conn: conn, stream: stream, chance: chanceOf(r, request)}

	err = told.conduct(ctx, running, request, run)
	if err == nil && ctx.Err() == nil {
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}

	_ = conn.CloseNow()

	<-ignored
}

// telling is the node's side of one open stream.
type telling struct {
	v      *Validator
	r      *http.Request
	conn   *websocket.Conn
	stream *openStream
	chance fault.Chance
	left   int  // messages until the stream is cut
	cuts   bool // whether it is
}

// conduct runs the stream until running ends, and tells an error of the ledger API in a message of its own.
func (s *telling) conduct(
	ctx, running context.Context, request []byte, run func(ctx context.Context, request []byte, send sender) error,
) error {
	if rule, strikes := s.v.plan.Take(fault.StreamCut, s.chance); strikes {
		s.left, s.cuts = rule.Size, true
	}

	claims := admin.ClaimsOf(ctx)
	send := func(value any) error {
		if err := context.Cause(running); err != nil {
			return err //nolint:wrapcheck // an error of the ledger API, to be told as it is
		}

		if err := claims.Check(); err != nil {
			return err
		}

		return s.tell(ctx, value)
	}

	err := claims.Check()
	if err == nil {
		err = run(running, request, send)
	}

	if ended := context.Cause(running); ended != nil {
		err = ended
	}

	if e, ok := errors.AsType[*cantonError](err); ok {
		return s.tell(ctx, e)
	}

	return err
}

// tell sends one message, unless a fault cuts the stream instead.
func (s *telling) tell(ctx context.Context, value any) error {
	raw, err := encodeJSON(value)
	if err != nil {
		return err
	}

	s.v.tell(s.r.Method, s.r.URL.EscapedPath(), http.StatusSwitchingProtocols, nil, raw)

	if s.cuts && s.left == 0 {
		s.stream.cut()

		return context.Canceled
	}

	s.left--

	if err := s.conn.Write(ctx, websocket.MessageText, s.v.garbled(raw, s.chance)); err != nil {
		return fmt.Errorf("write message: %w", err)
	}

	return nil
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

func (v *Validator) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()

	if v.stopped || v.seats == 0 {
		return false
	}

	v.seats--
	v.streams.Add(1)

	return true
}

func (v *Validator) leave() {
	v.mu.Lock()
	v.seats++
	v.mu.Unlock()

	v.streams.Done()
}

// firstMessage is the request. Whoever opens a websocket and says nothing is one of few that a node has room for, so
// the connection ends when none comes in time.
func (v *Validator) firstMessage(ctx context.Context, conn *websocket.Conn) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, v.silence)
	defer cancel()

	_, request, err := conn.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}

	return request, nil
}

// register adds a stream to those that CutStreams cuts. One that comes while the sandbox closes is cut at once.
func (v *Validator) register(stream *openStream) {
	v.mu.Lock()
	v.open[stream] = struct{}{}
	stopped := v.stopped
	v.mu.Unlock()

	if stopped {
		stream.cut()
	}
}

func (v *Validator) unregister(stream *openStream) {
	v.mu.Lock()
	defer v.mu.Unlock()

	delete(v.open, stream)
}

// OpenStreams is how many websockets are open.
func (v *Validator) OpenStreams() int {
	v.mu.Lock()
	defer v.mu.Unlock()

	return len(v.open)
}

func (v *Validator) streamUpdates(through channel) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.serve(w, r, func(ctx context.Context, request []byte, send sender) error {
			var req updatesRequest
			if err := json.Unmarshal(request, &req); err != nil {
				return errArgument("the first message cannot be read as a request")
			}

			c, err := v.openCursor(ctx, &req, through)
			if err != nil {
				return err
			}

			return c.run(ctx, func(u *updateJSON) (bool, error) { return true, send(itemJSON{Update: u}) })
		})
	}
}

func (v *Validator) streamContracts(w http.ResponseWriter, r *http.Request) {
	v.serve(w, r, func(ctx context.Context, request []byte, send sender) error {
		var req contractsRequest
		if err := json.Unmarshal(request, &req); err != nil {
			return errArgument("the first message cannot be read as a request")
		}

		s, err := v.contractsAt(ctx, &req)
		if err != nil {
			return err
		}

		return s.run(ctx, func(item activeJSON, _ int) (bool, error) { return true, send(item) })
	})
}
