package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// Encoding writes an event that has its place.
type Encoding func(h *event.Happened, seq int64, chain event.Chain) ([]byte, error)

// NumberEvents gives the next events of the outbox their places, at most so many, each as encode writes it. It reports
// how many there were; another program that numbers at the same time makes it none. An id that is there twice has one
// place: repeated is told, because two happenings that were told under one id would be a fault of the suite.
func (db *DB) NumberEvents(
	ctx context.Context, most int, now time.Time, encode Encoding, repeated func(*event.Happened),
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
	ctx context.Context, tx pgx.Tx, next []dbsqlc.OutboxNextRow, now time.Time, encode Encoding,
	repeated func(*event.Happened),
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
		head := heads[row.TreasuryID].next(row.EventID)
		heads[row.TreasuryID] = head

		body, err := encode(happened(row), head.seq, head.chain)
		if err != nil {
			return err
		}

		rows = append(rows, dbsqlc.EventLogInsertParams{
			TreasuryID: row.TreasuryID, Seq: head.seq, EventID: row.EventID, Type: row.Type,
			Subject: row.Subject, Account: row.Account, InstrumentNo: row.InstrumentNo, LoggedAt: now, Body: body,
			EventNo: row.EventNo, Chain: head.chain[:],
		})
	}

	if _, err := db.queries.EventLogInsert(ctx, tx, rows); err != nil {
		return fmt.Errorf("store events in order: %w", err)
	}

	for treasury, head := range heads {
		err := db.queries.EventHeadMove(ctx, tx, dbsqlc.EventHeadMoveParams{
			TreasuryID: treasury, Seq: head.seq, Chain: head.chain[:],
		})
		if err != nil {
			return fmt.Errorf("move the head of events: %w", err)
		}
	}

	return nil
}

// logHead is the last event of a treasury while events are numbered.
type logHead struct {
	seq   int64
	chain event.Chain
}

func (h logHead) next(id uuid.UUID) logHead {
	return logHead{seq: h.seq + 1, chain: h.chain.Next(h.seq+1, id)}
}

// headsOf are the last events of the treasuries that these events are of.
func (db *DB) headsOf(ctx context.Context, tx pgx.Tx, next []dbsqlc.OutboxNextRow) (map[int32]logHead, error) {
	heads := map[int32]logHead{}

	for i := range next {
		heads[next[i].TreasuryID] = logHead{}
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
		heads[head.TreasuryID] = logHead{seq: head.Seq, chain: event.Chain(head.Chain)}
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
