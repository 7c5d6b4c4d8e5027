// Package api is the exchange's door: the REST API. It authenticates, authorizes, bounds and repeats; what is asked for
// is done by the views and functions of the database's schema api, which SQL users have as well.
//
// A request that changes something is one database transaction: what it does, its row in the audit log, and the answer
// that is given again to the same Idempotency-Key, commit together. A killed process leaves all of it or nothing.
package api

//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config ../../openapi/exchange.codegen.yaml ../../openapi/exchange.yaml
//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config ../../openapi/exchange-client.codegen.yaml ../../openapi/exchange.yaml
