package main

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/secret"
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

	blocks := regexp.MustCompile("(?s)```sh ?(\\w*)\n(.*?)```").FindAllSubmatch(page, -1)
	secretFile := filepath.Join(t.TempDir(), "secret.txt")
	require.NoError(t, os.WriteFile(secretFile, []byte("unsafe but long enough\n"), 0o600))

	ran := map[string]int{}
	servers := map[string]string{
		"": walkthrough(t, sandbox.Config{Seed: 1}),
		"jwt": walkthrough(t, sandbox.Config{
			Seed: 1, Auth: admin.AuthConfig{HS256: secret.New("unsafe but long enough")},
		}),
	}

	for _, block := range blocks {
		marker := string(block[1])
		require.Contains(t, servers, marker, "what comes after sh says which sandbox the block is for")

		ran[marker]++

		command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", string(block[2]))
		command.Env = append(os.Environ(), "SANDBOX="+servers[marker], "SECRET="+secretFile)

		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s\n%s", block[2], output)
	}

	require.Equal(t, map[string]int{"": 3, "jwt": 1}, ran)
}

// walkthrough starts a sandbox as a stranger has it, and returns where it is.
func walkthrough(t *testing.T, cfg sandbox.Config) string {
	t.Helper()

	cfg.Inspect = published.Inspect(t, "")

	s, err := sandbox.New(cfg)
	require.NoError(t, err)

	_, err = prepare(t.Context(), s, options{treasury: "treasury"})
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.Close(); server.Close() })

	return server.URL
}
