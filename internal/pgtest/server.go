// Package pgtest runs a PostgreSQL of our own, on a unix socket in a private directory, for tests, the demo and
// benchmarks. Nothing that customers run imports it.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// Superuser is the role that DSN connects as. It needs no password: the socket's directory is closed to others.
	Superuser = "postgres"

	defaultMaxConnections = 200
	startTimeout          = 60 * time.Second // recovery after Crash included
	stopTimeout           = 30 * time.Second
	readinessInterval     = 5 * time.Millisecond
	socketPort            = "5432" // part of the socket's file name; nothing listens on TCP
	maxSocketPath         = 100    // sun_path holds 108 bytes on Linux, 104 elsewhere
	logTail               = 4 << 10
	logMode               = 0o600
)

// ErrStopped means that the server was stopped for good: its directory is gone.
var ErrStopped = errors.New("PostgreSQL server is stopped")

// Options say what kind of server to start. The zero value is a fast one that forgets everything with the machine.
type Options struct {
	// Durable keeps every promise to disk, as a customer's server does: for fault tests and benchmarks. Otherwise
	// nothing is synced and the data is in memory where there is room.
	Durable bool
	// Dir is where the server's private directory is made. Empty: memory for a server that is not durable, else
	// os.TempDir. When run by root, the user postgres must be able to enter it.
	Dir string
	// MaxConnections is the server's max_connections. Zero: 200.
	MaxConnections int
	// Settings override PostgreSQL's settings by name.
	Settings map[string]string
	// AllowDownload lets Start fetch PostgreSQL when none is installed. For the demo; tests must not depend on it.
	AllowDownload bool
}

// Server is a running PostgreSQL. It dies with the process that started it, even if that is killed. Its methods are
// safe for concurrent use.
type Server struct {
	options  Options
	binaries string
	root     string // everything of this server: data, socket, log
	account  account
	watchdog *watchdog

	mu      sync.Mutex
	process *process // nil while crashed or stopped
	stopped bool
}

// Start creates a cluster and waits until it accepts connections. The caller must Stop it.
func Start(ctx context.Context, o Options) (*Server, error) {
	binaries, err := findBinaries(ctx, o.AllowDownload)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}

	s := &Server{options: o, binaries: binaries}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), s.Stop(context.WithoutCancel(ctx)))
	}

	return s, nil
}

// create makes the directory and the cluster in it, and starts the server. On an error the caller stops s.
func (s *Server) create(ctx context.Context) error {
	var err error
	if s.account, err = serverAccount(); err != nil {
		return err
	}

	if s.root, err = os.MkdirTemp(s.options.parent(), "ces-pg-"); err != nil {
		return fmt.Errorf("make the server's directory: %w", err)
	}

	if socket := filepath.Join(s.root, ".s.PGSQL."+socketPort); len(socket) > maxSocketPath {
		return fmt.Errorf("socket path %s has more than %d bytes: choose a shorter directory", socket, maxSocketPath)
	}

	if s.watchdog, err = startWatchdog(ctx, s.root); err != nil {
		return err
	}

	if err := s.account.own(s.root); err != nil {
		return err
	}

	if err := s.initialise(ctx); err != nil {
		return err
	}

	return s.launch(ctx)
}

func (o Options) parent() string {
	if o.Dir != "" {
		return o.Dir
	}

	if memory := memoryDirectory(); memory != "" && !o.Durable {
		return memory
	}

	return os.TempDir()
}

func (s *Server) data() string { return filepath.Join(s.root, "data") }

func (s *Server) initialise(ctx context.Context) error {
	log, err := s.openLog()
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // nothing of ours is buffered

	args := []string{
		"--pgdata=" + s.data(), "--username=" + Superuser, "--auth=trust", "--encoding=UTF8", "--no-locale",
		"--no-instructions",
	}
	if !s.options.Durable {
		args = append(args, "--no-sync")
	}

	if err := s.account.command(ctx, s.root, log, filepath.Join(s.binaries, "initdb"), args...).Run(); err != nil {
		return fmt.Errorf("create a cluster in %s: %w\n%s", s.root, err, s.readLogTail())
	}

	return nil
}

// launch starts the server on the data directory and waits until it is ready.
func (s *Server) launch(ctx context.Context) error {
	log, err := s.openLog()
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the server has its own copy

	// The server outlives the context that it was started with: Stop ends it.
	command := s.account.command(context.WithoutCancel(ctx), s.root, log,
		filepath.Join(s.binaries, "postgres"), s.arguments()...)

	started, err := startProcess(command)
	if err != nil {
		return err
	}

	if err := s.awaitReady(ctx, started); err != nil {
		quit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()

		return errors.Join(fmt.Errorf("%w\n%s", err, s.readLogTail()), started.end(quit, syscall.SIGQUIT))
	}

	s.process = started

	return nil
}

