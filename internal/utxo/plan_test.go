package utxo_test

import (
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/utxo"
)

// transfer is a self-transfer to expect.
func transfer(purpose utxo.Purpose, text string, inputs ...string) utxo.Transfer {
	return utxo.Transfer{Purpose: purpose, Inputs: ids(inputs...), Amount: amounttest.Of(text)}
}

func TestPlan(t *testing.T) {
	t.Parallel()

	three := utxo.Shape{Target: 3, Large: amounttest.Of("100"), Decimals: 2, MaxTransfers: 50}
	merging := utxo.Shape{MergeFrom: 4, Dust: amounttest.Of("1"), MaxTransfers: 50}
	tiny := utxo.Shape{Dust: amounttest.Of("1"), Tiny: amounttest.Of("0.01"), MaxTransfers: 50}

	busy := of("busy", "150")
	busy.Reserved = true
	offered := of("offered", "150")
	offered.Locked = true

	both := three
	both.Dust, both.Tiny = amounttest.Of("1"), amounttest.Of("0.01")

	one := three
	one.MaxTransfers = 1

	all := three
	all.MergeFrom, all.Dust = 2, amounttest.Of("60")

	for name, tc := range map[string]struct {
		shape    utxo.Shape
		coming   int
		holdings []utxo.Holding
		want     []utxo.Transfer
	}{
		"nothing is asked for":           {utxo.Shape{}, 0, many("d", 9, "0.1"), nil},
		"nothing is there":               {three, 0, nil, nil},
		"enough large ones":              {three, 0, many("l", 3, "1000"), nil},
		"a whale is halved":              {three, 0, []utxo.Holding{of("w", "1000.55"), of("x", "99")}, []utxo.Transfer{transfer(utxo.Split, "500.27", "w")}},
		"the largest first":              {three, 0, []utxo.Holding{of("v", "900"), of("w", "1000")}, []utxo.Transfer{transfer(utxo.Split, "500", "w")}},
		"as many as are missing":         {utxo.Shape{Target: 4, Large: amounttest.Of("100"), MaxTransfers: 9}, 0, []utxo.Holding{of("v", "900"), of("w", "1000")}, []utxo.Transfer{transfer(utxo.Split, "500", "w"), transfer(utxo.Split, "450", "v")}},
		"just large enough to be split":  {three, 0, []utxo.Holding{of("w", "200")}, []utxo.Transfer{transfer(utxo.Split, "100", "w")}},
		"too small to be split":          {three, 0, []utxo.Holding{of("w", "199.99")}, nil},
		"reserved ones are there":        {three, 0, []utxo.Holding{busy, of("l", "100"), of("w", "500")}, nil},
		"locked ones are leaving":        {three, 0, []utxo.Holding{offered, of("l", "100"), of("w", "500")}, []utxo.Transfer{transfer(utxo.Split, "250", "w")}},
		"others are coming":              {three, 1, []utxo.Holding{of("l", "100"), of("w", "500")}, nil},
		"large ones are built":           {three, 0, many("h", 7, "40"), []utxo.Transfer{transfer(utxo.Build, "120", "h00", "h01", "h02"), transfer(utxo.Build, "120", "h03", "h04", "h05")}},
		"no more than the plan may have": {one, 0, many("h", 7, "40"), []utxo.Transfer{transfer(utxo.Build, "120", "h00", "h01", "h02")}},
		"too many for one large one":     {three, 0, many("h", 7, "20"), []utxo.Transfer{transfer(utxo.Merge, "40", "h02", "h03")}},
		"far too many for one large one": {three, 0, many("h", 20, "6"), []utxo.Transfer{
			transfer(utxo.Merge, "24", "h15", "h16", "h17", "h18"), transfer(utxo.Merge, "24", "h11", "h12", "h13", "h14"),
			transfer(utxo.Merge, "24", "h07", "h08", "h09", "h10"), transfer(utxo.Merge, "24", "h03", "h04", "h05", "h06"),
		}},
		"too little for a large one": {three, 0, many("h", 4, "24"), nil},
		"dust, worth a merge":        {merging, 0, many("d", 4, "0.1"), []utxo.Transfer{transfer(utxo.Merge, "0.4", "d00", "d01", "d02", "d03")}},
		"dust, not worth a merge":    {merging, 0, append(many("d", 3, "0.1"), of("x", "1")), nil},
		"dust in batches":            {merging, 0, many("d", 11, "0.1"), []utxo.Transfer{transfer(utxo.Merge, "0.4", "d00", "d01", "d02", "d03"), transfer(utxo.Merge, "0.4", "d04", "d05", "d06", "d07")}},
		"tiny, with other dust":      {tiny, 0, []utxo.Holding{of("t", "0.001"), of("d", "0.5"), of("x", "5")}, []utxo.Transfer{transfer(utxo.Merge, "0.501", "t", "d")}},
		"tiny, alone":                {tiny, 0, []utxo.Holding{of("t", "0.001"), of("x", "5"), of("y", "6")}, []utxo.Transfer{transfer(utxo.Merge, "5.001", "t", "x")}},
		"tiny, all there is":         {tiny, 0, []utxo.Holding{of("t", "0.001")}, nil},
		"tiny, beside the largest":   {tiny, 0, []utxo.Holding{of("t", "0.001"), of("x", "9999999999999999999999999999.9999999999")}, nil},
		"tiny, with a large one": {both, 0, []utxo.Holding{of("t", "0.001"), of("l", "100"), of("w", "500")}, []utxo.Transfer{
			transfer(utxo.Merge, "100.001", "t", "l"), transfer(utxo.Split, "250", "w"),
		}},
		"dust that makes a large one": {all, 0, []utxo.Holding{of("d", "55"), of("e", "56"), of("l", "100"), of("w", "300")}, []utxo.Transfer{transfer(utxo.Build, "111", "d", "e")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			p := pool(t, 4, tc.holdings...)
			got, err := p.Plan(tc.shape, tc.coming)
			require.NoError(t, err)

			again, err := p.Plan(tc.shape, tc.coming)
			require.NoError(t, err)
			require.Equal(t, got, again, "planning does not change the pool")

			if tc.want == nil {
				require.Empty(t, got)
			} else {
				require.Equal(t, plain(tc.want), plain(got))
			}
		})
	}
}

