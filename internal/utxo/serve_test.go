package utxo_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/utxo"
)

// waiting are withdrawals that have just come.
func waiting(texts ...string) []utxo.Waiting {
	list := make([]utxo.Waiting, len(texts))
	for i, text := range texts {
		list[i] = utxo.Waiting{Amount: amounttest.Of(text), Since: noon}
	}

	return list
}

func serve(t require.TestingT, p *utxo.Pool, fairness utxo.Fairness, list []utxo.Waiting) utxo.Turn {
	turn, err := p.Serve(list, fairness)
	require.NoError(t, err)
	require.Len(t, turn.Verdicts, len(list))

	return turn
}

// outcomes says for each withdrawal how it went: its inputs, or the reason.
func outcomes(turn utxo.Turn) []string {
	var list []string

	for _, v := range turn.Verdicts {
		if v.Shortage != nil {
			list = append(list, v.Shortage.Reason.String())
		} else {
			list = append(list, fmt.Sprint(v.Selection.Inputs))
		}
	}

	return list
}

func TestServe(t *testing.T) {
	t.Parallel()

	held := of("held", "100")
	held.Reserved, held.ReservedUntil = true, noon.Add(time.Minute)
	offered := of("offered", "100")
	offered.Locked = true

	waited := func(list []utxo.Waiting, i int, by time.Duration) []utxo.Waiting {
		list[i].Since = noon.Add(-by)

		return list
	}

	for name, tc := range map[string]struct {
		holdings  []utxo.Holding
		inputs    int
		fairness  utxo.Fairness
		waiting   []utxo.Waiting
		want      []string
		overtaken []int
		rest      int
	}{
		"all, each from what is left": {
			many("h", 4, "10"), 100, utxo.Fairness{}, waiting("10", "15", "9"),
			[]string{"[h00]", "[h02 h01]", "[h03]"}, []int{0, 0, 0}, 0,
		},
		"strictly in order": {
			append(many("h", 4, "10"), held), 100, utxo.Fairness{}, waiting("50", "10", "10"),
			[]string{"held_back", "queued", "queued"}, []int{0, 0, 0}, 0,
		},
		"passed twice, then due": {
			append(many("h", 4, "10"), held), 100, utxo.Fairness{MaxOvertaken: 2}, waiting("50", "10", "10", "10"),
			[]string{"held_back", "[h00]", "[h01]", "queued"}, []int{2, 0, 0, 0}, 0,
		},
		"waited too long": {
			append(many("h", 4, "10"), held), 100, utxo.Fairness{MaxOvertaken: 9, MaxWait: time.Hour},
			waited(waiting("50", "10"), 0, time.Hour),
			[]string{"held_back", "queued"}, []int{0, 0}, 0,
		},
		"not yet waited too long; what it needs is not shaped": {
			append(many("h", 4, "10"), held), 100, utxo.Fairness{MaxOvertaken: 9, MaxWait: time.Hour},
			waited(waiting("50", "10"), 0, time.Hour-1),
			[]string{"held_back", "[h00]"}, []int{1, 0}, 0,
		},
		"larger than the treasury: passed for ever": {
			many("h", 4, "10"), 100, utxo.Fairness{}, waiting("50", "10", "10"),
			[]string{"insufficient", "[h00]", "[h01]"}, []int{2, 0, 0}, 2,
		},
		"an offer's lock is no reason to hold up others": {
			append(many("h", 4, "10"), offered), 100, utxo.Fairness{}, waiting("50", "10"),
			[]string{"held_back", "[h00]"}, []int{1, 0}, 3,
		},
		"unless the exchange wants it so": {
			append(many("h", 4, "10"), offered), 100, utxo.Fairness{HoldUnfunded: true}, waiting("50", "10"),
			[]string{"held_back", "queued"}, []int{0, 0}, 0,
		},
		"merges pass too, and then what is left is kept": {
			append(many("h", 6, "10"), held), 2, utxo.Fairness{MaxOvertaken: 1}, waiting("70", "30", "10"),
			[]string{"held_back", "needs_merge", "queued"}, []int{1, 0, 0}, 0,
		},
		"a merge takes what it needs, the others the rest": {
			append(many("h", 6, "10"), of("small", "1")), 3, utxo.Fairness{}, waiting("40", "10", "10", "10"),
			[]string{"needs_merge", "[h00]", "[h01]", "queued"}, nil, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			turn := serve(t, pool(t, tc.inputs, tc.holdings...), tc.fairness, tc.waiting)
			require.Equal(t, tc.want, outcomes(turn))

			if tc.overtaken != nil {
				for i, v := range turn.Verdicts {
					require.Equal(t, tc.overtaken[i], v.Overtaken, i)
				}
			}

			count, _ := turn.Rest.Spendable()
			require.Equal(t, tc.rest, count)
		})
	}
}

