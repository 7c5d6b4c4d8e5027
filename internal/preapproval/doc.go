// Package preapproval keeps the treasury's preapproval of Canton Coin: it watches when that ends, calls a person in
// time, and renews it before where a local party of ours provides it.
//
// A keeper looks at the node's active contracts every few minutes, has package deposit decide, and writes down what it
// found and did. While a preapproval stands, Canton Coin arrives in one step; when it has ended, deposits come as
// offers, which package intake accepts. So nothing here is urgent, and nothing here touches the treasury's money: a
// renewal is the provider's command, paid with the provider's coins, of which it is handed no more than it may cost.
// The treasury's own key signs none of it.
//
// A renewal consumes the contract that it renews, so that it happens once however often it is tried, and by how many
// instances. What the node says of a try only says when to look again: that the preapproval was renewed is told when
// its successor is seen on the ledger. A try that was refused for good is not repeated before something changes.
package preapproval
