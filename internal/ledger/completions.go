package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// CompletionsRequest asks for the ends of a user's submissions.
type CompletionsRequest struct {
	// UserID is the ledger user who submitted; the token's if empty.
	UserID string
	// Parties are those that acted.
	Parties []ident.Party
	// Begin is the offset after which to begin; not before what is pruned.
	Begin ident.Offset
}

const (
	opCompletions   = "read completions"
	completionsPath = "/v2/commands/completions"
)

func (r *CompletionsRequest) body(begin ident.Offset) ledgerapi.CompletionsRequest {
	return ledgerapi.CompletionsRequest{UserId: r.UserID, Parties: texts(r.Parties), BeginExclusive: int64(begin)}
}

func (r *CompletionsRequest) check() error {
	if r.Begin < 0 || len(r.Parties) == 0 {
		return notSent(opCompletions, StageAnswer, "offset %d and %d parties", r.Begin, len(r.Parties))
	}

	return nil
}

// Completions lists what there is after Begin, at most some hundred items, in order. The node cannot say that there is
// no more: it answers when nothing new came for a moment. So an empty list proves nothing.
func (c *Client) Completions(ctx context.Context, r CompletionsRequest) ([]CompletionItem, error) {
	if err := r.check(); err != nil {
		return nil, err
	}

	raws, err := Do(ctx, c.cfg.Retry, func(ctx context.Context) ([]strictjson.Raw, error) {
		return c.listCompletions(ctx, &r, r.Begin, c.timing.pollIdle)
	})
	if err != nil {
		return nil, err
	}

	items := make([]CompletionItem, 0, len(raws))
	at := r.Begin

	for _, raw := range raws {
		item, err := nextCompletion(raw, at)
		if err != nil {
			return nil, err
		}

		at = max(at, item.Offset)
		items = append(items, item)
	}

	return items, nil
}

// listCompletions asks once, for fewer if the node is configured to list fewer.
func (c *Client) listCompletions(
	ctx context.Context, r *CompletionsRequest, begin ident.Offset, idle time.Duration,
) ([]strictjson.Raw, error) {
	for limit := pageLimit; ; limit /= 2 {
		a, err := c.call(ctx, request{
			op: opCompletions, method: http.MethodPost, path: completionsPath, body: r.body(begin),
			query: url.Values{
				"limit": {strconv.Itoa(limit)}, "stream_idle_timeout_ms": {strconv.FormatInt(idle.Milliseconds(), 10)},
			},
		})

		if e, ok := errors.AsType[*Error](err); ok && limit > 1 && (e.Code == codeListLimit || e.Code == CodeTooLarge) {
			continue
		}

		if err != nil {
			return nil, err
		}

		var list []strictjson.Raw

		err = a.decode(opCompletions, &list)

		return list, err
	}
}

// nextCompletion decodes an item that must stand after at; a checkpoint may stand there.
func nextCompletion(raw []byte, at ident.Offset) (CompletionItem, error) {
	item, err := decodeCompletion(raw)
	if err != nil {
		return CompletionItem{}, malformed(opCompletions, "a completion", err)
	}

	if item.Completion != nil && item.Offset <= at {
		return CompletionItem{}, malformed(opCompletions,
			fmt.Sprintf("a completion at offset %d after %d", item.Offset, at), nil)
	}

	return item, nil
}

// CompletionStream is the live tail of completions.
type CompletionStream struct {
	stream   *stream
	position ident.Offset
	err      error
}

// OpenCompletions opens the live tail of completions after Begin. Like OpenUpdates it lives until Close or until it
// ends by itself, polls over HTTP where websockets are refused, and leaves reconnecting to the caller: after Position.
func (c *Client) OpenCompletions(ctx context.Context, r CompletionsRequest) (*CompletionStream, error) {
	if err := r.check(); err != nil {
		return nil, err
	}

	s, err := c.openSocket(ctx, context.WithoutCancel(ctx), opCompletions, completionsPath, nil, r.body(r.Begin))

	switch {
	case err == nil:
		return &CompletionStream{stream: c.completionSocket(s), position: r.Begin}, nil //nolint:contextcheck // only opening
	case !upgradeRefused(err):
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

	return &CompletionStream{stream: c.completionPoll(ctx, r), position: r.Begin}, nil
}

func (c *Client) completionSocket(s *socket) *stream {
	return newStream(context.Background(), transportSocket, func(ctx context.Context, put func([]byte) error) error {
		ctx, done := context.WithTimeoutCause(ctx, c.cfg.MaxStreamAge, errAged)
		defer done()

		_, err := c.pump(ctx, s, "completionResponse", put)

		return err
	})
}

// completionPoll reads by HTTP. Only items that the node gave move it on.
func (c *Client) completionPoll(ctx context.Context, r CompletionsRequest) *stream {
	return newStream(context.WithoutCancel(ctx), transportHTTP,
		func(ctx context.Context, put func([]byte) error) error {
			ctx, done := context.WithTimeoutCause(ctx, min(c.timing.pollAge, c.cfg.MaxStreamAge), errAged)
			defer done()

			for at := r.Begin; ; {
				list, err := c.listCompletions(ctx, &r, at, c.timing.pollIdle)
				if err != nil {
					return unlessEnded(ctx, opCompletions, err)
				}

				for _, raw := range list {
					item, err := nextCompletion(raw, at)
					if err != nil {
						return err
					}

					at = max(at, item.Offset)

					if err := put(raw); err != nil {
						return unlessEnded(ctx, opCompletions, err)
					}
				}

				if err := wait(ctx, c.timing.pollPause); err != nil {
					return unlessEnded(ctx, opCompletions, err)
				}
			}
		})
}

// Next waits for the next completion or checkpoint. The end of ctx ends the waiting and not the stream; every other
// error ends the stream and is returned again. It is for one goroutine.
func (s *CompletionStream) Next(ctx context.Context) (CompletionItem, error) {
	if s.err != nil {
		return CompletionItem{}, s.err
	}

	raw, err := s.stream.Next(ctx)
	if err != nil {
		return CompletionItem{}, err
	}

	item, err := nextCompletion(raw, s.position)
	if err != nil {
		s.err = err

		return CompletionItem{}, err
	}

	s.position = max(s.position, item.Offset)

	return item, nil
}

// Position is the offset after which the next stream is to be opened, so that nothing is missed. It belongs to the
// goroutine that calls Next.
func (s *CompletionStream) Position() ident.Offset { return s.position }

// Close ends the stream and waits for its goroutines. It may be called at any time, and again.
func (s *CompletionStream) Close() error { return s.stream.Close() }

// Transport is "websocket" or "http".
func (s *CompletionStream) Transport() string { return s.stream.Transport() }
