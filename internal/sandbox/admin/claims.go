package admin

import (
	"context"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// Claims is what the sender of one request may do, as it was when the request came. The zero value may do nothing.
type Claims struct {
	present  bool
	all      bool // every right, and none that could be taken away
	userID   string
	provider string
	rights   rightSet
	expires  time.Time

	// How a long stream notices that the above is no longer so; nil where it cannot change.
	clock clock.Clock
	users *userStore
	stamp uint64
}

// AllRights are the claims of somebody who may do everything, under a user id that may be empty.
func AllRights(userID string) *Claims { return &Claims{present: true, all: true, userID: userID} }

// Missing reports that the request brought no token where one is demanded. Only what is public may be answered.
func (c *Claims) Missing() bool { return !c.present }

// UserID is the user that the request comes from; empty when nobody is named.
func (c *Claims) UserID() string { return c.userID }

// AnyUser reports whether the sender may name any user in a request: where nobody's token is checked.
func (c *Claims) AnyUser() bool { return c.all }

// IdentityProvider is the id of the user's identity provider; empty for the node's own.
func (c *Claims) IdentityProvider() string { return c.provider }

// ActAs reports whether the sender may submit commands as a party.
func (c *Claims) ActAs(party ident.Party) bool {
	return c.all || c.rights.has(CanActAs, party) || c.rights.has(CanActAsAnyParty, "")
}

// ReadAs reports whether the sender may read what a party sees.
func (c *Claims) ReadAs(party ident.Party) bool {
	return c.ActAs(party) || c.rights.has(CanReadAs, party) || c.ReadAsAny()
}

// ExecuteAs reports whether the sender may execute prepared submissions of a party.
func (c *Claims) ExecuteAs(party ident.Party) bool {
	return c.ActAs(party) || c.rights.has(CanExecuteAs, party) || c.ExecuteAsAny()
}

// ReadAsAny reports whether the sender may read as every party, as a filter for any party demands.
func (c *Claims) ReadAsAny() bool {
	return c.all || c.rights.has(CanReadAsAnyParty, "") || c.rights.has(CanActAsAnyParty, "")
}

// ExecuteAsAny reports whether the sender may execute prepared submissions of every party.
func (c *Claims) ExecuteAsAny() bool {
	return c.all || c.rights.has(CanExecuteAsAnyParty, "") || c.rights.has(CanActAsAnyParty, "")
}

// Admin reports whether the sender administers the node. That alone lets nobody read or act.
func (c *Claims) Admin() bool { return c.all || c.rights.has(ParticipantAdmin, "") }

// ProviderAdmin reports whether the sender administers the users and parties of an identity provider.
func (c *Claims) ProviderAdmin(provider string) bool {
	return c.rights.has(IdentityProviderAdmin, "") && c.provider == provider
}

// Expires is when the token ends; zero when it does not.
func (c *Claims) Expires() time.Time { return c.expires }

// Stale reports whether the user's rights changed, or the user was deactivated or deleted, since the request came.
func (c *Claims) Stale() bool {
	return c.users != nil && c.users.stampOf(c.userID) != c.stamp
}

// Check says why a stream must end before its next element: ACCESS_TOKEN_EXPIRED or STALE_STREAM_AUTHORIZATION. It is
// the 401 where no token came at all, which a websocket says in its first message.
func (c *Claims) Check() error {
	switch {
	case c.Missing():
		return cantonerr.Unauthenticated()
	case c.Stale():
		return cantonerr.StaleStream()
	case !c.expires.IsZero() && !c.clock.Now().Before(c.expires):
		return cantonerr.AccessTokenExpired()
	default:
		return nil
	}
}

type claimsKey struct{}

// WithClaims puts claims in a context.
func WithClaims(ctx context.Context, claims *Claims) context.Context {
	return context.WithValue(ctx, claimsKey{}, claims)
}

// ClaimsOf finds the claims of a request's context. Without any it returns claims that may do nothing, never nil.
func ClaimsOf(ctx context.Context) *Claims {
	if claims, ok := ctx.Value(claimsKey{}).(*Claims); ok && claims != nil {
		return claims
	}

	return &Claims{}
}
