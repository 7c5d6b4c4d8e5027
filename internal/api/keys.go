package api

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	keyIDLength   = 12
	keySecretSize = 32 // random bytes
	// DefaultPerSecond is how many requests a key may make in a second if nothing is said.
	DefaultPerSecond = 50
	maxListedKeys    = 1000
)

// keyShape is how a key looks: whose it is, and the secret itself.
var keyShape = regexp.MustCompile(`^ces_([a-z0-9]{12})_[A-Za-z0-9_-]{43}$`)

// keyID is the id of the key that a credential is, if it is one.
func keyID(bearer string) (string, bool) {
	matched := keyShape.FindStringSubmatch(bearer)
	if matched == nil {
		return "", false
	}

	return "k_" + matched[1], true
}

// NewKey draws a key. The secret is for whoever asked for it, and is kept nowhere.
func NewKey(random io.Reader) (store.APIKey, secret.String, error) {
	drawn := make([]byte, keyIDLength+keySecretSize)
	if _, err := io.ReadFull(random, drawn); err != nil {
		return store.APIKey{}, secret.String{}, fmt.Errorf("draw an API key: %w", err)
	}

	id := strings.ToLower(base32.StdEncoding.EncodeToString(drawn[:keyIDLength]))[:keyIDLength]
	prefix := "ces_" + id
	text := prefix + "_" + base64.RawURLEncoding.EncodeToString(drawn[keyIDLength:])
	hash := sha256.Sum256([]byte(text))

	return store.APIKey{ID: "k_" + id, Prefix: prefix, Hash: hash[:]}, secret.New(text), nil
}

// ListKeys implements server.StrictServerInterface.
func (s *Service) ListKeys(ctx context.Context, _ server.ListKeysRequestObject) (server.ListKeysResponseObject, error) {
	keys, err := s.DB.APIKeys(ctx, asking(ctx).Treasuries, maxListedKeys)
	if err != nil {
		return nil, err
	}

	list := server.KeyList{Items: make([]server.Key, len(keys))}
	for i, key := range keys {
		list.Items[i] = keyOf(key)
	}

	return server.ListKeys200JSONResponse(list), nil
}

// CreateKey implements server.StrictServerInterface.
func (s *Service) CreateKey(
	ctx context.Context, r server.CreateKeyRequestObject,
) (server.CreateKeyResponseObject, error) {
	d := door(ctx)

	key, text, err := NewKey(s.Random)
	if err != nil {
		return nil, err
	}

	if err := fill(&key, r.Body, d.Now); err != nil {
		return nil, err
	}

	if !maySee(asking(ctx), key.Treasuries) {
		return nil, problem(http.StatusForbidden, "treasury_not_allowed",
			"A key for some treasuries makes keys for those alone. Nothing was done.")
	}

	made, err := d.DB().CreateAPIKey(ctx, key, d.Actor, d.Now)
	if err != nil {
		return nil, err
	}

	return server.CreateKey201JSONResponse(newKeyOf(made, text)), nil
}

// fill gives a key the rights that were asked for.
func fill(key *store.APIKey, asked *server.KeyRequest, now time.Time) error {
	key.Name, key.PerSecond, key.ExpiresAt = asked.Name, DefaultPerSecond, asked.ExpiresAt

	if asked.PerSecond != nil {
		key.PerSecond = *asked.PerSecond
	}

	if key.ExpiresAt != nil && !now.Before(*key.ExpiresAt) {
		return invalid("body: expiresAt: has passed. Nothing was done.")
	}

	for _, scope := range asked.Scopes {
		if !slices.Contains(key.Scopes, string(scope)) {
			key.Scopes = append(key.Scopes, string(scope))
		}
	}

	if asked.Treasuries != nil {
		for _, text := range *asked.Treasuries {
			party, err := ident.ParseParty(text)
			if err != nil {
				return invalid("body: treasuries: want party ids, name::fingerprint. Nothing was done.")
			}

			key.Treasuries = append(key.Treasuries, party)
		}
	}

	if asked.AllowedFrom != nil {
		networks, err := ParseNetworks(*asked.AllowedFrom)
		if err != nil {
			return invalid("body: allowedFrom: " + err.Error() + ". Nothing was done.")
		}

		key.AllowedFrom = networks
	}

	return nil
}

