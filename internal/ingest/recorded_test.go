package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
)

// recordedUpdate is an element of a recording: one contract, seen by the witnesses (a JSON array).
func recordedUpdate(id string, offset int, witnesses string) string {
	return fmt.Sprintf(`{"update":{"Transaction":{"value":{"updateId":%q,"offset":%d,
		"effectiveAt":"2026-01-01T00:00:00Z","recordTime":"2026-01-01T00:00:00Z","synchronizerId":"s::1","events":[
		{"CreatedEvent":{"offset":%[2]d,"nodeId":0,"contractId":"00%[1]s","templateId":"aa:M:T","packageName":"p",
		"createArgument":{},"interfaceViews":[],"witnessParties":%[3]s,"signatories":["bob::1"],"observers":[],
		"createdAt":"2026-01-01T00:00:00Z"}}]}}}}`, id, offset, witnesses)
}

func recording(t *testing.T, content string) string {
	t.Helper()

	file := filepath.Join(t.TempDir(), "recording.json")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))

	return file
}

func TestEmptyRecordingIsRefused(t *testing.T) {
	t.Parallel()

	for _, empty := range []string{"[]", "null"} {
		_, err := ingest.OpenRecorded(recording(t, empty))
		require.ErrorContains(t, err, "the recording holds no update")
	}
}

func TestRecordingKnowsWhoSawIt(t *testing.T) {
	t.Parallel()

	node, err := ingest.OpenRecorded(recording(t, "["+recordedUpdate("ab", 5, `["bob::1","carol::1"]`)+","+
		recordedUpdate("cd", 6, `["bob::1","alice::1"]`)+"]"))
	require.NoError(t, err)
	require.Equal(t, []ident.Party{"bob::1", "alice::1"}, node.Witnesses(2))
	require.Len(t, node.Witnesses(9), 3)
	require.Equal(t, 2, node.Witnessed("bob::1"))
	require.Zero(t, node.Witnessed("dave::1"))
}

func TestRecordingAnswersUnknownOffsetsAsANodeDoes(t *testing.T) {
	t.Parallel()

	node, err := ingest.OpenRecorded(recording(t, "["+recordedUpdate("ab", 5, `["bob::1"]`)+"]"))
	require.NoError(t, err)

	_, err = node.UpdateByOffset(t.Context(), "bob::1", 5)
	require.NoError(t, err)

	_, err = node.UpdateByOffset(t.Context(), "bob::1", 4)
	require.True(t, ledger.IsNotFound(err))

	var answer *ledger.Error
	require.ErrorAs(t, err, &answer)
	require.Equal(t, 404, answer.HTTPStatus)
}

func TestAnotherRecordingIsAnotherHistory(t *testing.T) {
	t.Parallel()

	first, err := ingest.OpenRecorded(recording(t, "["+recordedUpdate("ab", 5, `["bob::1"]`)+"]"))
	require.NoError(t, err)
	second, err := ingest.OpenRecorded(recording(t, "["+recordedUpdate("cd", 4, `["bob::1"]`)+","+
		recordedUpdate("ef", 6, `["bob::1"]`)+"]"))
	require.NoError(t, err)

	db := open(t)
	config := ingest.Config{Party: "bob::1"}
	runTo(t, config, first, db, first.End())
	runTo(t, config, first, db, first.End()) // again: nothing to do

	config.StopAt = second.End()

	var refused *ingest.StartError
	require.ErrorAs(t, service(t, config, second, db).Run(t.Context()), &refused)
	require.Equal(t, ingest.OtherHistory, refused.Refusal)
}
