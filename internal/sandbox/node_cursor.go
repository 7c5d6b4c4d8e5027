package sandbox

import (
	"context"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// takeSize is how many updates a stream takes from the history at once.
const takeSize = 256

// cursor reads the history for one stream or list: updates in order, checkpoints when there is nothing else.
type cursor struct {
	v          *Validator
	format     *updateFormat
	through    channel
	at         ident.Offset // everything up to here was considered; descending, the lower bound
	end        ident.Offset
	bounded    bool
	descending bool
	idle       time.Duration // ends the list when nothing came for so long; 0 never
	tick       uint64
	last       ident.Offset // of the update that is being sent
}

// emit takes one item; it reports whether it wants more.
type emit func(*updateJSON) (bool, error)

// run emits until the end offset, until nobody wants more, until ctx ends, or until the idle time has passed.
func (c *cursor) run(ctx context.Context, out emit) error {
	if c.descending {
		return c.runBackwards(ctx, out)
	}

	if !c.bounded && c.v.cfg.Version.atLeast(V35) {
		if more, err := out(c.v.checkpointAt(c.at)); err != nil || !more {
			return err
		}
	}

	wait := newWaiter(c.v.cfg.CheckpointInterval, c.idle)
	defer wait.stop()

	for {
		batch, err := c.take()
		if err != nil {
			return err
		}

		more, sent, err := c.send(batch.updates, out)
		if err != nil || !more {
			return err
		}

		if sent {
			wait.reset()
		}

		if n := len(batch.updates); n > 0 {
			c.at = batch.updates[n-1].offsets[c.v.index]

			continue
		}

		if c.bounded {
			return nil
		}

		if more, err := c.rest(ctx, batch, wait, out); err != nil || !more {
			return err
		}
	}
}

// rest waits until there is something to do again, and sends a checkpoint when one is due.
func (c *cursor) rest(ctx context.Context, at batch, wait *waiter, out emit) (bool, error) {
	due := at.tick != c.tick
	c.tick = at.tick

	if !due {
		var done bool
		if due, done = wait.next(ctx, at.changed, c.v.closed); done {
			return false, nil
		}
	}

	if !due {
		return true, nil
	}

	item := c.v.checkpointIfIdle(c.at)
	if item == nil {
		return true, nil
	}

	return out(item)
}

// batch is what the history held at one moment.
type batch struct {
	updates []*update
	changed <-chan struct{}
	tick    uint64
}

func (c *cursor) take() (batch, error) {
	c.v.mu.Lock()
	defer c.v.mu.Unlock()

	if c.at < c.v.prunedTo {
		return batch{}, errPruned("Update stream", c.at, c.v.prunedTo)
	}

	start := c.v.after(c.at)
	stop := min(start+takeSize, len(c.v.history))

	if c.bounded {
		stop = min(stop, c.v.after(c.end))
	}

	return batch{updates: c.copy(start, stop), changed: c.v.changed, tick: c.v.ticks}, nil
}

// copy takes a part of the history out, and admits whom it concerns. It is called under Sandbox.mu.
func (c *cursor) copy(start, stop int) []*update {
	updates := slices.Clone(c.v.history[start:max(start, stop)])
	for _, u := range updates {
		c.v.admitUpdate(c.format, u)
	}

	return updates
}

func (c *cursor) send(updates []*update, out emit) (more, sent bool, err error) {
	for _, u := range updates {
		c.last = u.offsets[c.v.index]

		item := c.v.render(u, c.format)
		if item == nil {
			continue
		}

		if err := c.forge(u, item); err != nil {
			return false, sent, err
		}

		sent = true
		if more, err := out(item); err != nil || !more {
			return false, sent, err
		}
	}

	return true, sent, nil
}

func (c *cursor) runBackwards(ctx context.Context, out emit) error {
	for ctx.Err() == nil {
		updates, err := c.takeBack()
		if err != nil || len(updates) == 0 {
			return err
		}

		if more, _, err := c.send(updates, out); err != nil || !more {
			return err
		}

		c.end = updates[len(updates)-1].offsets[c.v.index] - 1
	}

	return nil
}

// takeBack takes the newest part of what is left, newest first.
func (c *cursor) takeBack() ([]*update, error) {
	c.v.mu.Lock()
	defer c.v.mu.Unlock()

	if c.at < c.v.prunedTo {
		return nil, errPruned("Update stream", c.at, c.v.prunedTo)
	}

	stop := c.v.after(c.end)
	updates := c.copy(max(c.v.after(c.at), stop-takeSize), stop)
	slices.Reverse(updates)

	return updates, nil
}

// waiter waits for the next reason to go on. It uses real timers: they only pace, they decide nothing.
type waiter struct {
	ticker *time.Ticker
	timer  *time.Timer
	idle   time.Duration
}

func newWaiter(checkpoints, idle time.Duration) *waiter {
	w := &waiter{idle: idle}
	if checkpoints > 0 {
		w.ticker = time.NewTicker(checkpoints)
	}

	if idle > 0 {
		w.timer = time.NewTimer(idle)
	}

	return w
}

func (w *waiter) stop() {
	if w.ticker != nil {
		w.ticker.Stop()
	}

	if w.timer != nil {
		w.timer.Stop()
	}
}

// reset starts the idle time anew. Checkpoints do not count: on a sandbox they come far more often than on a
// real node, and a list would never end.
func (w *waiter) reset() {
	if w.timer != nil {
		w.timer.Reset(w.idle)
	}
}

// next reports whether a checkpoint is due, and whether the stream is over.
func (w *waiter) next(ctx context.Context, changed, closed <-chan struct{}) (due, done bool) {
	var (
		checkpoints <-chan time.Time
		idle        <-chan time.Time
	)

	if w.ticker != nil {
		checkpoints = w.ticker.C
	}

	if w.timer != nil {
		idle = w.timer.C
	}

	select {
	case <-ctx.Done():
		return false, true
	case <-closed:
		return false, true
	case <-idle:
		return false, true
	case <-changed:
		return false, false
	case <-checkpoints:
		return true, false
	}
}
