// Package migrations carries the database schema, in the order in which it came to be.
package migrations

import "embed"

// Files are the numbered migrations, for golang-migrate. Each runs as one transaction, and writes its own number into
// schema_history, so that one whose program died is known to be applied or not. What is published is never edited: its
// hash is in published.sum (sha256sum), into which a new one goes when it is published.
//
//go:embed *.sql published.sum
var Files embed.FS
