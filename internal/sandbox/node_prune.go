package sandbox

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
)

// Prune makes the node forget every update up to and including offset, and every contract archived by then. Streams
// that are still behind it end with PARTICIPANT_PRUNED_DATA_ACCESSED.
func (v *Validator) Prune(offset ident.Offset) error {
	v.mu.Lock()
	defer v.mu.Unlock()

	if offset <= v.prunedTo || offset > v.end {
		return fmt.Errorf("%w: prune up to %d: want more than %d and at most %d",
			ErrInvalid, offset, v.prunedTo, v.end)
	}

	v.prune(offset)
	v.automateInTurn() // there may be room for it now

	return nil
}

func (v *Validator) prune(offset ident.Offset) {
	kept := v.history[v.after(offset):]
	v.history = append(make([]*update, 0, len(kept)), kept...)
	v.prunedTo = offset
	v.lookups = updateIndex{}
	v.forget()
	v.forgetCompletions()
	v.publish()
}

// forget drops the contracts whose end every node that saw them has pruned.
func (s *Sandbox) forget() {
	live := make([]*contract, 0, len(s.order))

	for _, c := range s.order {
		if c.active() || !s.prunedEverywhere(c.archived) {
			live = append(live, c)
		} else {
			delete(s.contracts, c.id)
		}
	}

	s.order = live
}

// prunedEverywhere reports whether every node has pruned what it has at these offsets.
func (s *Sandbox) prunedEverywhere(at offsets) bool {
	return !slices.ContainsFunc(s.validators, func(v *Validator) bool { return at[v.index] > v.prunedTo })
}

// PrunedUpTo is the offset up to which the node's history is gone; 0 when it was never pruned.
func (v *Validator) PrunedUpTo() ident.Offset {
	v.mu.Lock()
	defer v.mu.Unlock()

	return v.prunedTo
}

// makeRoom prunes the older half of what the node keeps when n more updates, or one more completion, no longer fit.
// Without Config.AutoPrune nothing happens: who has no room then is refused.
func (v *Validator) makeRoom(n int) {
	if v.cfg.AutoPrune && (len(v.history)+n > v.cfg.MaxUpdates || v.fullOfCompletions()) {
		v.pruneHalf()
	}
}

// pruneHalf prunes the older half of the history, and of the completions when they are full.
func (v *Validator) pruneHalf() {
	var offset ident.Offset

	if h := v.history; len(h) > 0 {
		offset = h[(len(h)-1)/2].offsets[v.index]
	}

	if c := v.completions; v.fullOfCompletions() {
		offset = max(offset, c[(len(c)-1)/2].offset)
	}

	if offset <= v.prunedTo {
		return
	}

	v.prune(offset)
	v.books.trim(v.Sandbox)
	v.cfg.Logger.Info("pruned the older half of the history", slog.String("node", v.participant),
		slog.Int64("offset", int64(offset)), slog.Int("updates_left", len(v.history)),
		slog.Int("max_updates", v.cfg.MaxUpdates))
}

func (v *Validator) fullOfCompletions() bool {
	return len(v.completions) >= completionsPerUpdate*v.cfg.MaxUpdates
}

// roomInBooks reports whether the books take n more transfers. When they are full, they forget those that have ended
// and that no node remembers: until then everything stays there to compare with.
func (s *Sandbox) roomInBooks(n int) error {
	most := booksPerUpdate * s.cfg.MaxUpdates
	if len(s.books.transfers)+n > most {
		s.books.trim(s)
	}

	if len(s.books.transfers)+n > most && s.cfg.AutoPrune { // many transfers were made in few updates
		for _, v := range s.validators {
			v.pruneHalf()
		}
	}

	if kept := len(s.books.transfers); kept+n > most {
		return fmt.Errorf("the books hold %d transfers, prune first: %w", kept, ErrFull)
	}

	return nil
}

// trim drops the transfers that have ended with an update which every node has pruned.
func (b *books) trim(s *Sandbox) {
	var pruned offsets
	for _, v := range s.validators {
		pruned[v.index] = v.prunedTo
	}

	if b.trimmed == pruned { // nothing has been pruned since
		return
	}

	b.trimmed = pruned
	kept := make([]*Transfer, 0, len(b.transfers))

	for _, t := range b.transfers {
		if t.open() || !s.prunedEverywhere(t.last) {
			kept = append(kept, t)
		}
	}

	b.transfers = kept
}

// open reports whether the transfer is still an offer.
func (t *Transfer) open() bool { return t.State == TransferOffered || t.State == TransferPending }
