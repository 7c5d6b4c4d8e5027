package clock

import (
	"context"
	"sync"
	"time"
)

// slowest is how long an answer may take that a clock is set by: within it the time is known as well as half of it.
const slowest = time.Second

// Following is a clock that goes by another one, such as the database's, which is asked now and then. Between, it goes
// by how much time has passed here, and not by what this machine takes the time to be: a machine whose clock is set, by
// however much, moves it not at all. It is safe for concurrent use.
type Following struct {
	mu    sync.Mutex
	there time.Time // what the other clock said
	here  time.Time // when that was, in the time that has passed here
	ready chan struct{}
}

// NewFollowing is a clock that was not set yet, and shows this machine's time until it is.
func NewFollowing() *Following { return &Following{ready: make(chan struct{})} }

// Now is the other clock's time.
func (f *Following) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()

	if f.here.IsZero() {
		return time.Now()
	}

	return f.there.Add(time.Since(f.here))
}

// Ask sets it by what the other clock says. An answer that took too long sets it only if nothing did before.
func (f *Following) Ask(ctx context.Context, other func(context.Context) (time.Time, error)) error {
	began := time.Now()

	said, err := other(ctx)
	if err != nil {
		return err
	}

	took := time.Since(began)

	f.mu.Lock()
	defer f.mu.Unlock()

	first := f.here.IsZero()
	if took > slowest && !first {
		return nil
	}

	f.there, f.here = said, began.Add(took)
	if took <= slowest { // somewhere between; what took longer was to connect, mostly
		f.there = said.Add(took / 2)
	}

	if first {
		close(f.ready)
	}

	return nil
}

// Ready waits until it was set. It reports false if ctx ended first.
func (f *Following) Ready(ctx context.Context) bool {
	select {
	case <-f.ready:
		return true
	case <-ctx.Done():
		return false
	}
}
