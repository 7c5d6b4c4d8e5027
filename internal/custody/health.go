package custody

import (
	"errors"
	"sync"
	"time"
)

// Health is what is wrong with a service. Before the first word it is starting.
type Health struct {
	mu  sync.Mutex
	err error
	ok  bool
}

var errStarting = errors.New("starting")

// Set says what is wrong; nil if nothing is.
func (h *Health) Set(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.err, h.ok = err, err == nil
}

// Get is nil while nothing is wrong.
func (h *Health) Get() error {
	h.mu.Lock()
	defer h.mu.Unlock()

	if !h.ok && h.err == nil {
		return errStarting
	}

	return h.err
}

// Told keeps a log from saying the same thing over and over. Its zero value is ready.
type Told struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// tellAgain is after what time the same thing is told once more.
const tellAgain = time.Minute

// Repeats reports whether this was told a moment ago.
func (t *Told) Repeats(what string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()

	if last, ok := t.last[what]; ok && now.Sub(last) < tellAgain && !now.Before(last) {
		return true
	}

	if t.last == nil || len(t.last) > maxTold {
		t.last = map[string]time.Time{}
	}

	t.last[what] = now

	return false
}

// maxTold bounds what is remembered of what was told.
const maxTold = 1000
