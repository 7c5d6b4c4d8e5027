package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// UndecidedOffer is an open offer with all that its verdict rests on, but for the time.
type UndecidedOffer struct {
	DepositID uuid.UUID
	// Changes counts what has happened to its grounds; a verdict is of so many.
	Changes int64
	// Certain says that all has ended that was under way at the first verdict, and that it may not have seen.
	Certain bool
	// Contract is the offer's contract as it is now; empty where its chain has none that is open.
	Contract ident.ContractID
	Sender   ident.Party
	Memo     *string
	Offer    deposit.Offer
	Grounds  deposit.Grounds
}

// UndecidedOffers lists open offers that are new, of which something has changed since, or whose time has come by the
// ledger's time: at most so many of the first two kinds, those that were never decided before the others, and as many
// of the third.
func (db *DB) UndecidedOffers(
	ctx context.Context, treasury TreasuryID, ledgerTime time.Time, most int,
) ([]UndecidedOffer, error) {
	ids, err := db.queries.VerdictFindUndecided(ctx, db.exec, dbsqlc.VerdictFindUndecidedParams{
		TreasuryID: int32(treasury), LedgerTime: &ledgerTime, Most: integer(most),
	})
	if err != nil || len(ids) == 0 {
		return nil, wrap("find undecided offers", err)
	}

	rows, err := db.queries.VerdictListGrounds(ctx, db.exec, dbsqlc.VerdictListGroundsParams{
		TreasuryID: int32(treasury), DepositIds: ids,
	})
	if err != nil {
		return nil, fmt.Errorf("list undecided offers: %w", err)
	}

	offers := make([]UndecidedOffer, len(rows))

	for i, row := range rows {
		offers[i] = UndecidedOffer{
			DepositID: row.DepositID, Changes: row.Changes, Certain: row.Certain, Contract: ident.ContractID(row.OfferContract),
			Sender: row.Sender, Memo: row.Memo,
			Offer: deposit.Offer{
				Ours: true, AwaitsReceiver: row.AwaitsReceiver, Amount: row.Amount, Deadline: orZeroTime(row.ExecuteBefore),
			},
			Grounds: deposit.Grounds{
				Listed: row.Listed, Enabled: row.AcceptOffers, Minimum: row.Minimum,
				Lead: time.Duration(row.LeadSeconds) * time.Second, Memo: memoSays(row), Blocked: row.Blocked,
				Screens: row.Screen, Screening: deposit.Screening(row.Screening),
				Operator: deposit.Verdict(orEmpty(row.OperatorVerdict)), Now: ledgerTime,
			},
		}
	}

	return offers, nil
}

func memoSays(row dbsqlc.VerdictListGroundsRow) deposit.Memo {
	switch {
	case row.Memo == nil:
		return deposit.MemoMissing
	case *row.Memo == "":
		return deposit.MemoEmpty
	case !row.MemoKnown:
		return deposit.MemoUnknown
	case !row.MemoEnabled:
		return deposit.MemoDisabled
	default:
		return deposit.MemoKnown
	}
}

// ListedOffer is an open offer as an operator sees it.
type ListedOffer struct {
	DepositID  uuid.UUID
	Verdict    deposit.Verdict
	Reason     deposit.Reason
	Work       OfferWork
	Tries      int
	Detail     string
	Amount     amount.Amount
	Instrument ident.Instrument
	Sender     ident.Party
	// Memo is nil where there is none.
	Memo     *string
	Deadline time.Time
}

// ListOffers reads open offers with one of these verdicts, at most so many, those first that end first.
func (db *DB) ListOffers(
	ctx context.Context, treasury TreasuryID, verdicts []deposit.Verdict, most int,
) ([]ListedOffer, error) {
	p := dbsqlc.VerdictListParams{TreasuryID: int32(treasury), Most: integer(most)}
	for _, v := range verdicts {
		p.Verdicts = append(p.Verdicts, string(v))
	}

	rows, err := db.queries.VerdictList(ctx, db.exec, p)
	if err != nil {
		return nil, fmt.Errorf("list offers: %w", err)
	}

	list := make([]ListedOffer, len(rows))

	for i, r := range rows {
		list[i] = ListedOffer{
			DepositID: r.DepositID, Verdict: deposit.Verdict(r.Verdict), Reason: deposit.Reason(r.Reason),
			Work: OfferWork(r.Work), Tries: int(r.Tries), Detail: r.Detail, Amount: r.Amount,
			Instrument: ident.Instrument{Admin: r.Admin, ID: r.InstrumentID}, Sender: r.Sender, Memo: r.Memo,
			Deadline: orZeroTime(r.ExecuteBefore),
		}
	}

	return list, nil
}

// DecidedOffer is a verdict to be stored.
type DecidedOffer struct {
	deposit.Decision

	DepositID uuid.UUID
	Changes   int64
	Certain   bool
	Contract  ident.ContractID
	// Again is when time itself may change the verdict; zero if it cannot.
	Again time.Time
}

// DecideOffers stores verdicts. Those of offers that have ended meanwhile change nothing.
func (db *DB) DecideOffers(ctx context.Context, treasury TreasuryID, list []DecidedOffer, now time.Time) error {
	p := dbsqlc.VerdictDecideParams{TreasuryID: int32(treasury), Now: now}

	for _, d := range list {
		again := d.Again
		if again.IsZero() {
			again = never()
		}

		p.DepositIds = append(p.DepositIds, d.DepositID)
		p.Verdicts = append(p.Verdicts, string(d.Verdict))
		p.Reasons = append(p.Reasons, string(d.Reason))
		p.ContractIds = append(p.ContractIds, string(d.Contract))
		p.Changes = append(p.Changes, d.Changes)
		p.Certain = append(p.Certain, d.Certain)
		p.DecideAts = append(p.DecideAts, again)
	}

	_, err := db.queries.VerdictDecide(ctx, db.exec, p)

	return wrap("store verdicts", err)
}

// never stands for no time in a list of times.
func never() time.Time { return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) }
