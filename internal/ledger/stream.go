package ledger

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Stream is the live tail of the ledger.
type Stream interface {
	// Next waits for the next update, {"update":{…}}; the slice is the caller's. The end of ctx ends the waiting and
	// not the stream. Every other error ends the stream, and is returned again by every later call: IsStreamClosed tells
	// the ordinary end, after which the stream is opened again after the last update taken.
	Next(ctx context.Context) ([]byte, error)
	// Close ends the stream and waits for its goroutines. It may be called at any time, and again.
	Close() error
	// Transport is "websocket" or "http".
	Transport() string
}

const opStream = "stream updates"

// The names of transports.
const (
	transportSocket = "websocket"
	transportHTTP   = "http"
)

// How far a stream reads ahead of Next: bytes, and items. One message more may wait while there is no room.
const (
	readAheadBytes = 16 << 20
	readAheadItems = 256
)

// OpenUpdates opens the live tail of what party sees, after begin. The stream lives until Close, or until it ends by
// itself; ctx bounds only its opening. When it ends, reconnecting is up to the caller.
//
// Where something on the way refuses websockets, the stream polls over HTTP. It then ends itself every ten minutes,
// so that a websocket is tried again; and while nothing happens on the ledger it gives fewer checkpoints, or none.
func (c *Client) OpenUpdates(ctx context.Context, party ident.Party, begin ident.Offset) (Stream, error) {
	if begin < 0 {
		return nil, fmt.Errorf("ledger: %s: offset %d", opStream, begin)
	}

	s, err := c.openUpdates(ctx, party, begin)
	if err == nil {
		return c.socketStream(s, party, begin), nil //nolint:contextcheck // ctx bounds only the opening
	}

	if !upgradeRefused(err) {
		return nil, err
	}

	// The node must answer otherwise, or it is not websockets that are the matter.
	if _, endErr := c.ledgerEnd(ctx, NoRetry()); endErr != nil {
		return nil, endErr
	}

	if !c.saidPolling.Swap(true) {
		c.cfg.Logger.WarnContext(ctx, "no websocket to the node: polling over HTTP instead",
			slog.String("refusal", err.Error()))
	}

	return c.pollStream(ctx, party, begin), nil
}

// stream is a goroutine that reads ahead, and a bounded queue.
type stream struct {
	transport string
	items     chan []byte
	room      *semaphore.Weighted
	// err is why the stream ended; set before items is closed.
	err    error
	cancel context.CancelCauseFunc
	reader sync.WaitGroup
}

// newStream starts run, which puts items until it returns why it ended. Close cancels its context.
func newStream(life context.Context, transport string, run func(context.Context, func([]byte) error) error) *stream {
	life, cancel := context.WithCancelCause(life)
	s := &stream{
		transport: transport, items: make(chan []byte, readAheadItems),
		room: semaphore.NewWeighted(readAheadBytes), cancel: cancel,
	}

	s.reader.Go(func() {
		defer close(s.items)

		s.err = run(life, func(raw []byte) error { return s.put(life, raw) })
	})

	return s
}

func (s *stream) put(ctx context.Context, raw []byte) error {
	if err := s.room.Acquire(ctx, weight(raw)); err != nil {
		return context.Cause(ctx) //nolint:wrapcheck // our own cause
	}

	select {
	case s.items <- raw:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // our own cause
	}
}

// weight lets a message that is larger than all the room take all of it.
func weight(raw []byte) int64 { return min(int64(len(raw)), readAheadBytes) }

// Next implements Stream.
func (s *stream) Next(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ledger: wait for item: %w", err)
	}

	select {
	case raw, open := <-s.items:
		if !open {
			return nil, s.err
		}

		s.room.Release(weight(raw))

		return raw, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("ledger: wait for item: %w", ctx.Err())
	}
}

// Close implements Stream.
func (s *stream) Close() error {
	s.cancel(errClosed)
	s.reader.Wait()

	return nil
}

// Transport implements Stream.
func (s *stream) Transport() string { return s.transport }

// openUpdates opens a socket that lives until it is closed.
func (c *Client) openUpdates(ctx context.Context, party ident.Party, begin ident.Offset) (*socket, error) {
	names := c.interfaces.wanted()
	path, body := c.updatesBody(party, names, begin, nil)

	return c.openSocket(ctx, context.WithoutCancel(ctx), opStream, path, names, body)
}

// socketStream reads a socket that has been opened. A node says only in its first message that it does not know an
// interface: then the stream, which has given nothing yet, asks once more for fewer.
func (c *Client) socketStream(s *socket, party ident.Party, begin ident.Offset) *stream {
	return newStream(context.Background(), transportSocket, func(ctx context.Context, put func([]byte) error) error {
		ctx, done := context.WithTimeoutCause(ctx, c.cfg.MaxStreamAge, errAged)
		defer done()

		for {
			given, err := c.pump(ctx, s, "update", put)
			if given > 0 || !c.interfaces.learn(s.asked, err) {
				return err
			}

			if s, err = c.openUpdates(ctx, party, begin); err != nil {
				return unlessEnded(ctx, opStream, err)
			}
		}
	})
}

