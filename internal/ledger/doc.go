// Package ledger is the client of a validator node's JSON Ledger API: reads, the update stream, interactive
// submission for external parties with its completions, and errors that say what may be done about them.
//
// Nothing here decides about money. Updates are handed on as the bytes the node sent, complete and in the
// node's order, or an error is; Classify is the one place that says which errors of reads may be tried again,
// and OutcomeOf the one that says what an error of a submission leaves behind. Transactions are submitted once
// for every call, exactly as they were signed.
//
// Source of the protocol: the OpenAPI and AsyncAPI documents published by Canton 3.3, 3.4.12 and 3.5.1.
package ledger

//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config ../../openapi/ledger-api.codegen.yaml ../../openapi/ledger-api.yaml
