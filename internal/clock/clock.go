// Package clock lets time be handed in, so that tests own it.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time of this machine. It is never the ledger's time: that comes with the updates.
type Clock interface {
	// Now is the current time. Keep it unconverted for durations: UTC() drops the monotonic reading.
	Now() time.Time
}

// System is the machine's clock.
type System struct{}

// Now is time.Now.
func (System) Now() time.Time { return time.Now() }

// Manual is a clock that moves only when told to. It is safe for concurrent use.
type Manual struct {
	mu  sync.Mutex
	now time.Time
}

// NewManual returns a clock that stands at now.
func NewManual(now time.Time) *Manual { return &Manual{now: now} }

// Now is the time last set.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.now
}

// Advance moves the clock by d; a negative d is a clock that jumps back.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.now = m.now.Add(d)
}
