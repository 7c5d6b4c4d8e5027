package admin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// validity is when a package is vetted: from the first time on and before the second, each unbounded when nil.
type validity struct{ from, until *time.Time }

func (v validity) contains(at time.Time) bool {
	return (v.from == nil || !at.Before(*v.from)) && (v.until == nil || at.Before(*v.until))
}

// vetting is what a node has vetted on one synchronizer. It is never changed once it is stored: it is replaced.
type vetting struct {
	serial int
	bounds map[string]validity
}

func (v vetting) next() vetting {
	return vetting{serial: v.serial + 1, bounds: maps.Clone(v.bounds)}
}

// packageRef matches packages. An empty field matches everything, but a name or an id must be there.
type packageRef struct {
	ID      string `json:"packageId"`
	Name    string `json:"packageName"`
	Version string `json:"packageVersion"`
}

func (f packageRef) String() string {
	return fmt.Sprintf("(id %.64q, name %.100q, version %.40q)", f.ID, f.Name, f.Version)
}

func (f packageRef) matches(p Package) bool {
	return (f.ID == "" || f.ID == p.ID) && (f.Name == "" || f.Name == p.Name) &&
		(f.Version == "" || f.Version == p.Version)
}

// vettingChange is one change: bounds for exactly one package per reference, or the end of all that match.
type vettingChange struct {
	vet    bool
	refs   []packageRef
	bounds validity
}

// vettedPackages is what a node has vetted on a synchronizer, in the API's JSON.
type vettedPackages struct {
	Packages     []vettedPackage      `json:"packages"`
	Participant  ident.ParticipantID  `json:"participantId"`
	Synchronizer ident.SynchronizerID `json:"synchronizerId"`
	Serial       int                  `json:"topologySerial"`
}

type vettedPackage struct {
	Package

	From  *time.Time `json:"validFromInclusive,omitempty"`
	Until *time.Time `json:"validUntilExclusive,omitempty"`
}

// show lists what is vetted of the packages that match.
func (s *packageStore) show(
	v vetting, participant ident.ParticipantID, synchronizer ident.SynchronizerID, match func(Package) bool,
) vettedPackages {
	list := []vettedPackage{}

	for id, bounds := range v.bounds {
		if p := s.packages[id].Package; match(p) {
			list = append(list, vettedPackage{Package: p, From: bounds.from, Until: bounds.until})
		}
	}

	slices.SortFunc(list, func(a, b vettedPackage) int { return a.compare(b.Package) })

	return vettedPackages{Packages: list, Participant: participant, Synchronizer: synchronizer, Serial: v.serial}
}

// vettingFilter is which vetted packages are asked for; an empty list asks for all.
type vettingFilter struct {
	Metadata struct {
		IDs      []string `json:"packageIds"`
		Prefixes []string `json:"packageNamePrefixes"`
	} `json:"packageMetadataFilter"`
	Topology struct {
		Participants  []ident.ParticipantID  `json:"participantIds"`
		Synchronizers []ident.SynchronizerID `json:"synchronizerIds"`
	} `json:"topologyStateFilter"`
}

func (f vettingFilter) matches(p Package) bool {
	if len(f.Metadata.IDs) == 0 && len(f.Metadata.Prefixes) == 0 {
		return true
	}

	return slices.Contains(f.Metadata.IDs, p.ID) || slices.ContainsFunc(f.Metadata.Prefixes, func(prefix string) bool {
		return strings.HasPrefix(p.Name, prefix)
	})
}

// listVetted lists, synchronizer by synchronizer, what is vetted of what a filter matches.
func (s *packageStore) listVetted(
	participant ident.ParticipantID, f vettingFilter, asked page,
) (list []vettedPackages, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()

	list = []vettedPackages{}

	if len(f.Topology.Participants) > 0 && !slices.Contains(f.Topology.Participants, participant) {
		return list, false
	}

	for _, synchronizer := range slices.Sorted(slices.Values(s.order)) {
		wanted := len(f.Topology.Synchronizers) == 0 || slices.Contains(f.Topology.Synchronizers, synchronizer)
		if !wanted || string(synchronizer) <= asked.after {
			continue
		}

		shown := s.show(s.vetting[synchronizer], participant, synchronizer, f.matches)
		if len(shown.Packages) == 0 {
			continue
		}

		if len(list) == asked.size {
			return list, true
		}

		list = append(list, shown)
	}

	return list, false
}

