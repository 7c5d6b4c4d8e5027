package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/utxo"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// WaitingWithdrawal is one that has no holdings yet.
type WaitingWithdrawal struct {
	utxo.Waiting

	ID string
	// Returned is set for the return of a deposit that another one carried back, before the database was put back to an
	// earlier state. It must not be paid.
	Returned bool
}

// Turn is what a planner sees of one token, with the treasury locked.
type Turn struct {
	// Waiting are in the order in which they were requested; More says that there are further ones.
	Waiting []WaitingWithdrawal
	More    bool
	// Holdings are in no order; Partial says that there are more than were read.
	Holdings []utxo.Holding
	Partial  bool
	// Barrier is set after a restore: the record time that history must have passed before anything may be paid.
	Barrier *time.Time
	// Coming is how many internal transfers under way will each make one more large holding.
	Coming int
}

// Payment gives holdings to a withdrawal, or to a transfer of the treasury to itself.
type Payment struct {
	// ID is of the withdrawal; for a transfer to oneself a new one with the prefix of internal withdrawals.
	ID           string
	Inputs       []ident.ContractID
	Total        amount.Amount
	Synchronizer ident.SynchronizerID
	// Target is the last record time at which it may commit.
	Target time.Time
	// Amount, Purpose and Serves are of a transfer to oneself; Serves is the withdrawal that needs it, empty if none does.
	Amount  amount.Amount
	Purpose utxo.Purpose
	Serves  string
}

// WaitingNote is why a withdrawal gets nothing now.
type WaitingNote struct {
	ID        string
	Reason    withdrawal.Reason
	Detail    string
	Overtaken int
	// NextAt is when it is looked at again; as before if it is earlier than that.
	NextAt time.Time
}

// Plan is what a planner decided.
type Plan struct {
	Payments []Payment
	Internal []Payment
	Notes    []WaitingNote
}

// TurnLimits bound what one turn reads.
type TurnLimits struct {
	// Waiting is how many withdrawals, Holdings how many of each part of the holdings that can be spent.
	Waiting, Holdings int
	// LeaseUntil is until when the jobs of the turn are the caller's.
	LeaseUntil time.Time
}

// spendablePerHeld is how many more holdings a turn reads that can be spent than ones that are locked or reserved.
const spendablePerHeld = 5

// PlanTurn lets one planner at a time decide which holdings pay what, and stores what it decided: all of it or nothing.
// That no holding is given out twice is a constraint, whatever the planner does. ledgerTime is the latest record time
// of any synchronizer; locks that have ended by then count as ended.
func (db *DB) PlanTurn(
	ctx context.Context, treasury TreasuryID, party ident.Party, instrument ident.Instrument, now, ledgerTime time.Time,
	limits TurnLimits, decide func(Turn) (Plan, error),
) ([]Job, error) {
	number, err := db.instrumentNumber(ctx, instrument)
	if err != nil {
		return nil, err
	}

	p := planner{
		db: db, treasury: int32(treasury), party: party, instrument: instrument, number: number, now: now, limits: limits,
	}

	err = db.inTx(ctx, func(tx pgx.Tx) error {
		p.tx = tx

		if _, err := db.queries.TreasuryLock(ctx, tx, p.treasury); err != nil {
			return fmt.Errorf("lock treasury: %w", err)
		}

		turn, err := p.read(ctx, ledgerTime)
		if err != nil {
			return err
		}

		plan, err := decide(turn)
		if err != nil {
			return err
		}

		return p.write(ctx, plan)
	})
	if err != nil {
		return nil, fmt.Errorf("plan withdrawals of %s: %w", instrument, err)
	}

	return p.jobs, nil
}

type planner struct {
	db         *DB
	tx         pgx.Tx
	treasury   int32
	party      ident.Party
	instrument ident.Instrument
	number     int32
	now        time.Time
	limits     TurnLimits
	jobs       []Job
}

