package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

//go:embed fill.sql
var fill string

const (
	apiPackage   = "github.com/canton-exchange/suite/cmd/api"
	database     = "postgres"
	patience     = time.Minute
	pollInterval = 50 * time.Millisecond
	unlimited    = 10_000 // requests per second of the key
)

// server is a PostgreSQL with durable commits.
type server struct{ *pgtest.Server }

func startServer(ctx context.Context, o options) (*server, error) {
	started, err := pgtest.Start(ctx, pgtest.Options{Durable: true, Dir: o.dir, Settings: map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min",
	}})
	if err != nil {
		return nil, err
	}

	return &server{started}, nil
}

// fill makes the database and a key that may do everything.
func (s *server) fill(ctx context.Context, o options) (secret.String, error) {
	dsn := secret.New(s.DSN(database))
	if err := store.Migrate(ctx, dsn); err != nil {
		return secret.String{}, err
	}

	connection, err := pgx.Connect(ctx, s.DSN(database))
	if err != nil {
		return secret.String{}, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }()

	for _, text := range []string{fmt.Sprintf(fill, o.deposits, o.withdrawals), "VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := connection.Exec(ctx, text); err != nil {
			return secret.String{}, fmt.Errorf("fill the database: %w", err)
		}
	}

	db, err := store.Open(ctx, dsn)
	if err != nil {
		return secret.String{}, err
	}
	defer db.Close()

	key, text, err := api.NewKey(rand.Reader)
	if err != nil {
		return secret.String{}, err
	}

	key.Name, key.Scopes, key.PerSecond = "bench", []string{"read", "withdrawals"}, unlimited
	_, err = db.CreateAPIKey(ctx, key, "bench", time.Now())

	return text, err
}

// door is cmd/api in a process of its own.
type door struct {
	command *exec.Cmd
	dir     string
	url     string
}

func startDoor(ctx context.Context, s *server) (*door, error) {
	dir, err := os.MkdirTemp("", "ces-apibench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}

	path := filepath.Join(dir, "api")

	//nolint:gosec // the path is in a directory that was just made
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, apiPackage).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("build cmd/api: %w\n%s", err, out)
	}

	addresses := [2]string{}
	for i := range addresses {
		if addresses[i], err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}

	//nolint:gosec // as above; it is stopped by a signal, not killed with the context
	d := &door{dir: dir, url: "http://" + addresses[0], command: exec.CommandContext(context.WithoutCancel(ctx), path)}
	d.command.Env = []string{
		"CES_DATABASE_URL=" + s.DSN(database), "CES_API_ADDR=" + addresses[0], "CES_ADMIN_ADDR=" + addresses[1],
		"CES_LOG_LEVEL=warn", "CES_API_MAX_STREAMS=100000", "CES_API_MAX_STREAMS_PER_KEY=100000",
	}
	d.command.Stderr = os.Stderr

	if err := d.command.Start(); err != nil {
		return nil, fmt.Errorf("start cmd/api: %w", err)
	}

	err = d.await(ctx)

	return d, err
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free address: %w", err)
	}
	defer func() { _ = listener.Close() }()

	return listener.Addr().String(), nil
}

// await waits until the API answers, if only that it wants a key.
func (d *door) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	again := time.NewTicker(pollInterval)
	defer again.Stop()

	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/v1/treasuries", http.NoBody)
		if err != nil {
			return fmt.Errorf("ask cmd/api: %w", err)
		}

		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()

			return nil
		}

		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("cmd/api does not answer: %w", ctx.Err()), d.stop())
		}
	}
}

func (d *door) stop() error {
	_ = d.command.Process.Signal(syscall.SIGTERM)
	_ = d.command.Wait()

	if err := os.RemoveAll(d.dir); err != nil {
		return fmt.Errorf("remove a directory: %w", err)
	}

	return nil
}
