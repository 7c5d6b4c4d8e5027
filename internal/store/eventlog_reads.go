package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// ErrEventsGone means that events are wanted that are not kept any more.
var ErrEventsGone = errors.New("these events are not kept any more")

// LoggedEvent is an event that has its place.
type LoggedEvent struct {
	event.About

	Seq int64
	ID  uuid.UUID
	// Chain is what all events up to this one come to.
	Chain event.Chain
	// Body is the CloudEvent, as it is delivered.
	Body []byte
}

// Follows reports whether it is the event that comes after a place, as far as that is known.
func (e *LoggedEvent) Follows(p event.Place) bool {
	return e.Seq == p.Seq+1 && (p.Chain == nil || p.Chain.Next(e.Seq, e.ID) == e.Chain)
}

// Place is the place after it.
func (e *LoggedEvent) Place() event.Place { return event.Place{Seq: e.Seq, Chain: &e.Chain} }

// EventsAfter reads events after a place, in their order, at most so many.
func (db *DB) EventsAfter(ctx context.Context, treasury TreasuryID, after int64, most int) ([]LoggedEvent, error) {
	rows, err := db.queries.EventLogPage(ctx, db.exec, dbsqlc.EventLogPageParams{
		TreasuryID: int32(treasury), After: after, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("read events after %d: %w", after, err)
	}

	return mapped(rows, func(r dbsqlc.EventLogPageRow) LoggedEvent { return logged(dbsqlc.EventLogByIDRow(r)) }), nil
}

// EventByID reads one event; ErrNotFound if there is none.
func (db *DB) EventByID(ctx context.Context, treasury TreasuryID, id uuid.UUID) (LoggedEvent, error) {
	row, err := db.queries.EventLogByID(ctx, db.exec, dbsqlc.EventLogByIDParams{TreasuryID: int32(treasury), EventID: id})
	if notThere(err) {
		return LoggedEvent{}, fmt.Errorf("read event %s: %w", id, ErrNotFound)
	}

	if err != nil {
		return LoggedEvent{}, fmt.Errorf("read event %s: %w", id, err)
	}

	return logged(row), nil
}

func logged(row dbsqlc.EventLogByIDRow) LoggedEvent {
	return LoggedEvent{
		Seq: row.Seq, ID: row.EventID, Body: row.Body, Chain: event.Chain(row.Chain),
		About: event.About{Type: row.Type, Subject: row.Subject, Account: row.Account, InstrumentNo: row.InstrumentNo},
	}
}

// InstrumentNo is the number by which events know a token; ErrNotFound if it was never met.
func (db *DB) InstrumentNo(ctx context.Context, token ident.Instrument) (int32, error) {
	return db.instrumentNumber(ctx, token)
}

// EventHead is how far the events of a treasury go: Seq is the last one, with its Chain, and those up to Pruned are not
// kept any more.
type EventHead struct {
	Seq, Pruned int64
	Chain       event.Chain
}

// Place is the place after the last event.
func (h *EventHead) Place() event.Place { return event.Place{Seq: h.Seq, Chain: &h.Chain} }

// EventHead reads how far a treasury's events go.
func (db *DB) EventHead(ctx context.Context, treasury TreasuryID) (EventHead, error) {
	row, err := db.queries.EventLogHead(ctx, db.exec, int32(treasury))
	if notThere(err) {
		return EventHead{}, nil
	}

	if err != nil {
		return EventHead{}, fmt.Errorf("read the head of events: %w", err)
	}

	return EventHead{Seq: row.Seq, Pruned: row.PrunedSeq, Chain: event.Chain(row.Chain)}, nil
}

// ErrEventsForked means that a place is not in the treasury's events: the database was put back to an earlier time
// since it was read, and other events may have its number.
var ErrEventsForked = errors.New("the place is in another history of events")

// EventPlace looks whether a place is in a treasury's events, and gives it with its chain; without one only where the
// event before it is not kept any more. ErrEventsGone and ErrEventsForked say that nobody can go on from it.
func (db *DB) EventPlace(ctx context.Context, treasury TreasuryID, p event.Place) (event.Place, error) {
	row, err := db.queries.EventLogPlace(ctx, db.exec, dbsqlc.EventLogPlaceParams{
		TreasuryID: int32(treasury), Seq: p.Seq, NextSeq: p.Seq + 1,
	})
	if notThere(err) {
		row, err = dbsqlc.EventLogPlaceRow{}, nil // nothing has happened there yet
	}

	switch {
	case err != nil:
		return event.Place{}, fmt.Errorf("look for place %d: %w", p.Seq, err)
	case p.Seq < row.PrunedSeq:
		return event.Place{}, ErrEventsGone
	case p.Seq > row.Head:
		return event.Place{}, ErrEventsForked
	case p.Seq == 0: // before all, in every history
		return event.Place{}, nil
	case row.Chain == nil && p.Seq < row.Head: // at the edge of what is kept
		return p, edge(p, row)
	case row.Chain == nil:
		row.Chain = row.HeadChain
	}

	here := event.Chain(row.Chain)
	if p.Chain != nil && *p.Chain != here {
		return event.Place{}, ErrEventsForked
	}

	return event.Place{Seq: p.Seq, Chain: &here}, nil
}

// edge is an error if what follows a place that is not kept any more does not follow from it.
func edge(p event.Place, row dbsqlc.EventLogPlaceRow) error {
	if p.Chain == nil || row.NextChain == nil {
		return nil
	}

	if p.Chain.Next(p.Seq+1, row.NextID.Bytes) != event.Chain(row.NextChain) {
		return ErrEventsForked
	}

	return nil
}

// EventHeads reads the last event's place of every treasury that has events.
func (db *DB) EventHeads(ctx context.Context) (map[TreasuryID]event.Place, error) {
	rows, err := db.queries.EventLogHeads(ctx, db.exec)
	if err != nil {
		return nil, fmt.Errorf("read the heads of events: %w", err)
	}

	heads := make(map[TreasuryID]event.Place, len(rows))

	for _, row := range rows {
		chain := event.Chain(row.Chain)
		heads[TreasuryID(row.TreasuryID)] = event.Place{Seq: row.Seq, Chain: &chain}
	}

	return heads, nil
}

// PruneEvents forgets events of a treasury that were numbered before a time, at most so many, and reports how many.
func (db *DB) PruneEvents(ctx context.Context, treasury TreasuryID, before time.Time, most int) (int64, error) {
	n, err := db.queries.EventLogPrune(ctx, db.exec, dbsqlc.EventLogPruneParams{
		TreasuryID: int32(treasury), Before: before, Most: integer(most),
	})

	return n, wrap("forget old events", err)
}
