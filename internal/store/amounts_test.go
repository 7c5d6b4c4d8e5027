package store_test

import (
	"context"
	"math/big"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// anyAmount is an amount from the whole range, in any of its representations in memory.
func anyAmount(t *rapid.T) amount.Amount {
	digits := rapid.IntRange(1, 38).Draw(t, "digits")
	text := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), digits, digits, -1).Draw(t, "scaled")

	if rapid.Bool().Draw(t, "padded") { // trailing zeros and round numbers are where formats go wrong
		zeros := rapid.IntRange(0, digits).Draw(t, "zeros")
		text = text[:digits-zeros] + strings.Repeat("0", zeros)
	}

	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		n = new(big.Int)
	}

	a, err := amount.FromScaled(n)
	require.NoError(t, err)

	if rapid.Bool().Draw(t, "canonical") {
		return amounttest.Of(a.String())
	}

	return a
}

func edges() []amount.Amount {
	var out []amount.Amount
	for _, text := range []string{
		"0", "0.0000000001", "1", "10000", "9999", "0.0001", "0.00001", "10000000000000000000000000", "9999999999999999999999999999.9999999999",
		"1000000000000000000000000000", "0.1000000000", "123456789.0000000010", "10000.0001",
	} {
		out = append(out, amounttest.Of(text))
	}

	return out
}

// TestAmountsComeBackExactly takes amounts through every way in which they go in and out: COPY, a parameter, an array
// of texts, and SELECT.
func TestAmountsComeBackExactly(t *testing.T) {
	t.Parallel()

	db, _ := open(t)
	conn := db.Pool()
	_, err := conn.Exec(t.Context(), "CREATE TABLE money (a numeric(38,10) NOT NULL)")
	require.NoError(t, err)

	check := func(t require.TestingT, a amount.Amount) {
		for _, v := range []amount.Amount{a, a.Neg()} {
			var parameter, array amount.Amount

			var text string

			err := conn.QueryRow(context.Background(), "SELECT $1::numeric(38,10), $1::numeric(38,10)::text, (unnest($2::text[])::numeric)",
				v, []string{v.String()}).Scan(&parameter, &text, &array)
			require.NoError(t, err)
			require.True(t, v.Equal(parameter), "parameter %s became %s", v, parameter)
			require.True(t, v.Equal(array), "array %s became %s", v, array)
			require.Equal(t, v.String(), strings.Replace(text, "-0.0000000000", "0.0000000000", 1))
		}
	}

	for _, a := range edges() {
		check(t, a)
	}

	rapid.Check(t, func(t *rapid.T) { check(t, anyAmount(t)) })
}

// TestBatchesKeepAmountsExactly stores amounts as ingestion does and reads them as everybody else does.
func TestBatchesKeepAmountsExactly(t *testing.T) {
	t.Parallel()

	l := begin(t)
	n := 0

	check := func(rt require.TestingT, a amount.Amount) {
		if a.IsZero() {
			return
		}

		n++
		id := ident.ContractID(uuid.NewString())
		d := offer(id)
		d.Amount = a
		s := settled(id)
		s.Amount = a

		// Two movements of this very amount: there and back, so that balances never leave their range.
		l.apply(l.record(1, txhistory.Effects{Created: []txhistory.HoldingCreated{created(id, a)}}, books.Entries{
			Deposits: []books.Deposit{d}, Postings: append(movement(0, books.Income, "", a), movement(1, books.Income, "", a.Neg())...),
		}))
		l.apply(l.record(1, txhistory.Effects{}, books.Entries{Settlements: []books.Settlement{s}}))

		known, err := l.db.Known(context.Background(), l.treasury, party, []ident.ContractID{id})
		require.NoError(rt, err)
		require.True(rt, a.Equal(known.Holdings[id].Amount), "%s became %s", a, known.Holdings[id].Amount)

		var deposit, posting amount.Amount

		err = l.pool.QueryRow(context.Background(), `SELECT d.amount, (SELECT amount FROM postings WHERE origin_no = $2 AND movement = 0 AND line = 1)
			FROM deposits d WHERE correlation_id = $1`, string(id), l.position.No-1).Scan(&deposit, &posting)
		require.NoError(rt, err)
		require.True(rt, a.Equal(deposit), "%s became %s", a, deposit)
		require.True(rt, a.Equal(posting), "%s became %s", a, posting)
	}

	for _, a := range edges() {
		check(t, a)
	}

	rapid.Check(t, func(rt *rapid.T) { check(rt, anyAmount(rt)) })
	require.Positive(t, n)
}
