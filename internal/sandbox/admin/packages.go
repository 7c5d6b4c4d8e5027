package admin

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// Bounds on what the node's package store holds.
const (
	maxPackages     = 5000
	maxArchiveBytes = 256 << 20
)

// Package is a Daml package that a node knows. A package of a DAR may have neither name nor version.
type Package struct {
	Name    string `json:"packageName"`
	ID      string `json:"packageId"`
	Version string `json:"packageVersion"`
}

// compare sorts by name and version, and by id as a last resort.
func (p Package) compare(other Package) int {
	return cmp.Or(strings.Compare(p.Name, other.Name), compareVersions(p.Version, other.Version),
		strings.Compare(p.ID, other.ID))
}

// compareVersions compares numbers between dots as numbers, so that 0.1.10 comes after 0.1.9.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")

	for i := range min(len(x), len(y)) {
		m, errM := strconv.ParseUint(x[i], 10, 64)
		n, errN := strconv.ParseUint(y[i], 10, 64)

		order := cmp.Compare(m, n)
		if errM != nil || errN != nil {
			order = strings.Compare(x[i], y[i])
		}

		if order != 0 {
			return order
		}
	}

	return cmp.Compare(len(x), len(y))
}

// isPackageID reports whether a text is a package id: a SHA-256 in lower case hex.
func isPackageID(text string) bool {
	const size = 64

	_, err := hex.DecodeString(text)

	return err == nil && len(text) == size && strings.ToLower(text) == text
}

// stored is a package with its archive, which is nil for those that the sandbox implements itself.
type stored struct {
	Package

	archive []byte
}

// packageStore holds a node's packages and what of them it has vetted on each synchronizer.
type packageStore struct {
	mu       sync.RWMutex
	packages map[string]stored
	bytes    int // of all archives
	vetting  map[ident.SynchronizerID]vetting
	// order of the synchronizers, the preferred one first.
	order []ident.SynchronizerID
}

// newPackageStore knows packages and has vetted them, without bounds in time, on every synchronizer.
func newPackageStore(packages []Package, synchronizers []ident.SynchronizerID) (*packageStore, error) {
	if len(packages) > maxPackages {
		return nil, fmt.Errorf("%w: %d packages, more than %d", ErrConfig, len(packages), maxPackages)
	}

	s := &packageStore{
		packages: map[string]stored{}, vetting: map[ident.SynchronizerID]vetting{}, order: synchronizers,
	}

	for _, p := range packages {
		if !isPackageID(p.ID) {
			return nil, fmt.Errorf("%w: package id %.80q of %s: want 64 hex digits", ErrConfig, p.ID, p.Name)
		}

		s.packages[p.ID] = stored{Package: p}
	}

	for _, synchronizer := range synchronizers {
		first := vetting{serial: 1, bounds: map[string]validity{}}
		for id := range s.packages {
			first.bounds[id] = validity{}
		}

		s.vetting[synchronizer] = first
	}

	return s, nil
}

func errPackageNotFound(id string) error {
	return cantonerr.NotFound("PACKAGE_NOT_FOUND", "there is no package %.80q", id).On("PACKAGE", id)
}

func (s *packageStore) ids() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()

	list := make([]string, 0, len(s.packages))
	for id := range s.packages {
		list = append(list, id)
	}

	slices.Sort(list)

	return list
}

func (s *packageStore) find(id string) (stored, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()

	p, ok := s.packages[id]

	return p, ok
}

// add stores the packages of a DAR and, where vet is set, vets them on a synchronizer. With dry nothing is changed.
func (s *packageStore) add(dar []stored, synchronizer ident.SynchronizerID, vet, dry bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if vet {
		found, err := s.connected(synchronizer)
		if err != nil {
			return err
		}

		synchronizer = found

		if err := s.checkVersions(dar, synchronizer); err != nil {
			return err
		}
	}

	fresh, grown := map[string]stored{}, 0

	for _, p := range dar {
		_, knownBefore := s.packages[p.ID]
		if _, twice := fresh[p.ID]; !knownBefore && !twice {
			fresh[p.ID] = p
			grown += len(p.archive)
		}
	}

	if len(s.packages)+len(fresh) > maxPackages {
		return full("packages", maxPackages)
	}

	if s.bytes+grown > maxArchiveBytes {
		return full("bytes of packages", maxArchiveBytes)
	}

	if dry {
		return nil
	}

	maps.Copy(s.packages, fresh)

	s.bytes += grown

	if vet {
		s.vetAll(dar, synchronizer)
	}

	return nil
}

// checkVersions refuses a package with the name and version of another one that is vetted already.
func (s *packageStore) checkVersions(dar []stored, synchronizer ident.SynchronizerID) error {
	vetted := map[[2]string]string{}

	for id := range s.vetting[synchronizer].bounds {
		if p := s.packages[id]; p.Name != "" {
			vetted[[2]string{p.Name, p.Version}] = id
		}
	}

	for _, p := range dar {
		if other, ok := vetted[[2]string{p.Name, p.Version}]; p.Name != "" && ok && other != p.ID {
			return cantonerr.Invalid("KNOWN_PACKAGE_VERSION", "%s %s is vetted already as package %s, which is not %s",
				p.Name, p.Version, other, p.ID)
		}
	}

	return nil
}

func (s *packageStore) vetAll(dar []stored, synchronizer ident.SynchronizerID) {
	next := s.vetting[synchronizer].next()
	changed := false

	for _, p := range dar {
		if _, ok := next.bounds[p.ID]; !ok {
			next.bounds[p.ID] = validity{}
			changed = true
		}
	}

	if changed {
		s.vetting[synchronizer] = next
	}
}

// connected resolves the synchronizer of a request, which only a node with a single one finds by itself.
func (s *packageStore) connected(asked ident.SynchronizerID) (ident.SynchronizerID, error) {
	if asked == "" {
		if len(s.order) == 1 {
			return s.order[0], nil
		}

		return "", cantonerr.State("PACKAGE_SERVICE_CANNOT_AUTODETECT_SYNCHRONIZER",
			"the node is connected to %d synchronizers and the request names none", len(s.order))
	}

	if _, ok := s.vetting[asked]; !ok {
		return "", cantonerr.State("PACKAGE_SERVICE_NOT_CONNECTED_TO_SYNCHRONIZER",
			"the node is not connected to synchronizer %.255q", string(asked))
	}

	return asked, nil
}

// Vetted reports whether a package may be used on a synchronizer at a time.
func (a *Admin) Vetted(synchronizer ident.SynchronizerID, packageID string, at time.Time) bool {
	a.packages.mu.RLock()
	defer a.packages.mu.RUnlock()

	bounds, ok := a.packages.vetting[synchronizer].bounds[packageID]

	return ok && bounds.contains(at)
}
