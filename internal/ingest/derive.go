package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// known shows the parser what the database knows and what earlier updates of the same batch did.
type known struct{ *store.Knowledge }

// Holding implements txhistory.Known.
func (k known) Holding(id ident.ContractID) (token.Holding, bool) {
	h, ok := k.Holdings[id]

	return h, ok
}

// Instruction implements txhistory.Known.
func (k known) Instruction(id ident.ContractID) (token.Instruction, bool) {
	i, ok := k.Instructions[id]

	return i, ok
}

// apply moves the knowledge forward by one update.
func (k known) apply(e txhistory.Effects) {
	for _, c := range e.Created {
		k.Holdings[c.Contract] = c.Holding
	}

	for _, o := range e.Opened {
		k.Instructions[o.Contract] = o.Instruction
	}

	for _, a := range e.Archived {
		delete(k.Holdings, a.Contract)
		k.Ended[a.Contract] = true
	}

	for _, c := range e.Closed {
		delete(k.Instructions, c.Contract)
		k.Ended[c.Contract] = true
	}
}

// references are the contracts that parse will want to know about.
func references(party ident.Party, u update.Update) []ident.ContractID {
	if u.Kind != update.Reassignment {
		return txhistory.References(party, u)
	}

	ids := make([]ident.ContractID, len(u.Moves))
	for i, m := range u.Moves {
		ids[i] = m.Contract
	}

	return ids
}

// parse derives what one update did to the treasury, and moves the knowledge forward.
func parse(c Config, u update.Update, raw []byte, no int64, knowledge *store.Knowledge) (store.Record, error) {
	r := store.Record{No: no, Update: u, Raw: raw}
	view := known{knowledge}
	options := txhistory.Options{QuarantineFailedViews: c.QuarantineFailedViews}

	var err error

	switch u.Kind {
	case update.Transaction:
		r.Effects, err = txhistory.Parse(c.Party, u, view, options)
	case update.Reassignment:
		r.Effects, r.Moves, err = follow(c.Party, u, view, options)
	case update.Topology, update.Checkpoint:
	}

	if err != nil {
		return store.Record{}, fmt.Errorf("update %s at offset %d: %w", u.ID, u.Offset, err)
	}

	view.apply(r.Effects)
	r.Effects.Unrecognized = bounded(r.Effects.Unrecognized)

	if r.Evidence, err = evidence(u, raw, r.Effects.Unrecognized); err != nil {
		return store.Record{}, fmt.Errorf("update %s at offset %d: %w", u.ID, u.Offset, err)
	}

	return r, nil
}

// maxProblems bounds what is kept of one update that was not understood. Strangers can make thousands of events that
// mean nothing; the whole update is stored anyway.
const maxProblems = 100

// bounded keeps the first problems and says how many more there are.
func bounded(problems []txhistory.Unrecognized) []txhistory.Unrecognized {
	if len(problems) <= maxProblems {
		return problems
	}

	last := problems[maxProblems-1]
	more := len(problems) - maxProblems + 1
	last.Detail = fmt.Sprintf("%d more problems in this update, of which this is the first: %s", more, last.Detail)

	return append(problems[:maxProblems-1:maxProblems-1], last)
}

// evidence cuts out the events of what was not understood. A reassignment is kept whole: it is small.
func evidence(u update.Update, raw []byte, problems []txhistory.Unrecognized) ([][]byte, error) {
	if len(problems) == 0 {
		return nil, nil
	}

	events := map[ident.NodeID][]byte{}

	if u.Kind == update.Transaction {
		var err error
		if events, err = update.RawEvents(raw); err != nil {
			return nil, err
		}
	}

	out := make([][]byte, len(problems))

	for i, problem := range problems {
		event, ok := events[problem.Node]
		if !ok {
			event = raw
		}

		out[i] = event
	}

	return out, nil
}

// book decides whose money the records' effects are. decided is given by a rebuild alone.
func book(
	ctx context.Context, db *store.DB, treasury store.TreasuryID, party ident.Party, records []store.Record, now time.Time,
	decided func(context.Context, []uuid.UUID) (map[uuid.UUID]books.Attribution, error),
) error {
	var questions books.Questions
	for _, r := range records {
		questions.Ask(party, r.Update.ID, r.Effects)
	}

	if err := db.EnsureInstruments(ctx, questions.Instruments, now); err != nil {
		return err
	}

	grounds, err := db.Grounds(ctx, treasury, party, questions)
	if err != nil {
		return err
	}

	if decided != nil {
		if grounds.Decided, err = decided(ctx, questions.DepositIDs); err != nil {
			return err
		}
	}

	for i := range records {
		r := &records[i]

		u := books.Update{No: r.No, ID: r.Update.ID, RecordTime: r.Update.RecordTime}
		if r.Entries, err = books.Record(u, r.Effects, grounds); err != nil {
			return fmt.Errorf("book update %s at offset %d: %w", r.Update.ID, r.Update.Offset, err)
		}
	}

	return nil
}
