package store_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// TestAReadOnlyDatabaseIsAway is what a writer meets in the middle of a failover: a server that answers, reads, and
// refuses to write. The same call succeeds once the server is a primary.
func TestAReadOnlyDatabaseIsAway(t *testing.T) {
	t.Parallel()

	_, pool := open(t)
	readOnly := "ALTER DATABASE " + pgx.Identifier{pool.Config().ConnConfig.Database}.Sanitize() +
		" SET default_transaction_read_only = "
	met := []ident.Instrument{coin()}

	_, err := pool.Exec(t.Context(), readOnly+"on")
	require.NoError(t, err)

	err = reopen(t, pool).EnsureInstruments(t.Context(), met, now())
	require.ErrorContains(t, err, "read-only transaction")
	require.True(t, store.IsAway(err), "ingestion would stop for good instead of waiting for the promotion")

	_, err = pool.Exec(t.Context(), readOnly+"off")
	require.NoError(t, err)
	require.NoError(t, reopen(t, pool).EnsureInstruments(t.Context(), met, now()))
}

// TestALostConnectionIsAway is how database/sql, through which the schema is migrated, says that the server has gone.
func TestALostConnectionIsAway(t *testing.T) {
	t.Parallel()

	require.True(t, store.IsAway(fmt.Errorf("reach database: %w", driver.ErrBadConn)))
	require.False(t, store.IsAway(errors.New("no such table")))
}
