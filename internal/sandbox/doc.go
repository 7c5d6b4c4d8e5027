// Package sandbox is the rest of the network in one process: a validator node's JSON Ledger API, the tokens
// that live on its ledger, and the wallets of the exchange's customers. It keeps everything in memory.
//
// It is made for tests, demonstrations and fault campaigns. What a party sees of a transaction, the node ids,
// the witnesses and the metadata follow recorded ledger data and the published token standard; places where
// no source fixes a shape say so. It needs no other service and trusts nobody but its own process.
package sandbox
