package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/update"
)

// SnapshotKind is the kind of the pseudo-update number 0 that a history begins with if it did not begin at genesis.
const SnapshotKind update.Kind = "snapshot"

// ApplyOpening begins a history with a snapshot: the cursor and everything that the records hold, in one transaction.
// The records are parts of one pseudo-update, all number 0.
func (db *DB) ApplyOpening(ctx context.Context, c Cursor, party ident.Party, records []Record, now time.Time) error {
	r, err := db.rowsOf(Batch{Treasury: c.Treasury, Party: party, Records: records, Now: now})
	if err != nil {
		return err
	}

	renumber(r)

	return db.inTx(ctx, func(tx pgx.Tx) error {
		err := db.queries.CursorCreate(ctx, tx, dbsqlc.CursorCreateParams{
			TreasuryID: int32(c.Treasury), ParticipantID: c.Participant, OriginOffset: c.Origin,
			DerivationVersion: integer(c.Derivation), Now: now,
		})
		if err != nil {
			return fmt.Errorf("create cursor of treasury %d: %w", c.Treasury, err)
		}

		if len(r.updates) > 0 {
			if _, err := db.queries.UpdateInsert(ctx, tx, r.updates[:1]); err != nil {
				return fmt.Errorf("store opening snapshot: %w", err)
			}
		}

		if err := db.writeDerived(ctx, tx, r); err != nil {
			return err
		}

		return db.writeEvents(ctx, tx, r)
	})
}

// renumber makes the movements of the parts distinct: each part counted its own from 0.
func renumber(r *rows) {
	movement := int32(-1)

	for i := range r.postings {
		if r.postings[i].Line == 0 {
			movement++
		}

		r.postings[i].Movement = movement
	}

	for i := range r.unrecognized {
		r.unrecognized[i].Ordinal = int32(i)
	}
}
