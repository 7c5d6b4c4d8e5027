package intent

import (
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

func (t Transfer) check(c *checker) {
	self := t.Transfer.Sender == t.Transfer.Receiver

	c.equal("transfer.sender", string(c.request.Party), string(t.Transfer.Sender))
	c.expect((t.Kind == Self) == self && slices.Contains([]Kind{Direct, Self, Offer}, t.Kind),
		"transfer.kind", "the kind of this transfer", string(t.Kind))
	c.expect(!t.DirectOnly || t.Kind != Offer, "transfer.kind", string(Direct), string(t.Kind))
	c.expect(t.Transfer.Amount.Sign() > 0, "transfer.amount", "positive", t.Transfer.Amount.String())

	root, ok := c.root(token.TransferFactoryV1, token.ChoiceTransfer, t.Factory, false)
	if !ok {
		return
	}

	t.argument(c, root.Argument)
	c.window(t.Transfer)
	t.judge(c, root, c.effects())
}

// argument holds every field of the choice's argument against what was asked for.
func (t Transfer) argument(c *checker, argument signing.Value) {
	r := &reader{}
	r.only(argument, []string{"expectedAdmin", "transfer", "extraArgs"})

	admin := r.party(argument, "expectedAdmin")
	got := r.transfer(at[signing.Record](r, argument, "transfer"))

	if r.err != nil {
		c.differs("root.argument", "the argument of "+token.ChoiceTransfer, r.err.Error())

		return
	}

	c.equal("expectedAdmin", string(t.Transfer.Instrument.Admin), string(admin))
	c.sameTransfer("transfer", t.Transfer, got)
	c.sameContracts("transfer.inputHoldingCids", t.Transfer.Inputs, got.Inputs)
	c.extraArgs(argument, t.Meta)
}

// judge explains every effect of the transfer.
func (t Transfer) judge(c *checker, root signing.Exercise, e effects) {
	me := t.Transfer.Sender

	t.inputs(c, e.spent)

	for _, x := range e.records {
		c.differs(x.place(), "nothing that we sign", x.about())
	}

	var paid []*contract

	change, locked := of(me, e.left)
	if t.Kind != Self {
		paid, _ = of(t.Transfer.Receiver, e.left)
	}

	for _, x := range e.left {
		known := x.holding.owner == me || slices.Contains(paid, x)
		c.expect(known && x.holding.instrument == t.Transfer.Instrument, x.place(),
			"a holding of "+t.Transfer.Instrument.String()+" of sender or receiver", x.about())
	}

	out := c.outcome(root.Result)

	if t.Kind == Offer {
		t.offered(c, e, out, locked, change)

		return
	}

	c.equal("outcome", completed, out.tag)

	for _, x := range locked {
		c.differs(x.place(), "no lock", x.about())
	}

	for _, x := range e.offers {
		c.differs(x.place(), "no offer", x.about())
	}

	if t.Kind == Self {
		paid, change = named(out.paid, change)
	}

	t.amounts(c, paid, change)
	c.sameContracts("root.result.receiverHoldingCids", idsOf(paid), out.paid)
	c.sameContracts("root.result.senderChangeCids", idsOf(change), out.change)
}

// named are the holdings that a list of ids names, and the others.
func named(ids []ident.ContractID, list []*contract) (these, others []*contract) {
	for _, x := range list {
		if slices.Contains(ids, x.ContractID) {
			these = append(these, x)
		} else {
			others = append(others, x)
		}
	}

	return these, others
}

// inputs demands that exactly the chosen holdings are spent, which are ours, free, and worth what we know.
func (t Transfer) inputs(c *checker, spent []*contract) {
	chosen := make(map[ident.ContractID]bool, len(t.Transfer.Inputs))
	for _, id := range t.Transfer.Inputs {
		c.expect(!chosen[id], "transfer.inputHoldingCids", "each once", brief(id)+" twice")

		chosen[id] = true
	}

	now := signing.TimestampOf(c.request.Now)

	for _, x := range spent {
		c.expect(chosen[x.ContractID], x.place(), "not spent: it was not chosen", x.about())
		c.expect(x.holding.owner == t.Transfer.Sender && x.holding.instrument == t.Transfer.Instrument, x.place(),
			t.Transfer.Instrument.String()+" of "+string(t.Transfer.Sender), x.about())
		c.expect(x.holding.free(now), x.place(), "no lock, or one that has ended", x.about())
		delete(chosen, x.ContractID)
	}

	for _, id := range t.Transfer.Inputs {
		c.expect(!chosen[id], "input "+brief(id), "spent", "not spent")
	}

	c.equal("inputs", t.Total.String(), c.sum(spent).String())
}

// amounts demands that exactly the amount goes out, in one holding, and exactly the rest comes back.
func (t Transfer) amounts(c *checker, paid, change []*contract) {
	c.expect(len(paid) == 1, "paid", "one holding", joined(idsOf(paid)))
	c.expect(len(change) <= 1, "change", "one holding at most", joined(idsOf(change)))

	for _, x := range paid {
		c.equal(x.place()+".amount", t.Transfer.Amount.String(), x.holding.amount.String())
		c.expect(x.holding.lock == nil, x.place(), "no lock", x.about())
	}

	c.balanced("change", t.rest(c), c.sum(change), t.MaxFee)
}

// rest is what is left of the inputs beside the amount.
func (t Transfer) rest(c *checker) amount.Amount {
	rest, err := t.Total.Sub(t.Transfer.Amount)
	if err != nil || rest.Sign() < 0 {
		c.differs("transfer.amount", "covered by "+t.Total.String(), t.Transfer.Amount.String())
	}

	return rest
}

// offered explains an offer: the amount is locked, ours still, and the instruction carries the transfer as it is.
func (t Transfer) offered(c *checker, e effects, out outcome, locked, change []*contract) {
	c.equal("outcome", pending, out.tag)
	c.expect(len(locked) == 1, "locked", "one holding", joined(idsOf(locked)))
	c.expect(len(change) <= 1, "change", "one holding at most", joined(idsOf(change)))
	c.expect(len(e.offers) == 1, "offers", "one", fmt.Sprint(len(e.offers)))
	c.sameContracts("root.result.senderChangeCids", idsOf(change), out.change)

	for _, x := range e.left {
		c.expect(x.holding.owner == t.Transfer.Sender, x.place(), "nothing for the receiver yet", x.about())
	}

	if len(locked) != 1 || len(e.offers) != 1 {
		return
	}

	held, instruction := locked[0], e.offers[0]
	c.equal("root.result.transferInstructionCid", string(instruction.ContractID), string(out.pending))
	c.locks(held, e.spent, t.Transfer)
	t.instruction(c, instruction, held)

	// What is locked above the amount counts as fee: it is there to be burned when the offer is accepted.
	back, err := t.Transfer.Amount.Add(c.sum(change))
	if err != nil {
		c.differs("change", "an amount that can be added up", err.Error())
	}

	c.expect(held.holding.amount.Cmp(t.Transfer.Amount) >= 0, held.place()+".amount",
		t.Transfer.Amount.String(), held.holding.amount.String())
	c.balanced("change", t.Total, back, t.MaxFee)
	c.balanced("locked and change", t.Total, c.sum(append(slices.Clone(locked), change...)), t.MaxFee)
}

// locks demands a lock that the registry holds until the transfer's deadline.
func (c *checker) locks(held *contract, spent []*contract, t token.Transfer) {
	var signers []ident.Party

	for _, x := range spent {
		if len(signers) <= maxParties {
			signers = append(signers, x.Signatories...)
		}
	}

	l := held.holding.lock
	c.expect(len(l.holders) > 0 && len(l.holders) <= maxParties, held.place()+".lock.holders", "the registry",
		parties(l.holders))

	if len(l.holders) <= maxParties {
		for _, p := range l.holders {
			c.expect(p != t.Sender && slices.Contains(signers, p), held.place()+".lock.holders",
				"of "+parties(signers), string(p))
		}
	}

	c.expect(!l.relative, held.place()+".lock.expiresAfter", "none", "a time")

	if l.timed {
		deadline := signing.TimestampOf(t.ExecuteBefore)
		c.equal(held.place()+".lock.expiresAt", optionalStamp(&deadline), optionalStamp(l.expires))
	}
}

// instruction demands an offer of exactly this transfer, backed by what is locked, that binds nobody else.
func (t Transfer) instruction(c *checker, x offer, held *contract) {
	c.sameTransfer(x.place()+".transfer", t.Transfer, x.transfer)

	backed := map[ident.ContractID]bool{}
	cids(x.Argument, backed)
	c.expect(backed[held.ContractID], x.place(), "an offer of "+brief(held.ContractID), "another one")

	if !slices.Equal(x.transfer.Inputs, []ident.ContractID{held.ContractID}) {
		c.sameContracts(x.place()+".transfer.inputHoldingCids", t.Transfer.Inputs, x.transfer.Inputs)
	}

	c.offerTemplate(x.contract, held)
	c.binds(x.contract, held, t.Transfer)
}

// offerTemplate demands the template of offers that goes with the money behind them: a contract of another one could do
// anything with our signature. It is of the factory's package.
func (c *checker) offerTemplate(x, money *contract) {
	if root, ok := c.prepared.Transaction.RootExercise(); ok {
		c.equal(x.place()+".package_name", root.PackageName, x.PackageName)
	}

	want := ident.Name{Module: money.Template.Module, Entity: x.Template.Entity}

	switch money.Template.Module {
	case moduleAmulet:
		want = ident.Name{Module: "Splice.AmuletTransferInstruction", Entity: "AmuletTransferInstruction"}
	case moduleUtility:
		want = ident.Name{Module: "Utility.Registry.App.V0.Model.Transfer", Entity: "TransferOffer"}
	}

	c.expect(x.Template.Is(want), x.place()+".template_id", name(want), name(x.Template))
}

// binds demands that an offer is signed by the registry and the sender, and by nobody else than who signed the money or
// receives it; and that it is seen by both sides, and otherwise by those who see the money.
func (c *checker) binds(x, money *contract, t token.Transfer) {
	for _, p := range []ident.Party{t.Instrument.Admin, t.Sender} {
		c.expect(x.signedBy(p), x.place()+".signatories", string(p), parties(x.Signatories))
	}

	for _, p := range x.Signatories {
		ours := p == c.request.Party && t.Receiver == c.request.Party
		c.expect(ours || slices.Contains(money.Signatories, p), x.place()+".signatories",
			"of "+parties(money.Signatories), string(p))
	}

	for _, p := range []ident.Party{t.Sender, t.Receiver} {
		c.expect(slices.Contains(x.Stakeholders, p), x.place()+".stakeholders", string(p), parties(x.Stakeholders))
	}

	for _, p := range x.Stakeholders {
		c.expect(c.counterparty(p) || slices.Contains(money.Stakeholders, p), x.place()+".stakeholders",
			"of "+parties(money.Stakeholders), string(p))
	}
}
