package intent

import (
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// Templates and the choice of preapprovals. Compare without the package.
const (
	packageWallet      = "splice-wallet"
	moduleProposal     = "Splice.Wallet.TransferPreapproval"
	packageUtility     = "utility-registry-app-v0"
	moduleUtilityAgree = "Utility.Registry.App.V0.Model.TransferPreapproval"
	modulePreapproval  = "Splice.AmuletRules"
	choiceCancel       = "TransferPreapproval_Cancel"
)

func (p PreapprovalProposal) check(c *checker) {
	create, ok := c.onlyCreate(packageWallet, moduleProposal, "TransferPreapprovalProposal", p.Provider)
	if !ok {
		return
	}

	r := &reader{}
	r.only(create.Argument, []string{"receiver", "provider", "expectedDso"})

	dso, set := optional[signing.Party](r, create.Argument, "expectedDso")
	receiver, provider := r.party(create.Argument, "receiver"), r.party(create.Argument, "provider")

	if r.err != nil {
		c.differs("root.argument", "a proposal", r.err.Error())

		return
	}

	c.equal("receiver", string(c.request.Party), string(receiver))
	c.equal("provider", string(p.Provider), string(provider))
	c.expect(set && ident.Party(dso) == p.DSO, "expectedDso", string(p.DSO), string(dso))
}

func (p UtilityPreapproval) check(c *checker) {
	create, ok := c.onlyCreate(packageUtility, moduleUtilityAgree, "TransferPreapproval", p.Operator, p.Admin)
	if !ok {
		return
	}

	r := &reader{}
	r.only(create.Argument, []string{"operator", "receiver", "instrumentAdmin", "instrumentAllowances"})

	var ids []string

	for _, v := range at[signing.List](r, create.Argument, "instrumentAllowances") {
		r.only(v, []string{"id"})
		ids = append(ids, r.text(v, "id"))
	}

	operator := r.party(create.Argument, "operator")
	receiver := r.party(create.Argument, "receiver")
	admin := r.party(create.Argument, "instrumentAdmin")

	if r.err != nil {
		c.differs("root.argument", "a preapproval", r.err.Error())

		return
	}

	c.equal("receiver", string(c.request.Party), string(receiver))
	c.equal("operator", string(p.Operator), string(operator))
	c.equal("instrumentAdmin", string(p.Admin), string(admin))

	if !slices.Equal(p.Instruments, ids) {
		c.differs("instrumentAllowances", listed(p.Instruments), listed(ids))
	}
}

// listed are texts in their order, for a mismatch.
func listed(texts []string) string {
	out := "all"

	for i, text := range texts {
		if i == 0 {
			out = ""
		} else {
			out += ", "
		}

		if out += shown(text, maxShown); len(out) > maxShown {
			break
		}
	}

	return out
}

// onlyCreate is the transaction's only node if that creates a contract of this template, signed by the party alone and
// seen by nobody but these.
func (c *checker) onlyCreate(packageName, module, entity string, observers ...ident.Party) (signing.Create, bool) {
	var create signing.Create

	t := c.prepared.Transaction
	ok := len(t.Roots) == 1

	if ok {
		create, ok = t.Roots[0].Action.(signing.Create)
	}

	ok = ok && create.Template.Module == module && create.Template.Entity == entity
	if !ok {
		c.differs("transaction", "one root, create of "+module+":"+entity, roots(t))

		return create, false
	}

	us := []ident.Party{c.request.Party}
	c.equal("root.package_name", packageName, create.PackageName)
	c.expect(slices.Equal(create.Signatories, us), "root.signatories", parties(us), parties(create.Signatories))
	c.expect(sameSet(create.Stakeholders, append(us, observers...)), "root.stakeholders",
		parties(append(us, observers...)), parties(create.Stakeholders))
	c.expect(create.Key == nil, "root.key", "none", "a contract key")

	return create, true
}

func (p PreapprovalCancel) check(c *checker) {
	root, ok := c.root(ident.Name{}, choiceCancel, p.Preapproval, true)
	if !ok {
		return
	}

	r := &reader{}
	r.only(root.Argument, []string{"p"})
	by := r.party(root.Argument, "p")
	c.expect(r.err == nil && by == c.request.Party, "root.argument", string(c.request.Party), string(by))
	c.expect(len(root.Children) == 0, "root.children", "none", "some")

	x, known := c.contracts[p.Preapproval]
	if !known {
		c.differs("preapproval", brief(p.Preapproval), "not among the inputs")

		return
	}

	r = &reader{}
	dso, receiver := r.party(x.Argument, "dso"), r.party(x.Argument, "receiver")
	c.expect(x.Template.Module == modulePreapproval && x.Template.Entity == "TransferPreapproval" && r.err == nil,
		x.place(), "a preapproval", x.about())
	c.equal(x.place()+".receiver", string(c.request.Party), string(receiver))
	c.equal(x.place()+".dso", string(p.DSO), string(dso))
	c.expect(x.signedBy(p.DSO), x.place()+".signatories", string(p.DSO), parties(x.Signatories))
}
