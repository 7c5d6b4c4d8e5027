package ledger

import (
	"context"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
)

// SubmitRequest is a command of local parties: those for which the node itself signs, and the user may act.
type SubmitRequest struct {
	// UserID is the ledger user; the token's if empty.
	UserID string
	// CommandID names the change: a node commits at most one change of the same user, parties and command id within the
	// deduplication period. Up to 255 characters.
	CommandID string
	Command   Command
	ActAs     []ident.Party
	Disclosed []DisclosedContract
	// Synchronizer to run on; the node chooses if empty.
	Synchronizer  ident.SynchronizerID
	Deduplication Deduplication
}

const (
	opSubmit   = "submit command"
	pathSubmit = "/v2/commands/submit-and-wait"
)

// SubmitAndWait has the node build, sign and submit a command, once, and waits until it is on the ledger. OutcomeOf
// says what an error means; that the waiting ends says nothing about the command. Nothing is repeated here.
func (c *Client) SubmitAndWait(ctx context.Context, r SubmitRequest) (Committed, error) {
	switch {
	case r.CommandID == "" || len(r.CommandID) > maxID:
		return Committed{}, notSent(opSubmit, StageExecute,
			"a command id of %d bytes, want 1 to %d", len(r.CommandID), maxID)
	case r.Command == nil:
		return Committed{}, notSent(opSubmit, StageExecute, "no command")
	case len(r.ActAs) == 0:
		return Committed{}, notSent(opSubmit, StageExecute, "no party acts")
	case r.Deduplication.duration < 0:
		return Committed{}, notSent(opSubmit, StageExecute, "a deduplication period below zero")
	}

	a, err := c.submit(ctx, opSubmit, pathSubmit, ledgerapi.SubmitRequest{
		Commands: []any{r.Command.wire()}, CommandId: r.CommandID, ActAs: texts(r.ActAs), UserId: r.UserID,
		ReadAs: []string{}, DeduplicationPeriod: r.Deduplication.wire(), DisclosedContracts: disclosed(r.Disclosed),
		SynchronizerId: string(r.Synchronizer), PackageIdSelectionPreference: []string{},
	})
	if err != nil {
		return Committed{}, err
	}

	return committed(opSubmit, a)
}
