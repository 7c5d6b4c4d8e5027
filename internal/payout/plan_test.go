package payout

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/utxo"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

const (
	home = ident.SynchronizerID("home::1220aa")
	away = ident.SynchronizerID("away::1220bb")
	late = ident.SynchronizerID("late::1220bb")
)

func coin() ident.Instrument { return ident.Instrument{Admin: "dso::1220dd", ID: "Amulet"} }

func noon() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }

func holding(id, value string, at ident.SynchronizerID) utxo.Holding {
	return utxo.Holding{
		Contract: ident.ContractID(id), Instrument: coin(), Synchronizer: at, Amount: amounttest.Of(value),
	}
}

func waiting(id, value string) store.WaitingWithdrawal {
	return store.WaitingWithdrawal{ID: id, Waiting: utxo.Waiting{Amount: amounttest.Of(value), Since: noon()}}
}

func newPlanning(change ...func(*planning)) planning {
	p := planning{
		policy: withdrawal.DefaultPolicy(), party: "treasury::1220cc", instrument: coin(), now: noon(), room: 10, maxLag: time.Minute,
		newID:  func() (string, error) { return "internal:x", nil },
		clocks: map[ident.SynchronizerID]time.Time{home: noon(), away: noon().Add(time.Minute), late: noon().Add(-time.Hour)},
	}

	for _, c := range change {
		c(&p)
	}

	return p
}

func TestPlanningPaysOnTheSynchronizerThatHasTheMoney(t *testing.T) {
	t.Parallel()

	p := newPlanning()

	plan, err := p.decide(store.Turn{
		Waiting: []store.WaitingWithdrawal{waiting("w-1", "60"), waiting("w-2", "40"), waiting("w-3", "70")},
		Holdings: []utxo.Holding{
			holding("00a", "100", home), holding("00b", "50", away), holding("00c", "1000", "unknown::1220"),
		},
	})
	require.NoError(t, err)
	require.Len(t, plan.Payments, 2)

	first, second := plan.Payments[0], plan.Payments[1]
	require.Equal(t, "w-1", first.ID)
	require.Equal(t, []ident.ContractID{"00a"}, first.Inputs)
	require.Equal(t, home, first.Synchronizer)
	require.Equal(t, noon().Add(p.policy.Window), first.Target)
	require.Equal(t, "100", first.Total.Short())

	require.Equal(t, "w-2", second.ID)
	require.Equal(t, []ident.ContractID{"00b"}, second.Inputs)
	require.Equal(t, noon().Add(time.Minute+p.policy.Window), second.Target, "ahead of the ledger's clock too")

	require.Len(t, plan.Notes, 1)
	require.Equal(t, "w-3", plan.Notes[0].ID)
	require.NotEmpty(t, plan.Notes[0].Detail)
}

func TestPlanningKeepsToTheRoomThereIs(t *testing.T) {
	t.Parallel()

	p := newPlanning(func(p *planning) { p.room = 1 })
	turn := store.Turn{
		Waiting:  []store.WaitingWithdrawal{waiting("w-1", "10"), waiting("w-2", "10")},
		Holdings: []utxo.Holding{holding("00a", "10", home), holding("00b", "10", home)},
	}

	plan, err := p.decide(turn)
	require.NoError(t, err)
	require.Len(t, plan.Payments, 1)
	require.Empty(t, plan.Notes, "what could be paid has no reason to wait")
}

func TestPlanningSaysWhy(t *testing.T) {
	t.Parallel()

	busy := holding("00b", "100", home)
	busy.Reserved, busy.ReservedUntil = true, noon().Add(time.Minute)

	for name, c := range map[string]struct {
		holdings []utxo.Holding
		partial  bool
		reason   withdrawal.Reason
	}{
		"nothing":       {nil, false, withdrawal.Insufficient},
		"too little":    {[]utxo.Holding{holding("00a", "5", home)}, false, withdrawal.Insufficient},
		"reserved":      {[]utxo.Holding{holding("00a", "5", home), busy}, false, withdrawal.HoldingsBusy},
		"only a part":   {[]utxo.Holding{holding("00a", "5", home)}, true, withdrawal.Insufficient},
		"too many":      {[]utxo.Holding{holding("00a", "4", home), holding("00b", "4", home), holding("00c", "4", home)}, false, withdrawal.NeedsMerge},
		"a lagging one": {[]utxo.Holding{holding("00a", "100", late)}, false, withdrawal.IngestionBehind},
		"wrong ledgers": {[]utxo.Holding{holding("00a", "6", home), holding("00b", "5", away)}, false, withdrawal.HoldingsBusy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			p := newPlanning(func(p *planning) { p.policy.MaxInputs = 2 })

			plan, err := p.decide(store.Turn{
				Waiting: []store.WaitingWithdrawal{waiting("w-1", "10")}, Holdings: c.holdings, Partial: c.partial,
			})
			require.NoError(t, err)
			require.Empty(t, plan.Payments)
			require.Len(t, plan.Notes, 1)
			require.Equal(t, c.reason, plan.Notes[0].Reason)
			require.Equal(t, c.reason == withdrawal.NeedsMerge, len(plan.Internal) > 0)
			require.Equal(t, c.partial, p.unexplained)
		})
	}
}

