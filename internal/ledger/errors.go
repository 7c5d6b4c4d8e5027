package ledger

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Bounds on what an error keeps of an answer that anybody between us and the node may have written.
const (
	maxErrorBody    = 64 << 10
	maxErrorText    = 500
	maxErrorContext = 32
	maxRetryAfter   = time.Minute
)

// statusClass divides an HTTP status into its class.
const statusClass = 100

// Codes of errors that come from this client and not from the node. They are in lower case, which no code of Canton is.
const (
	// CodeConnection is a connection that could not be made or broke before the answer was complete.
	CodeConnection = "connection"
	// CodeTimeout is an answer that did not come in time.
	CodeTimeout = "timeout"
	// CodeStreamClosed is a stream that ended: the node closed it, or it grew too old. Open it again.
	CodeStreamClosed = "stream-closed"
	// CodeNoToken is an access token that could not be had.
	CodeNoToken = "no-token"
	// CodeRefused is an HTTP status without an error that we understand.
	CodeRefused = "refused"
	// CodeGarbled is an HTTP status with an error that was JSON and is damaged: the node said more than we could read.
	CodeGarbled = "garbled"
	// CodeRedirected is a redirect. None is followed: a token must not go to another host.
	CodeRedirected = "redirected"
	// CodeTooLarge is an answer or message beyond Config.MaxMessage.
	CodeTooLarge = "too-large"
	// CodeNotJSON is a success whose body is not JSON by its own account, such as a proxy's page.
	CodeNotJSON = "not-json"
	// CodeMalformed is an answer of the node that breaks its own contract. It would corrupt what is built on it.
	CodeMalformed = "malformed"
	// CodeInvalid is a request that this client did not send, because no node would take it.
	CodeInvalid = "invalid"
	// CodeIncomplete is a list that the node cannot give us in full by the means it offers.
	CodeIncomplete = "incomplete"
)

// ErrStreamClosed is what errors.Is finds in the error of every stream that has ended without any other cause.
var ErrStreamClosed = errors.New("stream closed")

// Category is Canton's error category, which says what may help.
type Category int

// The categories, numbered as in Canton's base/errors. CategoryNone is an error that did not come from Canton or that
// hides its category.
const (
	CategoryNone            Category = 0
	CategoryTransient       Category = 1
	CategoryContention      Category = 2
	CategoryStateUnknown    Category = 3
	CategoryInternal        Category = 4
	CategoryMalicious       Category = 5
	CategoryUnauthenticated Category = 6
	CategoryForbidden       Category = 7
	CategoryInvalid         Category = 8
	CategoryInvalidNow      Category = 9
	CategoryExists          Category = 10
	CategoryMissing         Category = 11
	CategorySeekAfterEnd    Category = 12
	CategoryBackground      Category = 13
	CategoryUnsupported     Category = 14
)

// Definite says whether an error of a submission settles that it did not commit.
type Definite int

// What a node says about definiteness. Even DefiniteYes is never the base of a payout decision: only ingested history
// is. It speaks of one request, and not of earlier ones with the same content.
const (
	DefiniteUnsaid Definite = iota
	DefiniteNo
	DefiniteYes
)

// Error is everything that is known about a request that did not succeed. Texts of the other side are bounded and
// escaped. Classify says what may be done about it.
type Error struct {
	// Op is what was attempted, such as "read ledger end".
	Op string
	// HTTPStatus is 0 when there was no answer, or when the error came as a message of a stream.
	HTTPStatus int
	// Code is Canton's error code, or one of the Code constants. Canton redacts it to "NA" for some categories.
	Code string
	// Cause is the other side's explanation, for people only.
	Cause         string
	CorrelationID string
	TraceID       string
	Category      Category
	// GRPC is the gRPC status code that the node gave; 0 if it gave none.
	GRPC     int
	Context  map[string]string
	Definite Definite
	// RetryAfter is how long the other side asks us to wait, at most a minute; 0 if it does not say.
	RetryAfter time.Duration
	// Stage is where it happened. An error of another stage than StageAnswer is for OutcomeOf to judge.
	Stage Stage

	err error
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	var b strings.Builder

	b.WriteString("ledger: ")
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(e.Code)

	if e.HTTPStatus != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.HTTPStatus)
	}

	if e.Cause != "" {
		b.WriteString(": ")
		b.WriteString(e.Cause)
	}

	if e.CorrelationID != "" {
		b.WriteString(" [correlation ")
		b.WriteString(e.CorrelationID)
		b.WriteString("]")
	}

	return b.String()
}

