package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/reconcile"
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

const party = "CES_TREASURY_PARTY=treasury::1220"

func TestCommandsWorkOnAFreshDatabase(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{
		{"migrate"}, {"list-token", "admin::1", "Token", "1.5"}, {"add-memo", "alice", "ACC-1"},
	} {
		code, stdout, stderr := call(t, []string{"CES_DATABASE_URL=" + emptyDatabase(t), party}, args...)
		require.Equal(t, service.ExitOK, code, stderr)
		require.NotEmpty(t, stdout)
		require.Empty(t, stderr)
	}

	for _, args := range [][]string{{"status"}, {"rebuild", "check"}, {"prune-raw", "1h"}} {
		code, _, stderr := call(t, []string{"CES_DATABASE_URL=" + emptyDatabase(t), party}, args...)
		require.Equal(t, service.ExitFailure, code)
		require.Contains(t, stderr, "treasury treasury::1220", "nobody registered it, but the tables are there")
	}
}

func TestWrongUseIsFoundBeforeTheDatabase(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		environ []string
		args    []string
		want    string
	}{
		"no command":      {nil, nil, "want one of the commands"},
		"unknown":         {nil, []string{"pay"}, `no command "pay"`},
		"arguments":       {nil, []string{"add-memo", "alice"}, "usage: treasury add-memo ACCOUNT MEMO"},
		"no party":        {nil, []string{"status"}, "CES_TREASURY_PARTY is not set"},
		"malformed party": {[]string{"CES_TREASURY_PARTY=alice"}, []string{"status"}, "CES_TREASURY_PARTY: "},
		"no node":         {[]string{party}, []string{"reconcile"}, "CES_LEDGER_URL is not set"},
		"no node to move": {[]string{party}, []string{"move-node"}, "CES_LEDGER_URL is not set"},
		"malformed URL":   {[]string{party, "CES_LEDGER_URL=node"}, []string{"reconcile"}, "CES_LEDGER_URL: "},
		"malformed CA": {
			[]string{party, "CES_LEDGER_URL=http://h", "CES_LEDGER_CA_FILE=/no/such"}, []string{"reconcile"},
			"CES_LEDGER_CA_FILE: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			environ := append([]string{"CES_DATABASE_URL=postgres://nobody@127.0.0.1:1/none"}, test.environ...)

			code, stdout, stderr := call(t, environ, test.args...)
			require.Equal(t, service.ExitUsage, code, stderr)
			require.Empty(t, stdout)
			require.Contains(t, stderr, test.want)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		})
	}
}

// longToken has an admin as long as those of real networks.
func longToken() ident.Instrument {
	return ident.Instrument{Admin: ident.Party("admin::1220" + strings.Repeat("ab", 32)), ID: "Token"}
}

func toolFor(out *bytes.Buffer) *tool {
	return &tool{Service: &service.Service{Stdout: out}, party: "treasury::1220"}
}

func TestStatusLeavesOutWhatIsEmpty(t *testing.T) {
	t.Parallel()

	total, err := amount.ParseTotal("200")
	require.NoError(t, err)

	var out bytes.Buffer

	toolFor(&out).printStatus(store.Status{
		Deposits: []store.DepositTotal{
			{State: "offered", Instrument: longToken(), Count: 1, Total: total},
			{State: "held", Reason: "unknown_memo", Instrument: longToken(), Count: 2, Total: total},
		},
		Unrecognized: 3,
	}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

	require.Contains(t, out.String(), "deposits   1 offered: 200 \""+longToken().String()+"\"\n")
	require.Contains(t, out.String(), "deposits   2 held unknown_memo: 200 ")
	require.Contains(t, out.String(), `3 events that nothing explains: see "Unrecognized events" in docs/runbooks.md`)
}

func TestReconciliationNamesTokensWhole(t *testing.T) {
	t.Parallel()

	var out bytes.Buffer

	toolFor(&out).printReport(reconcile.Report{Totals: []reconcile.Total{{Instrument: longToken()}}})
	require.Contains(t, out.String(), longToken().String())
}
