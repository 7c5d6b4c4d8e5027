package sandbox

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
)

func bounded(t *testing.T) *Sandbox {
	t.Helper()

	s, err := New(Config{})
	require.NoError(t, err)
	t.Cleanup(s.Close)

	return s
}

// TestContractsAreBounded, however often somebody prunes. A full ledger still lets its contracts go.
func TestContractsAreBounded(t *testing.T) {
	t.Parallel()

	s := bounded(t)
	owner, err := s.AllocateParty("owner")
	require.NoError(t, err)

	s.contractsAtMost = len(s.contracts) + 10
	tap := func() error {
		_, err := s.Tap(owner, amounttest.Of("1"))
		if pruned := s.Prune(s.LedgerEnd()); err == nil {
			require.NoError(t, pruned)
		}

		return err
	}

	for range 10 {
		require.NoError(t, tap())
	}

	require.ErrorIs(t, tap(), ErrFull)
	require.Len(t, s.contracts, s.contractsAtMost)

	_, err = s.Merge(owner, s.Amulet(), amounttest.Of("10"))
	require.NoError(t, err)
	require.NoError(t, s.Prune(s.LedgerEnd()))
	require.NoError(t, tap())
}

// TestAnnotationsOfAllPartiesAreBounded, as those of each are.
func TestAnnotationsOfAllPartiesAreBounded(t *testing.T) {
	t.Parallel()

	s := bounded(t)
	v := s.first()
	most := map[string]string{"k": strings.Repeat("x", maxAnnotationBytes-1)}

	var last ident.Party

	for i := range maxAllAnnotations / maxAnnotationBytes {
		party, err := v.allocateLocal("party-"+strconv.Itoa(i), most)
		require.NoError(t, err)

		last = party
	}

	_, err := v.allocateLocal("one-more", map[string]string{"k": "x"})
	require.ErrorContains(t, err, "sandbox is full")

	_, err = v.allocateLocal("without", nil)
	require.NoError(t, err)

	_, err = v.annotate(last, "", map[string]string{"k": strings.Repeat("y", maxAnnotationBytes-1)})
	require.NoError(t, err, "no more than before")

	_, err = v.annotate(last, "", map[string]string{"k": ""})
	require.NoError(t, err)

	_, err = v.allocateLocal("one-more", map[string]string{"k": "x"})
	require.NoError(t, err)
}
