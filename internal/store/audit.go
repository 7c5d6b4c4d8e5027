package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// Audit is a treasury at one moment, all of it as of the same cursor.
type Audit struct {
	Cursor       Cursor
	Holdings     []HeldContract
	Instructions []OpenContract
	// Postings are the sums of all postings, Balances what the table of balances says.
	Postings, Balances []AccountTotal
	// Credited are the sums of credited deposits per account, Credits the sums of what the ledger's updates posted to
	// customers.
	Credited, Credits []AccountTotal
	Withdrawals       WithdrawalAudit
	Cases             CaseAudit
}

// HeldContract is an active holding.
type HeldContract struct {
	Contract   ident.ContractID
	Instrument ident.Instrument
	Amount     amount.Amount
	Locked     bool
	// LockEnds is nil for a lock that does not end by itself.
	LockEnds     *time.Time
	Synchronizer ident.SynchronizerID
	InFlight     bool
}

// OpenContract is an open transfer instruction.
type OpenContract struct {
	Contract      ident.ContractID
	Sender        ident.Party
	Receiver      ident.Party
	Instrument    ident.Instrument
	Amount        amount.Amount
	ExecuteBefore time.Time
	// Memo is as the database keeps it.
	Memo           *string
	AwaitsReceiver bool
}

// AccountTotal is what an account has of a token.
type AccountTotal struct {
	Kind       books.AccountKind
	Account    string
	Instrument ident.Instrument
	Amount     amount.Total
}

// auditPage is how many rows are read at once.
const auditPage = 10_000

// ReadAudit reads a treasury in one read-only transaction that sees a single moment.
func (db *DB) ReadAudit(ctx context.Context, treasury TreasuryID) (Audit, error) {
	var a Audit

	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

	err := pgx.BeginTxFunc(ctx, db.pool, options, func(tx pgx.Tx) error {
		row, err := db.queries.CursorFind(ctx, tx, int32(treasury))
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("treasury %d has not been ingested: %w", treasury, ErrNotFound)
		}

		if err != nil {
			return fmt.Errorf("read cursor: %w", err)
		}

		a.Cursor = cursorOf(row)

		instruments, err := db.allInstruments(ctx, tx)
		if err != nil {
			return err
		}

		return db.fillAudit(ctx, tx, int32(treasury), instruments, &a)
	})
	if err != nil {
		return Audit{}, fmt.Errorf("read treasury for reconciliation: %w", err)
	}

	return a, nil
}

func (db *DB) allInstruments(ctx context.Context, tx pgx.Tx) (map[int32]ident.Instrument, error) {
	rows, err := db.queries.InstrumentAll(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("list instruments: %w", err)
	}

	instruments := make(map[int32]ident.Instrument, len(rows))
	for _, row := range rows {
		instruments[row.InstrumentNo] = ident.Instrument{Admin: row.Admin, ID: row.InstrumentID}
	}

	return instruments, nil
}

func (db *DB) fillAudit(
	ctx context.Context, tx pgx.Tx, treasury int32, instruments map[int32]ident.Instrument, a *Audit,
) error {
	page := dbsqlc.HoldingListAllActiveParams{TreasuryID: treasury, Most: auditPage}

	for {
		rows, err := db.queries.HoldingListAllActive(ctx, tx, page)
		if err != nil {
			return fmt.Errorf("list holdings: %w", err)
		}

		for _, row := range rows {
			a.Holdings = append(a.Holdings, HeldContract{
				Contract: row.ContractID, Instrument: instruments[row.InstrumentNo], Amount: row.Amount,
				Locked: row.LockHolders != nil, LockEnds: row.LockExpiresAt,
				Synchronizer: row.SynchronizerID, InFlight: row.InFlight,
			})
			page.AfterID = row.ContractID
		}

		if len(rows) < auditPage {
			break
		}
	}

	if err := db.fillInstructions(ctx, tx, treasury, instruments, a); err != nil {
		return err
	}

	if err := db.fillAccountTotals(ctx, tx, treasury, instruments, a); err != nil {
		return err
	}

	if err := db.fillWithdrawalAudit(ctx, tx, treasury, instruments, &a.Withdrawals); err != nil {
		return err
	}

	return db.fillCaseAudit(ctx, tx, treasury, instruments, &a.Cases)
}

