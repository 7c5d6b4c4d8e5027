package admin

import (
	"net/http"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// mayAdminister refuses whoever administers neither the node nor the identity provider.
func mayAdminister(r *http.Request, provider string) error {
	if claims := ClaimsOf(r.Context()); !claims.Admin() && !claims.ProviderAdmin(provider) {
		return cantonerr.PermissionDenied()
	}

	return nil
}

// administered is the identity provider whose users the sender administers, where the request names none: nil for all.
func administered(r *http.Request) (*string, error) {
	claims := ClaimsOf(r.Context())
	if claims.Admin() {
		return nil, nil //nolint:nilnil // nil is every provider
	}

	own := claims.IdentityProvider()

	return &own, mayAdminister(r, own)
}

func (a *Admin) listUsers(r *http.Request) (any, error) {
	provider, err := administered(r)
	if err != nil {
		return nil, err
	}

	asked, err := queryPage(r, maxUsersPage)
	if err != nil {
		return nil, err
	}

	users, more := a.users.list(provider, asked.after, asked.size)
	bodies := make([]userBody, len(users))

	for i, u := range users {
		bodies[i] = a.body(u)
	}

	next := ""
	if more {
		next = pageToken(users[len(users)-1].id)
	}

	return obj{"users": bodies, "nextPageToken": next}, nil
}

func (a *Admin) createUser(r *http.Request) (any, error) {
	var asked struct {
		User   *userBody `json:"user"`
		Rights []Right   `json:"rights"`
	}

	if err := decode(r, &asked); err != nil {
		return nil, err
	}

	if asked.User == nil {
		return nil, cantonerr.Missing("user")
	}

	if err := a.mayGrant(r, asked.User.Provider, asked.Rights); err != nil {
		return nil, err
	}

	fresh, err := asked.User.user(a.release, asked.Rights)
	if err != nil {
		return nil, err
	}

	if err := a.users.create(fresh); err != nil {
		return nil, err
	}

	return obj{"user": a.body(fresh)}, nil
}

// getUser answers a user to its administrator and to itself.
func (a *Admin) getUser(r *http.Request) (any, error) {
	id, err := pathParam(r, "user-id")
	if err != nil {
		return nil, err
	}

	provider := r.URL.Query().Get("identity-provider-id")

	if id != ClaimsOf(r.Context()).UserID() {
		if err := mayAdminister(r, provider); err != nil {
			return nil, err
		}
	}

	found, err := a.users.get(id, provider)
	if err != nil {
		return nil, err
	}

	return obj{"user": a.body(found)}, nil
}

// getAuthenticatedUser answers the sender. Where tokens are not checked the sender is whom the token names, if that is
// a user here; otherwise the answer is the one of a node without authentication, whose beginning clients look for.
func (a *Admin) getAuthenticatedUser(r *http.Request) (any, error) {
	claims := ClaimsOf(r.Context())
	id, asked := claims.UserID(), r.URL.Query().Get("identity-provider-id")

	found, ok := a.users.find(id)

	switch {
	case !ok && claims.all:
		return nil, cantonerr.Invalid("INVALID_TOKEN",
			"The submitted request is missing a user-id: the claims name no user that could be taken instead")
	case !ok:
		return nil, errUserNotFound(id)
	case asked != "" && found.provider != asked:
		return nil, cantonerr.PermissionDenied()
	default:
		return obj{"user": a.body(found)}, nil
	}
}

// deleteUser has no parameter for the identity provider, so an administrator of the node may delete any user.
func (a *Admin) deleteUser(r *http.Request) (any, error) {
	id, err := pathParam(r, "user-id")
	if err != nil {
		return nil, err
	}

	provider, err := administered(r)
	if err != nil {
		return nil, err
	}

	return obj{}, a.users.remove(id, provider)
}

func (a *Admin) updateUser(r *http.Request) (any, error) {
	var asked struct {
		User userBody  `json:"user"`
		Mask fieldMask `json:"updateMask"`
	}

	id, err := pathParam(r, "user-id")
	if err != nil {
		return nil, err
	}

	if err := decode(r, &asked); err != nil {
		return nil, err
	}

	if err := matches("user", id, asked.User.ID); err != nil {
		return nil, err
	}

	if err := mayAdminister(r, asked.User.Provider); err != nil {
		return nil, err
	}

	fresh, err := a.users.update(id, asked.User.Provider, asked.User.Metadata.Revision, func(u *user) error {
		return asked.User.apply(u, asked.Mask.Paths, a.release)
	})
	if err != nil {
		return nil, err
	}

	return obj{"user": a.body(fresh)}, nil
}

func (a *Admin) moveUser(r *http.Request) (any, error) {
	var asked struct {
		ID     string `json:"userId"`
		Source string `json:"sourceIdentityProviderId"`
		Target string `json:"targetIdentityProviderId"`
	}

	if !ClaimsOf(r.Context()).Admin() {
		return nil, cantonerr.PermissionDenied()
	}

	id, err := pathParam(r, "user-id")
	if err != nil {
		return nil, err
	}

	if err := decode(r, &asked); err != nil {
		return nil, err
	}

	if err := matches("user", id, asked.ID); err != nil {
		return nil, err
	}

	return obj{}, a.users.move(id, asked.Source, asked.Target)
}

// listRights answers a user's rights to its administrator and to itself. It has no parameter for the identity provider,
// so an administrator of the node may ask for any user.
func (a *Admin) listRights(r *http.Request) (any, error) {
	id, err := pathParam(r, "user-id")
	if err != nil {
		return nil, err
	}

	provider, err := administered(r)
	if err != nil && id != ClaimsOf(r.Context()).UserID() {
		return nil, err
	}

	found, ok := a.users.find(id)

	switch {
	case !ok:
		return nil, errUserNotFound(id)
	case provider != nil && found.provider != *provider:
		return nil, cantonerr.PermissionDenied()
	default:
		return obj{"rights": found.rights.sorted()}, nil
	}
}

func (a *Admin) grantRights(r *http.Request) (any, error) {
	changed, err := a.changeRights(r, a.users.grant)

	return obj{"newlyGrantedRights": changed}, err
}

func (a *Admin) revokeRights(r *http.Request) (any, error) {
	changed, err := a.changeRights(r, a.users.revoke)

	return obj{"newlyRevokedRights": changed}, err
}

// changeRights grants or revokes, and returns what that changed.
func (a *Admin) changeRights(
	r *http.Request, change func(id, provider string, rights []Right) ([]Right, error),
) ([]Right, error) {
	var asked struct {
		ID       string  `json:"userId"`
		Rights   []Right `json:"rights"`
		Provider string  `json:"identityProviderId"`
	}

	id, err := pathParam(r, "user-id")
	if err != nil {
		return nil, err
	}

	if err := decode(r, &asked); err != nil {
		return nil, err
	}

	if err := matches("user", id, asked.ID); err != nil {
		return nil, err
	}

	if err := a.mayGrant(r, asked.Provider, asked.Rights); err != nil {
		return nil, err
	}

	for _, right := range asked.Rights {
		if err := right.check(a.release); err != nil {
			return nil, err
		}
	}

	return change(id, asked.Provider, asked.Rights)
}

// mayGrant refuses whoever administers neither the node nor the identity provider; and rights over the node, and from
// 3.5.6 on over any party, to whoever administers only the latter.
func (a *Admin) mayGrant(r *http.Request, provider string, rights []Right) error {
	if ClaimsOf(r.Context()).Admin() {
		return nil
	}

	for _, right := range rights {
		if right.Kind == ParticipantAdmin || (right.Kind.forAnyParty() && a.release >= release356) {
			return cantonerr.PermissionDenied()
		}
	}

	return mayAdminister(r, provider)
}
