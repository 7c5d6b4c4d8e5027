package ingest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/store"
)

// TestDecide goes through what a start can find. The order matters: what must be mended first is told first.
func TestDecide(t *testing.T) {
	t.Parallel()

	// ours is a database that is at offset 50 of node n with rules 2, and a node that goes on from there.
	ours := func(edit func(*facts)) facts {
		f := facts{start: FromGenesis, participant: "n", ledgerEnd: 100, derivation: 2, cursor: &store.Cursor{
			Participant: "n", Position: store.Position{Offset: 50, No: 7}, Derivation: 2,
		}}
		edit(&f)

		return f
	}
	first := func(edit func(*facts)) facts {
		return ours(func(f *facts) {
			f.cursor = nil
			edit(f)
		})
	}
	strange := store.RecentUpdate{No: 7, ID: "u7", Offset: 50}

	for name, tc := range map[string]struct {
		facts   facts
		action  action
		refusal Refusal
		wayOut  string
	}{
		"goes on":                      {ours(func(*facts) {}), resume, "", ""},
		"at the ledger end":            {ours(func(f *facts) { f.ledgerEnd = 50 }), resume, "", ""},
		"pruned up to the cursor":      {ours(func(f *facts) { f.pruned = 50 }), resume, "", ""},
		"the start says snapshot":      {ours(func(f *facts) { f.start = FromSnapshot }), resume, "", ""},
		"first start":                  {first(func(*facts) {}), beginAtGenesis, "", ""},
		"first start, snapshot":        {first(func(f *facts) { f.start = FromSnapshot }), beginWithSnapshot, "", ""},
		"first start, pruned":          {first(func(f *facts) { f.pruned = 1 }), 0, Pruned, "CES_INGEST_START=snapshot"},
		"first start, pruned snapshot": {first(func(f *facts) { f.pruned, f.start = 9, FromSnapshot }), beginWithSnapshot, "", ""},
		"older rules":                  {ours(func(f *facts) { f.derivation = 3 }), 0, OldDerivation, "treasury rebuild"},
		"newer rules":                  {ours(func(f *facts) { f.derivation = 1 }), 0, NewerDerivation, "start the newer program"},
		"halted":                       {ours(func(f *facts) { f.cursor.Halted = "run `treasury move-node`" }), 0, Halted, "treasury move-node"},
		"another node":                 {ours(func(f *facts) { f.participant = "m" }), 0, OtherNode, "treasury move-node"},
		"halted and another node":      {ours(func(f *facts) { f.participant, f.cursor.Halted = "m", "why" }), 0, Halted, "why"},
		"beyond the end":               {ours(func(f *facts) { f.ledgerEnd = 49 }), 0, BeyondLedgerEnd, "treasury move-node"},
		"another history":              {ours(func(f *facts) { f.strange = &strange }), 0, OtherHistory, "treasury move-node"},
		"pruned beyond the cursor":     {ours(func(f *facts) { f.pruned = 51 }), 0, Pruned, "treasury move-node"},
		"older rules on another node":  {ours(func(f *facts) { f.derivation, f.participant = 3, "m" }), 0, OldDerivation, "treasury rebuild"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, err := decide(tc.facts)
			require.Equal(t, tc.action, got)

			refused, ok := errors.AsType[*StartError](err)
			require.Equal(t, tc.refusal != "", ok, "%v", err)

			if ok {
				require.Equal(t, tc.refusal, refused.Refusal)
				require.Contains(t, refused.Message, tc.wayOut)
			}
		})
	}
}
