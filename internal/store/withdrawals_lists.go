package store

import (
	"context"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// WithdrawalFilter says which withdrawals are looked at.
type WithdrawalFilter struct {
	// States are those wanted; all if there are none.
	States []withdrawal.State
	// Waiting leaves out those that move.
	Waiting bool
	// Newest has the last ones come first.
	Newest bool
	// Most bounds how many are read.
	Most int
}

// ListedWithdrawal is one as an operator sees it.
type ListedWithdrawal struct {
	Withdrawal

	// Purpose and Serves are of a transfer of the treasury to itself.
	Purpose, Serves  string
	Tries, Overtaken int
	// RequestedAt is nil where history alone found it, RecordTime before the ledger has it.
	RequestedAt, RecordTime *time.Time
	// OfferedBy and SettledBy are the updates of the ledger that made the offer and ended the withdrawal.
	OfferedBy, SettledBy ident.UpdateID
	// ExecuteBefore is the offer's deadline; nil if there was none.
	ExecuteBefore *time.Time
}

// ListWithdrawals reads withdrawals for people to look at.
func (db *DB) ListWithdrawals(
	ctx context.Context, treasury TreasuryID, f WithdrawalFilter,
) ([]ListedWithdrawal, error) {
	if len(f.States) == 0 {
		f.States = withdrawal.States()
	}

	p := dbsqlc.WithdrawalListParams{
		TreasuryID: int32(treasury), OnlyWaiting: f.Waiting, Newest: f.Newest, Most: integer(f.Most),
	}
	for _, state := range f.States {
		p.States = append(p.States, string(state))
	}

	return db.listWithdrawals(ctx, p)
}

// ShowWithdrawal reads one withdrawal; ErrNotFound if there is none.
func (db *DB) ShowWithdrawal(ctx context.Context, treasury TreasuryID, id string) (ListedWithdrawal, error) {
	p := dbsqlc.WithdrawalListParams{TreasuryID: int32(treasury), WithdrawalID: id, Most: 1}
	for _, state := range withdrawal.States() {
		p.States = append(p.States, string(state))
	}

	list, err := db.listWithdrawals(ctx, p)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("withdrawal %q: %w", id, ErrNotFound)
	}

	if err != nil {
		return ListedWithdrawal{}, err
	}

	return list[0], nil
}

func (db *DB) listWithdrawals(ctx context.Context, p dbsqlc.WithdrawalListParams) ([]ListedWithdrawal, error) {
	rows, err := db.queries.WithdrawalList(ctx, db.exec, p)
	if err != nil {
		return nil, fmt.Errorf("list withdrawals: %w", err)
	}

	list := make([]ListedWithdrawal, len(rows))

	for i, r := range rows {
		list[i] = ListedWithdrawal{
			Withdrawal: Withdrawal{
				ID: r.WithdrawalID, Kind: withdrawal.Kind(r.Kind), Recovered: r.Origin == "recovered",
				State: withdrawal.State(r.State), Reason: withdrawal.Reason(r.Reason), Waiting: withdrawal.Reason(r.Waiting),
				Detail: r.Detail, Account: orEmpty(r.Account), Instrument: ident.Instrument{Admin: r.Admin, ID: r.InstrumentID},
				Amount: r.Amount, Receiver: r.Receiver, Memo: r.Memo, Correlation: ident.ContractID(orEmpty(r.CorrelationID)),
				Attempt: int(r.Attempt), Deaths: int(r.Deaths), NextAt: r.NextAt,
			},
			Purpose: orEmpty(r.Purpose), Serves: orEmpty(r.Serves), Tries: int(r.Tries), Overtaken: int(r.Overtaken),
			RequestedAt: r.RequestedAt, RecordTime: r.RecordTime, OfferedBy: ident.UpdateID(r.OfferedBy),
			SettledBy: ident.UpdateID(r.SettledBy), ExecuteBefore: r.ExecuteBefore,
		}
	}

	return list, nil
}

// WithdrawalTotal is how many withdrawals of customers stand the same way.
type WithdrawalTotal struct {
	State  withdrawal.State
	Reason withdrawal.Reason
	Count  int64
}

// WithdrawalTotals counts customers' withdrawals, the ended ones too.
func (db *DB) WithdrawalTotals(ctx context.Context, treasury TreasuryID) ([]WithdrawalTotal, error) {
	rows, err := db.queries.WithdrawalTotals(ctx, db.exec, int32(treasury))
	if err != nil {
		return nil, fmt.Errorf("count withdrawals: %w", err)
	}

	totals := make([]WithdrawalTotal, len(rows))
	for i, r := range rows {
		totals[i] = WithdrawalTotal{
			State: withdrawal.State(r.State), Reason: withdrawal.Reason(r.Reason), Count: r.Withdrawals,
		}
	}

	return totals, nil
}

// ListedAttempt is a try to pay as an operator sees it.
type ListedAttempt struct {
	Attempt

	Number int
	// IsPrepared and IsSigned say what there is; the transaction and its signature are not read.
	IsPrepared, IsSigned bool
	CreatedAt            time.Time
	PreparedAt, EndedAt  *time.Time
	// Error is what the node said with its answer.
	Error string
	// Result is empty for one that has not ended.
	Result string
	// Clock is how far history is on its synchronizer; nil if nothing is known of it.
	Clock *time.Time
}

// ListAttempts reads the attempts of a withdrawal, the first one first.
func (db *DB) ListAttempts(ctx context.Context, treasury TreasuryID, id string) ([]ListedAttempt, error) {
	rows, err := db.queries.AttemptListAll(ctx, db.exec, dbsqlc.AttemptListAllParams{
		TreasuryID: int32(treasury), WithdrawalID: id,
	})
	if err != nil {
		return nil, fmt.Errorf("list attempts of withdrawal %q: %w", id, err)
	}

	list := make([]ListedAttempt, len(rows))

	for i, r := range rows {
		list[i] = ListedAttempt{
			Attempt: Attempt{
				Kind: AttemptKind(r.Kind), Inputs: contracts(r.Inputs), Total: r.InputTotal,
				Synchronizer: r.SynchronizerID, Target: r.TargetRecordTime,
				Prepared: Prepared{
					Delivery: r.Delivery, CommandID: r.CommandID, SubmissionID: r.SubmissionID, Scheme: r.HashingScheme,
					Hash: r.TransactionHash, Traffic: r.ExpectedTraffic,
				},
				Preparations: int(r.Preparations), Executions: int(r.Executions), Answer: withdrawal.Answer(r.Outcome),
			},
			Number: int(r.Attempt), IsPrepared: r.IsPrepared, IsSigned: r.IsSigned, CreatedAt: r.CreatedAt,
			PreparedAt: r.PreparedAt, EndedAt: r.EndedAt, Error: r.Error, Result: orEmpty(r.Result), Clock: r.Clock,
		}
	}

	return list, nil
}

func contracts(list []string) []ident.ContractID {
	out := make([]ident.ContractID, len(list))
	for i, id := range list {
		out[i] = ident.ContractID(id)
	}

	return out
}
