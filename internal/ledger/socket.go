package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// subprotocol is what a node always selects; a client that checks the selection must have offered it.
const subprotocol = "daml.ws.auth"

// Why a socket's life ended, where it was not the other side.
var (
	errHalfOpen = errors.New("the node did not answer a ping")
	errAged     = errors.New("the stream reached its age")
	errClosed   = errors.New("closed by us")
)

// socket is one websocket request: the request goes out as its first message, and items come in until the node closes.
type socket struct {
	op    string
	conn  *websocket.Conn
	limit int64
	// asked are the interfaces the request named.
	asked []ident.Name
	token secret.String

	life   context.Context //nolint:containedctx // it is the socket's own, ended by close
	cancel context.CancelCauseFunc
	// beat ends with the socket; close waits for it.
	beat sync.WaitGroup
	// progress counts signs of life: bytes that arrived, and ends of our own pauses.
	progress atomic.Uint64
	// paused is set while we do not read, because whoever takes the items is slower: then no pong is heard either.
	paused atomic.Bool
}

// openSocket opens a stream and sends its request, with one fresh token if the first is refused. The dialing is bounded
// by ctx, the life of the socket by life.
func (c *Client) openSocket(
	ctx, life context.Context, op, path string, names []ident.Name, body any,
) (*socket, error) {
	raw, err := strictjson.Encode(body)
	if err != nil {
		return nil, malformed(op, "the request", err)
	}

	token, err := c.token(ctx, op)
	if err != nil {
		return nil, err
	}

	conn, err := c.dial(ctx, op, path, token)
	if IsUnauthorized(err) {
		if fresh, ok := c.freshToken(ctx, op, token); ok {
			token = fresh
			conn, err = c.dial(ctx, op, path, token)
		}
	}

	if err != nil {
		return nil, err
	}

	conn.SetReadLimit(c.cfg.MaxMessage)

	sendCtx, done := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer done()

	if err := conn.Write(sendCtx, websocket.MessageText, raw); err != nil {
		_ = conn.CloseNow()

		return nil, transportError(ctx, sendCtx, op, err)
	}

	s := &socket{op: op, conn: conn, limit: c.cfg.MaxMessage, asked: names, token: token}
	s.life, s.cancel = context.WithCancelCause(life)
	s.beat.Go(func() { s.watch(c.timing.pingEvery, c.timing.pingWait) }) //nolint:contextcheck // it has life

	return s, nil
}

func (c *Client) dial(parent context.Context, op, path string, token secret.String) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(parent, c.cfg.RequestTimeout)
	defer cancel()

	header := http.Header{}
	setIdentity(header, token)

	conn, resp, err := websocket.Dial(ctx, c.base+path, &websocket.DialOptions{
		HTTPClient: c.http, HTTPHeader: header, Subprotocols: []string{subprotocol},
		CompressionMode: websocket.CompressionDisabled,
	})

	switch {
	case err == nil:
		return conn, nil
	case resp == nil || parent.Err() != nil:
		return nil, transportError(parent, ctx, op, err)
	case resp.StatusCode == http.StatusSwitchingProtocols:
		return nil, &Error{Op: op, HTTPStatus: resp.StatusCode, Code: CodeRefused, Cause: bounded(err.Error())}
	default:
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))

		return nil, failure(op, resp, body, c.cfg.Clock.Now())
	}
}

// upgradeRefused reports whether an error of dial is about websockets and not about us: something on the way does not
// let them pass. Errors of the node itself carry its code, and those about our token or rights are not cured by HTTP.
func upgradeRefused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeRefused || e.HTTPStatus == 0 {
		return false
	}

	switch e.HTTPStatus {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusProxyAuthRequired:
		return false
	default:
		return true
	}
}

// next waits for the next message, however long the node has nothing to say. The message is the caller's.
func (s *socket) next() ([]byte, error) {
	kind, reader, err := s.conn.Reader(s.life)
	if err != nil {
		return nil, s.ended(err)
	}

	var message bytes.Buffer
	if _, err := message.ReadFrom(&progressReader{reader, &s.progress}); err != nil {
		return nil, s.ended(err)
	}

	s.progress.Add(1)

	if kind != websocket.MessageText {
		return nil, malformed(s.op, "a binary message", nil)
	}

	return message.Bytes(), nil
}

// pause marks that we are about to not read; the returned function ends it.
func (s *socket) pause() (resume func()) {
	s.paused.Store(true)

	return func() {
		s.progress.Add(1)
		s.paused.Store(false)
	}
}

// ended makes the error of a socket that gives no more.
func (s *socket) ended(err error) error {
	switch cause := context.Cause(s.life); {
	case errors.Is(cause, errHalfOpen), errors.Is(cause, errAged), errors.Is(cause, errClosed):
		return &Error{Op: s.op, Code: CodeStreamClosed, Cause: cause.Error()}
	case cause != nil:
		return fmt.Errorf("ledger: %s: %w", s.op, cause)
	case errors.Is(err, websocket.ErrMessageTooBig):
		return tooLarge(s.op, s.limit)
	default:
		return &Error{Op: s.op, Code: CodeStreamClosed, Cause: bounded(err.Error()), err: err}
	}
}

// completed reports whether the node ended the stream by itself, which is how a bounded stream says that it was all.
func completed(err error) bool { return websocket.CloseStatus(err) == websocket.StatusNormalClosure }

// watch pings until the socket ends, and ends it when nobody is there: no pong and no other byte for pingWait.
func (s *socket) watch(every, wait time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()

	for {
		select {
		case <-s.life.Done():
			return
		case <-ticker.C:
		}

		before := s.progress.Load()

		ctx, cancel := context.WithTimeout(s.life, wait)
		err := s.conn.Ping(ctx)

		cancel()

		if err != nil && !s.paused.Load() && s.progress.Load() == before {
			s.cancel(errHalfOpen)

			return
		}
	}
}

// close ends the socket at once and waits for its goroutine. It may be called twice.
func (s *socket) close() {
	s.cancel(errClosed)
	_ = s.conn.CloseNow() // the node ignores what we say; there is nothing to wait for
	s.beat.Wait()
}

type progressReader struct {
	reader   io.Reader
	progress *atomic.Uint64
}

// Read counts every piece as a sign of life: a large message may take longer than a ping.
func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.reader.Read(p)
	if n > 0 {
		r.progress.Add(1)
	}

	return n, err //nolint:wrapcheck // io.EOF must stay itself
}
