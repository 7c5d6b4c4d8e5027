package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

var (
	// ErrReservedTwice means that a holding was to be given out that is given out already. The database refused it.
	ErrReservedTwice = errors.New("a holding is reserved already")
	// ErrMoved means that somebody else has moved the withdrawal on: history, another worker, or an operator. What this
	// worker knows of it is old.
	ErrMoved = errors.New("the withdrawal has moved on")
	// ErrNotDead means that history has not yet passed the attempt's target record time.
	ErrNotDead = errors.New("the attempt is not dead")
	// ErrTrace means that an attempt's command spent its inputs, and that history was not understood as its payment. It
	// should not happen: an operator must look.
	ErrTrace = errors.New("the attempt has left a trace on the ledger that is not its payment")
)

// AttemptKind is what an attempt tries. The text is what the database stores.
type AttemptKind string

// The kinds of attempt.
const (
	Pay AttemptKind = "pay"
	// Reclaim takes back an offer that nobody accepted.
	Reclaim AttemptKind = "reclaim"
)

// Job is a withdrawal in a worker's hands until its lease ends.
type Job struct {
	ID         string
	Kind       withdrawal.Kind
	State      withdrawal.State
	Instrument ident.Instrument
	Amount     amount.Amount
	Receiver   ident.Party
	Memo       *string
	// Correlation is the offer on the ledger; empty before there is one.
	Correlation ident.ContractID
	Attempt     int
	Deaths      int
	Tries       int
	Refusals    int
	// Serves is the withdrawal that needs this merge; empty where none does.
	Serves string
	// Epoch is of this worker's lease.
	Epoch int64
	// Live is the attempt that has not ended; nil if there is none.
	Live *Attempt
}

// Attempt is a try to pay: over fixed inputs, until a fixed record time.
type Attempt struct {
	Prepared

	Kind         AttemptKind
	Inputs       []ident.ContractID
	Total        amount.Amount
	Synchronizer ident.SynchronizerID
	Target       time.Time
	Preparations int
	Executions   int
	Answer       withdrawal.Answer
}

// Prepared is a transaction that is submitted, or may be, exactly as it stands here.
type Prepared struct {
	Delivery     string
	CommandID    string
	SubmissionID string
	Scheme       string
	Hash         string
	// Transaction is empty before it is prepared, and Signature nil before it is signed.
	Transaction []byte
	Signature   *signing.Signature
	// Traffic is what the node expects it to cost, in bytes; 0 if it does not say.
	Traffic int64
}

func jobOf(row dbsqlc.WithdrawalClaimRow, instrument ident.Instrument) Job {
	return Job{
		ID: row.WithdrawalID, Kind: withdrawal.Kind(row.Kind), State: withdrawal.State(row.State), Instrument: instrument,
		Amount: row.Amount, Receiver: row.Receiver, Memo: row.Memo, Correlation: ident.ContractID(orEmpty(row.CorrelationID)),
		Attempt: int(row.Attempt), Deaths: int(row.Deaths), Tries: int(row.Tries), Refusals: int(row.Refusals),
		Serves: orEmpty(row.Serves), Epoch: row.LeaseEpoch,
	}
}

// ClaimWithdrawals takes up what is due and in nobody's hands, at most so many.
func (db *DB) ClaimWithdrawals(
	ctx context.Context, treasury TreasuryID, now, leaseUntil time.Time, most int,
) ([]Job, error) {
	rows, err := db.queries.WithdrawalClaim(ctx, db.exec, dbsqlc.WithdrawalClaimParams{
		TreasuryID: int32(treasury), Now: &now, LeaseUntil: &leaseUntil, Most: integer(most),
	})
	if err != nil || len(rows) == 0 {
		return nil, wrap("claim withdrawals", err)
	}

	jobs := make([]Job, len(rows))
	ids := make([]string, len(rows))

	for i, row := range rows {
		instrument, err := db.instrument(ctx, row.InstrumentNo)
		if err != nil {
			return nil, err
		}

		jobs[i], ids[i] = jobOf(row, instrument), row.WithdrawalID
	}

	live, err := db.liveAttempts(ctx, treasury, ids)
	if err != nil {
		return nil, err
	}

	for i := range jobs {
		jobs[i].Live = live[jobs[i].ID]
	}

	return jobs, nil
}

