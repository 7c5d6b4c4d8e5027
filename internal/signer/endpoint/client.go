package endpoint

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// maxAnswer bounds an answer after decompression: a key or a signature has less than a kilobyte.
const maxAnswer = 256 << 10

// Client calls one keeper. It is safe for concurrent use.
type Client struct {
	driver string
	base   string
	http   *http.Client
}

// New checks the configuration. It does not call anybody.
func New(cfg Config) (*Client, error) {
	base, err := cfg.baseURL()
	if err != nil {
		return nil, fmt.Errorf("signer: %s: URL: %w", cfg.Driver, err)
	}

	client, err := cfg.client()
	if err != nil {
		return nil, fmt.Errorf("signer: %s: %w", cfg.Driver, err)
	}

	return &Client{driver: cfg.Driver, base: base.String(), http: client}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is one call.
type Request struct {
	// Op is what is attempted, for errors.
	Op     string
	Method string
	// Path is escaped, and begins with a slash.
	Path string
	// Header goes along with the usual ones. Secret values are given as Secrets, so that they can be kept out of errors.
	Header  map[string]string
	Secrets map[string]secret.String
	// Bearer is the token of the Authorization header; none if zero.
	Bearer secret.String
	// Body is sent as JSON; nil for none.
	Body any
}

// Answer is what came back, whatever its status.
type Answer struct {
	Status int
	Body   []byte
}

// Do sends a request once. Its errors say that there was no whole answer.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return Answer{}, err
	}

	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, c.broken(r, err)
	}
	defer func() { _ = resp.Body.Close() }()

	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))

	switch {
	case err != nil:
		return Answer{}, c.broken(r, err)
	case len(body) > maxAnswer:
		return Answer{}, &signer.Error{
			Driver: c.driver, Op: r.Op, Cause: fmt.Sprintf("an answer of more than %d bytes", maxAnswer),
			Advice: "see what answers at the configured URL",
		}
	case resp.StatusCode >= http.StatusMultipleChoices && resp.StatusCode < http.StatusBadRequest:
		return Answer{}, &signer.Error{
			Driver: c.driver, Op: r.Op, Cause: fmt.Sprintf("HTTP %d, a redirect, which is not followed", resp.StatusCode),
			Advice: "configure the final address",
		}
	default:
		return Answer{Status: resp.StatusCode, Body: body}, nil
	}
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader

	if r.Body != nil {
		raw, err := strictjson.Encode(r.Body)
		if err != nil {
			return nil, fmt.Errorf("signer: %s: %s: %w", c.driver, r.Op, err)
		}

		body = bytes.NewReader(raw)
	}

	req, err := http.NewRequestWithContext(ctx, r.Method, c.base+r.Path, body)
	if err != nil {
		return nil, fmt.Errorf("signer: %s: %s: %w", c.driver, r.Op, err)
	}

	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}

	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "canton-exchange-suite")

	for name, value := range r.Header {
		req.Header.Set(name, value)
	}

	for name, value := range r.Secrets {
		if err := c.setSecret(req, r.Op, name, "", value); err != nil {
			return nil, err
		}
	}

	if !r.Bearer.IsZero() {
		if err := c.setSecret(req, r.Op, "Authorization", "Bearer ", r.Bearer); err != nil {
			return nil, err
		}
	}

	return req, nil
}

// setSecret refuses a value with bytes for which the transport would refuse the header.
func (c *Client) setSecret(req *http.Request, op, name, prefix string, value secret.String) error {
	if value.IsZero() || strings.ContainsFunc(value.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return &signer.Error{
			Driver: c.driver, Op: op, Cause: "the secret for header " + name + " is empty or not printable",
			Advice: "see the file or variable that it comes from",
		}
	}

	req.Header.Set(name, prefix+value.Reveal())

	return nil
}

// broken is no whole answer. Repeating the request may help, unless it is a matter of trust.
func (c *Client) broken(r Request, err error) error {
	e := &signer.Error{
		Driver: c.driver, Op: r.Op, Cause: signer.Excerpt(err.Error(), r.secrets()...), Temporary: true,
		Advice: "see whether the server runs and can be reached",
	}

	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		e.Temporary, e.Advice = false, "its certificate is not trusted: see the CA file and the server's name"
	}

	return e.Because(err)
}

func (r Request) secrets() []secret.String {
	out := []secret.String{r.Bearer}
	for _, s := range r.Secrets {
		out = append(out, s)
	}

	return out
}

// Temporary reports whether a status says that the same request may succeed later.
func Temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	default:
		return status >= http.StatusInternalServerError
	}
}

// Refused is the error of an answer that is not a success. What it repeats of the answer is without the request's
// secrets and those given.
func (c *Client) Refused(r Request, a Answer, advice string, secrets ...secret.String) *signer.Error {
	cause := fmt.Sprintf("HTTP %d", a.Status)
	if text := signer.Excerpt(string(a.Body), append(r.secrets(), secrets...)...); text != "" {
		cause += ": " + text
	}

	return &signer.Error{Driver: c.driver, Op: r.Op, Cause: cause, Advice: advice, Temporary: Temporary(a.Status)}
}

// Decode reads the JSON of a success. Its error does not say where reading failed: a parser may repeat what it read.
func (c *Client) Decode(r Request, a Answer, v any) error {
	if strictjson.Decode(a.Body, v) != nil {
		return c.Malformed(r, "the answer is not the JSON that was expected")
	}

	return nil
}

// Malformed is a success that is not what was asked for. It does not repeat the answer, which may hold a token.
func (c *Client) Malformed(r Request, what string) *signer.Error {
	return &signer.Error{
		Driver: c.driver, Op: r.Op, Cause: what, Advice: "see what answers at the configured URL, and its version",
	}
}
