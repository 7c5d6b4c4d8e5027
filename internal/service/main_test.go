package service

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// asService makes this test binary behave as a service, for tests of real signals.
const asService = "SERVICE_TEST_MODE"

type minimalConfig struct {
	Base

	Admin AdminConfig
}

func TestMain(m *testing.M) {
	if mode := os.Getenv(asService); mode != "" {
		var cfg minimalConfig

		Main(Program{Name: "testservice", Summary: "Waits."}, &cfg, func(ctx context.Context, s *Service) error {
			return s.Run(ctx, s.Admin(cfg.Admin), Runner{mode, func(ctx context.Context) error {
				_, _ = fmt.Fprintln(s.Stdout, "started")
				<-ctx.Done()

				if mode == "stubborn" {
					_, _ = fmt.Fprintln(s.Stdout, "stopping")
					select {}
				}

				return nil
			}})
		})
	}

	goleak.VerifyTestMain(m)
}

// startService starts this binary as a service and waits until it runs.
func startService(t *testing.T, mode string, environ ...string) (*exec.Cmd, *bufio.Reader, *bytes.Buffer) {
	t.Helper()

	command := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test binary
	command.Env = append([]string{asService + "=" + mode, "CES_ADMIN_ADDR=127.0.0.1:0"}, environ...)

	var stderr bytes.Buffer

	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())

	lines := bufio.NewReader(stdout)
	expectLine(t, lines, "started")

	return command, lines, &stderr
}

func expectLine(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()

	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, want, strings.TrimSpace(line))
}

func TestSignalStopsGracefully(t *testing.T) {
	t.Parallel()

	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		command, _, stderr := startService(t, "obedient")
		require.NoError(t, command.Process.Signal(s))
		require.NoError(t, command.Wait(), "exit code 0: %s", stderr)
		require.Contains(t, stderr.String(), `"msg":"admin server listens"`)
		require.Contains(t, stderr.String(), s.String())
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()

	command, lines, _ := startService(t, "stubborn")
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	expectLine(t, lines, "stopping")
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.Error(t, command.Wait())
	require.Equal(t, ExitInterrupted, command.ProcessState.ExitCode())
}

func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()

	command, _, stderr := startService(t, "stubborn", "CES_SHUTDOWN_TIMEOUT=50ms")
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.Error(t, command.Wait())
	require.Equal(t, ExitFailure, command.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), "still running: stubborn")
}

// call executes a program in this process.
func call(
	program Program, environ []string, run func(context.Context, *Service) error, args ...string,
) (code int, out, log string) {
	var stdout, stderr bytes.Buffer

	code = surroundings{args: args, environ: environ, stdout: &stdout, stderr: &stderr}.
		execute(context.Background(), program, &minimalConfig{}, run)

	return code, stdout.String(), stderr.String()
}

func TestExitCodes(t *testing.T) {
	t.Parallel()

	service := Program{Name: "ingest", Summary: "Ingests."}
	tool := Program{Name: "treasury", Summary: "Operates.", Interactive: true, Arguments: "COMMAND"}
	broken := errors.New("broken")
	does := func(err error) func(context.Context, *Service) error {
		return func(context.Context, *Service) error { return err }
	}

	const failed = `"msg":"program failed","program":"ingest","version":"development","error":"broken"`

	for name, test := range map[string]struct {
		program Program
		environ []string
		args    []string
		err     error
		code    int
		stderr  string
	}{
		"fine":                 {service, nil, nil, nil, ExitOK, ""},
		"done":                 {service, nil, nil, ErrDone, ExitOK, ""},
		"failure":              {service, nil, nil, broken, ExitFailure, failed},
		"tool's failure":       {tool, nil, nil, broken, ExitFailure, "treasury: broken\n"},
		"configuration":        {service, []string{"CES_LOG_LEVEL=x"}, nil, nil, ExitUsage, "ingest: CES_LOG_LEVEL"},
		"configuration, later": {service, nil, nil, &ConfigError{[]string{"CES_X"}}, ExitUsage, "ingest: CES_X\n"},
		"unknown flag":         {service, nil, []string{"-x"}, nil, ExitUsage, "not defined: -x (-help"},
		"argument":             {service, nil, []string{"x"}, nil, ExitUsage, `ingest: unexpected argument "x"`},
		"tool's argument":      {tool, nil, []string{"x"}, nil, ExitOK, ""},
		"tool's usage":         {tool, nil, nil, UsageError(broken), ExitUsage, "treasury: broken\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			code, stdout, stderr := call(test.program, test.environ, does(test.err), test.args...)
			require.Equal(t, test.code, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, test.stderr)

			if test.stderr == "" {
				require.Empty(t, stderr)
			} else {
				require.Equal(t, 1, strings.Count(stderr, "\n"), "one line")
			}
		})
	}
}