// accountRow is a sum as the queries give it.
type accountRow struct {
	kind, account string
	instrument    int32
	total         string
}

func (db *DB) fillAccountTotals(
	ctx context.Context, tx pgx.Tx, treasury int32, instruments map[int32]ident.Instrument, a *Audit,
) error {
	postings, err := db.queries.PostingTotals(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("sum postings: %w", err)
	}

	credited, err := db.queries.DepositCreditedTotals(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("sum credited deposits: %w", err)
	}

	credits, err := db.queries.PostingCreditTotals(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("sum credits: %w", err)
	}

	for _, sum := range []struct {
		to   *[]AccountTotal
		rows []accountRow
	}{
		{&a.Postings, mapped(postings, func(r dbsqlc.PostingTotalsRow) accountRow {
			return accountRow{r.AccountKind, r.Account, r.InstrumentNo, r.Total}
		})},
		{&a.Credited, mapped(credited, func(r dbsqlc.DepositCreditedTotalsRow) accountRow {
			return accountRow{string(books.Customer), r.Account, r.InstrumentNo, r.Total}
		})},
		{&a.Credits, mapped(credits, func(r dbsqlc.PostingCreditTotalsRow) accountRow {
			return accountRow{string(books.Customer), r.Account, r.InstrumentNo, r.Total}
		})},
	} {
		if *sum.to, err = accountTotals(sum.rows, instruments); err != nil {
			return err
		}
	}

	balances, err := db.queries.BalanceList(ctx, tx, treasury)
	if err != nil {
		return fmt.Errorf("list balances: %w", err)
	}

	for _, row := range balances {
		a.Balances = append(a.Balances, AccountTotal{
			Kind: books.AccountKind(row.AccountKind), Account: row.Account,
			Instrument: instruments[row.InstrumentNo], Amount: row.Amount,
		})
	}

	return nil
}

func mapped[From, To any](list []From, f func(From) To) []To {
	out := make([]To, len(list))
	for i, v := range list {
		out[i] = f(v)
	}

	return out
}

func accountTotals(rows []accountRow, instruments map[int32]ident.Instrument) ([]AccountTotal, error) {
	totals := make([]AccountTotal, len(rows))

	for i, row := range rows {
		total, err := amount.ParseTotal(row.total)
		if err != nil {
			return nil, fmt.Errorf("sum of account %s %s: %w", row.kind, row.account, err)
		}

		totals[i] = AccountTotal{
			Kind: books.AccountKind(row.kind), Account: row.account, Instrument: instruments[row.instrument], Amount: total,
		}
	}

	return totals, nil
}

func (db *DB) fillInstructions(
	ctx context.Context, tx pgx.Tx, treasury int32, instruments map[int32]ident.Instrument, a *Audit,
) error {
	page := dbsqlc.InstructionListAllOpenParams{TreasuryID: treasury, Most: auditPage}

	for {
		rows, err := db.queries.InstructionListAllOpen(ctx, tx, page)
		if err != nil {
			return fmt.Errorf("list instructions: %w", err)
		}

		for _, row := range rows {
			a.Instructions = append(a.Instructions, OpenContract{
				Contract: row.ContractID, Sender: row.Sender, Receiver: row.Receiver, Instrument: instruments[row.InstrumentNo],
				Amount: row.Amount, ExecuteBefore: row.ExecuteBefore, Memo: row.Memo, AwaitsReceiver: row.AwaitsReceiver,
			})
			page.AfterID = row.ContractID
		}

		if len(rows) < auditPage {
			return nil
		}
	}
}
