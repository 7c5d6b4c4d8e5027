package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// keyAge is how old what is known of a key may be: so long may a key that was revoked still do something.
	keyAge = time.Second
	// useAge is how often the use of a key is stored.
	useAge      = time.Minute
	findTimeout = 5 * time.Second
	maxKeys     = 10000 // known at once, those included that do not exist
	maxBearer   = 8 << 10
)

// unauthenticated is a request that nobody stands behind.
func unauthenticated(code, detail string) *problemError {
	return problem(http.StatusUnauthorized, code, detail+" Nothing was done.")
}

func noKey() *problemError {
	return unauthenticated(codeNoKey, "Send Authorization: Bearer with an API key.")
}

func wrongKey() *problemError {
	return unauthenticated("unknown_key", "There is no such key. Check that it was copied whole.")
}

// authentication finds out who asks.
type authentication struct {
	db      *store.DB
	clock   clock.Clock
	logger  *slog.Logger
	known   *recent[string, knownKey]
	used    *recent[string, time.Time]
	finding singleflight.Group
	proxies []netip.Prefix
	tokens  *tokens // nil if no identity provider is configured
}

// knownKey is a key as it was a moment ago.
type knownKey struct {
	key    store.APIKey
	exists bool
	at     time.Time
}

func (a *authentication) authenticate(ctx context.Context, r *http.Request) (*caller, error) {
	bearer, err := bearerOf(r.Header)
	if err != nil {
		return nil, err
	}

	if id, ok := keyID(bearer); ok {
		return a.byKey(ctx, r, id, bearer)
	}

	if a.tokens == nil {
		return nil, wrongKey()
	}

	return a.tokens.caller(ctx, bearer)
}

// bearerOf reads the one credential of a request.
func bearerOf(header http.Header) (string, error) {
	values := header.Values("Authorization")
	if len(values) != 1 || len(values[0]) > maxBearer {
		return "", noKey()
	}

	scheme, bearer, ok := strings.Cut(values[0], " ")
	if bearer = strings.TrimSpace(bearer); !ok || !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return "", noKey()
	}

	return bearer, nil
}

func (a *authentication) byKey(ctx context.Context, r *http.Request, id, secret string) (*caller, error) {
	known, err := a.find(ctx, id)
	if err != nil {
		return nil, err
	}

	// The time that this takes says nothing about the secret, nor whether there is such a key.
	hash, stored := sha256.Sum256([]byte(secret)), make([]byte, sha256.Size)
	copy(stored, known.key.Hash)

	if subtle.ConstantTimeCompare(hash[:], stored) != 1 || !known.exists {
		return nil, wrongKey()
	}

	now, key := a.clock.Now(), known.key

	switch {
	case key.RevokedAt != nil:
		return nil, unauthenticated("key_revoked", "The key was revoked.")
	case key.ExpiresAt != nil && !now.Before(*key.ExpiresAt):
		return nil, unauthenticated("key_expired", "The key has expired.")
	case key.AllowedFrom != nil && !within(key.AllowedFrom, addressOf(r, a.proxies)):
		return nil, problem(http.StatusForbidden, "address_not_allowed",
			"The key may not be used from this address. Nothing was done.")
	}

	a.noteUse(ctx, key, now)

	return &caller{
		Actor: key.Origin, Key: key.ID, Scopes: key.Scopes, Treasuries: key.Treasuries, PerSecond: key.PerSecond,
	}, nil
}

// find reads a key, unless it was read a moment ago. However many ask at once, the database is asked once.
func (a *authentication) find(ctx context.Context, id string) (knownKey, error) {
	now := a.clock.Now()
	if known, ok := a.known.get(id); ok && now.Sub(known.at).Abs() < keyAge {
		return known, nil
	}

	// Others wait for the same answer, whatever becomes of this request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findTimeout)
	defer cancel()

	found, err, _ := a.finding.Do(id, func() (any, error) {
		key, err := a.db.FindAPIKey(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}

		known := knownKey{key: key, exists: err == nil, at: now}
		a.known.put(id, known)

		return known, nil
	})
	if err != nil {
		return knownKey{}, err //nolint:wrapcheck // our own, handed through
	}

	return found.(knownKey), nil //nolint:errcheck,forcetypeassert // as it was put in
}

// noteUse stores that a key is used. It is worth a request's time once a minute, and never its failure.
func (a *authentication) noteUse(ctx context.Context, key store.APIKey, now time.Time) {
	if last, ok := a.used.get(key.ID); ok && now.Sub(last).Abs() < useAge {
		return
	}

	a.used.put(key.ID, now)

	if key.LastUsedAt != nil && now.Sub(*key.LastUsedAt) < useAge {
		return
	}

	if err := a.db.NoteAPIKeyUse(ctx, key.ID, now); err != nil {
		a.logger.WarnContext(ctx, "the use of an API key could not be stored", slog.String("key", key.ID),
			slog.Any("error", err))
	}
}

func within(networks []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(address) })
}

// addressOf is where a request comes from: who is connected, or, for a proxy that is trusted, who it says is behind it.
// It is no address at all where a trusted proxy says something that is none.
func addressOf(r *http.Request, proxies []netip.Prefix) netip.Addr {
	connected, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}

	address := plain(connected.Addr())
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")

	for _, hop := range slices.Backward(hops) {
		if hop = strings.TrimSpace(hop); !within(proxies, address) || (hop == "" && len(hops) == 1) {
			break
		}

		behind, err := netip.ParseAddr(hop)
		if err != nil {
			return netip.Addr{}
		}

		address = plain(behind)
	}

	return address
}

// plain is an address as networks are written: IPv4 as such, without a zone.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }
