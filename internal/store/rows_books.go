package store

import (
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

func (r *rows) addDeposits(rec *Record) error {
	for _, d := range rec.Entries.Deposits {
		no, err := r.number(d.Instrument)
		if err != nil {
			return err
		}

		p := dbsqlc.DepositInsertParams{
			TreasuryID: r.treasury, DepositID: d.ID, Kind: string(d.Kind), State: string(d.Attribution.State), Reason: d.Attribution.Reason,
			Account: optionalText(d.Attribution.Account), InstrumentNo: no, Amount: d.Amount, Sender: d.Sender, Memo: storedMemo(d.Memo),
			RecordTime: rec.Update.RecordTime, ExecuteBefore: d.ExecuteBefore,
		}
		p.SettledNo, p.SettledNode, p.SettledLeg = placeColumns(d.Place, rec.No)

		if d.Kind == books.ByOffer {
			p.CorrelationID = optional(d.Correlation)
		}

		if d.Offered {
			offered := rec.No
			p.OfferedNo = &offered
		}

		r.deposits = append(r.deposits, p)
	}

	for _, s := range rec.Entries.Settlements {
		p := &r.settlements
		p.CorrelationIds = append(p.CorrelationIds, string(s.Correlation))
		p.States = append(p.States, string(s.Attribution.State))
		p.Reasons = append(p.Reasons, s.Attribution.Reason)
		p.Accounts = append(p.Accounts, s.Attribution.Account)
		p.Amounts = append(p.Amounts, s.Amount.String())
		p.Senders = append(p.Senders, string(s.Sender))
		p.SettledNos = append(p.SettledNos, rec.No)
		p.SettledNodes = append(p.SettledNodes, int32(s.Place.Node))
		p.SettledLegs = append(p.SettledLegs, int32(s.Place.Leg))
		p.RecordTimes = append(p.RecordTimes, rec.Update.RecordTime)
	}

	return nil
}

func (r *rows) addWithdrawals(rec *Record) error {
	for _, w := range rec.Entries.Recovered {
		no, err := r.number(w.Instrument)
		if err != nil {
			return err
		}

		p := dbsqlc.WithdrawalInsertRecoveredParams{
			TreasuryID: r.treasury, WithdrawalID: w.ID, Origin: string(books.FromHistory), State: string(w.State), Reason: w.Reason,
			InstrumentNo: no, Amount: w.Amount, Receiver: w.Receiver, CorrelationID: optional(w.Correlation), RecordTime: &rec.Update.RecordTime,
		}
		p.OfferedNo, p.SettledNo = offeredOrSettled(w.State, rec.No)
		r.recovered = append(r.recovered, p)
	}

	if len(rec.Entries.Advances) == 0 {
		return nil
	}

	p := dbsqlc.WithdrawalAdvanceParams{TreasuryID: r.treasury}

	named := map[string]bool{}

	for _, a := range rec.Entries.Advances {
		if named[a.ID] { // a second step within one update: a statement sees a row only once
			r.advances = append(r.advances, p)
			p, named = dbsqlc.WithdrawalAdvanceParams{TreasuryID: r.treasury}, map[string]bool{}
		}

		named[a.ID] = true
		offered, settled := offeredOrSettled(a.State, rec.No)
		p.WithdrawalIds = append(p.WithdrawalIds, a.ID)
		p.States = append(p.States, string(a.State))
		p.Reasons = append(p.Reasons, a.Reason)
		p.CorrelationIds = append(p.CorrelationIds, string(a.Correlation))
		p.OfferedNos = append(p.OfferedNos, orZero(offered))
		p.SettledNos = append(p.SettledNos, orZero(settled))
		p.RecordTimes = append(p.RecordTimes, rec.Update.RecordTime)
	}

	r.advances = append(r.advances, p)

	return nil
}

// offeredOrSettled says which of the two columns an update of a withdrawal fills.
func offeredOrSettled(state books.WithdrawalState, no int64) (offered, settled *int64) {
	if state == books.WithdrawalOffered {
		return &no, nil
	}

	return nil, &no
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}

	return *n
}

func optionalText(text string) *string {
	if text == "" {
		return nil
	}

	return &text
}
