package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

// asProgram makes this test binary behave as the program.
const asProgram = "PROGRAM_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}

	os.Exit(pgtest.Main(m))
}

// said is what the program logs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.text.Write(line)
}

// address finds where a server of the program listens.
func (s *said) address(message string) string {
	s.mu.Lock()
	defer s.mu.Unlock()

	for line := range strings.Lines(s.text.String()) {
		var logged struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &logged) == nil && logged.Msg == message {
			return logged.Address
		}
	}

	return ""
}

// TestTheProgram serves the API and, to its operators, the reference; it starts while the database is not there yet, says so,
// and ends when it is told to.
func TestTheProgram(t *testing.T) {
	t.Parallel()

	dsn := pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) }).Config().ConnString()

	for name, c := range map[string]struct {
		dsn           string
		ready, status int
	}{
		"the database is there": {dsn, http.StatusOK, http.StatusUnauthorized},
		"the database is away":  {"postgres://nobody@127.0.0.1:1/none", http.StatusServiceUnavailable, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()

			log := &said{}
			command := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // this test binary
			command.Env = []string{asProgram + "=1", "CES_DATABASE_URL=" + c.dsn, "CES_ADMIN_ADDR=127.0.0.1:0", "CES_API_ADDR=127.0.0.1:0"}
			command.Stderr = log
			require.NoError(t, command.Start())

			require.Eventually(t, func() bool {
				return log.address("admin server listens") != "" && log.address("the API listens") != ""
			}, 30*time.Second, 10*time.Millisecond)

			admin, api := "http://"+log.address("admin server listens"), "http://"+log.address("the API listens")
			ask := func(address string) (int, string) {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
				require.NoError(t, err)
				request.Header.Set("Authorization", "Bearer ces_aaaaaaaaaaaa_"+strings.Repeat("A", 43))

				response, err := http.DefaultClient.Do(request)
				require.NoError(t, err)

				defer response.Body.Close()

				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)

				return response.StatusCode, string(body)
			}

			for address, want := range map[string]int{
				admin + "/livez": http.StatusOK, admin + "/readyz": c.ready, admin + "/openapi.yaml": http.StatusOK, api + "/v1/keys": c.status,
				api + "/reference": http.StatusNotFound,
			} {
				status, body := ask(address)
				require.Equal(t, want, status, "%s: %s", address, body)
			}

			_, page := ask(admin + "/reference")
			require.Contains(t, page, `<article id="requestWithdrawal">`)

			_, metrics := ask(admin + "/metrics")
			require.Contains(t, metrics, `ces_api_requests_total{operation="listKeys",status="`)

			require.NoError(t, command.Process.Signal(os.Interrupt))
			require.NoError(t, command.Wait(), "%s", &log.text)
			require.Equal(t, service.ExitOK, command.ProcessState.ExitCode())
		})
	}
}
