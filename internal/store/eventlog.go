package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
	// Body is the CloudEvent, as it is delivered.
	Body []byte
}

// NumberEvents gives the next events of the outbox their places, at most so many, each as encode writes it. It reports
// how many there were; another program that numbers at the same time makes it none. An id that is there twice has one
// place: repeated is told, because two happenings that were told under one id would be a fault of the suite.
func (db *DB) NumberEvents(
	ctx context.Context, most int, now time.Time, encode func(h *event.Happened, seq int64) ([]byte, error),
	repeated func(*event.Happened),
) (int, error) {
	n := 0

	err := db.inTx(ctx, func(tx pgx.Tx) error {
		at, err := db.queries.SequencerLock(ctx, tx)
		if notThere(err) {
			return nil
		}

		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}

		next, err := db.nextOfOutbox(ctx, tx, at, most)
		if err != nil {
			return err
		}

		if n = len(next); n == 0 {
			return nil
		}

		return db.logEvents(ctx, tx, next, now, encode, repeated)
	})
	if err != nil {
		return 0, fmt.Errorf("number events: %w", err)
	}

	return n, nil
}

// nextOfOutbox reads what has no number yet, and moves the place from which it is read.
func (db *DB) nextOfOutbox(
	ctx context.Context, tx pgx.Tx, at dbsqlc.SequencerLockRow, most int,
) ([]dbsqlc.OutboxNextRow, error) {
	if at.Identity != at.IdentityNow {
		return db.nextOfAnotherLife(ctx, tx, at, most)
	}

	next, err := db.queries.OutboxNext(ctx, tx, dbsqlc.OutboxNextParams{
		AfterXid: at.AtXid, AfterNo: at.EventNo, Most: integer(most),
	})
	if err != nil || len(next) == 0 {
		return nil, wrap("read the outbox", err)
	}

	last := next[len(next)-1]

	return next, wrap("move on in the outbox", db.queries.SequencerAdvance(ctx, tx, dbsqlc.SequencerAdvanceParams{
		AtXid: last.AtXid, EventNo: last.EventNo,
	}))
}

