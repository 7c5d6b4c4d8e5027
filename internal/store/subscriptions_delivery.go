package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// ErrSubscriptionMoved means that another one delivers for a subscription by now, that somebody has changed it, or that
// the database was put back since it was taken up.
var ErrSubscriptionMoved = errors.New("the subscription has moved on")

// PushJob is a subscription in one worker's hands until its lease ends.
type PushJob struct {
	ID       string
	Treasury TreasuryID
	URL      string
	Filter   event.Filter
	Withheld []string
	Ordered  bool
	// Pending says that its receiver has not proved yet that it wants to be told.
	Pending          bool
	Batch, PerSecond int
	// Salt is of the secret that signs, PreviousSalt of the one before it, which signs too until PreviousUntil.
	Salt          uuid.UUID
	PreviousSalt  *uuid.UUID
	PreviousUntil *time.Time
	// Cursor is the last event that is done with.
	Cursor int64
	// Tries and FailingSince are of what holds the line up, LastTried is the last event of the batch that did.
	Tries        int
	FailingSince *time.Time
	LastTried    int64
	// Epoch is of this worker's lease, ChangedAt of these settings.
	Epoch     int64
	ChangedAt time.Time
}

// ClaimPushes takes up subscriptions that have something to be told, at most so many: of those that are in trouble,
// since their last tries failed, or of the others. held are those that the owner has in hand.
func (db *DB) ClaimPushes(
	ctx context.Context, owner string, held []string, troubled bool, now time.Time, lease time.Duration, most int,
) ([]PushJob, error) {
	rows, err := db.queries.PushClaim(ctx, db.exec, dbsqlc.PushClaimParams{
		LeaseOwner: owner, LeaseSeconds: seconds(lease), Now: now, Held: append([]string{}, held...), Most: integer(most),
		Troubled: troubled,
	})
	if err != nil {
		return nil, fmt.Errorf("claim subscriptions: %w", err)
	}

	return mapped(rows, pushJobOf), nil
}

func pushJobOf(r dbsqlc.PushClaimRow) PushJob {
	return PushJob{
		ID: r.SubscriptionID, Treasury: TreasuryID(r.TreasuryID), URL: r.Url, Withheld: r.Withheld, Ordered: r.Ordered,
		Filter: event.Filter{
			Types: r.Types, Accounts: r.Accounts, Subjects: r.Subjects, InstrumentNos: r.InstrumentNos,
		},
		Pending: r.State == "pending", Batch: int(r.Batch), PerSecond: int(r.PerSecond), Salt: r.Salt,
		PreviousSalt: r.PreviousSalt, PreviousUntil: r.PreviousUntil, Cursor: r.CursorSeq, Tries: int(r.Tries),
		FailingSince: r.FailingSince,
		LastTried:    r.LastTried, Epoch: r.LeaseEpoch, ChangedAt: r.ChangedAt,
	}
}

// RenewPush makes a lease last so long from now. ErrSubscriptionMoved says that it is lost.
func (db *DB) RenewPush(ctx context.Context, j *PushJob, lease time.Duration) error {
	changed, err := db.queries.PushRenew(ctx, db.exec, dbsqlc.PushRenewParams{
		LeaseSeconds: seconds(lease), SubscriptionID: j.ID, LeaseEpoch: j.Epoch, ChangedAt: j.ChangedAt,
	})

	return wrap("renew the lease of subscription "+j.ID, moved(changed, err))
}

// ReleasePush gives a subscription out of hand.
func (db *DB) ReleasePush(ctx context.Context, j *PushJob) error {
	err := db.queries.PushRelease(ctx, db.exec, dbsqlc.PushReleaseParams{SubscriptionID: j.ID, LeaseEpoch: j.Epoch})

	return wrap("release subscription "+j.ID, err)
}

func moved(changed int64, err error) error {
	if err == nil && changed != 1 {
		return ErrSubscriptionMoved
	}

	return err
}

// PushAttempt is a row of the delivery log.
type PushAttempt struct {
	First, Last int64
	Events      int
	At          time.Time
	Took        time.Duration
	// Status is 0 where there was no answer.
	Status  int
	Outcome string
	// Detail may hold a stranger's text.
	Detail string
}

