// Package token is the vocabulary of the Canton token standard (CIP-0056, and its version 2, CIP-0112):
// holdings, transfers, transfer instructions, metadata keys, and how to read them from a node's JSON.
package token
