package ingest

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// rebuildBatch is how many updates are derived at once.
const rebuildBatch = 200

// Rebuild derives everything of a treasury anew from its stored raw updates and says how the result differs from what
// is in use. With replace it takes its place. What was decided about deposits stays decided: memos may have been
// registered or disabled since.
func Rebuild(
	ctx context.Context, db *store.DB, party ident.Party, replace bool, now clock.Clock,
) ([]store.TableDifference, error) {
	treasury, err := db.FindTreasury(ctx, party)
	if err != nil {
		return nil, err
	}

	return db.Rebuild(ctx, treasury, txhistory.DerivationVersion, replace, func(scratch *store.DB) error {
		for after := int64(0); ; {
			stored, err := scratch.StoredUpdates(ctx, treasury, after, rebuildBatch)
			if err != nil || len(stored) == 0 {
				return err
			}

			if err := rederive(ctx, db, scratch, treasury, party, stored, now); err != nil {
				return err
			}

			after = stored[len(stored)-1].No
		}
	})
}

// rederive derives a run of stored updates anew into scratch; db knows what was decided about their deposits.
func rederive(
	ctx context.Context, db, scratch *store.DB, treasury store.TreasuryID, party ident.Party,
	stored []store.StoredUpdate, now clock.Clock,
) error {
	updates := make([]update.Update, len(stored))

	var named []ident.ContractID

	for i, s := range stored {
		u, err := update.Decode(s.Body)
		if err != nil {
			return fmt.Errorf("update %s, number %d: %w", s.ID, s.No, err)
		}

		updates[i] = u
		named = append(named, references(party, u)...)
	}

	knowledge, err := scratch.Known(ctx, treasury, party, named)
	if err != nil {
		return err
	}

	// Views that failed when they were ingested were let in by the operator then.
	config := Config{Party: party, QuarantineFailedViews: true}
	batch := store.Batch{Treasury: treasury, Party: party, Now: now.Now()}

	for i, s := range stored {
		record, err := parse(config, updates[i], s.Body, s.No, &knowledge)
		if err != nil {
			return err
		}

		batch.Records = append(batch.Records, record)
	}

	decided := func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]books.Attribution, error) {
		return db.Decided(ctx, treasury, ids)
	}
	if err := book(ctx, scratch, treasury, party, batch.Records, now.Now(), decided); err != nil {
		return err
	}

	return scratch.ApplyDerived(ctx, batch)
}
