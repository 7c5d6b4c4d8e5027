package books

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// Record books one update's effects and moves the grounds forward. An error means that the effects contradict
// themselves, and that nothing of the update may be stored.
func Record(u Update, e txhistory.Effects, g *Grounds) (Entries, error) {
	changes, err := changesOf(e)
	if err != nil {
		return Entries{}, err
	}

	r := &recorder{update: u, effects: e, grounds: g, targets: make([]target, len(e.Transfers)), changes: changes}

	for i, t := range e.Transfers {
		r.at = i

		switch t.Direction {
		case txhistory.In:
			r.targets[i], err = r.deposit(t, changes[i])
		case txhistory.Out:
			r.targets[i], err = r.withdrawal(t, changes[i])
		case txhistory.Self:
			r.targets[i], err = target{kind: Fees}, r.internal(t)
		}

		if err != nil {
			return Entries{}, fmt.Errorf("transfer at node %d: %w", t.Node, err)
		}
	}

	r.post()

	if err := r.reportUnrecognized(); err != nil {
		return Entries{}, err
	}

	if err := r.reportHoldings(); err != nil {
		return Entries{}, err
	}

	return r.entries, nil
}

// target is the account on the exchange's side of a movement.
type target struct {
	kind    AccountKind
	account string
}

type recorder struct {
	update  Update
	effects txhistory.Effects
	grounds *Grounds
	// targets holds, per transfer, where its money goes or comes from.
	targets []target
	// changes holds, per transfer, what it did to the holdings of its token.
	changes []amount.Amount
	// at is the transfer that is being booked, by its place among the update's transfers. Node ids would not do for
	// names that last: recorded data shows that another node may number the same events otherwise.
	at int
	// refunds are the withdrawals that the update ends without paying them.
	refunds []Withdrawal
	entries Entries
}

// post writes a movement of two lines for every movement of money: the network gives, an account takes, or the
// other way round. Then it writes one for every withdrawal whose money goes back to where it was.
func (r *recorder) post() {
	for i, m := range r.effects.Movements {
		r.move(ByLedger, i, m.Instrument, m.Change, target{kind: Network}, r.targetOf(m))
	}

	for i, w := range r.refunds {
		from, to := w.paidFrom(), w.fundedFrom()
		r.move(ByRefund, len(r.effects.Movements)+i, w.Instrument, w.Amount, from, to)
	}
}

// move writes a movement's two lines.
func (r *recorder) move(
	origin PostingOrigin, movement int, instrument ident.Instrument, moved amount.Amount, from, to target,
) {
	line := Posting{Origin: origin, Movement: movement, Instrument: instrument}

	for i, side := range []target{from, to} {
		line.Line, line.Kind, line.Account, line.Amount = i, side.kind, side.account, moved
		if i == 0 {
			line.Amount = moved.Neg()
		}

		r.entries.Postings = append(r.entries.Postings, line)
	}
}

func (r *recorder) targetOf(m txhistory.Movement) target {
	switch m.Kind {
	case txhistory.MoveTransfer:
		return r.targetOfTransfer(m)
	case txhistory.MoveFee, txhistory.MoveMergeSplit:
		return target{kind: Fees}
	case txhistory.MoveMint:
		return target{kind: Income}
	case txhistory.MoveBurn, txhistory.MoveExpireDust:
		return target{kind: Losses}
	case txhistory.MoveOpening:
		return target{kind: Opening}
	case txhistory.MoveUnrecognized:
		return target{kind: UnrecognizedMoney}
	default:
		return target{kind: UnrecognizedMoney}
	}
}

// targetOfTransfer books a transfer's money where the transfer says, unless it flows against the transfer's own
// direction or before the transfer is complete, or is no money of its token: then nothing is known about it but
// that it is there. All money of a transfer goes to one account, so that the account and the deposit agree.
func (r *recorder) targetOfTransfer(m txhistory.Movement) target {
	if m.Transfer < 0 || m.Transfer >= len(r.effects.Transfers) {
		return target{kind: UnrecognizedMoney}
	}

	t := r.effects.Transfers[m.Transfer]

	expected := map[txhistory.Direction]int{txhistory.In: 1, txhistory.Out: -1, txhistory.Self: 0}[t.Direction]
	asTold := r.changes[m.Transfer].Sign() == expected && t.Status == txhistory.Completed && m.Instrument == t.Instrument

	if expected != 0 && !asTold {
		return target{kind: UnrecognizedMoney}
	}

	return r.targets[m.Transfer]
}

// changesOf is what each transfer did to the party's holdings of its token.
func changesOf(e txhistory.Effects) ([]amount.Amount, error) {
	changes := make([]amount.Amount, len(e.Transfers))

	for _, m := range e.Movements {
		i := m.Transfer
		if m.Kind != txhistory.MoveTransfer || i < 0 || i >= len(changes) || m.Instrument != e.Transfers[i].Instrument {
			continue
		}

		sum, err := changes[i].Add(m.Change)
		if err != nil {
			return nil, fmt.Errorf("transfer at node %d: %w", m.Node, err)
		}

		changes[i] = sum
	}

	return changes, nil
}
