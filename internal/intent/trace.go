package intent

import (
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// maxParties is how many parties one contract or action may name: comparing lists of any length would take for ever.
const maxParties = 1000

// deed is a contract as its creation says.
type deed signing.Create

// contract is a contract that the transaction uses or makes, and what becomes of it.
type contract struct {
	deed

	// made says that the transaction makes it; otherwise it is one of the inputs.
	made bool
	// spent says that the transaction archives it.
	spent bool
	// from is the contract whose archiving made this one, as the opening of a lock does; nil for most.
	from *contract
	// holding is nil for what is none; unread is why a holding could not be read.
	holding *holding
	unread  error
}

func (x *contract) signedBy(p ident.Party) bool { return slices.Contains(x.Signatories, p) }

// place names the contract in a mismatch.
func (x *contract) place() string {
	if x.made {
		return "created " + brief(x.ContractID)
	}

	return "input " + brief(x.ContractID)
}

// about is what the contract is, for a mismatch.
func (x *contract) about() string {
	switch {
	case x.unread != nil:
		return name(x.Template) + ", " + x.unread.Error()
	case x.holding == nil:
		return name(x.Template) + " signed by " + parties(x.Signatories)
	case x.holding.lock != nil:
		return "locked " + x.holding.about()
	default:
		return x.holding.about()
	}
}

// trace finds all effects of the transaction, and holds its nodes against the contracts that they are about and
// against the ledger's rules of authority: an action needs the agreement of those who act or sign, and below an
// exercise there is the agreement of its actors and of the contract's signatories.
func (c *checker) trace() {
	for _, input := range c.prepared.Metadata.InputContracts {
		c.add(&contract{deed: deed(input.Create)})
	}

	t := c.prepared.Transaction
	c.version("transaction.version", t.Version)

	for _, root := range t.Roots {
		c.node(root, site{authority: []ident.Party{c.request.Party}, root: true})
	}
}

func (c *checker) version(field, got string) {
	c.expect(got == signing.LFVersion1 || got == signing.LFVersion2, field, "a known version", got)
}

// add makes a contract known.
func (c *checker) add(x *contract) {
	if len(x.Stakeholders) > maxParties || len(x.Signatories) > maxParties {
		c.differs(x.place()+".stakeholders", fmt.Sprintf("%d parties at most", maxParties), "more")

		x.Signatories, x.Stakeholders = nil, nil
	}

	x.holding, x.unread = readHolding(signing.Create(x.deed))
	c.contracts[x.ContractID] = x
	c.order = append(c.order, x)
	c.version(x.place()+".lf_version", x.LFVersion)

	for _, p := range x.Signatories {
		c.expect(slices.Contains(x.Stakeholders, p), x.place()+".stakeholders", "every signatory", parties(x.Stakeholders))
	}

	c.expect(len(x.Signatories) > 0, x.place()+".signatories", "a signatory", "none")

	if x.holding != nil {
		c.expect(x.signedBy(x.holding.owner) && x.signedBy(x.holding.instrument.Admin), x.place()+".signatories",
			"the owner and the admin", parties(x.Signatories))
	}
}

// site is where in the tree a node is.
type site struct {
	authority []ident.Party
	from      *contract
	undone    bool
	root      bool
}

func (c *checker) node(n *signing.Node, at site) {
	where := fmt.Sprintf("node %d", n.ID)

	switch a := n.Action.(type) { //nolint:exhaustive // actions are values
	case signing.Create:
		c.expect(!at.undone, where, "no effect below a rollback", title(n))
		c.within(where+".signatories", a.Signatories, at.authority)
		c.add(&contract{deed: deed(a), made: true, from: at.from})
	case signing.Fetch:
		c.describes(where, a.ContractID, signing.Create{
			LFVersion: a.LFVersion, PackageName: a.PackageName, Template: a.Template,
			Signatories: a.Signatories, Stakeholders: a.Stakeholders,
		})
		c.within(where+".acting_parties", a.ActingParties, at.authority)
		c.expect(!a.ByKey && a.Key == nil, where+".key", "none", "a contract key")
	case signing.Exercise:
		c.exercise(n, a, at)
	case signing.Rollback:
		at.undone, at.root = true, false
		for _, child := range a.Children {
			c.node(child, at)
		}
	case signing.QueryByKey:
		c.differs(where, "no query by key", title(n))
	default:
		c.differs(where, "a known action", title(n))
	}
}

func (c *checker) exercise(n *signing.Node, x signing.Exercise, at site) {
	where := fmt.Sprintf("node %d", n.ID)
	on := c.describes(where, x.ContractID, signing.Create{
		LFVersion: x.LFVersion, PackageName: x.PackageName, Template: x.Template,
		Signatories: x.Signatories, Stakeholders: x.Stakeholders,
	})
	c.within(where+".acting_parties", x.ActingParties, at.authority)
	c.expect(!x.ByKey && x.Key == nil, where+".key", "none", "a contract key")

	below := site{authority: append(slices.Clone(x.Signatories), x.ActingParties...), from: at.from, undone: at.undone}

	// The root is judged by itself. Below it our agreement is for the token's own contracts, and for ours, whose
	// archiving is judged.
	if us := c.request.Party; !at.root && slices.Contains(x.ActingParties, us) {
		registry := c.request.Action.registry()
		c.expect(slices.Contains(x.Signatories, registry) || slices.Contains(x.Signatories, us), where+".contract",
			"a contract of "+string(registry), word(x.Choice)+" on a contract of "+parties(x.Signatories))
	}

	if x.Consuming && on != nil {
		c.expect(!on.spent, where, "a contract that is still there", brief(on.ContractID)+" again")
		c.expect(!at.undone, where, "no effect below a rollback", title(n))

		on.spent = true

		if !at.root && on.holding != nil {
			below.from = on
		}
	}

	for _, child := range x.Children {
		c.node(child, below)
	}
}

// describes holds what a node says about its contract against the contract, and returns that. The package may be
// another one: a contract can be used by a later version of its package than the one that made it.
func (c *checker) describes(where string, id ident.ContractID, said signing.Create) *contract {
	x, ok := c.contracts[id]
	if !ok {
		c.differs(where+".contract_id", "an input, or a contract that was made before", brief(id))

		return nil
	}

	c.version(where+".lf_version", said.LFVersion)
	c.equal(where+".package_name", x.PackageName, said.PackageName)
	c.expect(x.Template.Is(said.Template), where+".template_id", name(x.Template), name(said.Template))
	c.expect(sameSet(x.Signatories, said.Signatories), where+".signatories",
		parties(x.Signatories), parties(said.Signatories))
	c.expect(sameSet(x.Stakeholders, said.Stakeholders), where+".stakeholders",
		parties(x.Stakeholders), parties(said.Stakeholders))

	return x
}

// within demands that somebody acts, and nobody who has not agreed.
func (c *checker) within(field string, acting, authority []ident.Party) {
	if len(acting) == 0 || len(acting) > maxParties {
		c.differs(field, fmt.Sprintf("1 to %d parties", maxParties), fmt.Sprint(len(acting)))

		return
	}

	for _, p := range acting {
		c.expect(slices.Contains(authority, p), field, "of "+parties(authority), string(p))
	}
}

func sameSet(a, b []ident.Party) bool {
	return len(a) <= maxParties && len(b) <= maxParties && subset(a, b) && subset(b, a)
}

func subset(a, b []ident.Party) bool {
	for _, p := range a {
		if !slices.Contains(b, p) {
			return false
		}
	}

	return true
}