// update applies changes in their order, all or none. The serial, when it is not nil, must be the present one.
func (s *packageStore) update(
	participant ident.ParticipantID, asked ident.SynchronizerID, changes []vettingChange, serial *int, dry bool,
) (past, fresh vettedPackages, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	synchronizer, err := s.connected(asked)
	if err != nil {
		return past, fresh, err
	}

	before := s.vetting[synchronizer]
	if serial != nil && *serial != before.serial {
		return past, fresh, cantonerr.State("TOPOLOGY_SERIAL_MISMATCH",
			"the vetted packages have serial %d, not %d", before.serial, *serial)
	}

	after := before.next()

	for _, change := range changes {
		if err := s.apply(change, after); err != nil {
			return past, fresh, err
		}
	}

	all := func(Package) bool { return true }
	past = s.show(before, participant, synchronizer, all)
	fresh = s.show(after, participant, synchronizer, all)

	if !dry {
		s.vetting[synchronizer] = after
	}

	return past, fresh, nil
}

func (s *packageStore) apply(change vettingChange, to vetting) error {
	for _, ref := range change.refs {
		matching, err := s.resolve(ref)
		if err != nil {
			return err
		}

		if !change.vet {
			for _, id := range matching {
				delete(to.bounds, id)
			}

			continue
		}

		if len(matching) > 1 {
			return cantonerr.State("AMBIGUOUS_VETTING_REFERENCE",
				"the reference %s matches %d packages", ref, len(matching))
		}

		to.bounds[matching[0]] = change.bounds
	}

	return nil
}

// resolve finds the packages that a reference matches; at least one.
func (s *packageStore) resolve(ref packageRef) ([]string, error) {
	if ref.ID == "" && ref.Name == "" {
		return nil, cantonerr.Argument("a package reference needs an id or a name")
	}

	var matching []string

	for id, p := range s.packages {
		if ref.matches(p.Package) {
			matching = append(matching, id)
		}
	}

	if len(matching) == 0 {
		return nil, cantonerr.NotFound("UNRESOLVED_VETTING_REFERENCE", "the reference %s matches no package", ref)
	}

	return matching, nil
}

// preferred finds, on one synchronizer, the highest version of a package that is vetted at a time.
func (s *packageStore) preferred(synchronizer ident.SynchronizerID, name string, at time.Time) (best Package, ok bool) {
	for id, bounds := range s.vetting[synchronizer].bounds {
		p := s.packages[id].Package
		if p.Name == name && bounds.contains(at) && (!ok || p.compare(best) > 0) {
			best, ok = p, true
		}
	}

	return best, ok
}

// preferredOf finds the preferred packages of all names on the first synchronizer that has them all. Every party of
// the sandbox is hosted here, so what the node has vetted is what all their nodes have.
func (s *packageStore) preferredOf(
	asked ident.SynchronizerID, names []string, at time.Time,
) ([]Package, ident.SynchronizerID, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()

	known := map[string]bool{}
	for _, p := range s.packages {
		known[p.Name] = true
	}

	for _, name := range names {
		if !known[name] {
			return nil, "", cantonerr.NotFound("PACKAGE_NAMES_NOT_FOUND", "the node knows no package named %.255q", name)
		}
	}

	order := s.order
	if asked != "" {
		order = []ident.SynchronizerID{asked}
	}

	for _, synchronizer := range order {
		var found []Package

		for _, name := range names {
			if best, ok := s.preferred(synchronizer, name, at); ok {
				found = append(found, best)
			}
		}

		if len(found) == len(names) {
			return found, synchronizer, nil
		}
	}

	return nil, "", cantonerr.State("PACKAGE_SELECTION_FAILED",
		"no synchronizer has all of the required packages vetted: %.500s", strings.Join(names, ", "))
}
