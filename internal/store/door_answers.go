package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// ErrAnotherRequest means that an idempotency key was used for something else.
var ErrAnotherRequest = errors.New("the idempotency key was used for another request")

// ErrUnderWay means that a request with this idempotency key has not ended. Nothing was done.
var ErrUnderWay = errors.New("a request with this idempotency key is under way")

// Answer is what was answered to a request, for its repetition.
type Answer struct {
	Status int
	Body   []byte
}

// Claim takes an idempotency key for this request. Where it was taken before, the answer that was given then is
// returned: whoever repeats a request that is still under way waits for its end a moment, and gets ErrUnderWay then.
// ErrAnotherRequest if it was for something else.
func (d *Door) Claim(ctx context.Context, key string, fingerprint []byte) (*Answer, error) {
	claimed, err := d.claim(ctx, key, fingerprint)
	if err != nil {
		return nil, fmt.Errorf("claim idempotency key: %w", err)
	}

	if claimed > 0 {
		return nil, nil //nolint:nilnil // nobody was answered yet
	}

	row, err := d.db.queries.AnswerFind(ctx, d.tx, dbsqlc.AnswerFindParams{Actor: d.Actor, Key: key})

	switch {
	case err != nil: // if it was pruned in between, a repetition finds its place free
		return nil, fmt.Errorf("read the answer of an idempotency key: %w", err)
	case !bytes.Equal(row.Fingerprint, fingerprint):
		return nil, ErrAnotherRequest
	default:
		return &Answer{Status: int(row.Status), Body: row.Body}, nil
	}
}

// claim waits for locks a moment alone: what the request itself does afterwards may wait as long as anything.
func (d *Door) claim(ctx context.Context, key string, fingerprint []byte) (int64, error) {
	soon := fmt.Sprintf("SET LOCAL lock_timeout = %d", claimWait.Milliseconds())
	if _, err := d.tx.Exec(ctx, soon); err != nil {
		return 0, err //nolint:wrapcheck // the caller does
	}

	claimed, err := d.db.queries.AnswerClaim(ctx, d.tx, dbsqlc.AnswerClaimParams{
		Actor: d.Actor, Key: key, Fingerprint: fingerprint, Now: d.Now,
	})
	if server, ok := errors.AsType[*pgconn.PgError](err); ok && server.Code == lockNotAvailable {
		err = ErrUnderWay
	}

	if err != nil {
		return 0, err
	}

	_, err = d.tx.Exec(ctx, "SET LOCAL lock_timeout TO DEFAULT")

	return claimed, err //nolint:wrapcheck // the caller does
}

// Keep stores what is answered under a key that was claimed.
func (d *Door) Keep(ctx context.Context, key string, answer Answer) error {
	err := d.db.queries.AnswerKeep(ctx, d.tx, dbsqlc.AnswerKeepParams{
		Actor: d.Actor, Key: key, Status: integer(answer.Status), Body: answer.Body,
	})

	return wrap("keep the answer of an idempotency key", err)
}

// Attempt does something of which an error leaves nothing, while what the request did before stays.
func (d *Door) Attempt(ctx context.Context, do func() error) error {
	outer := d.tx
	defer func() { d.tx = outer }()

	within := *d.db
	within.exec = outer

	return within.inTx(ctx, func(tx pgx.Tx) error {
		d.tx = tx

		return do()
	})
}

// PruneAnswers forgets answers that were given before a time; at most so many.
func (db *DB) PruneAnswers(ctx context.Context, before time.Time, most int) (int, error) {
	pruned, err := db.queries.AnswerPrune(ctx, db.exec, dbsqlc.AnswerPruneParams{Before: before, Most: integer(most)})

	return int(pruned), wrap("prune answers", err)
}
