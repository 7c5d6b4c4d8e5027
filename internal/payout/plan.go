package payout

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/utxo"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// planning decides which holdings pay which withdrawals of one token. It has no effects.
type planning struct {
	policy     withdrawal.Policy
	party      ident.Party
	instrument ident.Instrument
	clocks     map[ident.SynchronizerID]time.Time
	now        time.Time
	// maxLag is how far a synchronizer's history may be behind for its holdings to be spent.
	maxLag time.Duration
	// newID names a transfer of the treasury to itself.
	newID func() (string, error)
	// room is how many payments can be taken up now.
	room  int
	shape bool

	// unexplained is set when a part of the holdings could not pay something: whether the whole can is not known.
	unexplained bool

	plan store.Plan
	turn store.Turn
	// values are what holdings hold; made when it is first asked for.
	values map[ident.ContractID]amount.Amount
	// notes are why a withdrawal is not served, of the synchronizer that was tried first.
	notes map[string]store.WaitingNote
}

// Pauses of withdrawals that cannot be paid, so that they do not stand in the view of those behind them for ever. They
// are longer where more wait than one turn looks at.
const (
	insufficientPause = 2 * time.Second
	busyPause         = 200 * time.Millisecond
	crowded           = 5 // times as long
)

// decide goes through the synchronizers on which the token lives, the one with the most of it first. What cannot be
// paid on one may be on the next: a transfer spends holdings of one alone.
func (p *planning) decide(t store.Turn) (store.Plan, error) {
	p.plan, p.notes, p.turn = store.Plan{}, map[string]store.WaitingNote{}, t

	if t.Barrier != nil {
		return p.held(withdrawal.DatabaseRestored, "until history is past "+t.Barrier.UTC().Format(time.RFC3339)), nil
	}

	waiting := p.payable(t.Waiting)

	for i, synchronizer := range p.synchronizers(t.Holdings) {
		pool, err := utxo.NewPool(utxo.Scope{Instrument: p.instrument, Synchronizer: synchronizer}, p.policy.Rules(),
			p.clocks[synchronizer], t.Holdings)
		if err != nil {
			return store.Plan{}, fmt.Errorf("pool of %s: %w", p.instrument, err)
		}

		rest, turn, err := p.serve(pool, synchronizer, waiting, i == 0)
		if err != nil {
			return store.Plan{}, err
		}

		waiting = rest

		// Only when everything that waits was looked at is the rest free to be shaped.
		if p.shape && !t.More && i == 0 {
			transfers, err := turn.Rest.Plan(p.policy.Shape(), t.Coming)
			if err != nil {
				return store.Plan{}, fmt.Errorf("shape the pool of %s: %w", p.instrument, err)
			}

			if err := p.transfers(synchronizer, transfers, ""); err != nil {
				return store.Plan{}, err
			}
		}
	}

	for _, w := range waiting {
		note, ok := p.notes[w.ID]
		if !ok { // no synchronizer is in question
			note = store.WaitingNote{ID: w.ID, Reason: withdrawal.Insufficient, Overtaken: w.Overtaken}
			if len(t.Holdings) > 0 {
				note.Reason = withdrawal.IngestionBehind
			}
		}

		note.NextAt = p.again(note.Reason)
		p.plan.Notes = append(p.plan.Notes, note)
		p.unexplained = p.unexplained || t.Partial
	}

	return p.plan, nil
}

// payable are those that may be paid at all.
func (p *planning) payable(list []store.WaitingWithdrawal) []store.WaitingWithdrawal {
	return slices.DeleteFunc(slices.Clone(list), func(w store.WaitingWithdrawal) bool {
		if w.Returned {
			p.plan.Notes = append(p.plan.Notes, store.WaitingNote{
				ID: w.ID, Reason: withdrawal.ReturnedOtherwise, Overtaken: w.Overtaken, NextAt: p.now.Add(standstillPause),
			})
		}

		return w.Returned
	})
}

// synchronizers are those with holdings of the token, the one with the most first, whose history is not far behind.
func (p *planning) synchronizers(holdings []utxo.Holding) []ident.SynchronizerID {
	totals := map[ident.SynchronizerID]amount.Total{}

	for _, h := range holdings {
		if at, known := p.clocks[h.Synchronizer]; known && p.now.Sub(at) <= p.maxLag {
			totals[h.Synchronizer] = totals[h.Synchronizer].Plus(h.Amount)
		}
	}

	list := make([]ident.SynchronizerID, 0, len(totals))
	for id := range totals {
		list = append(list, id)
	}

	slices.SortFunc(list, func(a, b ident.SynchronizerID) int {
		return cmp.Or(totals[b].Cmp(totals[a]), cmp.Compare(a, b))
	})

	return list
}

