package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// writer turns runs of decoded updates into batches, one database transaction each.
type writer struct {
	service *Service
	cursor  store.Cursor
	clocks  clocks
	applied bool
	// stored counts this session's updates; at analyzeAt the database's statistics are refreshed.
	stored, analyzeAt int
}

const (
	// firstAnalyze is after how many updates of a session the database's statistics are refreshed, and analyzeFactor
	// how much later each further time: often while a first history is read in, never again in quiet operation.
	firstAnalyze  = 1000
	analyzeFactor = 8
)

func newWriter(s *Service, c store.Cursor, told []store.Clock) *writer {
	w := &writer{service: s, cursor: c, clocks: clocks{}, analyzeAt: firstAnalyze}
	w.clocks.advance(told)

	return w
}

// write stores a run of consecutive updates. When it returns nil they are durable. When one of them is at fault, those
// before it are durable all the same: the run is then stored update by update up to the one that cannot be.
func (w *writer) write(ctx context.Context, run []decoded) error {
	err := w.writeTogether(ctx, run)
	if err == nil || len(run) == 1 || ctx.Err() != nil || store.IsAway(err) || errors.Is(err, store.ErrFenced) {
		return err
	}

	for i := range run {
		if err := w.writeTogether(ctx, run[i:i+1]); err != nil {
			return err
		}
	}

	return nil
}

func (w *writer) writeTogether(ctx context.Context, run []decoded) error {
	if err := w.checkOrder(run); err != nil {
		return err
	}

	before := w.cursor.Position

	err := w.attempt(ctx, run, nil)
	if mayBeKnown(err) {
		err = w.attemptWithoutKnown(ctx, run, err)
	}

	if err != nil {
		return err
	}

	if w.cursor.Position != before { // and not only a checkpoint that repeats where we are
		w.applied = true
		w.service.recovered(ctx)
	}

	w.service.metrics.stored(w.service.clock.Now(), run)

	if w.stored += len(run); w.stored >= w.analyzeAt {
		w.analyzeAt *= analyzeFactor

		// The updates are stored: worse statistics are slower, and nothing else.
		if err := w.service.db.Analyze(ctx); err != nil {
			w.service.log.WarnContext(ctx, "the database's statistics were not refreshed", slog.String("error", err.Error()))
		}
	}

	return nil
}

// checkOrder refuses a stream that goes back or repeats itself. A checkpoint may repeat an offset: it says that
// nothing else happened.
func (w *writer) checkOrder(run []decoded) error {
	last := w.cursor.Position.Offset

	for _, d := range run {
		u := d.update
		if u.Offset < last || (u.Offset == last && u.Kind != update.Checkpoint) {
			return fmt.Errorf("%w: %s at offset %d after offset %d", update.ErrMalformed, u.Kind, u.Offset, last)
		}

		last = u.Offset
	}

	return nil
}

// attempt writes the run, leaving out the updates that are in the database already.
func (w *writer) attempt(ctx context.Context, run []decoded, known map[ident.UpdateID]bool) error {
	s := w.service

	records, err := w.derive(ctx, run, known)
	if err != nil {
		return err
	}

	from := w.cursor.Position
	to := store.Position{Offset: run[len(run)-1].update.Offset, No: from.No + int64(len(records))}
	moved := w.clocks.moved(run)

	if to == from && len(moved) == 0 {
		return nil // a checkpoint that says nothing new
	}

	lastID := w.cursor.LastID
	if len(records) > 0 {
		lastID = records[len(records)-1].Update.ID
	}

	b := store.Batch{
		Treasury: w.cursor.Treasury, Party: s.config.Party, Epoch: w.cursor.Epoch, From: from, To: to, LastID: lastID,
		Clocks: moved, Records: records, Now: s.clock.Now(),
	}
	if err := s.db.Apply(ctx, b); err != nil {
		return fmt.Errorf("store updates after offset %d: %w", from.Offset, err)
	}

	w.cursor.Position, w.cursor.LastID = to, lastID
	w.clocks.advance(moved)
	w.report(ctx, records)

	return nil
}

