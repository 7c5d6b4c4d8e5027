package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/api/server"
)

const (
	changeTimeout = 30 * time.Second
	readTimeout   = 90 * time.Second // more than the longest wait
	requestIDSize = 12               // random bytes
)

// Handler is the API as a server of HTTP sees it.
type Handler struct {
	*Service

	operations     *operations
	authentication *authentication
	limits         *limits
	room           chan struct{} // a place for each request that may be under way
	changing       chan struct{} // and for each of them that changes something: half of those
	turns          *turns
	answersKept    time.Duration
	schemas        eventSchemas
	generated      http.Handler
	ending         chan struct{} // closed when the service ends
	drain          sync.Once
}

// NewHandler makes the API. Run keeps its house.
func NewHandler(settings *Settings, parts Parts) (*Handler, error) {
	proxies, err := settings.proxies()
	if err != nil {
		return nil, err
	}

	h := &Handler{
		Service: &Service{
			Parts: parts, waiting: newPlaces(maxWaiting, maxWaitingOfOne),
			eventWaiting: newPlaces(maxEventWaiting, maxEventWaitingOfOne), streams: newStreams(settings),
			plainWebhooks: settings.PlainWebhooks,
		},
		authentication: &authentication{
			db: parts.DB, clock: parts.Clock, logger: parts.Logger, proxies: proxies,
			known: newRecent[string, knownKey](maxKeys), used: newRecent[string, time.Time](maxKeys),
		},
		limits:      newLimits(parts.Clock),
		room:        make(chan struct{}, settings.AtOnce),
		changing:    make(chan struct{}, (settings.AtOnce+1)/2),
		turns:       newTurns(),
		answersKept: settings.AnswersKept,
		ending:      make(chan struct{}),
	}

	if h.schemas, err = newEventSchemas(); err != nil {
		return nil, err
	}

	if settings.OIDC.Issuer != "" {
		h.authentication.tokens = newTokens(settings.OIDC, settings.AtOnce/keySetShare, parts.Clock, parts.Logger)
	}

	router := chi.NewRouter()
	between := []server.StrictMiddlewareFunc{negotiated}
	strict := server.NewStrictHandlerWithOptions(h.Service, between, server.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, _ error) {
			fail(w, invalid("body: is not as the document says. Nothing was done."))
		},
		ResponseErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, err error) { fail(w, err) },
	})
	h.generated = server.HandlerWithOptions(strict, server.ChiServerOptions{
		BaseRouter:       router,
		ErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, err error) { fail(w, unbound(err)) },
	})

	if h.operations, err = newOperations(router); err != nil {
		return nil, err
	}

	return h, nil
}

// request is one request on its way.
type request struct {
	id        string
	operation *operation
	caller    *caller
	inPath    map[string]string
	body      []byte
	leave     func() // its place among those that are under way, once
}

// ServeHTTP answers one request, whatever happens inside.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started, q := h.Clock.Now(), &request{}
	out := &answer{ResponseWriter: w}

	out.Header().Set("X-Content-Type-Options", "nosniff")
	out.Header().Set("Cache-Control", "no-store")

	err := h.identify(q, out)
	if err == nil {
		err = h.serve(q, out, r)
	}

	var told *problemError

	if err != nil {
		told = explained(err, q.name())
		if out.status == 0 {
			told.write(out, r, q.id)
			err = nil
		}
	}

	h.observe(r, q, out, told, h.Clock.Now().Sub(started))

	if err != nil { // in the middle of an answer, which must not look whole
		panic(http.ErrAbortHandler) // as net/http has it: the connection is cut and nothing is logged
	}
}

// name is the operation's, or none.
func (q *request) name() string {
	if q.operation == nil {
		return "none"
	}

	return q.operation.id
}

func (h *Handler) identify(q *request, out *answer) error {
	id := make([]byte, requestIDSize)
	if _, err := io.ReadFull(h.Random, id); err != nil {
		return fmt.Errorf("draw a request's id: %w", err)
	}

	q.id = hex.EncodeToString(id)
	out.Header().Set("X-Request-ID", q.id)

	return nil
}

// serve takes a request through everything that it must pass, in the order of what each costs us.
func (h *Handler) serve(q *request, out *answer, r *http.Request) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			err = panicked(thrown)
		}
	}()

	select {
	case h.room <- struct{}{}:
		q.leave = sync.OnceFunc(func() { <-h.room })
		defer q.leave()
	default:
		return busy()
	}

	if h.schemas.serve(out, r) {
		return nil
	}

	if q.operation, q.inPath, err = h.operations.find(r); err != nil {
		return err
	}

	if q.caller, err = h.authentication.authenticate(r.Context(), r); err != nil {
		return err
	}

	if err := h.limits.admit(q.caller); err != nil {
		return err
	}

	if err := q.operation.authorize(q.caller, q.inPath); err != nil {
		return err
	}

	if q.body, err = readBody(out, r); err != nil {
		return err
	}

	if err := q.operation.check(r.Context(), r, q.inPath, q.body); err != nil {
		return err
	}

	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, q.caller))

	switch {
	case q.operation.changes:
		return h.change(q, out, r)
	case q.operation.streams:
		return h.stream(q, out, r)
	default:
		return h.read(q, out, r)
	}
}

func panicked(thrown any) error {
	return fmt.Errorf("panic: %v\n%s", thrown, debug.Stack())
}

// read answers a request that changes nothing.
func (h *Handler) read(q *request, out *answer, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()

	var ending <-chan struct{} = h.ending

	r = r.WithContext(context.WithValue(ctx, drainingKey{}, ending))

	if !q.operation.tagged {
		h.generated.ServeHTTP(out, r)

		return out.err
	}

	given := &recorded{header: http.Header{}}
	h.generated.ServeHTTP(given, r)

	if given.err != nil {
		return given.err
	}

	tag := given.tag()
	out.Header().Set("ETag", tag)
	out.Header().Set("Cache-Control", "private, no-cache")

	if given.status == http.StatusOK && knows(r.Header.Get("If-None-Match"), tag) {
		out.WriteHeader(http.StatusNotModified)

		return nil
	}

	given.write(out)

	return nil
}

// knows reports whether a tag is among those that the caller has.
func knows(known, tag string) bool {
	for each := range strings.SplitSeq(known, ",") {
		if each = strings.TrimPrefix(strings.TrimSpace(each), "W/"); each == tag || each == "*" {
			return true
		}
	}

	return false
}

// observe writes one line about a request and counts it: who, what and how it ended. Neither path nor body are in it,
// which may hold what is nobody's business.
func (h *Handler) observe(r *http.Request, q *request, out *answer, told *problemError, took time.Duration) {
	attributes := []slog.Attr{
		slog.String("request", q.id), slog.String("operation", q.name()), slog.String("method", r.Method),
		slog.Int("status", out.status), slog.Int64("bytes", out.size), slog.Duration("took", took),
	}

	if q.caller != nil {
		who := q.caller.Key
		if who == "" {
			who = q.caller.Actor
		}

		attributes = append(attributes, slog.String("key", who))
	}

	if treasury, ok := q.inPath[treasuryParam]; ok && q.caller != nil {
		attributes = append(attributes, slog.String("treasury", treasury))
	}

	level := slog.LevelInfo

	if told != nil {
		attributes = append(attributes, slog.String("code", told.code))
		level = told.level(r.Context().Err() != nil)

		if told.cause != nil {
			attributes = append(attributes, slog.String("error", told.loggedCause()))
		}
	}

	h.Logger.LogAttrs(r.Context(), level, "request", attributes...)
	h.Metrics.observe(q.name(), out.status, took)
}
