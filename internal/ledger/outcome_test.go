package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ledger"
)

// verdicts names the outcomes shortly for tables.
const (
	unknown   = ledger.OutcomeUnknown
	rejected  = ledger.OutcomeRejected
	committed = ledger.OutcomeCommitted
	again     = ledger.OutcomeRetrySame
	anew      = ledger.OutcomePrepareAgain
	paused    = ledger.OutcomePaused
	noTraffic = ledger.OutcomeNoTraffic
)

// The codes of Canton's inventory that matter, with their categories and HTTP status: first as the answer to a request
// to execute, then as the status of a completion.
func TestOutcomesOfCodes(t *testing.T) {
	t.Parallel()

	cases := []struct {
		code                  string
		category, status      int
		executing, completing ledger.Outcome
	}{
		// Failures seen at execute.
		{"CONTRACT_NOT_FOUND", 11, 404, anew, anew},
		{"LOCAL_VERDICT_LOCKED_CONTRACTS", 2, 409, again, again},
		{"LOCAL_VERDICT_INACTIVE_CONTRACTS", 11, 404, anew, anew},
		{"NOT_SEQUENCED_TIMEOUT", 2, 409, again, again},
		{"LOCAL_VERDICT_TIMEOUT", 2, 409, again, again},
		{"MEDIATOR_SAYS_TX_TIMED_OUT", 2, 409, again, again},
		{"DUPLICATE_COMMAND", 10, 409, committed, committed},
		{"SUBMISSION_ALREADY_IN_FLIGHT", 2, 409, again, again},
		{"SEQUENCER_REQUEST_FAILED", 2, 409, unknown, again},
		{"SEQUENCER_BACKPRESSURE", 2, 409, again, again},
		{"PARTICIPANT_BACKPRESSURE", 2, 409, again, again},
		{"INVALID_EXTERNAL_SIGNATURE", 8, 400, rejected, rejected},

		// All that matter, in the order of the inventory. Those of reads cannot be of a submission: they prove nothing.
		{"PARTICIPANT_PRUNED_DATA_ACCESSED", 9, 400, unknown, rejected},
		{"PARTICIPANT_DATA_ACCESSED_AFTER_LEDGER_END", 9, 400, unknown, rejected},
		{"OFFSET_AFTER_LEDGER_END", 12, 400, unknown, rejected},
		{"NEGATIVE_OFFSET", 8, 400, rejected, rejected},
		{"NON_POSITIVE_OFFSET", 8, 400, rejected, rejected},
		{"INVALID_FIELD", 8, 400, rejected, rejected},
		{"MISSING_FIELD", 8, 400, rejected, rejected},
		{"INVALID_ARGUMENT", 8, 400, rejected, rejected},
		{"INVALID_TOKEN", 8, 400, rejected, rejected},
		{"UPDATE_NOT_FOUND", 11, 404, unknown, rejected},
		{"CONTRACT_EVENTS_NOT_FOUND", 11, 404, unknown, rejected},
		{"CONTRACT_PAYLOAD_NOT_FOUND", 11, 404, unknown, rejected},
		{"COMPLETION_NOT_FOUND", 11, 404, unknown, rejected},
		{"CONTRACT_NOT_ACTIVE", 11, 404, anew, anew},
		{"LOCAL_VERDICT_LEDGER_TIME_OUT_OF_BOUND", 2, 409, again, again},
		{"LOCAL_VERDICT_PREPARATION_TIME_OUT_OF_BOUND", 2, 409, anew, anew},
		{"LOCAL_VERDICT_MAX_RECORD_TIME_EXCEEDED", 2, 409, anew, anew},
		{"LOCAL_VERDICT_MALFORMED_PAYLOAD", 5, 400, unknown, rejected},
		{"LOCAL_VERDICT_FAILED_MODEL_CONFORMANCE_CHECK", 5, 400, unknown, rejected},
		{"LOCAL_VERDICT_CREATES_EXISTING_CONTRACTS", 10, 409, unknown, unknown},
		{"SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT", 9, 400, noTraffic, noTraffic},
		{"OUTDATED_TRAFFIC_COST", 9, 400, noTraffic, noTraffic},
		{"TRAFFIC_ACCOUNT_VALIDATION_FAILED", 9, 400, noTraffic, noTraffic},
		{"PARTICIPANT_OVERLOADED", 2, 409, again, again},
		{"SERVER_OVERLOADED", 2, 409, again, again},
		{"THREADPOOL_OVERLOADED", 2, 409, again, again},
		{"MAXIMUM_NUMBER_OF_STREAMS", 2, 409, again, again},
		{"REQUEST_ALREADY_IN_FLIGHT", 2, 409, again, again},
		{"INVALID_DEDUPLICATION_PERIOD", 9, 400, rejected, rejected},
		{"REQUEST_TIME_OUT", 3, 504, unknown, unknown},
		{"REQUEST_DEADLINE_EXCEEDED", 3, 504, unknown, unknown},
		{"FAILED_TO_PREPARE_TRANSACTION", 8, 400, rejected, rejected},
		{"FAILED_TO_EXECUTE_TRANSACTION", 8, 400, rejected, rejected},
		{"INVALID_EXTERNAL_TRANSACTION", 8, 400, rejected, rejected},
		{"DAML_FAILURE", 9, 400, rejected, rejected},
		{"DAML_FAILURE", 1, 503, rejected, rejected},
		{"DAML_INTERPRETATION_ERROR", 9, 400, rejected, rejected},
		{"DAML_AUTHORIZATION_ERROR", 8, 400, rejected, rejected},
		{"TEMPLATE_PRECONDITION_VIOLATED", 8, 400, rejected, rejected},
		{"COMMAND_PREPROCESSING_FAILED", 8, 400, rejected, rejected},
		{"WRONGLY_TYPED_CONTRACT", 9, 400, rejected, rejected},
		{"DISCLOSED_CONTRACT_AUTHENTICATION_FAILED", 8, 400, anew, anew},
		{"INVALID_DISCLOSED_CONTRACT", 8, 400, anew, anew},
		{"DISCLOSED_CONTRACTS_SYNCHRONIZER_ID_MISMATCH", 8, 400, anew, anew},
		{"PRESCRIBED_SYNCHRONIZER_ID_MISMATCH", 8, 400, anew, anew},
		{"UNRESOLVED_PACKAGE_NAME", 11, 404, rejected, rejected},
		{"PACKAGE_NAMES_NOT_FOUND", 11, 404, rejected, rejected},
		{"TEMPLATES_OR_INTERFACES_NOT_FOUND", 11, 404, rejected, rejected},
		{"NO_TEMPLATES_FOR_PACKAGE_NAME_AND_QUALIFIED_NAME", 11, 404, rejected, rejected},
		{"PACKAGE_SELECTION_FAILED", 9, 400, anew, anew},
		{"JSON_API_PACKAGE_SELECTION_FAILED", 9, 400, anew, anew},
		{"NO_SYNCHRONIZER_FOR_SUBMISSION", 9, 400, anew, anew},
		{"NOT_CONNECTED_TO_ANY_SYNCHRONIZER", 9, 400, again, again},
		{"SUBMITTERS_NOT_ACTIVE", 9, 400, rejected, rejected},
		{"UNKNOWN_SUBMITTERS", 11, 404, rejected, rejected},
		{"UNKNOWN_INFORMEES", 11, 404, rejected, rejected},
		{"LEDGER_TIME_OUTSIDE_BOUNDS", 8, 400, anew, anew},
		{"NODE_IS_PASSIVE_REPLICA", 1, 503, unknown, again},
		{"SERVICE_NOT_RUNNING", 1, 503, unknown, again},
		{"ABORTED_DUE_TO_SHUTDOWN", 1, 503, unknown, again},
		{"SUBMISSION_DURING_SHUTDOWN", 2, 409, again, again},
		{"SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME", 9, 400, paused, paused},
		{"PARTY_CURRENTLY_ONBOARDING", 9, 400, again, again},
		{"ACCESS_TOKEN_EXPIRED", 2, 409, again, again},
		{"STALE_STREAM_AUTHORIZATION", 2, 409, unknown, again},
		{"JSON_API_MAXIMUM_LIST_ELEMENTS_NUMBER_REACHED", 2, 413, unknown, again},
		{"INVALID_UPDATES_PAGE_TOKEN", 8, 400, rejected, rejected},
		{"DESCENDING_ORDER_MISSING_END", 8, 400, rejected, rejected},
		{"NA", 0, 401, again, rejected},
		{"NA", 0, 403, rejected, rejected},
		{"NA", 0, 500, unknown, rejected},
		{"NA", 0, 501, unknown, rejected},

		// A code of a later version is believed when it refuses the request itself.
		{"SOMETHING_NEW", 1, 503, unknown, again},
		{"SOMETHING_NEW", 2, 409, unknown, again},
		{"SOMETHING_NEW", 3, 504, unknown, unknown},
		{"SOMETHING_NEW", 4, 500, unknown, rejected},
		{"SOMETHING_NEW", 5, 500, unknown, rejected},
		{"SOMETHING_NEW", 6, 401, again, again},
		{"SOMETHING_NEW", 7, 403, rejected, rejected},
		{"SOMETHING_NEW", 8, 400, rejected, rejected},
		{"SOMETHING_NEW", 9, 400, unknown, rejected},
		{"SOMETHING_NEW", 10, 409, unknown, rejected},
		{"SOMETHING_NEW", 11, 404, unknown, rejected},
		{"SOMETHING_NEW", 12, 400, unknown, rejected},
		{"SOMETHING_NEW", 13, 500, unknown, rejected},
		{"SOMETHING_NEW", 14, 501, unknown, rejected},
	}

	for _, tc := range cases {
		name := fmt.Sprintf("%s category %d HTTP %d", tc.code, tc.category, tc.status)
		e := &ledger.Error{
			Op: "try", Code: tc.code, Category: ledger.Category(tc.category), HTTPStatus: tc.status,
			Stage: ledger.StageExecute,
		}
		require.Equal(t, tc.executing, ledger.OutcomeOf(e), name)
		require.Equal(t, tc.executing, ledger.OutcomeOf(fmt.Errorf("around: %w", e)), name)

		e.Stage, e.HTTPStatus = ledger.StageCompletion, 0
		require.Equal(t, tc.completing, ledger.OutcomeOf(e), "completion: %s", name)

		e.Stage = ledger.StageAnswer
		require.Equal(t, unknown, ledger.OutcomeOf(e), "not of a submission: %s", name)
	}
}

