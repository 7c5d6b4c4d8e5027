package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
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

func TestTheDemoReconcilesAndLogsNothing(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	var out, log bytes.Buffer

	command := exec.CommandContext(ctx, os.Args[0], "-for", "1s") //nolint:gosec // this test binary
	command.Env = append(os.Environ(), asProgram+"=1")
	command.Stdout, command.Stderr = &out, &log

	require.NoError(t, command.Run(), "%s", &log)
	require.Contains(t, out.String(), "no difference")
	require.Empty(t, log.String())
}
