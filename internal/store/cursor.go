package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// TreasuryID is the short key of a treasury in this database.
type TreasuryID int32

// Position is how far a treasury is ingested: the node's offset, and the number of the last stored update.
type Position struct {
	Offset ident.Offset
	No     int64
}

// Cursor is where ingestion of a treasury stands.
type Cursor struct {
	Treasury    TreasuryID
	Participant ident.ParticipantID
	Position    Position
	// LastID is the id of the last stored update; empty before the first.
	LastID ident.UpdateID
	Origin ident.Offset
	// NodeSince is the number of the last update that was read from another node than Participant; 0 if there was none.
	NodeSince  int64
	Epoch      int64
	Derivation int
	// Halted says why ingestion must not go on until the cursor is moved; empty otherwise.
	Halted string
}

// EnsureTreasury finds or creates the treasury of a party.
func (db *DB) EnsureTreasury(ctx context.Context, party ident.Party, now time.Time) (TreasuryID, error) {
	id, err := db.queries.TreasuryEnsure(ctx, db.exec, dbsqlc.TreasuryEnsureParams{Party: party, Now: now})
	if err != nil {
		return 0, fmt.Errorf("register treasury %s: %w", party, err)
	}

	return TreasuryID(id), nil
}

// FindTreasury is EnsureTreasury without the creation: ErrNotFound if nobody registered the party.
func (db *DB) FindTreasury(ctx context.Context, party ident.Party) (TreasuryID, error) {
	id, err := db.queries.TreasuryFind(ctx, db.exec, party)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("treasury %s: %w", party, ErrNotFound)
	}

	if err != nil {
		return 0, fmt.Errorf("find treasury %s: %w", party, err)
	}

	return TreasuryID(id), nil
}

// Cursor reads where a treasury stands; ErrNotFound before its first start.
func (db *DB) Cursor(ctx context.Context, treasury TreasuryID) (Cursor, error) {
	row, err := db.queries.CursorFind(ctx, db.exec, int32(treasury))
	if errors.Is(err, pgx.ErrNoRows) {
		return Cursor{}, fmt.Errorf("cursor of treasury %d: %w", treasury, ErrNotFound)
	}

	if err != nil {
		return Cursor{}, fmt.Errorf("read cursor of treasury %d: %w", treasury, err)
	}

	return cursorOf(row), nil
}

// TakeOver makes the caller the one writer of the treasury: the epoch grows, and every earlier writer is fenced off.
func (db *DB) TakeOver(ctx context.Context, treasury TreasuryID, now time.Time) (Cursor, error) {
	row, err := db.queries.CursorTakeOver(ctx, db.exec, dbsqlc.CursorTakeOverParams{TreasuryID: int32(treasury), Now: now})
	if err != nil {
		return Cursor{}, fmt.Errorf("take over treasury %d: %w", treasury, err)
	}

	return cursorOf(row), nil
}

// CreateCursor begins a history at an offset of a node, with nothing in it.
func (db *DB) CreateCursor(ctx context.Context, c Cursor, now time.Time) error {
	err := db.queries.CursorCreate(ctx, db.exec, dbsqlc.CursorCreateParams{
		TreasuryID: int32(c.Treasury), ParticipantID: c.Participant, OriginOffset: c.Origin,
		DerivationVersion: integer(c.Derivation), Now: now,
	})
	if err != nil {
		return fmt.Errorf("create cursor of treasury %d: %w", c.Treasury, err)
	}

	return nil
}

// MoveCursor points the cursor at another node, or at the same one after a restore. Every writer is fenced off.
func (db *DB) MoveCursor(
	ctx context.Context, treasury TreasuryID, to ident.ParticipantID, at ident.Offset, now time.Time,
) error {
	err := db.queries.CursorMoveNode(ctx, db.exec, dbsqlc.CursorMoveNodeParams{
		TreasuryID: int32(treasury), ParticipantID: to, LedgerOffset: at, Now: now,
	})
	if err != nil {
		return fmt.Errorf("move cursor of treasury %d to node %s: %w", treasury, to, err)
	}

	return nil
}

// Halt keeps every later start from going on by itself, however often the process is restarted. MoveCursor ends it.
func (db *DB) Halt(ctx context.Context, treasury TreasuryID, reason string, now time.Time) error {
	err := db.queries.CursorHalt(ctx, db.exec, dbsqlc.CursorHaltParams{
		TreasuryID: int32(treasury), Reason: reason, Now: now,
	})
	if err != nil {
		return fmt.Errorf("halt treasury %d: %w", treasury, err)
	}

	return nil
}

// RecentUpdate is an ingested update, to be compared with what the node says now.
type RecentUpdate struct {
	No     int64
	ID     ident.UpdateID
	Offset ident.Offset
	// Synchronizer is empty where the node did not say it.
	Synchronizer ident.SynchronizerID
}

// RecentUpdates lists the last ingested updates, newest first.
func (db *DB) RecentUpdates(ctx context.Context, treasury TreasuryID, most int) ([]RecentUpdate, error) {
	rows, err := db.queries.UpdateListRecent(ctx, db.exec, dbsqlc.UpdateListRecentParams{
		TreasuryID: int32(treasury), Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("list recent updates: %w", err)
	}

	recent := make([]RecentUpdate, len(rows))
	for i, row := range rows {
		recent[i] = RecentUpdate{
			No: row.UpdateNo, ID: row.UpdateID, Offset: row.LedgerOffset, Synchronizer: row.SynchronizerID,
		}
	}

	return recent, nil
}

// Clock is a synchronizer's record time up to which everything is ingested.
type Clock struct {
	Synchronizer ident.SynchronizerID
	RecordTime   time.Time
}

// Clocks lists the clocks of a treasury.
func (db *DB) Clocks(ctx context.Context, treasury TreasuryID) ([]Clock, error) {
	rows, err := db.queries.ClockList(ctx, db.exec, int32(treasury))
	if err != nil {
		return nil, fmt.Errorf("list synchronizer clocks: %w", err)
	}

	clocks := make([]Clock, len(rows))
	for i, row := range rows {
		clocks[i] = Clock{Synchronizer: row.SynchronizerID, RecordTime: row.RecordTime}
	}

	return clocks, nil
}

func cursorOf(row dbsqlc.IngestionCursor) Cursor {
	return Cursor{
		Treasury: TreasuryID(row.TreasuryID), Participant: row.ParticipantID,
		Position: Position{Offset: row.LedgerOffset, No: row.UpdateNo}, LastID: row.UpdateID,
		Origin: row.OriginOffset, NodeSince: row.NodeSinceNo, Epoch: row.Epoch, Derivation: int(row.DerivationVersion),
		Halted: row.Halted,
	}
}
