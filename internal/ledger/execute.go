package ledger

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/signing"
)

// ExecuteRequest puts a prepared transaction on the ledger. Sent again it is the same transaction: the network commits
// it at most once. So keep it, and send exactly it.
type ExecuteRequest struct {
	// UserID is the ledger user; the token's if empty. It must be allowed to execute as the parties that act.
	UserID string
	// Transaction is as the node prepared it, byte for byte.
	Transaction []byte
	// Scheme is what the signatures' hash was computed under.
	Scheme     signing.Scheme
	Signatures []PartySignatures
	// SubmissionID names this attempt in its completion: ours, such as a UUID, up to 255 characters.
	SubmissionID  string
	Deduplication Deduplication
	// MinLedgerTime is the earliest ledger time; the node's now if zero.
	MinLedgerTime time.Time
}

// PartySignatures are one party's signatures, as many as its keys' threshold asks for.
type PartySignatures struct {
	Party      ident.Party
	Signatures []signing.Signature
}

// Deduplication says how far back a node looks for an earlier success of the same change. The zero value is the node's
// maximum, seven days by default, which is what a payment wants.
type Deduplication struct {
	duration time.Duration
	after    *ident.Offset
}

// DeduplicateFor looks back for a duration above zero. One beyond the node's maximum is refused.
func DeduplicateFor(d time.Duration) Deduplication { return Deduplication{duration: d} }

// DeduplicateAfter looks back to an offset of the same node, which must not be pruned.
func DeduplicateAfter(offset ident.Offset) Deduplication { return Deduplication{after: &offset} }

func (d Deduplication) wire() ledgerapi.DeduplicationPeriod {
	switch {
	case d.after != nil:
		return ledgerapi.DeduplicationPeriod{"DeduplicationOffset": ledgerapi.DeduplicationOffset{Value: int64(*d.after)}}
	case d.duration > 0:
		return ledgerapi.DeduplicationPeriod{"DeduplicationDuration": ledgerapi.DeduplicationDuration{
			Value: ledgerapi.Duration{Seconds: int64(d.duration / time.Second), Nanos: int32(d.duration % time.Second)},
		}}
	default:
		return ledgerapi.DeduplicationPeriod{"Empty": ledgerapi.Nothing{}}
	}
}

// Committed is where a transaction is on the ledger, by the word of the node that executed it.
type Committed struct {
	Update ident.UpdateID
	Offset ident.Offset
}

const opExecute = "execute submission"

// Execute hands a signed transaction in, once. No error means that the node took it, not that it will commit; OutcomeOf
// says what an error means. Nothing is repeated here, not even with another token: the caller decides.
func (c *Client) Execute(ctx context.Context, r ExecuteRequest) error {
	_, err := c.execute(ctx, "/v2/interactive-submission/execute", r)

	return err
}

// ExecuteAndWait is Execute, and waits until the node says that the transaction is on the ledger. Nodes before 3.4 do
// not have it, and refuse it. A node waits at most 20 s, and so does the client by default; that the waiting ends, or
// ctx does, says nothing about the transaction.
func (c *Client) ExecuteAndWait(ctx context.Context, r ExecuteRequest) (Committed, error) {
	a, err := c.execute(ctx, "/v2/interactive-submission/executeAndWait", r)
	if err != nil {
		return Committed{}, err
	}

	return committed(opExecute, a)
}

func (c *Client) execute(ctx context.Context, path string, r ExecuteRequest) (answer, error) {
	body, err := r.check()
	if err != nil {
		return answer{}, err
	}

	return c.submit(ctx, opExecute, path, body)
}

// committed reads where a transaction is.
func committed(op string, a answer) (Committed, error) {
	var w ledgerapi.ExecuteAnswer
	if err := a.decode(op, &w); err != nil {
		return Committed{}, staged(err)
	}

	id, err := ident.ParseUpdateID(w.UpdateId)
	if err != nil || w.CompletionOffset < 0 {
		return Committed{}, staged(malformed(op, "update id or offset of the transaction", err))
	}

	return Committed{Update: id, Offset: ident.Offset(w.CompletionOffset)}, nil
}

// submit sends a request once. Every error of it is one of a submission.
func (c *Client) submit(ctx context.Context, op, path string, body any) (answer, error) {
	raw, err := encoded(op, StageExecute, body)
	if err != nil {
		return answer{}, err
	}

	token, err := c.token(ctx, op)
	if err != nil {
		return answer{}, staged(err)
	}

	a, err := c.once(ctx, request{op: op, method: http.MethodPost, path: path, body: raw}, token)
	if err == nil {
		return a, nil
	}

	if IsUnauthorized(err) && c.cfg.Tokens != nil {
		c.cfg.Tokens.Invalidate() // the next request has another one
	}

	return answer{}, staged(err)
}

// staged marks an error as one of a submission. The end of a context is left as it is: its outcome is unknown anyway.
func staged(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Stage = StageExecute
	}

	return err
}

func (r *ExecuteRequest) check() (ledgerapi.ExecuteRequest, error) {
	switch {
	case r.SubmissionID == "" || len(r.SubmissionID) > maxID:
		return ledgerapi.ExecuteRequest{}, notSent(opExecute, StageExecute,
			"a submission id of %d bytes, want 1 to %d", len(r.SubmissionID), maxID)
	case len(r.Transaction) == 0:
		return ledgerapi.ExecuteRequest{}, notSent(opExecute, StageExecute, "no transaction")
	case len(r.Signatures) == 0:
		return ledgerapi.ExecuteRequest{}, notSent(opExecute, StageExecute, "no signatures")
	case r.Deduplication.duration < 0:
		return ledgerapi.ExecuteRequest{}, notSent(opExecute, StageExecute, "a deduplication period below zero")
	}

	body := ledgerapi.ExecuteRequest{
		PreparedTransaction: r.Transaction, SubmissionId: r.SubmissionID, UserId: r.UserID,
		HashingSchemeVersion: r.Scheme.String(), DeduplicationPeriod: r.Deduplication.wire(),
		MinLedgerTime: minLedgerTime(r.MinLedgerTime),
	}

	for _, p := range r.Signatures {
		if len(p.Signatures) == 0 {
			return body, notSent(opExecute, StageExecute, "no signature of %s", p.Party)
		}

		body.PartySignatures.Signatures = append(body.PartySignatures.Signatures,
			ledgerapi.SinglePartySignatures{Party: string(p.Party), Signatures: signatures(p.Signatures)})
	}

	return body, nil
}

func signatures(list []signing.Signature) []ledgerapi.Signature {
	out := make([]ledgerapi.Signature, 0, len(list))

	for _, s := range list {
		out = append(out, ledgerapi.Signature{
			Format: string(s.Format), Signature: s.Bytes, SignedBy: string(s.SignedBy),
			SigningAlgorithmSpec: string(s.Algorithm),
		})
	}

	return out
}

// Duplicate is the earlier success that a duplicate was refused for.
type Duplicate struct {
	// SubmissionID is the one that succeeded; empty if the node does not say.
	SubmissionID string
	// Offset of its completion on the same node; 0 if the node does not say.
	Offset ident.Offset
}

// DuplicateOf tells of which earlier submission the refused one is a duplicate: of the same user, parties and command
// id, whatever its content. It reports false for any other error.
func DuplicateOf(err error) (Duplicate, bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != codeDuplicate {
		return Duplicate{}, false
	}

	d := Duplicate{SubmissionID: e.Context["existing_submission_id"]}
	if n, err := strconv.ParseInt(e.Context["completion_offset"], 10, 64); err == nil && n > 0 {
		d.Offset = ident.Offset(n)
	}

	return d, true
}
