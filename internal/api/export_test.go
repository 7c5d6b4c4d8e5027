package api

import "time"

// Quicken has streams look after their keys, and lose patience with their readers, more often.
func (h *Handler) Quicken(beat, stall time.Duration) { h.streams.beat, h.streams.stall = beat, stall }

// EventWaiting is how many requests wait for events now.
func (h *Handler) EventWaiting() int { return h.eventWaiting.count() }

// Underway is how many requests are under way now, those left out that go on until somebody ends them.
func (h *Handler) Underway() int { return len(h.room) }
