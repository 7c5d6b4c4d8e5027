package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// Refusal is why ingestion must not start.
type Refusal string

// The refusals.
const (
	// OtherNode: the database follows another validator node, whose offsets mean nothing here.
	OtherNode Refusal = "other_node"
	// BeyondLedgerEnd: the database is ahead of the node.
	BeyondLedgerEnd Refusal = "beyond_ledger_end"
	// OtherHistory: at an offset that was ingested, the node now has another update.
	OtherHistory Refusal = "other_history"
	// Pruned: the node no longer has updates that were never ingested.
	Pruned Refusal = "pruned"
	// OldDerivation: the derived tables were made by older rules.
	OldDerivation Refusal = "old_derivation"
	// Halted: one of the two before was found at an earlier start, and nobody has run `treasury move-node` since.
	Halted Refusal = "halted"
	// NewerDerivation: the derived tables were made by a newer program.
	NewerDerivation Refusal = "newer_derivation"
)

// StartError stops ingestion for good: going on could lose or double money. Its text names the way out.
type StartError struct {
	Refusal Refusal
	Message string
}

// Error implements error.
func (e *StartError) Error() string { return e.Message }

// recentChecked is how many of the last updates are compared with the node at start.
const recentChecked = 5

// facts are what a start is decided on.
type facts struct {
	start       Start
	participant ident.ParticipantID
	ledgerEnd   ident.Offset
	pruned      ident.Offset
	derivation  int
	// cursor is nil before the first start.
	cursor *store.Cursor
	// strange is an ingested update that the node does not have where we read it.
	strange *store.RecentUpdate
}

// action is what a start leads to.
type action int

const (
	resume action = iota + 1
	beginAtGenesis
	beginWithSnapshot
)

// decide is the whole of the start: a function of the facts.
func decide(f facts) (action, error) {
	if f.cursor == nil {
		return decideFirst(f)
	}

	c := f.cursor

	switch {
	case c.Derivation < f.derivation:
		return 0, refuse(OldDerivation, "the derived tables were made by rules %d and this program has rules %d; "+
			"nothing is lost: run `treasury rebuild`, then start again", c.Derivation, f.derivation)
	case c.Derivation > f.derivation:
		return 0, refuse(NewerDerivation, "the derived tables were made by rules %d of a newer program, "+
			"this one has rules %d; start the newer program", c.Derivation, f.derivation)
	case c.Halted != "":
		return 0, refuse(Halted, "stopped at an earlier start, and it stays so however often the service is "+
			"restarted: %s", c.Halted)
	case c.Participant != f.participant:
		return 0, refuse(OtherNode, "the database follows node %s, but this is node %s, whose offsets are different; "+
			"no money is affected: point the service back, or run `treasury move-node` to continue from this node",
			c.Participant, f.participant)
	case c.Position.Offset > f.ledgerEnd:
		return 0, refuse(BeyondLedgerEnd, "the database has everything up to offset %d, but the node ends at %d: "+
			"it was probably restored from an older backup; wait until it has caught up, "+
			"then run `treasury move-node`", c.Position.Offset, f.ledgerEnd)
	case f.strange != nil:
		return 0, refuse(OtherHistory, "offset %d was ingested as update %s, but the node has something else there: "+
			"it was probably restored and numbers its updates anew; "+
			"run `treasury move-node` to find the place by update id", f.strange.Offset, f.strange.ID)
	case c.Position.Offset < f.pruned:
		return 0, refusePruned(c.Position.Offset, f.pruned)
	default:
		return resume, nil
	}
}

func decideFirst(f facts) (action, error) {
	if f.start == FromSnapshot {
		return beginWithSnapshot, nil
	}

	if f.pruned > ident.Begin {
		return 0, refuse(Pruned, "the node has pruned its history up to offset %d, so it cannot be read from the beginning; "+
			"set CES_INGEST_START=snapshot to begin with the contracts that are active now "+
			"(deposits made before are then an opening balance)", f.pruned)
	}

	return beginAtGenesis, nil
}

func refusePruned(at, pruned ident.Offset) error {
	return refuse(Pruned, "the database has everything up to offset %d, but the node has pruned up to %d: "+
		"the updates between are gone from it; restore a node that still has them, "+
		"or point the service at another node that hosts the party and run `treasury move-node`", at, pruned)
}

func refuse(why Refusal, format string, args ...any) error {
	return &StartError{Refusal: why, Message: fmt.Sprintf(format, args...)}
}

