package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ledger"
)

// The codes of Canton's inventory that matter, with their categories and HTTP status.
func TestClassifyCodes(t *testing.T) {
	t.Parallel()

	const (
		stop, soon, backoff = ledger.Stop, ledger.RetrySoon, ledger.RetryBackoff
		rebuild, again      = ledger.Rebuild, ledger.Reauthenticate
	)

	cases := []struct {
		code             string
		category, status int
		want             ledger.Advice
	}{
		{"PARTICIPANT_PRUNED_DATA_ACCESSED", 9, 400, stop},
		{"PARTICIPANT_DATA_ACCESSED_AFTER_LEDGER_END", 9, 400, stop},
		{"OFFSET_AFTER_LEDGER_END", 12, 400, stop},
		{"NEGATIVE_OFFSET", 8, 400, stop},
		{"NON_POSITIVE_OFFSET", 8, 400, stop},
		{"INVALID_FIELD", 8, 400, stop},
		{"MISSING_FIELD", 8, 400, stop},
		{"INVALID_ARGUMENT", 8, 400, stop},
		{"INVALID_TOKEN", 8, 400, stop},
		{"UPDATE_NOT_FOUND", 11, 404, stop},
		{"CONTRACT_EVENTS_NOT_FOUND", 11, 404, stop},
		{"CONTRACT_PAYLOAD_NOT_FOUND", 11, 404, stop},
		{"COMPLETION_NOT_FOUND", 11, 404, stop},
		{"CONTRACT_NOT_FOUND", 11, 404, rebuild},
		{"CONTRACT_NOT_ACTIVE", 11, 404, rebuild},
		{"LOCAL_VERDICT_INACTIVE_CONTRACTS", 11, 404, rebuild},
		{"LOCAL_VERDICT_LOCKED_CONTRACTS", 2, 409, backoff},
		{"LOCAL_VERDICT_TIMEOUT", 2, 409, backoff},
		{"LOCAL_VERDICT_LEDGER_TIME_OUT_OF_BOUND", 2, 409, backoff},
		{"LOCAL_VERDICT_PREPARATION_TIME_OUT_OF_BOUND", 2, 409, rebuild},
		{"LOCAL_VERDICT_MAX_RECORD_TIME_EXCEEDED", 2, 409, rebuild},
		{"LOCAL_VERDICT_MALFORMED_PAYLOAD", 5, 400, stop},
		{"LOCAL_VERDICT_FAILED_MODEL_CONFORMANCE_CHECK", 5, 400, stop},
		{"MEDIATOR_SAYS_TX_TIMED_OUT", 2, 409, backoff},
		{"NOT_SEQUENCED_TIMEOUT", 2, 409, rebuild},
		{"SEQUENCER_BACKPRESSURE", 2, 409, backoff},
		{"SEQUENCER_REQUEST_FAILED", 2, 409, backoff},
		{"SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT", 9, 400, backoff},
		{"OUTDATED_TRAFFIC_COST", 9, 400, backoff},
		{"TRAFFIC_ACCOUNT_VALIDATION_FAILED", 9, 400, backoff},
		{"PARTICIPANT_BACKPRESSURE", 2, 409, backoff},
		{"PARTICIPANT_OVERLOADED", 2, 409, backoff},
		{"SERVER_OVERLOADED", 2, 409, backoff},
		{"THREADPOOL_OVERLOADED", 2, 409, backoff},
		{"MAXIMUM_NUMBER_OF_STREAMS", 2, 409, backoff},
		{"DUPLICATE_COMMAND", 10, 409, stop},
		{"SUBMISSION_ALREADY_IN_FLIGHT", 2, 409, backoff},
		{"REQUEST_ALREADY_IN_FLIGHT", 2, 409, backoff},
		{"INVALID_DEDUPLICATION_PERIOD", 9, 400, stop},
		{"REQUEST_TIME_OUT", 3, 504, backoff},
		{"REQUEST_DEADLINE_EXCEEDED", 3, 504, backoff},
		{"FAILED_TO_PREPARE_TRANSACTION", 8, 400, stop},
		{"FAILED_TO_EXECUTE_TRANSACTION", 8, 400, stop},
		{"INVALID_EXTERNAL_SIGNATURE", 8, 400, stop},
		{"INVALID_EXTERNAL_TRANSACTION", 8, 400, stop},
		{"DAML_FAILURE", 9, 400, stop},
		{"DAML_INTERPRETATION_ERROR", 9, 400, stop},
		{"DAML_AUTHORIZATION_ERROR", 8, 400, stop},
		{"TEMPLATE_PRECONDITION_VIOLATED", 8, 400, stop},
		{"COMMAND_PREPROCESSING_FAILED", 8, 400, stop},
		{"WRONGLY_TYPED_CONTRACT", 9, 400, stop},
		{"DISCLOSED_CONTRACT_AUTHENTICATION_FAILED", 8, 400, rebuild},
		{"INVALID_DISCLOSED_CONTRACT", 8, 400, rebuild},
		{"DISCLOSED_CONTRACTS_SYNCHRONIZER_ID_MISMATCH", 8, 400, rebuild},
		{"PRESCRIBED_SYNCHRONIZER_ID_MISMATCH", 8, 400, stop},
		{"UNRESOLVED_PACKAGE_NAME", 11, 404, stop},
		{"PACKAGE_NAMES_NOT_FOUND", 11, 404, stop},
		{"TEMPLATES_OR_INTERFACES_NOT_FOUND", 11, 404, stop},
		{"NO_TEMPLATES_FOR_PACKAGE_NAME_AND_QUALIFIED_NAME", 11, 404, stop},
		{"PACKAGE_SELECTION_FAILED", 9, 400, stop},
		{"JSON_API_PACKAGE_SELECTION_FAILED", 9, 400, stop},
		{"NO_SYNCHRONIZER_FOR_SUBMISSION", 9, 400, backoff},
		{"NOT_CONNECTED_TO_ANY_SYNCHRONIZER", 9, 400, backoff},
		{"SUBMITTERS_NOT_ACTIVE", 9, 400, stop},
		{"UNKNOWN_SUBMITTERS", 11, 404, stop},
		{"UNKNOWN_INFORMEES", 11, 404, stop},
		{"LEDGER_TIME_OUTSIDE_BOUNDS", 8, 400, rebuild},
		{"NODE_IS_PASSIVE_REPLICA", 1, 503, backoff},
		{"SERVICE_NOT_RUNNING", 1, 503, backoff},
		{"ABORTED_DUE_TO_SHUTDOWN", 1, 503, backoff},
		{"SUBMISSION_DURING_SHUTDOWN", 2, 409, backoff},
		{"SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME", 9, 400, rebuild},
		{"PARTY_CURRENTLY_ONBOARDING", 9, 400, backoff},
		{"ACCESS_TOKEN_EXPIRED", 2, 0, soon},
		{"STALE_STREAM_AUTHORIZATION", 2, 0, soon},
		{"JSON_API_MAXIMUM_LIST_ELEMENTS_NUMBER_REACHED", 2, 413, stop},
		{"INVALID_UPDATES_PAGE_TOKEN", 8, 400, stop},
		{"DESCENDING_ORDER_MISSING_END", 8, 400, stop},

		// What Canton redacts is known by its HTTP status alone.
		{"NA", 0, 401, again},
		{"NA", 0, 403, stop},
		{"NA", 0, 500, stop},
		{"NA", 0, 501, stop},

		// A code of a later version follows its category.
		{"SOMETHING_NEW", 1, 503, backoff},
		{"SOMETHING_NEW", 2, 409, backoff},
		{"SOMETHING_NEW", 3, 504, backoff},
		{"SOMETHING_NEW", 4, 500, stop},
		{"SOMETHING_NEW", 6, 401, again},
		{"SOMETHING_NEW", 7, 403, stop},
		{"SOMETHING_NEW", 8, 400, stop},
		{"SOMETHING_NEW", 9, 400, backoff},
		{"SOMETHING_NEW", 10, 409, stop},
		{"SOMETHING_NEW", 11, 404, stop},
		{"SOMETHING_NEW", 12, 400, backoff},
		{"SOMETHING_NEW", 14, 501, stop},

		// Answers that are not Canton's, and none at all.
		{ledger.CodeRefused, 0, 400, stop},
		{ledger.CodeRefused, 0, 401, again},
		{ledger.CodeGarbled, 0, 400, stop},
		{ledger.CodeGarbled, 0, 401, again},
		{ledger.CodeGarbled, 0, 503, backoff},
		{ledger.CodeRefused, 0, 404, stop},
		{ledger.CodeRefused, 0, 408, backoff},
		{ledger.CodeRefused, 0, 413, stop},
		{ledger.CodeRefused, 0, 429, backoff},
		{ledger.CodeRefused, 0, 499, backoff},
		{ledger.CodeRefused, 0, 500, stop},
		{ledger.CodeRefused, 0, 502, backoff},
		{ledger.CodeRefused, 0, 503, backoff},
		{ledger.CodeRefused, 0, 504, backoff},
		{ledger.CodeConnection, 0, 0, backoff},
		{ledger.CodeTimeout, 0, 0, backoff},
		{ledger.CodeStreamClosed, 0, 0, soon},
		{ledger.CodeNoToken, 0, 0, backoff},
		{ledger.CodeInvalid, 0, 0, stop},
		{ledger.CodeRedirected, 0, 302, stop},
		{ledger.CodeTooLarge, 0, 0, stop},
		{ledger.CodeNotJSON, 0, 0, backoff},
		{ledger.CodeMalformed, 0, 0, stop},
		{ledger.CodeIncomplete, 0, 0, stop},
	}

	for _, tc := range cases {
		name := fmt.Sprintf("%s category %d HTTP %d", tc.code, tc.category, tc.status)
		e := &ledger.Error{Op: "try", Code: tc.code, Category: ledger.Category(tc.category), HTTPStatus: tc.status}
		require.Equal(t, tc.want, ledger.Classify(e), name)
		require.Equal(t, tc.want, ledger.Classify(fmt.Errorf("around: %w", e)), name)

		e.Stage = ledger.StageExecute
		require.Equal(t, ledger.Submitted, ledger.Classify(e), "submission: %s", name)
	}
}