// Unwrap gives the cause inside this program, if there is one.
func (e *Error) Unwrap() error { return e.err }

// Is makes CodeStreamClosed be ErrStreamClosed.
func (e *Error) Is(target error) bool { return target == ErrStreamClosed && e.Code == CodeStreamClosed }

// failure reads an error answer of whatever shape: Canton's, a proxy's page, plain text or nothing.
func failure(op string, answer *http.Response, body []byte, now time.Time) *Error {
	e := &Error{Op: op, HTTPStatus: answer.StatusCode, Code: CodeRefused}

	if location := answer.Header.Get("Location"); answer.StatusCode/statusClass == http.StatusMultipleChoices/statusClass {
		e.Code = CodeRedirected
		e.Cause = "the address answers with a redirect to " + excerpt(location) + "; configure the final address"

		return e
	}

	if !e.read(body) {
		e.Cause = excerpt(string(body))

		if announcesJSON(answer.Header) && !strictjson.Raw(body).IsValid() {
			e.Code = CodeGarbled
		}
	}

	if e.RetryAfter == 0 {
		e.RetryAfter = retryAfterHeader(answer.Header.Get("Retry-After"), now)
	}

	return e
}

// failureMessage reads an error that came as a message of a stream.
func failureMessage(op string, message []byte) *Error {
	e := &Error{Op: op, Code: CodeMalformed}
	if !e.read(message) {
		e.Code, e.Cause = CodeMalformed, "neither an item nor an error: "+excerpt(string(message))
	}

	return e
}

// read fills the error from Canton's JSON. It reports whether the body was that.
func (e *Error) read(body []byte) bool {
	var f ledgerapi.Failure
	if strictjson.Decode(body, &f) != nil {
		f = ledgerapi.Failure{}

		var least struct {
			Code  string `json:"code"`
			Cause string `json:"cause"`
		}
		if strictjson.Decode(body, &least) != nil {
			return false
		}

		f.Code, f.Cause = least.Code, least.Cause
	}

	if f.Code == "" {
		return false
	}

	// A code is compared and stored, so it is only taken as one when it looks like one. Without Canton's details
	// the gateway puts a whole sentence there.
	if plainCode(f.Code) {
		e.Code, e.Cause = f.Code, bounded(f.Cause)
	} else {
		e.Code, e.Cause = CodeRefused, bounded(f.Code+" "+f.Cause)
	}

	e.CorrelationID, e.TraceID = boundedID(f.CorrelationId), boundedID(f.TraceId)
	e.Context = boundedContext(f)
	e.Category, e.GRPC = category(f.ErrorCategory), intOr0(f.GrpcCodeValue)
	e.Definite = definite(f.DefiniteAnswer, e.Context["definite_answer"])

	if f.RetryInfo != nil {
		e.RetryAfter = min(scalaDuration(*f.RetryInfo), maxRetryAfter)
	}

	return true
}

// boundedContext keeps the details; resources are added under their type, where the context does not have it.
func boundedContext(f ledgerapi.Failure) map[string]string {
	kept := map[string]string{}

	if f.Context != nil {
		for k, v := range *f.Context {
			if len(kept) == maxErrorContext {
				break
			}

			kept[bounded(k)] = bounded(v)
		}
	}

	if f.Resources != nil {
		for _, r := range *f.Resources {
			if len(r) != 2 || len(kept) >= maxErrorContext {
				continue
			}

			if name := "resource " + bounded(r[0]); kept[name] == "" {
				kept[name] = bounded(r[1])
			}
		}
	}

	return kept
}

