package txhistory

import (
	"slices"
	"sort"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
)

// maxLooks bounds how often one change is looked at while explanations contradict it and the search goes inward,
// on average over the transaction. Honest transactions need two or three.
const maxLooks = 64

// infer explains the changes that nothing has claimed yet by what exercises around them say, the outermost first:
// the results of inner exercises repeat what the outer ones say.
func (p *parser) infer() {
	var open []int // unclaimed changes, by event

	for c := range p.changes {
		if !p.changes[c].claimed {
			open = append(open, c)
		}
	}

	var rest []int

	p.looks = maxLooks * len(open)

	for i := 0; len(open) > 0; {
		if p.end[i] < p.changes[open[0]].event {
			i = p.end[i] + 1 // nothing to explain in this subtree

			continue
		}

		inside := sort.Search(len(open), func(k int) bool { return p.changes[open[k]].event > p.end[i] })

		if p.explain(i, open[:inside]) {
			open = open[inside:]
			i = p.end[i] + 1

			continue
		}

		if p.changes[open[0]].event == i {
			rest = append(rest, open[0])
			open = open[1:]
		}

		i++
	}

	p.bookRests(rest)
}

// explain tries to explain all given changes, those of event i's subtree that are open, by event i alone. It
// declines if something inside explains them better.
func (p *parser) explain(i int, changes []int) bool {
	x := p.events[i].Exercised
	if x == nil || p.explicit[p.end[i]+1] > p.explicit[i] {
		return false
	}

	meta := token.DecodeResultMeta(x.Result)
	kind := meta.TxKind()

	switch {
	case kind == token.KindTransfer:
		return p.explainTransfer(i, changes, meta)
	case x.Interface.Is(token.AllocationV1) && x.Choice == token.ChoiceExecute:
		// Before the kinds: an allocation that a V2 settlement executes calls its debit a burn.
		return p.explainSettlement(i, changes)
	case x.Interface.Is(token.BurnMintFactoryV1) && x.Choice == token.ChoiceBurnMint:
		return p.explainKind(i, changes, MoveBurn, MoveMint)
	}

	switch kind {
	case token.KindMint:
		return p.explainKind(i, changes, "", MoveMint)
	case token.KindBurn:
		return p.explainKind(i, changes, MoveBurn, "")
	case token.KindExpireDust:
		return p.explainKind(i, changes, MoveExpireDust, "")
	case token.KindMergeSplit, token.KindUnlock:
		return p.explainKind(i, changes, MoveMergeSplit, "")
	case token.KindTransfer:
	}

	return false
}

// explainKind books losses and gains under the given kinds; no kind means that the exercise cannot explain them.
func (p *parser) explainKind(i int, changes []int, loss, gain MovementKind) bool {
	net := p.net(changes)
	if contradicted(net, loss != "", gain != "") && p.mayDecline(i, len(changes)) {
		return false
	}

	m := &match{node: p.events[i].Node}
	p.matches = append(p.matches, m)

	p.bookEach(m, net, changes, func(instrument ident.Instrument, change amount.Amount) {
		kind := loss
		if change.Sign() > 0 {
			kind = gain
		}

		if kind == "" {
			p.bookUnexplained(m, i, instrument, change)

			return
		}

		m.move(kind, instrument, change, -1)
	})

	return true
}

// contradicted reports whether something changed in a direction that has no explanation.
func contradicted(net *balance, loss, gain bool) bool {
	for i := range net.entries {
		if sign := net.entries[i].total.sign(); sign < 0 && !loss || sign > 0 && !gain {
			return true
		}
	}

	return false
}

// bookEach calls book for every instrument that changed.
func (p *parser) bookEach(m *match, net *balance, changes []int, book func(ident.Instrument, amount.Amount)) {
	for i := range net.entries {
		e := &net.entries[i]

		change, ok := e.total.amount()
		switch {
		case !ok:
			p.bookOverflow(m, e.instrument, changes)
		case !change.IsZero():
			book(e.instrument, change)
		}
	}
}

// explainTransfer reads a transfer out of an exercise's result: money that came from the sender named there, or
// that the party sent. What moved is told by the holdings alone.
func (p *parser) explainTransfer(i int, changes []int, meta token.Metadata) bool {
	net, sender := p.net(changes), meta.Sender()
	out := sender == p.party

	if (contradicted(net, out, !out) || unchanged(net)) && p.mayDecline(i, len(changes)) {
		return false
	}

	m := &match{node: p.events[i].Node}
	p.matches = append(p.matches, m)

	form := Transfer{Node: m.node, Status: Completed, Evidence: ByResultMeta, Memo: meta.Memo(), Sender: sender}

	p.bookEach(m, net, changes, func(instrument ident.Instrument, change amount.Amount) {
		form.Instrument = instrument

		switch {
		case out && change.Sign() < 0:
			p.bookSent(m, i, form, change.Neg())
		case !out && change.Sign() > 0:
			p.bookReceived(m, form, change)
		default:
			p.bookUnexplained(m, i, instrument, change)
		}
	})

	return true
}

func unchanged(net *balance) bool { return !contradicted(net, false, false) }

// mayDecline reports whether something inside event i's subtree could explain its changes instead, and whether
// looking at them again is still within bounds.
func (p *parser) mayDecline(i, changes int) bool {
	p.looks -= changes

	return p.looks > 0 && p.innerKind(i) >= 0
}

