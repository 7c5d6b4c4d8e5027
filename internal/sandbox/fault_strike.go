package sandbox

import (
	"net/http"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// strikeSubmission refuses a submission for the reasons that a fault gives, before anything of it is sent.
func (v *Validator) strikeSubmission(r *http.Request, party ident.Party) error {
	chance := fault.Chance{Path: r.URL.Path, Party: party}
	note(r.Context(), party)

	if v.paused() {
		return cantonerr.State("SEQUENCER_SUBMISSION_AFTER_UPGRADE_TIME",
			"The synchronizer is being upgraded: submit again when the upgrade is over")
	}

	if _, strikes := v.plan.Take(fault.SequencerBackpressure, chance); strikes {
		return cantonerr.Contention("SEQUENCER_BACKPRESSURE", "The sequencer is overloaded").RetryIn("1 second")
	}

	if _, strikes := v.plan.Take(fault.TrafficExhausted, chance); strikes {
		return cantonerr.State("SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT",
			"Unable to submit: the participant has not enough traffic credit")
	}

	return nil
}

// paused reports whether the synchronizer is being upgraded.
func (v *Validator) paused() bool { return v.upgrading.Load() }
