// Command depositbench measures Multi-Step Deposit Automation on this machine: how long it takes from when the database
// has an offer until its acceptance is submitted and its money is credited, how many offers can be accepted in a
// second, and how long many waiting offers take to be decided again. The services run as in production, against the
// sandbox in a process of its own and a PostgreSQL with durable commits. It prints the machine, the settings and the
// figures; docs/performance.md keeps the last run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/machine"
)

type options struct {
	rate    int
	high    int
	length  time.Duration
	offers  int
	senders int
	workers int
	poll    time.Duration
	waiting int
	only    string

	dir        string
	cpuProfile string
	statements bool
}

// What a run does that was told nothing.
const (
	defaultRate    = 20  // offers per second
	defaultHigh    = 150 // offers per second
	defaultLength  = time.Minute
	defaultOffers  = 3_000
	defaultSenders = 8
	defaultWaiting = 100_000
)

func main() {
	var o options

	o.define(flag.CommandLine)
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "depositbench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up
	}
}

func (o *options) define(set *flag.FlagSet) {
	set.IntVar(&o.rate, "rate", defaultRate, "offers per second of the runs at a rate")
	set.IntVar(&o.high, "high-rate", defaultHigh, "offers per second of a run that is nearer to the limit; 0 for none")
	set.DurationVar(&o.length, "for", defaultLength, "how long these runs take; 0 leaves them out")
	set.IntVar(&o.offers, "offers", defaultOffers, "offers of each run that is as fast as possible; 0 leaves them out")
	set.IntVar(&o.senders, "senders", defaultSenders, "wallets that make offers at once")
	set.IntVar(&o.workers, "workers", intake.DefaultWorkers, "workers of each instance")
	set.DurationVar(&o.poll, "poll", intake.DefaultPoll, "how often an instance asks the database for work")
	set.IntVar(&o.waiting, "waiting", defaultWaiting, "open offers that are decided again; 0 leaves these runs out")
	set.StringVar(&o.only, "only", "", "make only the runs with this in their title")

	set.StringVar(&o.dir, "dir", "",
		"directory on a real disk for the database (default: the system's temporary directory)")
	set.StringVar(&o.cpuProfile, "cpuprofile", "", "write a profile of this program's processor time to this file")
	set.BoolVar(&o.statements, "statements", false,
		"print which statements took most of the database's time, which needs PostgreSQL's pg_stat_statements")
}

// bench is one run of the program.
type bench struct {
	options options
	out     io.Writer
	server  *server
	program string // cmd/sandbox, built
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "ces-depositbench-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	b := &bench{options: o, out: out}
	if b.program, err = build(ctx, dir); err != nil {
		return err
	}

	if b.server, err = startServer(ctx, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.Stop(context.WithoutCancel(ctx))) }()

	stop, err := profile(o.cpuProfile)
	if err != nil {
		return err
	}
	defer stop()

	b.printf("machine    %s\n", machine.Description())
	b.printf("load       %s before\n", load())
	b.printf("postgres   %s\n", b.server.describe(ctx))
	b.printf("deposits   %d workers an instance, which asks the database every %s; %d wallets offer AcmeToken\n",
		o.workers, o.poll, o.senders)

	for _, s := range b.scenarios() {
		if err := b.accept(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
	}

	if err := b.decide(ctx); err != nil {
		return err
	}

	b.printf("load       %s after\n", load())

	return nil
}

func (b *bench) printf(format string, args ...any) { _, _ = fmt.Fprintf(b.out, format, args...) }

// load is how many processes wanted a processor in the last 1, 5 and 15 minutes: others' work slows this one's down.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}

	const averages = 3

	return strings.Join(strings.Fields(string(text))[:averages], " ")
}

// profile writes a profile until stop is called.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}

	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}

	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("profile: %w", errors.Join(err, file.Close()))
	}

	return func() {
		pprof.StopCPUProfile()

		_ = file.Close() // a profile that is cut short is seen by who reads it
	}, nil
}
