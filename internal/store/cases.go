package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// Case is a deposit that was not credited when it arrived, and what became of it.
type Case struct {
	DepositID uuid.UUID
	State     deposit.CaseState
	Reason    deposit.Reason
	// ReleaseAt is the record time from which a held one is credited; nil for others.
	ReleaseAt *time.Time
	// Account is who gets it, or got it; empty while nobody has said.
	Account string
	// Action is what was decided: release, assign or return.
	Action                        string
	ProposedBy, ConfirmedBy, Note string
	// Return is the withdrawal that carries it back.
	Return     string
	ChangedAt  time.Time
	Kind       string
	Amount     amount.Amount
	Instrument ident.Instrument
	// Sender is empty where the ledger does not show it.
	Sender ident.Party
	Memo   *string
	// RecordTime and Update are of its arrival.
	RecordTime time.Time
	Update     ident.UpdateID
	// MemoAccount is whose its memo would be today, and MemoEnabled whether that account takes deposits.
	MemoAccount string
	MemoEnabled bool
}

// CaseFilter says which cases are wanted. What is not set does not matter.
type CaseFilter struct {
	States    []deposit.CaseState
	DepositID uuid.UUID
	// Sender is a part of the sending party's id.
	Sender string
	Update ident.UpdateID
	// Least and Largest bound the amount, Since and Until the record time of the arrival; Until is not in it.
	Least, Largest *amount.Amount
	Since, Until   *time.Time
	Most           int
}

// ListCases reads cases, those first that arrived first.
func (db *DB) ListCases(ctx context.Context, treasury TreasuryID, f CaseFilter) ([]Case, error) {
	rows, err := db.queries.CaseList(ctx, db.exec, dbsqlc.CaseListParams{
		TreasuryID: int32(treasury), States: texts(f.States), DepositID: f.DepositID, SenderLike: memo.Stored(f.Sender),
		UpdateID: memo.Stored(string(f.Update)), Least: f.Least, MostAmount: f.Largest, Since: f.Since, Until: f.Until,
		Most: integer(f.Most),
	})
	if err != nil {
		return nil, fmt.Errorf("list cases of deposits: %w", err)
	}

	list := make([]Case, len(rows))

	for i, r := range rows {
		list[i] = Case{
			DepositID: r.DepositID, State: deposit.CaseState(r.State), Reason: deposit.Reason(r.Reason),
			ReleaseAt: r.ReleaseAt, Account: orEmpty(r.Account), Action: r.Action, ProposedBy: r.ProposedBy,
			ConfirmedBy: r.ConfirmedBy, Note: r.Note, Return: orEmpty(r.WithdrawalID), ChangedAt: r.ChangedAt, Kind: r.Kind,
			Amount: r.Amount, Instrument: ident.Instrument{Admin: r.Admin, ID: r.InstrumentID}, Sender: r.Sender, Memo: r.Memo,
			RecordTime: r.RecordTime, Update: ident.UpdateID(r.ArrivedBy), MemoAccount: r.MemoAccount,
			MemoEnabled: r.MemoEnabled,
		}
	}

	return list, nil
}

// AssignDeposit gives a deposit that waits for a person to an account, and says what state that brings it to: Proposed
// where a second person must confirm. To say it twice does no harm. A *RefusedError says why not.
func (db *DB) AssignDeposit(
	ctx context.Context, treasury ident.Party, id uuid.UUID, account, operator, note string, now time.Time,
) (deposit.CaseState, error) {
	return db.resolve(ctx, "assign", treasury, id, &account, operator, note, now)
}

// ReturnDeposit sends a deposit back to its sender, as a withdrawal that carries the sender's own memo. The rest is as
// with AssignDeposit.
func (db *DB) ReturnDeposit(
	ctx context.Context, treasury ident.Party, id uuid.UUID, operator, note string, now time.Time,
) (deposit.CaseState, error) {
	return db.resolve(ctx, "return", treasury, id, nil, operator, note, now)
}

func (db *DB) resolve(
	ctx context.Context, action string, treasury ident.Party, id uuid.UUID, account *string, operator, note string,
	now time.Time,
) (deposit.CaseState, error) {
	state, err := db.queries.CaseResolve(ctx, db.exec, dbsqlc.CaseResolveParams{
		Treasury: string(treasury), DepositID: id, Action: action, Account: account,
		Operator: memo.Stored(operator), Note: memo.Stored(note), Now: now,
	})

	return deposit.CaseState(state), wrap(action+" deposit "+id.String(), refusal(err))
}

