package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrFenced means that another writer has taken over the treasury, or that these updates are applied already.
	ErrFenced = errors.New("another writer has moved the cursor")
	// ErrContradiction means that the database and the update disagree about what exists: a holding to archive that is not
	// active, an offer to end that is not open. Nothing of the batch is stored.
	ErrContradiction = errors.New("the update contradicts the database")
	// ErrNotFound means that there is no such row.
	ErrNotFound = errors.New("not found in the database")
)

// SQLSTATE codes and classes of PostgreSQL, Appendix A of its manual.
const (
	uniqueViolation  = "23505"
	classResources   = "53" // disk full, out of memory, too many connections
	classOperator    = "57" // shutdown, cannot connect now
	classConnection  = "08"
	classSystem      = "58"    // I/O errors
	classTransaction = "40"    // serialization failure, deadlock
	readOnly         = "25006" // a standby before it is promoted, or a primary that is being demoted
	lockNotAvailable = "55P03" // lock_timeout
	sqlStateClass    = 2       // characters of a code that name its class
)

// IsAway reports whether an error says that the database is out of reach or out of resources for now, so that the
// same work will do later.
func IsAway(err error) bool {
	err = unhidden(err)

	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		if server.Code == readOnly || server.Code == lockNotAvailable {
			return true
		}

		switch server.Code[:min(len(server.Code), sqlStateClass)] {
		case classResources, classOperator, classConnection, classSystem, classTransaction:
			return true
		default:
			return false
		}
	}

	var (
		connect *pgconn.ConnectError
		network net.Error
	)

	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, driver.ErrBadConn) // as database/sql words all of it
}

// isUnique reports whether an error is the violation of a unique constraint of this name.
func isUnique(err error, constraint string) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)

	return ok && server.Code == uniqueViolation && server.ConstraintName == constraint
}

// unhidden gives the cause of an error of the migration runner, which errors.As cannot see through.
func unhidden(err error) error {
	if hidden, ok := errors.AsType[*database.Error](err); ok && hidden.OrigErr != nil {
		return hidden.OrigErr
	}

	if hidden, ok := errors.AsType[database.Error](err); ok && hidden.OrigErr != nil {
		return hidden.OrigErr
	}

	return err
}