func TestClassifyOthers(t *testing.T) {
	t.Parallel()

	require.Equal(t, ledger.Stop, ledger.Classify(errors.New("who knows")))
	require.Equal(t, ledger.Canceled, ledger.Classify(fmt.Errorf("x: %w", context.Canceled)))
	require.Equal(t, ledger.Canceled, ledger.Classify(fmt.Errorf("x: %w", context.DeadlineExceeded)))
	require.Equal(t, ledger.Stop, ledger.Advice(0), "the zero value retries nothing")
	require.Equal(t, "submitted", ledger.Submitted.String())
	require.False(t, ledger.Submitted.Retryable())
	require.Zero(t, ledger.RetryDelay(errors.New("x")))
}

func TestScalaDurations(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]time.Duration{
		"1 second": time.Second, "100 milliseconds": 100 * time.Millisecond, "0 days": 0, "2 minutes": time.Minute,
		"30 seconds": 30 * time.Second, "5s": 5 * time.Second, "250 ms": 250 * time.Millisecond, "1 day": time.Minute,
		"7 microseconds": 7 * time.Microsecond, "9 nanoseconds": 9, "3 µs": 3 * time.Microsecond, "1 hour": time.Minute,
		"99999999999999999999 seconds": time.Minute, "9223372036854775807 days": time.Minute, "Duration.Inf": time.Minute,
		"": 0, "soon": 0, "-1 second": 0, "1": 0, "1 fortnight": 0, "second": 0,
	} {
		require.Equal(t, want, ledger.ScalaDuration(text), "%q", text)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()

	for text, want := range map[string][3]int{
		"3.4.12": {3, 4, 12}, "3.5.1-SNAPSHOT": {3, 5, 1}, "3.3.0-20250101.1+abc": {3, 3, 0}, "4.0": {4, 0, 0},
	} {
		v, err := ledger.ParseVersion(text)
		require.NoError(t, err, text)
		require.Equal(t, want, [3]int{v.Major, v.Minor, v.Patch})
	}

	for _, text := range []string{"", "3", "a.b.c", "3.4.5.6", "3.-4.1", "99999.1.1"} {
		_, err := ledger.ParseVersion(text)
		require.Error(t, err, text)
	}
}

