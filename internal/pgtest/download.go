package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	embedded "github.com/fergusstrange/embedded-postgres"
)

const (
	// downloadVersion is the PostgreSQL that Download fetches: the major version of docker-compose.yml.
	downloadVersion = embedded.V16
	// binaryRepository is where the library's maintainers publish the binaries it extracts.
	binaryRepository = "https://repo1.maven.org/maven2"
	cacheMode        = 0o755
)

// Download fetches PostgreSQL's binaries into dir, once, and returns the directory of the executables. It is meant for
// the demo on a machine without PostgreSQL; tests use what is installed.
//
// ctx is looked at before the download starts; the library cannot interrupt one that runs.
func Download(ctx context.Context, dir string) (string, error) {
	return download(ctx, dir, binaryRepository)
}

func download(ctx context.Context, dir, repository string) (string, error) {
	home := filepath.Join(dir, "postgresql-"+string(downloadVersion))
	bin := filepath.Join(home, "bin")

	if hasBinaries(bin) {
		return bin, nil
	}

	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("download PostgreSQL %s: %w", downloadVersion, err)
	}

	if err := os.MkdirAll(dir, cacheMode); err != nil {
		return "", fmt.Errorf("download PostgreSQL %s: %w", downloadVersion, err)
	}

	port, err := freePort(ctx)
	if err != nil {
		return "", fmt.Errorf("download PostgreSQL %s: %w", downloadVersion, err)
	}

	// The library has no call that only fetches: Start fetches, extracts, runs initdb and starts. A data directory
	// beneath a file cannot exist, so that it ends right after extracting, for root (whom initdb refuses) as for others.
	blocker := filepath.Join(dir, "fetch-only")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		return "", fmt.Errorf("download PostgreSQL %s: %w", downloadVersion, err)
	}

	err = embedded.NewDatabase(embedded.DefaultConfig().
		Version(downloadVersion).
		BinaryRepositoryURL(repository).
		CachePath(dir).
		BinariesPath(home).
		RuntimePath(filepath.Join(dir, "runtime")).
		DataPath(filepath.Join(blocker, "data")).
		Port(port).
		Logger(nil)).Start()

	if !hasBinaries(bin) {
		return "", fmt.Errorf("download PostgreSQL %s from %s: %w", downloadVersion, repository,
			errors.Join(err, ErrNoPostgres))
	}

	return bin, nil
}

// freePort finds a TCP port nobody listens on: the library insists on one although nothing will use it.
func freePort(ctx context.Context) (uint32, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}

	address, ok := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}

	if !ok {
		return 0, fmt.Errorf("find a free port: unexpected address %s", listener.Addr())
	}

	return uint32(address.Port), nil //nolint:gosec // a port is 0 to 65535
}

// downloadCache is where downloaded binaries stay. Root's home is closed to the user who runs the server, and a place
// that everybody can write to could be filled by somebody else first.
func downloadCache() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/canton-exchange-suite", nil
	}

	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a directory for PostgreSQL's binaries: %w", err)
	}

	return filepath.Join(cache, "canton-exchange-suite"), nil
}
