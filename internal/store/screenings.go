package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// ErrScreeningMoved means that somebody else asks about the deposit by now, or has its answer. What this one was told
// is old.
var ErrScreeningMoved = errors.New("the screening has moved on")

// ScreeningJob is an offer or a deposit to ask the screening service about, in one asker's hands until its lease ends.
type ScreeningJob struct {
	DepositID uuid.UUID
	// Arrived says that the money is here, and held. Before, it is an offer.
	Arrived    bool
	Amount     amount.Amount
	Instrument ident.Instrument
	// Sender is empty where the ledger does not show it.
	Sender ident.Party
	Memo   *string
	// Account is whose the memo is, or who gets the money that is held.
	Account string
	// Deadline is that of an offer; RecordTime and Update are of the money's arrival.
	Deadline   time.Time
	RecordTime time.Time
	Update     ident.UpdateID
	// Tries is how often it was asked about before.
	Tries int
	// Epoch is of this asker's lease.
	Epoch int64
}

// DropScreenings takes from the list of what is asked about what nobody waits for any more, at most so many. It is not
// asked about as it is; but a list of what waits should be short.
func (db *DB) DropScreenings(ctx context.Context, treasury TreasuryID, now time.Time, most int) error {
	_, err := db.queries.ScreeningDrop(ctx, db.exec, dbsqlc.ScreeningDropParams{
		TreasuryID: int32(treasury), Now: &now, Most: integer(most),
	})

	return wrap("drop screenings that nobody waits for", err)
}

// EnrollScreenings puts what awaits a screening on the list of what is asked about, at most so many. It says how many
// are new.
func (db *DB) EnrollScreenings(ctx context.Context, treasury TreasuryID, now time.Time, most int) (int, error) {
	enrolled, err := db.queries.ScreeningEnroll(ctx, db.exec, dbsqlc.ScreeningEnrollParams{
		TreasuryID: int32(treasury), Now: now, Most: integer(most),
	})

	return int(enrolled), wrap("enroll screenings", err)
}

// ClaimScreenings takes up what is to be asked now and in nobody's hands, at most so many.
func (db *DB) ClaimScreenings(
	ctx context.Context, treasury TreasuryID, now, leaseUntil time.Time, most int,
) ([]ScreeningJob, error) {
	rows, err := db.queries.ScreeningClaim(ctx, db.exec, dbsqlc.ScreeningClaimParams{
		TreasuryID: int32(treasury), Now: &now, LeaseUntil: &leaseUntil, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("claim screenings: %w", err)
	}

	return mapped(rows, func(r dbsqlc.ScreeningClaimRow) ScreeningJob {
		return ScreeningJob{
			DepositID: r.DepositID, Arrived: r.Arrived, Amount: r.Amount,
			Instrument: ident.Instrument{Admin: r.Admin, ID: r.InstrumentID}, Sender: r.Sender, Memo: r.Memo,
			Account: r.Account, Deadline: orZeroTime(r.ExecuteBefore), RecordTime: r.RecordTime,
			Update: ident.UpdateID(r.ArrivedBy), Tries: int(r.Tries), Epoch: r.LeaseEpoch,
		}
	}), nil
}

// ScreeningAnswer is what became of a question.
type ScreeningAnswer struct {
	Result deposit.Screening
	// Detail is what the service said, or why it could not be asked.
	Detail string
	// Again is when it is asked again; zero where the answer is final.
	Again time.Time
}

// AnswerScreening stores what was said to the one who asked last. ErrScreeningMoved says that this was somebody else.
func (db *DB) AnswerScreening(
	ctx context.Context, treasury TreasuryID, j ScreeningJob, a ScreeningAnswer, now time.Time,
) error {
	p := dbsqlc.ScreeningAnswerParams{
		TreasuryID: int32(treasury), DepositID: j.DepositID, LeaseEpoch: j.Epoch, Result: string(a.Result),
		Detail: memo.Stored(a.Detail), Now: &now,
	}
	if !a.Again.IsZero() {
		p.NextAt = &a.Again
	}

	changed, err := db.queries.ScreeningAnswer(ctx, db.exec, p)
	if err == nil && changed != 1 {
		err = ErrScreeningMoved
	}

	return wrap("store the screening of deposit "+j.DepositID.String(), err)
}

// RescreenDeposit has the service asked again about what it did not pass. Until it has answered nothing is accepted or
// credited. To say it twice does no harm. A *RefusedError says why not.
func (db *DB) RescreenDeposit(
	ctx context.Context, treasury ident.Party, id uuid.UUID, operator, note string, now time.Time,
) error {
	err := db.queries.ScreeningAgain(ctx, db.exec, dbsqlc.ScreeningAgainParams{
		Treasury: string(treasury), DepositID: id, Operator: memo.Stored(operator), Note: memo.Stored(note), Now: now,
	})

	return wrap("have deposit "+id.String()+" screened again", refusal(err))
}

// WaitingScreenings are those that wait for an answer, and what there is for one so far.
type WaitingScreenings struct {
	Result deposit.Screening
	Count  int64
	Oldest time.Time
}

// WaitingScreenings counts them by result.
func (db *DB) WaitingScreenings(ctx context.Context, treasury TreasuryID) ([]WaitingScreenings, error) {
	rows, err := db.queries.ScreeningCount(ctx, db.exec, int32(treasury))
	if err != nil {
		return nil, fmt.Errorf("count screenings: %w", err)
	}

	return mapped(rows, func(r dbsqlc.ScreeningCountRow) WaitingScreenings {
		return WaitingScreenings{deposit.Screening(r.Result), r.Deposits, r.Oldest}
	}), nil
}

// ListedScreening is a screening as an operator sees it.
type ListedScreening struct {
	DepositID uuid.UUID
	Result    deposit.Screening
	Detail    string
	Tries     int
	// Since is since when an answer is wanted.
	Since time.Time
	// AnsweredAt is nil before there was an answer, NextAt where it is not asked again.
	AnsweredAt, NextAt *time.Time
	// Deposit is the deposit's state, Case that of its case; empty where it has none.
	Deposit    string
	Case       deposit.CaseState
	Amount     amount.Amount
	Instrument ident.Instrument
	Sender     ident.Party
	Memo       *string
}

// ListScreenings reads what was answered so, those first that were asked last; or, without a result, what is not
// accepted or credited because of its screening, whether anybody was asked or not. At most so many.
func (db *DB) ListScreenings(
	ctx context.Context, treasury TreasuryID, result deposit.Screening, most int,
) ([]ListedScreening, error) {
	rows, err := db.queries.ScreeningList(ctx, db.exec, dbsqlc.ScreeningListParams{
		TreasuryID: int32(treasury), Result: string(result), Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("list screenings: %w", err)
	}

	return mapped(rows, func(r dbsqlc.ScreeningListRow) ListedScreening {
		return ListedScreening{
			DepositID: r.DepositID, Result: deposit.Screening(r.Result), Detail: r.Detail, Tries: int(r.Tries), Since: r.Since,
			AnsweredAt: r.AnsweredAt, NextAt: r.NextAt, Deposit: r.State, Case: deposit.CaseState(r.CaseState),
			Amount: r.Amount, Instrument: ident.Instrument{Admin: r.Admin, ID: r.InstrumentID}, Sender: r.Sender, Memo: r.Memo,
		}
	}), nil
}
