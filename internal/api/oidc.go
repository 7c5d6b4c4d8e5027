package api

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
)

const (
	keySetTimeout = 5 * time.Second
	maxKeySet     = 1 << 20
	maxSetKeys    = 100
	// keySetFresh is how often the key set is read again while all is well.
	keySetFresh = 5 * time.Minute
	// keySetStale is how long it is believed when it cannot be read again.
	keySetStale = time.Hour
	// keySetPause is how soon it is read again for a token with a key that is not in it.
	keySetPause = 10 * time.Second
	// keySetShare is of how many places of the API one may be held by who waits until the key set is read.
	keySetShare  = 8
	tokenSkew    = 30 * time.Second
	minRSA       = 2048
	maxTokenName = 200 // as the audit log takes it
)

// tokens believes the tokens of one identity provider.
type tokens struct {
	issuer, audience             string
	scopesClaim, treasuriesClaim string
	keySet                       url.URL
	perSecond                    int

	client *http.Client
	clock  clock.Clock
	logger *slog.Logger

	set     atomic.Pointer[keySet]
	waiting chan struct{} // a place for each request that waits until the set is read

	mu      sync.Mutex
	tried   time.Time     // under mu
	reading chan struct{} // under mu: closed when the reading that is under way ends; nil if none is
}

// errReading means that the key set is being read, and that enough wait for it.
var errReading = errors.New("the identity provider's keys are being read")

type keySet struct {
	keys jwk.Set
	at   time.Time
}

func newTokens(c OIDCSettings, waiting int, now clock.Clock, logger *slog.Logger) *tokens {
	return &tokens{
		waiting: make(chan struct{}, waiting),
		issuer:  c.Issuer, audience: c.Audience, scopesClaim: c.ScopesClaim, treasuriesClaim: c.TreasuriesClaim,
		keySet: c.JWKS, perSecond: c.PerSecond, clock: now, logger: logger,
		client: &http.Client{
			Timeout: keySetTimeout,
			// Whoever answers for the identity provider is the one that was configured.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: keySetTimeout},
		},
	}
}

// asymmetric are the algorithms that are believed, with the type of key that each needs. What the token says of itself
// chooses among these and no others: none with a shared secret, and not "none".
func asymmetric() map[string]jwa.KeyType {
	return map[string]jwa.KeyType{
		"RS256": jwa.RSA(), "RS384": jwa.RSA(), "RS512": jwa.RSA(),
		"PS256": jwa.RSA(), "PS384": jwa.RSA(), "PS512": jwa.RSA(),
		"ES256": jwa.EC(), "ES384": jwa.EC(), "ES512": jwa.EC(), "EdDSA": jwa.OKP(),
	}
}

func badToken(cause error) *problemError {
	told := unauthenticated("invalid_token", "The token is not good: it must be signed by the configured issuer, be for "+
		"this audience, and not have expired.")
	told.cause = cause

	return told
}

// caller is who a token speaks for.
func (t *tokens) caller(ctx context.Context, raw string) (*caller, error) {
	if strings.Count(raw, ".") != 2 {
		return nil, wrongKey()
	}

	algorithm, id, err := header(raw)
	if err != nil {
		return nil, badToken(err)
	}

	key, err := t.key(ctx, id, algorithm)
	if err != nil {
		return nil, err
	}

	token, err := jwt.Parse([]byte(raw), jwt.WithKey(algorithm, key), jwt.WithValidate(true), jwt.WithIssuer(t.issuer),
		jwt.WithAudience(t.audience), jwt.WithClock(jwt.ClockFunc(t.clock.Now)), jwt.WithAcceptableSkew(tokenSkew),
		jwt.WithRequiredClaim("exp"), jwt.WithRequiredClaim("sub"))
	if err != nil {
		return nil, badToken(err)
	}

	subject, _ := token.Subject()
	actor := t.issuer + " " + subject

	if subject == "" || len(actor) > maxTokenName || !visible(actor) {
		return nil, badToken(errors.New("the subject is no name for the audit log"))
	}

	return &caller{
		Actor: actor, Scopes: t.scopesOf(token), Treasuries: t.treasuriesOf(token), PerSecond: t.perSecond,
	}, nil
}

// visible reports whether a name can be told apart from others by reading it.
func visible(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' })
}

