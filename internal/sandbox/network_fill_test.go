package sandbox_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

func TestFillMakesWhatItIsTold(t *testing.T) {
	t.Parallel()

	for _, v2 := range []bool{false, true} {
		n := newBare(t, sandbox.Config{EventsV2: v2})
		before := n.Parties()
		end := n.LedgerEnd()

		// More than one transaction for each of the seven.
		require.NoError(t, n.Fill(t.Context(), sandbox.Fill{Holdings: 4205, Parties: 7}))

		total := amt("0")

		holders := n.Parties()[len(before):]
		require.Len(t, holders, 7)

		for i, holder := range holders {
			holdings, err := n.Holdings(holder)
			require.NoError(t, err)
			require.Len(t, holdings, 4205/7+min(1, max(0, 4205%7-i)))
			require.Len(t, n.ActiveContracts(holder), len(holdings))

			owned, err := n.Total(holder, n.AcmeToken())
			require.NoError(t, err)

			total, err = total.Add(owned)
			require.NoError(t, err)
		}

		minted, burned := n.Supply(n.AcmeToken())
		require.True(t, total.Equal(minted), "%s instead of %s", total, minted)
		require.True(t, burned.IsZero())

		updates := n.Updates(holders[0])
		require.Len(t, updates, 2)
		require.Greater(t, updates[0].Offset, end)

		// What was made can be spent.
		_, err := n.Transfer(sandbox.TransferRequest{
			Sender: holders[0], Receiver: holders[1], Instrument: n.AcmeToken(), Amount: amt("1000"),
		})
		require.NoError(t, err)
	}
}

func TestFillThatCannotBe(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{MaxParties: 5})
	require.ErrorIs(t, n.Fill(t.Context(), sandbox.Fill{Holdings: -1}), sandbox.ErrInvalid)
	require.ErrorIs(t, n.Fill(t.Context(), sandbox.Fill{Holdings: 1, Parties: -1}), sandbox.ErrInvalid)
	require.ErrorIs(t, n.Fill(t.Context(), sandbox.Fill{Holdings: 100}), sandbox.ErrFull)
	require.NoError(t, n.Fill(t.Context(), sandbox.Fill{}))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, newBare(t, sandbox.Config{}).Fill(ctx, sandbox.Fill{Holdings: 1}), context.Canceled)
}