func TestQuietProgramsOnlyWarn(t *testing.T) {
	t.Parallel()

	talks := func(ctx context.Context, s *Service) error {
		s.Logger.InfoContext(ctx, "stopping")
		s.Logger.WarnContext(ctx, "trouble")

		return nil
	}

	for _, quiet := range []bool{true, false} {
		var loud bool

		program := Program{
			Name: "demo", Quiet: func() bool { return !loud },
			Flags: func(f *flag.FlagSet) { f.BoolVar(&loud, "v", false, "show logs") },
		}

		code, _, stderr := call(program, nil, talks, fmt.Sprintf("-v=%t", !quiet))
		require.Equal(t, ExitOK, code)
		require.Contains(t, stderr, "trouble")
		require.Equal(t, !quiet, strings.Contains(stderr, "stopping"))
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()

	program := Program{Name: "demo", Summary: "Shows.", Flags: func(f *flag.FlagSet) { f.Duration("for", 0, "how long") }}
	never := func(context.Context, *Service) error { panic("runs") }
	wrong := []string{"CES_LOG_LEVEL=x"} // help must work where configuration does not

	code, stdout, stderr := call(program, wrong, never, "-help")
	require.Equal(t, ExitOK, code)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "demo: Shows.")
	require.Contains(t, stdout, "-for")
	require.Regexp(t, `CES_ADMIN_ADDR +127\.0\.0\.1:9090 +no +Address`, stdout)

	code, stdout, _ = call(program, wrong, never, "-help-markdown")
	require.Equal(t, ExitOK, code)
	require.True(t, strings.HasPrefix(stdout, "Shows.\n\n| Variable |"))
	require.Contains(t, stdout, "| `CES_ADMIN_ADDR` |")

	code, stdout, _ = call(program, wrong, never, "-version")
	require.Equal(t, ExitOK, code)
	require.Contains(t, stdout, "demo development (commit ")
}

func TestReadyAsksTheRunningProgram(t *testing.T) {
	t.Parallel()

	var health Health

	_, port, err := net.SplitHostPort(strings.TrimPrefix(serveAdmin(t, &health), "http://"))
	require.NoError(t, err)

	never := func(context.Context, *Service) error { panic("runs") }
	ask := func(addr string) (int, string, string) {
		return call(Program{Name: "ingest"}, []string{"CES_ADMIN_ADDR=" + addr}, never, "-ready")
	}

	for _, addr := range []string{"127.0.0.1:" + port, ":" + port, "0.0.0.0:" + port} {
		code, stdout, stderr := ask(addr)
		require.Equal(t, ExitOK, code, stderr)
		require.Equal(t, "ready\n", stdout)
	}

	health.Register("ledger", func(context.Context) error { return errors.New("behind") })

	code, stdout, stderr := ask("127.0.0.1:" + port)
	require.Equal(t, ExitFailure, code)
	require.Contains(t, stdout, "ledger: not ready: behind")
	require.Contains(t, stderr, "503")

	code, _, stderr = ask("127.0.0.1:1")
	require.Equal(t, ExitFailure, code, "nobody listens")
	require.Contains(t, stderr, "127.0.0.1:1")

	_, err = adminAddress(&struct{ Base }{})
	require.ErrorIs(t, err, errNoAdmin)
}

func TestInterruptedPrograms(t *testing.T) {
	t.Parallel()

	for interactive, want := range map[bool]int{false: ExitOK, true: ExitInterrupted} {
		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGINT

		o := surroundings{stdout: io.Discard, stderr: io.Discard, signals: signals}
		code := o.execute(context.Background(), Program{Interactive: interactive}, &minimalConfig{},
			func(ctx context.Context, _ *Service) error {
				<-ctx.Done()

				return fmt.Errorf("wait: %w", ctx.Err())
			})
		require.Equal(t, want, code)
	}
}
