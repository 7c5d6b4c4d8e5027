package ledger

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Advice is what may be done after an error.
type Advice int

const (
	// Stop is for errors that a repetition does not cure: a bug, the configuration, missing rights, pruned history, a
	// node that contradicts itself. It is the zero value, and the answer for every error nobody thought of.
	Stop Advice = iota
	// RetrySoon is an ordinary interruption: do it again at once, after Error.RetryAfter. Several in a row without
	// progress between them are a disturbance: then back off.
	RetrySoon
	// RetryBackoff is a disturbance: do it again after a growing, jittered delay.
	RetryBackoff
	// Reauthenticate is a token that was not accepted although the client tried a fresh one. Retry with backoff, and
	// alarm when it lasts: it is usually the configuration.
	Reauthenticate
	// Rebuild is a command that was refused because what it names is stale: make it anew, with the registry's answer.
	Rebuild
	// Submitted is an error of a submission, about which OutcomeOf has more to say. It is never repeated blindly.
	Submitted
	// Canceled is our own context that ended.
	Canceled
)

// String names the advice for logs and metrics.
func (a Advice) String() string {
	switch a {
	case Stop:
		return "stop"
	case RetrySoon:
		return "retry-soon"
	case RetryBackoff:
		return "retry-backoff"
	case Reauthenticate:
		return "reauthenticate"
	case Rebuild:
		return "rebuild"
	case Submitted:
		return "submitted"
	case Canceled:
		return "canceled"
	default:
		return "stop"
	}
}

// Retryable reports whether the same request may be sent again.
func (a Advice) Retryable() bool { return a == RetrySoon || a == RetryBackoff || a == Reauthenticate }

// gRPC status codes, as they appear in grpcCodeValue.
const (
	grpcCanceled         = 1
	grpcDeadlineExceeded = 4
	grpcPermissionDenied = 7
	grpcUnavailable      = 14
	grpcUnauthenticated  = 16
)

// Codes that this package itself asks for by name.
const (
	codePruned           = "PARTICIPANT_PRUNED_DATA_ACCESSED"
	codeAfterLedgerEnd   = "OFFSET_AFTER_LEDGER_END"
	codeAccessedAfterEnd = "PARTICIPANT_DATA_ACCESSED_AFTER_LEDGER_END"
	codeTokenExpired     = "ACCESS_TOKEN_EXPIRED"
	codeListLimit        = "JSON_API_MAXIMUM_LIST_ELEMENTS_NUMBER_REACHED"
	codeUnknownPackages  = "PACKAGE_NAMES_NOT_FOUND"
	codeUnknownNames     = "TEMPLATES_OR_INTERFACES_NOT_FOUND"
	codeUnknownInterface = "NO_INTERFACE_FOR_PACKAGE_NAME_AND_QUALIFIED_NAME"
	codeUnknownTemplate  = "NO_TEMPLATES_FOR_PACKAGE_NAME_AND_QUALIFIED_NAME"
)

// byCode holds the codes whose advice is not that of their category. Source: the error inventory of Canton 3.3 to 3.6.
//
//nolint:gochecknoglobals // a table that nothing changes
var byCode = map[string]Advice{
	// Of this client.
	CodeConnection:   RetryBackoff,
	CodeTimeout:      RetryBackoff,
	CodeStreamClosed: RetrySoon,
	CodeNoToken:      RetryBackoff,
	CodeNotJSON:      RetryBackoff,
	CodeInvalid:      Stop,
	CodeRedirected:   Stop,
	CodeTooLarge:     Stop,
	CodeMalformed:    Stop,
	CodeIncomplete:   Stop,

	// History that is not there: a person decides.
	codePruned:           Stop,
	codeAfterLedgerEnd:   Stop,
	codeAccessedAfterEnd: Stop,

	// Streams end like this in ordinary operation.
	codeTokenExpired:             RetrySoon,
	"STALE_STREAM_AUTHORIZATION": RetrySoon,

	// A plain repetition meets the same limit.
	codeListLimit: Stop,

	// The command is stale, or its inputs are.
	"CONTRACT_NOT_FOUND":                           Rebuild,
	"CONTRACT_NOT_ACTIVE":                          Rebuild,
	"LOCAL_VERDICT_INACTIVE_CONTRACTS":             Rebuild,
	"LOCAL_VERDICT_LOCKED_CONTRACTS":               RetryBackoff,
	"LOCAL_VERDICT_PREPARATION_TIME_OUT_OF_BOUND":  Rebuild,
	"LOCAL_VERDICT_MAX_RECORD_TIME_EXCEEDED":       Rebuild,
	"LEDGER_TIME_OUTSIDE_BOUNDS":                   Rebuild,
	"NOT_SEQUENCED_TIMEOUT":                        Rebuild,
	"SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME":      Rebuild,
	"DISCLOSED_CONTRACT_AUTHENTICATION_FAILED":     Rebuild,
	"INVALID_DISCLOSED_CONTRACT":                   Rebuild,
	"DISCLOSED_CONTRACTS_SYNCHRONIZER_ID_MISMATCH": Rebuild,

	// Business or configuration, whatever the category suggests.
	"DAML_FAILURE":                      Stop,
	"DAML_INTERPRETATION_ERROR":         Stop,
	"WRONGLY_TYPED_CONTRACT":            Stop,
	"INVALID_DEDUPLICATION_PERIOD":      Stop,
	"PACKAGE_SELECTION_FAILED":          Stop,
	"JSON_API_PACKAGE_SELECTION_FAILED": Stop,
	"SUBMITTERS_NOT_ACTIVE":             Stop,
}

// Classify says what may be done after an error of this package. It is the only place that decides so, but for errors
// of submissions (Error.Stage), of which it says that they are: see OutcomeOf.
func Classify(err error) Advice {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return Canceled
		}

		return Stop
	}

	if e.Stage != StageAnswer {
		return Submitted
	}

	if advice, known := byCode[e.Code]; known {
		return advice
	}

	return byNature(e)
}

// byNature follows the category where the node gives one. It gives none for what it redacts and for what never
// reached it; then the gRPC code decides, and then the HTTP status.
func byNature(e *Error) Advice {
	switch e.Category {
	case CategoryTransient, CategoryContention, CategoryStateUnknown, CategoryInvalidNow, CategorySeekAfterEnd,
		CategoryBackground:
		return RetryBackoff
	case CategoryUnauthenticated:
		return Reauthenticate
	case CategoryInternal, CategoryMalicious, CategoryForbidden, CategoryInvalid, CategoryExists, CategoryMissing,
		CategoryUnsupported:
		return Stop
	case CategoryNone:
	}

	if e.HTTPStatus != 0 {
		return byStatus(e.HTTPStatus)
	}

	switch e.GRPC {
	case grpcUnauthenticated:
		return Reauthenticate
	case grpcUnavailable, grpcDeadlineExceeded, grpcCanceled:
		return RetryBackoff
	default:
		return Stop
	}
}

func byStatus(status int) Advice {
	switch status {
	case http.StatusUnauthorized:
		return Reauthenticate
	case http.StatusInternalServerError, http.StatusNotImplemented:
		return Stop
	case http.StatusRequestTimeout, http.StatusTooManyRequests, statusClientClosed:
		return RetryBackoff
	default:
		if status > http.StatusNotImplemented {
			return RetryBackoff
		}

		return Stop
	}
}

// statusClientClosed is what Canton's gateway makes of a canceled call.
const statusClientClosed = 499

// RetryDelay is how long the other side asks to wait before the next try; 0 if it does not say.
func RetryDelay(err error) time.Duration {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return 0
	}

	return e.RetryAfter
}
