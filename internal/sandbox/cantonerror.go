package sandbox

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/canton-exchange/suite/internal/ident"
)

// cantonError is an error as the JSON Ledger API answers it (JsCantonError), with its HTTP status.
type cantonError struct {
	status int

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

func (e *cantonError) Error() string { return e.Code + ": " + e.Cause }

// gRPC status codes that the node's errors map to.
const (
	grpcInvalidArgument = 3
	grpcNotFound        = 5
	grpcResourceLimit   = 10 // ABORTED, as the list limit is reported
	grpcFailedPrecond   = 9
	grpcOutOfRange      = 11
	grpcUnimplemented   = 12
	grpcUnavailable     = 14
	grpcUnauthenticated = 16
)

// Error categories of Canton (error-codes reference).
const (
	categoryUnknown     = -1
	categoryTransient   = 1
	categoryContention  = 2
	categoryInvalid     = 8
	categoryState       = 9
	categoryMissing     = 11
	categorySeekAfter   = 12
	categoryUnsupported = 14
)

func newError(status, grpc, category int, code, cause string) *cantonError {
	return &cantonError{
		status: status, Code: code, Cause: cause, Category: category, GRPCCode: &grpc,
		Context: map[string]string{
			"participant": "participant", "category": strconv.Itoa(category), "definite_answer": "false",
		},
		Resources: [][]string{},
	}
}

func errField(format string, args ...any) *cantonError {
	return newError(http.StatusBadRequest, grpcInvalidArgument, categoryInvalid, "INVALID_FIELD",
		"The submitted request has a field with invalid value: "+fmt.Sprintf(format, args...))
}

func errArgument(format string, args ...any) *cantonError {
	return newError(http.StatusBadRequest, grpcInvalidArgument, categoryInvalid, "INVALID_ARGUMENT",
		"The submitted request has invalid arguments: "+fmt.Sprintf(format, args...))
}

func errNegative(field string, value ident.Offset) *cantonError {
	return newError(http.StatusBadRequest, grpcInvalidArgument, categoryInvalid, "NEGATIVE_OFFSET",
		fmt.Sprintf("Offset %d in %s is a negative integer", value, field))
}

func errAfterEnd(field string, value, end ident.Offset) *cantonError {
	return newError(http.StatusBadRequest, grpcOutOfRange, categorySeekAfter, "OFFSET_AFTER_LEDGER_END",
		fmt.Sprintf("%s offset (%d) is after ledger end (%d)", field, value, end))
}

func errPruned(what string, asked, pruned ident.Offset) *cantonError {
	e := newError(http.StatusBadRequest, grpcFailedPrecond, categoryState, "PARTICIPANT_PRUNED_DATA_ACCESSED",
		fmt.Sprintf("%s from %d precedes pruned offset %d", what, asked, pruned))
	e.Context["earliest_offset"] = strconv.FormatInt(int64(pruned), 10)

	return e
}

func errNotFound(code, cause string) *cantonError {
	return newError(http.StatusNotFound, grpcNotFound, categoryMissing, code, cause)
}

// errUnauthenticated is redacted: a client may learn nothing from it but the HTTP status.
func errUnauthenticated() *cantonError {
	e := newError(http.StatusUnauthorized, grpcUnauthenticated, categoryUnknown, "NA",
		"A security-sensitive error has been received")
	e.Context = map[string]string{"ledger_api_error": "invalid token"}

	return e
}

func errListLimit(limit int) *cantonError {
	e := newError(http.StatusRequestEntityTooLarge, grpcResourceLimit, categoryContention,
		"JSON_API_MAXIMUM_LIST_ELEMENTS_NUMBER_REACHED",
		fmt.Sprintf("The number of matching elements is greater than the node limit of %d", limit))
	retry := "1 second"
	e.RetryInfo = &retry

	return e
}
