package utxo

import (
	"errors"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
)

// Waiting is a withdrawal that has no inputs yet.
type Waiting struct {
	Amount amount.Amount
	// Since is when it began to wait, by the clock of the pool's time.
	Since time.Time
	// Overtaken is how often it was passed in earlier turns.
	Overtaken int
	// Merging is the sum of the merges for it that are under way. While there are any, no more are planned.
	Merging amount.Amount
}

// Verdict is what a turn has for one waiting withdrawal: a selection, or the reason that there is none.
type Verdict struct {
	Selection Selection
	// Shortage is nil for a withdrawal that is served.
	Shortage *ShortageError
	// Overtaken is how often it has been passed, this turn included: the value to store.
	Overtaken int
	// Merges are the self-transfers that it needs first. Their inputs are taken for them in this turn.
	Merges []Transfer
}

// Turn is what can be done now for the withdrawals that wait.
type Turn struct {
	// Verdicts stand in the order of the withdrawals.
	Verdicts []Verdict
	// Rest is the pool without what was selected, merged or kept in this turn: what may be shaped.
	Rest *Pool
}

// Serve goes through the waiting withdrawals of the pool's token in their order and selects holdings for each that can
// be paid from what those before it leave. One that cannot be paid yet is passed by those behind it as often as is
// fair; from then on what it needs is kept for it. Merges that a withdrawal needs are planned at once, due or not.
func (p *Pool) Serve(waiting []Waiting, fairness Fairness) (Turn, error) {
	if err := fairness.check(); err != nil {
		return Turn{}, err
	}

	t := turn{
		waiting: waiting, fairness: fairness, rest: p.clone(),
		verdicts: make([]Verdict, len(waiting)), keeps: make([]bool, len(waiting)),
	}

	for i := range waiting {
		if err := t.next(i); err != nil {
			return Turn{}, err
		}
	}

	// What the others still need is not shaped either, and dust that nobody needs is swept.
	for _, i := range t.blocked {
		t.keep(i)
	}

	t.sweep()

	return Turn{Verdicts: t.verdicts, Rest: t.rest}, nil
}

type turn struct {
	waiting  []Waiting
	fairness Fairness
	verdicts []Verdict
	rest     *Pool
	// blocked are the withdrawals so far that are not served; those that keep holdings are no longer overtaken.
	blocked []int
	keeps   []bool
}

// next serves one withdrawal, or finds out why not.
func (t *turn) next(i int) error {
	w, v := t.waiting[i], &t.verdicts[i]
	v.Overtaken = w.Overtaken

	places, err := t.rest.pick(w.Amount)
	if err == nil {
		v.Selection = t.rest.selection(places)
		t.rest.hold(places, reserved)
		t.overtake()

		return nil
	}

	shortage, ok := errors.AsType[*ShortageError](err)
	if !ok {
		return err
	}

	v.Shortage = shortage

	if shortage.Reason == NeedsMerge && w.Merging.Sign() <= 0 {
		v.Merges = shortage.Merges
		batches := t.rest.batches(unitsOf(w.Amount), len(t.rest.free))
		t.rest.hold(slices.Concat(batches...), reserved)
		t.overtake()
	}

	t.blocked = append(t.blocked, i)
	t.keepIfDue(i)

	return nil
}

// overtake counts that those who are blocked have been passed, by a payment or by the merges for one.
func (t *turn) overtake() {
	for _, i := range t.blocked {
		if !t.keeps[i] {
			t.verdicts[i].Overtaken++
			t.keepIfDue(i)
		}
	}
}

func (t *turn) keepIfDue(i int) {
	waited := t.rest.at.Sub(t.waiting[i].Since)
	if t.verdicts[i].Overtaken >= t.fairness.MaxOvertaken || (t.fairness.MaxWait > 0 && waited >= t.fairness.MaxWait) {
		t.keep(i)
	}
}

// keep sets aside the largest holdings that cover what a blocked withdrawal still needs, or all there are, if its money
// is in the treasury or it waits for money to come.
func (t *turn) keep(i int) {
	if t.keeps[i] || !(t.fairness.HoldUnfunded || t.funded(i)) {
		return
	}

	t.keeps[i] = true

	end := len(t.rest.free)
	t.rest.hold(span(t.rest.largest(t.missing(i), end), end), kept)
}

// missing is what a withdrawal needs beside the merges for it.
func (t *turn) missing(i int) units {
	missing := unitsOf(t.waiting[i].Amount)
	if under := t.waiting[i].Merging; under.Sign() > 0 {
		missing = missing.minus(unitsOf(under))
	}

	for _, m := range t.verdicts[i].Merges {
		missing = missing.minus(unitsOf(m.Amount))
	}

	return missing
}

// funded is whether spendable and reserved holdings cover a withdrawal. What is locked may wait for a customer for days
// and will most likely leave, so it is no reason to hold up others.
func (t *turn) funded(i int) bool {
	there := t.rest.spendable().plus(t.rest.hidden[reserved])

	return !there.less(unitsOf(t.waiting[i].Amount))
}

// sweep gives dust that is left to the payments, in their order.
func (t *turn) sweep() {
	for i := range t.verdicts {
		v := &t.verdicts[i]
		if v.Shortage == nil {
			t.rest.hold(t.rest.sweepInto(&v.Selection, t.waiting[i].Amount, nil), reserved)
		}
	}
}
