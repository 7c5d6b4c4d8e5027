package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/memo/memotest"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

// asProgram makes this test binary behave as the program, for tests of its exit codes.
const asProgram = "PROGRAM_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}

	os.Exit(pgtest.Main(m))
}

func emptyDatabase(t *testing.T) string {
	t.Helper()

	return pgtest.New(t, nil).Config().ConnString()
}

// call runs the program to its end.
func call(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var out, log bytes.Buffer

	command := exec.CommandContext(ctx, os.Args[0], args...) //nolint:gosec // this test binary
	command.Env = append([]string{asProgram + "=1"}, environ...)
	command.Stdout, command.Stderr = &out, &log

	if err := command.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}

	require.NoError(t, ctx.Err(), "it does not end: %s", &log)

	return command.ProcessState.ExitCode(), out.String(), log.String()
}

func TestWrongSettingsAreUsageErrors(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		set, want string
	}{
		"no node":      {"CES_LEDGER_URL=", "CES_LEDGER_URL is not set"},
		"no URL":       {"CES_LEDGER_URL=validator:7575", "CES_LEDGER_URL: want http"},
		"version":      {"CES_LEDGER_URL=http://h/v2", "CES_LEDGER_URL: give what comes before /v2"},
		"CA":           {"CES_LEDGER_CA_FILE=/no/such", "CES_LEDGER_CA_FILE: "},
		"no batch":     {"CES_INGEST_BATCH=0", `CES_INGEST_BATCH="0"`},
		"below":        {"CES_INGEST_BATCH=-1", `CES_INGEST_BATCH="-1"`},
		"above":        {"CES_INGEST_BATCH=1001", `CES_INGEST_BATCH="1001"`},
		"start":        {"CES_INGEST_START=now", `CES_INGEST_START="now"`},
		"party":        {"CES_TREASURY_PARTY=alice", "CES_TREASURY_PARTY: "},
		"typing error": {"CES_INGEST_BACTH=5", "did you mean CES_INGEST_BATCH?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			environ := []string{
				"CES_DATABASE_URL=postgres://nobody@127.0.0.1:1/none", "CES_TREASURY_PARTY=a::1",
				"CES_LEDGER_URL=http://127.0.0.1:1", "CES_ADMIN_ADDR=127.0.0.1:0", test.set,
			}

			code, stdout, stderr := call(t, environ)
			require.Equal(t, service.ExitUsage, code, stderr)
			require.Empty(t, stdout)
			require.Regexp(t, "^ingest: CES_", stderr)
			require.Contains(t, stderr, test.want)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		})
	}
}

const oneContract = `[{"update":{"Transaction":{"value":{"updateId":"1220aa","offset":5,
	"effectiveAt":"2026-01-01T00:00:00Z","recordTime":"2026-01-01T00:00:00Z","synchronizerId":"s::1","events":[
	{"CreatedEvent":{"offset":5,"nodeId":0,"contractId":"00aa","templateId":"aa:M:T","packageName":"p",
	"createArgument":{},"interfaceViews":[],"witnessParties":["bob::1"],"signatories":["bob::1"],"observers":[],
	"createdAt":"2026-01-01T00:00:00Z"}}]}}}}]`

func replayOf(t *testing.T, content, party string) (code int, stdout, stderr string) {
	t.Helper()

	file := filepath.Join(t.TempDir(), "recording.json")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))

	return call(t, []string{
		"CES_DATABASE_URL=" + emptyDatabase(t), "CES_TREASURY_PARTY=" + party, "CES_ADMIN_ADDR=127.0.0.1:0",
		"CES_SOMEBODY_ELSES_SETTING=1",
	}, "-replay", file)
}

func TestReplayEndsWithASummary(t *testing.T) {
	t.Parallel()

	code, stdout, stderr := replayOf(t, oneContract, "bob::1")
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "at offset 5: 1 updates are in the database for bob::1\n")
	require.Contains(t, stdout, "unrecognized events: 0\n")
	require.NotContains(t, stdout, "NOTHING")
}

func TestReplayOfSomebodyElsesRecordingSaysSo(t *testing.T) {
	t.Parallel()

	code, stdout, stderr := replayOf(t, oneContract, "alice::1")
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "NOTHING in this recording concerns the party that CES_TREASURY_PARTY names")
	require.Contains(t, stdout, "1      events  bob::1\n")
}

func TestReplayOfAnEmptyRecordingFails(t *testing.T) {
	t.Parallel()

	code, _, stderr := replayOf(t, "[]", "bob::1")
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, stderr, "the recording holds no update")
}

func TestSummaryListsHoldingsAndDeposits(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "recording.json")
	require.NoError(t, os.WriteFile(file, []byte(oneContract), 0o600))

	recorded, err := ingest.OpenRecorded(file)
	require.NoError(t, err)

	total, err := amount.ParseTotal("12.5")
	require.NoError(t, err)

	token := ident.Instrument{Admin: "admin::1", ID: "Token"}
	text := describe("alice::1", store.Status{
		Holdings: []store.HoldingTotal{{Instrument: token, Holdings: 3, Total: total}},
		Deposits: []store.DepositTotal{
			{State: "offered", Instrument: token, Count: 1, Total: total},
			{State: "held", Reason: "unknown_memo", Instrument: token, Count: 2, Total: total},
		},
		Unrecognized: 4,
	}, recorded)

	require.Contains(t, text, "holds      12.5 \"Token@admin::1\" in 3 holdings\n")
	require.Contains(t, text, "deposits   1 offered: 12.5 \"Token@admin::1\"\n")
	require.Contains(t, text, "deposits   2 held unknown_memo: 12.5")
	require.Contains(t, text, "unrecognized events: 4\n")
	require.NotContains(t, text, "NOTHING")

	// A token's id is a stranger's.
	token.ID = "\u202enekoT\" in 7\u200b"
	text = describe("alice::1", store.Status{
		Holdings: []store.HoldingTotal{{Instrument: token, Holdings: 3, Total: total}},
		Deposits: []store.DepositTotal{{State: "offered", Instrument: token, Count: 1, Total: total}},
	}, recorded)

	for line := range strings.Lines(text) {
		require.False(t, memotest.Hides(strings.TrimSuffix(line, "\n")), "%+q", line)
	}

	require.Contains(t, text, `holds      12.5 "\u202enekoT\" in 7\u200b@admin::1" in 3 holdings`)
}
