package store

import (
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func (r *rows) addDeposits(rec *Record) error {
	for _, d := range rec.Entries.Deposits {
		no, err := r.number(d.Instrument)
		if err != nil {
			return err
		}

		p := dbsqlc.DepositInsertParams{
			TreasuryID: r.treasury, DepositID: d.ID, Kind: string(d.Kind), State: string(d.Attribution.State),
			Reason: d.Attribution.Reason, Account: optionalText(d.Attribution.Account),
			InstrumentNo: no, Amount: d.Amount, Sender: d.Sender, Memo: storedMemo(d.Memo),
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

		if d.Attribution.State == books.Offered {
			r.bornDeposits[d.Correlation] = len(r.deposits)
		}

		r.deposits = append(r.deposits, p)
	}

	for _, s := range rec.Entries.Settlements {
		if i, ok := r.bornDeposits[s.Correlation]; ok {
			settleBorn(&r.deposits[i], s, rec)
			delete(r.bornDeposits, s.Correlation)

			continue
		}

		p := &r.settlements
		p.CorrelationIds = append(p.CorrelationIds, string(s.Correlation))
		p.States = append(p.States, string(s.Attribution.State))
		p.Reasons = append(p.Reasons, s.Attribution.Reason)
		p.Accounts = append(p.Accounts, s.Attribution.Account)
		p.Amounts = append(p.Amounts, s.Amount.String())
		p.Senders = append(p.Senders, string(s.Sender))
		p.SettledNos = append(p.SettledNos, rec.No)
		p.SettledNodes = append(p.SettledNodes, int32(s.Place.Node))
		p.SettledLegs = append(p.SettledLegs, integer(s.Place.Leg))
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
			TreasuryID: r.treasury, WithdrawalID: w.ID, Origin: string(books.FromHistory),
			State: string(w.State), Reason: string(w.Reason), InstrumentNo: no, Amount: w.Amount, Receiver: w.Receiver,
			CorrelationID: optional(w.Correlation), RecordTime: &rec.Update.RecordTime,
		}
		p.OfferedNo, p.SettledNo = offeredOrSettled(w.State, rec.No)
		r.bornWithdrawals[w.ID] = len(r.recovered)
		r.recovered = append(r.recovered, p)
	}

	for _, a := range rec.Entries.Advances {
		if i, ok := r.bornWithdrawals[a.ID]; ok {
			if withdrawal.State(r.recovered[i].State).Final() {
				return fmt.Errorf("advance withdrawal %s to %s: it has ended: %w", a.ID, a.State, ErrContradiction)
			}

			advanceBorn(&r.recovered[i], a, rec)

			continue
		}

		if err := r.addAdvance(a, rec); err != nil {
			return err
		}
	}

	return nil
}

// addAdvance keeps the last state of a withdrawal in the batch, and where it was first offered.
func (r *rows) addAdvance(a books.Advance, rec *Record) error {
	offered, settled := offeredOrSettled(a.State, rec.No)
	p := &r.advances

	i, again := r.advanced[a.ID]
	if !again {
		i = len(p.WithdrawalIds)
		r.advanced[a.ID] = i
		p.WithdrawalIds = append(p.WithdrawalIds, a.ID)
		p.States, p.Reasons = append(p.States, ""), append(p.Reasons, "")
		p.CorrelationIds = append(p.CorrelationIds, string(a.Correlation))
		p.Origins = append(p.Origins, string(a.Origin))
		p.OfferedNos, p.SettledNos = append(p.OfferedNos, orZero(offered)), append(p.SettledNos, 0)
		p.RecordTimes = append(p.RecordTimes, rec.Update.RecordTime)
		p.ExecuteBefores = append(p.ExecuteBefores, time.Time{})
	}

	if withdrawal.State(p.States[i]).Final() {
		return fmt.Errorf("advance withdrawal %s to %s: it has ended: %w", a.ID, a.State, ErrContradiction)
	}

	p.States[i], p.Reasons[i] = string(a.State), string(a.Reason)
	p.SettledNos[i], p.RecordTimes[i] = orZero(settled), rec.Update.RecordTime

	p.ExecuteBefores[i] = rec.Update.RecordTime // an offer that does not say when it ends is looked at now
	if a.ExecuteBefore != nil {
		p.ExecuteBefores[i] = *a.ExecuteBefore
	}

	return nil
}

func settleBorn(p *dbsqlc.DepositInsertParams, s books.Settlement, rec *Record) {
	p.State, p.Reason, p.Account = string(s.Attribution.State), s.Attribution.Reason, optionalText(s.Attribution.Account)
	p.Amount, p.Sender, p.RecordTime = s.Amount, s.Sender, rec.Update.RecordTime
	p.SettledNo, p.SettledNode, p.SettledLeg = placeColumns(&s.Place, rec.No)
}

func advanceBorn(p *dbsqlc.WithdrawalInsertRecoveredParams, a books.Advance, rec *Record) {
	_, settled := offeredOrSettled(a.State, rec.No)
	p.State, p.Reason = string(a.State), string(a.Reason)
	p.SettledNo, p.RecordTime = settled, &rec.Update.RecordTime
}

// offeredOrSettled says which of the two columns an update of a withdrawal fills.
func offeredOrSettled(state withdrawal.State, no int64) (offered, settled *int64) {
	if state == withdrawal.Offered {
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
