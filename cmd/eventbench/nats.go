package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/canton-exchange/suite/internal/broker/jetstream"
	"github.com/canton-exchange/suite/internal/machine"
	"github.com/canton-exchange/suite/internal/secret"
)

const (
	// serverMode is how this program runs itself as a NATS server.
	serverMode = "nats-server"
	token      = "eventbench"
	keep       = 30 * 24 * time.Hour
	disk       = 64 << 30
)

// nats is a NATS server: in a process of its own, or in this one.
type nats struct {
	settings jetstream.Settings
	dir      string
	command  *exec.Cmd
	embedded *jetstream.Embedded
}

func settings(dir string) jetstream.Settings {
	return jetstream.Settings{
		Embedded: dir, EmbeddedAddr: "127.0.0.1:0", EmbeddedDisk: disk, Token: secret.New(token), Stream: "CES", Create: true,
		Replicas: 1, MaxAge: keep,
	}
}

func startNATS(ctx context.Context, o options) (*nats, error) {
	dir, err := os.MkdirTemp(o.dir, "ces-eventbench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}

	n := &nats{dir: dir, settings: settings(dir)}

	if o.inProcess {
		n.embedded, n.settings, err = jetstream.StartEmbedded(ctx, n.settings, slog.New(slog.DiscardHandler))
	} else {
		err = n.launch(ctx)
	}

	if err != nil {
		return nil, errors.Join(err, n.stop())
	}

	return n, nil
}

// launch runs this program as the server, which says where it is.
func (n *nats) launch(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}

	//nolint:gosec // this very program; it is stopped by a signal, not killed with the context
	n.command = exec.CommandContext(context.WithoutCancel(ctx), self, "-mode", serverMode, "-dir", n.dir)
	n.command.Stderr = os.Stderr

	out, err := n.command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the NATS server: %w", err)
	}

	if err := n.command.Start(); err != nil {
		return fmt.Errorf("start the NATS server: %w", err)
	}

	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the NATS server says no address: %w", err)
	}

	n.settings.URL = strings.TrimSpace(url)

	return nil
}

// serve is the server in a process of its own.
func serve(ctx context.Context, o options, out io.Writer) error {
	embedded, reached, err := jetstream.StartEmbedded(ctx, settings(o.dir), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}

	_, _ = fmt.Fprintln(out, reached.URL)

	<-ctx.Done()
	embedded.Stop()

	return nil
}

func (n *nats) where() string {
	if n.command == nil {
		return "the publisher's process"
	}

	return "a process of its own"
}

// used is processor time and memory of the server; nothing where it is in this process.
func (n *nats) used() (machine.Usage, error) {
	if n.command == nil {
		return machine.Usage{}, nil
	}

	return machine.UsageOf(n.command.Process.Pid)
}

func (n *nats) stop() error {
	if n.embedded != nil {
		n.embedded.Stop()
	}

	if n.command != nil && n.command.Process != nil {
		_ = n.command.Process.Signal(syscall.SIGTERM)
		_ = n.command.Wait()
	}

	if err := os.RemoveAll(n.dir); err != nil {
		return fmt.Errorf("remove a directory: %w", err)
	}

	return nil
}
