// Package sandbox is the rest of the network in one process: validator nodes with their JSON Ledger API, the tokens
// that live on its ledger, their registries, and the wallets of the exchange's customers. It keeps all in memory.
//
// It is made for tests, demonstrations and fault campaigns, its own and other people's. What a party sees of a
// transaction, the node ids, the witnesses and the metadata follow recorded ledger data and the published token
// standard; places where no source fixes a shape say so. It needs no other service and trusts nobody but its own
// process.
//
// Everything happens on one ledger under one lock, so it is one package. Its files are named for their part of it:
//
//   - ledger: contracts, the transaction builder with its checks, seeds and ids, parties, record time, submissions on
//     their way, prepared transactions and their rebuilding. Knows no token and no HTTP.
//   - token: what the templates do: Canton Coin in both generations (amulet), AcmeToken, allocations, and the choices
//     that clients may exercise (behaviour). Knows no HTTP.
//   - node: one validator: what it hosts, numbers and forgets, and every endpoint and stream of its API.
//   - network: what stands beside the nodes: registries, scan, the oracle that knows the truth.
//   - wallet: customers without keys, by method calls and HTTP, and a crowd of them.
//   - fault: what is done when a rule of package fault strikes.
//   - replay: a recorded history served as a node.
//
// What needs nothing of the ledger has packages of its own below this one.
package sandbox