func (p *planner) read(ctx context.Context, ledgerTime time.Time) (Turn, error) {
	rows, err := p.db.queries.WithdrawalListWaiting(ctx, p.tx, dbsqlc.WithdrawalListWaitingParams{
		TreasuryID: p.treasury, InstrumentNo: p.number, Now: &p.now, Most: integer(p.limits.Waiting),
	})
	if err != nil {
		return Turn{}, fmt.Errorf("list waiting withdrawals: %w", err)
	}

	turn := Turn{Waiting: make([]WaitingWithdrawal, len(rows)), More: len(rows) == p.limits.Waiting}
	amounts := make([]amount.Amount, len(rows))

	for i, row := range rows {
		amounts[i] = row.Amount
		turn.Waiting[i] = WaitingWithdrawal{ID: row.WithdrawalID, Returned: row.Returned, Waiting: utxo.Waiting{
			Amount: row.Amount, Since: orZeroTime(row.RequestedAt), Overtaken: int(row.Overtaken), Merging: row.Merging,
		}}
	}

	if turn.Holdings, turn.Partial, err = p.pool(ctx, ledgerTime, amounts); err != nil {
		return Turn{}, err
	}

	coming, err := p.db.queries.WithdrawalCountComing(ctx, p.tx, dbsqlc.WithdrawalCountComingParams{
		TreasuryID: p.treasury, InstrumentNo: p.number,
	})
	if err != nil {
		return Turn{}, fmt.Errorf("count internal transfers: %w", err)
	}

	turn.Coming = int(coming)
	turn.Barrier, err = p.db.paymentBarrier(ctx, p.tx, TreasuryID(p.treasury), p.now)

	return turn, err
}

// pool reads the holdings, or a part of them that will do.
func (p *planner) pool(
	ctx context.Context, ledgerTime time.Time, amounts []amount.Amount,
) (list []utxo.Holding, partial bool, err error) {
	// Holdings that cannot be spent only explain why something cannot be paid, which is rarely asked.
	held := max(1, p.limits.Holdings/spendablePerHeld)

	rows, err := p.db.queries.HoldingListPool(ctx, p.tx, dbsqlc.HoldingListPoolParams{
		TreasuryID: p.treasury, InstrumentNo: p.number, At: &ledgerTime, Most: integer(p.limits.Holdings), Amounts: amounts,
		MostHeld: integer(held),
	})
	if err != nil {
		return nil, false, fmt.Errorf("list holdings: %w", err)
	}

	list = make([]utxo.Holding, len(rows))
	free, locked, reserved := 0, 0, 0

	for i, row := range rows {
		h := utxo.Holding{
			Contract: row.ContractID, Instrument: p.instrument, Synchronizer: row.SynchronizerID, Amount: row.Amount,
			InFlight: row.InFlight, Locked: row.Locked, LockEnds: orZeroTime(row.LockExpiresAt),
			Reserved: row.Reserved, ReservedUntil: orZeroTime(row.ReservedUntil),
		}

		switch {
		case h.Reserved:
			reserved++
		case h.Locked && !h.LockEnds.Before(ledgerTime):
			locked++
		default:
			free++
		}

		list[i] = h
	}

	return list, free >= p.limits.Holdings || max(locked, reserved) >= held, nil
}

func (p *planner) write(ctx context.Context, plan Plan) error {
	jobs := make(map[string]Job, len(plan.Payments)+len(plan.Internal))

	if err := p.reserve(ctx, plan.Payments, jobs); err != nil {
		return err
	}

	payments := plan.Payments

	for _, t := range plan.Internal {
		row, err := p.db.queries.WithdrawalInsertInternal(ctx, p.tx, dbsqlc.WithdrawalInsertInternalParams{
			TreasuryID: p.treasury, WithdrawalID: t.ID, InstrumentNo: p.number, Amount: t.Amount, Receiver: p.party, Now: &p.now,
			Purpose: new(t.Purpose.String()), Serves: optionalText(t.Serves), LeaseUntil: &p.limits.LeaseUntil,
		})
		if err != nil {
			return fmt.Errorf("add internal transfer: %w", err)
		}

		jobs[t.ID] = jobOf(dbsqlc.WithdrawalClaimRow(row), p.instrument)
		payments = append(payments, t)
	}

	if err := p.attempts(ctx, payments, jobs); err != nil {
		return err
	}

	return p.tell(ctx, plan.Notes)
}

// reserve moves the withdrawals on. All of them must have been waiting still: the treasury is locked, but a customer
// may have cancelled one.
func (p *planner) reserve(ctx context.Context, payments []Payment, jobs map[string]Job) error {
	if len(payments) == 0 {
		return nil
	}

	ids := make([]string, len(payments))
	for i, payment := range payments {
		ids[i] = payment.ID
	}

	rows, err := p.db.queries.WithdrawalReserve(ctx, p.tx, dbsqlc.WithdrawalReserveParams{
		TreasuryID: p.treasury, WithdrawalIds: ids, Now: &p.now, LeaseUntil: &p.limits.LeaseUntil,
	})
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}

	for _, row := range rows {
		jobs[row.WithdrawalID] = jobOf(dbsqlc.WithdrawalClaimRow(row), p.instrument)
	}

	return nil
}

