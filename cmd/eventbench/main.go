// Command eventbench measures on this machine how fast events are told. Its mode drain fills the log of events and
// publishes all of it to NATS JetStream, as the program events does from a backlog; its mode push measures how long it
// takes until subscribers are told by webhook. PostgreSQL's commits are durable. It prints the machine, the settings
// and the figures; docs/performance.md keeps the last run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/canton-exchange/suite/internal/machine"
)

type options struct {
	mode, dir, profile  string
	events, page        int
	inProcess           bool
	rate, subscriptions int
	length              time.Duration
}

// say prints a line of the result.
type say func(format string, arguments ...any)

// modes are what can be measured.
func modes() map[string]func(context.Context, options, say) error {
	return map[string]func(context.Context, options, say) error{"drain": drain, "push": push}
}

// What a run does that was told nothing.
const (
	defaultEvents        = 1_000_000
	defaultRate          = 500
	defaultSubscriptions = 50
	defaultLength        = 30 * time.Second
)

func main() {
	var o options

	flag.StringVar(&o.mode, "mode", "drain", "what to measure: "+strings.Join(slices.Sorted(maps.Keys(modes())), ", "))
	flag.IntVar(&o.events, "n", defaultEvents, "events in the log")
	flag.IntVar(&o.page, "page", 0, "events that are published at once (default: as the program does)")
	flag.BoolVar(&o.inProcess, "in-process", false, "run the NATS server in the publisher's process, as for a trial")
	flag.IntVar(&o.rate, "rate", defaultRate, "push: events per second")
	flag.IntVar(&o.subscriptions, "subscriptions", defaultSubscriptions, "push: subscriptions")
	flag.DurationVar(&o.length, "for", defaultLength, "push: how long each run takes")
	flag.StringVar(&o.dir, "dir", "", "directory on a real disk for all data (default: the system's temporary directory)")
	flag.StringVar(&o.profile, "profile", "", "file for a profile of the publisher's processor time")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	do := run
	if o.mode == serverMode {
		do = serve
	}

	if err := do(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "eventbench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	mode, ok := modes()[o.mode]
	if !ok {
		return errors.New("there is no mode " + o.mode)
	}

	tell := func(format string, arguments ...any) { _, _ = fmt.Fprintf(out, format+"\n", arguments...) }
	tell("machine    %s", machine.Description())
	tell("load       %s before", load())

	return mode(ctx, o, tell)
}

// load is how many processes wanted a processor in the last minutes: others' work slows this one's down.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}

	const averages = 3

	return strings.Join(strings.Fields(string(text))[:averages], " ")
}