// PushFailure is an event that a subscriber did not take.
type PushFailure struct {
	Seq   int64
	Dead  bool
	Tries int
	// Since is when it was first not taken.
	Since  time.Time
	NextAt time.Time
	Reason string
}

// PushProgress is what became of deliveries.
type PushProgress struct {
	Cursor int64
	// Chain is that of the event at Cursor; nil where it is as it was when it was taken up.
	Chain        *event.Chain
	Tries        int
	FailingSince *time.Time
	NextAt       time.Time
	Attempts     []PushAttempt
	// Failures were not taken, Mended were, after they had failed before.
	Failures []PushFailure
	Mended   []int64
}

// SavePush stores what became of deliveries, all of it or nothing. ErrSubscriptionMoved says that it is another one's
// affair by now.
func (db *DB) SavePush(ctx context.Context, j *PushJob, p PushProgress) error {
	return wrap("store deliveries of subscription "+j.ID, db.inTx(ctx, func(tx pgx.Tx) error {
		params := dbsqlc.PushSaveParams{
			CursorSeq: p.Cursor, Tries: integer(p.Tries), FailingSince: p.FailingSince, NextAt: p.NextAt,
			SubscriptionID: j.ID, LeaseEpoch: j.Epoch, ChangedAt: j.ChangedAt,
		}
		if p.Chain != nil {
			params.Chain = p.Chain[:]
		}

		changed, err := db.queries.PushSave(ctx, tx, params)
		if err := moved(changed, err); err != nil {
			return err
		}

		return db.notePush(ctx, tx, j.ID, p)
	}))
}

// notePush writes the delivery log and the dead letters.
func (db *DB) notePush(ctx context.Context, tx pgx.Tx, id string, p PushProgress) error {
	if len(p.Attempts) > 0 {
		rows := mapped(p.Attempts, func(a PushAttempt) dbsqlc.PushAttemptsParams {
			return dbsqlc.PushAttemptsParams{
				SubscriptionID: id, FirstSeq: a.First, LastSeq: a.Last, Events: integer(a.Events), At: a.At,
				TookMs: integer(int(a.Took.Milliseconds())), Status: integer(a.Status), Outcome: a.Outcome,
				Detail: memo.Stored(a.Detail),
			}
		})

		if _, err := db.queries.PushAttempts(ctx, tx, rows); err != nil {
			return fmt.Errorf("write the delivery log: %w", err)
		}
	}

	if len(p.Mended) > 0 {
		err := db.queries.PushMended(ctx, tx, dbsqlc.PushMendedParams{SubscriptionID: id, Seqs: p.Mended})
		if err != nil {
			return fmt.Errorf("forget failures: %w", err)
		}
	}

	if len(p.Failures) == 0 {
		return nil
	}

	rows := dbsqlc.PushFailuresParams{SubscriptionID: id}

	for _, f := range p.Failures {
		state := "waiting"
		if f.Dead {
			state = "dead"
		}

		rows.Seqs, rows.States = append(rows.Seqs, f.Seq), append(rows.States, state)
		rows.Tries = append(rows.Tries, integer(f.Tries))
		rows.FirstFailedAts, rows.NextAts = append(rows.FirstFailedAts, f.Since), append(rows.NextAts, f.NextAt)
		rows.Reasons = append(rows.Reasons, memo.Stored(f.Reason))
	}

	return wrap("store failures", db.queries.PushFailures(ctx, tx, rows))
}

// PostponeChallenge stores that a receiver did not answer as it must, and when it is asked again.
func (db *DB) PostponeChallenge(ctx context.Context, j *PushJob, p PushProgress) error {
	return wrap("store the challenge of subscription "+j.ID, db.inTx(ctx, func(tx pgx.Tx) error {
		changed, err := db.queries.PushPostpone(ctx, tx, dbsqlc.PushPostponeParams{
			Tries: integer(p.Tries), FailingSince: p.FailingSince, NextAt: p.NextAt, SubscriptionID: j.ID,
			LeaseEpoch: j.Epoch, ChangedAt: j.ChangedAt,
		})
		if err := moved(changed, err); err != nil {
			return err
		}

		return db.notePush(ctx, tx, j.ID, p)
	}))
}