func (db *DB) liveAttempts(ctx context.Context, treasury TreasuryID, ids []string) (map[string]*Attempt, error) {
	rows, err := db.queries.AttemptListLive(ctx, db.exec, dbsqlc.AttemptListLiveParams{
		TreasuryID: int32(treasury), WithdrawalIds: ids,
	})
	if err != nil {
		return nil, fmt.Errorf("list attempts: %w", err)
	}

	live := make(map[string]*Attempt, len(rows))

	for _, row := range rows {
		a := &Attempt{
			Kind: AttemptKind(row.Kind), Inputs: make([]ident.ContractID, len(row.Inputs)), Total: row.InputTotal,
			Synchronizer: row.SynchronizerID, Target: row.TargetRecordTime,
			Prepared: Prepared{
				Delivery: row.Delivery, CommandID: row.CommandID, SubmissionID: row.SubmissionID, Scheme: row.HashingScheme,
				Hash: row.TransactionHash, Transaction: row.Prepared,
			},
			Preparations: int(row.Preparations), Executions: int(row.Executions), Answer: withdrawal.Answer(row.Outcome),
		}

		for i, id := range row.Inputs {
			a.Inputs[i] = ident.ContractID(id)
		}

		if row.Signature != nil {
			a.Signature = &signing.Signature{}
			if err := strictjson.Decode(row.Signature, a.Signature); err != nil {
				return nil, fmt.Errorf("read signature of withdrawal %s: %w", row.WithdrawalID, err)
			}
		}

		live[row.WithdrawalID] = a
	}

	return live, nil
}

// hold runs fn in a transaction in which the job's withdrawal is locked and as the worker knows it; ErrMoved otherwise.
func (db *DB) hold(ctx context.Context, treasury TreasuryID, j Job, fn func(pgx.Tx) error) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		_, err := db.queries.WithdrawalHold(ctx, tx, dbsqlc.WithdrawalHoldParams{
			TreasuryID: int32(treasury), WithdrawalID: j.ID, State: string(j.State), Attempt: integer(j.Attempt),
			LeaseEpoch: j.Epoch,
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrMoved
		}

		if err != nil {
			return fmt.Errorf("lock the withdrawal: %w", err)
		}

		return fn(tx)
	})
}

// StillHeld is nil while a withdrawal is as the worker knows it, and in its hands; ErrMoved otherwise.
func (db *DB) StillHeld(ctx context.Context, treasury TreasuryID, j Job) error {
	err := db.hold(ctx, treasury, j, func(pgx.Tx) error { return nil })

	return wrap("look at withdrawal "+j.ID, err)
}

// SubmitWithdrawal writes down what is about to be submitted. From then on the payment may be under way. nextAt is when
// a worker looks again.
func (db *DB) SubmitWithdrawal(
	ctx context.Context, treasury TreasuryID, j Job, p Prepared, nextAt, now time.Time,
) error {
	err := db.hold(ctx, treasury, j, func(tx pgx.Tx) error {
		if err := db.storePrepared(ctx, tx, treasury, j, p, now); err != nil {
			return err
		}

		if j.State == withdrawal.Offered {
			return db.postpone(ctx, tx, treasury, j, Postponement{NextAt: nextAt})
		}

		changed, err := db.queries.WithdrawalSubmit(ctx, tx, dbsqlc.WithdrawalSubmitParams{
			TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(j.Attempt), LeaseEpoch: j.Epoch, NextAt: &nextAt,
		})
		if err := oneMoved(changed, err); err != nil || j.State == withdrawal.Submitted {
			return err
		}

		return db.tellWithdrawal(ctx, tx, treasury, j, now)
	})

	return wrap("submit withdrawal "+j.ID, err)
}

// AwaitSignature writes down what a person is to sign, without submitting it.
func (db *DB) AwaitSignature(
	ctx context.Context, treasury TreasuryID, j Job, p Prepared, nextAt, now time.Time,
) error {
	err := db.hold(ctx, treasury, j, func(tx pgx.Tx) error {
		if err := db.storePrepared(ctx, tx, treasury, j, p, now); err != nil {
			return err
		}

		return db.postpone(ctx, tx, treasury, j, Postponement{NextAt: nextAt, Waiting: withdrawal.AwaitsSignature})
	})

	return wrap("prepare withdrawal "+j.ID+" for a cold key", err)
}

