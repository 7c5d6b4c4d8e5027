package store

import (
	"fmt"
	"math"
	"time"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// rows is a batch as the tables take it.
type rows struct {
	treasury int32
	party    ident.Party
	now      time.Time
	// again is set where the updates are in the database already: nobody's work ends by deriving what follows from them.
	again bool

	updates      []dbsqlc.UpdateInsertParams
	bodies       []dbsqlc.UpdateBodyInsertParams
	holdings     []dbsqlc.HoldingInsertParams
	archives     dbsqlc.HoldingArchiveParams
	holdingMoves dbsqlc.HoldingMoveParams
	transfers    []dbsqlc.TransferInsertParams
	instructions []dbsqlc.InstructionInsertParams
	closures     dbsqlc.InstructionCloseParams
	unrecognized []dbsqlc.UnrecognizedInsertParams
	deposits     []dbsqlc.DepositInsertParams
	settlements  dbsqlc.DepositSettleParams
	recovered    []dbsqlc.WithdrawalInsertRecoveredParams
	advances     dbsqlc.WithdrawalAdvanceParams
	postings     []dbsqlc.PostingInsertParams
	events       []dbsqlc.EventInsertParams

	// born… is where the row of what this batch itself creates is, so that its end within the same batch is written
	// with it instead of by a second statement. moved and advanced are where a row's change is: a statement can change
	// a row only once, so a later change of the same batch takes the place of the earlier one.
	bornHoldings     map[ident.ContractID]int
	bornInstructions map[ident.ContractID]int
	bornDeposits     map[ident.ContractID]int
	bornWithdrawals  map[string]int
	moved            map[ident.ContractID]int
	advanced         map[string]int

	numbers func(ident.Instrument) (int32, bool)
}

func (db *DB) rowsOf(b Batch) (*rows, error) {
	t := int32(b.Treasury)
	r := &rows{
		treasury: t, party: b.Party, now: b.Now, numbers: db.instruments.number,
		bornHoldings: map[ident.ContractID]int{}, bornInstructions: map[ident.ContractID]int{},
		bornDeposits: map[ident.ContractID]int{}, bornWithdrawals: map[string]int{},
		moved: map[ident.ContractID]int{}, advanced: map[string]int{},
	}
	r.archives.TreasuryID, r.holdingMoves.TreasuryID, r.closures.TreasuryID = t, t, t
	r.settlements.TreasuryID, r.advances.TreasuryID = t, t

	for i := range b.Records {
		if err := r.add(&b.Records[i]); err != nil {
			return nil, fmt.Errorf("update %s: %w", b.Records[i].Update.ID, err)
		}
	}

	return r, nil
}

func (r *rows) add(rec *Record) error {
	r.addUpdate(rec)

	for _, add := range []func(*Record) error{
		r.addHoldings, r.addTransfers, r.addInstructions, r.addUnrecognized,
		r.addDeposits, r.addWithdrawals, r.addPostings,
	} {
		if err := add(rec); err != nil {
			return err
		}
	}

	for _, e := range rec.Entries.Events {
		r.events = append(r.events, dbsqlc.EventInsertParams{
			TreasuryID: r.treasury, EventID: e.ID, Type: e.Type, Subject: memo.Stored(e.Subject),
			UpdateNo: rec.No, Payload: e.Payload, CreatedAt: r.now,
		})
	}

	return nil
}

func (r *rows) addUpdate(rec *Record) {
	u := rec.Update
	r.updates = append(r.updates, dbsqlc.UpdateInsertParams{
		TreasuryID: r.treasury, UpdateNo: rec.No, UpdateID: u.ID, Kind: string(u.Kind),
		LedgerOffset: u.Offset, RecordTime: u.RecordTime, SynchronizerID: u.Synchronizer,
		CommandID: memo.Stored(u.CommandID), TransactionHash: memo.Stored(u.TransactionHash),
		TrafficCost: max(u.TrafficCost, 0), IngestedAt: r.now,
	})
	r.bodies = append(r.bodies, dbsqlc.UpdateBodyInsertParams{TreasuryID: r.treasury, UpdateNo: rec.No, Body: rec.Raw})
}

func (r *rows) addHoldings(rec *Record) error {
	for _, c := range rec.Effects.Created {
		no, err := r.number(c.Holding.Instrument)
		if err != nil {
			return err
		}

		p := dbsqlc.HoldingInsertParams{
			TreasuryID: r.treasury, ContractID: c.Contract, InstrumentNo: no, Amount: c.Holding.Amount,
			SynchronizerID: rec.Update.Synchronizer, TemplateID: c.Template.String(),
			CreatedNo: rec.No, CreatedNode: int32(c.Node),
		}
		p.LockHolders, p.LockExpiresAt, p.LockContext = lockColumns(c.Holding.Lock, c.CreatedAt)
		r.bornHoldings[c.Contract] = len(r.holdings)
		r.holdings = append(r.holdings, p)
	}

	for _, a := range rec.Effects.Archived {
		if i, ok := r.bornHoldings[a.Contract]; ok && r.holdings[i].ArchivedNo == nil {
			no, node := rec.No, int32(a.Node)
			r.holdings[i].ArchivedNo, r.holdings[i].ArchivedNode = &no, &node

			continue
		}

		r.archives.ContractIds = append(r.archives.ContractIds, string(a.Contract))
		r.archives.ArchivedNos = append(r.archives.ArchivedNos, rec.No)
		r.archives.ArchivedNodes = append(r.archives.ArchivedNodes, int32(a.Node))
	}

	for _, m := range rec.Moves {
		r.addMove(m)
	}

	return nil
}

// addMove keeps the latest move of a contract in the batch: the greater counter, and of one counter the arrival.
func (r *rows) addMove(m ContractMove) {
	p := &r.holdingMoves

	i, again := r.moved[m.Contract]
	if !again {
		i = len(p.ContractIds)
		r.moved[m.Contract] = i
		p.ContractIds = append(p.ContractIds, string(m.Contract))
		p.SynchronizerIds = append(p.SynchronizerIds, "")
		p.Arrived, p.Counters = append(p.Arrived, false), append(p.Counters, 0)
	}

	if again && (m.Counter < p.Counters[i] || (m.Counter == p.Counters[i] && p.Arrived[i])) {
		return
	}

	p.SynchronizerIds[i], p.Arrived[i], p.Counters[i] = string(m.Synchronizer), m.Arrived, m.Counter
}

// lockColumns turns both limits of a lock into the one moment at which it ends.
func lockColumns(l *token.Lock, created time.Time) (holders []string, expires *time.Time, context *string) {
	if l == nil {
		return nil, nil, nil
	}

	holders = make([]string, 0, len(l.Holders))
	for _, h := range l.Holders {
		holders = append(holders, string(h))
	}

	text := memo.Stored(l.Context)

	return holders, l.Ends(created), &text
}

func (r *rows) addTransfers(rec *Record) error {
	for _, t := range rec.Effects.Transfers {
		no, err := r.number(t.Instrument)
		if err != nil {
			return err
		}

		r.transfers = append(r.transfers, dbsqlc.TransferInsertParams{
			TreasuryID: r.treasury, UpdateNo: rec.No, NodeID: int32(t.Node), Leg: integer(t.Leg),
			Direction: string(t.Direction), Status: string(t.Status), Evidence: string(t.Evidence),
			Sender: t.Sender, Receiver: t.Receiver, InstrumentNo: no, Amount: t.Amount, Memo: storedMemo(t.Memo),
			CorrelationID: optional(t.Correlation), InstructionID: optional(t.Instruction), NextID: optional(t.Next),
			RequestedAt: t.RequestedAt, ExecuteBefore: t.ExecuteBefore,
		})
	}

	return nil
}

func (r *rows) addInstructions(rec *Record) error {
	for _, o := range rec.Effects.Opened {
		t := o.Instruction.Transfer

		no, err := r.number(t.Instrument)
		if err != nil {
			return err
		}

		p := dbsqlc.InstructionInsertParams{
			TreasuryID: r.treasury, ContractID: o.Contract, Direction: string(r.direction(t)),
			CorrelationID: string(o.Instruction.Correlation(o.Contract)),
			Sender:        t.Sender, Receiver: t.Receiver, InstrumentNo: no, Amount: t.Amount,
			RequestedAt: t.RequestedAt, ExecuteBefore: t.ExecuteBefore,
			AwaitsReceiver: o.Instruction.AwaitsReceiver, Inputs: texts(t.Inputs), SynchronizerID: rec.Update.Synchronizer,
			OpenedNo: rec.No, OpenedNode: int32(o.Node),
		}

		if text, ok := t.Meta[token.KeyReason]; ok {
			p.Memo = storedMemo(&text)
		}

		r.bornInstructions[o.Contract] = len(r.instructions)
		r.instructions = append(r.instructions, p)
	}

	for _, c := range rec.Effects.Closed {
		if i, ok := r.bornInstructions[c.Contract]; ok && r.instructions[i].ClosedNo == nil {
			no, node, outcome := rec.No, int32(c.Node), string(c.Status)
			p := &r.instructions[i]
			p.ClosedNo, p.ClosedNode, p.Outcome, p.NextID = &no, &node, &outcome, optional(c.Next)

			continue
		}

		r.closures.ContractIds = append(r.closures.ContractIds, string(c.Contract))
		r.closures.ClosedNos = append(r.closures.ClosedNos, rec.No)
		r.closures.ClosedNodes = append(r.closures.ClosedNodes, int32(c.Node))
		r.closures.Outcomes = append(r.closures.Outcomes, string(c.Status))
		r.closures.NextIds = append(r.closures.NextIds, string(c.Next))
	}

	return nil
}

func (r *rows) addUnrecognized(rec *Record) error {
	if have, want := len(rec.Evidence), len(rec.Effects.Unrecognized); have != want {
		return fmt.Errorf("%d unrecognized events with %d pieces of evidence", want, have)
	}

	for i, u := range rec.Effects.Unrecognized {
		r.unrecognized = append(r.unrecognized, dbsqlc.UnrecognizedInsertParams{
			TreasuryID: r.treasury, UpdateNo: rec.No, NodeID: int32(u.Node), Ordinal: int32(i), Problem: string(u.Problem),
			Detail: memo.Stored(u.Detail), Event: rec.Evidence[i],
		})
	}

	return nil
}

func (r *rows) addPostings(rec *Record) error {
	for _, p := range rec.Entries.Postings {
		no, err := r.number(p.Instrument)
		if err != nil {
			return err
		}

		r.postings = append(r.postings, dbsqlc.PostingInsertParams{
			TreasuryID: r.treasury, Origin: string(p.Origin), OriginNo: rec.No,
			Movement: integer(p.Movement), Line: integer(p.Line),
			AccountKind: string(p.Kind), Account: p.Account, InstrumentNo: no, Amount: p.Amount, PostedAt: rec.Update.RecordTime,
		})
	}

	return nil
}

// number finds what EnsureInstruments registered.
func (r *rows) number(i ident.Instrument) (int32, error) {
	no, ok := r.numbers(i)
	if !ok {
		return 0, fmt.Errorf("instrument %s has no number: %w", i, ErrNotFound)
	}

	return no, nil
}

// direction is the transfer as the treasury sees it.
func (r *rows) direction(t token.Transfer) txhistory.Direction {
	switch {
	case t.Sender == t.Receiver:
		return txhistory.Self
	case t.Sender == r.party:
		return txhistory.Out
	default:
		return txhistory.In
	}
}

func storedMemo(text *string) *string {
	if text == nil {
		return nil
	}

	s := memo.Stored(*text)

	return &s
}

func optional(id ident.ContractID) *string {
	if id == "" {
		return nil
	}

	s := string(id)

	return &s
}

func placeColumns(p *books.Place, no int64) (settledNo *int64, node, leg *int32) {
	if p == nil {
		return nil, nil, nil
	}

	n, l := int32(p.Node), integer(p.Leg)

	return &no, &n, &l
}

// integer makes an SQL integer of a count. All counts here are constants of this program, or count things within one
// update, of which there are fewer than bytes in its message: at most 1 GiB, less than 2^31. Should one exceed it
// after all, it is cut, and what it counts collides with its neighbour's key instead of with a far one's.
func integer(n int) int32 {
	return int32(min(max(n, math.MinInt32), math.MaxInt32))
}
