package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const (
	holdServer = "PGTEST_HOLD_SERVER" // this process starts a server and waits to be killed
	eventually = 20 * time.Second
	poll       = 20 * time.Millisecond
)

func TestMain(m *testing.M) {
	if os.Getenv(holdServer) != "" {
		os.Exit(hold())
	}

	os.Exit(Main(m))
}

// hold is the process that TestServerDiesWithItsProcess kills.
func hold() int {
	server, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)

		return 1
	}

	_, _ = fmt.Fprintln(os.Stdout, server.root)

	_, _ = io.Copy(io.Discard, os.Stdin)

	return 0
}

func start(t *testing.T, o Options) *Server {
	t.Helper()

	server, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })

	return server
}

func connect(t *testing.T, server *Server) *pgx.Conn {
	t.Helper()

	conn, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })

	return conn
}

func show(t *testing.T, conn *pgx.Conn, setting string) string {
	t.Helper()

	var value string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value))

	return value
}

func TestStartAndStop(t *testing.T) {
	t.Parallel()

	server := start(t, Options{MaxConnections: 17, Settings: map[string]string{"work_mem": "3MB"}})
	conn := connect(t, server)

	require.Equal(t, "17", show(t, conn, "max_connections"))
	require.Equal(t, "3MB", show(t, conn, "work_mem"))
	require.Equal(t, "off", show(t, conn, "fsync"))
	require.Empty(t, show(t, conn, "listen_addresses"), "no TCP")
	require.Equal(t, "UTC", show(t, conn, "timezone"))
	require.Equal(t, "UTF8", show(t, conn, "server_encoding"))

	root := server.root
	require.DirExists(t, root)
	require.NoError(t, server.Stop(t.Context()))
	require.NoDirExists(t, root)
	require.NoError(t, server.Stop(t.Context()), "twice is fine")
	require.ErrorIs(t, server.Resume(t.Context()), ErrStopped)
	require.ErrorIs(t, server.Crash(t.Context()), ErrStopped)
}

func TestDurableServerKeepsCommitsThroughACrash(t *testing.T) {
	t.Parallel()

	server := start(t, Options{Durable: true})
	conn := connect(t, server)

	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		require.Equal(t, "on", show(t, conn, setting))
	}

	_, err := conn.Exec(t.Context(), "CREATE TABLE kept (n int)")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "INSERT INTO kept VALUES (1)")
	require.NoError(t, err)

	open, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = open.Exec(t.Context(), "INSERT INTO kept VALUES (2)")
	require.NoError(t, err)

	require.Error(t, server.Resume(t.Context()), "it runs")
	require.NoError(t, server.Crash(t.Context()))
	require.Error(t, conn.Ping(t.Context()), "the crash cut the connection")
	require.ErrorIs(t, server.Crash(t.Context()), ErrStopped)
	require.NoError(t, server.Resume(t.Context()))

	var kept []int
	rows, err := connect(t, server).Query(t.Context(), "SELECT n FROM kept")
	require.NoError(t, err)
	kept, err = pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(t, err)
	require.Equal(t, []int{1}, kept)
}

func TestFailedStartTellsWhyAndLeavesNothing(t *testing.T) {
	t.Parallel()

	dir, err := os.MkdirTemp("", "pgtest-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755)) // the server's user must be able to enter

	_, err = Start(t.Context(), Options{Dir: dir, Settings: map[string]string{"shared_buffers": "nonsense"}})
	require.ErrorContains(t, err, "nonsense", "the server's own words")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Start(ctx, Options{Dir: dir})
	require.ErrorIs(t, err, context.Canceled)

	_, err = Start(t.Context(), Options{Dir: filepath.Join(dir, strings.Repeat("x", maxSocketPath))})
	require.Error(t, err)

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTooLongSocketPathIsNamed(t *testing.T) {
	t.Parallel()

	dir := filepath.Join(t.TempDir(), strings.Repeat("x", maxSocketPath))
	require.NoError(t, os.Mkdir(dir, 0o700))

	_, err := Start(t.Context(), Options{Dir: dir})
	require.ErrorContains(t, err, "choose a shorter directory")
}

func TestServerDiesWithItsProcess(t *testing.T) {
	t.Parallel()

	command := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test binary
	command.Env = append(os.Environ(), holdServer+"=1")
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())

	root, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	root = strings.TrimSpace(root)
	require.FileExists(t, filepath.Join(root, "data", "postmaster.pid"))

	require.NoError(t, command.Process.Kill())
	require.Error(t, command.Wait())
	_ = stdin.Close()

	// The watchdog removes the directory only after it has seen the server end.
	require.Eventually(t, func() bool {
		_, err := os.Stat(root)

		return os.IsNotExist(err)
	}, eventually, poll)
}

func TestSearchOrder(t *testing.T) {
	t.Parallel()

	base := t.TempDir()
	installation := func(parts ...string) string {
		dir := filepath.Join(append([]string{base}, parts...)...)
		require.NoError(t, os.MkdirAll(dir, 0o700))

		for _, name := range []string{"initdb", "postgres"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700))
		}

		return dir
	}

	chosen, onPath := installation("chosen"), installation("path")
	installation("lib", "9.6", "bin")
	installation("lib", "9", "bin")
	newest := installation("lib", "16", "bin")
	empty := t.TempDir()
	glob := filepath.Join(base, "lib", "*", "bin")

	for name, test := range map[string]struct {
		search search
		want   string
	}{
		"PGBIN first":            {search{chosen, onPath, glob}, chosen},
		"then PATH":              {search{"", empty + string(filepath.ListSeparator) + onPath, glob}, onPath},
		"then the newest":        {search{"", empty, glob}, newest},
		"relative PATH is unfit": {search{"", ".", glob}, newest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			found, err := test.search.find()
			require.NoError(t, err)
			require.Equal(t, test.want, found)
		})
	}

	_, err := search{"", empty, filepath.Join(empty, "*")}.find()
	require.ErrorIs(t, err, ErrNoPostgres)
	require.ErrorContains(t, err, "apt-get install postgresql")
	require.ErrorContains(t, err, "PGBIN")

	_, err = search{empty, onPath, glob}.find()
	require.ErrorIs(t, err, ErrNoPostgres, "a wrong PGBIN does not fall through")
	require.ErrorContains(t, err, empty)
}

func TestDownloadUnavailable(t *testing.T) {
	t.Parallel()

	nothing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(func() {
		nothing.Close()
		http.DefaultClient.CloseIdleConnections() // the library's client
	})

	_, err := download(t.Context(), t.TempDir(), nothing.URL)
	require.ErrorIs(t, err, ErrNoPostgres, "the error names the other ways")
	require.ErrorContains(t, err, nothing.URL)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = download(ctx, t.TempDir(), nothing.URL)
	require.ErrorIs(t, err, context.Canceled)
}