// header reads what a token says of its signature, none of which is believed yet.
func header(raw string) (jwa.SignatureAlgorithm, string, error) {
	message, err := jws.Parse([]byte(raw), jws.WithCompact())
	if err != nil {
		return jwa.SignatureAlgorithm{}, "", fmt.Errorf("read token: %w", err)
	}

	said := message.Signatures()[0].ProtectedHeaders()
	algorithm, _ := said.Algorithm()
	id, _ := said.KeyID()

	if _, known := asymmetric()[algorithm.String()]; !known || id == "" || said.Has(jws.CriticalKey) {
		return jwa.SignatureAlgorithm{}, "", fmt.Errorf("algorithm %q with key %q is not believed", algorithm.String(), id)
	}

	return algorithm, id, nil
}

// key finds the key of the set that a token says it is signed with.
func (t *tokens) key(ctx context.Context, id string, algorithm jwa.SignatureAlgorithm) (jwk.Key, error) {
	now := t.clock.Now()

	known := t.set.Load()
	if known == nil || now.Sub(known.at) > keySetStale || !has(known.keys, id) {
		err := t.read(ctx, now, keySetPause)

		switch {
		case errors.Is(err, errReading):
			return nil, providerAway(soon)
		case err != nil:
			t.logger.WarnContext(ctx, "the identity provider's keys could not be read", slog.Any("error", err))
		}

		known = t.set.Load()
	}

	if known == nil || now.Sub(known.at) > keySetStale {
		return nil, providerAway(keySetPause)
	}

	key, ok := known.keys.LookupKeyID(id)
	if !ok {
		return nil, badToken(fmt.Errorf("no key %q", id))
	}

	if err := fits(key, algorithm); err != nil {
		return nil, badToken(err)
	}

	return key, nil
}

// providerAway is a token that cannot be told to be good or not before the key set was read.
func providerAway(retry time.Duration) *problemError {
	return &problemError{
		status: http.StatusServiceUnavailable, code: "identity_provider_away", retry: retry,
		detail: "The identity provider's keys cannot be read, so that the token cannot be believed. Nothing was done.",
	}
}

func has(set jwk.Set, id string) bool {
	_, ok := set.LookupKeyID(id)

	return ok
}

// fits refuses a key that is not for this algorithm, not for signatures, or too short.
func fits(key jwk.Key, algorithm jwa.SignatureAlgorithm) error {
	if declared, ok := key.Algorithm(); ok && declared.String() != algorithm.String() {
		return fmt.Errorf("the key is for %s", declared)
	}

	if use, ok := key.KeyUsage(); ok && use != "sig" {
		return fmt.Errorf("the key is for %q", use)
	}

	if key.KeyType() != asymmetric()[algorithm.String()] {
		return fmt.Errorf("the key is of type %s", key.KeyType())
	}

	if key.KeyType() == jwa.RSA() {
		var public rsa.PublicKey
		if err := jwk.Export(key, &public); err != nil || public.N.BitLen() < minRSA {
			return fmt.Errorf("the key has fewer than %d bits: %w", minRSA, err)
		}
	}

	return nil
}

// scopesOf are those of ours that a token has.
func (t *tokens) scopesOf(token jwt.Token) []string {
	return slices.DeleteFunc(listed(token, t.scopesClaim), func(scope string) bool {
		return !slices.Contains(Scopes(), scope)
	})
}

// treasuriesOf are those that a token is for: all where no claim tells, and none where the claim that does is missing
// or is no list.
func (t *tokens) treasuriesOf(token jwt.Token) []ident.Party {
	if t.treasuriesClaim == "" {
		return nil
	}

	told := listed(token, t.treasuriesClaim)
	treasuries := make([]ident.Party, 0, len(told))

	for _, text := range told {
		if party, err := ident.ParseParty(text); err == nil {
			treasuries = append(treasuries, party)
		}
	}

	return treasuries
}

// listed are the texts of a claim that is a list, or the words of one that is a text.
func listed(token jwt.Token, name string) []string {
	var claim any
	if err := token.Get(name, &claim); err != nil {
		return nil
	}

	var texts []string

	switch value := claim.(type) {
	case string:
		texts = strings.Fields(value)
	case []any:
		for _, element := range value {
			if text, ok := element.(string); ok {
				texts = append(texts, text)
			}
		}
	case []string:
		texts = slices.Clone(value)
	}

	return texts
}

// mayRead reports whether a key set may be read from there: what is sent in the clear, anybody on the way can change.
func mayRead(from url.URL) bool {
	return from.Scheme == "https" || (from.Scheme == "http" && isLoopback(from.Hostname()))
}
