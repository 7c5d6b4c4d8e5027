// Package ledger is the client of a validator node's JSON Ledger API: reads, the update stream, and errors
// that say what may be done about them.
//
// Nothing here decides about money. Updates are handed on as the bytes the node sent, complete and in the
// node's order, or an error is; Classify is the one place that says which errors may be tried again.
//
// Source of the protocol: the OpenAPI and AsyncAPI documents published by Canton 3.3, 3.4.12 and 3.5.1.
package ledger

//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config ../../openapi/ledger-api.codegen.yaml ../../openapi/ledger-api.yaml