func (db *DB) nextOfAnotherLife(
	ctx context.Context, tx pgx.Tx, at dbsqlc.SequencerLockRow, most int,
) ([]dbsqlc.OutboxNextRow, error) {
	rows, err := db.queries.OutboxOfAnotherLife(ctx, tx, dbsqlc.OutboxOfAnotherLifeParams{
		SettledXid: at.SettledXid, NextXid: at.NextXid, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox of another life: %w", err)
	}

	if len(rows) == 0 {
		return nil, wrap("go on in the outbox", db.queries.SequencerSettle(ctx, tx, at.SettledXid))
	}

	return mapped(rows, func(r dbsqlc.OutboxOfAnotherLifeRow) dbsqlc.OutboxNextRow { return dbsqlc.OutboxNextRow(r) }), nil
}

func (db *DB) logEvents(
	ctx context.Context, tx pgx.Tx, next []dbsqlc.OutboxNextRow, now time.Time,
	encode func(h *event.Happened, seq int64) ([]byte, error), repeated func(*event.Happened),
) error {
	heads, err := db.headsOf(ctx, tx, next)
	if err != nil {
		return err
	}

	type name struct {
		treasury int32
		id       uuid.UUID
	}

	rows, seen := make([]dbsqlc.EventLogInsertParams, 0, len(next)), map[name]bool{}

	for i := range next {
		row := &next[i]

		known := name{row.TreasuryID, row.EventID}
		if seen[known] {
			repeated(happened(row))

			continue
		}

		seen[known] = true
		heads[row.TreasuryID]++

		body, err := encode(happened(row), heads[row.TreasuryID])
		if err != nil {
			return err
		}

		rows = append(rows, dbsqlc.EventLogInsertParams{
			TreasuryID: row.TreasuryID, Seq: heads[row.TreasuryID], EventID: row.EventID, Type: row.Type,
			Subject: row.Subject, Account: row.Account, InstrumentNo: row.InstrumentNo, LoggedAt: now, Body: body,
			EventNo: row.EventNo,
		})
	}

	if _, err := db.queries.EventLogInsert(ctx, tx, rows); err != nil {
		return fmt.Errorf("store events in order: %w", err)
	}

	for treasury, seq := range heads {
		if err := db.queries.EventHeadMove(ctx, tx, dbsqlc.EventHeadMoveParams{TreasuryID: treasury, Seq: seq}); err != nil {
			return fmt.Errorf("move the head of events: %w", err)
		}
	}

	return nil
}

// headsOf are the last numbers of the treasuries that these events are of.
func (db *DB) headsOf(ctx context.Context, tx pgx.Tx, next []dbsqlc.OutboxNextRow) (map[int32]int64, error) {
	heads := map[int32]int64{}

	for i := range next {
		heads[next[i].TreasuryID] = 0
	}

	treasuries := make([]int32, 0, len(heads))
	for treasury := range heads {
		treasuries = append(treasuries, treasury)
	}

	known, err := db.queries.EventHeads(ctx, tx, treasuries)
	if err != nil {
		return nil, fmt.Errorf("read the heads of events: %w", err)
	}

	for _, head := range known {
		heads[head.TreasuryID] = head.Seq
	}

	return heads, nil
}

func happened(row *dbsqlc.OutboxNextRow) *event.Happened {
	h := &event.Happened{
		ID: row.EventID, Treasury: row.Party, Type: row.Type, Subject: row.Subject, At: row.CreatedAt, Data: row.Payload,
	}

	if row.Update == "" {
		return h
	}

	h.Update = &event.Update{
		ID: ident.UpdateID(row.Update), RecordTime: *row.RecordTime, Synchronizer: ident.SynchronizerID(row.Synchronizer),
	}
	if row.Participant != "" { // otherwise it was another node's, and would be taken for this one's
		h.Update.Offset, h.Update.Participant = ident.Offset(row.AtOffset), ident.ParticipantID(row.Participant)
	}

	if row.Node < 0 {
		return h
	}

	h.Transfer = &event.Transfer{
		Node: ident.NodeID(row.Node), Leg: int(row.Leg), Status: row.Status, Sender: ident.Party(row.SentBy),
		Receiver: ident.Party(row.SentTo), Amount: row.Moved, Memo: row.Memo, Correlation: ident.ContractID(row.Correlation),
		Instrument: ident.Instrument{Admin: ident.Party(row.TokenAdmin), ID: row.TokenID},
	}

	return h
}

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

	return logged(row), wrap("read event "+id.String(), err)
}

func logged(row dbsqlc.EventLogByIDRow) LoggedEvent {
	return LoggedEvent{
		Seq: row.Seq, ID: row.EventID, Body: row.Body,
		About: event.About{Type: row.Type, Subject: row.Subject, Account: row.Account, InstrumentNo: row.InstrumentNo},
	}
}

// InstrumentNo is the number by which events know a token; ErrNotFound if it was never met.
func (db *DB) InstrumentNo(ctx context.Context, token ident.Instrument) (int32, error) {
	return db.instrumentNumber(ctx, token)
}

// EventHead is how far the events of a treasury go: Seq is the last one, and those up to Pruned are not kept any more.
type EventHead struct{ Seq, Pruned int64 }

// EventHead reads how far a treasury's events go.
func (db *DB) EventHead(ctx context.Context, treasury TreasuryID) (EventHead, error) {
	row, err := db.queries.EventLogHead(ctx, db.exec, int32(treasury))
	if notThere(err) {
		return EventHead{}, nil
	}

	return EventHead{Seq: row.Seq, Pruned: row.PrunedSeq}, wrap("read the head of events", err)
}

// EventHeads reads the last number of every treasury that has events.
func (db *DB) EventHeads(ctx context.Context) (map[TreasuryID]int64, error) {
	rows, err := db.queries.EventLogHeads(ctx, db.exec)
	if err != nil {
		return nil, fmt.Errorf("read the heads of events: %w", err)
	}

	heads := make(map[TreasuryID]int64, len(rows))
	for _, row := range rows {
		heads[TreasuryID(row.TreasuryID)] = row.Seq
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
