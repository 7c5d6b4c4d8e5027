package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Client talks to one validator node. It is safe for concurrent use and holds no state of the ledger.
type Client struct {
	cfg        Config
	base       string
	http       *http.Client
	interfaces *interfaceSet
	timing     timing
	// saidPolling is set once the log says that the node's streams are read by polling.
	saidPolling atomic.Bool
}

// timing holds the rhythm of streams; tests beat faster.
type timing struct {
	// pingEvery keeps an idle socket from being closed: a node is believed to do so after 60 s. No answer within
	// pingWait means that nobody is there any more.
	pingEvery, pingWait time.Duration
	// pollIdle is how long the node waits for a further item before it answers a poll, and pollPause how long we wait
	// after an empty answer. pollAge is when polling ends, so that a websocket is tried again.
	pollIdle, pollPause, pollAge time.Duration
	// listIdle is how long a list of active contracts may stall: below the node's request timeout of 20 s.
	listIdle time.Duration
}

// The timing that New uses.
const (
	pingEvery = 20 * time.Second
	pingWait  = 10 * time.Second
	pollIdle  = 500 * time.Millisecond
	pollPause = 500 * time.Millisecond
	pollAge   = 10 * time.Minute
	listIdle  = 15 * time.Second
)

// userAgent names us in the node's logs.
const userAgent = "canton-exchange-suite"

// New checks the configuration and makes a client. It does not call the node.
func New(cfg Config) (*Client, error) {
	base, err := cfg.validate()
	if err != nil {
		return nil, err
	}

	httpClient, err := newHTTPClient(&cfg)
	if err != nil {
		return nil, err
	}

	if cfg.Tokens != nil && base.Scheme == "http" && !loopback(base.Hostname()) {
		cfg.Logger.Warn("tokens are sent over plain HTTP: anybody on the way can read them")
	}

	return &Client{
		cfg: cfg, base: base.String(), http: httpClient, interfaces: newInterfaceSet(&cfg),
		timing: timing{
			pingEvery: pingEvery, pingWait: pingWait, pollIdle: pollIdle, pollPause: pollPause, pollAge: pollAge,
			listIdle: listIdle,
		},
	}, nil
}

func loopback(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "::1" || strings.HasPrefix(host, "127.")
}

// CloseIdle closes connections that wait for the next request. The client remains usable.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// request is one HTTP call.
type request struct {
	op     string
	method string
	path   string
	query  url.Values
	body   any // nil for none
}

// answer is a success.
type answer struct {
	body []byte
	// json is false when the answer says itself that it is something else.
	json bool
}

// call sends a request once, and once more with a fresh token when the node does not accept the first.
func (c *Client) call(ctx context.Context, r request) (answer, error) {
	token, err := c.token(ctx, r.op)
	if err != nil {
		return answer{}, err
	}

	a, err := c.once(ctx, r, token)
	if !IsUnauthorized(err) {
		return a, err
	}

	fresh, ok := c.freshToken(ctx, r.op, token)
	if !ok {
		return a, err
	}

	return c.once(ctx, r, fresh)
}

func (c *Client) token(ctx context.Context, op string) (secret.String, error) {
	if c.cfg.Tokens == nil {
		return secret.String{}, nil
	}

	limited, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()

	token, err := c.cfg.Tokens.Token(limited)
	if ctx.Err() != nil {
		return secret.String{}, fmt.Errorf("ledger: %s: %w", op, ctx.Err())
	}

	if err != nil {
		return secret.String{}, &Error{Op: op, Code: CodeNoToken, Cause: bounded(err.Error()), err: err}
	}

	// A token with other bytes would make the transport refuse the header with a message that repeats it.
	if token.IsZero() || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.String{}, &Error{Op: op, Code: CodeNoToken, Cause: "the access token is not printable text"}
	}

	return token, nil
}

// freshToken replaces a refused token. There may be no other; then the refusal stands.
func (c *Client) freshToken(ctx context.Context, op string, refused secret.String) (secret.String, bool) {
	if c.cfg.Tokens == nil {
		return refused, false
	}

	// Another goroutine may have replaced it already.
	if current, err := c.token(ctx, op); err == nil && current != refused {
		return current, true
	}

	c.cfg.Tokens.Invalidate()

	fresh, err := c.token(ctx, op)

	return fresh, err == nil && fresh != refused
}

