package intent

import (
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

func (a Answer) check(c *checker) {
	us := a.Transfer.Receiver
	if a.Choice == Withdraw {
		us = a.Transfer.Sender
	}

	c.equal("transfer.us", string(c.request.Party), string(us))
	c.expect(a.Transfer.Sender != a.Transfer.Receiver, "transfer.receiver", "somebody else", string(a.Transfer.Receiver))
	c.expect(slices.Contains([]Choice{Accept, Reject, Withdraw}, a.Choice), "choice", "an answer", string(a.Choice))

	root, ok := c.root(token.TransferInstructionV1, string(a.Choice), a.Instruction, true)
	if !ok {
		return
	}

	r := &reader{}
	r.only(root.Argument, []string{"extraArgs"})

	if r.err != nil {
		c.differs("root.argument", "extraArgs", r.err.Error())
	}

	c.extraArgs(root.Argument, a.Meta)

	behind, ok := a.instruction(c)
	if !ok {
		return
	}

	e := c.effects(a.Instruction)
	a.money(c, e.spent, behind)
	a.records(c, e.records)

	if a.Choice == Accept {
		c.window(a.Transfer)
		a.accepted(c, e, c.outcome(root.Result))
	} else {
		a.ended(c, e, c.outcome(root.Result))
	}
}

// instruction holds the contract that is answered against what we know of it, and returns the contracts that it names:
// the money is among them.
func (a Answer) instruction(c *checker) (map[ident.ContractID]bool, bool) {
	x, ok := c.contracts[a.Instruction]
	if !ok || x.made {
		c.differs("instruction", brief(a.Instruction), "not among the inputs")

		return nil, false
	}

	transfer, err := readTransfer(x.Argument)
	if err != nil {
		c.differs(x.place()+".transfer", "a transfer", err.Error())

		return nil, false
	}

	c.sameTransfer(x.place()+".transfer", a.Transfer, transfer)
	c.sameContracts(x.place()+".transfer.inputHoldingCids", a.Transfer.Inputs, transfer.Inputs)
	c.expect(x.signedBy(a.registry()), x.place()+".signatories", string(a.registry()), parties(x.Signatories))

	behind := map[ident.ContractID]bool{}
	cids(x.Argument, behind)

	return behind, true
}

// money demands that what is spent is the sender's money behind this offer.
func (a Answer) money(c *checker, spent []*contract, behind map[ident.ContractID]bool) {
	for _, x := range spent {
		c.expect(behind[x.ContractID] && x.holding.owner == a.Transfer.Sender &&
			x.holding.instrument == a.Transfer.Instrument && x.holding.lock != nil,
			x.place(), "the money behind the offer", x.about())

		if x.holding.lock != nil {
			c.locks(x, []*contract{x}, a.Transfer)
		}
	}

	c.expect(len(spent) <= 1, "spent", "one holding at most", joined(idsOf(spent)))
}

// records are contracts that carry our signature and are neither money nor an offer. The Utility registry leaves one
// when an offer is rejected, which says so and can do nothing.
func (a Answer) records(c *checker, list []*contract) {
	for _, x := range list {
		r := &reader{}
		known := a.Choice == Reject && x.Template.Module == "Utility.Registry.V0.Holding.Transfer" &&
			x.Template.Entity == "RejectedTransfer"

		if known {
			r.only(x.Argument, []string{"transfer", "reason"})

			t := at[signing.Record](r, x.Argument, "transfer")
			known = r.party(t, "sender") == a.Transfer.Sender && r.party(t, "receiver") == a.Transfer.Receiver &&
				r.party(t, "registrar") == a.Transfer.Instrument.Admin &&
				r.text(t, "instrumentIdentifier", "id") == a.Transfer.Instrument.ID &&
				r.amount(t, "amount").Equal(a.Transfer.Amount) && r.err == nil && len(list) == 1
		}

		c.expect(known, x.place(), "nothing that we sign", x.about())
	}
}

// accepted explains an accept: we get exactly the amount now, or the offer goes on in the registry's hands.
func (a Answer) accepted(c *checker, e effects, out outcome) {
	ours, ourLocked := of(a.Transfer.Receiver, e.left)
	back, backLocked := of(a.Transfer.Sender, e.left)

	c.sides(e.left, a.Transfer)

	if out.tag == pending {
		c.expect(len(e.offers) == 1, "offers", "one", fmt.Sprint(len(e.offers)))
		c.expect(len(ours)+len(ourLocked) == 0, "received", "nothing yet", joined(idsOf(ours)))
		c.balanced("locked", c.sum(e.spent), c.sum(append(back, backLocked...)), amount.Zero())

		for _, x := range e.offers {
			c.equal("root.result.transferInstructionCid", string(x.ContractID), string(out.pending))
			a.goesOn(c, x)
		}

		return
	}

	c.equal("outcome", completed, out.tag)
	c.expect(len(e.offers)+len(ourLocked)+len(backLocked) == 0, "left", "no lock and no offer", joined(idsOf(e.left)))
	c.expect(len(ours) == 1, "received", "one holding", joined(idsOf(ours)))

	for _, x := range ours {
		c.equal(x.place()+".amount", a.Transfer.Amount.String(), x.holding.amount.String())
	}

	c.sameContracts("root.result.receiverHoldingCids", idsOf(ours), out.paid)
	c.sameContracts("root.result.senderChangeCids", idsOf(back), out.change)
	c.balanced("received and returned", c.sum(e.spent), c.sum(append(slices.Clone(ours), back...)), a.MaxFee)
}

// goesOn demands that the next instruction of a chain is the same transfer. It may carry our agreement, which is to
// receive.
func (a Answer) goesOn(c *checker, x offer) {
	before := c.contracts[a.Instruction]

	c.sameTransfer(x.place()+".transfer", a.Transfer, x.transfer)
	c.equal(x.place()+".package_name", before.PackageName, x.PackageName)
	c.expect(x.Template.Is(before.Template), x.place()+".template_id", name(before.Template), name(x.Template))
	c.binds(x.contract, before, a.Transfer)

	behind := map[ident.ContractID]bool{}
	cids(before.Argument, behind)

	for _, id := range x.transfer.Inputs {
		made, known := c.contracts[id]
		c.expect(behind[id] || known && made.made, x.place()+".transfer.inputHoldingCids", "the money behind the offer",
			brief(id))
	}
}

// ended explains a reject or withdraw: the money goes back to its sender, free and without a loss. There may be none
// behind the offer any more, when its lock ran out and it was spent.
func (a Answer) ended(c *checker, e effects, out outcome) {
	c.equal("outcome", failed, out.tag)
	c.sides(e.left, a.Transfer)

	back, locked := of(a.Transfer.Sender, e.left)
	ours, ourLocked := of(a.Transfer.Receiver, e.left)

	c.expect(len(e.offers)+len(locked)+len(ours)+len(ourLocked) == 0, "left", "what was locked, to its sender",
		joined(idsOf(e.left)))

	spent := c.sum(e.spent)
	c.expect(len(e.spent) == 0 || spent.Cmp(a.Transfer.Amount) >= 0, "spent", a.Transfer.Amount.String(), spent.String())
	c.balanced("returned", spent, c.sum(back), amount.Zero())
	c.sameContracts("root.result.senderChangeCids", idsOf(back), out.change)
}

// sides demands that holdings are of the transfer's instrument and of one of its sides.
func (c *checker) sides(left []*contract, t token.Transfer) {
	for _, x := range left {
		c.expect(c.counterparty(x.holding.owner) && x.holding.instrument == t.Instrument, x.place(),
			"a holding of "+t.Instrument.String()+" of sender or receiver", x.about())
	}
}
