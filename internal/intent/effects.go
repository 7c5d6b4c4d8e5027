package intent

import (
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

// maxByProducts is how many contracts a token may make beside holdings and offers: coupons, markers, records.
const maxByProducts = 100

// effects are what a transaction does to the ledger, sorted by what a transfer or an answer must explain.
type effects struct {
	spent []*contract // holdings among the inputs that are archived
	left  []*contract // holdings that are made and stay
	// offers are the instructions that are made and stay, with the transfer that each stands for.
	offers []offer
	// records are contracts that are made, are neither, and carry the party's signature.
	records []*contract
}

type offer struct {
	*contract

	transfer token.Transfer
}

// effects sorts what trace found. Archived inputs that are no holdings must be in the list of those that may be.
func (c *checker) effects(ends ...ident.ContractID) effects {
	var out effects

	others := 0

	for _, x := range c.order {
		switch {
		case x.unread != nil && (x.made || x.spent):
			c.differs(x.place(), "a holding that can be read", x.about())
		case !x.made && !x.spent:
			// Reading another contract gives nothing away.
		case !x.made && x.holding != nil:
			out.spent = append(out.spent, x)
		case !x.made:
			c.expect(slices.Contains(ends, x.ContractID), x.place(), "not archived", x.about())
		case x.spent:
			c.passing(x)
		case x.holding != nil:
			out.left = append(out.left, x)
		default:
			if transfer, err := readTransfer(x.Argument); err == nil {
				out.offers = append(out.offers, offer{x, transfer})
			} else if x.signedBy(c.request.Party) {
				out.records = append(out.records, x)
			} else {
				others++
			}
		}
	}

	c.expect(others <= maxByProducts, "transaction", fmt.Sprintf("%d by-products at most", maxByProducts),
		fmt.Sprint(others))
	c.opened()
	c.alike(out)

	return out
}

// passing is a contract that is made and archived at once. Only what opens a lock does that, with what was locked.
func (c *checker) passing(x *contract) {
	c.expect(x.holding != nil && x.from != nil, x.place(), "no contract that is archived at once", x.about())
}

// opened demands that a lock gives back what it locked: the same amount to the same owner, once.
func (c *checker) opened() {
	seen := map[*contract]bool{}

	for _, x := range c.order {
		if x.from == nil {
			continue
		}

		c.expect(!seen[x.from], x.place(), "one holding from "+brief(x.from.ContractID), "another one")
		seen[x.from] = true

		same := x.holding != nil && x.holding.lock == nil && x.from.holding.lock != nil &&
			x.holding.owner == x.from.holding.owner && x.holding.instrument == x.from.holding.instrument &&
			x.holding.amount.Equal(x.from.holding.amount)
		c.expect(same, x.place(), "what was locked: "+x.from.about(), x.about())
	}
}

// alike demands of the holdings that are made to be of the same make as those that are spent, and as each other: the
// same package, the same registry, seen by the same parties beside owner and receiver, of the same age.
func (c *checker) alike(e effects) {
	if len(e.spent) == 0 {
		return
	}

	first := e.spent[0]

	var circle []ident.Party

	for _, x := range e.spent {
		if len(circle) <= maxParties {
			circle = append(circle, x.Stakeholders...)
		}
	}

	for _, x := range append(slices.Clone(e.spent), e.left...) {
		c.equal(x.place()+".package_name", first.PackageName, x.PackageName)
		c.expect(x.Template.Is(first.Template) || coin(x.Template) && coin(first.Template), x.place()+".template_id",
			name(first.Template), name(x.Template))
		c.expect(sameValues(x.holding.kept, first.holding.kept), x.place(), "of the same registry as what is spent",
			x.about())
	}

	for _, x := range e.left {
		c.expect(sameValues(x.holding.fresh, e.left[0].holding.fresh), x.place(),
			"of the same age and rate as "+brief(e.left[0].ContractID), x.about())

		for _, p := range x.Stakeholders {
			c.expect(p == x.holding.owner || slices.Contains(circle, p) || c.counterparty(p), x.place()+".stakeholders",
				"of "+parties(circle), string(p))
		}

		for _, p := range x.Signatories {
			c.expect(p == x.holding.owner || slices.Contains(circle, p), x.place()+".signatories",
				"of "+parties(circle), string(p))
		}
	}
}

// counterparty reports whether a party is sender or receiver of what was asked for.
func (c *checker) counterparty(p ident.Party) bool {
	switch a := c.request.Action.(type) { //nolint:exhaustive // actions are values, and only these have two sides
	case Transfer:
		return p == a.Transfer.Sender || p == a.Transfer.Receiver
	case Answer:
		return p == a.Transfer.Sender || p == a.Transfer.Receiver
	default:
		return false
	}
}

// of are one owner's holdings of a list, free and locked.
func of(owner ident.Party, list []*contract) (free, locked []*contract) {
	for _, x := range list {
		switch {
		case x.holding.owner != owner:
		case x.holding.lock == nil:
			free = append(free, x)
		default:
			locked = append(locked, x)
		}
	}

	return free, locked
}

// sum is what holdings are worth together. A sum that does not fit is a mismatch.
func (c *checker) sum(list []*contract) amount.Amount {
	total := amount.Zero()

	for _, x := range list {
		next, err := total.Add(x.holding.amount)
		if err != nil {
			c.differs(x.place(), "an amount that can be added up", err.Error())

			return total
		}

		total = next
	}

	return total
}

func idsOf(list []*contract) []ident.ContractID {
	ids := make([]ident.ContractID, 0, len(list))
	for _, x := range list {
		ids = append(ids, x.ContractID)
	}

	return ids
}

// balanced demands that what came in goes out again, but for a fee.
func (c *checker) balanced(field string, in, out, maxFee amount.Amount) {
	fee, err := in.Sub(out)
	fits := err == nil && fee.Sign() >= 0 && fee.Cmp(maxFee) <= 0

	want := in.String()
	if maxFee.Sign() > 0 {
		want += ", less " + maxFee.Short() + " at most"
	}

	c.expect(fits, field, want, out.String())
}

// outcome is a TransferInstructionResult.
type outcome struct {
	tag     string
	paid    []ident.ContractID
	change  []ident.ContractID
	pending ident.ContractID
}

// The outcomes of a transfer and of an answer to an offer.
const (
	completed = "TransferInstructionResult_Completed"
	pending   = "TransferInstructionResult_Pending"
	failed    = "TransferInstructionResult_Failed"
)

// outcome reads what the root says it did. It is compared with the effects, never believed.
func (c *checker) outcome(result signing.Value) outcome {
	r := &reader{}
	r.only(result, []string{"output", "senderChangeCids", "meta"})

	output := at[signing.Variant](r, result, "output")
	out := outcome{tag: output.Constructor, change: r.contracts(at[signing.List](r, result, "senderChangeCids"))}

	switch out.tag {
	case completed:
		r.only(output.Value, []string{"receiverHoldingCids"})
		out.paid = r.contracts(at[signing.List](r, output.Value, "receiverHoldingCids"))
	case pending:
		r.only(output.Value, []string{"transferInstructionCid"})
		out.pending = ident.ContractID(at[signing.ContractID](r, output.Value, "transferInstructionCid"))
	case failed:
		if _, unit := output.Value.(signing.Unit); !unit {
			r.failf("a failure holds %T", output.Value)
		}
	default:
		r.failf("outcome %s", shown(out.tag, maxShown))
	}

	if r.err != nil {
		c.differs("root.result", "a TransferInstructionResult", r.err.Error())
	}

	return out
}
