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
	}

	for _, c := range e.Closed {
		delete(k.Instructions, c.Contract)
	}
}

// parse derives what one update did to the treasury, and moves the knowledge forward.
func parse(c Config, u update.Update, raw []byte, no int64, knowledge *store.Knowledge) (store.Record, error) {
	r := store.Record{No: no, Update: u, Raw: raw}
	view := known{knowledge}

	switch u.Kind {
	case update.Transaction:
		effects, err := txhistory.Parse(c.Party, u, view, txhistory.Options{QuarantineFailedViews: c.QuarantineFailedViews})
		if err != nil {
			return store.Record{}, fmt.Errorf("update %s at offset %d: %w", u.ID, u.Offset, err)
		}

		r.Effects = effects
		view.apply(effects)
	case update.Reassignment, update.Topology, update.Checkpoint:
	}

	for _, problem := range r.Effects.Unrecognized {
		event, err := update.RawEvent(raw, problem.Node)
		if err != nil {
			return store.Record{}, fmt.Errorf("update %s at offset %d: %w", u.ID, u.Offset, err)
		}

		r.Evidence = append(r.Evidence, event)
	}

	return r, nil
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

		r.Entries, err = books.Record(books.Update{No: r.No, ID: r.Update.ID, RecordTime: r.Update.RecordTime}, r.Effects, grounds)
		if err != nil {
			return fmt.Errorf("book update %s at offset %d: %w", r.Update.ID, r.Update.Offset, err)
		}
	}

	return nil
}
