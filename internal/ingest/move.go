package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/update"
)

// Destination is what a move needs of the node to continue from.
type Destination interface {
	ParticipantID(ctx context.Context) (ident.ParticipantID, error)
	PrunedOffsets(ctx context.Context) (ledger.PrunedOffsets, error)
	UpdateByID(ctx context.Context, party ident.Party, id ident.UpdateID) ([]byte, error)
}

// Moved is the outcome of a move.
type Moved struct {
	From, To ident.ParticipantID
	// Update is the newest ingested update that the node has, and Offset where it has it.
	Update ident.UpdateID
	Offset ident.Offset
	// Ahead is how many newer updates the database has; the node will tell them again, and they are left out.
	Ahead int
}

var (
	// ErrBusy means that another process ingests the treasury.
	ErrBusy = errors.New("another process ingests this treasury: stop it first")
	// ErrNoCommonUpdate means that the node has none of the last ingested updates.
	ErrNoCommonUpdate = errors.New("the node has none of the last ingested updates: " +
		"it does not host this party, has pruned too far, or has not caught up yet")
)

// moveSearch is how many of the last updates are looked for on the node.
const moveSearch = 500

// MoveNode continues a treasury's history from another node, or from the same one after a restore. Offsets are local to
// a node, update ids are not: the newest ingested update that the node knows tells where to go on.
func MoveNode(ctx context.Context, db *store.DB, node Destination, party ident.Party, now clock.Clock) (Moved, error) {
	treasury, err := db.FindTreasury(ctx, party)
	if err != nil {
		return Moved{}, err
	}

	lock, got, err := db.TryLock(ctx, treasury)
	if err != nil {
		return Moved{}, err
	}

	if !got {
		return Moved{}, ErrBusy
	}
	defer lock.Release(context.WithoutCancel(ctx))

	cursor, err := db.Cursor(ctx, treasury)
	if err != nil {
		return Moved{}, err
	}

	moved := Moved{From: cursor.Participant}
	if moved.To, err = node.ParticipantID(ctx); err != nil {
		return Moved{}, err
	}

	recent, err := db.RecentUpdates(ctx, treasury, moveSearch)
	if err != nil {
		return Moved{}, err
	}

	if err := find(ctx, node, party, recent, &moved); err != nil {
		return Moved{}, err
	}

	pruned, err := node.PrunedOffsets(ctx)
	if err != nil {
		return Moved{}, err
	}

	if moved.Offset < pruned.Participant {
		return Moved{}, refusePruned(moved.Offset, pruned.Participant)
	}

	return moved, db.MoveCursor(ctx, treasury, moved.To, moved.Offset, now.Now())
}

// find looks for the newest ingested update on the node.
func find(ctx context.Context, node Destination, party ident.Party, recent []store.RecentUpdate, moved *Moved) error {
	for i, r := range recent {
		raw, err := node.UpdateByID(ctx, party, r.ID)
		if ledger.IsNotFound(err) {
			continue
		}

		if err != nil {
			return err
		}

		u, err := update.Decode(raw)
		if err != nil {
			return fmt.Errorf("update %s: %w", r.ID, err)
		}

		if u.ID != r.ID {
			return fmt.Errorf("%w: asked for update %s, got %s", update.ErrMalformed, r.ID, u.ID)
		}

		moved.Update, moved.Offset, moved.Ahead = r.ID, u.Offset, i

		return nil
	}

	return ErrNoCommonUpdate
}