// mayBeKnown reports whether an error is what an update gives that is in the database already.
func mayBeKnown(err error) bool {
	refused, ok := errors.AsType[*StartError](err)

	return errors.Is(err, store.ErrKnownUpdate) || errors.Is(err, store.ErrContradiction) ||
		errors.Is(err, txhistory.ErrContradiction) || (ok && refused.Refusal == OtherHistory)
}

// attemptWithoutKnown handles the overlap after a change of node, when the new node tells again what the old one told.
// If nothing of the run is known, the first attempt's error stands.
func (w *writer) attemptWithoutKnown(ctx context.Context, run []decoded, first error) error {
	ids := make([]ident.UpdateID, 0, len(run))

	for _, d := range run {
		if d.update.Kind != update.Checkpoint {
			ids = append(ids, d.update.ID)
		}
	}

	known, err := w.service.db.KnownUpdates(ctx, w.cursor.Treasury, ids)
	if err != nil {
		return errors.Join(first, err)
	}

	if len(known) == 0 {
		return first
	}

	w.service.log.WarnContext(ctx, "the node told updates that are in the database already; they are left out",
		slog.Int("updates", len(known)), slog.Int64("after_offset", int64(w.cursor.Position.Offset)))

	return w.attempt(ctx, run, known)
}

// derive parses and books the updates one after the other, each on the ground of those before it.
func (w *writer) derive(ctx context.Context, run []decoded, known map[ident.UpdateID]bool) ([]store.Record, error) {
	var references []ident.ContractID
	for _, d := range run {
		references = append(references, d.references...)
	}

	party := w.service.config.Party

	knowledge, err := w.service.db.Known(ctx, w.cursor.Treasury, party, references)
	if err != nil {
		return nil, err
	}

	records := make([]store.Record, 0, len(run))
	no := w.cursor.Position.No

	for _, d := range run {
		if d.update.Kind == update.Checkpoint || known[d.update.ID] {
			continue
		}

		if err := w.clocks.check(d.update); err != nil {
			return nil, err
		}

		no++

		record, err := parse(w.service.config, d.update, d.raw, no, &knowledge)
		if err != nil {
			return nil, err
		}

		records = append(records, record)
	}

	return records, book(ctx, w.service.db, w.cursor.Treasury, party, records, w.service.clock.Now(), nil)
}

// report logs what a person should see, and counts it.
func (w *writer) report(ctx context.Context, records []store.Record) {
	for _, r := range records {
		for _, u := range r.Effects.Unrecognized {
			w.service.metrics.unrecognized(u.Problem)
			w.service.log.WarnContext(ctx,
				"the ledger shows something that nothing explains; it is kept in balance and stored for review",
				slog.String("problem", string(u.Problem)), slog.String("detail", u.Detail),
				slog.String("update_id", string(r.Update.ID)), slog.Int64("offset", int64(r.Update.Offset)),
				slog.Int("node", int(u.Node)))
		}

		for _, h := range r.Update.Hosting {
			w.service.log.WarnContext(ctx, "the hosting of a party changed",
				slog.String("change", h.Change), slog.String("party", string(h.Party)),
				slog.String("participant", h.Participant), slog.String("permission", h.Permission),
				slog.String("update_id", string(r.Update.ID)))
		}

		for _, e := range r.Entries.Deposits {
			w.service.metrics.deposit(e.Attribution.State)
		}

		for _, e := range r.Entries.Settlements {
			w.service.metrics.deposit(e.Attribution.State)
		}

		for _, e := range r.Entries.Recovered {
			if e.State != withdrawal.Failed {
				w.service.log.WarnContext(ctx, "money left the treasury without a request in this database",
					slog.String("withdrawal_id", e.ID), slog.String("amount", e.Amount.String()),
					slog.String("instrument", e.Instrument.String()), slog.String("update_id", string(r.Update.ID)))
			}
		}
	}
}