func drawShape(t *rapid.T) utxo.Shape {
	shape := utxo.Shape{
		Target: oneOf(t, "target", 3, 8, 1, 0), Large: amount.FromInt(rapid.Int64Range(4, 12).Draw(t, "large")),
		MergeFrom: rapid.SampledFrom([]int{0, 2, 3, 9}).Draw(t, "merge from"), MaxTransfers: rapid.IntRange(1, 6).Draw(t, "transfers"),
		Dust:     amounttest.Of(rapid.SampledFrom([]string{"0", "0.5", "2", "4"}).Draw(t, "dust")),
		Decimals: rapid.SampledFrom([]int32{0, 2, 10}).Draw(t, "decimals"),
	}
	if rapid.Bool().Draw(t, "tiny") && shape.Dust.Sign() > 0 {
		shape.Tiny = amounttest.Of("0.25")
	}

	return shape
}

// distance is how far a pool is from its shape: large holdings that are missing, then holdings.
func distance(w *world, shape utxo.Shape) [2]int {
	large := 0

	for _, h := range w.holdings {
		if h.Instrument == coin && (h.Reserved || !h.Locked && !h.InFlight && h.Synchronizer == synchronizer) &&
			h.Amount.Cmp(shape.Large) >= 0 {
			large++
		}
	}

	return [2]int{max(0, shape.Target-large), len(w.holdings)}
}

