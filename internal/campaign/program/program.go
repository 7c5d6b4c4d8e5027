// Package program runs the built programs of this module as processes of their own, for the campaigns that kill them.
// Nothing that customers run imports it.
package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
)

// ErrEnded means that a program ended although nobody killed it. Whatever befalls it, it must go on trying.
var ErrEnded = errors.New("the program ended by itself")

// ErrComplained means that a program said what it must never have a reason to say.
var ErrComplained = errors.New("the program found what it should never have left behind")

// Life is one run of a program, from its start to its kill. It is for one goroutine.
type Life struct {
	command *exec.Cmd
	log     *tail
	never   []string
	exited  chan struct{}
	err     error // how it ended; read after exited
	killed  bool  // by us
}

// Start runs a program with nothing in its environment but what is given. never are texts that its log must not have.
func Start(
	ctx context.Context, path string, environment, never []string, arguments ...string,
) (*Life, error) {
	l := &Life{log: &tail{}, never: never, exited: make(chan struct{})}
	l.command = exec.CommandContext(ctx, path, arguments...) //nolint:gosec // what a campaign has built
	l.command.Env = environment
	l.command.Stdout, l.command.Stderr = l.log, l.log
	l.command.SysProcAttr = dieWithUs()

	if err := l.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(path), err)
	}

	go func() {
		l.err = l.command.Wait()
		close(l.exited)
	}()

	return l, nil
}

// Kill ends a life as kill -9 does, and checks that it had not ended before. It reports whether it did; a second kill
// does nothing.
func (l *Life) Kill() (bool, error) {
	if l.killed {
		return false, nil
	}

	l.killed = true

	select {
	case <-l.exited:
		return false, l.ended()
	default:
	}

	// An error means that it is gone already, which its state tells better.
	_ = l.command.Process.Kill()
	<-l.exited

	if status, ok := l.command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return true, l.ended()
	}

	if complaint := l.log.complaint(l.never); complaint != "" {
		return true, fmt.Errorf("%w: %s: %s", ErrComplained, filepath.Base(l.command.Path), complaint)
	}

	return true, nil
}

// Stall stops a life without ending it, as a machine does that swaps; Resume lets it go on as if nothing had been.
func (l *Life) Stall() error { return l.signal(syscall.SIGSTOP) }

// Resume ends a stall.
func (l *Life) Resume() error { return l.signal(syscall.SIGCONT) }

func (l *Life) signal(s syscall.Signal) error {
	if err := l.command.Process.Signal(s); err != nil {
		return fmt.Errorf("%s: %w", s, errors.Join(err, l.ended()))
	}

	return nil
}

// PID is the process.
func (l *Life) PID() int { return l.command.Process.Pid }

// Exited is closed when it has ended.
func (l *Life) Exited() <-chan struct{} { return l.exited }

// Log is the end of what it wrote.
func (l *Life) Log() string { return l.log.String() }

func (l *Life) ended() error {
	return fmt.Errorf("%w: %s: %w\n%s", ErrEnded, filepath.Base(l.command.Path), l.err, l.log)
}

// Build makes the programs of this module that are named, in a directory. An overlay, if it is not empty, is a file that
// says which source files are replaced by which, as `go help build` explains it.
func Build(ctx context.Context, directory, overlay string, names ...string) error {
	arguments := []string{"build", "-o", directory + string(filepath.Separator)}
	if overlay != "" {
		arguments = append(arguments, "-overlay", overlay)
	}

	for _, name := range names {
		arguments = append(arguments, "github.com/canton-exchange/suite/cmd/"+name)
	}

	command := exec.CommandContext(ctx, "go", arguments...) //nolint:gosec // our own programs, named by a test
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %v: %w\n%s", names, err, out)
	}

	return nil
}

// BuildOther makes a program of a module that this one depends on.
func BuildOther(ctx context.Context, directory, name string) error {
	arguments := []string{"build", "-o", directory + string(filepath.Separator), name}

	command := exec.CommandContext(ctx, "go", arguments...) //nolint:gosec // named by a test
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, out)
	}

	return nil
}
