package sandbox

import (
	"time"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// dispatch sends a submission to the sequencer: at once, after the network's latency, or as a fault has it.
func (v *Validator) dispatch(sub *submission) {
	chance := fault.Chance{Party: sub.actAs[0]}

	if _, strikes := v.plan.Take(fault.NotSequenced, chance); strikes {
		v.lose(sub)

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

	serial := sub.tx.home.serial

	v.later(delay, func() {
		if sub.tx.home.serial == serial {
			v.deliver(sub, twice)
		} else { // it went to a sequencer that is no more
			v.lose(sub)
		}
	})
}

// later does something under Sandbox.mu after a while, unless the sandbox closes first. Whoever calls it holds the
// mutex too. There are not more of these than submissions in flight.
func (v *Validator) later(delay time.Duration, do func()) {
	v.streams.Go(func() {
		if !v.pause(delay) {
			return
		}

		v.mu.Lock()
		defer v.mu.Unlock()

		if !v.stopped {
			do()
		}
	})
}

// lose is the end of a submission that never reaches a sequencer. Its sender learns of it by the record time alone:
// when another update shows that its own time is over, or, on an idle network, when the clock does.
func (v *Validator) lose(sub *submission) {
	v.lost = append(v.lost, sub)
	v.later(sub.latest.Sub(v.ledgerTime())+sub.tx.home.lag+maxSequencing, func() { v.advance() })
}

// deliver sequences a submission, and with twice set the same one again, as a sender does that saw no receipt. While
// the synchronizer is being upgraded there is nobody to deliver it to.
func (v *Validator) deliver(sub *submission, twice bool) {
	if v.paused() {
		v.lose(sub)

		return
	}

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
