package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/secret"
)

// Bounds of the transport. The idle time is below what servers and proxies commonly allow.
const (
	dialTimeout  = 10 * time.Second
	idleTimeout  = 45 * time.Second
	maxIdle      = 16
	maxHeader    = 64 << 10
	maxErrorBody = 64 << 10
)

// rest is how long an endpoint that did not answer is asked after the others.
const rest = 30 * time.Second

// endpoint is one place that is asked. It is safe for concurrent use.
type endpoint struct {
	admin   ident.Party
	base    string
	host    string
	tokens  TokenSource
	http    *http.Client
	timeout time.Duration
	limit   int64
	clock   clock.Clock
	// tiredUntil is the time, in Unix nanoseconds, until which others are asked before this one.
	tiredUntil atomic.Int64
}

func newEndpoint(cfg *Config, admin ident.Party, e Endpoint) (*endpoint, error) {
	base, err := baseURL(e.URL, admin)
	if err != nil {
		return nil, fmt.Errorf("registry: URL for %s: %w", admin, err)
	}

	if e.Tokens != nil && base.Scheme == "http" && !loopback(base.Hostname()) {
		cfg.Logger.Warn("tokens are sent over plain HTTP: anybody on the way can read them",
			slog.String("host", base.Host))
	}

	return &endpoint{
		admin: admin, base: base.String(), host: base.Host, tokens: e.Tokens, http: newHTTPClient(e.TLS),
		timeout: cfg.RequestTimeout, limit: cfg.MaxAnswer, clock: cfg.Clock,
	}, nil
}

// newHTTPClient makes a client that follows no redirect: a token must not go to another host.
func newHTTPClient(trust *tls.Config) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:        trust.Clone(),
			TLSHandshakeTimeout:    dialTimeout,
			MaxIdleConns:           maxIdle,
			MaxIdleConnsPerHost:    maxIdle,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeader,
			ForceAttemptHTTP2:      true,
		},
	}
}

func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// question is one call.
type question struct {
	op     string
	method string
	// path is a template, filled in except for the admin, with the query.
	path string
	body []byte
	// onInstruction is set where an unknown thing is an instruction that is gone.
	onInstruction bool
	// ofProxy is set where only a validator's scan-proxy answers: another place refuses nothing, it is the wrong one.
	ofProxy bool
}

// answer is a success, and the token that it must not be quoted with.
type answer struct {
	body  []byte
	token secret.String
}

// ask sends a question once, and once more with a fresh token when the first is not accepted.
func (e *endpoint) ask(ctx context.Context, q question) (answer, error) {
	token, err := e.token(ctx, q)
	if err != nil {
		return answer{}, err
	}

	body, err := e.once(ctx, q, token)
	if unauthorized(err) && e.tokens != nil {
		if fresh, ok := e.freshToken(ctx, q, token); ok {
			token = fresh
			body, err = e.once(ctx, q, token)
		}
	}

	return answer{body: body, token: token}, err
}

func unauthorized(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && e.HTTPStatus == http.StatusUnauthorized
}

// freshToken replaces a refused token. There may be no other; then the refusal stands.
func (e *endpoint) freshToken(ctx context.Context, q question, refused secret.String) (secret.String, bool) {
	// Another goroutine may have replaced it already.
	if current, err := e.token(ctx, q); err == nil && current != refused {
		return current, true
	}

	e.tokens.Invalidate()

	fresh, err := e.token(ctx, q)

	return fresh, err == nil && fresh != refused
}

func (e *endpoint) token(ctx context.Context, q question) (secret.String, error) {
	if e.tokens == nil {
		return secret.String{}, nil
	}

	limited, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()

	token, err := e.tokens.Token(limited)

	switch {
	case ctx.Err() != nil:
		return secret.String{}, fmt.Errorf("registry: %s: %w", q.op, ctx.Err())
	case err != nil:
		return secret.String{}, e.failure(q, Later, 0, "no access token: "+excerpt(err.Error(), token), err)
	case token.IsZero() || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }):
		// The transport would refuse the header with a message that repeats it.
		return secret.String{}, e.failure(q, Misconfigured, 0, "the access token is not printable text", nil)
	default:
		return token, nil
	}
}

