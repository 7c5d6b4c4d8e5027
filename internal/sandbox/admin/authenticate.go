package admin

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/secret"
)

// Ids of the users that exist from the start, both participant admins.
const (
	// DefaultUser is whom the static token stands for.
	DefaultUser = "ledger-api-user"
	// AdminUser is the user that every node makes for its operator.
	AdminUser = "participant_admin"
)

// Unlimited as AuthConfig.MaxLifetime accepts tokens however long they live.
const Unlimited time.Duration = -1

// defaultMaxLifetime is a node's ledger-api.max-token-lifetime from 3.4 on; earlier ones have no bound.
const defaultMaxLifetime = 5 * time.Minute

// AuthConfig is who is let in. The zero value lets in everybody with every right. Either Token is set, or one or both
// of HS256 and JWKS.
type AuthConfig struct {
	// Token is one static bearer token, which stands for DefaultUser with every right.
	Token secret.String
	// HS256 is the shared secret of JWTs, as test networks use it.
	HS256 secret.String
	// JWKS is the content of a JSON Web Key Set, whose keys sign JWTs with RS256, ES256 or ES512.
	JWKS []byte
	// Audience that a JWT must be for. When it is empty, and Scope is too, a JWT is for this node when its audience is
	// https://daml.com/jwt/aud/participant/<participant id> or its scope contains daml_ledger_api.
	Audience string
	// Scope that a JWT must contain.
	Scope string
	// MaxLifetime is the longest that a token may still live: 0 for the node version's own default, or Unlimited.
	MaxLifetime time.Duration
	// Leeway for clocks that differ.
	Leeway time.Duration
}

// Why a request is not let in; compare with errors.Is.
var (
	// ErrTokenMissing: no token, where one is demanded.
	ErrTokenMissing = errors.New("token is missing")
	// ErrTokenInvalid: not a token of ours, or one that is no longer or not yet valid.
	ErrTokenInvalid = errors.New("token is invalid")
	// ErrUserDenied: a good token whose user does not exist here or is deactivated.
	ErrUserDenied = errors.New("user is denied")
)

// maxToken bounds what is parsed of a stranger's token.
const maxToken = 16 << 10

// Authenticate judges the token of a request: the bearer token, or for a websocket the one among the subprotocols.
func (a *Admin) Authenticate(r *http.Request) (*Claims, error) {
	given := bearer(r)
	if given == "" {
		given = protocolToken(r)
	}

	if len(given) > maxToken {
		return nil, ErrTokenInvalid
	}

	static := a.cfg.Auth.Token.Reveal()

	switch {
	case static == "" && a.verifier == nil:
		return AllRights(claimedUser(given)), nil
	case given == "":
		return nil, ErrTokenMissing
	case static == "":
		return a.verifier.claims(a.users, given)
	case subtle.ConstantTimeCompare([]byte(given), []byte(static)) == 1:
		return AllRights(DefaultUser), nil
	default:
		return nil, ErrTokenInvalid
	}
}

// RequireToken refuses a request without a valid token, and puts the claims of one that has it in its context.
func (a *Admin) RequireToken(next http.Handler) http.Handler { return a.authenticated(next, false) }

// RefuseInvalidToken is for what is public, and for websockets: a request without a token passes, with claims that are
// Missing; one with an invalid token does not.
func (a *Admin) RefuseInvalidToken(next http.Handler) http.Handler {
	return a.authenticated(next, true)
}

func (a *Admin) authenticated(next http.Handler, public bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := a.Authenticate(r)

		switch {
		case err == nil:
			r = r.WithContext(WithClaims(r.Context(), claims))
		case public && errors.Is(err, ErrTokenMissing):
		case errors.Is(err, ErrUserDenied):
			a.fail(w, r, cantonerr.PermissionDenied())

			return
		default:
			a.fail(w, r, cantonerr.Unauthenticated())

			return
		}

		next.ServeHTTP(w, r)
	})
}

func bearer(r *http.Request) string {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return ""
	}

	return token
}

// protocolToken finds jwt.token.<JWT> among the offered subprotocols. A node splits at commas and does not trim, so a
// token that is not first in a list joined by ", " is not found; neither is it here.
func protocolToken(r *http.Request) string {
	for protocol := range strings.SplitSeq(r.Header.Get("Sec-WebSocket-Protocol"), ",") {
		if token, ok := strings.CutPrefix(protocol, "jwt.token."); ok {
			return token
		}
	}

	return ""
}

// claimedUser is whom a token names, without any check; empty for what is no token.
func claimedUser(token string) string {
	var claims jwt.RegisteredClaims

	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || checkUserID(claims.Subject) != nil {
		return ""
	}

	return claims.Subject
}
