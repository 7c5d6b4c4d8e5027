package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/store"
)

func TestOnlyOneHoldsTheLock(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	second := reopen(t, pool)

	held, ok, err := db.TryLock(t.Context(), 1)
	require.NoError(t, err)
	require.True(t, ok)

	for _, other := range []*store.DB{db, second} {
		_, ok, err := other.TryLock(t.Context(), 1)
		require.NoError(t, err)
		require.False(t, ok)
	}

	another, ok, err := second.TryLock(t.Context(), 2)
	require.NoError(t, err)
	require.True(t, ok, "another treasury's lock is another lock")
	another.Release(t.Context())

	held.Release(t.Context())
	requireLock(t, second).Release(t.Context())
}

func requireLock(t *testing.T, db *store.DB) *store.Lock {
	t.Helper()

	var lock *store.Lock

	require.Eventually(t, func() bool {
		got, ok, err := db.TryLock(context.Background(), 1)
		lock = got

		return err == nil && ok
	}, patience, pollInterval, "the lock never came free")

	return lock
}

// TestAKilledHolderLosesTheLock ends the holder's connection on the server, as the death of its process would.
func TestAKilledHolderLosesTheLock(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	second := reopen(t, pool)

	held, ok, err := db.TryLock(t.Context(), 1)
	require.NoError(t, err)
	require.True(t, ok)

	var killed bool

	require.NoError(t, pool.QueryRow(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks
		WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&killed))
	require.True(t, killed)

	lock := requireLock(t, second)
	_, ok, err = db.TryLock(t.Context(), 1)
	require.NoError(t, err, "the old holder's pool must recover")
	require.False(t, ok)

	held.Release(t.Context()) // of a dead connection: must not take the lock from its new holder
	_, ok, err = db.TryLock(t.Context(), 1)
	require.NoError(t, err)
	require.False(t, ok)
	lock.Release(t.Context())
}

func TestReleaseAfterTheCallerHasGone(t *testing.T) {
	t.Parallel()

	db, pool := open(t)

	held, ok, err := db.TryLock(t.Context(), 1)
	require.NoError(t, err)
	require.True(t, ok)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	held.Release(gone)
	requireLock(t, reopen(t, pool)).Release(t.Context())
}
