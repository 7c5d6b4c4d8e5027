package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	problemKind = "urn:canton-exchange-suite:problem:"
	problemType = "application/problem+json"
	soon        = time.Second
)

// problemError is an error that the caller is told as it is.
type problemError struct {
	status       int
	code, detail string
	// retry is after what time to try again; 0 to say nothing.
	retry time.Duration
	// cause is for the log alone.
	cause error
}

// Error names the code and what it means.
func (e *problemError) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.code, e.detail, e.cause)
	}

	return e.code + ": " + e.detail
}

func (e *problemError) Unwrap() error { return e.cause }

// problem is an error with a code for programs and a sentence that says what happened, what it means for the money and
// what to do. The sentence reaches strangers: nothing of the inside is in it.
func problem(status int, code, detail string) *problemError {
	return &problemError{status: status, code: code, detail: detail}
}

// invalid is a request that is not as the document says. It names the member.
func invalid(detail string) *problemError {
	return problem(http.StatusBadRequest, "invalid_request", detail)
}

// busy is a request for which there is no place.
func busy() *problemError {
	return &problemError{
		status: http.StatusServiceUnavailable, code: "busy", retry: soon,
		detail: "Too many requests are under way. Nothing was done. Repeat it a moment later.",
	}
}

const (
	codeAway     = "database_away"
	codeInternal = "internal"
	codeNoKey    = "unauthenticated"
	codeScope    = "scope_missing"
)

// explained is what a caller is told of an error.
func explained(err error, operation string) *problemError {
	if told, ok := errors.AsType[*problemError](err); ok {
		return told
	}

	if refused, ok := errors.AsType[*store.RefusedError](err); ok {
		return refusal(refused, operation)
	}

	switch {
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, "not_found", "There is no such thing. Nothing was changed.")
	case errors.Is(err, store.ErrAnotherRequest):
		return problem(http.StatusConflict, "idempotency_key_reused",
			"This Idempotency-Key was used for another request. Nothing was done. Use a new key for a new request.")
	case errors.Is(err, store.ErrBusy):
		return busy()
	case errors.Is(err, store.ErrUnderWay), errors.Is(err, errUnderWay):
		return &problemError{
			status: http.StatusServiceUnavailable, code: "under_way", retry: soon,
			detail: "A request with this Idempotency-Key is under way. Nothing was done by this one. Repeat it a moment later " +
				"with the same key, which gets the answer when there is one.",
		}
	case store.IsAway(err), errors.Is(err, context.Canceled):
		return &problemError{
			status: http.StatusServiceUnavailable, code: codeAway, retry: soon, cause: err,
			detail: "The database does not answer. A request that changes something was done whole or not at all: " +
				"repeat it with the same Idempotency-Key, which does it once.",
		}
	default:
		return &problemError{
			status: http.StatusInternalServerError, code: codeInternal, cause: err,
			detail: "Something is wrong here. A request that changes something was done whole or not at all: repeat it with " +
				"the same Idempotency-Key, which does it once, and tell your operators the requestId.",
		}
	}
}

// level is how loud a problem is logged. What strangers, or callers who hang up, cause at will wakes nobody.
func (e *problemError) level(hungUp bool) slog.Level {
	switch {
	case e.status == http.StatusInternalServerError:
		return slog.LevelError
	case e.cause != nil && e.status > http.StatusInternalServerError && !hungUp:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

const maxStrangersCause = 300

// loggedCause is the cause, whole where it is our own trouble, and cut where a stranger could make it long.
func (e *problemError) loggedCause() string {
	text := e.cause.Error()
	if e.status < http.StatusInternalServerError && len(text) > maxStrangersCause {
		text = strings.ToValidUTF8(text[:maxStrangersCause], "") + "…"
	}

	return text
}

// passing are refusals that time alone takes away.
func passing(code string) bool { return code == "not_certain_yet" || code == "requested_meanwhile" }

// refusal gives what the database refuses its status: 403 for what the caller may not do, 404 for what is not there,
// 409 for what is in another state than the request needs, and 422 for what is wrong with the request itself.
func refusal(e *store.RefusedError, operation string) *problemError {
	code := string(e.Reason)
	told := problem(http.StatusUnprocessableEntity, code, e.Sentence)

	conflicts := []string{
		"conflict", "too_late", "already_decided", "already_passed", "nothing_proposed", "nothing_to_approve", "same_person",
		"own_request", "memo_taken", "memo_disabled", "key_revoked", "key_rotated", "key_expired", "too_many_subscriptions",
	}
	missing := []string{"unknown_treasury", "unknown_withdrawal", "unknown_deposit", "unknown_memo", "never_screened"}

	switch {
	case passing(code):
		told.status, told.retry = http.StatusServiceUnavailable, soon
	case slices.Contains(missing, code),
		code == "unknown_account" && operation == "getDepositAddress",
		code == "unknown_destination" && operation == "removeDestination":
		told.status = http.StatusNotFound
	case code == codeScope:
		told.status = http.StatusForbidden
	case slices.Contains(conflicts, code):
		told.status = http.StatusConflict
	}

	return told
}

// challenge says what a credential must be (RFC 6750), and whether there was one, which is not good.
func (e *problemError) challenge() string {
	const scheme = `Bearer realm="canton-exchange-suite"`

	if e.code == codeNoKey {
		return scheme
	}

	return scheme + `, error="invalid_token"`
}

// write answers with a problem.
func (e *problemError) write(w http.ResponseWriter, r *http.Request, requestID string) {
	path := r.URL.EscapedPath()

	body, err := strictjson.Encode(server.Problem{
		Type: problemKind + e.code, Title: http.StatusText(e.status), Status: e.status, Code: e.code, Detail: e.detail,
		Instance: &path, RequestId: &requestID,
	})
	if err != nil { // texts that are not UTF-8 are refused before they get here
		body = []byte(`{}`)
	}

	if e.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((e.retry+time.Second-1)/time.Second)))
	}

	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", e.challenge())
	}

	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // the caller may be gone
}