// ActivatePush stores that a receiver has shown that it wants to be told.
func (db *DB) ActivatePush(ctx context.Context, j *PushJob, attempt PushAttempt, now time.Time) error {
	return wrap("activate subscription "+j.ID, db.inTx(ctx, func(tx pgx.Tx) error {
		changed, err := db.queries.PushActivate(ctx, tx, dbsqlc.PushActivateParams{
			Now: now, SubscriptionID: j.ID, LeaseEpoch: j.Epoch, ChangedAt: j.ChangedAt,
		})
		if err := moved(changed, err); err != nil {
			return err
		}

		return db.notePush(ctx, tx, j.ID, PushProgress{Attempts: []PushAttempt{attempt}})
	}))
}

// DisablePush ends a subscription for a reason, and tells so. Whoever has lost the lease ends nothing.
func (db *DB) DisablePush(ctx context.Context, j *PushJob, reason string, now time.Time) error {
	changed, err := db.queries.PushDisable(ctx, db.exec, dbsqlc.PushDisableParams{
		Now: now, Reason: reason, SubscriptionID: j.ID, ChangedAt: j.ChangedAt, LeaseEpoch: j.Epoch,
	})

	return wrap("disable subscription "+j.ID, moved(changed, err))
}

// DisableOwnerless ends the subscriptions of keys that may not read the treasury any more, whoever delivers for them,
// and names them. It looks at these subscriptions alone, at all of them for nil.
func (db *DB) DisableOwnerless(ctx context.Context, ids []string, reason string, now time.Time) ([]string, error) {
	rows, err := db.queries.PushOwnersLost(ctx, db.exec, dbsqlc.PushOwnersLostParams{SubscriptionIds: ids, Now: &now})
	if err != nil {
		return nil, fmt.Errorf("look for owners without rights: %w", err)
	}

	ended := make([]string, 0, len(rows))

	for _, row := range rows {
		changed, err := db.queries.PushDisable(ctx, db.exec, dbsqlc.PushDisableParams{
			Now: now, Reason: reason, SubscriptionID: row.SubscriptionID, ChangedAt: row.ChangedAt,
		})
		if err != nil {
			return ended, fmt.Errorf("disable subscription %s: %w", row.SubscriptionID, err)
		}

		if changed == 1 { // otherwise somebody changed it just now, and it is looked at again
			ended = append(ended, row.SubscriptionID)
		}
	}

	return ended, nil
}

// WaitingPush is an event that is to be tried again. Its Body is nil where it is not kept any more.
type WaitingPush struct {
	LoggedEvent

	Tries int
	Since time.Time
}

// WaitingPushes reads what a subscription is to be told again by now, at most so many.
func (db *DB) WaitingPushes(ctx context.Context, j *PushJob, now time.Time, most int) ([]WaitingPush, error) {
	rows, err := db.queries.PushWaiting(ctx, db.exec, dbsqlc.PushWaitingParams{
		TreasuryID: int32(j.Treasury), SubscriptionID: j.ID, Now: now, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("read what subscription %s did not take: %w", j.ID, err)
	}

	return mapped(rows, func(r dbsqlc.PushWaitingRow) WaitingPush {
		return WaitingPush{
			Tries: int(r.Tries), Since: r.FirstFailedAt,
			LoggedEvent: LoggedEvent{
				Seq: r.Seq, ID: uuid.UUID(r.EventID.Bytes), Body: r.Body,
				About: event.About{Type: r.Type, Subject: r.Subject, Account: r.Account, InstrumentNo: r.InstrumentNo},
			},
		}
	}), nil
}

// CountWaitingPushes counts what a subscription is to be told again, up to so many, and says when the first of it is
// due.
func (db *DB) CountWaitingPushes(ctx context.Context, j *PushJob, most int) (int, time.Time, error) {
	row, err := db.queries.PushWaitingCount(ctx, db.exec, dbsqlc.PushWaitingCountParams{
		SubscriptionID: j.ID, Most: integer(most),
	})

	return int(row.Waiting), row.NextAt, wrap("count what subscription "+j.ID+" did not take", err)
}
