package api

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	streamType = "text/event-stream"
	// beatEvery is how often a stream says that it is there, and looks whether its key is still good.
	beatEvery = 15 * time.Second
	// stallAfter is how long a reader may take for one piece before it is cut off.
	stallAfter = 20 * time.Second
	// streamPage is how many events are written before the key is looked at again.
	streamPage = 100
	// unsureBeats is how many beats a key may go unconfirmed because the database is away.
	unsureBeats = 3
)

// streams are the readers to whom events are told as they happen.
type streams struct {
	places

	beat, stall time.Duration
}

func newStreams(settings *Settings) *streams {
	return &streams{
		places: places{most: settings.Streams, mostOfOne: settings.StreamsOfOne, of: map[string]int{}},
		beat:   beatEvery, stall: stallAfter,
	}
}

// Streams is how many streams are open now.
func (h *Handler) Streams() int { return h.streams.count() }

// stream answers a request whose answer goes on. It gives its place back to those that end.
func (h *Handler) stream(q *request, out *answer, r *http.Request) error {
	who := q.caller.Actor
	if !h.streams.take(who) {
		return &problemError{
			status: http.StatusServiceUnavailable, code: "too_many_streams", retry: streamRetry,
			detail: "Too many streams of events are open already, of this key or of all. Close one, or ask for events by wait.",
		}
	}
	defer h.streams.leave(who)

	q.leave()
	h.Metrics.streams.Inc()

	defer h.Metrics.streams.Dec()

	var ending <-chan struct{} = h.ending

	ctx := context.WithValue(r.Context(), drainingKey{}, ending)
	still := func(ctx context.Context) error { return h.still(ctx, q, r) }
	h.generated.ServeHTTP(out, r.WithContext(context.WithValue(ctx, stillKey{}, still)))

	return out.err
}

// streamRetry is when to come back for a place.
const streamRetry = 5 * time.Second

// stillKey is of a function that says whether the caller may still do what they do.
type stillKey struct{}

var errRightsChanged = errors.New("the key's rights have changed")

// still is an error when a request would not be let in any more, or would be as somebody with other rights.
func (h *Handler) still(ctx context.Context, q *request, r *http.Request) error {
	now, err := h.authentication.authenticate(ctx, r)

	switch {
	case err != nil:
		return err
	case !slices.Equal(now.Scopes, q.caller.Scopes) || !slices.Equal(now.Treasuries, q.caller.Treasuries) ||
		(now.Treasuries == nil) != (q.caller.Treasuries == nil):
		return errRightsChanged
	default:
		return q.operation.authorize(now, q.inPath)
	}
}

// eventStream is an answer that tells events as they happen.
type eventStream struct {
	*scan

	ctx    context.Context //nolint:containedctx // of the request: the answer is written within it
	unsure int             // beats since the key was found good
}

// StreamEvents implements server.StrictServerInterface.
func (s *Service) StreamEvents(
	ctx context.Context, r server.StreamEventsRequestObject,
) (server.StreamEventsResponseObject, error) {
	p := r.Params

	scan, err := s.scanning(ctx, r.Treasury, eventQuery{p.Type, p.Account, p.Subject, p.InstrumentAdmin, p.InstrumentId})
	if err != nil {
		return nil, err
	}

	named := p.LastEventID
	if named == nil {
		named = p.After
	}

	if err := scan.begin(ctx, named, func(head store.EventHead) event.Place { return head.Place() }); err != nil {
		return nil, err
	}

	return &eventStream{scan: scan, ctx: ctx}, nil
}

// VisitStreamEventsResponse implements server.StreamEventsResponseObject. It ends without an error whenever the reader
// may simply come again.
func (s *eventStream) VisitStreamEventsResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", streamType)
	w.Header().Set("X-Accel-Buffering", "no") // for proxies that would hold events back
	w.WriteHeader(http.StatusOK)

	beat := time.NewTicker(s.streams.beat)
	defer beat.Stop()

	if err := s.write(w, "retry: 2000\n: after "+s.at.String()+"\n\n", nil); err != nil {
		return err
	}

	for {
		more, err := s.tell(w)
		if err != nil {
			return s.ended(err)
		}

		for ready := more; ; {
			ok, again, err := s.rest(w, beat.C, ready)
			if err != nil || !ok {
				return s.ended(err)
			}

			if again {
				break
			}
		}
	}
}

