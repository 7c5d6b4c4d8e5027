package sandbox

import (
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
func (v *Validator) checkpointIfIdle(offset ident.Offset) *updateJSON {
	v.mu.Lock()
	defer v.mu.Unlock()

	if v.after(offset) < len(v.history) {
		return nil
	}

	return checkpointItem(max(offset, v.end), v.advance())
}

// checkpointAt is the checkpoint with which an open-ended stream of 3.5 starts: for the offset that was asked
// for. Its record times must not run ahead of updates that are still to be delivered.
func (v *Validator) checkpointAt(offset ident.Offset) *updateJSON {
	v.mu.Lock()
	defer v.mu.Unlock()

	if offset >= v.end {
		return checkpointItem(offset, v.advance())
	}

	times := []synchronizerTimeJSON{}

	for _, home := range v.synchronizers {
		for i := v.after(offset) - 1; i >= 0; i-- {
			if u := v.history[i]; u.synchronizer == home {
				times = append(times, synchronizerTimeJSON{home.id, instant(u.recordTime)})

				break
			}
		}
	}

	return checkpointItem(offset, times)
}

// advance moves every synchronizer's record time up to the clock, which is the end of submissions that were lost. A
// replay's stand where its history ends.
func (s *Sandbox) advance() []synchronizerTimeJSON {
	times := make([]synchronizerTimeJSON, 0, len(s.synchronizers))

	for _, home := range s.synchronizers {
		if now := s.ledgerTime().Add(-home.lag); !s.replay && now.After(home.last) {
			home.last = now
		}

		times = append(times, synchronizerTimeJSON{home.id, instant(home.last)})
	}

	s.expireLost()

	return times
}

func checkpointItem(offset ident.Offset, times []synchronizerTimeJSON) *updateJSON {
	return &updateJSON{Checkpoint: &wrapped[checkpointJSON]{checkpointJSON{Offset: offset, Times: times}}}
}
