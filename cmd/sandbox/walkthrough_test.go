package main

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// TestThePageWorksAsItIsWritten runs every shell block of docs/sandbox.md, as a stranger would.
func TestThePageWorksAsItIsWritten(t *testing.T) {
	t.Parallel()

	for _, tool := range []string{"bash", "curl", "jq", "openssl", "base64"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}

	page, err := os.ReadFile("../../docs/sandbox.md")
	require.NoError(t, err)

	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1)
	require.NotEmpty(t, blocks)

	s, err := sandbox.New(sandbox.Config{Seed: 1})
	require.NoError(t, err)

	_, err = prepare(t.Context(), s, options{treasury: "treasury"})
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	defer server.Close()
	defer s.Close()

	for _, block := range blocks {
		command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", string(block[1]))
		command.Env = append(os.Environ(), "SANDBOX="+server.URL)

		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s\n%s", block[1], output)
	}
}