func (p *planner) attempts(ctx context.Context, payments []Payment, jobs map[string]Job) error {
	var (
		attempts     []dbsqlc.AttemptInsertParams
		reservations []dbsqlc.ReservationInsertParams
	)

	for _, payment := range payments {
		job, ok := jobs[payment.ID]
		if !ok {
			continue // cancelled meanwhile
		}

		job.Live = &Attempt{
			Kind: Pay, Inputs: payment.Inputs, Total: payment.Total, Synchronizer: payment.Synchronizer, Target: payment.Target,
		}
		p.jobs = append(p.jobs, job)

		attempts = append(attempts, dbsqlc.AttemptInsertParams{
			TreasuryID: p.treasury, WithdrawalID: job.ID, Attempt: integer(job.Attempt), Kind: string(Pay),
			Inputs: texts(payment.Inputs), InputTotal: payment.Total, SynchronizerID: payment.Synchronizer,
			TargetRecordTime: payment.Target, CreatedAt: p.now,
		})

		for _, id := range payment.Inputs {
			reservations = append(reservations, dbsqlc.ReservationInsertParams{
				TreasuryID: p.treasury, ContractID: id, WithdrawalID: job.ID, Attempt: integer(job.Attempt),
			})
		}
	}

	if len(attempts) == 0 {
		return nil
	}

	if _, err := p.db.queries.AttemptInsert(ctx, p.tx, attempts); err != nil {
		return fmt.Errorf("store attempts: %w", err)
	}

	if _, err := p.db.queries.ReservationInsert(ctx, p.tx, reservations); err != nil {
		if isUnique(err, "a_holding_is_reserved_once") {
			return fmt.Errorf("store reservations: %w: %w", ErrReservedTwice, err)
		}

		return fmt.Errorf("store reservations: %w", err)
	}

	return nil
}

func (p *planner) tell(ctx context.Context, notes []WaitingNote) error {
	if len(notes) == 0 {
		return nil
	}

	params := dbsqlc.WithdrawalTellWaitingParams{TreasuryID: p.treasury}

	for _, n := range notes {
		params.WithdrawalIds = append(params.WithdrawalIds, n.ID)
		params.Waiting = append(params.Waiting, string(n.Reason))
		params.Details = append(params.Details, n.Detail)
		params.Overtaken = append(params.Overtaken, integer(n.Overtaken))

		params.NextAts = append(params.NextAts, n.NextAt)
	}

	if err := p.db.queries.WithdrawalTellWaiting(ctx, p.tx, params); err != nil {
		return fmt.Errorf("say why withdrawals wait: %w", err)
	}

	return nil
}

// WaitingInstruments are those of some tokens of which a withdrawal is to be looked at.
func (db *DB) WaitingInstruments(
	ctx context.Context, treasury TreasuryID, among []ident.Instrument, now time.Time,
) (map[ident.Instrument]bool, error) {
	numbers := make([]int32, len(among))

	for i, instrument := range among {
		var err error
		if numbers[i], err = db.instrumentNumber(ctx, instrument); err != nil {
			return nil, err
		}
	}

	found, err := db.queries.WithdrawalListWaitingInstruments(ctx, db.exec,
		dbsqlc.WithdrawalListWaitingInstrumentsParams{TreasuryID: int32(treasury), InstrumentNos: numbers, Now: &now})
	if err != nil {
		return nil, fmt.Errorf("list tokens of waiting withdrawals: %w", err)
	}

	waiting := make(map[ident.Instrument]bool, len(found))
	for _, number := range found {
		waiting[among[slices.Index(numbers, number)]] = true
	}

	return waiting, nil
}

// PutOffWithdrawal has a withdrawal wait, longer each time, because the merge that it needs could not be made.
func (db *DB) PutOffWithdrawal(
	ctx context.Context, treasury TreasuryID, id string, reason withdrawal.Reason, now time.Time,
) error {
	err := db.queries.WithdrawalPutOff(ctx, db.exec, dbsqlc.WithdrawalPutOffParams{
		TreasuryID: int32(treasury), WithdrawalID: id, Waiting: string(reason), Now: now,
	})

	return wrap("put off withdrawal "+id, err)
}

// instrumentNumber is the short number of a token that the database knows.
func (db *DB) instrumentNumber(ctx context.Context, i ident.Instrument) (int32, error) {
	if no, ok := db.instruments.number(i); ok {
		return no, nil
	}

	no, err := db.queries.InstrumentFind(ctx, db.exec, dbsqlc.InstrumentFindParams{Admin: i.Admin, InstrumentID: i.ID})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("instrument %s: %w", i, ErrNotFound)
	}

	if err != nil {
		return 0, fmt.Errorf("find instrument %s: %w", i, err)
	}

	if !db.instruments.full() {
		db.instruments.put(i, no)
	}

	return no, nil
}

func orZeroTime(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}

	return *t
}
