package txhistory

import (
	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// bookStep turns one step into a transfer and its movements, and returns the status that the holdings leave of
// what the registry says.
func (p *parser) bookStep(s *step, net *balance, status Status, next ident.ContractID) Status {
	m := &match{node: s.node}
	p.matches = append(p.matches, m)

	m.transfers = []Transfer{{
		Node: s.node, Direction: s.direction, Status: status, Evidence: s.evidence,
		Sender: s.transfer.Sender, Receiver: s.transfer.Receiver, Instrument: s.transfer.Instrument,
		Amount: s.transfer.Amount, Memo: s.transfer.Meta.Memo(), Correlation: s.correlation,
		Instruction: s.instruction, Next: next,
		RequestedAt: &s.transfer.RequestedAt, ExecuteBefore: &s.transfer.ExecuteBefore,
	}}

	t := &m.transfers[0]
	if s.evidence == ByFactory {
		t.Reference = s.transfer.Meta.Withdrawal()
	}

	if t.Correlation == "" && next != "" {
		t.Correlation = p.correlation(next)
	}

	own := net.of(s.transfer.Instrument)
	if change, ok := own.amount(); ok {
		switch s.direction {
		case In:
			p.bookIn(m, t, change)
		case Out:
			p.bookOut(m, s, t, change)
		case Self:
			p.bookRest(m, MoveFee, t.Instrument, change)
		}
	}

	for i := range net.entries {
		e := &net.entries[i]
		if change, ok := e.total.amount(); !ok {
			if s.direction == In && e.instrument == t.Instrument {
				t.Status = Failed // nothing that could be credited
			}

			p.bookOverflow(m, e.instrument, s.changes)
		} else if e.instrument != t.Instrument && !change.IsZero() {
			p.problem(m.node, ProblemAmount, "the transfer of %s also changes %s by %s",
				quoted(t.Instrument.String()), quoted(e.instrument.String()), change)
			m.move(MoveUnrecognized, e.instrument, change, -1)
		}
	}

	return t.Status
}

// correlation names the chain that an instruction created here belongs to.
func (p *parser) correlation(contract ident.ContractID) ident.ContractID {
	if at, ok := p.openedOf[contract]; ok {
		return p.opened[at].instruction.Correlation(contract)
	}

	return contract
}

// bookIn credits what arrived, not what was announced.
func (p *parser) bookIn(m *match, t *Transfer, change amount.Amount) {
	if t.Status != Completed {
		if !change.IsZero() {
			p.problem(m.node, ProblemAmount, "an incoming transfer that is %s changes the holdings by %s", t.Status, change)
			m.move(MoveUnrecognized, t.Instrument, change, -1)
		}

		return
	}

	if !change.Equal(t.Amount) {
		p.problem(m.node, ProblemAmount, "an incoming transfer of %s changes the holdings by %s", t.Amount, change)
	}

	if change.Sign() > 0 {
		t.Amount = change
		m.move(MoveTransfer, t.Instrument, change, 0)

		return
	}

	// Nothing came: whatever the registry calls it, there is nothing to credit.
	t.Status = Failed

	m.move(MoveUnrecognized, t.Instrument, change, -1)
}

// bookOut splits what left into the transfer and what was burned on the way.
func (p *parser) bookOut(m *match, s *step, t *Transfer, change amount.Amount) {
	left := change.Neg()
	sent := t.Status == Completed || t.Status == Pending && left.Cmp(t.Amount) >= 0 && !p.locks(s)

	switch {
	case sent && left.Cmp(t.Amount) >= 0:
		rest, err := left.Sub(t.Amount)
		if err != nil { // both are in range and positive
			return
		}

		m.move(MoveTransfer, t.Instrument, t.Amount.Neg(), 0)
		m.move(MoveFee, t.Instrument, rest.Neg(), 0)
	case sent && left.Sign() > 0:
		p.problem(m.node, ProblemAmount, "an outgoing transfer of %s takes just %s of the holdings", t.Amount, left)
		m.move(MoveTransfer, t.Instrument, change, 0)
	case sent:
		p.problem(m.node, ProblemAmount, "an outgoing transfer of %s changes the holdings by %s", t.Amount, change)
		p.bookRest(m, MoveFee, t.Instrument, change)
	case left.Sign() < 0 && change.Cmp(t.Amount) <= 0 && t.Status != Pending:
		// A registry that takes the money with the offer instead of locking it gives it back.
		m.move(MoveTransfer, t.Instrument, change, 0)
	default:
		p.bookRest(m, MoveFee, t.Instrument, change)
	}
}

// locks reports whether a step created a locked holding that covers its transfer, as offers do.
func (p *parser) locks(s *step) bool {
	for _, c := range s.changes {
		h := &p.changes[c].holding
		if p.changes[c].gain && h.Lock != nil && h.Instrument == s.transfer.Instrument &&
			h.Amount.Cmp(s.transfer.Amount) >= 0 {
			return true
		}
	}

	return false
}

// bookRest books a change that is a loss of the given kind; a gain has no explanation.
func (p *parser) bookRest(m *match, loss MovementKind, instrument ident.Instrument, change amount.Amount) {
	kind := loss

	transfer := -1
	if kind == MoveFee && len(m.transfers) > 0 {
		transfer = 0
	}

	if change.Sign() > 0 {
		p.problem(m.node, ProblemAmount, "the holdings of %s grow by %s, which this cannot explain",
			quoted(instrument.String()), change)

		kind, transfer = MoveUnrecognized, -1
	}

	m.move(kind, instrument, change, transfer)
}

// bookOverflow books changes of an instrument one by one where their sum is no amount any more.
func (p *parser) bookOverflow(m *match, instrument ident.Instrument, changes []int) {
	p.problem(m.node, ProblemAmount, "the changes of %s are too large to be summed", quoted(instrument.String()))

	for _, c := range changes {
		if p.changes[c].holding.Instrument != instrument {
			continue
		}

		change := p.changes[c].holding.Amount
		if !p.changes[c].gain {
			change = change.Neg()
		}

		m.move(MoveUnrecognized, instrument, change, -1)
	}
}

// bookOffers turns instructions that no step accounts for into pending transfers: an offer that arrives, or the
// next stage of one.
func (p *parser) bookOffers() {
	covered := make(map[ident.ContractID]bool)

	for _, m := range p.matches {
		for _, t := range m.transfers {
			covered[t.Next] = true
		}
	}

	for _, o := range p.opened {
		t := o.instruction.Transfer
		if covered[o.contract] || o.step != nil && !o.step.forged && sameTransfer(o.step.transfer, t) {
			continue
		}

		node := p.events[o.event].Node
		p.matches = append(p.matches, &match{node: node, transfers: []Transfer{{
			Node: node, Direction: p.direction(t), Status: Pending, Evidence: ByInstruction,
			Sender: t.Sender, Receiver: t.Receiver, Instrument: t.Instrument, Amount: t.Amount, Memo: t.Meta.Memo(),
			Reference: t.Meta.Withdrawal(), Correlation: o.instruction.Correlation(o.contract), Next: o.contract,
			RequestedAt: &t.RequestedAt, ExecuteBefore: &t.ExecuteBefore,
		}}})
	}
}
