package sandbox

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// lookEvery is how often somebody looks for faults that are due.
const lookEvery = 50 * time.Millisecond

// lookout looks for what strikes by time, as long as anything may.
type lookout struct {
	mu      sync.Mutex
	looking bool
	closed  bool
	done    sync.WaitGroup
}

// lookForTimers begins to look, unless somebody does already.
func (s *Sandbox) lookForTimers() {
	s.lookout.mu.Lock()
	defer s.lookout.mu.Unlock()

	if !s.lookout.closed && !s.lookout.looking {
		s.lookout.looking = true
		s.lookout.done.Go(s.look)
	}
}

// close waits for whoever looks; Sandbox.closed must be closed.
func (l *lookout) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()

	l.done.Wait()
}

func (s *Sandbox) look() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()

	for s.stillTimed() {
		select {
		case <-s.closed:
			return
		case <-ticker.C:
		}

		for _, rule := range s.plan.Due(clock.System{}.Now()) {
			s.strikeByTime(rule)
		}

		s.endUpgrade()
	}
}

// stillTimed reports whether there is anything to look for. If not, the next timed rule begins to look again.
func (s *Sandbox) stillTimed() bool {
	s.lookout.mu.Lock()
	defer s.lookout.mu.Unlock()

	s.lookout.looking = s.plan.Timed() || s.upgrading.Load()

	return s.lookout.looking
}

func (s *Sandbox) strikeByTime(rule fault.Rule) {
	node := s.first()

	for _, effect := range []struct {
		kind   fault.Kind
		strike func(time.Duration)
	}{
		{fault.StreamCut, func(time.Duration) { node.CutStreams() }},
		{fault.GarbledAnswer, func(time.Duration) { node.GarbleNext() }},
		{fault.NodeDown, node.goDown},
		{fault.NodeRestart, node.restart},
		{fault.Prune, func(time.Duration) { node.pruneToEnd() }},
		{fault.ClockJump, s.network.jump},
		{fault.UpgradePause, s.pauseForUpgrade},
	} {
		if effect.kind == rule.Kind {
			effect.strike(rule.Delay)
		}
	}
}

// pruneToEnd prunes everything; a history that has nothing more to prune stays as it is.
func (v *Validator) pruneToEnd() {
	if end := v.LedgerEnd(); end > v.PrunedUpTo() {
		if err := v.Prune(end); err != nil {
			v.cfg.Logger.Warn("fault: prune", slog.Any("error", err))
		}
	}
}

// maxJumped bounds how far jumps can add up to, so that the ledger's times stay writable.
const maxJumped = 20 * 365 * 24 * time.Hour

// networkClock is the configured clock, off by what clock jumps add up to. Only the ledger goes by it: tokens run out
// by their issuer's clock, which is another.
type networkClock struct {
	clock.Clock

	jumped atomic.Int64
}

// Now is the network's time. It may go back; the ledger's record times do not follow it there.
func (c *networkClock) Now() time.Time { return c.Clock.Now().Add(time.Duration(c.jumped.Load())) }

func (c *networkClock) jump(d time.Duration) {
	for {
		before := c.jumped.Load()
		after := min(max(before+int64(d), -int64(maxJumped)), int64(maxJumped))

		if c.jumped.CompareAndSwap(before, after) {
			return
		}
	}
}
