package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// sandboxPackage is the program that is measured.
const sandboxPackage = "github.com/canton-exchange/suite/cmd/sandbox"

// poll is how often a starting program is asked whether it is ready. Each question costs it a little.
const poll = time.Millisecond

// node is the real program in a process of its own.
type node struct {
	url     string
	command *exec.Cmd
	log     *bytes.Buffer
	client  *http.Client
}

// build makes the real program.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "sandbox")

	//nolint:gosec // the path is in a directory that run has just made
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, sandboxPackage).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build cmd/sandbox: %w\n%s", err, out)
	}

	return path, nil
}

// freeAddress is an address on loopback that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()

	return listener.Addr().String(), nil
}

// start runs the program until it says that it is ready, and tells how long that took.
func start(ctx context.Context, path string, client *http.Client, flags ...string) (*node, time.Duration, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, 0, err
	}

	n := &node{url: "http://" + address, log: &bytes.Buffer{}, client: client}
	//nolint:gosec // the program that was just built
	n.command = exec.CommandContext(ctx, path, append([]string{"-listen", address}, flags...)...)
	n.command.Stderr = n.log

	begin := time.Now()

	if err := n.command.Start(); err != nil {
		return nil, 0, fmt.Errorf("start cmd/sandbox: %w", err)
	}

	if err := n.ready(ctx); err != nil {
		return nil, 0, errors.Join(err, n.stop())
	}

	return n, time.Since(begin), nil
}

// ready waits until the node is.
func (n *node) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	tick := time.NewTicker(poll)
	defer tick.Stop()

	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/readyz", http.NoBody)
		if err != nil {
			return fmt.Errorf("ask for readiness: %w", err)
		}

		if response, err := n.client.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()

			if response.StatusCode == http.StatusOK {
				return nil
			}
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for cmd/sandbox: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func (n *node) stop() error {
	_ = n.command.Process.Signal(syscall.SIGTERM)

	if err := n.command.Wait(); err != nil {
		return fmt.Errorf("cmd/sandbox ended badly: %w\n%s", err, n.log.String())
	}

	return nil
}

const megabyte = 1_000_000

func megabytes(n int64) int64 { return n / megabyte }
