package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/machine"
)

// crowd is the parties that pay one another, each from a goroutine and over a connection of its own.
type crowd struct {
	n       *node
	senders []*sender
}

// gather makes parties with something to spend, each of which pays the next.
func (b *bench) gather(ctx context.Context, n *node, external bool, each int) (*crowd, error) {
	b.crowds++
	c := &crowd{n: n}

	for i := range b.options.parties {
		s, err := n.join(ctx, external, fmt.Sprintf("load-%d-%d", b.crowds, i))
		if err != nil {
			return c, err
		}

		c.senders = append(c.senders, s)
	}

	group, ctx := errgroup.WithContext(ctx)

	for i, s := range c.senders {
		s.receiver = c.senders[(i+1)%len(c.senders)].party

		group.Go(func() error {
			if err := s.preapprove(ctx); err != nil {
				return err
			}

			return s.tap(ctx, each)
		})
	}

	return c, group.Wait() //nolint:wrapcheck // each says what it did
}

// close ends the parties' connections.
func (c *crowd) close() {
	for _, s := range c.senders {
		s.c.close()
	}
}

// rate is how often all parties together did something within a time, and what the node used meanwhile.
type rate struct {
	count   int64
	took    time.Duration
	used    machine.Usage
	load    time.Duration // of the processor, that this program used
	latency time.Duration // of one, on average
}

// ownTime is how much of the processor this program has used.
func ownTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read own usage: %w", err)
	}

	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// String tells the rate, and what it took: on a machine that does other work too, the processor time says more.
func (r rate) String() string {
	each := func(d time.Duration) time.Duration {
		return (d / time.Duration(max(r.count, 1))).Round(time.Microsecond)
	}

	return fmt.Sprintf("%.0f transfers/s (%d in %.1f s), %s each\n%46s"+
		"processor time each: node %s, load %s; cores used: node %.2f, load %.2f; node at most %d MB resident",
		r.perSecond(), r.count, r.took.Seconds(), r.latency.Round(poll/10), "",
		each(r.used.CPU), each(r.load), r.used.CPU.Seconds()/r.took.Seconds(), r.load.Seconds()/r.took.Seconds(),
		megabytes(r.used.Peak))
}

func (r rate) perSecond() float64 { return float64(r.count) / r.took.Seconds() }

// measure lets every party act, one thing after the other, until the time is over.
func (c *crowd) measure(
	ctx context.Context, length time.Duration, act func(*sender, context.Context) error,
) (rate, error) {
	before, err := machine.UsageOf(c.n.command.Process.Pid)
	if err != nil {
		return rate{}, err
	}

	own, err := ownTime()
	if err != nil {
		return rate{}, err
	}

	var count atomic.Int64

	begin := time.Now()
	end := begin.Add(length)
	group, ctx := errgroup.WithContext(ctx)

	for _, s := range c.senders {
		group.Go(func() error {
			for time.Now().Before(end) {
				if err := act(s, ctx); err != nil {
					return fmt.Errorf("%s: %w", s.party, err)
				}

				count.Add(1)
			}

			return nil
		})
	}

	if err := group.Wait(); err != nil {
		return rate{}, err //nolint:wrapcheck // each says what it did
	}

	r := rate{count: count.Load(), took: time.Since(begin)}

	if r.used, err = machine.UsageOf(c.n.command.Process.Pid); err != nil {
		return r, err
	}

	r.used.CPU -= before.CPU

	if r.load, err = ownTime(); err != nil {
		return r, err
	}

	r.load -= own
	if r.count > 0 {
		r.latency = r.took * time.Duration(len(c.senders)) / time.Duration(r.count)
	}

	return r, nil
}