func (e *endpoint) once(parent context.Context, q question, token secret.String) ([]byte, error) {
	ctx, cancel := context.WithTimeout(parent, e.timeout)
	defer cancel()

	req, err := e.request(ctx, q, token)
	if err != nil {
		return nil, err
	}

	resp, err := e.http.Do(req)
	if err != nil {
		return nil, e.unanswered(parent, ctx, q, token, err)
	}
	defer func() { _ = resp.Body.Close() }()

	limit := e.limit
	if resp.StatusCode != http.StatusOK {
		limit = min(limit, maxErrorBody)
	}

	// The transport decompresses while we read: the bound holds for what comes out.
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))

	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, e.refusal(q, resp, body[:min(int64(len(body)), limit)], token)
	case err != nil:
		return nil, e.unanswered(parent, ctx, q, token, err)
	case int64(len(body)) > limit:
		return nil, e.failure(q, Broken, resp.StatusCode, fmt.Sprintf("an answer of more than %d bytes", limit), nil)
	default:
		return body, nil
	}
}

func (e *endpoint) request(ctx context.Context, q question, token secret.String) (*http.Request, error) {
	target := join(e.base, strings.ReplaceAll(q.path, holeAdmin, escaped(string(e.admin))))

	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}

	req, err := http.NewRequestWithContext(ctx, q.method, target, body)
	if err != nil {
		return nil, e.failure(q, Misconfigured, 0, "the address cannot be used", err)
	}

	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}

	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "canton-exchange-suite")

	if !token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}

	return req, nil
}

// unanswered tells our own context's end from the request's timeout from a connection that is not there or not trusted.
func (e *endpoint) unanswered(parent, ctx context.Context, q question, token secret.String, err error) error {
	if parent.Err() != nil {
		return fmt.Errorf("registry: %s: %w", q.op, parent.Err())
	}

	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return e.failure(q, Later, 0, "no complete answer in time", ctx.Err())
	}

	kind := Later
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		kind = Misconfigured
	}

	return e.failure(q, kind, 0, excerpt(err.Error(), token), err)
}

// refusal reads an answer that is not a success.
func (e *endpoint) refusal(q question, resp *http.Response, body []byte, token secret.String) *Error {
	kind := statusKind(resp.StatusCode, q.onInstruction)
	said, isRegistry := errorText(body)
	cause := excerpt(said, token)

	switch {
	case resp.StatusCode >= http.StatusMultipleChoices && resp.StatusCode < http.StatusBadRequest:
		cause = "a redirect to " + excerpt(resp.Header.Get("Location"), token) + ", which is not followed"
	case kind.final() && !isRegistry:
		// A registry's "not found" and "bad request" are JSON. Another's page means that no registry is there.
		kind, cause = Misconfigured, "something that is not a registry answers: "+cause
	case kind.final() && q.ofProxy:
		kind, cause = Misconfigured, "this is no validator's scan-proxy: "+cause
	case cause == "":
		cause = "no explanation"
	}

	failed := e.failure(q, kind, resp.StatusCode, cause, nil)
	if kind == Later {
		failed.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), e.clock.Now())
	}

	return failed
}

func (e *endpoint) failure(q question, kind Kind, status int, cause string, err error) *Error {
	return &Error{
		Op: q.op, Admin: e.admin, Endpoint: e.host, Kind: kind, HTTPStatus: status, Cause: cause, err: err,
	}
}

// tire lets others be asked first for a while.
func (e *endpoint) tire(asked time.Duration) {
	e.tiredUntil.Store(e.clock.Now().Add(max(rest, asked)).UnixNano())
}

// tired reports whether others are to be asked first. A clock that jumped back tires nobody for longer than was meant.
func (e *endpoint) tired(now time.Time) bool {
	left := e.tiredUntil.Load() - now.UnixNano()

	return left > 0 && left <= int64(max(rest, maxRetryAfter))
}
