package screening

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// maxAnswer bounds an answer after decompression.
const maxAnswer = 64 << 10

// Client asks one service. It is safe for concurrent use.
type Client struct {
	url     string
	token   func() (secret.String, error)
	timeout time.Duration
	http    *http.Client
}

// CloseIdle closes connections that wait for the next request. The client remains usable.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Answer is what the service said: Passed, Doubtful or Refused, and nothing else.
type Answer struct {
	Result deposit.Screening
	// Detail is the service's text: bounded, fit for the database, and a stranger's.
	Detail string
}

// Ask asks once. An error is no answer: a *Error, or the end of ctx.
func (c *Client) Ask(ctx context.Context, q Question) (Answer, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	answer, err := c.ask(limited, q)

	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return Answer{}, fmt.Errorf("screening: %w", ctx.Err())
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return Answer{}, &Error{General: true, Cause: fmt.Sprintf("no complete answer within %s", c.timeout)}
	default:
		return Answer{}, err
	}
}

func (c *Client) ask(ctx context.Context, q Question) (Answer, error) {
	token, err := c.token()
	if err != nil {
		return Answer{}, &Error{Alarming: true, General: true, Cause: "no token: " + excerpt(err.Error(), token)}
	}

	req, err := c.request(ctx, q, token)
	if err != nil {
		return Answer{}, err
	}

	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, unreached(err, token)
	}
	defer func() { _ = resp.Body.Close() }()

	// The transport decompresses while we read: the bound holds for what comes out.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))

	switch {
	case resp.StatusCode != http.StatusOK:
		return Answer{}, refusal(resp, body, token)
	case err != nil:
		return Answer{}, unreached(err, token)
	case len(body) > maxAnswer:
		return Answer{}, &Error{Alarming: true, Cause: fmt.Sprintf("an answer of more than %d bytes", maxAnswer)}
	default:
		return decode(q.DepositID, resp.Header.Get("Content-Type"), body)
	}
}

func (c *Client) request(ctx context.Context, q Question, token secret.String) (*http.Request, error) {
	body, err := strictjson.Encode(q.message())
	if err != nil {
		return nil, &Error{Alarming: true, Cause: "the question cannot be written: " + excerpt(err.Error(), token)}
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Alarming: true, General: true, Cause: "the address cannot be used"}
	}

	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "canton-exchange-suite")
	req.Header.Set("Idempotency-Key", q.DepositID.String())

	if token.IsZero() {
		return req, nil
	}

	// The transport would refuse such a header with a message that repeats it.
	if strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &Error{Alarming: true, General: true, Cause: "the token is not printable text"}
	}

	req.Header.Set("Authorization", "Bearer "+token.Reveal())

	return req, nil
}

// decode reads an answer. What is not wholly right is none.
func decode(asked uuid.UUID, contentType string, body []byte) (Answer, error) {
	wrong := func(cause string) (Answer, error) { return Answer{}, &Error{Alarming: true, Cause: cause} }

	if kind, _, err := mime.ParseMediaType(contentType); err != nil || kind != "application/json" {
		return wrong("an answer that is not application/json but " + memo.Shown(contentType))
	}

	var said struct {
		DepositID string `json:"depositId"`
		Result    string `json:"result"`
		Detail    string `json:"detail"`
	}
	if err := strictjson.Decode(body, &said); err != nil {
		return wrong("an answer that is not the JSON that was expected")
	}

	if said.DepositID != asked.String() {
		return wrong("an answer about another deposit: " + memo.Shown(said.DepositID))
	}

	switch result := deposit.Screening(said.Result); result {
	case deposit.Passed, deposit.Doubtful, deposit.Refused:
		return Answer{Result: result, Detail: memo.Stored(said.Detail)}, nil
	case deposit.NotScreened, deposit.Unavailable:
		return wrong("an answer without a result: " + memo.Shown(said.Result))
	default:
		return wrong("a result that is not known: " + memo.Shown(said.Result))
	}
}

// unreached is a connection that is not there, not trusted, or broke.
func unreached(err error, token secret.String) *Error {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)

	return &Error{Alarming: untrusted, General: true, Cause: excerpt(err.Error(), token)}
}

// refusal is an answer that is not a success.
func refusal(resp *http.Response, body []byte, token secret.String) *Error {
	e := &Error{Cause: fmt.Sprintf("HTTP %d", resp.StatusCode)}

	switch said := excerpt(string(body), token); {
	case resp.StatusCode >= http.StatusMultipleChoices && resp.StatusCode < http.StatusBadRequest:
		e.Cause += ", a redirect, which is not followed"
	case said != "":
		e.Cause += ": " + said
	}

	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.General = true
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		e.Alarming = true // and another question may be to its liking
	default:
		e.Alarming = resp.StatusCode < http.StatusInternalServerError
		e.General = e.Alarming
	}

	return e
}

// Error is a question without an answer.
type Error struct {
	// Cause is for people. Texts of the other side in it are bounded and escaped.
	Cause string
	// Alarming says that it does not go away by itself: a person must look.
	Alarming bool
	// General says that any other question would have had the same fate. Without it only this one may be to blame.
	General bool
}

// Error describes the failure in one line.
func (e *Error) Error() string { return "screening: " + e.Cause }

// maxExcerpt bounds what an error repeats of another program's text.
const maxExcerpt = 300

// excerpt makes another program's text fit for a log and the database, without the token, which servers repeat when
// they tell what they did not like.
func excerpt(text string, token secret.String) string {
	if !token.IsZero() {
		text = strings.ReplaceAll(text, token.Reveal(), token.String())
	}

	if text = strings.TrimSpace(text); len(text) > maxExcerpt {
		text = text[:maxExcerpt] + "…"
	}

	return memo.Line(text)
}
