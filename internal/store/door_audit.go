package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Note writes what was done into the audit log. The treasury is empty for what concerns none; the detail is a JSON
// object.
func (d *Door) Note(
	ctx context.Context, treasury ident.Party, action, subject string, detail strictjson.Raw,
) error {
	var id *int32

	if treasury != "" {
		found, err := d.DB().FindTreasury(ctx, treasury)
		if err != nil {
			return fmt.Errorf("note %s: %w", action, err)
		}

		number := int32(found)
		id = &number
	}

	return d.db.note(ctx, d.tx, id, d.Actor, action, subject, detail, d.Now)
}

// SealedAct is a row of the audit log with its place in the chain of hashes.
type SealedAct struct {
	Act

	// Hash is empty until the row is sealed, a moment after it is written.
	Hash []byte
}

// ActFilter says which rows of the audit log are wanted, the newest first.
type ActFilter struct {
	// Before is the number that those wanted are below; 0 for the newest.
	Before int64
	// Subject and Actor are empty for all.
	Subject, Actor string
	// Treasuries are those that the rows must concern; nil for all rows.
	Treasuries []ident.Party
	Most       int
}

// SealedActs reads a page of the audit log.
func (db *DB) SealedActs(ctx context.Context, f ActFilter) ([]SealedAct, error) {
	rows, err := db.queries.AuditPage(ctx, db.exec, dbsqlc.AuditPageParams{
		Before: f.Before, Subject: memo.Stored(f.Subject), Actor: memo.Stored(f.Actor), Every: f.Treasuries == nil,
		Treasuries: partyTexts(f.Treasuries), Most: integer(f.Most),
	})
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}

	return mapped(rows, func(r dbsqlc.AuditPageRow) SealedAct {
		return SealedAct{Hash: r.Hash, Act: Act{
			No: r.AuditNo, At: r.At, Actor: r.Actor, DatabaseUser: r.DatabaseUser, Action: r.Action, Subject: r.Subject,
			Detail: r.Detail,
		}}
	}), nil
}

// SealAudit puts rows of the audit log into the chain of hashes, at most so many, and says how many there were.
func (db *DB) SealAudit(ctx context.Context, most int, now time.Time) (int, error) {
	sealed, err := db.queries.AuditSeal(ctx, db.exec, dbsqlc.AuditSealParams{Most: integer(most), Now: now})

	return int(sealed), wrap("seal the audit log", err)
}

// Seal is where the chain of hashes over the audit log ends.
type Seal struct {
	// No is its place in the chain, from 1 on: so many rows are sealed.
	No   int64
	Hash []byte
}

// AuditHead is the end of the chain; ErrNotFound if nothing was sealed yet.
func (db *DB) AuditHead(ctx context.Context) (Seal, error) {
	row, err := db.queries.AuditHead(ctx, db.exec)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}

	return Seal{No: row.SealNo, Hash: row.Hash}, wrap("read the head of the audit log", err)
}

// OldestUnsealed is when the row was noted that has waited longest for its seal; zero if none waits.
func (db *DB) OldestUnsealed(ctx context.Context) (time.Time, error) {
	at, err := db.queries.AuditOldestUnsealed(ctx, db.exec)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}

	return at, wrap("find the oldest unsealed row of the audit log", err)
}

// sealPatience is how long a row may wait for its seal. Rows are sealed every second: after so long, nobody does it.
const sealPatience = 5 * time.Minute

// AuditVerification is what computing the chain anew found.
type AuditVerification struct {
	Rows, Unsealed int64
	// UnsealedSince is when the row was noted that has waited longest for its seal; zero if none waits.
	UnsealedSince time.Time
	// Head is the hash of the last sealed row: kept somewhere else, it shows whether all of the chain was written anew.
	Head []byte
	// BrokenAt is the row at which the chain does not fit any more: one that was changed, added or moved, or before which
	// one or its seal was taken away; 0 if there is none.
	BrokenAt int64
}

// Late reports whether a row has waited too long for its seal: what is not sealed can be changed unseen.
func (v AuditVerification) Late(now time.Time) bool {
	return !v.UnsealedSince.IsZero() && now.Sub(v.UnsealedSince) > sealPatience
}

// VerifyAudit computes the chain anew.
func (db *DB) VerifyAudit(ctx context.Context) (AuditVerification, error) {
	since, err := db.OldestUnsealed(ctx)
	if err != nil {
		return AuditVerification{}, err
	}

	row, err := db.queries.AuditVerify(ctx, db.exec)

	return AuditVerification{
		Rows: row.Rows, Unsealed: row.Unsealed, UnsealedSince: since, Head: row.Head, BrokenAt: row.BrokenAt,
	}, wrap("verify the audit log", err)
}
