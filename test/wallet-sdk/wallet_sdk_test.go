package walletsdk_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/secret"
)

// limit bounds the installation, and each run of the script, which takes a few seconds.
const limit = 3 * time.Minute

const (
	jwtSecret   = "a secret of at least 32 bytes, for HS256"
	jwtAudience = "https://validator.example"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWalletSDKWorksAgainstTheSandbox(t *testing.T) {
	t.Parallel()

	dir := install(t)
	// The SDK's tokens live for an hour.
	checked := admin.AuthConfig{HS256: secret.New(jwtSecret), Audience: jwtAudience, MaxLifetime: 2 * time.Hour}

	for name, c := range map[string]struct {
		config sandbox.Config
		second bool
		tokens bool
	}{
		"3.4":                        {config: sandbox.Config{Version: sandbox.V34}},
		"3.5":                        {config: sandbox.Config{Version: sandbox.V35}},
		"3.5 with token standard V2": {config: sandbox.Config{Version: sandbox.V35, EventsV2: true}},
		"3.5 with checked tokens":    {config: sandbox.Config{Version: sandbox.V35, Auth: checked}, tokens: true},
		"3.4 with two nodes and checked tokens": {
			config: sandbox.Config{Version: sandbox.V34, TwoValidators: true, Auth: checked}, second: true, tokens: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			c.config.Inspect = published.Inspect(t, string(c.config.Version))

			network, err := sandbox.New(c.config)
			require.NoError(t, err)

			environment := []string{"SANDBOX_ACME_ADMIN=" + string(network.AcmeToken().Admin)}

			nodes := serve(t, network)
			environment = append(environment, "SANDBOX_URL="+nodes[0])

			if c.second {
				environment = append(environment, "SANDBOX_SECOND_URL="+nodes[1])
			}

			if c.tokens {
				environment = append(environment, "SANDBOX_JWT_SECRET="+jwtSecret, "SANDBOX_JWT_AUDIENCE="+jwtAudience)
			}

			run(t, dir, environment)
		})
	}
}

// serve serves every node, and returns their addresses.
func serve(t *testing.T, network *sandbox.Sandbox) []string {
	t.Helper()

	var urls []string

	for _, node := range network.Validators() {
		server := httptest.NewServer(node.Handler())
		urls = append(urls, server.URL)

		t.Cleanup(func() {
			network.Close()
			server.CloseClientConnections()
			server.Close()
		})
	}

	return urls
}

// install puts the script and what it depends on, exactly as locked, into a folder of the test's own.
func install(t *testing.T) string {
	t.Helper()

	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: Node.js 20.15 or later is needed", program)
		}
	}

	dir := t.TempDir()

	for _, pattern := range []string{"*.mjs", "suites/*.mjs", "package*.json", ".npmrc"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)

		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o750))
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), raw, 0o600))
		}
	}

	output, err := command(t, dir, nil, "npm", "ci", "--ignore-scripts", "--prefer-offline")
	require.NoError(t, err, "%s", output)

	return dir
}

func run(t *testing.T, dir string, environment []string) {
	t.Helper()

	output, err := command(t, dir, environment, "node", "--experimental-websocket", "run.mjs")
	require.NoError(t, err, "%s", output)
	require.Regexp(t, `(?m)^[1-9]\d* passed, 0 failed$`, string(output))
}

func command(t *testing.T, dir string, environment []string, name string, args ...string) ([]byte, error) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()

	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), environment...)
	cmd.WaitDelay = time.Second

	output, err := cmd.CombinedOutput()

	// Parts of the SDK log to the standard output, whatever they are told.
	return regexp.MustCompile(`(?m)^\{"level":.*\n`).ReplaceAll(output, nil), err
}
