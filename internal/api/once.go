package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// idempotencyHeader names a request, so that its repetition is known for one.
const idempotencyHeader = "Idempotency-Key"

// change answers a request that changes something: in one transaction, which is committed before anything is answered.
// It goes on to its end when the caller hangs up, for whom the answer is kept.
func (h *Handler) change(q *request, out *answer, r *http.Request) error {
	select {
	case h.changing <- struct{}{}:
		defer func() { <-h.changing }()
	default:
		return busy()
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), changeTimeout)
	defer cancel()

	given, err := h.inTurn(ctx, q, r)
	if err != nil {
		return err
	}

	given.write(out)

	return nil
}

// inTurn does it when no other request with its Idempotency-Key is under way.
func (h *Handler) inTurn(ctx context.Context, q *request, r *http.Request) (given *recorded, err error) {
	key := r.Header.Get(idempotencyHeader)
	if key == "" {
		return h.enter(ctx, q, r)
	}

	end, err := h.turns.take(ctx, q.caller.Actor+"\n"+key)
	if err != nil {
		return nil, err
	}

	defer func() { end(given != nil) }()

	return h.enter(ctx, q, r)
}

// enter does it in a transaction.
func (h *Handler) enter(ctx context.Context, q *request, r *http.Request) (given *recorded, err error) {
	err = h.DB.Enter(ctx, q.caller.Actor, h.Clock.Now(), func(d *store.Door) (err error) {
		given, err = h.once(ctx, q, d, r)

		return err
	})

	return given, err
}

// once does what is asked for, unless it was done for the same Idempotency-Key.
func (h *Handler) once(ctx context.Context, q *request, d *store.Door, r *http.Request) (*recorded, error) {
	key := r.Header.Get(idempotencyHeader)
	if key == "" {
		return h.perform(ctx, q, d, r)
	}

	before, err := d.Claim(ctx, key, fingerprint(r, q.body))
	if err != nil {
		return nil, err
	}

	if before != nil {
		return repeated(before), nil
	}

	var given *recorded

	err = d.Attempt(ctx, func() (err error) {
		given, err = h.perform(ctx, q, d, r)

		return err
	})
	if err != nil {
		told := explained(err, q.operation.id)
		if !kept(told) {
			return nil, err
		}

		given = told.recorded(r, q.id)
	}

	answer := store.Answer{Status: given.status, Body: given.body}
	if answer.Body, err = q.operation.withoutSecret(given); err != nil {
		return nil, err
	}

	return given, d.Keep(ctx, key, answer)
}

// kept reports whether a refusal is the answer to this request for good: the database has decided on it. What may be
// otherwise a moment later is not, nor what was wrong before anything was asked.
func kept(told *problemError) bool {
	return slices.Contains([]int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}, told.status) &&
		!passing(told.code)
}

// fingerprint tells requests apart that have the same Idempotency-Key.
func fingerprint(r *http.Request, body []byte) []byte {
	hash := sha256.New()

	for _, part := range [][]byte{[]byte(r.Method), []byte(r.URL.EscapedPath()), body} {
		var length [8]byte

		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		hash.Write(length[:])
		hash.Write(part)
	}

	return hash.Sum(nil)
}

// repeated is an answer that was given before.
func repeated(before *store.Answer) *recorded {
	given := &recorded{header: http.Header{}, status: before.Status, body: before.Body}
	given.header.Set("Idempotent-Replayed", "true")
	given.header.Set("Content-Type", "application/json")

	if before.Status >= http.StatusBadRequest {
		given.header.Set("Content-Type", problemType)
	}

	return given
}

// recorded is the answer that a problem is.
func (e *problemError) recorded(r *http.Request, requestID string) *recorded {
	given := &recorded{header: http.Header{}}
	e.write(given, r, requestID)

	return given
}

// withoutSecret is what is kept of an answer: a secret is in the first one alone.
func (o *operation) withoutSecret(given *recorded) ([]byte, error) {
	secrets := []string{"createKey", "rotateKey", "createSubscription", "rotateSubscriptionSecret"}
	if !slices.Contains(secrets, o.id) || given.status >= http.StatusBadRequest {
		return given.body, nil
	}

	var members map[string]strictjson.Raw
	if err := strictjson.Decode(given.body, &members); err != nil {
		return nil, fmt.Errorf("take the secret out of an answer: %w", err)
	}

	delete(members, "secret")

	return strictjson.Encode(members)
}

// perform does it, and has the audit log say who did what.
func (h *Handler) perform(
	ctx context.Context, q *request, d *store.Door, r *http.Request,
) (given *recorded, err error) {
	defer func() { // the transaction must end either way
		if thrown := recover(); thrown != nil {
			given, err = nil, panicked(thrown)
		}
	}()

	inside := r.WithContext(context.WithValue(ctx, doorKey{}, d))
	inside.Body = io.NopCloser(bytes.NewReader(q.body))

	given = &recorded{header: http.Header{}}
	h.generated.ServeHTTP(given, inside)

	switch {
	case given.err != nil:
		return nil, given.err
	case given.status >= http.StatusBadRequest || given.status == 0:
		return nil, fmt.Errorf("operation %s answered %d: want an error for that", q.operation.id, given.status)
	case q.operation.action == "":
		return given, nil
	}

	treasury := ident.Party(q.inPath[treasuryParam])

	return given, d.Note(ctx, treasury, q.operation.action, q.operation.subject(q.inPath), strictjson.Raw("{}"))
}
