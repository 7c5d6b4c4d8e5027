package deposit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
)

func noon() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }

// TestEveryCombinationOfGrounds goes through all of them and holds the verdict against rules that are said one by one.
func TestEveryCombinationOfGrounds(t *testing.T) {
	t.Parallel()

	both := []bool{false, true}
	memos := []deposit.Memo{
		deposit.MemoMissing, deposit.MemoEmpty, deposit.MemoUnknown, deposit.MemoDisabled, deposit.MemoKnown, "?",
	}
	screenings := []deposit.Screening{
		deposit.NotScreened, deposit.Passed, deposit.Doubtful, deposit.Refused, deposit.Unavailable, "?",
	}
	operators := []deposit.Verdict{"", deposit.Accept, deposit.Hold, deposit.Ignore, deposit.Reject}
	deadlines := []time.Duration{-time.Second, 0, 30 * time.Second, time.Minute, time.Hour}
	amounts := []string{"0.9999999999", "1", "2"}
	count := 0

	var o deposit.Offer

	var g deposit.Grounds

	check := func() {
		count++
		d := deposit.Decide(o, g)
		left := o.Deadline.Sub(g.Now)
		open := o.Ours && o.AwaitsReceiver && left >= time.Minute && g.Listed

		switch {
		case !open:
			require.Equal(t, deposit.Ignore, d.Verdict)
		case g.Operator != "":
			require.Equal(t, deposit.Decision{Verdict: g.Operator, Reason: deposit.ByOperator}, d)
		case !g.Enabled || g.Memo != deposit.MemoKnown || o.Amount.Cmp(g.Minimum) < 0 || g.Blocked:
			require.Equal(t, deposit.Ignore, d.Verdict)
		case g.Screens && g.Screening != deposit.Passed:
			require.Equal(t, deposit.Hold, d.Verdict)
		default:
			require.Equal(t, deposit.Decision{Verdict: deposit.Accept}, d)
		}

		require.Equal(t, d.Verdict == deposit.Accept && g.Operator == "", d.Reason == deposit.AllRight)
	}

	for _, o.Ours = range both {
		for _, o.AwaitsReceiver = range both {
			for _, g.Listed = range both {
				for _, g.Enabled = range both {
					for _, g.Blocked = range both {
						for _, g.Screens = range both {
							for _, g.Memo = range memos {
								for _, g.Screening = range screenings {
									for _, g.Operator = range operators {
										for _, left := range deadlines {
											for _, value := range amounts {
												o.Amount, g.Minimum = amounttest.Of(value), amounttest.Of("1")
												g.Now, g.Lead, o.Deadline = noon(), time.Minute, noon().Add(left)
												check()
											}
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}

	require.Equal(t, 2*2*2*2*2*2*6*6*5*5*3, count)
}

// TestReasons tells each reason once, in the order in which they are asked.
func TestReasons(t *testing.T) {
	t.Parallel()

	good := func() (deposit.Offer, deposit.Grounds) {
		return deposit.Offer{Ours: true, AwaitsReceiver: true, Amount: amounttest.Of("5"), Deadline: noon().Add(time.Hour)},
			deposit.Grounds{
				Listed: true, Enabled: true, Minimum: amounttest.Of("1"), Lead: time.Minute, Memo: deposit.MemoKnown, Now: noon(),
				Screens: true, Screening: deposit.Passed,
			}
	}

	o, g := good()
	require.Equal(t, deposit.Decision{Verdict: deposit.Accept}, deposit.Decide(o, g))

	// Each step breaks one more thing, in the opposite order: the reason asked for first wins.
	for _, step := range []struct {
		want  deposit.Reason
		spoil func()
	}{
		{deposit.AwaitsScreening, func() { g.Screening = deposit.NotScreened }},
		{deposit.ScreeningHolds, func() { g.Screening = deposit.Doubtful }},
		{deposit.ScreeningRefuses, func() { g.Screening = deposit.Refused }},
		{deposit.ScreeningFailed, func() { g.Screening = deposit.Unavailable }},
		{deposit.SenderBlocked, func() { g.Blocked = true }},
		{deposit.BelowMinimum, func() { o.Amount = amounttest.Of("0.5") }},
		{deposit.UnknownMemo, func() { g.Memo = deposit.MemoUnknown }},
		{deposit.DisabledMemo, func() { g.Memo = deposit.MemoDisabled }},
		{deposit.EmptyMemo, func() { g.Memo = deposit.MemoEmpty }},
		{deposit.MissingMemo, func() { g.Memo = deposit.MemoMissing }},
		{deposit.OffersDisabled, func() { g.Enabled = false }},
		{deposit.ByOperator, func() { g.Operator = deposit.Hold }},
		{deposit.UnlistedInstrument, func() { g.Listed = false }},
		{deposit.DeadlineTooNear, func() { o.Deadline = noon().Add(time.Minute - 1) }},
		{deposit.DeadlinePassed, func() { o.Deadline = noon() }},
		{deposit.AwaitsRegistry, func() { o.AwaitsReceiver = false }},
		{deposit.NotOurs, func() { o.Ours = false }},
	} {
		step.spoil()
		require.Equal(t, step.want, deposit.Decide(o, g).Reason)
	}
}
