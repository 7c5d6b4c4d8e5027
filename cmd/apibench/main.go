// Command apibench measures the exchange's door on this machine: how long single reads, pages and withdrawal requests
// take at a rate, over a database with a million deposits. cmd/api runs as in production, in a process of its own, on a
// PostgreSQL with durable commits. Requests are sent when their time has come, whatever became of those before, and
// their time counts from when they were to be sent. It prints the machine, the settings and the figures;
// docs/performance.md keeps the last run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/machine"
)

type options struct {
	deposits, withdrawals int
	rate, requests        int
	streams               int
	length                time.Duration
	only, dir             string
}

// What a run does that was told nothing.
const (
	defaultDeposits    = 1_000_000
	defaultWithdrawals = 300_000
	defaultRate        = 1_000
	defaultRequests    = 200
	defaultLength      = 30 * time.Second
)

func main() {
	var o options

	flag.IntVar(&o.deposits, "deposits", defaultDeposits, "deposits in the database")
	flag.IntVar(&o.withdrawals, "withdrawals", defaultWithdrawals, "withdrawals in the database")
	flag.IntVar(&o.rate, "rate", defaultRate, "reads per second")
	flag.IntVar(&o.requests, "requests", defaultRequests, "withdrawal requests per second")
	flag.IntVar(&o.streams, "streams", 0, "open so many idle streams of events first and say what memory they take")
	flag.DurationVar(&o.length, "for", defaultLength, "how long each run takes")
	flag.StringVar(&o.only, "only", "", "make only the runs with this in their title")
	flag.StringVar(&o.dir, "dir", "",
		"directory on a real disk for the database (default: the system's temporary directory)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "apibench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	say := func(format string, arguments ...any) { _, _ = fmt.Fprintf(out, format, arguments...) }

	say("machine    %s\nload       %s before\n", machine.Description(), load())

	s, err := startServer(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop(context.WithoutCancel(ctx))) }()

	began := time.Now()

	key, err := s.fill(ctx, o)
	if err != nil {
		return err
	}

	say("database   %d deposits, %d withdrawals, made in %s; fsync=on synchronous_commit=on shared_buffers=1GB\n",
		o.deposits, o.withdrawals, time.Since(began).Round(time.Second))

	door, err := startDoor(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, door.stop()) }()

	if o.streams > 0 {
		if err := measureStreams(ctx, s, door, key, o.streams, say); err != nil {
			return err
		}
	}

	c := &client{door: door.url, key: key, deposits: o.deposits, withdrawals: o.withdrawals}
	defer c.close()

	for _, one := range c.runs(o) {
		if !strings.Contains(one.title, o.only) {
			continue
		}

		if err := c.warm(ctx, one); err != nil {
			return err
		}

		before, err := costsOf(s, door)
		if err != nil {
			return err
		}

		began := time.Now()
		r := c.drive(ctx, one, o.length)
		took := time.Since(began)

		after, err := costsOf(s, door)
		if err != nil {
			return err
		}

		say("%-56s %s; load %s\n%-56s %s\n", one.title, r, load(), "", after.since(before, len(r.took)+r.failed, took))
	}

	return nil
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
