package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// ErrSinkTaken means that another publisher has the broker's sink for this treasury.
var ErrSinkTaken = errors.New("another publisher has the sink")

// SinkLease is the right to publish a treasury's events to a broker, until it ends or another one has it.
type SinkLease struct {
	Sink     string
	Treasury TreasuryID
	// Seq is how far the broker has been told.
	Seq int64
	// Epoch is of this lease.
	Epoch int64
}

// TakeSink makes the caller the one who publishes; ErrSinkTaken while another one is.
func (db *DB) TakeSink(
	ctx context.Context, sink string, treasury TreasuryID, owner string, now, until time.Time,
) (SinkLease, error) {
	row, err := db.queries.SinkTake(ctx, db.exec, dbsqlc.SinkTakeParams{
		Sink: sink, TreasuryID: int32(treasury), LeaseOwner: owner, Now: now, LeaseUntil: until,
	})
	if notThere(err) {
		return SinkLease{}, ErrSinkTaken
	}

	return SinkLease{Sink: sink, Treasury: treasury, Seq: row.Seq, Epoch: row.LeaseEpoch}, wrap("take sink "+sink, err)
}

// AdvanceSink says how far the broker has been told, and renews the lease; ErrSinkTaken if it is another one's, or if
// there is no such place: the database was put back since, and where to go on must be found out anew.
func (db *DB) AdvanceSink(ctx context.Context, l SinkLease, at event.Place, now, until time.Time) error {
	params := dbsqlc.SinkAdvanceParams{
		Sink: l.Sink, TreasuryID: int32(l.Treasury), LeaseEpoch: l.Epoch, Seq: at.Seq, Now: now, LeaseUntil: until,
	}
	if at.Chain != nil {
		params.Chain = at.Chain[:]
	}

	changed, err := db.queries.SinkAdvance(ctx, db.exec, params)
	if err == nil && changed == 0 {
		return ErrSinkTaken
	}

	return wrap("advance sink "+l.Sink, err)
}

// ReleaseSink lets another one publish at once.
func (db *DB) ReleaseSink(ctx context.Context, l SinkLease, now time.Time) error {
	return wrap("release sink "+l.Sink, db.queries.SinkRelease(ctx, db.exec, dbsqlc.SinkReleaseParams{
		Sink: l.Sink, TreasuryID: int32(l.Treasury), LeaseEpoch: l.Epoch, Now: now,
	}))
}

// SinkLag is how many events of a treasury a broker has not been told.
type SinkLag struct {
	Sink     string
	Treasury TreasuryID
	Party    ident.Party
	Lag      int64
}

// SinkLags reads how far these sinks are behind, with every treasury that has events.
func (db *DB) SinkLags(ctx context.Context, sinks []string) ([]SinkLag, error) {
	rows, err := db.queries.SinkLags(ctx, db.exec, sinks)
	if err != nil {
		return nil, fmt.Errorf("read how far sinks are behind: %w", err)
	}

	return mapped(rows, func(r dbsqlc.SinkLagsRow) SinkLag {
		return SinkLag{Sink: r.Sink, Treasury: TreasuryID(r.TreasuryID), Party: r.Party, Lag: r.Lag}
	}), nil
}
