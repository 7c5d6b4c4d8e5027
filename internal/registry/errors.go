package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/secret"
)

// Kind says what to do about an error. Only Gone and Refused say anything about the transfer that was asked about.
type Kind int

const (
	// KindNone is an error that is not of a registry: the caller's context ended, or the question cannot be meant.
	KindNone Kind = iota
	// Gone is an instruction that its registry no longer knows: it was accepted, rejected, withdrawn or has expired.
	// Ingested history says which. Asking again does not help.
	Gone
	// Refused is the token's rules: the same question is answered the same way until somebody changes something.
	Refused
	// Later is a registry that does not answer now, or asks to wait, or for which there is no access token now.
	Later
	// Broken is an answer that cannot be trusted. Another try may do better, but somebody should look.
	Broken
	// Misconfigured is an address, a certificate or a token of ours that the operator must put right. Other endpoints
	// have been tried.
	Misconfigured
)

// String names the kind for logs and metrics.
func (k Kind) String() string {
	switch k {
	case KindNone:
		return "none"
	case Gone:
		return "gone"
	case Refused:
		return "refused"
	case Later:
		return "later"
	case Broken:
		return "broken"
	case Misconfigured:
		return "misconfigured"
	default:
		return "none"
	}
}

// final reports whether the registry has answered the question, so that repeating it does not help.
func (k Kind) final() bool { return k == Gone || k == Refused }

// weight orders the errors of several endpoints: the heaviest is what the caller is told.
func (k Kind) weight() int {
	order := [...]Kind{KindNone, Misconfigured, Broken, Later, Refused, Gone}
	for i, at := range order {
		if at == k {
			return i
		}
	}

	return 0
}

// Error is a question that got no usable answer. Texts of the other side are bounded and escaped.
type Error struct {
	// Op is what was attempted, such as "get transfer factory".
	Op    string
	Admin ident.Party
	// Endpoint is the host that answered, or did not; empty if none was asked.
	Endpoint string
	Kind     Kind
	// HTTPStatus is 0 when there was no answer.
	HTTPStatus int
	// Cause is for people only. It may be a stranger's text.
	Cause string
	// RetryAfter is how long the registry asks to wait, at most an hour; 0 if it does not say.
	RetryAfter time.Duration

	err error
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	var b strings.Builder

	fmt.Fprintf(&b, "registry: %s: %s of %s", e.Op, e.Kind, e.Admin)

	if e.Endpoint != "" {
		fmt.Fprintf(&b, " at %s", e.Endpoint)
	}

	if e.HTTPStatus != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.HTTPStatus)
	}

	return b.String() + ": " + e.Cause
}

// Unwrap gives the cause inside this program, if there is one.
func (e *Error) Unwrap() error { return e.err }

// KindOf is the kind of a registry's error, KindNone for any other.
func KindOf(err error) Kind {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return KindNone
	}

	return e.Kind
}

// RetryDelay is how long the registry asks to wait before the next try; 0 if it does not say.
func RetryDelay(err error) time.Duration {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return 0
	}

	return e.RetryAfter
}

// Bounds on what an error keeps of a stranger's words.
const (
	maxErrorText  = 500
	maxRetryAfter = time.Hour
)

// excerpt makes a stranger's text fit for one line of a log, without the token that we sent along.
func excerpt(text string, token secret.String) string {
	if !token.IsZero() {
		text = strings.ReplaceAll(text, token.Reveal(), token.String())
	}

	if text = strings.TrimSpace(text); len(text) > maxErrorText {
		text = text[:maxErrorText] + "…"
	}

	return memo.Line(text)
}

// statusKind is the kind of an answer that is not a success.
func statusKind(status int, onInstruction bool) Kind {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return Refused
	case http.StatusNotFound, http.StatusGone:
		if onInstruction {
			return Gone
		}

		return Refused
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return Later
	default:
		if status >= http.StatusInternalServerError {
			return Later
		}

		return Misconfigured // a redirect, which is not followed; 401, 403; a method or path that is not known there
	}
}

// retryAfter reads seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}

	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}

	return max(0, min(at.Sub(now), maxRetryAfter))
}
