package utxo

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Purpose is what a self-transfer is for.
type Purpose int

const (
	// Merge makes one holding of several small ones.
	Merge Purpose = iota + 1
	// Build merges small holdings into one more large one.
	Build
	// Split makes two large holdings of one.
	Split
)

// String is the purpose as a word for logs and status.
func (p Purpose) String() string {
	switch p {
	case Merge:
		return "merge"
	case Build:
		return "build"
	case Split:
		return "split"
	default:
		return fmt.Sprintf("purpose %d", int(p))
	}
}

// Transfer is a transfer of the treasury to itself. It spends the inputs and makes a holding of the amount and, where
// they hold more, one of the rest: a self-transfer has no more than two outputs.
type Transfer struct {
	Purpose Purpose
	Inputs  []ident.ContractID
	Amount  amount.Amount
}

// transfer spends the holdings at these places and makes one of them; false if they hold more than an amount can be.
func (p *Pool) transfer(purpose Purpose, places []int) (Transfer, bool) {
	sum, ok := p.worth(places).amount()

	return Transfer{Purpose: purpose, Inputs: p.contracts(places), Amount: sum}, ok
}

// merges are what a payment needs that the spendable holdings cover with too many inputs.
func (p *Pool) merges(value units) []Transfer {
	var list []Transfer

	for _, places := range p.batches(value, len(p.free)) {
		if t, ok := p.transfer(Merge, places); ok {
			list = append(list, t)
		}
	}

	return list
}

// batches are the merges that let a value be paid within the allowed inputs, out of the free holdings before a place,
// which must cover it. Of the fewest holdings that cover it, the smallest are merged: as many as are too many, for a
// merge of n takes n−1 away. Each is worth less than the value, since even all but the smallest of them are.
func (p *Pool) batches(value units, end int) [][]int {
	from := p.largest(value, end)
	excess := end - from - p.rules.MaxInputs

	var batches [][]int

	for excess > 0 {
		size := min(p.rules.MaxInputs, excess+1, end-from)
		if size < 2 {
			break // the results of these are merged in another round
		}

		batches = append(batches, span(from, from+size))
		from, excess = from+size, excess-size+1
	}

	return batches
}
