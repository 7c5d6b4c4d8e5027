// Package migrations carries the database schema, in the order in which it came to be.
package migrations

import "embed"

// Files are the numbered migrations, for golang-migrate.
//
//go:embed *.sql
var Files embed.FS
