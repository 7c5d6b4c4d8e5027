//go:generate go run ./draw ../../docs/deposits.md

package deposit

import "time"

// CaseState is how far a deposit is that was not credited when it arrived. The text is what the database stores.
type CaseState string

// The states of a case.
const (
	// Held waits for its time or a screening.
	Held CaseState = "held"
	// Open waits for a person.
	Open CaseState = "open"
	// Proposed waits for a second person.
	Proposed CaseState = "proposed"
	// Credited is final: an account has it.
	Credited CaseState = "credited"
	// Returning is on its way back to its sender.
	Returning CaseState = "returning"
	// Returned is final: its sender has it.
	Returned CaseState = "returned"
)

// CaseStates are all of them, in the order in which a case comes to them.
func CaseStates() []CaseState {
	return []CaseState{Held, Open, Proposed, Returning, Credited, Returned}
}

// Final reports whether a case in the state never changes again.
func (s CaseState) Final() bool { return s == Credited || s == Returned }

// CaseStep is a way from one state to another, and when it is gone.
type CaseStep struct {
	From, To CaseState
	By, When string
}

// CaseSteps are all steps that a case can take. The database refuses any other.
func CaseSteps() []CaseStep {
	const service, operator, second, history = "deposit", "operator", "second operator", "history"

	return []CaseStep{
		{Held, Credited, service, "Record time is past its release, and the screening has passed it where one is wanted."},
		{Held, Open, service, "Its account was disabled, its sender blocked, or the screening did not pass it."},
		{Held, Credited, operator, "An operator assigns it early."},
		{Held, Returning, operator, "An operator returns it."},
		{Held, Proposed, operator, "An operator decides, and its amount wants a second person."},
		{Open, Held, operator, "An operator has it screened again, which it has not passed."},
		{Open, Proposed, operator, "An operator decides, and its amount wants a second person."},
		{Open, Credited, operator, "An operator assigns it to an account."},
		{Open, Returning, operator, "An operator returns it."},
		{Proposed, Open, operator, "Anybody declines what was proposed."},
		{Proposed, Credited, second, "Another operator confirms the assignment."},
		{Proposed, Returning, second, "Another operator confirms the return."},
		{Returning, Returned, history, "The payment is on the ledger and, where it was an offer, accepted."},
		{Returning, Open, history, "The payment failed, or was cancelled: the money is back."},
	}
}

// AwaitsTime is why a deposit is held until a record time; ReturnFailed why one is open again.
const (
	AwaitsTime   Reason = "awaits_time"
	ReturnFailed Reason = "return_failed"
	// ReturnedBefore is open because history has its return, of which the database, put back to an earlier state, knows
	// nothing.
	ReturnedBefore Reason = "returned_before"
)

// HeldDeposit is one whose account is known and that is not credited yet.
type HeldDeposit struct {
	// ReleaseAt is the record time from which it may be credited.
	ReleaseAt time.Time
	// Reason is why it is held, as it was last decided.
	Reason Reason
}

// HeldGrounds are what its release rests on, as they are now.
type HeldGrounds struct {
	// Enabled says that its account still takes deposits.
	Enabled bool
	Blocked bool
	// Screens says that a screening service has the last word; Screening is what it said.
	Screens   bool
	Screening Screening
	// Now is the ledger's time: the record time up to which history is ingested.
	Now time.Time
}

// Release is what becomes of a held deposit: it is Credited, Open for a person, or stays Held, and why.
func Release(d HeldDeposit, g HeldGrounds) (CaseState, Reason) {
	switch {
	case !g.Enabled:
		return Open, DisabledMemo
	case g.Blocked:
		return Open, SenderBlocked
	}

	if s := screened(g.Screening); g.Screens && s.Verdict != Accept {
		if s.Reason == AwaitsScreening || s.Reason == ScreeningFailed {
			return Held, s.Reason
		}

		return Open, s.Reason
	}

	if g.Now.Before(d.ReleaseAt) {
		return Held, AwaitsTime
	}

	return Credited, AllRight
}
