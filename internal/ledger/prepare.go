package ledger

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Bounds of what is sent to a node.
const (
	// maxRequestBody is what a node's gateway takes: 8 MiB up to 3.5, 10 MiB from 3.6.
	maxRequestBody = 8 << 20
	// maxID is how long a command's or a submission's id may be (LedgerString).
	maxID = 255
)

// PrepareRequest asks for the transaction that a command of external parties would be.
type PrepareRequest struct {
	// UserID is the ledger user; the token's if empty.
	UserID string
	// CommandID names the change: a node commits at most one change of the same user, parties and command id within the
	// deduplication period. Up to 255 characters.
	CommandID string
	Command   Command
	// ActAs are the parties that will sign. The user must be allowed to read as each.
	ActAs []ident.Party
	// ReadAs are parties whose contracts the command may use besides.
	ReadAs    []ident.Party
	Disclosed []DisclosedContract
	// Synchronizer to run on; the node chooses if empty.
	Synchronizer ident.SynchronizerID
	// MaxRecordTime is the last record time at which the transaction may commit; no bound of its own if zero. Under
	// scheme V2 it is not part of what is signed, and only the executing node keeps it.
	MaxRecordTime time.Time
	// MinLedgerTime is the earliest ledger time, and then also the preparation time; the node's now if zero.
	MinLedgerTime time.Time
	// PackageIDs pins versions of packages, by their ids, for names that more than one version could mean.
	PackageIDs []string
	// Schemes are the hashing schemes to ask for, the preferred one first; V2 alone if empty. See Version.Schemes.
	Schemes []signing.Scheme
	// ExpectedSignatures are the algorithms of the signatures to come, for the estimate of the cost.
	ExpectedSignatures []signing.Algorithm
	// NoCostEstimate spares the node the estimate that it makes from 3.4 on.
	NoCostEstimate bool
}

// Prepared is a transaction to be decoded, compared with what was asked for, signed and executed. Nothing of it can be
// believed: not even that Hash is its hash.
type Prepared struct {
	Transaction []byte
	Hash        signing.Hash
	// Scheme is one of those that were asked for.
	Scheme signing.Scheme
	// Cost is the node's estimate; nil where it makes none.
	Cost *CostEstimate
}

// CostEstimate is what a transaction is expected to cost, in bytes of traffic, within about a tenth.
type CostEstimate struct {
	At time.Time
	// Request is the confirmation request's share of Total, Response that of the confirmations.
	Request, Response, Total int64
}

// Schemes are the hashing schemes that a node of this version may compute, the better one first. Whether it computes V3
// depends on the synchronizer too: protocol version 34 has V2 alone.
func (v Version) Schemes() []signing.Scheme {
	const major, minor = 3, 5
	if v.AtLeast(major, minor) {
		return []signing.Scheme{signing.V3, signing.V2}
	}

	return []signing.Scheme{signing.V2}
}

const opPrepare = "prepare submission"

// Prepare asks for a transaction. It changes nothing, reserves nothing, and is repeated by the client's policy. A node
// that refuses the request under one scheme is asked for the next one.
func (c *Client) Prepare(ctx context.Context, r PrepareRequest) (Prepared, error) {
	schemes := r.Schemes
	if len(schemes) == 0 {
		schemes = []signing.Scheme{signing.V2}
	}

	for i, scheme := range schemes {
		body, err := r.body(scheme)
		if err != nil {
			return Prepared{}, err
		}

		a, err := read[ledgerapi.PrepareAnswer](ctx, c, request{
			op: opPrepare, method: http.MethodPost, path: "/v2/interactive-submission/prepare", body: body,
		})
		if err == nil {
			return prepared(a, schemes[i:])
		}

		if i == len(schemes)-1 || !invalid(err) {
			return Prepared{}, err
		}
	}

	return Prepared{}, notSent(opPrepare, StageAnswer, "no hashing scheme")
}

// invalid reports whether the request itself was refused, which may be for its scheme: no source tells by which code.
func invalid(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && e.Category == CategoryInvalid
}

