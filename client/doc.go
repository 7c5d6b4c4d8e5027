// Package client is a Go client of the suite's REST API, generated from its OpenAPI document. Amounts are strings of exact
// decimal numbers.
package client

//go:generate go tool -modfile=../internal/tools/go.mod oapi-codegen -config ../openapi/exchange-client.codegen.yaml ../openapi/exchange.yaml
