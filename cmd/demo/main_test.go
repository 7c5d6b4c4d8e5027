package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram makes this test binary behave as the program.
const asProgram = "PROGRAM_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}

	os.Exit(m.Run())
}

// program is the demo with short times.
func program(ctx context.Context, args ...string) (command *exec.Cmd, out, log *bytes.Buffer) {
	out, log = &bytes.Buffer{}, &bytes.Buffer{}
	command = exec.CommandContext(ctx, os.Args[0], append([]string{"-interval", "10ms"}, args...)...) //nolint:gosec // this test binary
	command.Env = append(os.Environ(), asProgram+"=1")
	command.Stdout, command.Stderr = out, log

	return command, out, log
}

func TestTheDemoEndsByItself(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	command, out, log := program(ctx, "-for", "1s")
	require.NoError(t, command.Run(), "%s", log)
	require.Contains(t, out.String(), "no difference")
	require.Empty(t, log.String())
}

// It shows payments, refusals and offers; an interrupt has the same ending: what was begun is finished and compared.
func TestTheDemoPaysUntilItIsInterrupted(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	command, out, log := program(ctx)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = time.Minute
	command.Stdout = &waiting{out: out, met: cancel, want: []string{
		" completed", "failed: rejected", "refused: insufficient funds", "refused: below minimum",
	}}

	require.ErrorIs(t, command.Run(), context.Canceled, "%s", log)
	require.Empty(t, log.String())
	require.Equal(t, 0, command.ProcessState.ExitCode())

	for _, want := range []string{
		"what became of the withdrawals:", "what became of deposits that named nobody:", "given to alice by olga", "paid ", "The receiver rejected the offer. The money is back on the account.",
		"no difference",
	} {
		require.Contains(t, out.String(), want)
	}
}

// waiting does something once it has met all of some texts.
type waiting struct {
	out  *bytes.Buffer
	want []string
	met  func()
}

func (w *waiting) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)

	missing := func(text string) bool { return !bytes.Contains(w.out.Bytes(), []byte(text)) }
	if !slices.ContainsFunc(w.want, missing) {
		w.met()
	}

	return n, err
}