// pump puts what the socket gives, which are objects with a member of that name, until it ends. It closes it, and
// returns how many items there were and why it ended.
func (c *Client) pump(ctx context.Context, s *socket, member string, put func([]byte) error) (given int, err error) {
	defer s.close()

	stop := context.AfterFunc(ctx, func() { s.cancel(context.Cause(ctx)) })
	defer stop()

	for ; ; given++ {
		raw, err := s.next()
		if err != nil {
			return given, err
		}

		if !isItem(raw, member) {
			return given, c.refused(ctx, s, raw)
		}

		resume := s.pause()
		err = put(raw)

		resume()

		if err != nil {
			return given, s.ended(err)
		}
	}
}

// refused makes the error of a message that is not an item. Where that is about the token, the next opening uses
// another.
func (c *Client) refused(ctx context.Context, s *socket, message []byte) *Error {
	e := failureMessage(s.op, message)

	if IsUnauthorized(e) && c.cfg.Tokens != nil {
		if current, err := c.token(ctx, s.op); err == nil && current == s.token {
			c.cfg.Tokens.Invalidate()
		}
	}

	return e
}

// isItem reports whether a message is an item and not an error. Items hold the named member, errors code and cause.
// Whether an item is well-formed is for its decoder to say.
func isItem(message []byte, member string) bool {
	if bytes.HasPrefix(message, []byte(`{"`+member+`":`)) {
		return true
	}

	var w map[string]strictjson.Raw
	if strictjson.Decode(message, &w) != nil {
		return false
	}

	_, item := w[member]

	return item
}

// pollStream reads by HTTP. An answer moves it on only by the items in it: the node may answer short although there is
// more, so an empty answer is believed only when it came for a range with an end.
func (c *Client) pollStream(ctx context.Context, party ident.Party, begin ident.Offset) *stream {
	return newStream(context.WithoutCancel(ctx), transportHTTP,
		func(ctx context.Context, put func([]byte) error) error {
			ctx, done := context.WithTimeoutCause(ctx, min(c.timing.pollAge, c.cfg.MaxStreamAge), errAged)
			defer done()

			p := &poller{pages: c.pager(opStream, party, begin, NoRetry()), read: begin}

			for {
				if err := p.round(ctx, put); err != nil {
					return unlessEnded(ctx, opStream, err)
				}
			}
		})
}

// unlessEnded is err, unless the stream was ended by its age or by Close while it was under way.
func unlessEnded(ctx context.Context, op string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return &Error{Op: op, Code: CodeStreamClosed, Cause: cause.Error()}
	}

	return err
}

type poller struct {
	pages *pager
	// read is up to where a range with an end was found to hold nothing for us after pages.position.
	read ident.Offset
}

// round asks once what is new, without an end, and where that gives nothing although the ledger moved on, once more up
// to the ledger end. It waits a little when there is nothing.
func (p *poller) round(ctx context.Context, put func([]byte) error) error {
	c, before := p.pages.client, p.pages.position

	items, err := p.pages.next(ctx, nil, c.timing.pollIdle)
	if err != nil {
		return err
	}

	if err := putAll(items, put); err != nil || p.pages.position != before {
		return err
	}

	if items, err = p.upToEnd(ctx); err != nil {
		return err
	}

	if err := putAll(items, put); err != nil || p.pages.position != before {
		return err
	}

	return wait(ctx, c.timing.pollPause)
}

func putAll(items []strictjson.Raw, put func([]byte) error) error {
	for _, raw := range items {
		if err := put(raw); err != nil {
			return err
		}
	}

	return nil
}

// upToEnd asks for what is new up to the ledger end, without a time after which the node answers with less.
func (p *poller) upToEnd(ctx context.Context) ([]strictjson.Raw, error) {
	end, err := p.pages.client.ledgerEnd(ctx, NoRetry())
	if err != nil {
		return nil, err
	}

	if end < p.pages.position {
		return nil, &Error{
			Op: p.pages.op, Code: codeAfterLedgerEnd,
			Cause: fmt.Sprintf("the node's ledger ends at %d, before offset %d which it gave", end, p.pages.position),
		}
	}

	if end <= p.read || end == p.pages.position {
		return nil, nil
	}

	before := p.pages.position

	items, err := p.pages.next(ctx, &end, 0)
	if err == nil && p.pages.position == before {
		p.read = end
	}

	return items, err
}
