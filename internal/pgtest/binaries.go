package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoPostgres means that no PostgreSQL installation was found. Its text names the ways out.
var ErrNoPostgres = errors.New(
	"no PostgreSQL installation found: install one (apt-get install postgresql) " +
		"or set PGBIN to the directory which holds initdb and postgres")

// debianBinaries is where Debian and Ubuntu put each major version, outside of PATH.
const debianBinaries = "/usr/lib/postgresql/*/bin"

// search says where binaries are looked for, so that tests can look elsewhere.
type search struct {
	pgbin string // value of PGBIN; wins when set
	path  string // value of PATH
	glob  string // directories of versioned installations, newest first
}

func systemSearch() search {
	return search{pgbin: os.Getenv("PGBIN"), path: os.Getenv("PATH"), glob: debianBinaries}
}

// find returns the directory with initdb and postgres. A PGBIN without them is an error, not a reason to look on: who
// sets it wants that version.
func (s search) find() (string, error) {
	if s.pgbin != "" {
		if !hasBinaries(s.pgbin) {
			return "", fmt.Errorf("PGBIN=%s: initdb and postgres are not both there: %w", s.pgbin, ErrNoPostgres)
		}

		return s.pgbin, nil
	}

	for _, dir := range filepath.SplitList(s.path) {
		if filepath.IsAbs(dir) && hasBinaries(dir) {
			return dir, nil
		}
	}

	versioned, err := filepath.Glob(s.glob)
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL in %s: %w", s.glob, err)
	}

	slices.SortFunc(versioned, func(a, b string) int { return cmp.Compare(majorVersion(b), majorVersion(a)) })

	for _, dir := range versioned {
		if hasBinaries(dir) {
			return dir, nil
		}
	}

	return "", ErrNoPostgres
}

// findBinaries looks in the usual places and, where the caller allows it, downloads.
func findBinaries(ctx context.Context, allowDownload bool) (string, error) {
	dir, err := systemSearch().find()
	if !errors.Is(err, ErrNoPostgres) || !allowDownload {
		return dir, err
	}

	cache, cacheErr := downloadCache()
	if cacheErr != nil {
		return "", errors.Join(err, cacheErr)
	}

	dir, downloadErr := Download(ctx, cache)
	if downloadErr != nil {
		return "", errors.Join(err, downloadErr)
	}

	return dir, nil
}

func hasBinaries(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}

	return true
}

// majorVersion reads 16 from /usr/lib/postgresql/16/bin; 0 sorts what is not a version last.
func majorVersion(bindir string) int {
	major, err := strconv.Atoi(strings.SplitN(filepath.Base(filepath.Dir(bindir)), ".", 2)[0])
	if err != nil {
		return 0
	}

	return major
}