// begin gathers the facts, decides, and makes this process the writer of what it will continue.
func (s *Service) begin(ctx context.Context, treasury store.TreasuryID) (store.Cursor, error) {
	f, err := s.gather(ctx, treasury)
	if err != nil {
		return store.Cursor{}, err
	}

	what, err := decide(f)
	if err != nil {
		return store.Cursor{}, s.halt(ctx, treasury, err)
	}

	switch what {
	case beginAtGenesis:
		first := firstCursor(treasury, f.participant, ident.Begin)
		if err := s.db.CreateCursor(ctx, first, s.clock.Now()); err != nil {
			return store.Cursor{}, err
		}
	case beginWithSnapshot:
		if err := s.takeSnapshot(ctx, treasury, f); err != nil {
			return store.Cursor{}, err
		}
	case resume:
	}

	return s.db.TakeOver(ctx, treasury, s.clock.Now())
}

// halt makes the discovery that the node tells another history last. By the next start the node may have caught up with
// other offsets, and would look right while updates between had been missed.
func (s *Service) halt(ctx context.Context, treasury store.TreasuryID, err error) error {
	refused, ok := errors.AsType[*StartError](err)
	if !ok || (refused.Refusal != BeyondLedgerEnd && refused.Refusal != OtherHistory) {
		return err
	}

	return errors.Join(err, s.db.Halt(ctx, treasury, refused.Message, s.clock.Now()))
}

// firstCursor begins a treasury's history after an offset of a node.
func firstCursor(treasury store.TreasuryID, node ident.ParticipantID, origin ident.Offset) store.Cursor {
	return store.Cursor{
		Treasury: treasury, Participant: node, Origin: origin, Derivation: txhistory.DerivationVersion,
	}
}

func (s *Service) gather(ctx context.Context, treasury store.TreasuryID) (facts, error) {
	f := facts{start: s.config.Start, derivation: txhistory.DerivationVersion}

	cursor, err := s.db.Cursor(ctx, treasury)
	switch {
	case err == nil:
		f.cursor = &cursor
	case !errors.Is(err, store.ErrNotFound):
		return facts{}, err
	}

	if f.participant, err = s.node.ParticipantID(ctx); err != nil {
		return facts{}, err
	}

	if f.ledgerEnd, err = s.node.LedgerEnd(ctx); err != nil {
		return facts{}, err
	}

	pruned, err := s.node.PrunedOffsets(ctx)
	if err != nil {
		return facts{}, err
	}

	f.pruned = pruned.Participant

	if f.cursor != nil && cursor.Participant == f.participant && cursor.Position.Offset <= f.ledgerEnd {
		strange, found, err := s.findStrange(ctx, treasury, cursor, f.pruned)
		if err != nil {
			return facts{}, err
		}

		if found {
			f.strange = &strange
		}
	}

	return f, nil
}

// findStrange compares the last ingested updates with the node's. A node that was restored from a backup may have
// reached our offset again with other content: strange is then the newest update that the node does not have there.
func (s *Service) findStrange(
	ctx context.Context, treasury store.TreasuryID, c store.Cursor, pruned ident.Offset,
) (strange store.RecentUpdate, found bool, err error) {
	recent, err := s.db.RecentUpdates(ctx, treasury, recentChecked)
	if err != nil {
		return store.RecentUpdate{}, false, err
	}

	for _, r := range recent {
		// What was read from another node, before a move, has that node's offsets.
		if r.Offset <= pruned || r.No <= c.NodeSince {
			break
		}

		raw, err := s.node.UpdateByOffset(ctx, s.config.Party, r.Offset)
		if ledger.IsNotFound(err) {
			return r, true, nil
		}

		if err != nil {
			return store.RecentUpdate{}, false, err
		}

		u, err := update.Decode(raw)
		if err != nil {
			return store.RecentUpdate{}, false, fmt.Errorf("update at offset %d: %w", r.Offset, err)
		}

		if u.ID != r.ID {
			return r, true, nil
		}
	}

	return store.RecentUpdate{}, false, nil
}

// explainPruned turns the node's refusal to serve a pruned offset into an error that names the way out.
func (s *Service) explainPruned(err error, c store.Cursor) error {
	if pruned, ok := ledger.IsPruned(err); ok {
		return refusePruned(c.Position.Offset, pruned)
	}

	return err
}
