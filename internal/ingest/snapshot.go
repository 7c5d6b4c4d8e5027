package ingest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

const (
	// maxSnapshot bounds the contracts of an opening snapshot. A treasury is advised to keep some hundred holdings.
	maxSnapshot = 500_000
	// snapshotChunk is how many of them make one record.
	snapshotChunk = 1000
)

// takeSnapshot begins a history with what is active now: the holdings become the opening balance, the open
// instructions become offers. Reading the ledger end, the contracts at that offset and then the updates after it
// leaves no gap and repeats nothing.
func (s *Service) takeSnapshot(ctx context.Context, treasury store.TreasuryID, f facts) error {
	var contracts []ledger.ActiveContract

	err := s.node.ActiveContracts(ctx, s.config.Party, f.ledgerEnd, func(c ledger.ActiveContract) error {
		if len(contracts) == maxSnapshot {
			return fmt.Errorf("the treasury has more than %d active contracts: "+
				"merge holdings before starting from a snapshot", maxSnapshot)
		}

		contracts = append(contracts, c)

		return nil
	})
	if err != nil {
		return fmt.Errorf("take snapshot at offset %d: %w", f.ledgerEnd, err)
	}

	records, err := snapshotRecords(s.config, f.participant, f.ledgerEnd, contracts)
	if err != nil {
		return fmt.Errorf("take snapshot at offset %d: %w", f.ledgerEnd, err)
	}

	if err := book(ctx, s.db, treasury, s.config.Party, records, s.clock.Now(), nil); err != nil {
		return err
	}

	cursor := firstCursor(treasury, f.participant, f.ledgerEnd)
	if err := s.db.ApplyOpening(ctx, cursor, s.config.Party, records, s.clock.Now()); err != nil {
		return err
	}

	s.log.InfoContext(ctx, "began with the contracts that are active now",
		slog.Int64("offset", int64(f.ledgerEnd)), slog.Int("contracts", len(contracts)))

	return nil
}

// snapshotRecords makes records number 0 of the active contracts, as if one transaction had created each chunk of
// them, and books what they hold as the opening balance.
func snapshotRecords(
	c Config, node ident.ParticipantID, at ident.Offset, contracts []ledger.ActiveContract,
) ([]store.Record, error) {
	knowledge := store.Knowledge{
		Holdings: map[ident.ContractID]token.Holding{}, Instructions: map[ident.ContractID]token.Instruction{},
		Ended: map[ident.ContractID]bool{},
	}

	var records []store.Record

	latest := latestCreation(contracts)

	slices.SortStableFunc(contracts, func(a, b ledger.ActiveContract) int {
		return cmp.Compare(a.Synchronizer, b.Synchronizer)
	})

	for chunk := range chunks(contracts) {
		u := update.Update{
			Kind: update.Transaction, Offset: at, ID: ident.UpdateID(fmt.Sprintf("snapshot:%s:%d", node, at)),
			Synchronizer: chunk[0].Synchronizer, RecordTime: latest,
		}

		for i, contract := range chunk {
			//nolint:gosec // at most maxSnapshot chunks of snapshotChunk contracts: 5e8
			id := ident.NodeID(len(records)*snapshotChunk + i)
			u.Events = append(u.Events, update.Event{Node: id, Created: contract.Created})
		}

		r, err := snapshotRecord(c, u, &knowledge)
		if err != nil {
			return nil, err
		}

		for _, contract := range chunk {
			r.Moves = append(r.Moves, movesSoFar(contract)...)
		}

		records = append(records, r)
	}

	return records, nil
}

func snapshotRecord(c Config, u update.Update, knowledge *store.Knowledge) (store.Record, error) {
	options := txhistory.Options{QuarantineFailedViews: c.QuarantineFailedViews}

	effects, err := txhistory.Parse(c.Party, u, known{knowledge}, options)
	if err != nil {
		return store.Record{}, err
	}

	known{knowledge}.apply(effects)

	// That a holding appears without a choice around it is what a snapshot is.
	effects.Unrecognized = slices.DeleteFunc(effects.Unrecognized, func(p txhistory.Unrecognized) bool {
		return p.Problem == txhistory.ProblemBareCreate
	})
	for i := range effects.Movements {
		effects.Movements[i].Kind, effects.Movements[i].Transfer = txhistory.MoveOpening, -1
	}

	u.Kind, u.Events = store.SnapshotKind, nil
	r := store.Record{Update: u, Effects: effects}

	for range effects.Unrecognized {
		r.Evidence = append(r.Evidence, []byte("null")) // a snapshot has no events to show
	}

	return r, nil
}

// chunks cuts contracts that are sorted by synchronizer into runs of one synchronizer.
func chunks(contracts []ledger.ActiveContract) iter.Seq[[]ledger.ActiveContract] {
	return func(yield func([]ledger.ActiveContract) bool) {
		for begin := 0; begin < len(contracts); {
			most, end := min(len(contracts), begin+snapshotChunk), begin
			for end < most && contracts[end].Synchronizer == contracts[begin].Synchronizer {
				end++
			}

			if !yield(contracts[begin:end]) {
				return
			}

			begin = end
		}
	}
}

// movesSoFar is what a contract's row must know of its reassignments.
func movesSoFar(c ledger.ActiveContract) []store.ContractMove {
	m := store.ContractMove{Contract: c.Created.Contract, Synchronizer: c.Synchronizer, Arrived: true, Counter: c.Counter}

	switch {
	case c.InFlight == ledger.Leaving:
		m.Arrived, m.Counter = false, c.Counter+1
	case c.Counter == 0:
		return nil
	}

	return []store.ContractMove{m}
}

// latestCreation stands in for the record time that a snapshot does not have.
func latestCreation(contracts []ledger.ActiveContract) time.Time {
	var latest time.Time

	for _, c := range contracts {
		if c.Created.CreatedAt.After(latest) {
			latest = c.Created.CreatedAt
		}
	}

	return latest
}
