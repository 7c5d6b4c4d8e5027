package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// TreasuryClock is up to when a treasury's history of one synchronizer is in the database.
type TreasuryClock struct {
	Treasury     TreasuryID
	Synchronizer ident.SynchronizerID
	RecordTime   time.Time
}

// AllClocks reads the clocks of all treasuries.
func (db *DB) AllClocks(ctx context.Context) ([]TreasuryClock, error) {
	rows, err := db.queries.ClocksOfAll(ctx, db.exec)
	if err != nil {
		return nil, fmt.Errorf("read clocks: %w", err)
	}

	return mapped(rows, func(r dbsqlc.ClocksOfAllRow) TreasuryClock {
		return TreasuryClock{
			Treasury: TreasuryID(r.TreasuryID), Synchronizer: r.SynchronizerID, RecordTime: r.RecordTime,
		}
	}), nil
}

// TellLag writes the event that a history is behind, or not any more. It reports whether that is new; what was told is
// not told again.
func (db *DB) TellLag(ctx context.Context, c TreasuryClock, behind bool, now time.Time) (bool, error) {
	fresh, err := db.queries.EventTellLag(ctx, db.exec, dbsqlc.EventTellLagParams{
		TreasuryID: int32(c.Treasury), Synchronizer: string(c.Synchronizer), RecordTime: c.RecordTime, Behind: behind,
		At: now,
	})

	return fresh, wrap("tell how far ingestion is", err)
}

// Reconciled is the outcome of a comparison with the node.
type Reconciled struct {
	// Offset is the node's at which both were compared.
	Offset                ident.Offset
	Holdings, Differences int
}

// TellReconciled writes the event of a reconciliation.
func (db *DB) TellReconciled(ctx context.Context, treasury TreasuryID, r Reconciled, now time.Time) error {
	what := "reconciliation.clean"
	if r.Differences > 0 {
		what = "reconciliation.broken"
	}

	payload, err := strictjson.Encode(map[string]int64{
		"offset": int64(r.Offset), "holdings": int64(r.Holdings), "differences": int64(r.Differences),
	})
	if err != nil {
		return fmt.Errorf("tell of a reconciliation: %w", err)
	}

	return wrap("tell of a reconciliation", db.queries.EventTell(ctx, db.exec, dbsqlc.EventTellParams{
		TreasuryID: int32(treasury), What: what, Subject: strconv.FormatInt(int64(r.Offset), 10),
		Stable: now.UTC().Format(time.RFC3339Nano), Payload: payload, At: now,
	}))
}
