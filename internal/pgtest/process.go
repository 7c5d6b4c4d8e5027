package pgtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is who runs the server's processes. PostgreSQL refuses to run as root.
type account struct{ credential *syscall.Credential }

// serverAccount is ourselves, or for root the user postgres, else nobody.
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}

	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.Lookup("nobody")
	}

	if err != nil {
		return account{}, fmt.Errorf("find a user to run PostgreSQL as, which refuses root: %w", err)
	}

	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user id of %s: %w", found.Username, err)
	}

	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("group id of %s: %w", found.Username, err)
	}

	return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// own gives the account a file or directory.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}

	if err := os.Chown(path, int(a.credential.Uid), int(a.credential.Gid)); err != nil {
		return fmt.Errorf("give the server's user its directory: %w", err)
	}

	return nil
}

// command prepares a program of PostgreSQL's. It gets a session of its own, so that an interrupt from the terminal
// reaches us and not the database beneath us, and none of our environment, whose PG* variables would change it.
func (a account) command(ctx context.Context, dir string, log *os.File, program string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // program was found by us, args are ours
	command.Dir = dir
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	command.Stdout = log
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: a.credential}

	return command
}

// process is a started program and the goroutine that waits for it.
type process struct {
	command *exec.Cmd
	exited  chan struct{} // closed when the program is gone
	err     error         // how it ended; read after exited
}

func startProcess(command *exec.Cmd) (*process, error) {
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}

	p := &process{command: command, exited: make(chan struct{})}

	go func() {
		p.err = command.Wait()
		close(p.exited)
	}()

	return p, nil
}

// end sends a signal and waits until the program is gone. When ctx ends first, the program is killed.
func (p *process) end(ctx context.Context, signal os.Signal) error {
	if err := p.command.Process.Signal(signal); err != nil {
		select {
		case <-p.exited:
			return nil // it was gone already
		default:
			return fmt.Errorf("send %s to PostgreSQL: %w", signal, err)
		}
	}

	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
	}

	_ = p.command.Process.Kill() // an error means that it is gone, which exited tells
	<-p.exited

	return fmt.Errorf("stop PostgreSQL, killed instead: %w", ctx.Err())
}

// watchdogScript outlives us if we are killed: its standard input ends with us. A directory that is still there then
// was left behind: the server is stopped and the directory removed. It waits for the server at most 10 seconds.
const watchdogScript = `
read -r _
[ -d "$1" ] || exit 0
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
	kill -QUIT "$pid" 2>/dev/null
	tries=0
	while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
fi
rm -rf -- "$1"
`

// watchdog removes a server that its owner could not stop any more. Pdeathsig would not do: it follows an operating
// system thread, which Go ends at will, exists on Linux only, and leaves the directory.
type watchdog struct {
	process  *process
	lifeline io.Closer
}

// startWatchdog watches over dir, which must be a directory made for one server.
func startWatchdog(ctx context.Context, dir string) (*watchdog, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the server's watchdog: %w", err)
	}

	command := exec.CommandContext(context.WithoutCancel(ctx), //nolint:gosec // the script is ours, dir is made by us
		"/bin/sh", "-c", watchdogScript, "sh", dir)
	command.Stdin = read
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}

	p, err := startProcess(command)
	_ = read.Close() // the child has its own copy

	if err != nil {
		_ = write.Close()

		return nil, err
	}

	return &watchdog{process: p, lifeline: write}, nil
}

// stop ends the watchdog, which removes the directory if it is still there.
func (w *watchdog) stop() {
	_ = w.lifeline.Close()
	<-w.process.exited
}