// Answers that are not Canton's, and none at all.
func TestOutcomesOfAnswersThatAreNotTheNodes(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct {
		code   string
		status int
		want   ledger.Outcome
	}{
		{ledger.CodeRefused, 400, rejected},
		{ledger.CodeRefused, 401, again},
		{ledger.CodeRefused, 403, rejected},
		{ledger.CodeRefused, 404, rejected},
		{ledger.CodeRefused, 405, rejected},
		{ledger.CodeRefused, 408, unknown},
		{ledger.CodeRefused, 409, unknown},
		{ledger.CodeRefused, 413, rejected},
		{ledger.CodeRefused, 421, unknown},
		{ledger.CodeRefused, 429, again},
		{ledger.CodeRefused, 499, unknown},
		{ledger.CodeRefused, 500, unknown},
		{ledger.CodeRefused, 502, unknown},
		{ledger.CodeRefused, 503, unknown},
		{ledger.CodeRefused, 504, unknown},
		{ledger.CodeGarbled, 400, unknown},
		{ledger.CodeGarbled, 404, unknown},
		{ledger.CodeRedirected, 302, unknown},
		{ledger.CodeConnection, 0, unknown},
		{ledger.CodeTimeout, 0, unknown},
		{ledger.CodeStreamClosed, 0, unknown},
		{ledger.CodeTooLarge, 0, unknown},
		{ledger.CodeNotJSON, 0, unknown},
		{ledger.CodeMalformed, 0, unknown},
		{ledger.CodeIncomplete, 0, unknown},
		{ledger.CodeNoToken, 0, again},
		{ledger.CodeInvalid, 0, rejected},
	} {
		e := &ledger.Error{Op: "try", Code: tc.code, HTTPStatus: tc.status, Stage: ledger.StageExecute}
		require.Equal(t, tc.want, ledger.OutcomeOf(e), "%s HTTP %d", tc.code, tc.status)
	}

	for _, err := range []error{nil, errors.New("who knows"), context.Canceled, context.DeadlineExceeded} {
		require.Equal(t, unknown, ledger.OutcomeOf(err), "%v", err)
	}
}

