package sandbox

import (
	"time"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// dispatch sends a submission to the sequencer: at once, after the network's latency, or as a fault has it.
func (v *Validator) dispatch(sub *submission) {
	chance := fault.Chance{Party: sub.actAs[0]}

	if _, strikes := v.plan.Take(fault.NotSequenced, chance); strikes {
		v.lost = append(v.lost, sub)

		return
	}

	delay := v.cfg.Latency
	if rule, strikes := v.plan.Take(fault.SequencingDelayed, chance); strikes {
		delay = rule.Delay
	}

	_, twice := v.plan.Take(fault.DuplicateSubmission, chance)

	if delay <= 0 {
		v.deliver(sub, twice)

		return
	}

	v.streams.Add(1)

	go func() {
		defer v.streams.Done()

		if !v.pause(delay) {
			return
		}

		v.mu.Lock()
		defer v.mu.Unlock()

		if !v.stopped {
			v.deliver(sub, twice)
		}
	}()
}

// deliver sequences a submission, and with twice set the same one again, as a sender does that saw no receipt.
func (v *Validator) deliver(sub *submission, twice bool) {
	v.sequence(sub)

	if twice {
		again := *sub
		again.done = make(chan struct{})
		v.sequence(&again)
	}
}

// pause waits; it reports false when the sandbox closes first.
func (s *Sandbox) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-s.closed:
		return false
	case <-timer.C:
		return true
	}
}