// serve takes what can be paid on one synchronizer, and returns what is left.
func (p *planning) serve(
	pool *utxo.Pool, synchronizer ident.SynchronizerID, waiting []store.WaitingWithdrawal, first bool,
) ([]store.WaitingWithdrawal, utxo.Turn, error) {
	asked := make([]utxo.Waiting, len(waiting))
	for i, w := range waiting {
		asked[i] = w.Waiting
	}

	turn, err := pool.Serve(asked, p.policy.Fairness())
	if err != nil {
		return nil, utxo.Turn{}, fmt.Errorf("serve withdrawals of %s: %w", p.instrument, err)
	}

	var rest []store.WaitingWithdrawal

	for i, verdict := range turn.Verdicts {
		w := waiting[i]

		if verdict.Shortage == nil {
			if err := p.pay(w.ID, verdict.Selection, synchronizer); err != nil {
				return nil, utxo.Turn{}, err
			}

			continue
		}

		rest = append(rest, w)

		if first {
			p.notes[w.ID] = p.note(w.ID, verdict)
		}

		if err := p.transfers(synchronizer, verdict.Merges, w.ID); err != nil {
			return nil, utxo.Turn{}, err
		}
	}

	return rest, turn, nil
}

// pay adds a payment while there is room; without room the withdrawal simply waits for the next turn.
func (p *planning) pay(id string, chosen utxo.Selection, synchronizer ident.SynchronizerID) error {
	if p.room <= 0 {
		return nil
	}

	p.room--

	total, err := chosen.Total.Amount()
	if err != nil {
		return fmt.Errorf("inputs of withdrawal %s: %w", id, err)
	}

	p.plan.Payments = append(p.plan.Payments, store.Payment{
		ID: id, Inputs: chosen.Inputs, Total: total, Synchronizer: synchronizer, Target: p.target(synchronizer),
	})

	return nil
}

// target is the last record time of an attempt that begins now: ahead of our clock and of the ledger's.
func (p *planning) target(synchronizer ident.SynchronizerID) time.Time {
	from := p.now
	if at := p.clocks[synchronizer]; at.After(from) {
		from = at
	}

	return from.Add(p.policy.Window).Truncate(time.Microsecond).UTC()
}

// transfers adds transfers of the treasury to itself, which are worth less than payments: only while there is room.
func (p *planning) transfers(synchronizer ident.SynchronizerID, list []utxo.Transfer, serves string) error {
	for _, t := range list {
		if p.room <= 0 {
			return nil
		}

		p.room--

		total, err := p.worth(t.Inputs)
		if err != nil {
			return fmt.Errorf("inputs of a transfer to oneself: %w", err)
		}

		id, err := p.newID()
		if err != nil {
			return err
		}

		p.plan.Internal = append(p.plan.Internal, store.Payment{
			ID: id, Inputs: t.Inputs, Total: total, Synchronizer: synchronizer, Target: p.target(synchronizer),
			Amount: t.Amount, Purpose: t.Purpose, Serves: serves,
		})
	}

	return nil
}

// worth is what these holdings hold.
func (p *planning) worth(inputs []ident.ContractID) (amount.Amount, error) {
	if p.values == nil {
		p.values = make(map[ident.ContractID]amount.Amount, len(p.turn.Holdings))
		for _, h := range p.turn.Holdings {
			p.values[h.Contract] = h.Amount
		}
	}

	var sum amount.Total
	for _, id := range inputs {
		sum = sum.Plus(p.values[id])
	}

	return sum.Amount()
}

// held is a plan that pays nothing, for one reason.
func (p *planning) held(reason withdrawal.Reason, detail string) store.Plan {
	var plan store.Plan

	for _, w := range p.turn.Waiting {
		plan.Notes = append(plan.Notes, store.WaitingNote{
			ID: w.ID, Reason: reason, Detail: detail, Overtaken: w.Overtaken, NextAt: p.now.Add(standstillPause),
		})
	}

	return plan
}

// again is when a withdrawal that cannot be paid is looked at again. What only a part of the pool could not pay is
// looked at with the whole, at once.
func (p *planning) again(reason withdrawal.Reason) time.Time {
	pause := busyPause

	switch {
	case p.turn.Partial:
		return p.now
	case reason == withdrawal.Insufficient || reason == withdrawal.IngestionBehind:
		pause = insufficientPause
	}

	if p.turn.More {
		pause *= crowded
	}

	return p.now.Add(pause)
}

func (p *planning) note(id string, v utxo.Verdict) store.WaitingNote {
	n := store.WaitingNote{ID: id, Detail: v.Shortage.Error(), Overtaken: v.Overtaken}

	switch v.Shortage.Reason {
	case utxo.Insufficient:
		n.Reason = withdrawal.Insufficient
	case utxo.HeldBack:
		n.Reason = withdrawal.HoldingsBusy
	case utxo.NeedsMerge:
		n.Reason = withdrawal.NeedsMerge
	case utxo.Queued:
		n.Reason = withdrawal.Queued
	default:
		n.Reason = withdrawal.HoldingsBusy
	}

	return n
}