// A definite answer settles a code that the table does not have, and none that it has.
func TestDefiniteAnswers(t *testing.T) {
	t.Parallel()

	for category := ledger.CategoryNone; category <= ledger.CategoryUnsupported; category++ {
		e := &ledger.Error{
			Code: "SOMETHING_NEW", Category: category, HTTPStatus: 409, Stage: ledger.StageExecute,
			Definite: ledger.DefiniteYes,
		}

		want := rejected

		switch category {
		case ledger.CategoryTransient, ledger.CategoryContention, ledger.CategoryUnauthenticated:
			want = again
		case ledger.CategoryNone, ledger.CategoryStateUnknown:
			want = unknown
		}

		require.Equal(t, want, ledger.OutcomeOf(e), "category %d", category)

		e.Code = "SEQUENCER_REQUEST_FAILED"
		require.Equal(t, unknown, ledger.OutcomeOf(e), "category %d", category)
	}
}

// Whatever a node or anybody on the way may answer, an outcome other than unknown needs a reason: a code of the table, a
// refusal of the request itself, or a definite answer.
func TestNothingIsSettledWithoutAReason(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		e := &ledger.Error{
			Code: rapid.SampledFrom([]string{
				"NA", "X", ledger.CodeRefused, ledger.CodeConnection, ledger.CodeTimeout, ledger.CodeMalformed,
			}).Draw(t, "code"),
			Category:   ledger.Category(rapid.IntRange(0, 20).Draw(t, "category")),
			HTTPStatus: rapid.IntRange(0, 599).Draw(t, "status"),
			GRPC:       rapid.IntRange(0, 16).Draw(t, "grpc"),
			Definite:   ledger.Definite(rapid.IntRange(0, 1).Draw(t, "definite")),
			Stage:      ledger.StageExecute,
		}

		refusal := e.Category >= ledger.CategoryUnauthenticated && e.Category <= ledger.CategoryInvalid ||
			e.Category == ledger.CategoryNone && e.HTTPStatus >= 400 && e.HTTPStatus < 500
		if got := ledger.OutcomeOf(e); got != ledger.OutcomeUnknown && !refusal {
			t.Fatalf("%+v: %s", e, got)
		}
	})
}

func TestOutcomesHaveNames(t *testing.T) {
	t.Parallel()

	require.Equal(t, ledger.OutcomeUnknown, ledger.Outcome(0), "the zero value settles nothing")

	for outcome, name := range map[ledger.Outcome]string{
		unknown: "unknown", rejected: "rejected", committed: "committed", again: "retry-same", anew: "prepare-again",
		paused: "paused", noTraffic: "no-traffic", ledger.Outcome(99): "unknown",
	} {
		require.Equal(t, name, outcome.String())
	}
}
