// Package registry serves the token standard's off-ledger API: what a token is, and which contracts a wallet needs to
// transfer or allocate it. It decides nothing; the ledger does.
package registry
