package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// tailBytes is how much of a program's log is kept.
const tailBytes = 64 << 10

// ErrEnded means that ingestion ended although nobody killed it. Whatever befalls it, it must go on trying.
var ErrEnded = errors.New("ingestion ended by itself")

// ErrContradicted means that ingestion met a database that it should never have left behind.
var ErrContradicted = errors.New("ingestion contradicts its own database")

// life is one run of the ingestion program, from its start to its kill.
type life struct {
	command *exec.Cmd
	log     *tail
	exited  chan struct{}
	err     error // how it ended; read after exited
	killed  bool  // by us
}

// batches are the settings of CES_INGEST_BATCH that lives take turns with: one by one, and as much as there is.
func batches() []int { return []int{1, 3, 200} }

// start runs ingestion against the node at url.
func (c *Campaign) start(ctx context.Context, url string) (*life, error) {
	l := &life{log: &tail{}, exited: make(chan struct{})}
	l.command = exec.CommandContext(ctx, c.cfg.Program) //nolint:gosec // a program that the test has built
	l.command.Env = []string{
		"CES_DATABASE_URL=" + c.url.Reveal(), "CES_LEDGER_URL=" + url, "CES_TREASURY_PARTY=" + string(c.party),
		"CES_LEDGER_TOKEN_FILE=" + c.tokens, "CES_ADMIN_ADDR=127.0.0.1:0",
		"CES_INGEST_BATCH=" + strconv.Itoa(batches()[c.rng.IntN(len(batches()))]),
	}
	l.command.Stdout, l.command.Stderr = l.log, l.log
	l.command.SysProcAttr = dieWithUs()

	if err := l.command.Start(); err != nil {
		return nil, fmt.Errorf("start ingestion: %w", err)
	}

	c.report.Starts++

	go func() {
		l.err = l.command.Wait()
		close(l.exited)
	}()

	return l, nil
}

// kill ends a life as kill -9 does, and checks that it had not ended before. A second kill does nothing.
func (c *Campaign) kill(l *life) error {
	if l.killed {
		return nil
	}

	l.killed = true

	select {
	case <-l.exited:
		return l.ended()
	default:
	}

	// An error means that it is gone already, which its state tells better.
	_ = l.command.Process.Kill()
	<-l.exited

	c.report.Kills++

	if status, ok := l.command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return l.ended()
	}

	if complaint := l.log.complaint(); complaint != "" {
		return fmt.Errorf("%w: %s", ErrContradicted, complaint)
	}

	return nil
}

func (l *life) ended() error { return fmt.Errorf("%w: %w\n%s", ErrEnded, l.err, l.log) }

// tail keeps the end of a log.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - tailBytes; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}

	return len(p), nil
}

// String is what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()

	return string(t.kept)
}

// complaint is the first line of the log that no fault of a campaign excuses; empty if there is none.
func (t *tail) complaint() string {
	t.mu.Lock()
	defer t.mu.Unlock()

	for line := range bytes.Lines(t.kept) {
		for _, never := range []string{"contradicts the database", "ingested already", "in the database already", "panic", "does not sum"} {
			if bytes.Contains(line, []byte(never)) {
				return string(bytes.TrimSpace(line))
			}
		}
	}

	return ""
}
