// Package scan serves what a wallet learns about the network beside its ledger: the validator's own API with its
// scan-proxy, and scan, where the super validators publish the contracts of Canton Coin.
package scan
