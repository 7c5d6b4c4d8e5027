package admin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
)

// How a token says that it is for a node (Canton's audience-based and scope-based tokens).
const (
	audiencePrefix = "https://daml.com/jwt/aud/participant/"
	defaultScope   = "daml_ledger_api"
)

// verifier checks JWTs.
type verifier struct {
	parser      *jwt.Parser
	clock       clock.Clock
	secret      []byte
	keys        []webKey
	audience    string
	scope       string
	participant ident.ParticipantID
	maxLifetime time.Duration
	leeway      time.Duration
}

// newVerifier is nil where no JWT is checked.
func newVerifier(cfg *Config, version release) (*verifier, error) {
	auth := cfg.Auth
	jwts := !auth.HS256.IsZero() || len(auth.JWKS) > 0

	if auth.Leeway < 0 || (auth.MaxLifetime < 0 && auth.MaxLifetime != Unlimited) {
		return nil, fmt.Errorf("%w: negative token leeway or lifetime", ErrConfig)
	}

	if jwts && !auth.Token.IsZero() {
		return nil, fmt.Errorf("%w: a static token and JWTs at once", ErrConfig)
	}

	if !jwts {
		return nil, nil //nolint:nilnil // no verifier is a good answer, and the one caller asks
	}

	v := &verifier{
		clock: cfg.Clock, secret: []byte(auth.HS256.Reveal()), audience: auth.Audience, scope: auth.Scope,
		participant: cfg.Participant, maxLifetime: auth.MaxLifetime, leeway: auth.Leeway,
	}

	if v.maxLifetime == 0 {
		v.maxLifetime = Unlimited
		if version >= release34 {
			v.maxLifetime = defaultMaxLifetime
		}
	}

	var methods []string

	if len(v.secret) > 0 {
		methods = append(methods, jwt.SigningMethodHS256.Alg())
	}

	if len(auth.JWKS) > 0 {
		keys, err := parseKeySet(auth.JWKS)
		if err != nil {
			return nil, fmt.Errorf("%w: JWKS: %w", ErrConfig, err)
		}

		v.keys = keys
		methods = append(methods, algRS256, algES256, algES512)
	}

	v.parser = jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithTimeFunc(v.clock.Now),
		jwt.WithLeeway(v.leeway), jwt.WithExpirationRequired())

	return v, nil
}

// tokenClaims are the claims of a JWT that a node looks at.
type tokenClaims struct {
	jwt.RegisteredClaims

	Scope string `json:"scope"`
}

// claims checks a token and looks up its user's rights. The tokens of every identity provider are checked with the
// node's keys: a provider's JWKS URL is stored but never fetched.
func (v *verifier) claims(users *userStore, token string) (*Claims, error) {
	var given tokenClaims

	if _, err := v.parser.ParseWithClaims(token, &given, v.key); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTokenInvalid, err)
	}

	expires := given.ExpiresAt.Time
	if v.maxLifetime != Unlimited && expires.Sub(v.clock.Now()) > v.maxLifetime {
		return nil, fmt.Errorf("%w: it lives longer than %s", ErrTokenInvalid, v.maxLifetime)
	}

	issuer, known := users.issuer(given.Issuer)

	// A provider's own audience replaces the node's.
	switch {
	case known && issuer.Audience != "" && !slices.Contains(given.Audience, issuer.Audience):
		return nil, fmt.Errorf("%w: it is not for the audience of its identity provider", ErrTokenInvalid)
	case (!known || issuer.Audience == "") && !v.addressed(&given):
		return nil, fmt.Errorf("%w: it is not for this node", ErrTokenInvalid)
	case issuer.Deactivated:
		return nil, fmt.Errorf("identity provider %q: %w", issuer.ID, ErrUserDenied)
	}

	holder, ok := users.find(given.Subject)
	if !ok || holder.deactivated || holder.provider != issuer.ID {
		return nil, fmt.Errorf("user %.128q: %w", given.Subject, ErrUserDenied)
	}

	return &Claims{
		present: true, userID: holder.id, provider: holder.provider, rights: holder.rights,
		expires: expires.Add(v.leeway), clock: v.clock, users: users, stamp: holder.stamp,
	}, nil
}

// addressed reports whether a token is for this node.
func (v *verifier) addressed(given *tokenClaims) bool {
	scopes := strings.Fields(given.Scope)

	if v.audience == "" && v.scope == "" {
		return slices.Contains(given.Audience, audiencePrefix+string(v.participant)) ||
			slices.Contains(scopes, defaultScope)
	}

	return (v.audience == "" || slices.Contains(given.Audience, v.audience)) &&
		(v.scope == "" || slices.Contains(scopes, v.scope))
}

// errNoKey: no key of ours may have signed the token.
var errNoKey = errors.New("no such key")

// key finds the keys that may have signed a token: those of its algorithm, and of its key id if it names one. The
// shared secret is only ever a key of HS256, so that no public key can be used as a secret.
func (v *verifier) key(token *jwt.Token) (any, error) {
	if token.Method == jwt.SigningMethodHS256 {
		return v.secret, nil
	}

	id, _ := token.Header["kid"].(string)

	var set jwt.VerificationKeySet

	for _, key := range v.keys {
		if key.algorithm == token.Method.Alg() && (id == "" || key.id == id) {
			set.Keys = append(set.Keys, key.public)
		}
	}

	if len(set.Keys) == 0 {
		return nil, errNoKey
	}

	return set, nil
}
