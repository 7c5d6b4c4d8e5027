package intent

import (
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

// Statement is what a prepared transaction does, in words. Every text in it is bounded and escaped; parties and amounts
// are complete.
type Statement struct {
	// Action is what the transaction is about.
	Action string
	// Effects are all contracts that are archived or made, in order; what they are worth if they are holdings.
	Effects []string
	// Terms are what the signature covers beside: who acts, until when, where.
	Terms []string
}

// String is the statement as one line.
func (s Statement) String() string {
	return strings.Join(append(append([]string{s.Action}, s.Effects...), s.Terms...), "; ")
}

// maxEffects is how many effects are told one by one: a transfer of 100 holdings has about 110.
const maxEffects = 500

// Describe says what a prepared transaction does, whatever it is. It says so of each effect by itself, and does not
// judge: only Check knows what was wanted.
func Describe(p signing.Prepared) Statement {
	d := &describer{contracts: map[ident.ContractID]signing.Create{}}
	for _, input := range p.Metadata.InputContracts {
		d.contracts[input.Create.ContractID] = input.Create
	}

	actions := make([]string, 0, 1)

	for i, root := range p.Transaction.Roots {
		if i == maxEffects {
			actions = append(actions, fmt.Sprintf("and %d more actions that are not shown", len(p.Transaction.Roots)-i))

			break
		}

		actions = append(actions, d.action(root))
	}

	return Statement{
		Action: strings.Join(actions, "; then "), Effects: d.effects(p.Transaction), Terms: terms(p.Metadata),
	}
}

type describer struct {
	contracts map[ident.ContractID]signing.Create
}

func (d *describer) action(root *signing.Node) string {
	switch a := root.Action.(type) { //nolint:exhaustive // actions are values
	case signing.Exercise:
		return d.exercise(a)
	case signing.Create:
		return parties(a.Signatories) + " creates " + name(a.Template) + " " +
			rendered(a.Argument)
	case signing.Fetch, signing.Rollback, signing.QueryByKey:
		return "no action, but a " + title(root)
	default:
		return "an unknown action"
	}
}

func (d *describer) exercise(x signing.Exercise) string {
	who := parties(x.ActingParties)

	if x.Choice == token.ChoiceTransfer && token.IsTransferFactory(x.Interface) {
		if t, err := readTransfer(x.Argument); err == nil {
			return who + pays(t, kindOf(x, t)) + memo(t)
		}
	}

	verbs := map[string]string{
		token.ChoiceAccept: " accepts", token.ChoiceReject: " rejects", token.ChoiceWithdraw: " withdraws",
	}

	if verb, ok := verbs[x.Choice]; ok && token.IsTransferInstruction(x.Interface) {
		if t, err := readTransfer(d.contracts[x.ContractID].Argument); err == nil {
			return who + verb + " the offer " + brief(x.ContractID) + " of " + quantity(t) + " from " +
				word(string(t.Sender)) + " to " + word(string(t.Receiver)) + memo(t)
		}
	}

	return who + " exercises " + word(x.Choice) + " on " + name(x.Template) + " " +
		brief(x.ContractID) + " with " + rendered(x.Argument)
}

// pays is a transfer and how it is made, as far as the transaction says.
func pays(t token.Transfer, kind Kind) string {
	switch kind {
	case Self:
		return " transfers " + quantity(t) + " to itself"
	case Offer:
		return " offers " + quantity(t) + " of " + word(string(t.Sender)) + " to " + word(string(t.Receiver)) + " until " +
			stamp(t.ExecuteBefore)
	case Direct:
		return " pays " + quantity(t) + " of " + word(string(t.Sender)) + " to " + word(string(t.Receiver)) + " at once"
	default:
		return " tries to pay " + quantity(t) + " of " + word(string(t.Sender)) + " to " + word(string(t.Receiver))
	}
}

// kindOf is how the transfer is made, by its outcome; empty if that is none of the known.
func kindOf(x signing.Exercise, t token.Transfer) Kind {
	output, err := signing.At[signing.Variant](x.Result, "output")

	switch {
	case err != nil:
		return ""
	case output.Constructor == pending:
		return Offer
	case output.Constructor != completed:
		return ""
	case t.Sender == t.Receiver:
		return Self
	default:
		return Direct
	}
}

func quantity(t token.Transfer) string {
	return t.Amount.String() + " " + word(t.Instrument.ID) + " of " + word(string(t.Instrument.Admin))
}

func memo(t token.Transfer) string {
	text := t.Meta.Memo()
	if text == nil {
		return ", without a memo"
	}

	return ", memo " + quoted(*text)
}

// effects tells of every contract that is archived or made. What is below a rollback has no effect.
func (d *describer) effects(t signing.Transaction) []string {
	out := []string{}
	more, undone := 0, 0

	spent := map[ident.ContractID]bool{}
	for _, x := range t.Consumed() {
		spent[x.ContractID] = true
	}

	t.Walk(func(s signing.Step) bool {
		text := d.effect(s.Node, spent)

		switch {
		case s.Undone:
			undone++
		case text == "":
		case len(out) < maxEffects:
			out = append(out, text)
		default:
			more++
		}

		return true
	})

	if undone > 0 {
		out = append(out, fmt.Sprintf("%d actions are undone and have no effect", undone))
	}

	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more effects that are not shown", more))
	}

	return out
}

// effect is what one node does to the ledger; empty for one that only reads or only has effects below it.
func (d *describer) effect(n *signing.Node, spent map[ident.ContractID]bool) string {
	switch a := n.Action.(type) { //nolint:exhaustive // actions are values
	case signing.Create:
		d.contracts[a.ContractID] = a

		verb := "makes "
		if spent[a.ContractID] {
			verb = "makes for a moment "
		}

		return verb + brief(a.ContractID) + " (" + worth(a) + ")"
	case signing.Exercise:
		if !a.Consuming {
			return ""
		}

		if create, ok := d.contracts[a.ContractID]; ok {
			return "archives " + brief(a.ContractID) + " (" + worth(create) + ")"
		}

		return "archives " + brief(a.ContractID) + " (" + name(a.Template) + ", content unknown)"
	case signing.Fetch, signing.Rollback, signing.QueryByKey:
		return ""
	default:
		return "does something unknown"
	}
}

// worth is what a contract is: what it holds, or its template and who signs it.
func worth(create signing.Create) string {
	h, err := readHolding(create)

	switch {
	case err != nil:
		return name(create.Template) + ", not readable"
	case h == nil:
		return name(create.Template) + ", signed by " + parties(create.Signatories)
	}

	switch {
	case h.lock == nil:
		return h.about()
	case h.lock.expires != nil:
		return h.about() + ", locked until " + stamp(h.lock.expires.Time())
	default:
		return h.about() + ", locked"
	}
}

func terms(m signing.Metadata) []string {
	out := []string{
		"acts as " + parties(m.ActAs), "command " + word(m.CommandID),
		"on " + word(string(m.SynchronizerID)), "prepared at " + stamp(m.PreparationTime.Time()),
	}

	for _, bound := range []struct {
		text string
		at   *signing.Timestamp
	}{
		{"ledger time not before ", m.MinLedgerTime}, {"ledger time not after ", m.MaxLedgerTime},
		{"commits not after ", m.MaxRecordTime},
	} {
		if bound.at != nil {
			out = append(out, bound.text+stamp(bound.at.Time()))
		}
	}

	return out
}