// ParseNetworks reads networks, such as 192.0.2.0/24, and single addresses.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, len(texts))

	for i, text := range texts {
		if address, err := netip.ParseAddr(text); err == nil {
			address = plain(address)
			networks[i] = netip.PrefixFrom(address, address.BitLen())

			continue
		}

		network, err := netip.ParsePrefix(text)
		if err != nil || network.Masked() != network || network.Addr().Is4In6() {
			return nil, fmt.Errorf("want networks such as 192.0.2.0/24 with nothing set after the prefix, or addresses")
		}

		networks[i] = network
	}

	return networks, nil
}

// maySee reports whether somebody sees all of these treasuries; nil are all that there are.
func maySee(c *caller, treasuries []ident.Party) bool {
	if treasuries == nil {
		return c.Treasuries == nil
	}

	return !slices.ContainsFunc(treasuries, func(treasury ident.Party) bool { return !c.sees(treasury) })
}

// touch refuses to touch a key that sees more than who asks.
func (s *Service) touch(ctx context.Context, d *store.Door, id string) error {
	key, err := d.DB().FindAPIKey(ctx, id)
	if err == nil && !maySee(asking(ctx), key.Treasuries) {
		return store.ErrNotFound
	}

	return err
}

// RotateKey implements server.StrictServerInterface.
func (s *Service) RotateKey(
	ctx context.Context, r server.RotateKeyRequestObject,
) (server.RotateKeyResponseObject, error) {
	d := door(ctx)
	if err := s.touch(ctx, d, r.KeyId); err != nil {
		return nil, err
	}

	fresh, text, err := NewKey(s.Random)
	if err != nil {
		return nil, err
	}

	overlap := time.Duration(r.Body.OverlapSeconds) * time.Second

	next, err := d.DB().RotateAPIKey(ctx, r.KeyId, fresh, overlap, d.Actor, d.Now)
	if err != nil {
		return nil, err
	}

	return server.RotateKey201JSONResponse(newKeyOf(next, text)), nil
}

// RevokeKey implements server.StrictServerInterface.
func (s *Service) RevokeKey(
	ctx context.Context, r server.RevokeKeyRequestObject,
) (server.RevokeKeyResponseObject, error) {
	d := door(ctx)
	if err := s.touch(ctx, d, r.KeyId); err != nil {
		return nil, err
	}

	key, err := d.DB().RevokeAPIKey(ctx, r.KeyId, d.Actor, d.Now)
	if err != nil {
		return nil, err
	}

	return server.RevokeKey200JSONResponse(keyOf(key)), nil
}

func newKeyOf(key store.APIKey, text secret.String) server.NewKey {
	revealed := text.Reveal()

	return server.NewKey{Key: keyOf(key), Secret: &revealed}
}

func keyOf(key store.APIKey) server.Key {
	out := server.Key{
		KeyId: key.ID, Name: key.Name, Prefix: key.Prefix, PerSecond: key.PerSecond, CreatedAt: key.CreatedAt.UTC(),
		CreatedBy: key.CreatedBy, ExpiresAt: utc(key.ExpiresAt), RevokedAt: utc(key.RevokedAt),
		LastUsedAt: utc(key.LastUsedAt),
		Scopes:     make([]server.Scope, len(key.Scopes)),
	}

	for i, scope := range key.Scopes {
		out.Scopes[i] = server.Scope(scope)
	}

	if key.Treasuries != nil {
		treasuries := make([]server.Party, len(key.Treasuries))
		for i, treasury := range key.Treasuries {
			treasuries[i] = string(treasury)
		}

		out.Treasuries = &treasuries
	}

	if key.AllowedFrom != nil {
		networks := make([]string, len(key.AllowedFrom))
		for i, network := range key.AllowedFrom {
			networks[i] = network.String()
		}

		out.AllowedFrom = &networks
	}

	return out
}
