package utxo_test

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/utxo"
)

const benchHoldings = 100_000

// benchPool are holdings with contract ids and amounts such as a treasury has: mostly small, a few very large.
func benchPool(b *testing.B) []utxo.Holding {
	b.Helper()

	random := rand.New(rand.NewPCG(4, 2))
	list := make([]utxo.Holding, benchHoldings)

	for i := range list {
		a, err := amount.FromScaled(new(big.Int).Rsh(big.NewInt(random.Int64()), random.UintN(40)))
		require.NoError(b, err)

		list[i] = of(fmt.Sprintf("00%016x%016x%016x%016xca1412", random.Uint64(), random.Uint64(), random.Uint64(), i), "1")
		list[i].Amount = a

		switch random.IntN(50) {
		case 0:
			list[i].Reserved, list[i].ReservedUntil = true, noon.Add(time.Minute)
		case 1:
			list[i].Locked, list[i].LockEnds = true, noon.Add(time.Hour)
		}
	}

	return list
}

// benchAmounts are asked for in turn: paid by dust, by one, by a hundred, by all that is allowed, and too much.
func benchAmounts(b *testing.B) []amount.Amount {
	b.Helper()

	random := rand.New(rand.NewPCG(7, 7))
	list := make([]amount.Amount, 997)

	for i := range list {
		a, err := amount.FromScaled(new(big.Int).Lsh(big.NewInt(random.Int64()|1), random.UintN(9)))
		require.NoError(b, err)

		list[i] = a
	}

	return list
}

// ordered are the same holdings as a database returns them in order: anew, so that neighbours are neighbours in memory.
func ordered(b *testing.B, holdings []utxo.Holding) []utxo.Holding {
	b.Helper()

	list := slices.Clone(holdings)
	slices.SortFunc(list, func(x, y utxo.Holding) int {
		return cmp.Or(x.Amount.Cmp(y.Amount), strings.Compare(string(x.Contract), string(y.Contract)))
	})

	for i := range list {
		list[i].Contract = ident.ContractID(strings.Clone(string(list[i].Contract)))
		list[i].Amount = amounttest.Of(list[i].Amount.String())
	}

	return list
}

// measure runs a benchmark's body and reports the 99th percentile beside the mean.
func measure(b *testing.B, body func(i int)) {
	b.Helper()
	b.ReportAllocs()

	var took []time.Duration

	for i := 0; b.Loop(); i++ {
		start := time.Now()

		body(i)

		took = append(took, time.Since(start))
	}

	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func BenchmarkSelect(b *testing.B) {
	rules := utxo.Rules{MaxInputs: utxo.MaxInputs}
	shuffled, amounts := benchPool(b), benchAmounts(b)
	sorted := ordered(b, shuffled)

	for name, holdings := range map[string][]utxo.Holding{"rows in any order": shuffled, "rows in order": sorted} {
		b.Run(name, func(b *testing.B) {
			measure(b, func(i int) {
				_, _ = poolOf(b, rules, holdings...).Select(amounts[i%len(amounts)])
			})
		})
	}

	b.Run("from a pool", func(b *testing.B) {
		p := poolOf(b, rules, sorted...)

		measure(b, func(i int) { _, _ = p.Select(amounts[i%len(amounts)]) })
	})
}

func BenchmarkSelectEqualAmounts(b *testing.B) {
	holdings := benchPool(b)
	for i := range holdings {
		holdings[i].Amount = amount.FromInt(1)
	}

	measure(b, func(i int) {
		_, _ = poolOf(b, utxo.Rules{MaxInputs: utxo.MaxInputs}, holdings...).Select(amount.FromInt(int64(i%100 + 1)))
	})
}

func BenchmarkServe(b *testing.B) {
	p := poolOf(b, utxo.Rules{MaxInputs: utxo.MaxInputs}, ordered(b, benchPool(b))...)
	amounts := benchAmounts(b)

	list := make([]utxo.Waiting, 100)
	for i := range list {
		list[i] = utxo.Waiting{Amount: amounts[i], Since: noon}
	}

	measure(b, func(int) {
		_, err := p.Serve(list, utxo.Fairness{MaxOvertaken: 10})
		require.NoError(b, err)
	})
}

func BenchmarkPlan(b *testing.B) {
	p := poolOf(b, utxo.Rules{MaxInputs: utxo.MaxInputs}, ordered(b, benchPool(b))...)
	shape := utxo.Shape{
		Target: benchHoldings, Large: amount.FromInt(100), MergeFrom: 100, Dust: amount.FromInt(1), MaxTransfers: 64,
	}

	measure(b, func(int) {
		_, err := p.Plan(shape, 0)
		require.NoError(b, err)
	})
}
