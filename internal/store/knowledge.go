package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// Knowledge is what the database knows about some contracts of a treasury.
type Knowledge struct {
	Holdings     map[ident.ContractID]token.Holding
	Instructions map[ident.ContractID]token.Instruction
	// Ended are those of the contracts that were the treasury's and are no more.
	Ended map[ident.ContractID]bool
}

// Known finds those of the contracts that are active holdings or open instructions of the treasury.
func (db *DB) Known(
	ctx context.Context, treasury TreasuryID, party ident.Party, contracts []ident.ContractID,
) (Knowledge, error) {
	known := Knowledge{
		Holdings: map[ident.ContractID]token.Holding{}, Instructions: map[ident.ContractID]token.Instruction{},
		Ended: map[ident.ContractID]bool{},
	}
	if len(contracts) == 0 {
		return known, nil
	}

	ids := sendable(texts(contracts))

	holdings, err := db.queries.HoldingListNamed(ctx, db.exec, dbsqlc.HoldingListNamedParams{
		TreasuryID: int32(treasury), ContractIds: ids,
	})
	if err != nil {
		return Knowledge{}, fmt.Errorf("look up holdings: %w", err)
	}

	for _, row := range holdings {
		if row.ArchivedNo != nil {
			known.Ended[row.ContractID] = true

			continue
		}

		instrument, err := db.instrument(ctx, row.InstrumentNo)
		if err != nil {
			return Knowledge{}, err
		}

		known.Holdings[row.ContractID] = token.Holding{
			Owner: party, Instrument: instrument, Amount: row.Amount,
			Lock: lockOf(row.LockHolders, row.LockExpiresAt, row.LockContext),
		}
	}

	instructions, err := db.queries.InstructionListNamed(ctx, db.exec, dbsqlc.InstructionListNamedParams{
		TreasuryID: int32(treasury), ContractIds: ids,
	})
	if err != nil {
		return Knowledge{}, fmt.Errorf("look up instructions: %w", err)
	}

	for _, row := range instructions {
		if row.ClosedNo != nil {
			known.Ended[row.ContractID] = true

			continue
		}

		if known.Instructions[row.ContractID], err = db.instructionOf(ctx, row); err != nil {
			return Knowledge{}, err
		}
	}

	return known, nil
}

func (db *DB) instructionOf(ctx context.Context, row dbsqlc.InstructionListNamedRow) (token.Instruction, error) {
	instrument, err := db.instrument(ctx, row.InstrumentNo)
	if err != nil {
		return token.Instruction{}, err
	}

	i := token.Instruction{
		AwaitsReceiver: row.AwaitsReceiver,
		Transfer: token.Transfer{
			Sender: row.Sender, Receiver: row.Receiver, Instrument: instrument, Amount: row.Amount, RequestedAt: row.RequestedAt,
			ExecuteBefore: row.ExecuteBefore, Meta: token.Metadata{},
		},
	}

	if row.CorrelationID != string(row.ContractID) {
		i.Original = ident.ContractID(row.CorrelationID)
	}

	if row.Memo != nil {
		i.Transfer.Meta[token.KeyReason] = *row.Memo
	}

	for _, input := range row.Inputs {
		i.Transfer.Inputs = append(i.Transfer.Inputs, ident.ContractID(input))
	}

	return i, nil
}

// Grounds answers the questions of a batch.
func (db *DB) Grounds(
	ctx context.Context, treasury TreasuryID, party ident.Party, q books.Questions,
) (*books.Grounds, error) {
	g := books.NewGrounds(party)

	for _, fill := range []func(context.Context, TreasuryID, books.Questions, *books.Grounds) error{
		db.fillListings, db.fillAccounts, db.fillBlocked, db.fillOffers, db.fillWithdrawals,
	} {
		if err := fill(ctx, treasury, q, g); err != nil {
			return nil, err
		}
	}

	return g, nil
}

func (db *DB) fillListings(ctx context.Context, _ TreasuryID, q books.Questions, g *books.Grounds) error {
	numbers := make([]int32, 0, len(q.Instruments))

	for _, instrument := range q.Instruments {
		no, ok := db.instruments.number(instrument)
		if !ok { // to take it for unlisted would keep a customer's deposit from them
			return fmt.Errorf("instrument %s has no number: %w", instrument, ErrNotFound)
		}

		numbers = append(numbers, no)
	}

	numbers = distinct(numbers)
	if len(numbers) == 0 {
		return nil
	}

	// Listings are read afresh every time: an operator may have changed one a moment ago.
	rows, err := db.queries.InstrumentList(ctx, db.exec, numbers)
	if err != nil {
		return fmt.Errorf("look up instruments: %w", err)
	}

	for _, row := range rows {
		instrument := ident.Instrument{Admin: row.Admin, ID: row.InstrumentID}
		g.Listings[instrument] = books.Listing{
			Listed: row.Listed, MinimumDeposit: row.MinimumDeposit, Screens: row.Screen, Delays: row.CreditDelaySeconds > 0,
			ConfirmFrom: row.ConfirmFrom,
		}
	}

	// The numbers are remembered, the database may have been put back to an earlier state: a number must not book one
	// token as another.
	for _, instrument := range q.Instruments {
		if _, ok := g.Listings[instrument]; !ok {
			db.instruments.forget()

			return fmt.Errorf("the number of instrument %s is another one's now: %w", instrument, ErrNotFound)
		}
	}

	return nil
}

