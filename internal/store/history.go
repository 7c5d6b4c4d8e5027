package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// ErrKnownUpdate means that a batch holds an update that is in the database already. After a change of node this is
// expected, once: the new node's stream overlaps with what the old one told.
var ErrKnownUpdate = errors.New("an update of the batch is ingested already")

// Record is one update with all that follows from it.
type Record struct {
	No      int64
	Update  update.Update
	Raw     []byte
	Effects txhistory.Effects
	Moves   []ContractMove
	Entries books.Entries
	// Evidence is the raw event of every Effects.Unrecognized, in the same order.
	Evidence [][]byte
}

// ContractMove is one half of a contract's way to another synchronizer.
type ContractMove struct {
	Contract ident.ContractID
	// Synchronizer is where it arrived, or what it left.
	Synchronizer ident.SynchronizerID
	Arrived      bool
	// Counter orders the reassignments of a contract.
	Counter int64
}

// Batch is a run of consecutive updates that is stored as a whole or not at all.
type Batch struct {
	Treasury TreasuryID
	Party    ident.Party
	// Epoch is the writer's; a batch of a fenced writer changes nothing.
	Epoch    int64
	From, To Position
	// LastID is the id of the last stored update, in this batch or before.
	LastID  ident.UpdateID
	Clocks  []Clock
	Records []Record
	Now     time.Time
}

// Apply stores a batch in one database transaction, cursor included.
//
// It returns ErrFenced if another writer has moved the cursor, ErrKnownUpdate if an update is in the database
// already, and ErrContradiction if the database disagrees about what exists; in each case nothing is stored.
func (db *DB) Apply(ctx context.Context, b Batch) error {
	rows, err := db.rowsOf(b)
	if err != nil {
		return err
	}

	return db.inTx(ctx, func(tx pgx.Tx) error {
		moved, err := db.queries.CursorAdvance(ctx, tx, dbsqlc.CursorAdvanceParams{
			TreasuryID: int32(b.Treasury), Epoch: b.Epoch, FromOffset: b.From.Offset, FromNo: b.From.No,
			ToOffset: b.To.Offset, ToNo: b.To.No, LastUpdateID: b.LastID, Now: b.Now,
		})
		if err != nil {
			return fmt.Errorf("advance cursor: %w", err)
		}

		if moved != 1 {
			return fmt.Errorf("advance cursor from offset %d: %w", b.From.Offset, ErrFenced)
		}

		if err := db.writeClocks(ctx, tx, b); err != nil {
			return err
		}

		if err := db.writeUpdates(ctx, tx, rows); err != nil {
			return err
		}

		if err := db.writeDerived(ctx, tx, rows); err != nil {
			return err
		}

		return db.writeEvents(ctx, tx, rows)
	})
}

// KnownUpdates says which of the ids are in the database already.
func (db *DB) KnownUpdates(
	ctx context.Context, treasury TreasuryID, ids []ident.UpdateID,
) (map[ident.UpdateID]bool, error) {
	found, err := db.queries.UpdateKnown(ctx, db.exec, dbsqlc.UpdateKnownParams{
		TreasuryID: int32(treasury), UpdateIds: sendable(texts(ids)),
	})
	if err != nil {
		return nil, fmt.Errorf("look up updates: %w", err)
	}

	known := make(map[ident.UpdateID]bool, len(found))
	for _, id := range found {
		known[id] = true
	}

	return known, nil
}

func (db *DB) writeClocks(ctx context.Context, tx pgx.Tx, b Batch) error {
	if len(b.Clocks) == 0 {
		return nil
	}

	p := dbsqlc.ClockAdvanceParams{TreasuryID: int32(b.Treasury), LedgerOffset: b.To.Offset}
	for _, c := range b.Clocks {
		p.SynchronizerIds = append(p.SynchronizerIds, string(c.Synchronizer))
		p.RecordTimes = append(p.RecordTimes, c.RecordTime)
	}

	if err := db.queries.ClockAdvance(ctx, tx, p); err != nil {
		return fmt.Errorf("advance synchronizer clocks: %w", err)
	}

	return nil
}

