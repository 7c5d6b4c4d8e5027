package webhook

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// maxBody bounds what is sent at once; an event that is larger goes alone.
	maxBody = 1 << 20
	// maxAnswer bounds what is read of an answer, maxDetail what is kept of it.
	maxAnswer = 64 << 10
	maxDetail = 500
	// maxRetryAfter bounds how long a receiver may put us off.
	maxRetryAfter = 24 * time.Hour
)

// Outcome is what became of an attempt.
type Outcome string

// What may become of an attempt.
const (
	// Delivered was answered 2xx.
	Delivered Outcome = "delivered"
	// Failed is tried again.
	Failed Outcome = "failed"
	// Refused was answered so that another try is in vain.
	Refused Outcome = "refused"
	// Gone says that the receiver wants nothing any more.
	Gone Outcome = "gone"
)

// Receiver is who is told.
type Receiver struct {
	// ID is the subscription's.
	ID, URL string
	// Salt is of the secret that signs; the one before it signs too until PreviousUntil.
	Salt          uuid.UUID
	PreviousSalt  *uuid.UUID
	PreviousUntil *time.Time
	// Batched receivers get lists.
	Batched bool
	// Withheld is what they are not told.
	Withheld []string
}

// Result is what became of an attempt.
type Result struct {
	Outcome Outcome
	// Status is 0 where there was no answer.
	Status int
	// Detail is the beginning of the answer, or why there was none: bounded, fit for the database, and a stranger's.
	Detail string
	// RetryAfter is how long the receiver wants to be left alone, at most a day.
	RetryAfter time.Duration
	// ID is the webhook-id that was sent.
	ID   string
	At   time.Time
	Took time.Duration
	body []byte
}

// Sender posts to receivers. It is safe for concurrent use.
type Sender struct {
	keys    event.Secret
	events  event.Signer
	signer  ed25519.PrivateKey
	plain   bool
	timeout time.Duration
	http    *http.Client
	clock   clock.Clock
	random  io.Reader
}

// NewSender makes a sender of the settings. It calls nobody. random gives the challenges: crypto/rand.Reader.
func NewSender(settings Settings, keys event.Secret, now clock.Clock, random io.Reader) (*Sender, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}

	networks, err := settings.networks()
	if err != nil {
		return nil, err
	}

	roots, err := settings.roots()
	if err != nil {
		return nil, err
	}

	return &Sender{
		keys: keys, events: keys.Signer(), signer: keys.WebhookSigner(), plain: settings.PlainHTTP,
		timeout: settings.Timeout, http: newHTTPClient(newGuard(networks), roots, nil), clock: now, random: random,
	}, nil
}

// CloseIdle closes connections that wait for the next event. The sender remains usable.
func (s *Sender) CloseIdle() { s.http.CloseIdleConnections() }

// Send posts events once. An error is no attempt: the end of ctx, or an event that cannot be written.
func (s *Sender) Send(ctx context.Context, to Receiver, events []store.LoggedEvent) (Result, error) {
	bodies := make([][]byte, len(events))

	for i, e := range events {
		var err error
		if bodies[i], err = event.Withhold(e.Body, to.Withheld, s.events); err != nil {
			return Result{}, err
		}
	}

	switch {
	case len(events) == 0:
		return Result{}, errors.New("send a webhook: no events")
	case !to.Batched && len(events) == 1:
		return s.post(ctx, to, events[0].ID.String(), event.MediaType, bodies[0])
	case !to.Batched:
		return Result{}, errors.New("send a webhook: several events to who takes one at a time")
	default:
		list := append(append([]byte("["), bytes.Join(bodies, []byte(","))...), ']')

		return s.post(ctx, to, batchID(events), event.BatchMediaType, list)
	}
}

// post sends once, and reads what is answered.
func (s *Sender) post(ctx context.Context, to Receiver, id, kind string, body []byte) (Result, error) {
	at := s.clock.Now()
	result := Result{ID: id, At: at, Outcome: Failed}

	if err := checkURL(to.URL, s.plain); err != nil {
		result.Detail = err.Error()

		return result, nil
	}

	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()

	req, err := http.NewRequestWithContext(limited, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		result.Detail = errURL.Error()

		return result, nil // the error would repeat the address
	}

	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", "canton-exchange-suite")

	if err := s.sign(req.Header, to, id, at, body); err != nil {
		return Result{}, err
	}

	s.exchange(req, &result)

	if ctx.Err() != nil && result.Status == 0 { // our own end, which is no fault of the receiver's
		return Result{}, fmt.Errorf("send a webhook: %w", ctx.Err())
	}

	result.Took = s.clock.Now().Sub(at)

	return result, nil
}

// exchange fills in what is answered. The status is the answer: whatever becomes of its body, it was given.
func (s *Sender) exchange(req *http.Request, result *Result) {
	resp, err := s.http.Do(req)
	if err != nil {
		result.Detail = s.unreached(req.Context(), err)

		return
	}
	defer func() { _ = resp.Body.Close() }()

	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // what there is of it is enough

	result.Status, result.Outcome = resp.StatusCode, outcomeOf(resp.StatusCode)
	result.body, result.Detail = body, storable(string(body))
	result.RetryAfter = s.retryAfter(resp.Header.Get("Retry-After"))

	if resp.StatusCode >= http.StatusMultipleChoices && resp.StatusCode < http.StatusBadRequest {
		result.Detail = "a redirect, which is not followed"
	}
}

// outcomeOf is what a status means. Whoever refuses for good would say so for ever, and is not asked again.
func outcomeOf(status int) Outcome {
	switch {
	case status >= http.StatusOK && status < http.StatusMultipleChoices:
		return Delivered
	case status == http.StatusGone:
		return Gone
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests:
		return Failed
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		return Refused
	default:
		return Failed
	}
}

// unreached words why there is no answer, without the address, which may hold a secret in its query.
func (s *Sender) unreached(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "no answer within " + s.timeout.String()
	}

	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}

	switch _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); {
	case errors.Is(err, errAddress):
		return errAddress.Error()
	case untrusted:
		return storable("the certificate is not trusted: " + memo.Line(err.Error()))
	default:
		return storable(memo.Line(err.Error()))
	}
}

// retryAfter reads the header of that name, in seconds or as a date.
func (s *Sender) retryAfter(text string) time.Duration {
	var wait time.Duration

	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		wait = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(s.clock.Now())
	}

	return min(max(wait, 0), maxRetryAfter)
}

// storable is a text's beginning, as the delivery log keeps it.
func storable(text string) string {
	text = memo.Stored(text[:min(len(text), maxDetail)])

	for len(text) > maxDetail {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}

	return text
}