func (db *DB) fillAccounts(ctx context.Context, treasury TreasuryID, q books.Questions, g *books.Grounds) error {
	if len(q.MemoKeys) == 0 {
		return nil
	}

	rows, err := db.queries.AccountList(ctx, db.exec, dbsqlc.AccountListParams{
		TreasuryID: int32(treasury), MemoKeys: sendable(q.MemoKeys),
	})
	if err != nil {
		return fmt.Errorf("look up memos: %w", err)
	}

	for _, row := range rows {
		g.Accounts[row.MemoKey] = books.Account{Name: row.Account, Enabled: row.Enabled, Since: row.CreatedAt}
	}

	return nil
}

func (db *DB) fillBlocked(ctx context.Context, treasury TreasuryID, q books.Questions, g *books.Grounds) error {
	if len(q.Senders) == 0 {
		return nil
	}

	blocked, err := db.queries.SenderListBlocked(ctx, db.exec, dbsqlc.SenderListBlockedParams{
		TreasuryID: int32(treasury), Parties: sendable(texts(q.Senders)),
	})
	if err != nil {
		return fmt.Errorf("look up blocked senders: %w", err)
	}

	for _, party := range blocked {
		g.Blocked[ident.Party(party)] = true
	}

	return nil
}

func (db *DB) fillOffers(ctx context.Context, treasury TreasuryID, q books.Questions, g *books.Grounds) error {
	if len(q.DepositChains) == 0 {
		return nil
	}

	rows, err := db.queries.DepositListOffered(ctx, db.exec, dbsqlc.DepositListOfferedParams{
		TreasuryID: int32(treasury), CorrelationIds: sendable(texts(q.DepositChains)),
	})
	if err != nil {
		return fmt.Errorf("look up offers: %w", err)
	}

	for _, row := range rows {
		if row.CorrelationID != nil {
			open := row.State == string(books.Offered)
			g.Offers[ident.ContractID(*row.CorrelationID)] = books.Offer{
				DepositID: row.DepositID, Open: open, At: row.RecordTime,
			}
		}
	}

	return nil
}

func (db *DB) fillWithdrawals(ctx context.Context, treasury TreasuryID, q books.Questions, g *books.Grounds) error {
	if len(q.WithdrawalIDs) == 0 && len(q.WithdrawalChains) == 0 {
		return nil
	}

	rows, err := db.queries.WithdrawalListMet(ctx, db.exec, dbsqlc.WithdrawalListMetParams{
		TreasuryID: int32(treasury), WithdrawalIds: sendable(q.WithdrawalIDs),
		CorrelationIds: sendable(texts(q.WithdrawalChains)),
	})
	if err != nil {
		return fmt.Errorf("look up withdrawals: %w", err)
	}

	for _, row := range rows {
		instrument, err := db.instrument(ctx, row.InstrumentNo)
		if err != nil {
			return err
		}

		w := books.Withdrawal{
			ID: row.WithdrawalID, Kind: withdrawal.Kind(row.Kind), Origin: books.Origin(row.Origin),
			State: withdrawal.State(row.State), Instrument: instrument, Amount: row.Amount, Receiver: row.Receiver,
			Funds: books.AccountKind(row.Funds),
		}

		if row.Account != nil {
			w.Account = *row.Account
		}

		if row.CorrelationID != nil {
			w.Correlation = ident.ContractID(*row.CorrelationID)
			g.Chains[w.Correlation] = w.ID
		}

		g.Withdrawals[w.ID] = w
	}

	return nil
}

// Decided gives what was decided about deposits before, for a rebuild to keep.
func (db *DB) Decided(
	ctx context.Context, treasury TreasuryID, ids []uuid.UUID,
) (map[uuid.UUID]books.Attribution, error) {
	rows, err := db.queries.DepositListDecided(ctx, db.exec, dbsqlc.DepositListDecidedParams{
		TreasuryID: int32(treasury), DepositIds: ids,
	})
	if err != nil {
		return nil, fmt.Errorf("look up decided deposits: %w", err)
	}

	decided := make(map[uuid.UUID]books.Attribution, len(rows))

	for _, row := range rows {
		a := books.Attribution{State: books.DepositState(row.State), Reason: row.Reason}
		if row.Account != nil {
			a.Account = *row.Account
		}

		decided[row.DepositID] = a
	}

	return decided, nil
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}

	return out
}

func distinct[T ~string | ~int32](list []T) []T {
	out := slices.Clone(list)
	slices.Sort(out)

	return slices.Compact(out)
}

// sendable drops texts that PostgreSQL cannot hold and would refuse, and so cannot have.
func sendable(list []string) []string {
	return slices.DeleteFunc(distinct(list), func(s string) bool {
		return s == "" || strings.ContainsRune(s, 0) || !utf8.ValidString(s)
	})
}
