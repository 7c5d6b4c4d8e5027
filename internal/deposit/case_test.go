package deposit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/deposit"
)

// TestEveryCombinationOfHeldGrounds holds the release of held deposits against rules that are said one by one.
func TestEveryCombinationOfHeldGrounds(t *testing.T) {
	t.Parallel()

	both := []bool{false, true}
	screenings := []deposit.Screening{
		deposit.NotScreened, deposit.Passed, deposit.Doubtful, deposit.Refused, deposit.Unavailable, "?",
	}

	var g deposit.HeldGrounds

	count := 0

	for _, g.Enabled = range both {
		for _, g.Blocked = range both {
			for _, g.Screens = range both {
				for _, g.Screening = range screenings {
					for _, left := range []time.Duration{time.Hour, time.Microsecond, 0, -time.Hour} {
						count++
						g.Now = noon()
						state, reason := deposit.Release(deposit.HeldDeposit{ReleaseAt: noon().Add(left)}, g)
						silent := g.Screening == deposit.NotScreened || g.Screening == deposit.Unavailable || g.Screening == "?"

						switch {
						case !g.Enabled, g.Blocked, g.Screens && !silent && g.Screening != deposit.Passed:
							require.Equal(t, deposit.Open, state)
						case left > 0, g.Screens && silent:
							require.Equal(t, deposit.Held, state)
						default:
							require.Equal(t, deposit.Credited, state)
						}

						require.Equal(t, state == deposit.Credited, reason == deposit.AllRight)
					}
				}
			}
		}
	}

	require.Equal(t, 2*2*2*6*4, count)
}

// TestReasonsOfHeldDeposits tells each reason once, in the order in which they are asked.
func TestReasonsOfHeldDeposits(t *testing.T) {
	t.Parallel()

	d := deposit.HeldDeposit{ReleaseAt: noon()}
	g := deposit.HeldGrounds{Enabled: true, Screens: true, Screening: deposit.Passed, Now: noon()}

	for _, step := range []struct {
		state  deposit.CaseState
		reason deposit.Reason
		spoil  func()
	}{
		{deposit.Credited, deposit.AllRight, func() {}},
		{deposit.Held, deposit.AwaitsTime, func() { g.Now = noon().Add(-time.Microsecond) }},
		{deposit.Held, deposit.AwaitsScreening, func() { g.Screening = deposit.NotScreened }},
		{deposit.Held, deposit.ScreeningFailed, func() { g.Screening = deposit.Unavailable }},
		{deposit.Open, deposit.ScreeningHolds, func() { g.Screening = deposit.Doubtful }},
		{deposit.Open, deposit.ScreeningRefuses, func() { g.Screening = deposit.Refused }},
		{deposit.Open, deposit.SenderBlocked, func() { g.Blocked = true }},
		{deposit.Open, deposit.DisabledMemo, func() { g.Enabled = false }},
	} {
		step.spoil()

		state, reason := deposit.Release(d, g)
		require.Equal(t, step.state, state)
		require.Equal(t, step.reason, reason)
	}
}

// TestCasesEnd: from every state there is a way on, unless it is final, and a final one is never left.
func TestCasesEnd(t *testing.T) {
	t.Parallel()

	on := map[deposit.CaseState]bool{}
	for _, s := range deposit.CaseSteps() {
		require.NotEqual(t, s.From, s.To)
		require.NotEmpty(t, s.By)
		require.NotEmpty(t, s.When)

		on[s.From] = true
	}

	for _, s := range deposit.CaseStates() {
		require.Equal(t, !s.Final(), on[s], s)
	}
}
