package utxo_test

import (
	"fmt"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/utxo"
)

const (
	dso          ident.Party          = "DSO::1220"
	synchronizer ident.SynchronizerID = "global::1220"
)

var (
	coin  = ident.Instrument{Admin: dso, ID: "Amulet"}
	scope = utxo.Scope{Instrument: coin, Synchronizer: synchronizer}
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// of is a holding that can be spent.
func of(id, text string) utxo.Holding {
	return utxo.Holding{
		Contract: ident.ContractID(id), Instrument: coin, Synchronizer: synchronizer, Amount: amounttest.Of(text),
	}
}

// many are n holdings of the same amount, with ids prefix00, prefix01 ...
func many(prefix string, n int, text string) []utxo.Holding {
	list := make([]utxo.Holding, n)
	for i := range list {
		list[i] = of(fmt.Sprintf("%s%02d", prefix, i), text)
	}

	return list
}

func ids(texts ...string) []ident.ContractID {
	list := make([]ident.ContractID, len(texts))
	for i, text := range texts {
		list[i] = ident.ContractID(text)
	}

	return list
}

// pool builds a pool with so many inputs allowed.
func pool(t require.TestingT, inputs int, holdings ...utxo.Holding) *utxo.Pool {
	return poolOf(t, utxo.Rules{MaxInputs: inputs}, holdings...)
}

func poolOf(t require.TestingT, rules utxo.Rules, holdings ...utxo.Holding) *utxo.Pool {
	p, err := utxo.NewPool(scope, rules, noon, holdings)
	require.NoError(t, err)

	return p
}

// shortageOf is the error of a selection that must not succeed.
func shortageOf(t require.TestingT, p *utxo.Pool, text string) *utxo.ShortageError {
	_, err := p.Select(amounttest.Of(text))

	var s *utxo.ShortageError

	require.ErrorAs(t, err, &s)

	return s
}

// drawAmount draws amounts that collide and add up often, and now and then one at the edges of the range.
func drawAmount(t *rapid.T, label string) amount.Amount {
	return amounttest.Of(rapid.OneOf(
		rapid.Map(rapid.IntRange(1, 12), strconv.Itoa),
		rapid.Map(rapid.IntRange(1, 500), func(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }),
		rapid.SampledFrom([]string{"0.0000000001", "1000000", "9999999999999999999999999999.9999999999"}),
	).Draw(t, label))
}

// checkOften is rapid.Check for properties that must have met rare cases at the end.
func checkOften(t *testing.T, property func(*rapid.T)) {
	t.Helper()

	for range 10 {
		rapid.Check(t, property)
	}
}

// oneOf draws one of these, the first the most often, as rapid does.
func oneOf(t *rapid.T, label string, values ...int) int {
	return rapid.SampledFrom(values).Draw(t, label)
}

// drawHolding draws a holding that may be anywhere.
func drawHolding(t *rapid.T, id string) utxo.Holding {
	h := of(id, "1")
	h.Amount = drawAmount(t, "amount")

	times := rapid.SampledFrom([]time.Time{{}, noon.Add(-time.Hour), noon, noon.Add(time.Minute), noon.Add(time.Hour)})

	switch oneOf(t, "standing", 12, 11, 10, 9, 8, 7, 0, 1, 2, 3, 4, 5) {
	case 0:
		h.Reserved, h.ReservedUntil = true, times.Draw(t, "reserved until")
	case 1:
		h.Locked, h.LockEnds = true, times.Draw(t, "lock ends")
	case 2:
		h.InFlight = true
	case 3:
		h.Synchronizer = "other::1220"
	case 4:
		h.Instrument.Admin = "mallory::1220"
	case 5:
		h.Amount = amount.Zero()
	}

	return h
}

// drawHoldings draws a pool, of all kinds of holdings or of small ones.
func drawHoldings(t *rapid.T, most int) []utxo.Holding {
	dusty := rapid.Bool().Draw(t, "dusty")
	list := make([]utxo.Holding, oneOf(t, "holdings", most, most-1, most/2, most/3, 3, 1, 0))

	for i := range list {
		list[i] = drawHolding(t, fmt.Sprintf("00%03d", i))
		if dusty && !list[i].Amount.IsZero() {
			list[i].Amount = amounttest.Of(rapid.SampledFrom([]string{"0.2", "0.3", "1", "1.5"}).Draw(t, "dust"))
		}
	}

	return list
}

// drawAsked draws an amount to pay: any, or a part of what can be spent.
func drawAsked(t *rapid.T, holdings []utxo.Holding) amount.Amount {
	all := sum(newOracle(utxo.Rules{}, holdings).free)
	all.Mul(all, big.NewInt(int64(oneOf(t, "eighths", 7, 8, 5, 6, 9, 3, 1))))
	all.Div(all, big.NewInt(8))

	part, err := amount.FromScaled(all)
	if err != nil || part.IsZero() || oneOf(t, "any", 0, 1, 2, 3) == 3 {
		return drawAmount(t, "asked")
	}

	return part
}

func shuffled(t *rapid.T, list []utxo.Holding) []utxo.Holding {
	return rapid.Permutation(list).Draw(t, "order")
}

// sum adds exactly and without a range.
func sum(holdings []utxo.Holding) *big.Int {
	total := new(big.Int)
	for _, h := range holdings {
		total.Add(total, h.Amount.Scaled())
	}

	return total
}