func (db *DB) writeUpdates(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.updates) == 0 {
		return nil
	}

	if _, err := db.queries.UpdateInsert(ctx, tx, r.updates); err != nil {
		if isUnique(err, "ledger_updates_treasury_id_update_id_key") {
			return fmt.Errorf("store updates: %w: %w", ErrKnownUpdate, err)
		}

		return fmt.Errorf("store updates: %w", err)
	}

	if _, err := db.queries.UpdateBodyInsert(ctx, tx, r.bodies); err != nil {
		return fmt.Errorf("store raw updates: %w", err)
	}

	return nil
}

// writeDerived stores what was derived from the updates: insertions first, then what ends an earlier row, which may
// be one that was inserted a moment ago.
func (db *DB) writeDerived(ctx context.Context, tx pgx.Tx, r *rows) error {
	for _, write := range []func(context.Context, pgx.Tx, *rows) error{
		db.writeHoldings, db.writeTransfers, db.writeInstructions, db.writeUnrecognized,
		db.writeDeposits, db.writeWithdrawals, db.writePostings,
	} {
		if err := write(ctx, tx, r); err != nil {
			return err
		}
	}

	return nil
}

func (db *DB) writeHoldings(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.holdings) > 0 {
		if _, err := db.queries.HoldingInsert(ctx, tx, r.holdings); err != nil {
			return fmt.Errorf("store holdings: %w", err)
		}
	}

	if n := len(r.archives.ContractIds); n > 0 {
		changed, err := db.queries.HoldingArchive(ctx, tx, r.archives)
		if err := allChanged("archive holdings", changed, n, err); err != nil {
			return err
		}
	}

	if moves := r.holdingMoves; len(moves.ContractIds) > 0 {
		if _, err := db.queries.HoldingMove(ctx, tx, moves); err != nil {
			return fmt.Errorf("move holdings: %w", err)
		}

		p := dbsqlc.InstructionMoveParams{
			TreasuryID: moves.TreasuryID, ContractIds: moves.ContractIds,
			SynchronizerIds: moves.SynchronizerIds, Arrived: moves.Arrived,
		}
		if _, err := db.queries.InstructionMove(ctx, tx, p); err != nil {
			return fmt.Errorf("move instructions: %w", err)
		}
	}

	return nil
}

func (db *DB) writeTransfers(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.transfers) == 0 {
		return nil
	}

	if _, err := db.queries.TransferInsert(ctx, tx, r.transfers); err != nil {
		return fmt.Errorf("store transfers: %w", err)
	}

	return nil
}

func (db *DB) writeInstructions(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.instructions) > 0 {
		if _, err := db.queries.InstructionInsert(ctx, tx, r.instructions); err != nil {
			return fmt.Errorf("store instructions: %w", err)
		}
	}

	if n := len(r.closures.ContractIds); n > 0 {
		changed, err := db.queries.InstructionClose(ctx, tx, r.closures)

		return allChanged("close instructions", changed, n, err)
	}

	return nil
}

func (db *DB) writeUnrecognized(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.unrecognized) == 0 {
		return nil
	}

	if _, err := db.queries.UnrecognizedInsert(ctx, tx, r.unrecognized); err != nil {
		return fmt.Errorf("store unrecognized events: %w", err)
	}

	return nil
}

func (db *DB) writeDeposits(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.deposits) > 0 {
		if _, err := db.queries.DepositInsert(ctx, tx, r.deposits); err != nil {
			return fmt.Errorf("store deposits: %w", err)
		}
	}

	if n := len(r.settlements.CorrelationIds); n > 0 {
		changed, err := db.queries.DepositSettle(ctx, tx, r.settlements)
		if err := allChanged("settle deposits", changed, n, err); err != nil {
			return err
		}
	}

	if r.again { // verdicts and cases are no part of what history says
		return nil
	}

	if err := db.writeVerdicts(ctx, tx, r); err != nil {
		return err
	}

	return db.writeCases(ctx, tx, r)
}

