package utxo

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
)

// drawUnits draws a number of up to so many digits, with big.Int as the oracle.
func drawUnits(t *rapid.T, most int, label string) (*big.Int, units) {
	length := rapid.IntRange(1, most).Draw(t, label+" digits")
	text := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), length, length, -1).Draw(t, label)
	n, ok := new(big.Int).SetString(text, 10)
	require.True(t, ok)

	low := new(big.Int).SetUint64(1<<64 - 1)
	word := func(i uint) uint64 {
		return new(big.Int).And(new(big.Int).Rsh(n, 64*i), low).Uint64()
	}

	return n, units{high: word(2), middle: word(1), low: word(0)}
}

func TestUnitsAgreeWithIntegers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, u := drawUnits(t, 57, "u")
		y, v := drawUnits(t, 57, "v")

		require.Equal(t, x.String(), u.scaled().String())
		require.Equal(t, new(big.Int).Add(x, y).String(), u.plus(v).scaled().String())
		require.Equal(t, x.Cmp(y), u.cmp(v))
		require.Equal(t, x.Cmp(y) < 0, u.less(v))
		require.Equal(t, x.Sign() == 0, u.isZero())
		require.Equal(t, new(big.Int).Rsh(x, 1).String(), u.half().scaled().String())
		require.Equal(t, x.BitLen(), u.bitLen())

		difference := new(big.Int).Sub(x, y)
		if difference.Sign() < 0 {
			difference.SetInt64(0)
		}

		require.Equal(t, difference.String(), u.minus(v).scaled().String())

		shift := rapid.IntRange(0, 127).Draw(t, "shift")
		low := new(big.Int).And(new(big.Int).Rsh(x, uint(shift)), new(big.Int).SetUint64(1<<64-1))
		require.Equal(t, low.Uint64(), u.above(shift))
	})
}

func TestUnitsAreAmounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, u := drawUnits(t, 57, "u")

		a, err := amount.FromScaled(x)
		got, ok := u.amount()
		require.Equal(t, err == nil, ok)
		require.True(t, a.Equal(got))

		if ok {
			require.Equal(t, u, unitsOf(a))
			require.Equal(t, a.String(), u.total().String())
		}

		// Twice what an amount holds, and more, is still a total.
		sum := amount.Total{}.Plus(a).Plus(a)
		if ok {
			require.Equal(t, sum.String(), u.plus(u).total().String())
		}

		n, ok := new(big.Int).SetString(u.total().String()[:len(u.total().String())-11], 10)
		require.True(t, ok)
		require.Equal(t, new(big.Int).Quo(x, big.NewInt(10_000_000_000)).String(), n.String())
	})
}
