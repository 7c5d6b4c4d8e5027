package txhistory

import (
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
)

var (
	// ErrKind is returned for an update of another kind than the function reads.
	ErrKind = errors.New("not an update of this kind")
	// ErrContradiction is wrapped by errors about a transaction that contradicts itself or what is known: a
	// contract created twice, or consumed twice, or created although it is known already. Applying it would
	// corrupt the books: either the node lies, or the update has been applied before.
	ErrContradiction = errors.New("transaction contradicts what is known")
	// ErrUnbalanced is returned when movements do not sum to the holdings: a fault in this package.
	ErrUnbalanced = errors.New("movements do not sum to the change of holdings")
)

// ViewError says that the party is a stakeholder of a contract that may be its money, and that the node did not
// say what the contract means. Ingestion must stop before the update: going on could lose a deposit.
type ViewError struct {
	Update    ident.UpdateID
	Node      ident.NodeID
	Contract  ident.ContractID
	Template  ident.Name
	Package   string
	Interface ident.Name
	// Status is the gRPC code with which the node failed to compute the view; 0 where the view came and does
	// not decode.
	Status int
	// Cause is the node's message, bounded, or why the view does not decode.
	Cause error
}

func (e *ViewError) Error() string {
	const form = "contract %s of template %s in update %s: view %s:%s is unreadable (status %d): %v; " +
		"it may be money of the treasury, so ingestion stopped before this update and nothing is lost. "

	advice := "Upload and vet the package %s on the validator node and restart; to go on without this contract, " +
		"allow failed views to be quarantined"
	if e.Status == 0 {
		advice = "The package %s gives a value outside the token standard: upgrade this suite, or, to go on without " +
			"this contract, allow failed views to be quarantined"
	}

	return fmt.Sprintf(form+advice, e.Contract, e.Template, e.Update, e.Interface.Module, e.Interface.Entity, e.Status,
		e.Cause, quoted(e.Package))
}

func (e *ViewError) Unwrap() error { return e.Cause }

// quoted shows a stranger's text, bounded and escaped.
func quoted(text string) string { return fmt.Sprintf("%.100q", text) }