// ConfirmDeposit has take effect what another person proposed.
func (db *DB) ConfirmDeposit(
	ctx context.Context, treasury ident.Party, id uuid.UUID, operator string, now time.Time,
) (deposit.CaseState, error) {
	state, err := db.queries.CaseConfirm(ctx, db.exec, dbsqlc.CaseConfirmParams{
		Treasury: string(treasury), DepositID: id, Operator: memo.Stored(operator), Now: now,
	})

	return deposit.CaseState(state), wrap("confirm deposit "+id.String(), refusal(err))
}

// DeclineDeposit takes back what was proposed.
func (db *DB) DeclineDeposit(
	ctx context.Context, treasury ident.Party, id uuid.UUID, operator, note string, now time.Time,
) (deposit.CaseState, error) {
	state, err := db.queries.CaseDecline(ctx, db.exec, dbsqlc.CaseDeclineParams{
		Treasury: string(treasury), DepositID: id, Operator: memo.Stored(operator), Note: memo.Stored(note), Now: now,
	})

	return deposit.CaseState(state), wrap("decline deposit "+id.String(), refusal(err))
}

// HeldCase is a held deposit with all that its release rests on, but for the time.
type HeldCase struct {
	DepositID uuid.UUID
	Steps     int32
	Deposit   deposit.HeldDeposit
	Grounds   deposit.HeldGrounds
}

// HeldCases lists held deposits whose time has come by the ledger's time, or about which the screening service has to
// speak; at most so many, those after the given one.
func (db *DB) HeldCases(
	ctx context.Context, treasury TreasuryID, ledgerTime time.Time, after HeldCase, most int,
) ([]HeldCase, error) {
	rows, err := db.queries.CaseListHeld(ctx, db.exec, dbsqlc.CaseListHeldParams{
		TreasuryID: int32(treasury), LedgerTime: &ledgerTime, AfterRelease: after.Deposit.ReleaseAt,
		AfterID: after.DepositID, Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("list held deposits: %w", err)
	}

	list := make([]HeldCase, len(rows))

	for i, r := range rows {
		list[i] = HeldCase{
			DepositID: r.DepositID, Steps: r.Steps,
			Deposit: deposit.HeldDeposit{ReleaseAt: orZeroTime(r.ReleaseAt), Reason: deposit.Reason(r.Reason)},
			Grounds: deposit.HeldGrounds{
				Enabled: r.MemoEnabled, Blocked: r.Blocked, Screens: r.Screen, Screening: deposit.Screening(r.Screening),
				Now: ledgerTime,
			},
		}
	}

	return list, nil
}

// ReleaseDeposits credits those of the deposits that are still held. It says how many.
func (db *DB) ReleaseDeposits(
	ctx context.Context, treasury TreasuryID, ids []uuid.UUID, now time.Time,
) (int, error) {
	released, err := db.queries.CaseRelease(ctx, db.exec, dbsqlc.CaseReleaseParams{
		TreasuryID: int32(treasury), DepositIds: ids, Now: now,
	})

	return int(released), wrap("release held deposits", err)
}

// HeldDecision is what was decided about a held deposit that is not credited: it stays held, or waits for a person.
type HeldDecision struct {
	DepositID uuid.UUID
	// Steps is that of the case as it was read; one that has moved on changes nothing.
	Steps  int32
	State  deposit.CaseState
	Reason deposit.Reason
}

// HoldDeposits stores why deposits are not credited.
func (db *DB) HoldDeposits(ctx context.Context, treasury TreasuryID, list []HeldDecision, now time.Time) error {
	p := dbsqlc.CaseHoldParams{TreasuryID: int32(treasury), Now: now}
	for _, d := range list {
		p.DepositIds = append(p.DepositIds, d.DepositID)
		p.Steps = append(p.Steps, d.Steps)
		p.States = append(p.States, string(d.State))
		p.Reasons = append(p.Reasons, string(d.Reason))
	}

	_, err := db.queries.CaseHold(ctx, db.exec, p)

	return wrap("store why deposits are held", err)
}

// OpenCases are cases that have not ended, and how they stand.
type OpenCases struct {
	State  deposit.CaseState
	Reason deposit.Reason
	Count  int64
	Oldest time.Time
}

// OpenCases counts them by state and reason.
func (db *DB) OpenCases(ctx context.Context, treasury TreasuryID) ([]OpenCases, error) {
	rows, err := db.queries.CaseCount(ctx, db.exec, int32(treasury))
	if err != nil {
		return nil, fmt.Errorf("count open cases: %w", err)
	}

	return mapped(rows, func(r dbsqlc.CaseCountRow) OpenCases {
		return OpenCases{deposit.CaseState(r.State), deposit.Reason(r.Reason), r.Cases, r.Oldest}
	}), nil
}
