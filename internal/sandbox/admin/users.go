package admin

import (
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// Bounds on users. Those of the sandbox itself are an error when they are reached, as the node's are.
const (
	maxUserID         = 128       // published
	maxUserRights     = 1000      // a node's maxRightsPerUser
	maxUsersPage      = 1000      // a node's maxUsersPageSize
	maxAnnotations    = 256 << 10 // published: bytes of one user's keys and values
	maxUsers          = 10_000
	maxAllRights      = 500_000
	maxAllAnnotations = 16 << 20
)

// MaxRightsPerUser and MaxUsersPageSize are what GET /v2/version says of user management.
const (
	MaxRightsPerUser = maxUserRights
	MaxUsersPageSize = maxUsersPage
)

// user is one user. It is never changed once it is stored: an update replaces it.
type user struct {
	id           string
	primaryParty ident.Party
	deactivated  bool
	partyAuth    bool // primaryPartyAuthentication
	annotations  map[string]string
	provider     string
	// revision is the resource version: it changes with everything but rights.
	revision uint64
	rights   rightSet
	// stamp changes with all that a running stream's permission depends on; no two users ever had the same.
	stamp uint64
}

func (u *user) annotationBytes() int {
	sum := 0
	for key, value := range u.annotations {
		sum += len(key) + len(value)
	}

	return sum
}

func errUserNotFound(id string) error {
	return cantonerr.NotFound("USER_NOT_FOUND", "there is no user %.128q", id).On("USER", id)
}

// userStore holds the users and the identity providers of a node.
type userStore struct {
	mu          sync.RWMutex
	users       map[string]*user
	providers   map[string]Provider
	stamps      uint64
	rights      int // of all users together
	annotations int // bytes, of all users together
}

func newUserStore() *userStore {
	s := &userStore{users: map[string]*user{}, providers: map[string]Provider{}}

	for _, id := range []string{DefaultUser, AdminUser} {
		s.put(&user{id: id, rights: rightSet{{Kind: ParticipantAdmin}: {}}, stamp: s.nextStamp()})
	}

	return s
}

func (s *userStore) nextStamp() uint64 {
	s.stamps++

	return s.stamps
}

// put stores a user in place of the one with the same id, if there is one.
func (s *userStore) put(u *user) {
	s.drop(u.id)
	s.users[u.id] = u
	s.rights += len(u.rights)
	s.annotations += u.annotationBytes()
}

func (s *userStore) drop(id string) {
	if old, ok := s.users[id]; ok {
		s.rights -= len(old.rights)
		s.annotations -= old.annotationBytes()
		delete(s.users, id)
	}
}

func (s *userStore) find(id string) (*user, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()

	u, ok := s.users[id]

	return u, ok
}

// stampOf is 0, which is no user's stamp, for a user that is not.
func (s *userStore) stampOf(id string) uint64 {
	if u, ok := s.find(id); ok {
		return u.stamp
	}

	return 0
}

// get finds a user of an identity provider. A user of another one is not shown, not even to exist.
func (s *userStore) get(id, provider string) (*user, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()

	return s.of(id, provider)
}

func (s *userStore) of(id, provider string) (*user, error) {
	u, ok := s.users[id]

	switch {
	case !ok:
		return nil, errUserNotFound(id)
	case u.provider != provider:
		return nil, cantonerr.PermissionDenied()
	default:
		return u, nil
	}
}

// list returns the users of an identity provider, or of all when provider is nil, that follow an id, by id.
func (s *userStore) list(provider *string, after string, limit int) (page []*user, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()

	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		u := s.users[id]
		if id <= after || (provider != nil && u.provider != *provider) {
			continue
		}

		if len(page) == limit {
			return page, true
		}

		page = append(page, u)
	}

	return page, false
}

func (s *userStore) create(u *user) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, ok := s.users[u.id]; ok {
		return cantonerr.Exists("USER_ALREADY_EXISTS", "there is a user %q already", u.id).On("USER", u.id)
	}

	if err := s.knows(u.provider); err != nil {
		return err
	}

	if len(s.users) >= maxUsers {
		return full("users", maxUsers)
	}

	if err := s.fits(u, len(u.rights), u.annotationBytes()); err != nil {
		return err
	}

	u.stamp = s.nextStamp()
	s.put(u)

	return nil
}

