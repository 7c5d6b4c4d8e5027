// Command withdrawbench measures Withdrawal Automation on this machine: withdrawals through the services as they run in
// production, against the sandbox in a process of its own and a PostgreSQL with durable commits; the choice of holdings
// from a large pool; and that no holding is ever reserved twice, whoever races for it. It prints the machine, the
// settings and the figures; docs/performance.md keeps the last run.
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

	"github.com/canton-exchange/suite/internal/machine"
)

type options struct {
	withdrawals int
	pool        int
	smallPool   int
	clients     int
	rate        int
	workers     int
	only        string

	holdings     int
	reservations int
	locked       int
	turns        int
	read         int

	attempts          int
	racers            int
	contested         int
	withoutConstraint bool

	dir        string
	cpuProfile string
	statements bool
	slowest    bool
}

// What a run does that was told nothing.
const (
	defaultWithdrawals = 4_000
	defaultPool        = 400 // holdings
	defaultSmallPool   = 100
	defaultClients     = 8
	defaultRate        = 50 // withdrawals per second
	defaultWorkers     = 16

	defaultHoldings     = 100_000
	defaultReservations = 5_000
	defaultLocked       = 2_000
	defaultTurns        = 300
	defaultRead         = 500 // as payments do

	defaultAttempts  = 1_000_000
	defaultRacers    = 64
	defaultContested = 100 // holdings
)

func main() {
	var o options

	o.define(flag.CommandLine)
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "withdrawbench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up
	}
}

func (o *options) define(set *flag.FlagSet) {
	set.IntVar(&o.withdrawals, "withdrawals", defaultWithdrawals, "withdrawals of each throughput run; 0 leaves them out")
	set.IntVar(&o.pool, "pool", defaultPool, "holdings of the treasury in these runs")
	set.IntVar(&o.smallPool, "small-pool", defaultSmallPool, "holdings of the treasury in the run with few")
	set.IntVar(&o.clients, "clients", defaultClients, "how many request withdrawals at once")
	set.IntVar(&o.rate, "rate", defaultRate, "requests per second of the run that is not as fast as possible")
	set.IntVar(&o.workers, "workers", defaultWorkers, "workers of each instance of payments")
	set.StringVar(&o.only, "only", "", "make only the throughput runs with this in their title")

	set.IntVar(&o.holdings, "holdings", defaultHoldings, "holdings to choose from; 0 leaves these runs out")
	set.IntVar(&o.reservations, "reservations", defaultReservations, "how many of them are reserved")
	set.IntVar(&o.locked, "locked", defaultLocked, "how many of them are locked")
	set.IntVar(&o.turns, "turns", defaultTurns, "turns of each kind")
	set.IntVar(&o.read, "read", defaultRead, "how many holdings a turn reads of each part of the pool")

	set.IntVar(&o.attempts, "attempts", defaultAttempts, "attempts to reserve, in all; 0 leaves the race out")
	set.IntVar(&o.racers, "racers", defaultRacers, "who races for holdings, each over a connection of its own")
	set.IntVar(&o.contested, "contested", defaultContested, "holdings that they race for")
	set.BoolVar(&o.withoutConstraint, "without-constraint", false,
		"take the key of reservations away first: then holdings must be found that are reserved twice")

	set.StringVar(&o.dir, "dir", "",
		"directory on a real disk for the database (default: the system's temporary directory)")
	set.StringVar(&o.cpuProfile, "cpuprofile", "", "write a profile of this program's processor time to this file")
	set.BoolVar(&o.slowest, "slowest", false, "print which statements took most of the database's time")
	set.BoolVar(&o.statements, "statements", true, "count statements, which needs PostgreSQL's pg_stat_statements")
}

// bench is one run of the program.
type bench struct {
	options options
	out     io.Writer
	server  *server
	program string // cmd/sandbox, built
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "ces-withdrawbench-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	b := &bench{options: o, out: out}

	if o.withdrawals > 0 {
		if b.program, err = build(ctx, dir); err != nil {
			return err
		}
	}

	if b.server, err = startServer(ctx, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.stop(context.WithoutCancel(ctx))) }()

	stop, err := profile(o.cpuProfile)
	if err != nil {
		return err
	}
	defer stop()

	b.printf("machine    %s\n", machine.Description())
	b.printf("postgres   %s\n", b.server.describe(ctx))

	for _, part := range []func(context.Context) error{b.throughput, b.selection, b.race} {
		if err := part(ctx); err != nil {
			return err
		}
	}

	return nil
}

func (b *bench) printf(format string, args ...any) { _, _ = fmt.Fprintf(b.out, format, args...) }

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
