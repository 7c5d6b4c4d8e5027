package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// ErrOfferMoved means that the offer or its verdict has moved on: history, another worker, an operator, or a change of
// what the verdict rests on. What this worker knows of it is old.
var ErrOfferMoved = errors.New("the offer has moved on")

// OfferWork is how far an answer to an offer is. The text is what the database stores.
type OfferWork string

// The kinds of work.
const (
	NoWork OfferWork = "none"
	Due    OfferWork = "due"
	// Submitted may be under way.
	Submitted OfferWork = "submitted"
	// GivenUp was tried as often as the policy allows. A person retries it.
	GivenUp OfferWork = "given_up"
)

// OfferJob is an offer to be answered, in a worker's hands until its lease ends.
type OfferJob struct {
	// Prepared is what was submitted last; its Transaction is empty where nothing was.
	Prepared

	DepositID  uuid.UUID
	Instrument ident.Instrument
	// Correlation names the offer's chain of contracts.
	Correlation ident.ContractID
	Verdict     deposit.Verdict
	Work        OfferWork
	Tries       int
	Detail      string
	// Answer is what the node said of the last submission, and Target until when it may commit.
	Answer withdrawal.Answer
	Target time.Time
	// Epoch is of this worker's lease.
	Epoch int64
}

// ClaimOffers takes up what is due and in nobody's hands, at most so many.
func (db *DB) ClaimOffers(
	ctx context.Context, treasury TreasuryID, now, leaseUntil time.Time, most int,
) ([]OfferJob, error) {
	rows, err := db.queries.OfferClaim(ctx, db.exec, dbsqlc.OfferClaimParams{
		TreasuryID: int32(treasury), Now: &now, LeaseUntil: &leaseUntil, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("claim offers: %w", err)
	}

	jobs := make([]OfferJob, len(rows))

	for i, row := range rows {
		instrument, err := db.instrument(ctx, row.InstrumentNo)
		if err != nil {
			return nil, err
		}

		jobs[i] = OfferJob{
			DepositID: row.DepositID, Instrument: instrument, Correlation: ident.ContractID(row.CorrelationID),
			Verdict: deposit.Verdict(row.Verdict), Work: OfferWork(row.Work), Tries: int(row.Tries), Detail: row.Detail,
			Answer: withdrawal.Answer(row.Outcome), Target: orZeroTime(row.TargetRecordTime), Epoch: row.LeaseEpoch,
			Prepared: Prepared{
				CommandID: row.CommandID, SubmissionID: row.SubmissionID, Scheme: row.HashingScheme, Hash: row.TransactionHash,
				Transaction: row.Prepared,
			},
		}

		if row.Signature != nil {
			jobs[i].Signature = &signing.Signature{}
			if err := strictjson.Decode(row.Signature, jobs[i].Signature); err != nil {
				return nil, fmt.Errorf("read signature of offer %s: %w", row.DepositID, err)
			}
		}
	}

	return jobs, nil
}

// SubmitOffer writes down what is about to be submitted, while the job's verdict stands. From then on the answer may be
// under way. nextAt is when a worker looks again.
func (db *DB) SubmitOffer(
	ctx context.Context, treasury TreasuryID, j OfferJob, p Prepared, target, nextAt time.Time,
) error {
	signature, err := strictjson.Encode(p.Signature)
	if err != nil {
		return fmt.Errorf("encode signature: %w", err)
	}

	changed, err := db.queries.OfferSubmit(ctx, db.exec, dbsqlc.OfferSubmitParams{
		TreasuryID: int32(treasury), DepositID: j.DepositID, LeaseEpoch: j.Epoch, Verdict: string(j.Verdict),
		TargetRecordTime: &target, NextAt: &nextAt, CommandID: p.CommandID, SubmissionID: p.SubmissionID,
		HashingScheme: p.Scheme, TransactionHash: p.Hash, Prepared: p.Transaction, Signature: signature,
	})

	return oneOffer("submit the answer to offer "+j.DepositID.String(), changed, err)
}

// OfferPostponement says when a worker looks at an offer again, and why not now.
type OfferPostponement struct {
	// Work is what the job becomes; as before if empty. The same is true of Answer, and of Tries if 0.
	Work   OfferWork
	Answer withdrawal.Answer
	Tries  int
	NextAt time.Time
	Detail string
}

// PostponeOffer leaves an offer until later, or to a person.
func (db *DB) PostponeOffer(ctx context.Context, treasury TreasuryID, j OfferJob, p OfferPostponement) error {
	params := dbsqlc.OfferPostponeParams{
		TreasuryID: int32(treasury), DepositID: j.DepositID, LeaseEpoch: j.Epoch, Was: string(j.Work),
		Verdict: string(j.Verdict), Work: string(p.Work), Tries: integer(max(p.Tries, j.Tries)),
		Detail: memo.Stored(p.Detail), Outcome: string(p.Answer), NextAt: &p.NextAt,
	}

	if p.Work == "" {
		params.Work = string(j.Work)
	}

	if p.Answer == withdrawal.Unanswered {
		params.Outcome = string(j.Answer)
	}

	changed, err := db.queries.OfferPostpone(ctx, db.exec, params)

	return oneOffer("postpone offer "+j.DepositID.String(), changed, err)
}

// ReleaseOffer gives a job back that has moved on, if it is still this worker's, to be claimed as it is now.
func (db *DB) ReleaseOffer(ctx context.Context, treasury TreasuryID, j OfferJob, nextAt time.Time) error {
	err := db.queries.OfferRelease(ctx, db.exec, dbsqlc.OfferReleaseParams{
		TreasuryID: int32(treasury), DepositID: j.DepositID, LeaseEpoch: j.Epoch, NextAt: nextAt,
	})

	return wrap("release offer "+j.DepositID.String(), err)
}

// ReconsiderOffer has an offer decided again, because its contract is another one now.
func (db *DB) ReconsiderOffer(ctx context.Context, treasury TreasuryID, j OfferJob) error {
	changed, err := db.queries.OfferReconsider(ctx, db.exec, dbsqlc.OfferReconsiderParams{
		TreasuryID: int32(treasury), DepositID: j.DepositID, LeaseEpoch: j.Epoch,
	})

	return oneOffer("reconsider offer "+j.DepositID.String(), changed, err)
}

func oneOffer(what string, changed int64, err error) error {
	if err == nil && changed != 1 {
		err = ErrOfferMoved
	}

	return wrap(what, err)
}

// OpenOffers are offers that have not ended, and how they stand.
type OpenOffers struct {
	deposit.Decision

	Work   OfferWork
	Count  int64
	Oldest time.Time
}

// OpenOffers counts the open offers by verdict, reason and work.
func (db *DB) OpenOffers(ctx context.Context, treasury TreasuryID) ([]OpenOffers, error) {
	rows, err := db.queries.VerdictCountOpen(ctx, db.exec, int32(treasury))
	if err != nil {
		return nil, fmt.Errorf("count open offers: %w", err)
	}

	list := make([]OpenOffers, len(rows))
	for i, row := range rows {
		list[i] = OpenOffers{
			Decision: deposit.Decision{Verdict: deposit.Verdict(row.Verdict), Reason: deposit.Reason(row.Reason)},
			Work:     OfferWork(row.Work), Count: row.Offers, Oldest: row.Oldest,
		}
	}

	return list, nil
}
