package ledger

import (
	"errors"
	"net/http"
)

// Outcome is what is known of a submission after an error of Execute or ExecuteAndWait, or from its completion.
//
// It speaks of the one request that failed. If the same bytes were sent before, by us or by a proxy that repeats by
// itself, and it is not known what became of them, no later refusal settles that: the end of a payment is decided by
// the ingested history and by record time alone. So every outcome leaves the inputs reserved, and says only what is
// best done next.
type Outcome int

const (
	// OutcomeUnknown is the zero value and the answer for everything that nobody can vouch for: the transaction may be on
	// the ledger, may get there, or may not. Send the same bytes again, or wait for the history.
	OutcomeUnknown Outcome = iota
	// OutcomeRejected is a request that was refused and will be whenever it is repeated: wrong in itself, not signed by
	// the right key, without rights, against the rules of the token. A person looks.
	OutcomeRejected
	// OutcomeCommitted is a change that is on the ledger already: DuplicateOf tells as what. The history brings it.
	OutcomeCommitted
	// OutcomeRetrySame is a request that was turned away for now, or that found an earlier one under way: send the same
	// bytes later, after RetryDelay at least. After a 401 the next request uses another token.
	OutcomeRetrySame
	// OutcomePrepareAgain is a transaction that can no longer be executed as it was prepared. Look at the history first,
	// since it may have committed by an earlier request, which then is what spent its inputs; then prepare it anew over
	// the same inputs, so that at most one of the two can commit.
	OutcomePrepareAgain
	// OutcomePaused is a synchronizer that is being upgraded: submit nothing for a while. What was prepared before the
	// upgrade is usually of no use after it.
	OutcomePaused
	// OutcomeNoTraffic is a node without traffic credit: submit nothing until there is some. The same bytes are good.
	OutcomeNoTraffic
)

// String names the outcome for logs and metrics.
func (o Outcome) String() string {
	switch o {
	case OutcomeRejected:
		return "rejected"
	case OutcomeCommitted:
		return "committed"
	case OutcomeRetrySame:
		return "retry-same"
	case OutcomePrepareAgain:
		return "prepare-again"
	case OutcomePaused:
		return "paused"
	case OutcomeNoTraffic:
		return "no-traffic"
	case OutcomeUnknown:
		return "unknown"
	default:
		return "unknown"
	}
}

// Stage is where an error happened, as far as it matters for what it leaves behind.
type Stage int

const (
	// StageAnswer is a request that could not change the ledger, prepare included.
	StageAnswer Stage = iota
	// StageExecute is a request to execute: that it failed does not say that nothing happened.
	StageExecute
	// StageCompletion is the end of a submission as the node that made it tells it. A completion with an error is of a
	// submission of which nothing committed (completion.proto).
	StageCompletion
)

