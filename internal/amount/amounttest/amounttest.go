// Package amounttest writes amounts down in tests.
package amounttest

import "github.com/canton-exchange/suite/internal/amount"

// Of is the amount with this text; it panics on text that is not one.
func Of(text string) amount.Amount {
	a, err := amount.Parse(text)
	if err != nil {
		panic(err)
	}

	return a
}
