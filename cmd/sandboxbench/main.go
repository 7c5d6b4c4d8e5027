// Command sandboxbench measures the sandbox: the real program in a process of its own, asked over real sockets on this
// machine. It prints the machine, the settings and the figures; docs/performance.md keeps the last run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/machine"
)

type options struct {
	starts   int
	holdings int
	parties  int
	each     int
	seconds  int
}

// What a run does that was told nothing.
const (
	defaultStarts   = 11
	defaultHoldings = 1_000_000
	defaultParties  = 8
	defaultEach     = 8_000 // holdings
	defaultLength   = 10    // seconds
	startTimeout    = 10 * time.Minute
)

func main() {
	var o options

	flag.IntVar(&o.starts, "starts", defaultStarts, "how often to start the program; 0 leaves that run out")
	flag.IntVar(&o.holdings, "holdings", defaultHoldings, "active contracts of the memory run; 0 leaves that run out")
	flag.IntVar(&o.parties, "parties", defaultParties, "parties that transfer at once; 0 leaves those runs out")
	flag.IntVar(&o.each, "holdings-each", defaultEach,
		"holdings that each of these parties begins with; then it spends its change and what it is paid")
	flag.IntVar(&o.seconds, "seconds", defaultLength, "length of each throughput run")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "sandboxbench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "ces-sandboxbench-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	b := &bench{options: o, client: &http.Client{}}

	if b.program, err = build(ctx, dir); err != nil {
		return err
	}

	fmt.Println("machine   ", machine.Description())
	fmt.Printf("settings   %d parties at once, each with a connection of its own on loopback, %d s a run\n",
		o.parties, o.seconds)

	if err := b.starting(ctx); err != nil {
		return err
	}

	if err := b.throughput(ctx); err != nil {
		return err
	}

	return b.memory(ctx)
}

type bench struct {
	options options
	program string
	client  *http.Client
	crowds  int
}

// starting measures from the execution of the program until it says that it is ready.
func (b *bench) starting(ctx context.Context) error {
	if b.options.starts < 1 {
		return nil
	}

	times := make([]time.Duration, 0, b.options.starts)

	for range b.options.starts {
		n, took, err := start(ctx, b.program, b.client)
		if err != nil {
			return err
		}

		if err := n.stop(); err != nil {
			return err
		}

		times = append(times, took)
	}

	slices.Sort(times)
	fmt.Printf("%-45s median %s, at most %s (%d starts)\n", "start to ready",
		times[len(times)/2].Round(poll), times[len(times)-1].Round(poll), len(times))

	return nil
}

// way is a way to transfer.
type way struct {
	title    string
	external bool
	each     int // holdings that a party needs
	act      func(*sender, context.Context) error
}

// enough holdings for a party that gets as many as it spends.
const enough = 100

func ways(each int) []way {
	return []way{
		{"registry, prepare, sign, execute and wait", true, each, (*sender).transfer},
		{"the same with the registry's answer reused", true, each, (*sender).transferKnown},
		{"registry, submit and wait (local party)", false, each, (*sender).submit},
		{"wallet API", false, enough, (*sender).pay},
	}
}

// throughput measures each way to transfer on a node of its own.
func (b *bench) throughput(ctx context.Context) error {
	if b.options.parties < 1 {
		return nil
	}

	for _, way := range ways(b.options.each) {
		n, _, err := start(ctx, b.program, b.client)
		if err != nil {
			return err
		}

		r, err := b.rateOf(ctx, n, way.external, way.each, way.act)
		if err = errors.Join(err, n.stop()); err != nil {
			return fmt.Errorf("%s: %w", way.title, err)
		}

		fmt.Printf("%-45s %s\n", way.title, r)
	}

	return nil
}

func (b *bench) rateOf(
	ctx context.Context, n *node, external bool, each int, act func(*sender, context.Context) error,
) (rate, error) {
	c, err := b.gather(ctx, n, external, each)
	defer c.close()

	if err != nil {
		return rate{}, err
	}

	return c.measure(ctx, time.Duration(b.options.seconds)*time.Second, act)
}
