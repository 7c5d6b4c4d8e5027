package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// AboutEvent is an event without what it says.
type AboutEvent struct {
	event.About

	Seq int64
}

// EventsOfIDs finds those of these events that there are, in their order.
func (db *DB) EventsOfIDs(ctx context.Context, treasury TreasuryID, ids []uuid.UUID) ([]AboutEvent, error) {
	rows, err := db.queries.DoorEventsOf(ctx, db.exec, dbsqlc.DoorEventsOfParams{TreasuryID: int32(treasury), Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("find events: %w", err)
	}

	return mapped(rows, aboutEvent), nil
}

// EventsBetween finds the events from a place to another one, at most so many.
func (db *DB) EventsBetween(
	ctx context.Context, treasury TreasuryID, first, last int64, most int,
) ([]AboutEvent, error) {
	rows, err := db.queries.DoorEventsBetween(ctx, db.exec, dbsqlc.DoorEventsBetweenParams{
		TreasuryID: int32(treasury), FirstSeq: first, LastSeq: last, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("find events from %d to %d: %w", first, last, err)
	}

	return mapped(rows, func(r dbsqlc.DoorEventsBetweenRow) AboutEvent {
		return aboutEvent(dbsqlc.DoorEventsOfRow(r))
	}), nil
}

func aboutEvent(r dbsqlc.DoorEventsOfRow) AboutEvent {
	return AboutEvent{Seq: r.Seq, About: event.About{
		Type: r.Type, Subject: r.Subject, Account: r.Account, InstrumentNo: r.InstrumentNo,
	}}
}

// SeenFailure is an event that a subscription did not take.
type SeenFailure struct {
	Seq int64
	// EventID is nil, and Type and Subject are empty, where the event is not kept any more.
	EventID               *uuid.UUID
	Type, Subject         string
	State, Reason         string
	Tries                 int
	FirstFailedAt, NextAt time.Time
}

// SeeFailures reads what a subscription did not take after a place, the oldest first; of one state, or of both.
func (db *DB) SeeFailures(ctx context.Context, id, state string, after int64, most int) ([]SeenFailure, error) {
	rows, err := db.queries.DoorFailures(ctx, db.exec, dbsqlc.DoorFailuresParams{
		SubscriptionID: id, State: state, After: after, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("read failures: %w", err)
	}

	return mapped(rows, func(r dbsqlc.DoorFailuresRow) SeenFailure {
		f := SeenFailure{
			Seq: r.Seq, Type: r.Type, Subject: r.Subject, State: r.State, Reason: r.Reason, Tries: int(r.Tries),
			FirstFailedAt: r.FirstFailedAt, NextAt: r.NextAt,
		}
		if r.EventID != uuid.Nil {
			f.EventID = &r.EventID
		}

		return f
	}), nil
}

// SeenAttempt is a delivery, and what became of it.
type SeenAttempt struct {
	No, FirstSeq, LastSeq  int64
	Events, TookMS, Status int
	At                     time.Time
	// Detail may hold what a stranger wrote.
	Outcome, Detail string
}

// SeeAttempts reads deliveries before a number, or the newest where that is 0.
func (db *DB) SeeAttempts(ctx context.Context, id string, before int64, most int) ([]SeenAttempt, error) {
	rows, err := db.queries.DoorAttempts(ctx, db.exec, dbsqlc.DoorAttemptsParams{
		SubscriptionID: id, Before: before, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}

	return mapped(rows, func(r dbsqlc.DoorAttemptsRow) SeenAttempt {
		return SeenAttempt{
			No: r.AttemptNo, FirstSeq: r.FirstSeq, LastSeq: r.LastSeq, Events: int(r.Events), TookMS: int(r.TookMs),
			Status: int(r.Status), At: r.At, Outcome: r.Outcome, Detail: r.Detail,
		}
	}), nil
}