// body is the request in JSON, encoded here so that its size is known.
func (r *PrepareRequest) body(scheme signing.Scheme) (strictjson.Raw, error) {
	switch {
	case r.CommandID == "" || len(r.CommandID) > maxID:
		return nil, notSent(opPrepare, StageAnswer, "a command id of %d bytes, want 1 to %d", len(r.CommandID), maxID)
	case r.Command == nil:
		return nil, notSent(opPrepare, StageAnswer, "no command")
	case len(r.ActAs) == 0:
		return nil, notSent(opPrepare, StageAnswer, "no party acts")
	}

	body := ledgerapi.PrepareRequest{
		UserId: r.UserID, CommandId: r.CommandID, Commands: []any{r.Command.wire()},
		ActAs: texts(r.ActAs), ReadAs: texts(r.ReadAs), DisclosedContracts: disclosed(r.Disclosed),
		SynchronizerId: string(r.Synchronizer), PackageIdSelectionPreference: texts(r.PackageIDs),
		MaxRecordTime: optionalTime(r.MaxRecordTime), MinLedgerTime: minLedgerTime(r.MinLedgerTime),
		EstimateTrafficCost: r.costHints(),
	}

	if scheme != signing.V2 { // which every version takes for granted, and those before 3.5 have no member for
		body.HashingSchemeVersion = new(scheme.String())
	}

	return encoded(opPrepare, StageAnswer, body)
}

// costHints are nil where the node's own default will do.
func (r *PrepareRequest) costHints() *ledgerapi.CostHints {
	switch {
	case r.NoCostEstimate:
		return &ledgerapi.CostHints{Disabled: new(true)}
	case len(r.ExpectedSignatures) > 0:
		return &ledgerapi.CostHints{ExpectedSignatures: new(texts(r.ExpectedSignatures))}
	default:
		return nil
	}
}

// encoded is a request in JSON that a node can take.
func encoded(op string, stage Stage, body any) (strictjson.Raw, error) {
	raw, err := strictjson.Encode(body)

	switch {
	case err != nil:
		return nil, notSent(op, stage, "the request cannot be written: %s", err)
	case len(raw) > maxRequestBody:
		return nil, notSent(op, stage, "a request of %d bytes, at most %d", len(raw), maxRequestBody)
	default:
		return raw, nil
	}
}

func prepared(a ledgerapi.PrepareAnswer, asked []signing.Scheme) (Prepared, error) {
	p := Prepared{Transaction: a.PreparedTransaction}

	if len(p.Transaction) == 0 || len(p.Transaction) > signing.MaxBytes || len(a.PreparedTransactionHash) != len(p.Hash) {
		return Prepared{}, malformed(opPrepare, "no transaction of a size that can be, or no hash of 32 bytes", nil)
	}

	copy(p.Hash[:], a.PreparedTransactionHash)

	var err error
	if p.Scheme, err = signing.ParseScheme(a.HashingSchemeVersion); err != nil {
		return Prepared{}, malformed(opPrepare, "hashing scheme", err)
	}

	// A node that does not know the member for the scheme computes V2.
	if !slices.Contains(asked, p.Scheme) {
		return Prepared{}, malformed(opPrepare, "a hashing scheme that was not asked for: "+p.Scheme.String(), nil)
	}

	if p.Cost, err = cost(a.CostEstimation); err != nil {
		return Prepared{}, err
	}

	return p, nil
}

func cost(c *ledgerapi.CostEstimation) (*CostEstimate, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // nodes before 3.4 make no estimate
	}

	at, err := time.Parse(time.RFC3339Nano, c.EstimationTimestamp)
	if err != nil {
		return nil, malformed(opPrepare, "time of the cost estimate", err)
	}

	out := &CostEstimate{
		At: at, Request: c.ConfirmationRequestTrafficCostEstimation,
		Response: c.ConfirmationResponseTrafficCostEstimation, Total: c.TotalTrafficCostEstimation,
	}
	if out.Request < 0 || out.Response < 0 || out.Total < 0 {
		return nil, malformed(opPrepare, "a cost below zero", nil)
	}

	return out, nil
}
