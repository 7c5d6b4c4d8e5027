package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
)

var (
	// ErrDone is what a runner returns when the whole program has done its work: the others stop, and it is no failure.
	ErrDone = errors.New("done")
	// ErrEndedEarly means that a runner returned nil although nothing had asked it to stop. A service that quietly does
	// nothing is worse than one that ends.
	ErrEndedEarly = errors.New("ended although nothing asked it to")
	// ErrShutdownTimeout means that runners did not end in time. They are left running: end the process.
	ErrShutdownTimeout = errors.New("shutdown took too long")
)

// Runner is a part of a program that works until its context ends, and then returns nil or the context's error.
type Runner struct {
	Name string
	Run  func(ctx context.Context) error
}

type outcome struct {
	runner int
	err    error
}

// group is the runners under way.
type group struct {
	logger  *slog.Logger
	runners []Runner
	running map[int]bool
	failure error
}

// Run runs all runners at once and waits for every one of them. The first that ends stops the others, as the end of ctx
// stops all; from then on they have the shutdown time. The error joins those of all runners.
func Run(ctx context.Context, logger *slog.Logger, shutdown time.Duration, runners ...Runner) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	g := &group{logger: logger, runners: runners, running: make(map[int]bool, len(runners))}
	outcomes := make(chan outcome, len(runners)) // room for all: none hangs when we stop waiting

	for i, runner := range runners {
		g.running[i] = true

		go func() { outcomes <- outcome{i, runner.Run(ctx)} }()
	}

	stop := ctx.Done()
	timer := time.NewTimer(shutdown) // counts from the stop on
	timer.Stop()
	defer timer.Stop()

	for len(g.running) > 0 {
		select {
		case ended := <-outcomes:
			g.ended(ended, ctx.Err() != nil)
			cancel()
		case <-stop:
			stop = nil

			timer.Reset(shutdown)
			logger.InfoContext(ctx, "stopping", slog.Any("runners", g.names()))
		case <-timer.C:
			return errors.Join(g.failure, fmt.Errorf("%w: after %s still running: %s",
				ErrShutdownTimeout, shutdown, strings.Join(g.names(), ", ")))
		}
	}

	return g.failure
}

// ended notes how a runner ended.
func (g *group) ended(o outcome, stopping bool) {
	delete(g.running, o.runner)

	name := g.runners[o.runner].Name
	err := o.err

	switch {
	case errors.Is(err, ErrDone):
		return
	case err == nil && !stopping:
		err = ErrEndedEarly
	case err == nil, stopping && errors.Is(err, context.Canceled):
		return
	}

	g.failure = errors.Join(g.failure, fmt.Errorf("%s: %w", name, err))
}

// names lists the runners under way, in the order given.
func (g *group) names() []string {
	var names []string
	for _, i := range slices.Sorted(maps.Keys(g.running)) {
		names = append(names, g.runners[i].Name)
	}

	return names
}
