package payout_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func TestOneStep(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)
	w.pay()

	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	require.Equal(t, "70", w.balance(w.Amulet()))

	w.untilState("w-1", withdrawal.Completed)
	require.Equal(t, "30", w.received(w.shop, w.Amulet()))
	require.Equal(t, "70", w.balance(w.Amulet()))
	w.reconciled()
}
