package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheWalkthroughWorksAsItIsWritten runs every shell block of docs/walkthrough.md against the demo, as a stranger would.
func TestTheWalkthroughWorksAsItIsWritten(t *testing.T) {
	t.Parallel()

	page, err := os.ReadFile("../../docs/walkthrough.md")
	require.NoError(t, err)

	var script strings.Builder

	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1)
	require.NotEmpty(t, blocks)

	for _, block := range blocks {
		script.Write(block[1])
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	demo, _, log := program(ctx)
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) }
	demo.WaitDelay = time.Minute
	told := &environment{found: make(chan []string, 1)}
	demo.Stdout = told
	require.NoError(t, demo.Start())

	var environ []string

	select {
	case environ = <-told.found:
	case <-ctx.Done():
		require.Fail(t, "the demo told nothing", "%s", log)
	}

	walk := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script.String())
	walk.Env = append(os.Environ(), environ...)
	output, err := walk.CombinedOutput()
	cancel()
	require.ErrorIs(t, demo.Wait(), context.Canceled, "%s", log)
	require.NoError(t, err, "%s", output)
	require.Empty(t, log.String())
	require.NotContains(t, told.String(), "DIFFERENCE")
}

// environment reads the variables that the demo tells a stranger to set.
type environment struct {
	mu    sync.Mutex
	text  bytes.Buffer
	found chan []string
	once  sync.Once
}

func (e *environment) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	n, err := e.text.Write(p)

	lines := regexp.MustCompile(`(?m)^export (CES_\w+=\S+)$`).FindAllStringSubmatch(e.text.String(), -1)
	if len(lines) == 3 {
		e.once.Do(func() { e.found <- []string{lines[0][1], lines[1][1], lines[2][1]} })
	}

	return n, err
}

func (e *environment) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.text.String()
}