// rest waits until there is something to tell, which it reports as again, or something to say between; it is not ok
// when the stream is to end. It does not wait if something is ready.
func (s *eventStream) rest(w http.ResponseWriter, beat <-chan time.Time, ready bool) (ok, again bool, err error) {
	news := s.Events.News(s.treasury, s.at.Seq)

	if ready {
		now := make(chan struct{})
		close(now)

		news = now
	}

	select { // what ends a stream counts more than what there is to tell
	case <-s.ctx.Done():
		return false, false, nil
	case <-draining(s.ctx):
		return false, false, s.write(w, ": the service ends, come again\n\n", nil)
	case <-beat:
		return s.pulse(w)
	default:
	}

	select {
	case <-s.ctx.Done():
		return false, false, nil
	case <-draining(s.ctx):
		return false, false, s.write(w, ": the service ends, come again\n\n", nil)
	case <-beat:
		return s.pulse(w)
	case <-news:
		if ready || s.Events.Head(s.treasury) > s.at.Seq {
			return !s.Events.Ended(), true, nil
		}

		return !s.Events.Ended(), false, s.scan.still(s.ctx) // the news was another treasury's, or of another history
	}
}

// pulse looks whether the key is still good, and says that the stream is there.
func (s *eventStream) pulse(w http.ResponseWriter) (ok, again bool, err error) {
	still, _ := s.ctx.Value(stillKey{}).(func(context.Context) error)

	switch err := still(s.ctx); {
	case err == nil:
		s.unsure = 0
	case explained(err, "").code == codeAway && s.unsure < unsureBeats:
		s.unsure++
	default:
		return false, false, s.write(w, ": the key is not good any more, or has other rights\n\n", nil)
	}

	return true, false, s.write(w, ":\n\n", nil)
}

// tell writes the next events, and reports whether there are more.
func (s *eventStream) tell(w http.ResponseWriter) (more bool, err error) {
	found, more, err := s.page(s.ctx, streamPage)
	if err != nil || len(found) == 0 {
		return more, err
	}

	return more, s.write(w, "", found)
}

// write writes a comment, or events, and gives the reader its time for each of them. Nothing is kept for later.
func (s *eventStream) write(w http.ResponseWriter, comment string, events []store.LoggedEvent) error {
	control := http.NewResponseController(w)
	_, err := w.Write([]byte(comment))

	for i := range events {
		if err == nil {
			err = control.SetWriteDeadline(clock.System{}.Now().Add(s.streams.stall))
		}

		if err == nil {
			_, err = w.Write(framed(&events[i]))
		}
	}

	if err == nil {
		err = control.SetWriteDeadline(clock.System{}.Now().Add(s.streams.stall))
	}

	if err == nil {
		err = control.Flush()
	}

	if err == nil { // between pieces nobody is late
		err = control.SetWriteDeadline(time.Time{})
	}

	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problemError{
			status: http.StatusRequestTimeout, code: "stream_stalled", cause: err,
			detail: "The reader did not keep up. It goes on with Last-Event-ID.",
		}
	default:
		return errHungUp
	}
}

// errHungUp means that nobody reads any more.
var errHungUp = errors.New("the reader has hung up")

// framed is an event as a stream has it. It is canonical JSON, which has no line breaks.
func framed(e *store.LoggedEvent) []byte {
	const around = 96

	b := make([]byte, 0, len(e.Body)+len(e.Type)+around)
	b = append(b, "id: "...)
	b = append(b, e.Place().String()...)
	b = append(append(b, "\nevent: "...), e.Type...)
	b = append(append(b, "\ndata: "...), e.Body...)

	return append(b, "\n\n"...)
}

// ended is the error that a stream ends with. Where events are not kept any more, who comes again is told; where the
// database was put back, or is away, too.
func (s *eventStream) ended(err error) error {
	if err == nil || errors.Is(err, errHungUp) {
		return nil
	}

	if told := explained(err, ""); told.code == codeGone || told.code == codeForked || told.code == codeAway {
		return nil
	}

	return err
}