// writeCases begins a case for every deposit that arrived in the batch and was not credited.
func (db *DB) writeCases(ctx context.Context, tx pgx.Tx, r *rows) error {
	waits := func(state string) bool {
		return state == string(books.Held) || state == string(books.Unattributed)
	}

	p := dbsqlc.CaseOpenParams{TreasuryID: r.treasury, Now: r.now}

	for _, d := range r.deposits {
		if waits(d.State) {
			p.DepositIds = append(p.DepositIds, d.DepositID)
		}
	}

	for i, state := range r.settlements.States {
		if waits(state) {
			p.CorrelationIds = append(p.CorrelationIds, r.settlements.CorrelationIds[i])
		}
	}

	if len(p.DepositIds)+len(p.CorrelationIds) == 0 {
		return nil
	}

	if err := db.queries.CaseOpen(ctx, tx, p); err != nil {
		return fmt.Errorf("open cases of deposits: %w", err)
	}

	return nil
}

// writeVerdicts opens a verdict, undecided, with every offer that is open after the batch, and closes those of offers
// that were open before it.
func (db *DB) writeVerdicts(ctx context.Context, tx pgx.Tx, r *rows) error {
	var opened []dbsqlc.VerdictOpenParams

	for _, d := range r.deposits {
		if d.State == string(books.Offered) {
			opened = append(opened, dbsqlc.VerdictOpenParams{
				TreasuryID: r.treasury, DepositID: d.DepositID, InstrumentNo: d.InstrumentNo, Sender: d.Sender,
				MemoKey: memo.Key(orEmpty(d.Memo)), DecidedAt: r.now,
			})
		}
	}

	if len(opened) > 0 {
		if _, err := db.queries.VerdictOpen(ctx, tx, opened); err != nil {
			return fmt.Errorf("open verdicts: %w", err)
		}
	}

	if len(r.settlements.CorrelationIds) == 0 {
		return nil
	}

	err := db.queries.VerdictClose(ctx, tx, dbsqlc.VerdictCloseParams{
		TreasuryID: r.treasury, CorrelationIds: r.settlements.CorrelationIds,
	})
	if err != nil {
		return fmt.Errorf("close verdicts: %w", err)
	}

	return nil
}

func (db *DB) writeWithdrawals(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.recovered) > 0 {
		if _, err := db.queries.WithdrawalInsertRecovered(ctx, tx, r.recovered); err != nil {
			return fmt.Errorf("store recovered withdrawals: %w", err)
		}
	}

	n := len(r.advances.WithdrawalIds)
	if n == 0 {
		return nil
	}

	changed, err := db.queries.WithdrawalAdvance(ctx, tx, r.advances)
	if err := allChanged("advance withdrawals", changed, n, err); err != nil || r.again {
		return err
	}

	return db.endAttempts(ctx, tx, r)
}

// endAttempts takes the work on withdrawals that history has advanced from the workers: what an attempt was to bring
// about is there or never will be, and its holdings are free.
func (db *DB) endAttempts(ctx context.Context, tx pgx.Tx, r *rows) error {
	err := db.queries.WithdrawalEndAttempts(ctx, tx, dbsqlc.WithdrawalEndAttemptsParams{
		TreasuryID: r.treasury, Now: &r.now, WithdrawalIds: r.advances.WithdrawalIds, Reasons: r.advances.Reasons,
	})
	if err != nil {
		return fmt.Errorf("end attempts of withdrawals: %w", err)
	}

	err = db.queries.WithdrawalReleaseHoldings(ctx, tx, dbsqlc.WithdrawalReleaseHoldingsParams{
		TreasuryID: r.treasury, WithdrawalIds: r.advances.WithdrawalIds,
	})
	if err != nil {
		return fmt.Errorf("release holdings of withdrawals: %w", err)
	}

	return nil
}

func (db *DB) writePostings(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.postings) == 0 {
		return nil
	}

	if _, err := db.queries.PostingInsert(ctx, tx, r.postings); err != nil {
		return fmt.Errorf("store postings: %w", err)
	}

	return nil
}

func (db *DB) writeEvents(ctx context.Context, tx pgx.Tx, r *rows) error {
	if len(r.events) == 0 {
		return nil
	}

	if _, err := db.queries.EventInsert(ctx, tx, r.events); err != nil {
		return fmt.Errorf("store events: %w", err)
	}

	return nil
}

// allChanged turns a guarded update that found fewer rows than it names into ErrContradiction.
func allChanged(what string, changed int64, want int, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}

	if changed != int64(want) {
		return fmt.Errorf("%s: %d of %d rows were in the expected state: %w", what, changed, want, ErrContradiction)
	}

	return nil
}
