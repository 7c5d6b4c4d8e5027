// Package cantonerr is the error body of the JSON Ledger API (JsCantonError), shared by everything that plays a node.
package cantonerr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Error is an error as a node answers it, with its HTTP status.
type Error struct {
	// Status is the HTTP status; it is no member of the body.
	Status int `json:"-"`

	Code           string            `json:"code"`
	Cause          string            `json:"cause"`
	CorrelationID  *string           `json:"correlationId"`
	TraceID        *string           `json:"traceId"`
	Context        map[string]string `json:"context"`
	Resources      [][]string        `json:"resources"`
	Category       int               `json:"errorCategory"`
	GRPCCode       *int              `json:"grpcCodeValue"`
	RetryInfo      *string           `json:"retryInfo"`
	DefiniteAnswer *bool             `json:"definiteAnswer"`
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Cause }

// gRPC status codes that a node's errors map to (google.rpc.Code).
const (
	GRPCUnknown            = 2
	GRPCInvalidArgument    = 3
	GRPCDeadlineExceeded   = 4
	GRPCNotFound           = 5
	GRPCAlreadyExists      = 6
	GRPCPermissionDenied   = 7
	GRPCResourceExhausted  = 8
	GRPCFailedPrecondition = 9
	GRPCAborted            = 10
	GRPCOutOfRange         = 11
	GRPCUnimplemented      = 12
	GRPCInternal           = 13
	GRPCUnavailable        = 14
	GRPCUnauthenticated    = 16
)

// Error categories of Canton (error-codes reference). Unknown is what a redacted error carries.
const (
	CategoryUnknown          = -1
	CategoryTransient        = 1
	CategoryContention       = 2
	CategoryDeadline         = 3 // the request's outcome is unknown
	CategoryInternal         = 4
	CategoryMalicious        = 5
	CategoryUnauthenticated  = 6
	CategoryPermissionDenied = 7
	CategoryInvalid          = 8 // whatever the state is
	CategoryState            = 9
	CategoryExists           = 10
	CategoryMissing          = 11
	CategorySeekAfter        = 12
	CategoryUnsupported      = 14
)

// New is an error with an HTTP status, a gRPC code, a category, a code and a cause. Most errors are made shorter by
// the constructors below.
func New(status, grpc, category int, code, cause string) *Error {
	return &Error{
		Status: status, Code: code, Cause: cause, Category: category, GRPCCode: &grpc,
		Context: map[string]string{
			"participant": "participant", "category": strconv.Itoa(category), "definite_answer": "false",
		},
		Resources: [][]string{},
	}
}

// With adds an entry to the context and returns the error.
func (e *Error) With(key, value string) *Error {
	e.Context[key] = value

	return e
}

// On names a resource that the error is about, such as USER and its id, and returns the error.
func (e *Error) On(kind, id string) *Error {
	e.Resources = append(e.Resources, []string{kind, id})

	return e
}

// RetryIn adds the advice to retry, worded as a node words a duration ("1 second"), and returns the error.
func (e *Error) RetryIn(duration string) *Error {
	e.RetryInfo = &duration

	return e
}

// Invalid is a request that can never work (category 8, 400).
func Invalid(code, format string, args ...any) *Error {
	return New(http.StatusBadRequest, GRPCInvalidArgument, CategoryInvalid, code, fmt.Sprintf(format, args...))
}

// Field is INVALID_FIELD: one field has a value that cannot be.
func Field(format string, args ...any) *Error {
	return Invalid("INVALID_FIELD", "The submitted request has a field with invalid value: %s",
		fmt.Sprintf(format, args...))
}

// Missing is MISSING_FIELD: a mandatory field is not set.
func Missing(field string) *Error {
	return Invalid("MISSING_FIELD", "The submitted command is missing a mandatory field: %s", field)
}

// Argument is INVALID_ARGUMENT: the request as a whole cannot be.
func Argument(format string, args ...any) *Error {
	return Invalid("INVALID_ARGUMENT", "The submitted request has invalid arguments: %s", fmt.Sprintf(format, args...))
}

// State is a request that the present state does not allow (category 9, 400).
func State(code, format string, args ...any) *Error {
	return New(http.StatusBadRequest, GRPCFailedPrecondition, CategoryState, code, fmt.Sprintf(format, args...))
}

// Contention is a request that may work when it is tried again (category 2, 409).
func Contention(code, format string, args ...any) *Error {
	return New(http.StatusConflict, GRPCAborted, CategoryContention, code, fmt.Sprintf(format, args...))
}

// NotFound is a missing resource (category 11, 404).
func NotFound(code, format string, args ...any) *Error {
	return New(http.StatusNotFound, GRPCNotFound, CategoryMissing, code, fmt.Sprintf(format, args...))
}

// Exists is a resource that exists already (category 10, 409).
func Exists(code, format string, args ...any) *Error {
	return New(http.StatusConflict, GRPCAlreadyExists, CategoryExists, code, fmt.Sprintf(format, args...))
}

// redactedCause is what every security-sensitive error says: a client may learn nothing but the HTTP status.
const redactedCause = "A security-sensitive error has been received"

func redacted(status, grpc int) *Error {
	e := New(status, grpc, CategoryUnknown, "NA", redactedCause)
	e.Context = map[string]string{}

	return e
}

// Unauthenticated is the redacted 401 for a missing or bad token.
func Unauthenticated() *Error {
	return redacted(http.StatusUnauthorized, GRPCUnauthenticated).With("ledger_api_error", "invalid token")
}

// PermissionDenied is the redacted 403 for rights that do not suffice.
func PermissionDenied() *Error {
	return redacted(http.StatusForbidden, GRPCPermissionDenied)
}

// Internal is the redacted 500 for what went wrong inside.
func Internal() *Error {
	return redacted(http.StatusInternalServerError, GRPCInternal)
}

// AccessTokenExpired ends a stream whose token is used up.
func AccessTokenExpired() *Error {
	return Contention("ACCESS_TOKEN_EXPIRED", "Claims were valid until the token expired")
}

// StaleStream ends a stream whose user's rights changed; the advice is to reconnect at once.
func StaleStream() *Error {
	return Contention("STALE_STREAM_AUTHORIZATION", "Stale stream authorization. Retry quickly.").RetryIn("0 seconds")
}

// As finds the node's error in err; any other error is a redacted internal one, and then known is false: the caller
// logs it, because the client is told nothing.
func As(err error) (e *Error, known bool) {
	if errors.As(err, &e) {
		return e, true
	}

	return Internal(), false
}

// Write answers err. It returns what went wrong with writing, which a handler may only log.
func Write(w http.ResponseWriter, err error) error {
	e, _ := As(err)

	var buf bytes.Buffer

	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)

	if err := enc.Encode(e); err != nil {
		return fmt.Errorf("encode error answer: %w", err)
	}

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)

	if _, err := w.Write(bytes.TrimRight(buf.Bytes(), "\n")); err != nil {
		return fmt.Errorf("write error answer: %w", err)
	}

	return nil
}