// TestPlanningPaysNoReturnThatWasPaid however much there is.
func TestPlanningPaysNoReturnThatWasPaid(t *testing.T) {
	t.Parallel()

	p := newPlanning()
	paid := waiting("return:x", "10")
	paid.Returned = true

	plan, err := p.decide(store.Turn{
		Waiting: []store.WaitingWithdrawal{paid, waiting("w-1", "10")}, Holdings: []utxo.Holding{holding("00a", "100", home)},
	})
	require.NoError(t, err)
	require.Len(t, plan.Payments, 1)
	require.Equal(t, "w-1", plan.Payments[0].ID)
	require.Equal(t, []store.WaitingNote{{
		ID: "return:x", Reason: withdrawal.ReturnedOtherwise, NextAt: noon().Add(standstillPause),
	}}, plan.Notes)
}

// TestPlansSpendNothingTwice: whatever waits and whatever there is, no holding is in two payments, every payment is
// covered, every withdrawal is paid or explained, and no more is planned than there is room for.
func TestPlansSpendNothingTwice(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Map(rapid.Int64Range(1, 40), amount.FromInt)
		turn := store.Turn{}
		worth := map[ident.ContractID]utxo.Holding{}

		for i := range rapid.IntRange(0, 30).Draw(t, "holdings") {
			h := holding(fmt.Sprintf("00%02d", i), "1", rapid.SampledFrom([]ident.SynchronizerID{home, away}).Draw(t, "at"))
			h.Amount = value.Draw(t, "holds")
			h.Reserved = rapid.IntRange(0, 9).Draw(t, "reserved") == 0
			h.Locked = rapid.IntRange(0, 9).Draw(t, "locked") == 0
			turn.Holdings, worth[h.Contract] = append(turn.Holdings, h), h
		}

		for i := range rapid.IntRange(0, 12).Draw(t, "waiting") {
			w := waiting(fmt.Sprintf("w-%d", i), "1")
			w.Amount = value.Draw(t, "amount")
			turn.Waiting = append(turn.Waiting, w)
		}

		room := rapid.IntRange(0, 15).Draw(t, "room")
		p := newPlanning(func(p *planning) {
			p.room, p.policy.MaxInputs = room, rapid.IntRange(2, 5).Draw(t, "inputs")
			p.shape = rapid.Bool().Draw(t, "shape")
			p.policy.PoolTarget, p.policy.PoolLarge = 4, amount.FromInt(20)
		})

		plan, err := p.decide(turn)
		require.NoError(t, err)

		all := append(append([]store.Payment{}, plan.Payments...), plan.Internal...)
		require.LessOrEqual(t, len(all), room)

		spent := map[ident.ContractID]bool{}
		told := map[string]bool{}

		for _, payment := range all {
			require.NotEmpty(t, payment.Inputs)
			require.LessOrEqual(t, len(payment.Inputs), p.policy.MaxInputs)

			var total amount.Total

			for _, id := range payment.Inputs {
				h := worth[id]
				require.False(t, spent[id] || h.Reserved || h.Locked, id)
				require.Equal(t, payment.Synchronizer, h.Synchronizer)

				spent[id], total = true, total.Plus(h.Amount)
			}

			require.True(t, total.Equal(amount.Total{}.Plus(payment.Total)))
		}

		for i, payment := range plan.Payments {
			asked := turn.Waiting[0]
			for _, w := range turn.Waiting {
				if w.ID == payment.ID {
					asked = w
				}
			}

			require.GreaterOrEqual(t, payment.Total.Cmp(asked.Amount), 0, i)
			require.False(t, told[payment.ID])
			told[payment.ID] = true
		}

		for _, n := range plan.Notes {
			require.False(t, told[n.ID], "paid and explained")
			told[n.ID] = true

			require.NotEmpty(t, n.Reason)
		}

		if len(all) < room {
			require.Len(t, told, len(turn.Waiting))
		}
	})
}
