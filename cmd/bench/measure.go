package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"
)

// maxBody bounds what is read of a request and of an answer, in bytes.
const maxBody = 1 << 20

// percent makes a percentage of a share.
const percent = 100

// ingestPackage is the program that is measured.
const ingestPackage = "github.com/canton-exchange/suite/cmd/ingest"

// ingester is the real program in a process of its own.
type ingester struct {
	command *exec.Cmd
	admin   string
	log     *bytes.Buffer
}

// build makes the real program.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "ingest")

	//nolint:gosec // the path is in a directory that run has just made
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, ingestPackage).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build cmd/ingest: %w\n%s", err, out)
	}

	return path, nil
}

func startIngester(ctx context.Context, path, admin string, environment map[string]string) (*ingester, error) {
	i := &ingester{command: exec.CommandContext(ctx, path), admin: admin, log: &bytes.Buffer{}}
	i.command.Stderr = i.log
	i.command.Env = []string{"PATH=" + os.Getenv("PATH"), "CES_ADMIN_ADDR=" + admin, "CES_LOG_LEVEL=error"}

	for name, value := range environment {
		i.command.Env = append(i.command.Env, name+"="+value)
	}

	if err := i.command.Start(); err != nil {
		return nil, fmt.Errorf("start cmd/ingest: %w", err)
	}

	return i, nil
}

func (i *ingester) stop() error {
	_ = i.command.Process.Signal(syscall.SIGTERM)

	if err := i.command.Wait(); err != nil {
		return fmt.Errorf("cmd/ingest ended badly: %w\n%s", err, i.log.String())
	}

	return nil
}

const mebibyte = 1 << 20

// writeAhead is what PostgreSQL has written to its log: bytes, and pages it wrote whole because they changed for the
// first time since a checkpoint.
type writeAhead struct{ bytes, pages int64 }

func written(ctx context.Context, pool *pgxpool.Pool) (writeAhead, error) {
	var w writeAhead

	row := pool.QueryRow(ctx, "SELECT wal_bytes::bigint, wal_fpi FROM pg_stat_wal")
	if err := row.Scan(&w.bytes, &w.pages); err != nil {
		return writeAhead{}, fmt.Errorf("read the log's statistics: %w", err)
	}

	return w, nil
}

func mebibytes(n int64) int64 { return n / mebibyte }

// commitLatency reads the histogram that the program itself keeps of the time from receipt to commit.
func (i *ingester) commitLatency(ctx context.Context) (buckets []bucket, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.admin+"/metrics", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()

	lines := bufio.NewScanner(io.LimitReader(response.Body, maxBody))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), `ces_ingest_commit_seconds_bucket{le="`)
		if !ok {
			continue
		}

		bound, count, _ := strings.Cut(rest, `"} `)
		n, _ := strconv.ParseFloat(count, 64)
		buckets = append(buckets, bucket{bound: bound, count: int64(n)})
	}

	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}

	return buckets, nil
}

type bucket struct {
	bound string
	count int64
}

// The shares of the observations that latency is told for.
const (
	p50  = .5
	p99  = .99
	p999 = .999
)

// below is the bound under which this share of the observations lies.
func below(buckets []bucket, share float64) string {
	if len(buckets) == 0 {
		return "unknown"
	}

	total := buckets[len(buckets)-1].count
	for _, b := range buckets {
		if float64(b.count) >= share*float64(total) {
			return b.bound + " s"
		}
	}

	return "unknown"
}
