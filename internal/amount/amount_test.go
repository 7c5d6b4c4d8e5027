package amount_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
)

func TestParse(t *testing.T) {
	t.Parallel()

	nines := strings.Repeat("9", 28) + "." + strings.Repeat("9", 10)
	for _, tc := range []struct {
		text, want string
		err        error
	}{
		{"0", "0.0000000000", nil},
		{"-0", "0.0000000000", nil},
		{"200.0000000000", "200.0000000000", nil},
		{"0.0000000001", "0.0000000001", nil},
		{"1000000000000000000000.0000000000", "1000000000000000000000.0000000000", nil},
		{nines, nines, nil},
		{"-" + nines, "-" + nines, nil},
		{"00012.5", "12.5000000000", nil},
		{"1.00000000000000", "1.0000000000", nil},
		{"1" + strings.Repeat("0", 28), "", amount.ErrRange},
		{strings.Repeat("1", 65), "", amount.ErrRange},
		{"0.00000000001", "", amount.ErrScale},
		{"", "", amount.ErrSyntax},
		{"-", "", amount.ErrSyntax},
		{"+1", "", amount.ErrSyntax},
		{".5", "", amount.ErrSyntax},
		{"5.", "", amount.ErrSyntax},
		{"1e5", "", amount.ErrSyntax},
		{"1,5", "", amount.ErrSyntax},
		{" 1", "", amount.ErrSyntax},
		{"NaN", "", amount.ErrSyntax},
		{"Infinity", "", amount.ErrSyntax},
		{"--1", "", amount.ErrSyntax},
		{"1.2.3", "", amount.ErrSyntax},
		{"١", "", amount.ErrSyntax},
	} {
		got, err := amount.Parse(tc.text)
		if tc.err != nil {
			require.ErrorIs(t, err, tc.err, tc.text)
			continue
		}

		require.NoError(t, err, tc.text)
		require.Equal(t, tc.want, got.String(), tc.text)
	}
}

// scaled draws an amount as an integer count of 10^-10, so that big.Int is an independent oracle.
func scaled(t *rapid.T, label string) (*big.Int, amount.Amount) {
	digits := rapid.StringMatching(`-?[0-9]{1,37}`).Draw(t, label)
	n, ok := new(big.Int).SetString(digits, 10)
	require.True(t, ok)

	return n, amounttest.Of(text(n))
}

// text prints n·10^-10 the long way.
func text(n *big.Int) string {
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}

	s := new(big.Int).Abs(n).String()
	for len(s) <= amount.Scale {
		s = "0" + s
	}

	return sign + s[:len(s)-amount.Scale] + "." + s[len(s)-amount.Scale:]
}

func TestArithmeticAgreesWithIntegers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, a := scaled(t, "a")
		y, b := scaled(t, "b")

		sum, err := a.Add(b)
		require.NoError(t, err)
		require.Equal(t, text(new(big.Int).Add(x, y)), sum.String())

		difference, err := a.Sub(b)
		require.NoError(t, err)
		require.Equal(t, text(new(big.Int).Sub(x, y)), difference.String())

		require.Equal(t, x.Cmp(y), a.Cmp(b))
		require.Equal(t, x.Cmp(y) == 0, a.Equal(b))
		require.Equal(t, x.Sign(), a.Sign())
	})
}

func TestTextRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		_, a := scaled(t, "a")
		raw, err := json.Marshal(a)
		require.NoError(t, err)

		var back amount.Amount
		require.NoError(t, json.Unmarshal(raw, &back))
		require.True(t, a.Equal(back))
		require.Equal(t, a.String(), back.String())

		unscaled, err := amount.FromScaled(a.Scaled())
		require.NoError(t, err)
		require.True(t, a.Equal(unscaled))
	})
}

// words is what Words tells, in one number.
func words(a amount.Amount) *big.Int {
	high, low := a.Words()
	n := new(big.Int).Lsh(new(big.Int).SetUint64(high), 64)

	return n.Or(n, new(big.Int).SetUint64(low))
}

func TestWordsAreTheMagnitudeWhateverTheForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, a := scaled(t, "a")
		require.Equal(t, new(big.Int).Abs(x).String(), words(a).String())
		require.Equal(t, words(a).String(), words(amounttest.Of(a.Short())).String(), "fewer digits in memory")

		whole := rapid.Int64().Draw(t, "whole")
		units := amount.FromInt(whole)
		require.Equal(t, new(big.Int).Abs(units.Scaled()).String(), words(units).String())
	})
}

func TestJSONNumberIsRefused(t *testing.T) {
	t.Parallel()

	var a amount.Amount
	for _, raw := range []string{`1`, `1.5`, `null`, `{}`, `"1e3"`, `true`} {
		require.Error(t, json.Unmarshal([]byte(raw), &a), raw)
	}
}

func TestOverflowIsAnError(t *testing.T) {
	t.Parallel()

	most := amounttest.Of(strings.Repeat("9", 28) + "." + strings.Repeat("9", 10))
	_, err := most.Add(amounttest.Of("0.0000000001"))
	require.ErrorIs(t, err, amount.ErrRange)
	_, err = most.Neg().Sub(amounttest.Of("0.0000000001"))
	require.ErrorIs(t, err, amount.ErrRange)
}

func TestFitsDecimals(t *testing.T) {
	t.Parallel()
	require.True(t, amounttest.Of("1.2300000000").FitsDecimals(2))
	require.False(t, amounttest.Of("1.2310000000").FitsDecimals(2))
	require.True(t, amounttest.Of("7").FitsDecimals(0))
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0", "-1.5", "1e9", "999999999999999999999999999.9999999999", "NaN", "0x1"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, in string) {
		a, err := amount.Parse(in)
		if err != nil {
			return
		}

		back, err := amount.Parse(a.String())
		require.NoError(t, err)
		require.True(t, a.Equal(back))
	})
}
