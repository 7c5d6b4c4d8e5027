package store

import (
	"context"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Act is what a person decided.
type Act struct {
	No int64
	At time.Time
	// Actor is the name that the person gave, DatabaseUser the role of the connection.
	Actor, DatabaseUser string
	Action, Subject     string
	// Detail is a JSON object. It may hold what was typed: escape it.
	Detail []byte
}

// Acts reads the newest acts about a subject, or all; at most so many.
func (db *DB) Acts(ctx context.Context, treasury TreasuryID, subject string, most int) ([]Act, error) {
	id := int32(treasury)

	rows, err := db.queries.AuditList(ctx, db.exec, dbsqlc.AuditListParams{
		TreasuryID: &id, Subject: subject, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}

	return mapped(rows, func(r dbsqlc.AuditListRow) Act {
		return Act{
			No: r.AuditNo, At: r.At, Actor: r.Actor, DatabaseUser: r.DatabaseUser, Action: r.Action, Subject: r.Subject,
			Detail: r.Detail,
		}
	}), nil
}

// noteAct writes what a person decided, in the transaction that does it.
func (db *DB) noteAct(
	ctx context.Context, tx dbsqlc.DBTX, treasury TreasuryID, actor, action, subject string, detail map[string]string,
	now time.Time,
) error {
	id := int32(treasury)

	return db.note(ctx, tx, &id, actor, action, subject, detail, now)
}

// note is noteAct for what concerns no treasury too. The detail becomes a JSON object.
func (db *DB) note(
	ctx context.Context, tx dbsqlc.DBTX, treasury *int32, actor, action, subject string, detail any, now time.Time,
) error {
	raw, err := strictjson.Encode(detail)
	if err != nil {
		return fmt.Errorf("encode what %s did: %w", action, err)
	}

	err = db.queries.AuditNote(ctx, tx, dbsqlc.AuditNoteParams{
		TreasuryID: treasury, Actor: memo.Stored(actor), Action: action, Subject: memo.Stored(subject), Detail: raw, Now: now,
	})

	return wrap("note "+action, refusal(err))
}
