package sandbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// bigLedger is a ledger with more contracts than a snapshot looks at in one step.
func bigLedger(t *testing.T) (*Sandbox, ident.Party) {
	t.Helper()

	s, err := New(Config{})
	require.NoError(t, err)
	t.Cleanup(s.Close)

	owner, err := s.AllocateParty("owner")
	require.NoError(t, err)

	for range snapshotStep + 100 {
		_, err := s.Mint(owner, s.AcmeToken(), amount.FromInt(1))
		require.NoError(t, err)
	}

	return s, owner
}

func everythingOf(party ident.Party) *format {
	return &format{byParty: map[ident.Party]*filter{party: {selection: selection{wildcard: true}}}}
}

func TestSnapshotLetsOthersAtTheLedger(t *testing.T) {
	t.Parallel()

	s, owner := bigLedger(t)
	snap, err := s.first().openSnapshot(everythingOf(owner), 0, true)
	require.NoError(t, err)

	found := 0
	err = snap.run(t.Context(), func(activeJSON, int) (bool, error) {
		found++
		if found == 1 {
			_, err := s.Mint(owner, s.AcmeToken(), amount.FromInt(1)) // would wait forever if the ledger were held
			require.NoError(t, err)
			require.NoError(t, s.Prune(snap.at))
		}

		return true, nil
	})
	require.NoError(t, err)
	require.Equal(t, snapshotStep+100, found, "what came later is not part of it")
}

func TestSnapshotEndsWhenItIsPruned(t *testing.T) {
	t.Parallel()

	s, owner := bigLedger(t)
	snap, err := s.first().openSnapshot(everythingOf(owner), 0, true)
	require.NoError(t, err)

	pruned := false
	err = snap.run(t.Context(), func(activeJSON, int) (bool, error) {
		if !pruned {
			pruned = true
			_, err := s.Mint(owner, s.AcmeToken(), amount.FromInt(1))
			require.NoError(t, err)
			require.NoError(t, s.Prune(s.LedgerEnd()))
		}

		return true, nil
	})
	require.ErrorContains(t, err, "PARTICIPANT_PRUNED_DATA_ACCESSED")
}