func TestDoStopsWithTheContextAndAfterItsAttempts(t *testing.T) {
	t.Parallel()

	calls := 0
	busy := &ledger.Error{Op: "x", Code: ledger.CodeRefused, HTTPStatus: 503}
	policy := ledger.Retry{Attempts: 3, Initial: time.Millisecond, Max: time.Millisecond}

	_, err := ledger.Do(t.Context(), policy, func(context.Context) (int, error) {
		calls++

		return 0, busy
	})
	require.ErrorIs(t, err, error(busy))
	require.Equal(t, 3, calls)

	ctx, cancel := context.WithCancel(t.Context())
	policy = ledger.Retry{Attempts: 100, Initial: time.Hour, Max: time.Hour}
	_, err = ledger.Do(ctx, policy, func(context.Context) (int, error) {
		cancel()

		return 0, busy
	})
	require.ErrorIs(t, err, context.Canceled)
}

func TestBackoffGrowsWithinItsBoundsAndHonoursHints(t *testing.T) {
	t.Parallel()

	b := ledger.Retry{Attempts: 9, Initial: 100 * time.Millisecond, Max: time.Second}.Backoff()
	low, high := 50*time.Millisecond, 150*time.Millisecond

	for range 10 {
		d := b.Next(nil)
		require.GreaterOrEqual(t, d, low)
		require.LessOrEqual(t, d, high)
		low, high = min(2*low, 500*time.Millisecond), min(2*high, 1500*time.Millisecond)
	}

	require.Equal(t, 30*time.Second, b.Next(&ledger.Error{RetryAfter: 30 * time.Second}))
}