// innerKind is the first exercise inside event i's subtree whose result names a kind; -1 if there is none.
func (p *parser) innerKind(i int) int {
	for at := i + 1; at <= p.end[i]; at++ {
		if x := p.events[at].Exercised; x != nil && token.DecodeResultMeta(x.Result).TxKind() != "" {
			return at
		}
	}

	return -1
}

// explainSettlement books an executed allocation: one leg of a trade, of which the older registries say no more
// than that it was executed.
func (p *parser) explainSettlement(i int, changes []int) bool {
	m := &match{node: p.events[i].Node}
	p.matches = append(p.matches, m)

	form := Transfer{Node: m.node, Status: Completed, Evidence: BySettlement}

	if at := p.innerKind(i); at >= 0 {
		if meta := token.DecodeResultMeta(p.events[at].Exercised.Result); meta.TxKind() == token.KindTransfer {
			form.Sender, form.Memo = meta.Sender(), meta.Memo()
		}
	}

	p.bookEach(m, p.net(changes), changes, func(instrument ident.Instrument, change amount.Amount) {
		t := form
		t.Instrument = instrument

		if change.Sign() < 0 {
			t.Sender = p.party
			p.bookSent(m, i, t, change.Neg())

			return
		}

		if t.Sender == p.party {
			t.Sender = ""
		}

		p.bookReceived(m, t, change)
	})

	return true
}

func (p *parser) bookReceived(m *match, t Transfer, change amount.Amount) {
	t.Leg, t.Direction, t.Receiver, t.Amount = len(m.transfers), In, p.party, change
	m.transfers = append(m.transfers, t)
	m.move(MoveTransfer, t.Instrument, change, t.Leg)
}

// bookSent finds out who got what left. The party sees everything below an exercise that it sees, so that what
// nobody got was burned, unless some holding there cannot be read.
func (p *parser) bookSent(m *match, i int, form Transfer, left amount.Amount) {
	gains, sum := p.gains(i, form.Instrument)
	opaque := p.opaque[p.end[i]+1] > p.opaque[i]
	got, ok := sum.amount()
	form.Direction = Out

	send := func(receiver ident.Party, sent amount.Amount) {
		t := form
		t.Leg, t.Receiver, t.Amount = len(m.transfers), receiver, sent
		m.transfers = append(m.transfers, t)
		m.move(MoveTransfer, t.Instrument, sent.Neg(), t.Leg)
	}

	fee, err := left.Sub(got)
	if opaque || !ok || err != nil || fee.Sign() < 0 {
		var receiver ident.Party
		if len(gains) == 1 {
			receiver = gains[0].owner
		}

		send(receiver, left)

		return
	}

	for _, g := range gains {
		send(g.owner, g.amount)
	}

	m.move(MoveFee, form.Instrument, fee.Neg(), len(m.transfers)-1)
}

// gain is what another party got.
type gain struct {
	owner  ident.Party
	amount amount.Amount
}

// gains are the others who have more of an instrument after event i's subtree than before, as far as it can be
// seen, in the order in which they appear, and their sum, which is no amount if one of them is none.
func (p *parser) gains(i int, instrument ident.Instrument) ([]gain, total) {
	var (
		owners []ident.Party
		nets   = make(map[ident.Party]*total)
		list   []gain
		sum    total
	)

	first := sort.Search(len(p.foreign), func(k int) bool { return p.foreign[k].event >= i })
	for _, f := range p.foreign[first:] {
		if f.event > p.end[i] {
			break
		}

		if f.holding.Instrument != instrument {
			continue
		}

		if nets[f.holding.Owner] == nil {
			nets[f.holding.Owner] = new(total)
			owners = append(owners, f.holding.Owner)
		}

		if f.gain {
			nets[f.holding.Owner].add(f.holding.Amount)
		} else {
			nets[f.holding.Owner].sub(f.holding.Amount)
		}
	}

	for _, owner := range owners {
		switch got, ok := nets[owner].amount(); {
		case !ok:
			return nil, *nets[owner]
		case got.Sign() > 0:
			list = append(list, gain{owner: owner, amount: got})
			sum.add(got)
		}
	}

	return list, sum
}

// bookUnexplained keeps a change in balance that event i does not explain.
func (p *parser) bookUnexplained(m *match, i int, instrument ident.Instrument, change amount.Amount) {
	m.move(MoveUnrecognized, instrument, change, -1)

	problem, what := ProblemChoice, "a created contract"

	if x := p.events[i].Exercised; x == nil {
		problem = ProblemBareCreate
	} else {
		what = "choice " + quoted(x.Choice) + " of " + x.Template.Module + ":" + x.Template.Entity
		if p.changeAt[i] >= 0 && x.Choice == token.ChoiceArchive {
			problem = ProblemBareArchive
		}
	}

	p.problem(p.events[i].Node, problem, "%s changes the holdings of %s by %s", what, quoted(instrument.String()), change)
}

// bookRests books the changes that nothing explains, tree by tree. Those that sum to nothing, as in merges and
// locks without any metadata, need no explanation.
func (p *parser) bookRests(rest []int) {
	for len(rest) > 0 {
		root := p.root[p.changes[rest[0]].event]

		n := slices.IndexFunc(rest, func(c int) bool { return p.root[p.changes[c].event] != root })
		if n < 0 {
			n = len(rest)
		}

		m := &match{node: p.events[root].Node}
		p.matches = append(p.matches, m)

		p.bookEach(m, p.net(rest[:n]), rest[:n], func(instrument ident.Instrument, change amount.Amount) {
			p.bookUnexplained(m, root, instrument, change)
		})

		rest = rest[n:]
	}
}
