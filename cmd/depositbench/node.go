package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	// sandboxPackage is the rest of the network.
	sandboxPackage = "github.com/canton-exchange/suite/cmd/sandbox"
	startTimeout   = time.Minute
	maxAnswer      = 64 << 20 // bytes
)

// node is the sandbox in a process of its own, so that what it uses is not taken for what deposits use.
type node struct {
	url     string
	command *exec.Cmd
	log     *bytes.Buffer
	client  *http.Client
}

// build makes the sandbox's program.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "sandbox")

	//nolint:gosec // the path is in a directory that run has just made
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, sandboxPackage).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build cmd/sandbox: %w\n%s", err, out)
	}

	return path, nil
}

// startNode runs the program until it says that it is ready.
func startNode(ctx context.Context, path string) (*node, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}

	address := listener.Addr().String()
	_ = listener.Close() // it was only to find the port

	n := &node{url: "http://" + address, log: &bytes.Buffer{}, client: &http.Client{}}
	n.command = exec.CommandContext(ctx, path, "-listen", address) //nolint:gosec // the program that was just built
	n.command.Stderr = n.log

	if err := n.command.Start(); err != nil {
		return nil, fmt.Errorf("start cmd/sandbox: %w", err)
	}

	if err := n.ready(ctx); err != nil {
		return nil, errors.Join(err, n.stop())
	}

	return n, nil
}

func (n *node) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	for n.get(ctx, "/readyz", nil) != nil {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for cmd/sandbox: %w", err)
		}
	}

	return nil
}

func (n *node) stop() error {
	n.client.CloseIdleConnections()

	_ = n.command.Process.Signal(syscall.SIGTERM)

	if err := n.command.Wait(); err != nil {
		return fmt.Errorf("cmd/sandbox ended badly: %w\n%s", err, n.log.String())
	}

	return nil
}

var errStatus = errors.New("not the expected answer")

func (n *node) get(ctx context.Context, path string, into any) error {
	return n.call(ctx, http.MethodGet, path, nil, into)
}

func (n *node) post(ctx context.Context, path string, body, into any) error {
	raw, err := strictjson.Encode(body)
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}

	return n.call(ctx, http.MethodPost, path, raw, into)
}

func (n *node) call(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, n.url+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}

	request.Header.Set("Content-Type", "application/json")

	response, err := n.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()

	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))

	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, path, err)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s %s: %w: %s: %.500s", method, path, errStatus, response.Status, raw)
	case into == nil:
		return nil
	}

	if err := strictjson.Decode(raw, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}

	return nil
}

// party makes a party for which the node signs.
func (n *node) party(ctx context.Context, hint string) (ident.Party, error) {
	var made struct {
		Party ident.Party `json:"party"`
	}

	err := n.post(ctx, "/sandbox/v1/parties", map[string]any{"hint": hint}, &made)

	return made.Party, err
}

// acme is the token that is offered, as its holders see it.
func (n *node) acme(ctx context.Context, holder ident.Party) (ident.Instrument, error) {
	var answer struct {
		Holdings []struct {
			Instrument struct {
				Admin ident.Party `json:"admin"`
				ID    string      `json:"id"`
			} `json:"instrument"`
		} `json:"holdings"`
	}

	if err := n.get(ctx, wallet(holder, "holdings"), &answer); err != nil {
		return ident.Instrument{}, err
	}

	if len(answer.Holdings) == 0 {
		return ident.Instrument{}, fmt.Errorf("holdings of %s: %w: there are none", holder, errStatus)
	}

	is := answer.Holdings[0].Instrument

	return ident.Instrument{Admin: is.Admin, ID: is.ID}, nil
}

// wallet is the path of a resource of the sandbox's own wallet of a party.
func wallet(party ident.Party, resource string) string {
	return "/sandbox/v1/wallets/" + url.PathEscape(string(party)) + "/" + resource
}

// poll is how often what is waited for is looked at.
const poll = 25 * time.Millisecond

// pause waits until it is time to look again.
func pause(ctx context.Context) error {
	timer := time.NewTimer(poll)
	defer timer.Stop()

	select {
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", ctx.Err())
	case <-timer.C:
		return nil
	}
}
