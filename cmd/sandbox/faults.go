package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// faultPlan is how often the node fails by itself; 0 is never.
type faultPlan struct {
	cut     time.Duration
	garble  time.Duration
	down    time.Duration
	downFor time.Duration
}

// fail makes the node fail as planned until the end.
func (p faultPlan) fail(ctx context.Context, s *sandbox.Sandbox, log *slog.Logger) {
	cut, garble, down := newTicks(p.cut), newTicks(p.garble), newTicks(p.down)
	defer cut.stop()
	defer garble.stop()
	defer down.stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-cut.c:
			log.InfoContext(ctx, "fault: every stream is cut", slog.Int("streams", s.OpenStreams()))
			s.CutStreams()
		case <-garble.c:
			log.InfoContext(ctx, "fault: the next answer is garbage")
			s.GarbleNext()
		case <-down.c:
			log.InfoContext(ctx, "fault: the node is down", slog.Duration("for", p.downFor))
			s.SetDown(true)
			rest(ctx, p.downFor)
			s.SetDown(false)
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// ticks is a ticker that may never tick.
type ticks struct {
	c      <-chan time.Time
	ticker *time.Ticker
}

func newTicks(every time.Duration) ticks {
	if every <= 0 {
		return ticks{}
	}

	ticker := time.NewTicker(every)

	return ticks{c: ticker.C, ticker: ticker}
}

func (t ticks) stop() {
	if t.ticker != nil {
		t.ticker.Stop()
	}
}