// update replaces a user by what change makes of a copy. The revision that the caller has seen may be empty.
func (s *userStore) update(id, provider, seen string, change func(*user) error) (*user, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	old, err := s.of(id, provider)
	if err != nil {
		return nil, err
	}

	if seen != "" && seen != strconv.FormatUint(old.revision, 10) {
		return nil, cantonerr.Contention("CONCURRENT_USER_UPDATE_DETECTED",
			"user %q was updated in the meantime", id).On("USER", id)
	}

	fresh := *old
	if err := change(&fresh); err != nil {
		return nil, err
	}

	grown := fresh.annotationBytes() - old.annotationBytes()
	if err := s.fits(&fresh, 0, grown); err != nil {
		return nil, err
	}

	fresh.revision++

	if fresh.deactivated != old.deactivated || fresh.provider != old.provider {
		fresh.stamp = s.nextStamp()
	}

	s.put(&fresh)

	return &fresh, nil
}

func (s *userStore) remove(id string, provider *string) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	u, ok := s.users[id]

	switch {
	case !ok:
		return errUserNotFound(id)
	case provider != nil && u.provider != *provider:
		return cantonerr.PermissionDenied()
	}

	s.drop(id)
	s.nextStamp()

	return nil
}

// grant adds rights to a user, and returns those that were new.
func (s *userStore) grant(id, provider string, rights []Right) ([]Right, error) {
	return s.changeRights(id, provider, func(set rightSet) rightSet {
		changed := rightSet{}

		for _, right := range rights {
			if _, ok := set[right]; !ok {
				set[right] = struct{}{}
				changed[right] = struct{}{}
			}
		}

		return changed
	})
}

// revoke takes rights from a user, and returns those that it had.
func (s *userStore) revoke(id, provider string, rights []Right) ([]Right, error) {
	return s.changeRights(id, provider, func(set rightSet) rightSet {
		changed := rightSet{}

		for _, right := range rights {
			if _, ok := set[right]; ok {
				delete(set, right)
				changed[right] = struct{}{}
			}
		}

		return changed
	})
}

// changeRights replaces a user's rights by what change makes of a copy of them; change returns what it changed.
func (s *userStore) changeRights(id, provider string, change func(rightSet) rightSet) ([]Right, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	old, err := s.of(id, provider)
	if err != nil {
		return nil, err
	}

	fresh := *old
	if fresh.rights = maps.Clone(old.rights); fresh.rights == nil {
		fresh.rights = rightSet{}
	}

	changed := change(fresh.rights)
	if len(changed) == 0 {
		return []Right{}, nil
	}

	if err := s.fits(&fresh, len(fresh.rights)-len(old.rights), 0); err != nil {
		return nil, err
	}

	fresh.stamp = s.nextStamp()
	s.put(&fresh)

	return changed.sorted(), nil
}

// fits holds a user to the bounds; grown is by how much rights and annotations would grow.
func (s *userStore) fits(u *user, grownRights, grownAnnotations int) error {
	switch {
	case grownRights > 0 && len(u.rights) > maxUserRights:
		return cantonerr.State("TOO_MANY_USER_RIGHTS", "user %q would have more than %d rights", u.id, maxUserRights).
			On("USER", u.id)
	case u.annotationBytes() > maxAnnotations:
		return cantonerr.State("MAX_USER_ANNOTATIONS_SIZE_EXCEEDED",
			"the annotations of user %q would take more than %d bytes", u.id, maxAnnotations).On("USER", u.id)
	case grownRights > 0 && s.rights+grownRights > maxAllRights:
		return full("rights", maxAllRights)
	case grownAnnotations > 0 && s.annotations+grownAnnotations > maxAllAnnotations:
		return full("bytes of annotations", maxAllAnnotations)
	default:
		return nil
	}
}

// full is a bound of the sandbox that a real node, with a database behind it, does not have.
func full(what string, bound int) error {
	return cantonerr.State("SANDBOX_FULL", "the sandbox holds at most %d %s", bound, what)
}
