package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func tiny() options {
	return options{
		pool: 12, smallPool: 4, clients: 3, rate: 100, workers: 4, statements: true,
		reservations: 10, locked: 10, turns: 10, read: 500, racers: 8, contested: 6,
	}
}

func TestEveryKindOfWithdrawalIsPaidAndCounted(t *testing.T) {
	t.Parallel()

	var out bytes.Buffer

	o := tiny()
	o.withdrawals = 20
	require.NoError(t, run(t.Context(), o, &out))

	text := out.String()
	require.Equal(t, 6, strings.Count(text, "completed/s (20 in "), text)
	require.Equal(t, 6, strings.Count(text, " 1.00 interactive-submission/prepare"), text)
	require.Equal(t, 6, strings.Count(text, "statements: request 1.00, "), text)
	require.Equal(t, 5, strings.Count(text, "from request to completed: p50 "), text)
}

func TestTurnsAreMeasured(t *testing.T) {
	t.Parallel()

	var out bytes.Buffer

	o := tiny()
	o.holdings = 5_000
	require.NoError(t, run(t.Context(), o, &out))
	require.Equal(t, 8, strings.Count(out.String(), "p50 "), out.String())
}

// TestTheRaceFindsWhatItLooksFor: with the key of reservations nothing, without it doubles.
func TestTheRaceFindsWhatItLooksFor(t *testing.T) {
	t.Parallel()

	var out bytes.Buffer

	o := tiny()
	o.attempts = 2_000
	require.NoError(t, run(t.Context(), o, &out))
	require.Equal(t, 3, strings.Count(out.String(), "was seen 0 times"), out.String())

	out.Reset()

	o.withoutConstraint = true
	require.NoError(t, run(t.Context(), o, &out), out.String())
	require.Less(t, strings.Count(out.String(), "was seen 0 times"), 3, out.String())
}
