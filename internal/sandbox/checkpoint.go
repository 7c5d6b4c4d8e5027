package sandbox

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
)

// Tick makes every open stream send a checkpoint as soon as it has delivered what there is.
func (s *Sandbox) Tick() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.ticks++
	s.publish()
}

// checkpointIfIdle is the checkpoint of a stream that has delivered everything up to offset; nil when more has
// come since. It moves the synchronizers' clocks on, so that no later update can have an earlier record time.
func (s *Sandbox) checkpointIfIdle(offset ident.Offset) *updateJSON {
	s.mu.Lock()
	defer s.mu.Unlock()

	if after(s.history, offset) < len(s.history) {
		return nil
	}

	return checkpointItem(max(offset, s.end), s.advance())
}

// checkpointAt is the checkpoint with which an open-ended stream of 3.5 starts: for the offset that was asked
// for. Its record times must not run ahead of updates that are still to be delivered.
func (s *Sandbox) checkpointAt(offset ident.Offset) *updateJSON {
	s.mu.Lock()
	defer s.mu.Unlock()

	if offset >= s.end {
		return checkpointItem(offset, s.advance())
	}

	times := []synchronizerTimeJSON{}

	for _, home := range s.synchronizers {
		for i := after(s.history, offset) - 1; i >= 0; i-- {
			if u := s.history[i]; u.synchronizer == home {
				times = append(times, synchronizerTimeJSON{home.id, instant(u.recordTime)})

				break
			}
		}
	}

	return checkpointItem(offset, times)
}

// advance moves every synchronizer's record time up to the clock. A replay's stand where its history ends.
func (s *Sandbox) advance() []synchronizerTimeJSON {
	times := make([]synchronizerTimeJSON, 0, len(s.synchronizers))

	for _, home := range s.synchronizers {
		if now := s.ledgerTime().Add(-home.lag); !s.replay && now.After(home.last) {
			home.last = now
		}

		times = append(times, synchronizerTimeJSON{home.id, instant(home.last)})
	}

	return times
}

func checkpointItem(offset ident.Offset, times []synchronizerTimeJSON) *updateJSON {
	return &updateJSON{Checkpoint: &wrapped[checkpointJSON]{checkpointJSON{Offset: offset, Times: times}}}
}

// Prune forgets every update up to and including offset, and every contract archived by then. Streams that
// are still behind it end with PARTICIPANT_PRUNED_DATA_ACCESSED.
func (s *Sandbox) Prune(offset ident.Offset) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if offset <= s.prunedTo || offset > s.end {
		return fmt.Errorf("%w: prune up to %d: want more than %d and at most %d",
			ErrInvalid, offset, s.prunedTo, s.end)
	}

	kept := s.history[after(s.history, offset):]
	s.history = append(make([]*update, 0, len(kept)), kept...)
	s.prunedTo = offset

	live := make([]*contract, 0, len(s.order))

	for _, c := range s.order {
		if c.archivedAt != 0 && c.archivedAt <= offset {
			delete(s.contracts, c.id)
		} else {
			live = append(live, c)
		}
	}

	s.order = live
	s.publish()

	return nil
}

// PrunedUpTo is the offset up to which the history is gone; 0 when it was never pruned.
func (s *Sandbox) PrunedUpTo() ident.Offset {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.prunedTo
}
