package txhistory

import (
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/token"
)

// step is one step of a transfer that says what it is: an exercise of a TransferFactory with the party as sender
// or receiver, or a choice on an instruction of the party that consumes it. Everything in its subtree that no
// other step claims belongs to it.
type step struct {
	event, end int
	node       ident.NodeID
	direction  Direction
	evidence   Evidence
	transfer   token.Transfer
	choice     string
	// standard is set for choices of the standard's interfaces, whose results say how the step ended.
	standard    bool
	correlation ident.ContractID
	instruction ident.ContractID
	consumed    []InstructionClosed
	changes     []int
	// opened is the last instruction that the step created and that is still open; -1 if there is none.
	opened int
	// forged steps are in the party's name, and not believed.
	forged bool
}

// recognize returns a new step if event i is one. The same transfer may appear again inside a step: V2 choices
// call V1's, a registry's accept may go through its factory. Those are no steps of their own.
func (p *parser) recognize(i int, around *step) *step {
	x := p.events[i].Exercised

	var s *step

	if token.IsTransferFactory(x.Interface) && x.Choice == token.ChoiceTransfer {
		s = p.recognizeFactory(i)
	}

	if s == nil && (x.Consuming || token.IsTransferInstruction(x.Interface)) {
		s = p.recognizeInstruction(i, around)
	}

	if s == nil || around != nil && sameTransfer(around.transfer, s.transfer) {
		return nil
	}

	s.event, s.end, s.node, s.choice, s.opened = i, p.end[i], p.events[i].Node, x.Choice, -1
	s.direction = p.direction(s.transfer)

	return s
}

func (p *parser) direction(t token.Transfer) Direction {
	switch {
	case t.Sender == t.Receiver:
		return Self
	case t.Sender == p.party:
		return Out
	default:
		return In
	}
}

func (p *parser) recognizeFactory(i int) *step {
	x := p.events[i].Exercised

	transfer, err := token.DecodeTransferArgument(x.Argument)
	if err != nil {
		if slices.Contains(x.Actors, p.party) {
			p.problem(p.events[i].Node, ProblemInstruction, "the party's transfer cannot be read: %.300s", err)
		}

		return nil
	}

	if !concerns(p.party, transfer) {
		return nil
	}

	return &step{transfer: transfer, evidence: ByFactory, standard: true}
}

func (p *parser) recognizeInstruction(i int, around *step) *step {
	x := p.events[i].Exercised

	// In V2 the choice does not consume the instruction itself: something below it does.
	consumed, ok := p.consumer[x.Contract]
	if !ok || consumed < i || consumed > p.end[i] {
		return nil
	}

	instruction, ok := p.instruction(x.Contract)
	if !ok {
		return nil
	}

	s := &step{
		transfer: instruction.Transfer, evidence: ByInstruction, standard: token.IsTransferInstruction(x.Interface),
		correlation: instruction.Correlation(x.Contract), instruction: x.Contract,
	}

	if owner := p.stepOf[x.Contract]; owner != nil {
		return nil
	}

	if around != nil && sameTransfer(around.transfer, s.transfer) {
		p.stepOf[x.Contract] = around
	} else {
		p.stepOf[x.Contract] = s
	}

	return s
}

// consume notes that a step has ended an instruction contract. There always is a step: event i made one, or the
// one around it describes the same transfer.
func (p *parser) consume(i int, instruction token.Instruction, around *step) {
	x := p.events[i].Exercised
	choice := x.Choice

	s := p.stepOf[x.Contract]
	if s == nil {
		s = around
	}

	if s.instruction == x.Contract {
		choice = s.choice
	}

	s.consumed = append(s.consumed, InstructionClosed{
		Node: p.events[i].Node, Contract: x.Contract, Instruction: instruction, Choice: choice,
	})
}

// bookSteps turns the steps into transfers, movements and closed instructions.
func (p *parser) bookSteps() {
	for _, s := range p.steps {
		if s.forged = p.forged(s); s.forged {
			p.problem(s.node, ProblemInstruction, "a transfer in the party's name that it did not make and that moved nothing")

			continue
		}

		net := p.net(s.changes)
		status, next := p.outcome(s, net)
		status = p.bookStep(s, net, status, next)

		for _, closed := range s.consumed {
			closed.Status, closed.Next = status, next
			p.closed = append(p.closed, closed)
		}
	}
}

// forged reports whether a factory was exercised in the party's name without the party and without its money. In V2
// a registry alone decides whose name may be used, and any registry can be asked for any other's token: believing
// it would end a withdrawal that was never paid.
func (p *parser) forged(s *step) bool {
	return s.evidence == ByFactory && s.direction != In && len(s.changes) == 0 && len(s.consumed) == 0 &&
		!slices.Contains(p.events[s.event].Exercised.Actors, p.party)
}

