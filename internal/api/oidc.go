package api

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
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
	"github.com/canton-exchange/suite/internal/strictjson"
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
	keySetPause  = 10 * time.Second
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
	reading sync.Mutex
	tried   time.Time // under reading
}

type keySet struct {
	keys jwk.Set
	at   time.Time
}

func newTokens(c OIDCSettings, now clock.Clock, logger *slog.Logger) *tokens {
	return &tokens{
		issuer: c.Issuer, audience: c.Audience, scopesClaim: c.ScopesClaim, treasuriesClaim: c.TreasuriesClaim,
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
		if err := t.read(ctx, now, keySetPause); err != nil {
			t.logger.WarnContext(ctx, "the identity provider's keys could not be read", slog.Any("error", err))
		}

		known = t.set.Load()
	}

	if known == nil || now.Sub(known.at) > keySetStale {
		return nil, &problemError{
			status: http.StatusServiceUnavailable, code: "identity_provider_away", retry: keySetPause,
			detail: "The identity provider's keys cannot be read, so that no token can be believed. Nothing was done.",
		}
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

// read reads the key set, unless that was tried a moment ago.
func (t *tokens) read(ctx context.Context, now time.Time, pause time.Duration) error {
	t.reading.Lock()
	defer t.reading.Unlock()

	if !t.tried.IsZero() && now.Sub(t.tried).Abs() < pause {
		return nil
	}

	t.tried = now

	keys, err := t.fetch(ctx)
	if err != nil {
		return err
	}

	t.set.Store(&keySet{keys: keys, at: now})

	return nil
}

func (t *tokens) fetch(ctx context.Context) (jwk.Set, error) {
	// Others wait for it too, whatever becomes of this request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keySetTimeout)
	defer cancel()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.keySet.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask for the key set: %w", err)
	}

	response, err := t.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for the key set: %w", err)
	}
	defer response.Body.Close()

	raw, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet))
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}

	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the key set: answer %s", response.Status)
	}

	return readKeySet(raw)
}

// readKeySet reads the keys that are understood: another one, of a kind that is not known here, takes none away.
func readKeySet(raw []byte) (jwk.Set, error) {
	var told struct {
		Keys []strictjson.Raw `json:"keys"`
	}

	if err := strictjson.Decode(raw, &told); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}

	if len(told.Keys) > maxSetKeys {
		return nil, fmt.Errorf("read the key set: it has %d keys", len(told.Keys))
	}

	keys := jwk.NewSet()

	for _, one := range told.Keys {
		if key, err := jwk.ParseKey(one); err == nil {
			_ = keys.AddKey(key) // one that is there twice is there
		}
	}

	if keys.Len() == 0 {
		return nil, errors.New("read the key set: there is no key in it")
	}

	return keys, nil
}

// refresh reads the key set again while all is well, so that a key that was taken out of it is not believed for long.
func (t *tokens) refresh(ctx context.Context) {
	if err := t.read(ctx, t.clock.Now(), keySetFresh); err != nil {
		t.logger.WarnContext(ctx, "the identity provider's keys could not be read", slog.Any("error", err))
	}
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