func (db *DB) storePrepared(
	ctx context.Context, tx pgx.Tx, treasury TreasuryID, j Job, p Prepared, now time.Time,
) error {
	var (
		signature []byte
		err       error
	)

	if p.Signature != nil {
		if signature, err = strictjson.Encode(p.Signature); err != nil {
			return fmt.Errorf("encode signature: %w", err)
		}
	}

	changed, err := db.queries.AttemptPrepared(ctx, tx, dbsqlc.AttemptPreparedParams{
		TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(j.Attempt), Delivery: p.Delivery,
		CommandID: p.CommandID, SubmissionID: p.SubmissionID, HashingScheme: p.Scheme, TransactionHash: p.Hash,
		Prepared: p.Transaction, Signature: signature, ExpectedTraffic: p.Traffic, PreparedAt: &now,
	})

	return oneMoved(changed, err)
}

// Postponement says when a worker looks at a withdrawal again, and why not now.
type Postponement struct {
	NextAt  time.Time
	Waiting withdrawal.Reason
	Detail  string
	// Told is what the node said of an execution; nothing is noted if it is empty. Executed says that one was made.
	Told     withdrawal.Answer
	Error    string
	Executed bool
	// Tries is how often in a row a payment could not be prepared; as before if 0.
	Tries int
}

// PostponeWithdrawal leaves a withdrawal as it is until later.
func (db *DB) PostponeWithdrawal(ctx context.Context, treasury TreasuryID, j Job, p Postponement) error {
	err := db.hold(ctx, treasury, j, func(tx pgx.Tx) error {
		if p.Told != withdrawal.Unanswered {
			executions := 0
			if p.Executed {
				executions = 1
			}

			changed, err := db.queries.AttemptTold(ctx, tx, dbsqlc.AttemptToldParams{
				TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(j.Attempt),
				Outcome: string(p.Told), Error: memo.Stored(p.Error), Executions: integer(executions),
			})
			if err := oneMoved(changed, err); err != nil {
				return err
			}
		}

		return db.postpone(ctx, tx, treasury, j, p)
	})

	return wrap("postpone withdrawal "+j.ID, err)
}

func (db *DB) postpone(ctx context.Context, tx pgx.Tx, treasury TreasuryID, j Job, p Postponement) error {
	changed, err := db.queries.WithdrawalPostpone(ctx, tx, dbsqlc.WithdrawalPostponeParams{
		TreasuryID: int32(treasury), WithdrawalID: j.ID, State: string(j.State), Attempt: integer(j.Attempt),
		LeaseEpoch: j.Epoch, NextAt: &p.NextAt, Waiting: string(p.Waiting), Detail: memo.Stored(p.Detail),
		Tries: integer(max(p.Tries, j.Tries)),
	})

	return oneMoved(changed, err)
}

// Retreat is what becomes of a withdrawal whose attempt has come to nothing.
type Retreat struct {
	// Final is the reason for which it fails; empty for going back to the queue.
	Final   withdrawal.Reason
	Waiting withdrawal.Reason
	Detail  string
	NextAt  time.Time
	Tries   int
	// Refusals is how often the token or its registry has refused it.
	Refusals int
	// Freeze, if there is one, comes with it: both happen or none. Only BuryAttempt has any.
	Freeze *Freeze
}

// DropAttempt ends an attempt of which nothing was submitted, and frees its holdings.
func (db *DB) DropAttempt(ctx context.Context, treasury TreasuryID, j Job, r Retreat, now time.Time) error {
	err := db.hold(ctx, treasury, j, func(tx pgx.Tx) error {
		if j.State != withdrawal.Reserved {
			return fmt.Errorf("drop an attempt that is %s: %w", j.State, ErrContradiction)
		}

		changed, err := db.queries.AttemptDrop(ctx, tx, dbsqlc.AttemptDropParams{
			TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(j.Attempt), EndedAt: &now,
			Error: memo.Stored(r.Detail),
		})
		if err := oneMoved(changed, err); err != nil {
			return err
		}

		return db.retreat(ctx, tx, treasury, j, r, now)
	})

	return wrap("give up an attempt at withdrawal "+j.ID, err)
}

