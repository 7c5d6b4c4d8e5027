package weather

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
)

// Strikes counts what a sandbox logs of the faults that strike, by their kind: it is the handler of its logger.
type Strikes struct {
	mu sync.Mutex
	n  map[string]int
}

// NewStrikes has counted nothing yet.
func NewStrikes() *Strikes { return &Strikes{n: map[string]int{}} }

// Counts is how often each kind struck.
func (s *Strikes) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return maps.Clone(s.n)
}

// Enabled implements slog.Handler.
func (s *Strikes) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (s *Strikes) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if r.Message != "fault" || a.Key != "strikes" {
			return true
		}

		kind, _, _ := strings.Cut(strings.TrimPrefix(a.Value.String(), "kind="), ",")

		s.mu.Lock()
		defer s.mu.Unlock()

		s.n[kind]++

		return false
	})

	return nil
}

// WithAttrs implements slog.Handler.
func (s *Strikes) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup implements slog.Handler.
func (s *Strikes) WithGroup(string) slog.Handler { return s }