func (c *Client) once(parent context.Context, r request, token secret.String) (answer, error) {
	ctx, cancel := context.WithTimeout(parent, c.cfg.RequestTimeout)
	defer cancel()

	req, err := c.newRequest(ctx, r, token)
	if err != nil {
		return answer{}, err
	}

	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, transportError(parent, ctx, r.op, err)
	}
	defer func() { _ = resp.Body.Close() }()

	limit := c.cfg.MaxMessage
	if resp.StatusCode != http.StatusOK {
		limit = min(limit, maxErrorBody)
	}

	// The transport decompresses while we read: the bound holds for what comes out.
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))

	switch {
	case resp.StatusCode != http.StatusOK:
		return answer{}, failure(r.op, resp, body[:min(int64(len(body)), limit)], c.cfg.Clock.Now())
	case err != nil:
		return answer{}, transportError(parent, ctx, r.op, err)
	case int64(len(body)) > limit:
		return answer{}, tooLarge(r.op, limit)
	default:
		return answer{body: body, json: saysJSON(resp.Header)}, nil
	}
}

func (c *Client) newRequest(ctx context.Context, r request, token secret.String) (*http.Request, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}

	var body io.Reader

	if r.body != nil {
		raw, err := strictjson.Encode(r.body)
		if err != nil {
			return nil, fmt.Errorf("ledger: %s: %w", r.op, err)
		}

		body = bytes.NewReader(raw)
	}

	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("ledger: %s: %w", r.op, err)
	}

	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}

	req.Header.Set("Accept", "application/json")
	setIdentity(req.Header, token)

	return req, nil
}

func setIdentity(h http.Header, token secret.String) {
	h.Set("User-Agent", userAgent)

	if !token.IsZero() {
		h.Set("Authorization", "Bearer "+token.Reveal())
	}
}

// transportError tells our own context's end from the request's timeout from a broken connection.
func transportError(parent, ctx context.Context, op string, err error) error {
	switch {
	case parent.Err() != nil:
		return fmt.Errorf("ledger: %s: %w", op, parent.Err())
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{Op: op, Code: CodeTimeout, Cause: "no complete answer in time"}
	default:
		return &Error{Op: op, Code: CodeConnection, Cause: bounded(err.Error()), err: err}
	}
}

// saysJSON gives an answer that does not say what it is the benefit of the doubt.
func saysJSON(h http.Header) bool {
	_, _, err := mime.ParseMediaType(h.Get("Content-Type"))

	return err != nil || announcesJSON(h)
}

func announcesJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))

	return err == nil && kind == "application/json"
}

// decode reads a success. What is not even meant to be JSON comes from something in between, and may pass.
func (a answer) decode(op string, v any) error {
	err := strictjson.Decode(a.body, v)

	switch {
	case err == nil:
		return nil
	case !a.json:
		return &Error{
			Op: op, Code: CodeNotJSON, Cause: "something between us and the node answers: " + excerpt(string(a.body)),
		}
	default:
		return malformed(op, "the answer cannot be read", err)
	}
}

// read is a point read: repeated by the client's policy, decoded into T.
func read[T any](ctx context.Context, c *Client, r request) (T, error) {
	return Do(ctx, c.cfg.Retry, func(ctx context.Context) (T, error) {
		var value T

		a, err := c.call(ctx, r)
		if err != nil {
			return value, err
		}

		err = a.decode(r.op, &value)

		return value, err
	})
}

// withInterfaces runs op with the interfaces to ask for, and again with fewer when the node does not know some of them.
func withInterfaces[T any](c *Client, op func([]ident.Name) (T, error)) (T, error) {
	for tries := len(c.cfg.Interfaces); ; tries-- {
		names := c.interfaces.wanted()

		value, err := op(names)
		if err == nil || tries == 0 || !c.interfaces.learn(names, err) {
			return value, err
		}
	}
}
