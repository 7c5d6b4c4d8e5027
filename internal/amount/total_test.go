package amount_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
)

func TestTotalsAgreeWithIntegersAndHaveNoRange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var (
			sum  amount.Total
			want = new(big.Int)
		)

		for range rapid.IntRange(0, 20).Draw(t, "terms") {
			n, a := scaled(t, "term")
			sum, want = sum.Plus(a), want.Add(want, n)
		}

		require.Equal(t, text(want), sum.String())

		back, err := amount.ParseTotal(sum.String())
		require.NoError(t, err)
		require.True(t, sum.Equal(back))
		require.Equal(t, want.Sign() == 0, sum.IsZero())
		require.Equal(t, text(new(big.Int).Add(want, want)), sum.PlusTotal(back).String())
	})

	most := amounttest.Of(strings.Repeat("9", 28))
	require.Equal(t, "1"+strings.Repeat("9", 27)+"8.0000000000", amount.Total{}.Plus(most).Plus(most).String())
}

func TestParseTotalRefuses(t *testing.T) {
	t.Parallel()

	for _, bad := range []string{"", "-", "1e5", "NaN", ".5", "5.", "+1", strings.Repeat("1", 81)} {
		_, err := amount.ParseTotal(bad)
		require.ErrorIs(t, err, amount.ErrSyntax, bad)
	}

	var total amount.Total
	require.ErrorIs(t, total.Scan(nil), amount.ErrSyntax)
	require.NoError(t, total.Scan([]byte("1.50")))
	require.Equal(t, "1.5", total.Short())
}
