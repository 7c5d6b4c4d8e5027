package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/update"
)

// ErrBodyGone means that a raw update was deleted by its retention, so that nothing can be derived from it again.
var ErrBodyGone = errors.New("the raw update is no longer stored")

// scratchSchema is where a rebuild happens; it lives only inside its transaction.
const scratchSchema = "ces_rebuild"

// derivedTables are made from the raw updates, from what was decided about deposits, and from what was requested. What
// workers keep is not among them: reservations and attempts stay as they are.
func derivedTables() []string {
	return []string{
		"holdings", "transfers", "transfer_instructions", "unrecognized", "deposits", "withdrawals", "postings",
	}
}

// TableDifference says how a rebuilt table differs from the one in use.
type TableDifference struct {
	Table string
	// OnlyRebuilt and OnlyStored count rows; both are 0 where the rebuild gave the same rows.
	OnlyRebuilt, OnlyStored int
}

// StoredUpdate is an update as it was ingested.
type StoredUpdate struct {
	No     int64
	ID     ident.UpdateID
	Kind   update.Kind
	Offset ident.Offset
	Body   []byte
}

// StoredUpdates lists the updates after a number, with their raw bodies; ErrBodyGone if one is missing.
func (db *DB) StoredUpdates(ctx context.Context, treasury TreasuryID, after int64, most int) ([]StoredUpdate, error) {
	rows, err := db.queries.UpdateListBodies(ctx, db.exec, dbsqlc.UpdateListBodiesParams{
		TreasuryID: int32(treasury), AfterNo: after, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("list raw updates: %w", err)
	}

	updates := make([]StoredUpdate, len(rows))

	for i, row := range rows {
		if row.Body == nil {
			return nil, fmt.Errorf("update %s, number %d: %w", row.UpdateID, row.UpdateNo, ErrBodyGone)
		}

		updates[i] = StoredUpdate{
			No: row.UpdateNo, ID: row.UpdateID, Kind: update.Kind(row.Kind), Offset: row.LedgerOffset, Body: row.Body,
		}
	}

	return updates, nil
}

// Rebuild derives a treasury's tables anew into empty copies, compares them with the ones in use and, if replace is
// set, puts them in their place with the given derivation version. Then the treasury's writer waits meanwhile, and
// whoever requests, works on or cancels a withdrawal, or decides about a deposit, of any treasury; readers do not.
// Without replace nobody waits. derive is given a database that reads and writes the copies.
func (db *DB) Rebuild(
	ctx context.Context, treasury TreasuryID, derivation int, replace bool, derive func(scratch *DB) error,
) ([]TableDifference, error) {
	var differences []TableDifference

	err := db.inTx(ctx, func(tx pgx.Tx) error {
		if err := db.holdStill(ctx, tx, treasury, replace); err != nil {
			return err
		}

		if err := prepareScratch(ctx, tx, int32(treasury)); err != nil {
			return err
		}

		scratch, err := db.scratch(ctx, tx)
		if err != nil {
			return err
		}

		if err := derive(scratch); err != nil {
			return err
		}

		if err := leaveScratch(ctx, tx, int32(treasury)); err != nil {
			return err
		}

		if differences, err = compareScratch(ctx, tx, int32(treasury)); err != nil {
			return err
		}

		if replace {
			if err := replaceDerived(ctx, tx, int32(treasury)); err != nil {
				return err
			}

			// A deposit that the earlier derivation did not see waits for somebody too.
			if err := db.queries.CaseOpenMissing(ctx, tx, int32(treasury)); err != nil {
				return fmt.Errorf("open cases of deposits: %w", err)
			}

			p := dbsqlc.CursorSetDerivationParams{TreasuryID: int32(treasury), DerivationVersion: integer(derivation)}
			if err := db.queries.CursorSetDerivation(ctx, tx, p); err != nil {
				return fmt.Errorf("set derivation version: %w", err)
			}
		}

		if _, err := tx.Exec(ctx, "DROP SCHEMA "+scratchSchema+" CASCADE"); err != nil {
			return fmt.Errorf("drop scratch schema: %w", err)
		}

		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("rebuild treasury %d: %w", treasury, err)
	}

	return differences, nil
}

// holdStill makes the transaction see the treasury as it is now until it ends. To compare, one moment will do. To
// replace, nothing may change: rows are put in the place of others, and a change that came between would be lost.
// Readers who mean to change what they read wait as well: with no more than a lock against writing, one of them would
// hold a row that the rebuild waits for, and wait for the rebuild.
func (db *DB) holdStill(ctx context.Context, tx pgx.Tx, treasury TreasuryID, replace bool) error {
	if !replace {
		if _, err := tx.Exec(ctx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
			return fmt.Errorf("see one moment: %w", err)
		}

		return nil
	}

	if _, err := db.queries.CursorLock(ctx, tx, int32(treasury)); err != nil {
		return fmt.Errorf("lock cursor: %w", err)
	}

	if _, err := tx.Exec(ctx, "LOCK TABLE withdrawals, deposit_cases IN EXCLUSIVE MODE"); err != nil {
		return fmt.Errorf("lock withdrawals and cases of deposits: %w", err)
	}

	return nil
}

// scratch is a database that works in the transaction. Its cache is its own: if the transaction is rolled back, so are
// the numbers that it gave to new instruments. It knows those that have one, because to ask for them would lock them.
func (db *DB) scratch(ctx context.Context, tx pgx.Tx) (*DB, error) {
	s := &DB{pool: db.pool, exec: tx, queries: db.queries, instruments: newInstrumentCache()}

	rows, err := db.queries.InstrumentAll(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("list instruments: %w", err)
	}

	for _, row := range rows[:min(len(rows), maxCachedInstruments)] {
		s.instruments.put(ident.Instrument{Admin: row.Admin, ID: row.InstrumentID}, row.InstrumentNo)
	}

	return s, nil
}

// ApplyDerived stores what was derived from updates that are in the database already.
func (db *DB) ApplyDerived(ctx context.Context, b Batch) error {
	rows, err := db.rowsOf(b)
	if err != nil {
		return err
	}

	rows.again = true

	return db.inTx(ctx, func(tx pgx.Tx) error { return db.writeDerived(ctx, tx, rows) })
}

// resetWithdrawals takes back what history told of withdrawals: offers of the opening snapshot are open again, and a
// request that history had met is as it was when it was submitted, or requested if it still wants approval: the
// database was put back to before that was given. A request that history had not met stays as it is. Should the rebuilt
// history not meet one again, no worker will look at it (next_at is null): whether it was paid is then a question for a
// person.
const resetWithdrawals = `
	UPDATE withdrawals SET
		state = CASE WHEN offered_no = 0 THEN 'offered' WHEN approval = 'wanted' THEN 'requested' ELSE 'submitted' END,
		reason = '',
		correlation_id = CASE WHEN offered_no = 0 THEN correlation_id END,
		offered_no = nullif(offered_no, greatest(offered_no, 1)),
		settled_no = NULL,
		waiting = '', next_at = NULL, lease_until = NULL
	WHERE treasury_id = $1 AND (offered_no IS NOT NULL OR settled_no IS NOT NULL)`

// keepNotes gives withdrawals that are in the state in which they were what workers had noted of them since.
const keepNotes = `
	UPDATE withdrawals r SET waiting = w.waiting, next_at = w.next_at, lease_until = w.lease_until
	FROM public.withdrawals w
	WHERE w.treasury_id = $1 AND (r.treasury_id, r.withdrawal_id) = (w.treasury_id, w.withdrawal_id) AND r.state = w.state`

// prepareScratch makes empty copies of the derived tables and puts in what no stored update tells: the opening snapshot
// as it was, the withdrawals that were requested, as they were before history met them, and the money that was set
// aside for them and given back without history.
func prepareScratch(ctx context.Context, tx pgx.Tx, treasury int32) error {
	statements := []string{"CREATE SCHEMA " + scratchSchema}
	for _, table := range derivedTables() {
		statements = append(statements,
			fmt.Sprintf("CREATE TABLE %s.%s (LIKE public.%s INCLUDING ALL)", scratchSchema, table, table))
	}

	for _, s := range append(statements, "SET LOCAL search_path = "+scratchSchema+", public") {
		if _, err := tx.Exec(ctx, s); err != nil {
			return fmt.Errorf("prepare scratch tables: %w", err)
		}
	}

	for _, s := range []string{
		`INSERT INTO holdings SELECT * FROM public.holdings WHERE treasury_id = $1 AND created_no = 0`,
		`UPDATE holdings SET archived_no = NULL, archived_node = NULL WHERE treasury_id = $1`,
		`INSERT INTO transfer_instructions
			SELECT * FROM public.transfer_instructions WHERE treasury_id = $1 AND opened_no = 0`,
		`UPDATE transfer_instructions SET closed_no = NULL, closed_node = NULL, outcome = NULL, next_id = NULL
			WHERE treasury_id = $1`,
		`INSERT INTO transfers SELECT * FROM public.transfers WHERE treasury_id = $1 AND update_no = 0`,
		`INSERT INTO unrecognized SELECT * FROM public.unrecognized WHERE treasury_id = $1 AND update_no = 0`,
		`INSERT INTO postings SELECT * FROM public.postings
			WHERE treasury_id = $1 AND (origin IN ('request', 'return', 'case') OR origin_no = 0)`,
		`INSERT INTO deposits SELECT * FROM public.deposits WHERE treasury_id = $1 AND offered_no = 0`,
		`UPDATE deposits SET state = 'offered', reason = '', settled_no = NULL, settled_node = NULL, settled_leg = NULL
			WHERE treasury_id = $1`,
		`INSERT INTO withdrawals
			SELECT * FROM public.withdrawals WHERE treasury_id = $1 AND (origin <> 'recovered' OR offered_no = 0)`,
		resetWithdrawals,
	} {
		if _, err := tx.Exec(ctx, s, treasury); err != nil {
			return fmt.Errorf("fill scratch tables: %w", err)
		}
	}

	return nil
}

// leaveScratch ends the work in the copies.
func leaveScratch(ctx context.Context, tx pgx.Tx, treasury int32) error {
	if _, err := tx.Exec(ctx, keepNotes, treasury); err != nil {
		return fmt.Errorf("keep what workers noted: %w", err)
	}

	if _, err := tx.Exec(ctx, "SET LOCAL search_path = public"); err != nil {
		return fmt.Errorf("leave scratch schema: %w", err)
	}

	return nil
}

func compareScratch(ctx context.Context, tx pgx.Tx, treasury int32) ([]TableDifference, error) {
	var out []TableDifference

	for _, table := range derivedTables() {
		d := TableDifference{Table: table}
		rebuilt := fmt.Sprintf("TABLE %s.%s", scratchSchema, table)
		//nolint:unqueryvet // a copy has its original's columns, whatever they are
		stored := fmt.Sprintf("SELECT * FROM public.%s WHERE treasury_id = $1", table)
		query := fmt.Sprintf(`SELECT
			(SELECT count(*) FROM (%[1]s EXCEPT ALL %[2]s) AS a),
			(SELECT count(*) FROM (%[2]s EXCEPT ALL %[1]s) AS b)`, rebuilt, stored)

		if err := tx.QueryRow(ctx, query, treasury).Scan(&d.OnlyRebuilt, &d.OnlyStored); err != nil {
			return nil, fmt.Errorf("compare %s: %w", table, err)
		}

		out = append(out, d)
	}

	return out, nil
}

// replaceDerived puts the rebuilt rows in place. Postings are inserted last, after the balances were emptied: the
// trigger sums them up again.
func replaceDerived(ctx context.Context, tx pgx.Tx, treasury int32) error {
	// The books are written once, and withdrawals are admitted when they are requested; this is the one exception, and the
	// database knows it by this setting.
	if _, err := tx.Exec(ctx, "SET LOCAL ces.rebuild = 'on'"); err != nil {
		return fmt.Errorf("announce rebuild: %w", err)
	}

	if _, err := tx.Exec(ctx, "DELETE FROM balances WHERE treasury_id = $1", treasury); err != nil {
		return fmt.Errorf("empty balances: %w", err)
	}

	for _, table := range derivedTables() {
		if _, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM public.%s WHERE treasury_id = $1", table), treasury); err != nil {
			return fmt.Errorf("empty %s: %w", table, err)
		}

		fill := fmt.Sprintf("INSERT INTO public.%[1]s TABLE %[2]s.%[1]s", table, scratchSchema)
		if _, err := tx.Exec(ctx, fill); err != nil {
			return fmt.Errorf("replace %s: %w", table, err)
		}
	}

	return nil
}