func TestServeSweepsOnlyWhatNobodyNeeds(t *testing.T) {
	t.Parallel()

	rules := utxo.Rules{MaxInputs: 4, Sweep: 2, Dust: amounttest.Of("2")}
	holdings := append(many("d", 4, "1"), of("big", "50"))

	turn := serve(t, poolOf(t, rules, holdings...), utxo.Fairness{}, waiting("40", "1"))
	require.Equal(t, []string{"[big d01 d02]", "[d00]"}, outcomes(turn))
	require.Equal(t, 2, turn.Verdicts[0].Selection.Swept)
	require.Equal(t, "52", turn.Verdicts[0].Selection.Total.Short())

	count, _ := turn.Rest.Spendable()
	require.Equal(t, 1, count)
}

func TestServePlansNoMergesWhileThereAreSome(t *testing.T) {
	t.Parallel()

	list := waiting("40")
	p := pool(t, 3, many("h", 9, "10")...)

	turn := serve(t, p, utxo.Fairness{}, list)
	require.Equal(t, []utxo.Transfer{{Purpose: utxo.Merge, Inputs: ids("h05", "h06"), Amount: amounttest.Of("20")}},
		plain(turn.Verdicts[0].Merges))

	count, _ := turn.Rest.Spendable()
	require.Equal(t, 5, count, "two are merged, and two more are needed with them")

	list[0].Merging = amount.FromInt(20)
	turn = serve(t, p, utxo.Fairness{}, list)
	require.Empty(t, turn.Verdicts[0].Merges)

	count, _ = turn.Rest.Spendable()
	require.Equal(t, 7, count)
}

func TestServeKeepsItsPromises(t *testing.T) {
	t.Parallel()

	met, passed := map[string]int{}, 0

	checkOften(t, func(t *rapid.T) {
		rules := drawRules(t)
		holdings := drawHoldings(t, 25)
		fairness := utxo.Fairness{
			MaxOvertaken: rapid.IntRange(0, 3).Draw(t, "max overtaken"), HoldUnfunded: rapid.Bool().Draw(t, "hold unfunded"),
		}

		list := make([]utxo.Waiting, oneOf(t, "waiting", 6, 10, 3, 1, 0))
		for i := range list {
			list[i].Amount, list[i].Since = drawAsked(t, holdings), noon
			list[i].Overtaken = rapid.IntRange(0, 2).Draw(t, "overtaken")
		}

		p := poolOf(t, rules, shuffled(t, holdings)...)
		before, spendable := p.Spendable()
		turn := serve(t, p, fairness, list)
		after, left := turn.Rest.Spendable()

		again := serve(t, poolOf(t, rules, shuffled(t, holdings)...), fairness, list)
		require.Equal(t, outcomes(turn), outcomes(again), "the order of the holdings does not matter")

		count, total := p.Spendable()
		require.Equal(t, before, count)
		require.True(t, spendable.Equal(total))
		require.Equal(t, outcomes(turn), outcomes(serve(t, p, fairness, list)), "serving does not change the pool")

		requireInTurn(t, rules, holdings, list, turn)

		free := map[ident.ContractID]utxo.Holding{}
		for _, h := range newOracle(rules, holdings).free {
			free[h.Contract] = h
		}

		spend := func(inputs []ident.ContractID) amount.Total {
			require.LessOrEqual(t, len(inputs), rules.MaxInputs)

			var sum amount.Total

			for _, id := range inputs {
				require.Contains(t, free, id, "spent twice, or not to be spent")
				sum = sum.Plus(free[id].Amount)
				delete(free, id)
			}

			return sum
		}

		served := 0

		for i, v := range slices.Backward(turn.Verdicts) {
			if v.Shortage == nil {
				require.True(t, v.Selection.Total.Equal(spend(v.Selection.Inputs)))
				require.GreaterOrEqual(t, compareTotals(v.Selection.Total, list[i].Amount), 0)
				require.Equal(t, list[i].Overtaken, v.Overtaken)
				require.Empty(t, v.Merges)

				served++

				continue
			}

			for _, merge := range v.Merges {
				require.True(t, amount.Total{}.Plus(merge.Amount).Equal(spend(merge.Inputs)))
			}

			behind := v.Overtaken - list[i].Overtaken
			require.LessOrEqual(t, behind, served)

			if fairness.HoldUnfunded {
				require.LessOrEqual(t, v.Overtaken, max(fairness.MaxOvertaken, list[i].Overtaken))
			}

			met[v.Shortage.Reason.String()]++
			passed += behind

			if len(v.Merges) > 0 {
				served++ // it passes those before it too
			}
		}

		require.LessOrEqual(t, after, len(free), "the rest is what is neither spent nor kept")
		require.GreaterOrEqual(t, compareTotals(left, amount.Zero()), 0)
	})

	require.Positive(t, passed)

	for _, reason := range []utxo.Reason{utxo.Insufficient, utxo.HeldBack, utxo.NeedsMerge, utxo.Queued} {
		require.Positive(t, met[reason.String()], "the property never met %s", reason)
	}
}