func (s *Server) arguments() []string {
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": s.root,
		"unix_socket_permissions": "0700",
		"port":                    socketPort,
		"max_connections":         strconv.Itoa(s.maxConnections()),
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}

	if !s.options.Durable {
		maps.Copy(settings, map[string]string{
			"fsync":              "off",
			"synchronous_commit": "off",
			"full_page_writes":   "off",
			"wal_level":          "minimal",
			"max_wal_senders":    "0",
			"max_wal_size":       "256MB", // memory is dearer than checkpoints that sync nothing
			"jit":                "off",
		})
	}

	maps.Copy(settings, s.options.Settings)

	args := []string{"-D", s.data()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}

	return args
}

func (s *Server) maxConnections() int {
	if s.options.MaxConnections > 0 {
		return s.options.MaxConnections
	}

	return defaultMaxConnections
}

// awaitReady watches postmaster.pid, in which the server tells its state, until it says ready.
func (s *Server) awaitReady(ctx context.Context, started *process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	ticker := time.NewTicker(readinessInterval)
	defer ticker.Stop()

	for {
		if s.ready(started.command.Process.Pid) {
			return nil
		}

		select {
		case <-ticker.C:
		case <-started.exited:
			return fmt.Errorf("server ended while starting: %w", exitError(started.err))
		case <-ctx.Done():
			return fmt.Errorf("wait until the server is ready: %w", ctx.Err())
		}
	}
}

// ready reads the state from postmaster.pid: pid first, state on line 8 (LOCK_FILE_LINE_PM_STATUS in PostgreSQL's
// src/include/utils/pidfile.h).
func (s *Server) ready(pid int) bool {
	const pidLine, stateLine = 0, 7

	content, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return false // not written yet
	}

	lines := strings.Split(string(content), "\n")

	return len(lines) > stateLine && strings.TrimSpace(lines[stateLine]) == "ready" &&
		strings.TrimSpace(lines[pidLine]) == strconv.Itoa(pid)
}

func exitError(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}

	return err
}

// DSN is the connection string of a database. The database "postgres" is always there.
func (s *Server) DSN(database string) string {
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.User(Superuser),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {s.root}, "port": {socketPort}, "sslmode": {"disable"}}.Encode(),
	}

	return dsn.String()
}

// PID is the server's first process, the parent of all its others; 0 while it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.process == nil {
		return 0
	}

	return s.process.command.Process.Pid
}

// Crash ends the server at once, as a power cut would: nothing is flushed, clients lose their connections. What a
// durable server committed is there after Resume.
func (s *Server) Crash(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.stopped || s.process == nil {
		return fmt.Errorf("crash PostgreSQL: %w", ErrStopped)
	}

	crashed := s.process
	s.process = nil

	return crashed.end(ctx, syscall.SIGQUIT)
}

// Resume starts a crashed server again on the same data and waits until it has recovered.
func (s *Server) Resume(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.stopped {
		return fmt.Errorf("resume PostgreSQL: %w", ErrStopped)
	}

	if s.process != nil {
		return errors.New("resume PostgreSQL: it is running")
	}

	if err := s.launch(ctx); err != nil {
		return fmt.Errorf("resume PostgreSQL: %w", err)
	}

	return nil
}

// Stop ends the server and removes its directory. It may be called more than once.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.stopped {
		return nil
	}

	s.stopped = true

	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()

	var failures []error

	if s.process != nil {
		failures = append(failures, s.process.end(ctx, syscall.SIGINT))
		s.process = nil
	}

	if s.root != "" {
		if err := os.RemoveAll(s.root); err != nil {
			failures = append(failures, fmt.Errorf("remove the server's directory: %w", err))
		}
	}

	if s.watchdog != nil {
		s.watchdog.stop()
	}

	return errors.Join(failures...)
}

func (s *Server) logPath() string { return filepath.Join(s.root, "server.log") }

func (s *Server) openLog() (*os.File, error) {
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, logMode)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}

	return log, nil
}

// readLogTail is the end of the server's log, for the error of a failed start.
func (s *Server) readLogTail() string {
	content, err := os.ReadFile(s.logPath())
	if err != nil {
		return ""
	}

	return string(bytes.TrimSpace(content[max(0, len(content)-logTail):]))
}
