package withdrawal

import "time"

// Answer is what the node last said of an execution, by the names of ledger.Outcome; empty before the first. It speeds
// things up and decides nothing: whatever it is, holdings stay reserved.
type Answer string

// The answers.
const (
	Unanswered   Answer = ""
	Accepted     Answer = "accepted"
	Unknown      Answer = "unknown"
	Rejected     Answer = "rejected"
	Committed    Answer = "committed"
	RetrySame    Answer = "retry-same"
	PrepareAgain Answer = "prepare-again"
	Paused       Answer = "paused"
	OutOfTraffic Answer = "no-traffic"
)

// Attempt is what is known of a live attempt.
type Attempt struct {
	// Target is the last record time at which it may commit.
	Target time.Time
	// Prepared says that there is a transaction, Signed that there is a signature of it.
	Prepared, Signed bool
	// Answer is of the last execution.
	Answer Answer
}

// Moment is when a decision is made.
type Moment struct {
	// Now is our own clock's time, and decides only what is worth trying.
	Now time.Time
	// RecordTime is how far the history of the attempt's synchronizer is ingested. It alone says that an attempt is dead.
	RecordTime time.Time
	// Frozen forbids to sign or submit anything.
	Frozen bool
}

// Step is what a worker does next.
type Step int

// The steps.
const (
	// Wait does nothing until later.
	Wait Step = iota
	// Prepare asks the registry and the node for a transaction over the attempt's holdings, checks and signs it.
	Prepare
	// Execute submits what was signed.
	Execute
	// Bury ends a dead attempt: its holdings are free, and the withdrawal is tried anew or fails.
	Bury
	// Drop ends an attempt of which nothing was submitted.
	Drop
)

// String names the step for logs.
func (s Step) String() string {
	switch s {
	case Prepare:
		return "prepare"
	case Execute:
		return "execute"
	case Bury:
		return "bury"
	case Drop:
		return "drop"
	case Wait:
		return "wait"
	default:
		return "wait"
	}
}

const (
	// leastTime is what must be left of an attempt for a submission to be worth its traffic.
	leastTime = time.Second
	// watch is how often a worker looks whether record time has passed.
	watch = time.Second
	// firstPause and longestPause bound the pauses between executions of the same bytes, and between tries to prepare.
	firstPause   = time.Second
	longestPause = 30 * time.Second
	// patience is how often a transfer may be refused before the withdrawal fails.
	patience = 3
)

// Next is what to do with a live attempt of a withdrawal in a state, and for Wait until when.
//
// Bury is returned only when history has passed the target: no answer of a node, no error and no time of our own clock
// leads to it.
func Next(state State, a Attempt, m Moment) (step Step, until time.Time) {
	switch state {
	case Reserved:
		return nextReserved(a, m)
	case Submitted:
		return nextSubmitted(a, m)
	case Requested, Offered, Completed, Failed:
		return Wait, m.Now.Add(longestPause)
	default:
		return Wait, m.Now.Add(longestPause)
	}
}

func nextReserved(a Attempt, m Moment) (Step, time.Time) {
	late := !m.Now.Before(a.Target.Add(-leastTime))

	switch {
	case late || m.Frozen:
		return Drop, time.Time{}
	case !a.Prepared:
		return Prepare, time.Time{}
	case a.Signed:
		return Execute, time.Time{}
	default: // a person signs
		return Wait, a.Target
	}
}

func nextSubmitted(a Attempt, m Moment) (Step, time.Time) {
	if m.RecordTime.After(a.Target) {
		return Bury, time.Time{}
	}

	if late := !m.Now.Before(a.Target.Add(-leastTime)); late {
		return Wait, m.Now.Add(watch)
	}

	if m.Frozen {
		return Wait, earlier(a.Target, m.Now.Add(longestPause))
	}

	switch a.Answer {
	case Rejected, Committed:
		// The one will not get better, the other is there. Either way history has the word.
		return Wait, a.Target
	case PrepareAgain:
		return Prepare, time.Time{}
	case Unanswered, Accepted, Unknown, RetrySame, Paused, OutOfTraffic:
		return Execute, time.Time{}
	default:
		return Execute, time.Time{}
	}
}

// Pause is how long to wait before the n-th repetition, counted from 1.
func Pause(n int) time.Duration {
	pause := firstPause
	for ; n > 1 && pause < longestPause; n-- {
		pause *= 2
	}

	return min(pause, longestPause)
}

// IsRefusal reports whether a reason is a refusal of this very transfer, by the token or its registry.
func IsRefusal(reason Reason) bool { return reason == RefusedByRegistry || reason == Refused }

// Judge says what becomes of a withdrawal whose payment could not be prepared, for the try-th time in a row, refused so
// often in all: it fails for good with a reason, or goes back and is tried again after a pause. Nothing that is wrong
// with the node, the registry or ourselves makes it fail.
func Judge(reason Reason, try, refusals int) (final Reason, pause time.Duration) {
	switch {
	case reason == NoPreapproval:
		return NoPreapproval, 0
	case reason == RefusedByRegistry && refusals >= patience:
		return RefusedByRegistry, 0
	case reason == Refused && refusals >= patience:
		return RefusedByToken, 0
	default:
		return "", Pause(try)
	}
}

// AfterDeath is what becomes of a withdrawal whose attempt is dead: it is tried anew, or fails when the policy allows
// no more. A transfer to oneself is not tried anew: the next plan makes a better one.
func AfterDeath(kind Kind, deaths, most int) (State, Reason) {
	switch {
	case kind == Internal:
		return Failed, Superseded
	case deaths >= most:
		return Failed, AttemptsExhausted
	default:
		return Requested, ""
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}

	return b
}
