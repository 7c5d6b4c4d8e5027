package ingest

import (
	"cmp"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/update"
)

// clocks remembers per synchronizer the last record time that is in the database, so that a checkpoint that says
// nothing new costs no transaction.
type clocks map[ident.SynchronizerID]time.Time

// moved gives the clocks that a run moves forward. Record times of different synchronizers are never compared.
func (c clocks) moved(run []decoded) []store.Clock {
	latest := map[ident.SynchronizerID]time.Time{}

	note := func(s ident.SynchronizerID, t time.Time) {
		if before, ok := latest[s]; s != "" && (!ok || t.After(before)) {
			latest[s] = t
		}
	}

	for _, d := range run {
		if d.update.Kind == update.Checkpoint {
			for _, t := range d.update.Times {
				note(t.Synchronizer, t.RecordTime)
			}

			continue
		}

		note(d.update.Synchronizer, d.update.RecordTime)
	}

	var out []store.Clock

	for s, t := range latest {
		if before, ok := c[s]; !ok || t.After(before) {
			out = append(out, store.Clock{Synchronizer: s, RecordTime: t})
		}
	}

	slices.SortFunc(out, func(a, b store.Clock) int { return cmp.Compare(a.Synchronizer, b.Synchronizer) })

	return out
}

func (c clocks) advance(moved []store.Clock) {
	for _, m := range moved {
		c[m.Synchronizer] = m.RecordTime
	}
}