// requireInTurn holds a turn, up to the first withdrawal that is not served, against one selection after the other.
func requireInTurn(t require.TestingT, rules utxo.Rules, holdings []utxo.Holding, list []utxo.Waiting, turn utxo.Turn) {
	rules.Sweep = 0 // which comes when all have been served
	left := slices.Clone(holdings)

	for i, v := range turn.Verdicts {
		want, err := poolOf(t, rules, left...).Select(list[i].Amount)
		if err != nil {
			require.NotNil(t, v.Shortage)

			return
		}

		needed := len(v.Selection.Inputs) - v.Selection.Swept
		require.Equal(t, want.Inputs, v.Selection.Inputs[:needed])

		left = slices.DeleteFunc(left, func(h utxo.Holding) bool { return slices.Contains(want.Inputs, h.Contract) })
	}
}

func compareTotals(total amount.Total, a amount.Amount) int {
	difference := total.Plus(a.Neg())
	if difference.IsZero() {
		return 0
	}

	if difference.String()[0] == '-' {
		return -1
	}

	return 1
}

// rounds lets small withdrawals come in every round as fast as money does, in front of which one large withdrawal
// waits. It returns the round in which the large one is served, or -1.
func rounds(t *testing.T, fairness utxo.Fairness) int {
	t.Helper()

	large := utxo.Waiting{Amount: amounttest.Of("80"), Since: noon}

	// Ten withdrawals of 5 are under way, and each round ten more of 5 come, and 50 in deposits.
	free, leaving := 10, 10

	for round := range 30 {
		var holdings []utxo.Holding

		for i, h := range many("h", free+leaving, "5") {
			h.Reserved, h.ReservedUntil = i >= free, noon.Add(time.Minute)
			holdings = append(holdings, h)
		}

		turn := serve(t, pool(t, 100, holdings...), fairness, append([]utxo.Waiting{large},
			waiting("5", "5", "5", "5", "5", "5", "5", "5", "5", "5")...))
		if turn.Verdicts[0].Shortage == nil {
			return round
		}

		large.Overtaken = turn.Verdicts[0].Overtaken
		leaving = 0

		for _, v := range turn.Verdicts[1:] {
			if v.Shortage == nil {
				free--
				leaving++
			}
		}

		free += 10 // deposits
	}

	return -1
}

func TestALargeWithdrawalIsNotStarvedBySmallOnes(t *testing.T) {
	t.Parallel()

	require.Equal(t, 1, rounds(t, utxo.Fairness{}))
	require.Equal(t, 3, rounds(t, utxo.Fairness{MaxOvertaken: 20}))
	require.Equal(t, -1, rounds(t, utxo.Fairness{MaxOvertaken: math.MaxInt}), "without a limit it starves")
}