// net sums changes per instrument.
func (p *parser) net(changes []int) *balance {
	b := new(balance)

	for _, c := range changes {
		t := b.of(p.changes[c].holding.Instrument)
		if p.changes[c].gain {
			t.add(p.changes[c].holding.Amount)
		} else {
			t.sub(p.changes[c].holding.Amount)
		}
	}

	return b
}

// outcome tells how a step ended, and what the transfer waits on if it is pending.
func (p *parser) outcome(s *step, net *balance) (Status, ident.ContractID) {
	if !s.standard {
		return p.outcomeByEffects(s, net)
	}

	result, err := token.DecodeResult(p.events[s.event].Exercised.Result)
	if err != nil {
		p.problem(s.node, ProblemInstruction, "result of %s cannot be read: %.300s", quoted(s.choice), err)

		return p.outcomeByEffects(s, net)
	}

	switch result.Outcome {
	case token.OutcomeCompleted:
		return Completed, ""
	case token.OutcomePending:
		p.checkNext(s, result.Next)

		return Pending, result.Next
	case token.OutcomeFailed:
	}

	return p.failure(s, net), ""
}

// failure names how a step ended that its result calls failed. A registry's word does not make a payment refundable
// whose money is gone: a doubt is decided against paying twice.
func (p *parser) failure(s *step, net *balance) Status {
	if s.direction == Out && lost(*net.of(s.transfer.Instrument), s.transfer.Amount) {
		p.problem(s.node, ProblemInstruction, "%s is said to have failed while the money left: it counts as sent",
			quoted(s.choice))

		return Completed
	}

	switch s.choice {
	case token.ChoiceReject:
		return Rejected
	case token.ChoiceWithdraw:
		return Withdrawn
	case token.ChoiceUpdate:
		if !p.tx.RecordTime.Before(s.transfer.ExecuteBefore) {
			return Expired
		}
	}

	return Failed
}

// checkNext verifies that a pending transfer goes on with the contract that its result names, unchanged.
func (p *parser) checkNext(s *step, next ident.ContractID) {
	at, ok := p.openedOf[next]
	if !ok {
		p.problem(s.node, ProblemInstruction, "the transfer waits on instruction %s, which cannot be seen", next)

		return
	}

	to := p.opened[at].instruction.Transfer
	if !sameTransfer(s.transfer, to) || !to.ExecuteBefore.Equal(s.transfer.ExecuteBefore) ||
		!sameMemo(to.Meta.Memo(), s.transfer.Meta.Memo()) {
		p.problem(s.node, ProblemInstruction, "instruction %s goes on with another transfer than it came from", next)
	}
}

// sameMemo compares memos as far as the database keeps them: one of the two may come from there.
func sameMemo(a, b *string) bool {
	return (a == nil) == (b == nil) && (a == nil || memo.Stored(*a) == memo.Stored(*b))
}

// outcomeByEffects tells how a step ended that does not say so in the standard's words, such as an instruction
// consumed by a choice of its template: from what moved. A doubt is decided against paying twice: money that
// left counts as sent.
func (p *parser) outcomeByEffects(s *step, net *balance) (Status, ident.ContractID) {
	own := *net.of(s.transfer.Instrument)

	if next := p.continuation(s); next != "" {
		return Pending, next
	}

	switch s.direction {
	case In:
		if own.sign() > 0 {
			return Completed, ""
		}
	case Self:
		if len(s.changes) > 0 {
			return Completed, ""
		}
	case Out:
		if lost(own, s.transfer.Amount) {
			return Completed, ""
		}

		if lost(*p.netOfRoot(s.event).of(s.transfer.Instrument), s.transfer.Amount) {
			p.problem(s.node, ProblemInstruction, "%s ended the offer while the money left: it counts as sent",
				quoted(s.choice))

			return Completed, ""
		}
	}

	return Failed, ""
}

// continuation is the open instruction that continues a step's chain.
func (p *parser) continuation(s *step) ident.ContractID {
	if s.opened >= 0 {
		return p.opened[s.opened].contract
	}

	at, ok := p.continued[s.correlation]
	if !ok || !sameTransfer(p.opened[at].instruction.Transfer, s.transfer) {
		return ""
	}

	return p.opened[at].contract
}

// lost reports whether at least a went away.
func lost(net total, a amount.Amount) bool {
	net.add(a)

	return net.sign() <= 0
}

// netOfRoot is what the whole tree around an event changed.
func (p *parser) netOfRoot(event int) *balance {
	root := p.root[event]
	if b, ok := p.rootNets[root]; ok {
		return b
	}

	var changes []int

	for c := range p.changes {
		if p.root[p.changes[c].event] == root {
			changes = append(changes, c)
		}
	}

	if p.rootNets == nil {
		p.rootNets = make(map[int]*balance)
	}

	p.rootNets[root] = p.net(changes)

	return p.rootNets[root]
}