func TestPlansComeToAnEnd(t *testing.T) {
	t.Parallel()

	rounds, purposes := 0, map[utxo.Purpose]int{}

	checkOften(t, func(t *rapid.T) {
		w := newWorld(oneOf(t, "max inputs", 2, 3, 4, 6), drawHoldings(t, 40))
		shape := drawShape(t)
		total := sum(w.list())

		for round := 0; ; round++ {
			plan, err := w.pool(t).Plan(shape, 0)
			require.NoError(t, err)
			require.LessOrEqual(t, len(plan), shape.MaxTransfers)

			if len(plan) == 0 {
				requireShaped(t, w, shape)

				return
			}

			require.Less(t, round, 60, "at most one round for every holding and every large one that is missing")

			before := distance(w, shape)

			// Any of them may fail, but not for ever.
			commits := rapid.IntRange(1, len(plan)).Draw(t, "commits")
			for _, transfer := range rapid.Permutation(plan).Draw(t, "order")[:commits] {
				purposes[transfer.Purpose]++
				rest := w.apply(t, transfer)
				require.Equal(t, transfer.Purpose == utxo.Split, rest.Sign() > 0)
				require.True(t, transfer.Purpose != utxo.Split || transfer.Amount.FitsDecimals(shape.Decimals))
			}

			require.Equal(t, total.String(), sum(w.list()).String(), "conserved")

			after := distance(w, shape)
			require.Negative(t, slices.Compare(after[:], before[:]), "nearer with every transfer")

			rounds++
		}
	})

	require.Positive(t, rounds)

	for _, purpose := range []utxo.Purpose{utxo.Merge, utxo.Build, utxo.Split} {
		require.Positive(t, purposes[purpose], "the property never met a %s", purpose)
	}
}

// requireShaped holds a pool in which nothing is to be done against its shape.
func requireShaped(t require.TestingT, w *world, shape utxo.Shape) {
	free := newOracle(utxo.Rules{}, w.list()).free // in descending order

	small := slices.DeleteFunc(slices.Clone(free), func(h utxo.Holding) bool { return h.Amount.Cmp(shape.Large) >= 0 })
	if distance(w, shape)[0] > 0 {
		require.Negative(t, sum(small).Cmp(shape.Large.Scaled()), "a large one could be built")

		for _, h := range free {
			twice := new(big.Int).Mul(shape.Large.Scaled(), big.NewInt(2))
			require.Negative(t, h.Amount.Scaled().Cmp(twice), "one could be split")
		}
	}

	dust := slices.DeleteFunc(slices.Clone(free), func(h utxo.Holding) bool { return h.Amount.Cmp(shape.Dust) >= 0 })
	require.True(t, shape.MergeFrom == 0 || len(dust) < shape.MergeFrom, "dust could be merged")

	most := amounttest.Of("9999999999999999999999999999")
	if n := len(free); n > 1 && free[n-1].Amount.Cmp(shape.Tiny) < 0 {
		require.Positive(t, free[n-2].Amount.Cmp(most), "a tiny one could be merged")
	}
}

func TestPlansLeaveWhatWithdrawalsNeed(t *testing.T) {
	t.Parallel()

	planned, merged := 0, 0

	checkOften(t, func(t *rapid.T) {
		w := newWorld(oneOf(t, "max inputs", 2, 3, 4, 6), drawHoldings(t, 30))

		list := make([]utxo.Waiting, oneOf(t, "waiting", 3, 2, 5, 1))
		for i := range list {
			list[i] = utxo.Waiting{Amount: drawAsked(t, w.list()), Since: noon}
		}

		turn := serve(t, w.pool(t), utxo.Fairness{MaxOvertaken: 9}, list)
		plan, err := turn.Rest.Plan(drawShape(t), 0)
		require.NoError(t, err)

		planned += len(plan)

		// Everything that was advised is done; what has been made of it does not count yet.
		for _, v := range turn.Verdicts {
			w.spend(t, v.Selection.Inputs)

			for _, merge := range v.Merges {
				w.spend(t, merge.Inputs)
			}
		}

		for _, transfer := range plan {
			w.spend(t, transfer.Inputs)
		}

		// What the first that needs merges needs beside them is still there.
		first := slices.IndexFunc(turn.Verdicts, func(v utxo.Verdict) bool { return len(v.Merges) > 0 })
		if first < 0 || blockedBefore(turn, first) {
			return
		}

		merged++
		have := sum(newOracle(utxo.Rules{}, w.list()).free)

		for _, merge := range turn.Verdicts[first].Merges {
			have.Add(have, merge.Amount.Scaled())
		}

		if turn.Verdicts[first].Overtaken == 0 {
			require.GreaterOrEqual(t, have.Cmp(list[first].Amount.Scaled()), 0)
		}
	})

	require.Positive(t, planned)
	require.Positive(t, merged)
}

func blockedBefore(turn utxo.Turn, i int) bool {
	return slices.ContainsFunc(turn.Verdicts[:i], func(v utxo.Verdict) bool { return v.Shortage != nil })
}
