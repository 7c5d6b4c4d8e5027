package sandbox

import (
	"errors"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// attempt interprets commands on the synchronizer that the client asks for. If it asks for none, that is the first on
// which all that they use is.
func (v *Validator) attempt(head *submissionHead, at time.Time, commands ...command) (*transaction, error) {
	home, reach, err := v.place(head, commands[0])
	if err != nil {
		return nil, err
	}

	homes := []*synchronizer{home}
	if head.Synchronizer == "" {
		homes = append(homes, v.synchronizers...)
	}

	for _, home := range homes {
		t := v.beginAt(home, at, v.newSeed(), head.ActAs)
		t.reach = reach

		if err = t.interpret(commands...); err == nil {
			return t, nil
		}

		if !errors.Is(err, errElsewhere) {
			break
		}
	}

	return nil, err
}

// place decides on which synchronizer a command runs, and what it may use.
func (v *Validator) place(head *submissionHead, cmd command) (*synchronizer, reach, error) {
	// What a party sees is on this node only if the node hosts it; anything else must be disclosed.
	seen := slices.DeleteFunc(union(head.ActAs, head.ReadAs), func(p ident.Party) bool { return !v.hosts(p) })
	r := reach{limited: true, parties: seen, disclosed: make(map[*contract]struct{}, len(head.Disclosed))}
	home := v.primary()

	if on := v.contracts[cmd.contract]; on != nil && !on.anywhere && on.home != nil {
		home = on.home
	}

	if head.Synchronizer != "" {
		asked, ok := v.synchronizerOf(head.Synchronizer)
		if !ok {
			return nil, r, cantonerr.State("NO_SYNCHRONIZER_FOR_SUBMISSION",
				"No valid synchronizer for submission found: not connected to %.150s", head.Synchronizer)
		}

		home = asked
	}

	for _, d := range head.Disclosed {
		c, err := v.disclose(d, home)
		if err != nil {
			return nil, r, err
		}

		r.disclosed[c] = struct{}{}
	}

	return home, r, nil
}

// disclose is the contract of a disclosure, if what the client says of it is so.
func (v *Validator) disclose(d disclosedJSON, home *synchronizer) (*contract, error) {
	if len(d.Blob) == 0 {
		return nil, cantonerr.Missing("DisclosedContract.createdEventBlob")
	}

	c, err := v.disclosed(d.Blob)
	if err != nil {
		return nil, cantonerr.Invalid("DISCLOSED_CONTRACT_AUTHENTICATION_FAILED",
			"Disclosed contract %.150s cannot be authenticated", d.Contract)
	}

	if d.Contract != "" && d.Contract != c.id {
		return nil, cantonerr.Invalid("INVALID_DISCLOSED_CONTRACT",
			"Disclosed contract %.150s is %s according to its blob", d.Contract, c.id)
	}

	if d.Template != "" && d.Template != c.template.String() && d.Template != c.byPackageName().String() {
		return nil, cantonerr.Invalid("INVALID_DISCLOSED_CONTRACT",
			"Disclosed contract %s is no %.150s but a %s", c.id, d.Template, c.template)
	}

	if d.Synchronizer == "" || c.anywhere {
		return c, nil
	}

	if on, ok := v.synchronizerOf(d.Synchronizer); !ok || on != home {
		return nil, cantonerr.Invalid("DISCLOSED_CONTRACTS_SYNCHRONIZER_ID_MISMATCH",
			"Disclosed contract %s is on %.150s, the submission is for %s", c.id, d.Synchronizer, home.id)
	}

	return c, nil
}

// byPackageName is the template's id as clients may write it.
func (c *contract) byPackageName() ident.Name {
	name := c.template
	name.Package = "#" + c.packageName

	return name
}