// outcomes holds the codes whose outcome is not that of their nature. Each group says why it may be trusted. What is
// listed as unknown would seem settled by its category.
//
//nolint:gochecknoglobals // a table that nothing changes
var outcomes = map[string]Outcome{
	// Of this client, before anything was sent.
	CodeInvalid: OutcomeRejected,
	CodeNoToken: OutcomeRetrySame,

	// The node reads and interprets the transaction before it sends anything: a bug, or the token's refusal.
	"INVALID_DEDUPLICATION_PERIOD": OutcomeRejected,
	"DAML_FAILURE":                 OutcomeRejected,
	"DAML_INTERPRETATION_ERROR":    OutcomeRejected,
	"WRONGLY_TYPED_CONTRACT":       OutcomeRejected,
	"SUBMITTERS_NOT_ACTIVE":        OutcomeRejected,
	"UNKNOWN_SUBMITTERS":           OutcomeRejected,
	"UNKNOWN_INFORMEES":            OutcomeRejected,
	"UNRESOLVED_PACKAGE_NAME":      OutcomeRejected,
	codeUnknownPackages:            OutcomeRejected,
	codeUnknownNames:               OutcomeRejected,
	codeUnknownTemplate:            OutcomeRejected,

	// Only successful changes and those under way are remembered for deduplication (ConsistencyErrors).
	codeDuplicate:                  OutcomeCommitted,
	"SUBMISSION_ALREADY_IN_FLIGHT": OutcomeRetrySame,
	"REQUEST_ALREADY_IN_FLIGHT":    OutcomeRetrySame,

	// Turned away before it was sent to the sequencer, or by it.
	"SEQUENCER_BACKPRESSURE":            OutcomeRetrySame,
	"PARTICIPANT_BACKPRESSURE":          OutcomeRetrySame,
	"PARTICIPANT_OVERLOADED":            OutcomeRetrySame,
	"SERVER_OVERLOADED":                 OutcomeRetrySame,
	"THREADPOOL_OVERLOADED":             OutcomeRetrySame,
	"MAXIMUM_NUMBER_OF_STREAMS":         OutcomeRetrySame,
	"SUBMISSION_DURING_SHUTDOWN":        OutcomeRetrySame,
	"NOT_CONNECTED_TO_ANY_SYNCHRONIZER": OutcomeRetrySame,
	"PARTY_CURRENTLY_ONBOARDING":        OutcomeRetrySame,
	codeTokenExpired:                    OutcomeRetrySame,

	// Verdicts, after which the request is over; the next one of the same bytes may fare better. A lock goes to another
	// transaction under way: if that wins, the next verdict is about inactive contracts.
	"LOCAL_VERDICT_LOCKED_CONTRACTS":         OutcomeRetrySame,
	"LOCAL_VERDICT_TIMEOUT":                  OutcomeRetrySame,
	"LOCAL_VERDICT_LEDGER_TIME_OUT_OF_BOUND": OutcomeRetrySame, // the ledger time is chosen at execute
	"MEDIATOR_SAYS_TX_TIMED_OUT":             OutcomeRetrySame,
	"NOT_SEQUENCED_TIMEOUT":                  OutcomeRetrySame, // it was too late for the sequencer, for good

	// The windows have passed, an input is spent, or the transaction no longer fits the network.
	"CONTRACT_NOT_FOUND":                           OutcomePrepareAgain,
	"CONTRACT_NOT_ACTIVE":                          OutcomePrepareAgain,
	"LOCAL_VERDICT_INACTIVE_CONTRACTS":             OutcomePrepareAgain,
	"LOCAL_VERDICT_PREPARATION_TIME_OUT_OF_BOUND":  OutcomePrepareAgain,
	"LOCAL_VERDICT_MAX_RECORD_TIME_EXCEEDED":       OutcomePrepareAgain,
	"LEDGER_TIME_OUTSIDE_BOUNDS":                   OutcomePrepareAgain,
	"DISCLOSED_CONTRACT_AUTHENTICATION_FAILED":     OutcomePrepareAgain,
	"INVALID_DISCLOSED_CONTRACT":                   OutcomePrepareAgain,
	"DISCLOSED_CONTRACTS_SYNCHRONIZER_ID_MISMATCH": OutcomePrepareAgain,
	"PRESCRIBED_SYNCHRONIZER_ID_MISMATCH":          OutcomePrepareAgain,
	"PACKAGE_SELECTION_FAILED":                     OutcomePrepareAgain,
	"JSON_API_PACKAGE_SELECTION_FAILED":            OutcomePrepareAgain,
	// Also what becomes of a transaction that was prepared for the predecessor of an upgraded synchronizer.
	"NO_SYNCHRONIZER_FOR_SUBMISSION": OutcomePrepareAgain,

	"SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME": OutcomePaused,

	"SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT": OutcomeNoTraffic,
	"OUTDATED_TRAFFIC_COST":               OutcomeNoTraffic,
	"TRAFFIC_ACCOUNT_VALIDATION_FAILED":   OutcomeNoTraffic,

	// Its contracts are there already: most likely made by the same transaction.
	"LOCAL_VERDICT_CREATES_EXISTING_CONTRACTS": OutcomeUnknown,
	// Its status alone does not tell a refusal at the door from one by the ledger.
	CodeGarbled: OutcomeUnknown,
	// By their own words.
	"REQUEST_TIME_OUT":          OutcomeUnknown,
	"REQUEST_DEADLINE_EXCEEDED": OutcomeUnknown,
	// It may wrap anything, a lack of traffic too, and no source says that nothing was sent.
	codeSequencerFailed: OutcomeUnknown,
}

// Codes that the outcomes of submissions ask for by name.
const (
	codeDuplicate       = "DUPLICATE_COMMAND"
	codeSequencerFailed = "SEQUENCER_REQUEST_FAILED"
)

