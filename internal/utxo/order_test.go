package utxo

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
)

func TestSortedIsTheOrderOfComparison(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 38).Draw(t, "digits")
		few := make([]units, rapid.IntRange(1, 8).Draw(t, "different amounts"))

		for i := range few {
			_, few[i] = drawUnits(t, most, "amount")
		}

		list := make([]entry, rapid.IntRange(0, 60).Draw(t, "entries"))
		for i := range list {
			list[i].value = rapid.SampledFrom(few).Draw(t, "value").plus(units{
				low: rapid.Uint64Range(0, 3).Draw(t, "little more"),
			})
			list[i].contract = ident.ContractID("00" + strconv.Itoa(rapid.IntRange(0, 99).Draw(t, "id")))
		}

		want := slices.Clone(list)
		slices.SortFunc(want, entry.compare)

		given := slices.Clone(list)
		require.Equal(t, want, sorted(list))
		require.Equal(t, given, list, "the list that is given stays as it is")
	})
}
