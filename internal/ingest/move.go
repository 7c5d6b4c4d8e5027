package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	// Update is the newest ingested update that the node has.
	Update ident.UpdateID
	// Offset is the node's offset that ingestion goes on after.
	Offset ident.Offset
	// Overlap is how many ingested updates the node will tell again; they are recognised by their ids and left out.
	Overlap int
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
// a node, update ids are not: an ingested update that the node knows tells where to go on. Nodes interleave
// synchronizers differently, and one may have lagged behind on the old node, so the move goes back as far as it has
// searched: to be told an update again costs nothing, to miss one costs money.
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

	pruned, err := node.PrunedOffsets(ctx)
	if err != nil {
		return Moved{}, err
	}

	if err := locate(ctx, node, party, recent, pruned.Participant, &moved); err != nil {
		return Moved{}, err
	}

	if moved.Offset < pruned.Participant {
		return Moved{}, refusePruned(moved.Offset, pruned.Participant)
	}

	return moved, db.MoveCursor(ctx, treasury, moved.To, moved.Offset, now.Now())
}

// locate finds the newest common update, as proof that it is the same ledger, and the place to go on from: after the
// oldest common update of the search, or from the node's beginning if the whole history is shorter than the search.
func locate(
	ctx context.Context, node Destination, party ident.Party,
	recent []store.RecentUpdate, pruned ident.Offset, moved *Moved,
) error {
	newest, _, err := find(ctx, node, party, recent)
	if err != nil {
		return err
	}

	moved.Update = recent[newest].ID

	whole := len(recent) < moveSearch && recent[len(recent)-1].No == 1
	if whole && pruned == ident.Begin {
		moved.Offset, moved.Overlap = ident.Begin, len(recent)-newest

		return nil
	}

	backwards := slices.Clone(recent)
	slices.Reverse(backwards)

	oldest, offset, err := find(ctx, node, party, backwards)
	if err != nil {
		return err
	}

	moved.Offset, moved.Overlap = offset, len(backwards)-oldest-1-newest

	return nil
}

// find gives the first of the updates that the node has, and where it has it.
func find(
	ctx context.Context, node Destination, party ident.Party, list []store.RecentUpdate,
) (place int, offset ident.Offset, err error) {
	for i, r := range list {
		raw, err := node.UpdateByID(ctx, party, r.ID)
		if ledger.IsNotFound(err) {
			continue
		}

		if err != nil {
			return 0, 0, err
		}

		u, err := update.Decode(raw)
		if err != nil {
			return 0, 0, fmt.Errorf("update %s: %w", r.ID, err)
		}

		if u.ID != r.ID {
			return 0, 0, fmt.Errorf("%w: asked for update %s, got %s", update.ErrMalformed, r.ID, u.ID)
		}

		return i, u.Offset, nil
	}

	return 0, 0, ErrNoCommonUpdate
}
