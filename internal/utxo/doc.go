// Package utxo decides which holdings pay a withdrawal, which withdrawals may be paid now, and how the treasury's
// holdings are merged and split so that many withdrawals can be paid at once.
//
// It is pure: values in, values out. It reserves nothing and knows nothing of what came of its advice. Whoever calls
// it holds the result against the database, whose constraint is what keeps two workers from taking the same holding.
// The same holdings in any order give the same answer.
//
// A Pool is a snapshot of one token's holdings on one synchronizer; building it costs time in proportion to them (least
// if they come in ascending order of amount and contract id), asking it costs next to nothing. It may be built from a
// part of the treasury's holdings. A selection from a part is as good a payment, and a part that has the MaxInputs
// largest spendable holdings finds one whenever the whole does; only why there is none takes the whole.
//
// Every amount spent here is what holdings hold. What a committed transaction gave back as change is read from the
// ledger's history and never computed as inputs minus amount: fees are zero today (CIP-0078) and were not always.
package utxo