func definite(top *bool, context string) Definite {
	switch {
	case top != nil && *top, top == nil && context == "true":
		return DefiniteYes
	case top != nil, context == "false":
		return DefiniteNo
	default:
		return DefiniteUnsaid
	}
}

func category(n *int32) Category {
	if n == nil || *n < 0 || *n > int32(CategoryUnsupported) {
		return CategoryNone
	}

	return Category(*n)
}

func intOr0(n *int32) int {
	if n == nil {
		return 0
	}

	return int(*n)
}

func plainCode(code string) bool {
	const longest = 100
	if len(code) > longest {
		return false
	}

	for _, c := range []byte(code) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}

	return true
}

func boundedID(text *string) string {
	if text == nil {
		return ""
	}

	return bounded(*text)
}

// bounded keeps a stranger's text to one line of printable characters.
func bounded(text string) string {
	cut := text
	if len(cut) > maxErrorText {
		cut = cut[:maxErrorText]
	}

	line := memo.Line(cut)
	if len(text) > maxErrorText {
		line += "…"
	}

	return line
}

// excerpt quotes a text that is not an error of Canton's.
func excerpt(text string) string {
	if text = strings.TrimSpace(text); text == "" {
		return "(empty)"
	}

	return `"` + bounded(text) + `"`
}

func malformed(op, what string, err error) *Error {
	if err != nil {
		what += ": " + bounded(err.Error())
	}

	return &Error{Op: op, Code: CodeMalformed, Cause: what, err: err}
}

func tooLarge(op string, limit int64) *Error {
	return &Error{
		Op: op, Code: CodeTooLarge,
		Cause: fmt.Sprintf("the answer is larger than the limit of %d bytes; raise the limit if the node is trusted", limit),
	}
}

// retryAfterHeader reads seconds or a date.
func retryAfterHeader(text string, now time.Time) time.Duration {
	if text == "" {
		return 0
	}

	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}

	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}

	return max(0, min(at.Sub(now), maxRetryAfter))
}

// IsPruned reports whether the node no longer has the history that was asked for, and the earliest offset it still
// has, where it says so (0 otherwise).
func IsPruned(err error) (ident.Offset, bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != codePruned {
		return 0, false
	}

	n, err := strconv.ParseInt(e.Context["earliest_offset"], 10, 64)
	if err != nil || n < 0 {
		return 0, true
	}

	return ident.Offset(n), true
}

// IsBeyondLedgerEnd reports whether an offset was asked for that the node has not reached: it may have been restored
// from a backup, and then its offsets mean something else than those stored.
func IsBeyondLedgerEnd(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && (e.Code == codeAfterLedgerEnd || e.Code == codeAccessedAfterEnd)
}

// IsUnauthorized reports whether the node did not accept our token. Missing rights are IsForbidden.
func IsUnauthorized(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && (e.HTTPStatus == http.StatusUnauthorized || e.Category == CategoryUnauthenticated ||
		e.GRPC == grpcUnauthenticated || e.Code == codeTokenExpired)
}

// IsForbidden reports whether our user lacks the right.
func IsForbidden(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok &&
		(e.HTTPStatus == http.StatusForbidden || e.Category == CategoryForbidden || e.GRPC == grpcPermissionDenied)
}

// IsNotFound reports whether the node answered that what was asked for does not exist or may not be seen. An unknown
// address, such as a wrong path prefix, is not that.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}

	switch e.Code {
	case "UPDATE_NOT_FOUND", "CONTRACT_EVENTS_NOT_FOUND", "CONTRACT_PAYLOAD_NOT_FOUND", "COMPLETION_NOT_FOUND",
		"CONTRACT_NOT_FOUND", "CONTRACT_NOT_ACTIVE":
		return true
	default:
		return false
	}
}

// IsStreamClosed reports whether a stream merely ended and is to be opened again from where it was.
func IsStreamClosed(err error) bool { return errors.Is(err, ErrStreamClosed) }