// BuryAttempt ends an attempt that is dead and frees its holdings. The database looks itself whether it is: ErrNotDead
// if history has not passed its target record time.
func (db *DB) BuryAttempt(ctx context.Context, treasury TreasuryID, j Job, r Retreat, now time.Time) error {
	err := db.hold(ctx, treasury, j, func(tx pgx.Tx) error {
		changed, err := db.queries.AttemptBury(ctx, tx, dbsqlc.AttemptBuryParams{
			TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(j.Attempt), EndedAt: &now,
		})
		if err != nil {
			return fmt.Errorf("bury attempt: %w", err)
		}

		if changed != 1 {
			return db.notDead(ctx, tx, treasury, j)
		}

		if r.Freeze != nil {
			if _, err := db.freeze(ctx, tx, treasury, *r.Freeze); err != nil {
				return err
			}
		}

		if j.State == withdrawal.Offered { // the offer stands; taking it back is tried anew
			return db.postpone(ctx, tx, treasury, j, Postponement{NextAt: r.NextAt, Waiting: r.Waiting, Detail: r.Detail})
		}

		j.Deaths++

		return db.retreat(ctx, tx, treasury, j, r, now)
	})

	return wrap("bury an attempt at withdrawal "+j.ID, err)
}

// notDead says why an attempt cannot be buried.
func (db *DB) notDead(ctx context.Context, tx pgx.Tx, treasury TreasuryID, j Job) error {
	traces, err := db.queries.AttemptTraces(ctx, tx, dbsqlc.AttemptTracesParams{
		TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(j.Attempt),
	})

	switch {
	case err != nil:
		return fmt.Errorf("look for traces: %w", err)
	case len(traces) > 0:
		return fmt.Errorf("update %s: %w", traces[0], ErrTrace)
	default:
		return ErrNotDead
	}
}

// retreat frees the holdings of an attempt that has just ended, and takes the withdrawal back or ends it.
func (db *DB) retreat(ctx context.Context, tx pgx.Tx, treasury TreasuryID, j Job, r Retreat, now time.Time) error {
	err := db.queries.ReservationDelete(ctx, tx, dbsqlc.ReservationDeleteParams{
		TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(j.Attempt),
	})
	if err != nil {
		return fmt.Errorf("free holdings: %w", err)
	}

	if r.Final != "" {
		failed, err := db.queries.WithdrawalFail(ctx, tx, dbsqlc.WithdrawalFailParams{
			TreasuryID: int32(treasury), WithdrawalID: j.ID, State: string(j.State), Attempt: integer(j.Attempt),
			Reason: string(r.Final), Detail: memo.Stored(r.Detail), At: now,
		})
		if err == nil && !failed {
			err = ErrMoved
		}

		return wrap("fail the withdrawal", err)
	}

	changed, err := db.queries.WithdrawalRetreat(ctx, tx, dbsqlc.WithdrawalRetreatParams{
		TreasuryID: int32(treasury), WithdrawalID: j.ID, State: string(j.State), Attempt: integer(j.Attempt),
		LeaseEpoch: j.Epoch, Waiting: string(r.Waiting), Detail: memo.Stored(r.Detail), NextAt: &r.NextAt,
		Tries: integer(r.Tries), Refusals: integer(r.Refusals),
		Deaths: integer(j.Deaths),
	})
	if err := oneMoved(changed, err); err != nil || j.State != withdrawal.Submitted {
		return err // of what was not submitted nobody was told
	}

	return wrap("write event", db.queries.WithdrawalTellStep(ctx, tx, dbsqlc.WithdrawalTellStepParams{
		TreasuryID: int32(treasury), WithdrawalID: j.ID, Step: waitsAgain, At: now,
	}))
}

// waitsAgain is the step of a withdrawal whose payment was submitted and never came to the ledger.
const waitsAgain = "waiting"

