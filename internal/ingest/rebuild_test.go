package ingest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"
)

// differing gives the tables in which a rebuild differs.
func differing(t *testing.T, db *store.DB, party ident.Party, replace bool) []string {
	t.Helper()

	differences, err := ingest.Rebuild(t.Context(), db, party, replace, clock.System{})
	require.NoError(t, err)

	var tables []string

	for _, d := range differences {
		if d.OnlyRebuilt+d.OnlyStored > 0 {
			tables = append(tables, d.Table)
		}
	}

	return tables
}

func exec(t *testing.T, db *store.DB, statement string) {
	t.Helper()

	tag, err := db.Pool().Exec(t.Context(), statement)
	require.NoError(t, err)
	require.Positive(t, tag.RowsAffected(), "the statement changed nothing: %s", statement)
}

func TestRebuildGivesTheSameRows(t *testing.T) {
	t.Parallel()

	for name, config := range map[string]sandbox.Config{
		"current shape":        {Seed: 1},
		"recorded shape":       {Seed: 2, Shape: sandbox.ShapeRecorded},
		"V2 events":            {Seed: 3, EventsV2: true},
		"pending after accept": {Seed: 4, Workflow: sandbox.AcmePending},
	} {
		for _, start := range []ingest.Start{ingest.FromGenesis, ingest.FromSnapshot} {
			t.Run(name+" from "+string(start), func(t *testing.T) {
				t.Parallel()

				n, db := startNetwork(t, config), open(t)
				memos := map[string]string{"ACC-1": "one", "ACC-2": "two"}
				treasury := register(t, db, n.treasury, memos, n.Amulet(), n.AcmeToken())

				n.trade(t, config.Seed, 150)

				if start == ingest.FromSnapshot {
					n.ingest(t, db, start) // what was before is the opening balance
					n.trade(t, config.Seed+100, 150)
				}

				n.ingest(t, db, start)
				n.requireReconciled(t, db, treasury)

				// A memo that is disabled later must not change whose the money was.
				exec(t, db, "UPDATE deposit_accounts SET enabled = false WHERE memo = 'ACC-1'")
				require.Empty(t, differing(t, db, n.treasury, false))
			})
		}
	}
}

func TestRebuildRepairsWhatWasDamaged(t *testing.T) {
	t.Parallel()

	n, db := startNetwork(t, sandbox.Config{Seed: 5}), open(t)
	treasury := register(t, db, n.treasury, map[string]string{"ACC-1": "one", "ACC-2": "two"}, n.Amulet(), n.AcmeToken())

	n.trade(t, 5, 200)
	n.ingest(t, db, ingest.FromGenesis)

	for _, damage := range []struct{ table, statement string }{
		{"holdings", "UPDATE holdings SET amount = amount + 1 WHERE archived_no IS NULL"},
		{"transfers", "DELETE FROM transfers WHERE direction = 'in'"},
		{"transfer_instructions", "UPDATE transfer_instructions SET memo = 'somebody else' WHERE memo IS NOT NULL"},
		{"unrecognized", "DELETE FROM unrecognized"},
		{"postings", "SET ces.rebuild = 'on'; DELETE FROM postings"},
	} {
		exec(t, db, damage.statement)
		require.Equal(t, []string{damage.table}, differing(t, db, n.treasury, false), "a check must only tell")
		require.Equal(t, []string{damage.table}, differing(t, db, n.treasury, false), "and change nothing")
		require.Equal(t, []string{damage.table}, differing(t, db, n.treasury, true))
		require.Empty(t, differing(t, db, n.treasury, false))
		n.requireReconciled(t, db, treasury)
	}

	n.trade(t, 6, 50)
	n.ingest(t, db, ingest.FromGenesis)
	n.requireReconciled(t, db, treasury)
}

func TestRebuildNeedsTheRawUpdates(t *testing.T) {
	t.Parallel()

	n, db := startNetwork(t, sandbox.Config{Seed: 7}), open(t)
	register(t, db, n.treasury, nil, n.Amulet())

	n.trade(t, 7, 20)
	n.ingest(t, db, ingest.FromGenesis)
	exec(t, db, "DELETE FROM ledger_update_bodies WHERE update_no = 2")

	_, err := ingest.Rebuild(t.Context(), db, n.treasury, true, clock.System{})
	require.ErrorIs(t, err, store.ErrBodyGone)
}
