package sandbox

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// cantonError is an error as the JSON Ledger API answers it.
type cantonError = cantonerr.Error

// Short names of what the errors below are made of.
const (
	grpcInvalidArgument = cantonerr.GRPCInvalidArgument
	grpcNotFound        = cantonerr.GRPCNotFound
	grpcResourceLimit   = cantonerr.GRPCAborted // as the list limit is reported
	grpcFailedPrecond   = cantonerr.GRPCFailedPrecondition
	grpcOutOfRange      = cantonerr.GRPCOutOfRange
	grpcUnavailable     = cantonerr.GRPCUnavailable
	grpcUnauthenticated = cantonerr.GRPCUnauthenticated

	categoryUnknown    = cantonerr.CategoryUnknown
	categoryContention = cantonerr.CategoryContention
	categoryInvalid    = cantonerr.CategoryInvalid
	categoryState      = cantonerr.CategoryState
	categoryMissing    = cantonerr.CategoryMissing
	categorySeekAfter  = cantonerr.CategorySeekAfter
)

func newError(status, grpc, category int, code, cause string) *cantonError {
	return cantonerr.New(status, grpc, category, code, cause)
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