// BeginReclaim makes the attempt by which an offer is taken back. The job goes on with the next attempt's number.
func (db *DB) BeginReclaim(
	ctx context.Context, treasury TreasuryID, j Job, a Attempt, now time.Time,
) (Job, error) {
	next := j
	next.Attempt++
	next.Live = &a

	err := db.hold(ctx, treasury, j, func(tx pgx.Tx) error {
		changed, err := db.queries.WithdrawalReclaim(ctx, tx, dbsqlc.WithdrawalReclaimParams{
			TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(j.Attempt), LeaseEpoch: j.Epoch,
		})
		if err := oneMoved(changed, err); err != nil {
			return err
		}

		_, err = db.queries.AttemptInsert(ctx, tx, []dbsqlc.AttemptInsertParams{{
			TreasuryID: int32(treasury), WithdrawalID: j.ID, Attempt: integer(next.Attempt), Kind: string(Reclaim),
			Inputs: texts(a.Inputs), InputTotal: a.Total, SynchronizerID: a.Synchronizer, TargetRecordTime: a.Target,
			CreatedAt: now,
		}})

		return wrap("store attempt", err)
	})

	return next, wrap("take back the offer of withdrawal "+j.ID, err)
}

func (db *DB) tellWithdrawal(ctx context.Context, tx pgx.Tx, treasury TreasuryID, j Job, now time.Time) error {
	err := db.queries.WithdrawalTell(ctx, tx, dbsqlc.WithdrawalTellParams{
		TreasuryID: int32(treasury), WithdrawalID: j.ID, At: now,
	})

	return wrap("write event", err)
}

// NoteCompletion notes what a node said of the end of a submission, and has a worker look at once.
func (db *DB) NoteCompletion(
	ctx context.Context, treasury TreasuryID, submission string, told withdrawal.Answer, cause string, nextAt time.Time,
) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		err := db.queries.WithdrawalHurry(ctx, tx, dbsqlc.WithdrawalHurryParams{
			TreasuryID: int32(treasury), SubmissionID: submission, NextAt: &nextAt,
		})
		if err != nil {
			return fmt.Errorf("hurry: %w", err)
		}

		err = db.queries.AttemptCompleted(ctx, tx, dbsqlc.AttemptCompletedParams{
			TreasuryID: int32(treasury), SubmissionID: submission, Outcome: string(told), Error: memo.Stored(cause),
		})

		return wrap("note a completion", err)
	})
}

// oneMoved turns a guarded update that found no row into ErrMoved.
func oneMoved(changed int64, err error) error {
	if err == nil && changed != 1 {
		return ErrMoved
	}

	return err
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("%s: %w", what, err)
}

// Offer is the open contract of a transfer that waits for its receiver, or for its registry.
type Offer struct {
	Contract     ident.ContractID
	Synchronizer ident.SynchronizerID
	Instruction  token.Instruction
}

// FindOffer finds what an offer of ours is now; ErrNotFound if it has ended. Of the transfer's metadata it has the
// reason alone.
func (db *DB) FindOffer(ctx context.Context, treasury TreasuryID, correlation ident.ContractID) (Offer, error) {
	rows, err := db.queries.OfferFind(ctx, db.exec, dbsqlc.OfferFindParams{
		TreasuryID: int32(treasury), CorrelationID: string(correlation),
	})
	if err != nil {
		return Offer{}, fmt.Errorf("find offer %s: %w", correlation, err)
	}

	if len(rows) != 1 {
		return Offer{}, fmt.Errorf("find offer %s: %d open contracts: %w", correlation, len(rows), ErrNotFound)
	}

	row := rows[0]

	instruction, err := db.instructionOf(ctx, dbsqlc.InstructionListNamedRow{
		ContractID: row.ContractID, CorrelationID: row.CorrelationID, Sender: row.Sender, Receiver: row.Receiver,
		InstrumentNo: row.InstrumentNo, Amount: row.Amount, Memo: row.Memo, RequestedAt: row.RequestedAt,
		ExecuteBefore: row.ExecuteBefore, AwaitsReceiver: row.AwaitsReceiver, Inputs: row.Inputs, ClosedNo: row.ClosedNo,
	})

	return Offer{Contract: row.ContractID, Synchronizer: row.SynchronizerID, Instruction: instruction}, err
}
