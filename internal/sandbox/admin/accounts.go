package admin

import (
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// Grant gives rights to a user of the node's own identity provider, as the allocation of a party for a user does.
func (a *Admin) Grant(userID string, rights ...Right) error {
	for _, right := range rights {
		if err := right.check(a.release); err != nil {
			return err
		}
	}

	_, err := a.users.grant(userID, "", rights)

	return err
}

// CreateUser makes a user of the node's own identity provider with rights.
func (a *Admin) CreateUser(userID string, primaryParty ident.Party, rights ...Right) error {
	given := userBody{ID: userID, PrimaryParty: primaryParty}

	fresh, err := given.user(a.release, rights)
	if err != nil {
		return err
	}

	return a.users.create(fresh)
}

// AuthVersion grows whenever the rights of any user change, and with every deactivation and deletion: a cheap first
// look before Claims.Stale.
func (a *Admin) AuthVersion() uint64 {
	a.users.mu.RLock()
	defer a.users.mu.RUnlock()

	return a.users.stamps
}

// checkUserID holds an id to the published form.
func checkUserID(id string) error {
	outside := func(r rune) bool {
		return !letterOrDigit(r) && !strings.ContainsRune("@^$.!`-#+'~_|:()", r)
	}

	switch {
	case id == "":
		return cantonerr.Missing("user_id")
	case len(id) > maxUserID || strings.ContainsFunc(id, outside):
		return cantonerr.Field("user_id: %.140q is no user id", id)
	default:
		return nil
	}
}
