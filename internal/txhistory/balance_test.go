package txhistory

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
)

// TestBalanced checks the last line of defence, which nothing that Parse makes should ever reach.
func TestBalanced(t *testing.T) {
	t.Parallel()

	five, six := amounttest.Of("5"), amounttest.Of("6")
	amulet := ident.Instrument{Admin: "DSO::1", ID: "Amulet"}
	other := ident.Instrument{Admin: "mallory::1", ID: "Amulet"}
	created := []HoldingCreated{{Holding: token.Holding{Instrument: amulet, Amount: five}}}
	archived := []HoldingArchived{{Holding: token.Holding{Instrument: amulet, Amount: six}}}

	require.NoError(t, balanced(Effects{}))
	require.NoError(t, balanced(Effects{Created: created, Movements: []Movement{{Instrument: amulet, Change: five}}}))
	require.NoError(t, balanced(Effects{
		Created: created, Archived: archived, Movements: []Movement{{Instrument: amulet, Change: amounttest.Of("-1")}},
	}))
	require.ErrorIs(t, balanced(Effects{Created: created}), ErrUnbalanced)
	require.ErrorIs(t, balanced(Effects{Archived: archived}), ErrUnbalanced)
	require.ErrorIs(t, balanced(Effects{Movements: []Movement{{Instrument: amulet, Change: five}}}), ErrUnbalanced)
	require.ErrorIs(t, balanced(Effects{
		Created: created, Movements: []Movement{{Instrument: other, Change: five}},
	}), ErrUnbalanced)
	require.ErrorIs(t, balanced(Effects{
		Created: created, Movements: []Movement{{Instrument: amulet, Change: six}},
	}), ErrUnbalanced)
}

// TestTotalsAreExactBeyondAmounts checks sums that no amount can hold on the way.
func TestTotalsAreExactBeyondAmounts(t *testing.T) {
	t.Parallel()

	largest := amounttest.Of("9999999999999999999999999999.9999999999")

	var sum total

	sum.add(largest)
	copied := sum
	sum.add(largest)
	sum.add(amounttest.Of("0.0000000001"))
	require.Equal(t, 1, sum.sign())

	_, fits := sum.amount()
	require.False(t, fits)

	wide := sum
	wide.sub(largest)
	wide.sub(largest)
	wide.sub(amounttest.Of("0.0000000001"))
	require.Zero(t, wide.sign())
	require.Equal(t, 1, sum.sign(), "a copy is a copy")

	value, fits := copied.amount()
	require.True(t, fits)
	require.True(t, value.Equal(largest))
}