// OutcomeOf says what is known of a submission after an error. It is the only place that decides so.
//
// An error that is not of a submission, a context's end, and no error at all are OutcomeUnknown: Execute without error
// is a request taken in, and nothing more.
func OutcomeOf(err error) Outcome {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return OutcomeUnknown
	}

	switch e.Stage {
	case StageExecute:
		return e.executed()
	case StageCompletion:
		return e.completed()
	case StageAnswer:
		return OutcomeUnknown
	default:
		return OutcomeUnknown
	}
}

// executed is the outcome of a failed request to execute. A code that the table does not have is believed only as far
// as it is a refusal of the request itself, by its category, or calls itself definite.
func (e *Error) executed() Outcome {
	if known, ok := outcomes[e.Code]; ok {
		return known
	}

	switch e.Category {
	case CategoryUnauthenticated:
		return OutcomeRetrySame
	case CategoryForbidden, CategoryInvalid:
		return OutcomeRejected
	case CategoryNone:
		return e.atTheDoor()
	case CategoryStateUnknown:
		return OutcomeUnknown
	case CategoryTransient, CategoryContention:
		if e.Definite == DefiniteYes {
			return OutcomeRetrySame
		}
	case CategoryInternal, CategoryMalicious, CategoryInvalidNow, CategoryExists, CategoryMissing, CategorySeekAfterEnd,
		CategoryBackground, CategoryUnsupported:
		if e.Definite == DefiniteYes {
			return OutcomeRejected
		}
	}

	return OutcomeUnknown
}

// atTheDoor is the outcome of what Canton redacted, of what its gateway answers in plain text before it looks at the
// token or at the ledger, and of what somebody in between answers. Those statuses that only a door has are refusals.
// This client's own codes come without a status, or with that of a success.
func (e *Error) atTheDoor() Outcome {
	switch e.HTTPStatus {
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		return OutcomeRetrySame
	case http.StatusBadRequest, // a body that cannot be read
		http.StatusForbidden,
		http.StatusNotFound,              // a path that the version does not have
		http.StatusMethodNotAllowed,      // the same
		http.StatusRequestEntityTooLarge: // beyond the gateway's bound
		return OutcomeRejected
	default:
		return OutcomeUnknown
	}
}

// completed is the outcome of a submission that its node says ended in an error.
func (e *Error) completed() Outcome {
	if e.Code == codeSequencerFailed {
		return OutcomeRetrySame // the submission is over, whatever it wraps
	}

	if known, ok := outcomes[e.Code]; ok {
		return known
	}

	switch e.Category {
	case CategoryTransient, CategoryContention, CategoryUnauthenticated:
		return OutcomeRetrySame
	case CategoryStateUnknown:
		return OutcomeUnknown
	case CategoryNone, CategoryInternal, CategoryMalicious, CategoryForbidden, CategoryInvalid, CategoryInvalidNow,
		CategoryExists, CategoryMissing, CategorySeekAfterEnd, CategoryBackground, CategoryUnsupported:
		return OutcomeRejected
	default:
		return OutcomeUnknown
	}
}

// overloaded are the codes by which a node or a synchronizer asks for fewer submissions, of whatever kind.
//
//nolint:gochecknoglobals // a table that nothing changes
var overloaded = map[string]bool{
	"SEQUENCER_BACKPRESSURE":    true,
	"PARTICIPANT_BACKPRESSURE":  true,
	"PARTICIPANT_OVERLOADED":    true,
	"SERVER_OVERLOADED":         true,
	"THREADPOOL_OVERLOADED":     true,
	"MAXIMUM_NUMBER_OF_STREAMS": true,
}

// IsOverloaded reports whether the other side asks for fewer requests, and does not only turn down this one.
func IsOverloaded(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && (overloaded[e.Code] || e.HTTPStatus == http.StatusTooManyRequests ||
		e.HTTPStatus == http.StatusServiceUnavailable && e.Category == CategoryNone)
}

// ofTheToken are the codes by which a token's own rules refuse a transaction. Others of the same category are of the
// node, its packages or the caller's rights.
//
//nolint:gochecknoglobals // a table that nothing changes
var ofTheToken = map[string]bool{
	"DAML_FAILURE":              true,
	"DAML_INTERPRETATION_ERROR": true,
	"UNKNOWN_INFORMEES":         true,
}

// IsTokensRefusal reports whether a token's own rules, or the lack of a receiver, refuse what was asked for.
func IsTokensRefusal(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && ofTheToken[e.Code]
}
