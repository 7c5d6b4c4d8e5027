// Package tools pins the programs that generate and check this project's code, apart from what the product depends on.
//
// "go generate ./..." is the single entry to generation. A directive names this module's file by its path from the
// directory it stands in, since go generate runs it there:
//
//	//go:generate go tool -modfile=../../internal/tools/go.mod sqlc generate --file ../../sql/sqlc.yaml
//	//go:generate go tool -modfile=../../internal/tools/go.mod oapi-codegen --config oapi-codegen.yaml ../../openapi/x.yaml
//
// The linter runs from the root:
//
//	go tool -modfile=internal/tools/go.mod golangci-lint run
//
// To change a version: go get -tool PATH@VERSION in this directory.
package tools
