package txhistory

import (
	"errors"
	"fmt"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/update"
)

var (
	errViewStatus    = errors.New("the validator node could not compute the view")
	errContradicting = errors.New("the contract's views contradict each other")
)

// reading is what one created contract means to the party.
type reading struct {
	// holding and instruction are nil where there is none, whoever owns or sends it.
	holding     *token.Holding
	instruction *token.Instruction
	// opaque is set for a holding that could not be read.
	opaque   bool
	problems []Unrecognized
}

// reader reads created contracts on behalf of a party, for Parse and Moves alike.
type reader struct {
	party   ident.Party
	update  ident.UpdateID
	options Options
}

// read makes one reading of all the views of a contract. A contract may be a holding of V1 and V2 at once, in any
// order of its views: it is one holding.
func (r reader) read(node ident.NodeID, c *update.Created) (reading, error) {
	var (
		out      reading
		failures []*ViewError
	)

	for _, view := range c.Views {
		holding := token.IsHolding(view.Interface)
		if !holding && !token.IsTransferInstruction(view.Interface) {
			continue
		}

		if err := out.add(r.party, view); err != nil {
			if holding && view.Status == 0 && !errors.Is(err, errContradicting) {
				// A stranger's holding may be as strange as it likes, also where the party may look on.
				if owner, readable := token.HoldingOwner(view.Interface, view.Value); readable && owner != r.party {
					out.opaque = true

					continue
				}
			}

			failures = append(failures, &ViewError{
				Update: r.update, Node: node, Contract: c.Contract, Template: c.Template, Package: c.PackageName,
				Interface: view.Interface, Status: view.Status, Cause: err,
			})
			out.opaque = out.opaque || holding
		}
	}

	for _, failure := range failures {
		if err := r.fail(&out, c, failure); err != nil {
			return reading{}, err
		}
	}

	out.opaque = out.opaque && out.holding == nil
	out.requireAdmin(r.party, node, c)

	return out, nil
}

// requireAdmin forgets what claims to be a token of an admin who has not signed it. A view is computed by the
// contract's own package, so anybody whose package is on our node can write a contract that calls itself Canton Coin;
// only a signature cannot be claimed. Every holding and instruction in the recorded data is signed by its admin.
func (r *reading) requireAdmin(party ident.Party, node ident.NodeID, c *update.Created) {
	if h := r.holding; h != nil && !slices.Contains(c.Signatories, h.Instrument.Admin) {
		if h.Owner == party {
			r.problems = append(r.problems, unsigned(node, c, "holding", h.Instrument))
		}

		r.holding = nil
	}

	if i := r.instruction; i != nil && !slices.Contains(c.Signatories, i.Transfer.Instrument.Admin) {
		if concerns(party, i.Transfer) {
			r.problems = append(r.problems, unsigned(node, c, "instruction", i.Transfer.Instrument))
		}

		r.instruction = nil
	}
}

func unsigned(node ident.NodeID, c *update.Created, what string, claimed ident.Instrument) Unrecognized {
	detail := fmt.Sprintf("%s %s claims to be %.300q, whose admin has not signed it: it is not counted",
		what, c.Contract, claimed)

	return Unrecognized{Node: node, Problem: ProblemView, Detail: detail}
}

// fail decides what an unreadable view means: nothing if the contract is none of the party's business, otherwise
// an error, or a problem to show where stopping would help nobody.
func (r reader) fail(out *reading, c *update.Created, e *ViewError) error {
	var ours, readable bool

	switch {
	case errors.Is(e.Cause, errContradicting):
		ours = true
		out.drop(e.Interface)
	case token.IsHolding(e.Interface) && out.holding != nil: // the other version of the interface was readable
		ours, readable = out.holding.Owner == r.party, true
	case token.IsTransferInstruction(e.Interface) && out.instruction != nil:
		ours, readable = concerns(r.party, out.instruction.Transfer), true
	default:
		ours = stakeholder(r.party, c)
	}

	if !ours {
		return nil
	}

	if !readable && r.stops(e) {
		return e
	}

	out.problems = append(out.problems, Unrecognized{
		Node: e.Node, Problem: ProblemView,
		Detail: fmt.Sprintf("view %s of contract %s cannot be read: %.300s", e.Interface.Entity, e.Contract, e.Cause),
	})

	return nil
}

// drop forgets what contradicting views said, so that their order decides nothing.
func (r *reading) drop(iface ident.Name) {
	if token.IsHolding(iface) {
		r.holding = nil
	} else {
		r.instruction = nil
	}
}

// stops reports whether an unreadable view must stop ingestion. A failure of the node does, because the operator can
// mend it; so does a holding that breaks the standard. A token whose very name is unacceptable does not, since
// it can never be listed and every owner of a registry could stop us with it; nor does an offer that came and
// does not decode, since ignoring it moves no money.
func (r reader) stops(e *ViewError) bool {
	if r.options.QuarantineFailedViews {
		return false
	}

	return e.Status != 0 || token.IsHolding(e.Interface) && !errors.Is(e.Cause, token.ErrInstrument)
}

func (r *reading) add(party ident.Party, view update.View) error {
	switch {
	case view.Status != 0:
		return fmt.Errorf("%w: %s", errViewStatus, quoted(view.Message))
	case token.IsHolding(view.Interface):
		return r.addHolding(party, view)
	default:
		return r.addInstruction(party, view)
	}
}

func (r *reading) addHolding(party ident.Party, view update.View) error {
	holding, err := token.DecodeHolding(view.Interface, view.Value)
	if err != nil {
		return err
	}

	before := r.holding
	if before == nil || view.Interface.Is(token.HoldingV1) { // V1's metadata wins, whatever the order
		r.holding = &holding
	}

	if before != nil && (before.Owner == party || holding.Owner == party) && !sameHolding(*before, holding) {
		return errContradicting
	}

	return nil
}

func sameHolding(a, b token.Holding) bool {
	return a.Owner == b.Owner && a.Instrument == b.Instrument && a.Amount.Equal(b.Amount) &&
		(a.Lock == nil) == (b.Lock == nil)
}

func (r *reading) addInstruction(party ident.Party, view update.View) error {
	instruction, err := token.DecodeInstruction(view.Interface, view.Value)
	if err != nil {
		return err
	}

	before := r.instruction
	if before == nil {
		r.instruction = &instruction

		return nil
	}

	concerned := concerns(party, before.Transfer) || concerns(party, instruction.Transfer)
	if concerned && !(sameTransfer(before.Transfer, instruction.Transfer) && before.Original == instruction.Original) {
		return errContradicting
	}

	// Either version may be the one that says that the receiver can accept.
	awaits := before.AwaitsReceiver || instruction.AwaitsReceiver
	if view.Interface.Is(token.TransferInstructionV1) {
		r.instruction = &instruction
	}

	r.instruction.AwaitsReceiver = awaits

	return nil
}

// sameTransfer reports whether two records describe the same movement of money.
func sameTransfer(a, b token.Transfer) bool {
	return a.Sender == b.Sender && a.Receiver == b.Receiver && a.Instrument == b.Instrument && a.Amount.Equal(b.Amount)
}
