package ingest_test

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// smallDisk mounts a file system of its own, which only root may do.
func smallDisk(t *testing.T, size string) string {
	t.Helper()

	// Not t.TempDir: the server's user must be able to enter.
	dir, err := os.MkdirTemp("", "ces-disk-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))

	err = syscall.Mount("none", dir, "tmpfs", 0, "mode=0755,size="+size)
	if errors.Is(err, os.ErrPermission) {
		t.Skip("a disk of its own needs root; TestDiskFullInOneTable has shown the same with PostgreSQL's error alone")
	}

	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })

	return dir
}

// TestDiskFull fills the disk under the tables while ingestion runs. The write-ahead log lies elsewhere, as operators
// are advised: a PostgreSQL whose log cannot grow ends, which is TestDatabaseCrashesInTheMiddle.
func TestDiskFull(t *testing.T) {
	t.Parallel()

	disk := smallDisk(t, "32m")
	space := filepath.Join(disk, "tables")
	require.NoError(t, os.Mkdir(space, 0o700))

	if owner, err := user.Lookup("postgres"); err == nil {
		uid, err := strconv.Atoi(owner.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(owner.Gid)
		require.NoError(t, err)
		require.NoError(t, os.Chown(space, uid, gid))
	}

	server := ownServer(t)
	admin := openOn(t, server, "postgres")

	for _, statement := range []string{"CREATE TABLESPACE small LOCATION '" + space + "'", "CREATE DATABASE small TABLESPACE small"} {
		_, err := admin.Pool().Exec(t.Context(), statement)
		require.NoError(t, err)
	}

	w := newWorldOn(t, sandbox.Config{}, openOn(t, server, "small"))
	r := w.start(t, w.client(t, w.url))
	w.pay(t, 5)
	w.caughtUp(t)

	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	w.pay(t, 200) // more than what the tables' last pages take
	w.fails(t, manyTries)
	w.requireToldOnce(t, "No space left on device")
	require.Error(t, r.Ready())

	require.NoError(t, os.Remove(ballast))
	w.caughtUp(t)
	require.NoError(t, r.Ready())
	r.stop(t)
	w.requireComplete(t)
	w.requireRestarts(t)
}

// fill writes until nothing more goes.
func fill(t *testing.T, path string) {
	t.Helper()

	file, err := os.Create(path)
	require.NoError(t, err)

	defer func() { _ = file.Close() }()

	for block := make([]byte, 4096); err == nil; {
		_, err = file.Write(block)
	}

	require.ErrorIs(t, err, syscall.ENOSPC)
}
