package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// APIKey is a key of the REST API. Its secret is nowhere.
type APIKey struct {
	ID, Name, Prefix string
	// Hash is the SHA-256 of the whole secret.
	Hash   []byte
	Scopes []string
	// Treasuries are those that it may see; nil for all.
	Treasuries []ident.Party
	// AllowedFrom are the networks that it may be used from; nil for anywhere.
	AllowedFrom []netip.Prefix
	PerSecond   int
	CreatedBy   string
	CreatedAt   time.Time
	ExpiresAt   *time.Time
	RevokedAt   *time.Time
	LastUsedAt  *time.Time
	// Successor takes its place; empty for one that was not rotated.
	Successor string
	// Origin is the first key of its line of rotations, and the key itself if there is none before it. Whoever holds keys
	// of one line is one somebody: four eyes are not two keys of it. Only FindAPIKey fills it.
	Origin string
}

// Codes of refusals about keys.
const (
	keyRevoked withdrawal.Reason = "key_revoked"
	keyRotated withdrawal.Reason = "key_rotated"
	keyExpired withdrawal.Reason = "key_expired"
)

// FindAPIKey reads one; ErrNotFound if there is none.
func (db *DB) FindAPIKey(ctx context.Context, id string) (APIKey, error) {
	row, err := db.queries.APIKeyFind(ctx, db.exec, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return APIKey{}, fmt.Errorf("API key %s: %w", id, ErrNotFound)
	}

	if err != nil {
		return APIKey{}, fmt.Errorf("read API key %s: %w", id, err)
	}

	key := apiKeyOf(dbsqlc.ApiKey{
		KeyID: row.KeyID, Name: row.Name, Prefix: row.Prefix, SecretHash: row.SecretHash, Scopes: row.Scopes,
		Treasuries: row.Treasuries, AllowedFrom: row.AllowedFrom, PerSecond: row.PerSecond, CreatedBy: row.CreatedBy,
		CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt, LastUsedAt: row.LastUsedAt,
		Successor: row.Successor,
	})
	key.Origin = row.Origin

	return key, nil
}

func apiKeyOf(row dbsqlc.ApiKey) APIKey {
	key := APIKey{
		ID: row.KeyID, Name: row.Name, Prefix: row.Prefix, Hash: row.SecretHash, Scopes: row.Scopes,
		AllowedFrom: row.AllowedFrom, PerSecond: int(row.PerSecond), CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt,
		ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt, LastUsedAt: row.LastUsedAt,
	}

	if row.Treasuries != nil {
		key.Treasuries = mapped(row.Treasuries, func(party string) ident.Party { return ident.Party(party) })
	}

	if row.Successor != nil {
		key.Successor = *row.Successor
	}

	return key
}

// APIKeys lists keys, the newest first; at most so many. Who may see some treasuries only sees the keys for no others;
// nil sees all.
func (db *DB) APIKeys(ctx context.Context, treasuries []ident.Party, most int) ([]APIKey, error) {
	rows, err := db.queries.APIKeyList(ctx, db.exec, dbsqlc.APIKeyListParams{
		Every: treasuries == nil, Treasuries: partyTexts(treasuries), Most: integer(most),
	})
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}

	return mapped(rows, apiKeyOf), nil
}

func partyTexts(parties []ident.Party) []string {
	if parties == nil {
		return nil
	}

	return mapped(parties, func(party ident.Party) string { return string(party) })
}

// CreateAPIKey stores a new key and who made it.
func (db *DB) CreateAPIKey(ctx context.Context, key APIKey, operator string, now time.Time) (APIKey, error) {
	key.CreatedBy, key.CreatedAt, key.Origin = memo.Stored(operator), now, key.ID

	err := db.inTx(ctx, func(tx pgx.Tx) error {
		if err := db.insertAPIKey(ctx, tx, key); err != nil {
			return err
		}

		return db.noteKey(ctx, tx, operator, "key.create", key, now)
	})

	return key, wrap("create API key "+key.ID, err)
}

func (db *DB) insertAPIKey(ctx context.Context, tx pgx.Tx, key APIKey) error {
	return db.queries.APIKeyInsert(ctx, tx, dbsqlc.APIKeyInsertParams{
		KeyID: key.ID, Name: key.Name, Prefix: key.Prefix, SecretHash: key.Hash, Scopes: key.Scopes,
		Treasuries: partyTexts(key.Treasuries), AllowedFrom: key.AllowedFrom, PerSecond: integer(key.PerSecond),
		CreatedBy: key.CreatedBy, CreatedAt: key.CreatedAt, ExpiresAt: key.ExpiresAt,
	})
}

func (db *DB) noteKey(
	ctx context.Context, tx pgx.Tx, operator, action string, key APIKey, now time.Time,
) error {
	detail := map[string]any{"name": key.Name, "scopes": key.Scopes, "perSecond": key.PerSecond}

	if key.Treasuries != nil {
		detail["treasuries"] = key.Treasuries
	}

	if key.AllowedFrom != nil {
		detail["allowedFrom"] = key.AllowedFrom
	}

	if key.ExpiresAt != nil {
		detail["expiresAt"] = key.ExpiresAt.UTC()
	}

	if key.Successor != "" {
		detail["successor"] = key.Successor
	}

	return db.note(ctx, tx, nil, operator, action, key.ID, detail, now)
}

// RotateAPIKey gives a key a successor with the same rights and the same length of life, which has the id, the prefix
// and the hash of fresh. The old one works until the overlap ends. A *RefusedError says why not.
func (db *DB) RotateAPIKey(
	ctx context.Context, id string, fresh APIKey, overlap time.Duration, operator string, now time.Time,
) (APIKey, error) {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		old, err := db.lockAPIKey(ctx, tx, id)
		if err != nil {
			return err
		}

		if err := rotatable(old, now); err != nil {
			return err
		}

		fresh = succeeding(old, fresh, operator, now)
		if err := db.insertAPIKey(ctx, tx, fresh); err != nil {
			return err
		}

		end := now.Add(overlap)
		if old.ExpiresAt != nil && old.ExpiresAt.Before(end) {
			end = *old.ExpiresAt
		}

		old.ExpiresAt, old.Successor = &end, fresh.ID

		err = db.queries.APIKeySucceed(ctx, tx, dbsqlc.APIKeySucceedParams{
			KeyID: id, Successor: &fresh.ID, ExpiresAt: &end,
		})
		if err != nil {
			return err
		}

		return db.noteKey(ctx, tx, operator, "key.rotate", old, now)
	})

	return fresh, wrap("rotate API key "+id, err)
}

func rotatable(key APIKey, now time.Time) error {
	switch {
	case key.RevokedAt != nil:
		return &RefusedError{keyRevoked, "The key was revoked. Make another one. Nothing was changed."}
	case key.Successor != "":
		return &RefusedError{keyRotated, "The key has a successor already: " + key.Successor + ". Nothing was changed."}
	case key.ExpiresAt != nil && !now.Before(*key.ExpiresAt):
		return &RefusedError{keyExpired, "The key has expired. Make another one. Nothing was changed."}
	default:
		return nil
	}
}

func succeeding(old, fresh APIKey, operator string, now time.Time) APIKey {
	next := old
	next.ID, next.Prefix, next.Hash = fresh.ID, fresh.Prefix, fresh.Hash
	next.CreatedBy, next.CreatedAt, next.LastUsedAt = memo.Stored(operator), now, nil

	if old.ExpiresAt != nil {
		end := now.Add(old.ExpiresAt.Sub(old.CreatedAt))
		next.ExpiresAt = &end
	}

	return next
}

// lockAPIKey reads a key that is about to be changed.
func (db *DB) lockAPIKey(ctx context.Context, tx pgx.Tx, id string) (APIKey, error) {
	if err := db.queries.APIKeyLock(ctx, tx, id); err != nil {
		return APIKey{}, err
	}

	within := *db
	within.exec = tx

	return within.FindAPIKey(ctx, id)
}

// RevokeAPIKey ends a key at once. To say it twice does no harm.
func (db *DB) RevokeAPIKey(ctx context.Context, id, operator string, now time.Time) (APIKey, error) {
	var key APIKey

	err := db.inTx(ctx, func(tx pgx.Tx) (err error) {
		if key, err = db.lockAPIKey(ctx, tx, id); err != nil || key.RevokedAt != nil {
			return err
		}

		key.RevokedAt = &now
		if err := db.queries.APIKeyRevoke(ctx, tx, dbsqlc.APIKeyRevokeParams{KeyID: id, Now: &now}); err != nil {
			return err
		}

		return db.noteKey(ctx, tx, operator, "key.revoke", key, now)
	})

	return key, wrap("revoke API key "+id, err)
}

// NoteAPIKeyUse stores when a key was used last, unless somebody changes the key at this moment.
func (db *DB) NoteAPIKeyUse(ctx context.Context, id string, now time.Time) error {
	err := db.queries.APIKeyUsed(ctx, db.exec, dbsqlc.APIKeyUsedParams{KeyID: id, Now: &now})

	return wrap("note the use of API key "+id, err)
}

// DoorScopes are the scopes that a database role can have; administration is not among them.
func DoorScopes() []string { return []string{"read", "accounts", "withdrawals", "approvals"} }

// GrantDoor gives a database role the rights of some scopes in schema api, and writes who did.
func (db *DB) GrantDoor(ctx context.Context, role string, scopes []string, operator string, now time.Time) error {
	for _, scope := range scopes {
		if !slices.Contains(DoorScopes(), scope) {
			return fmt.Errorf("scope %q: want some of %v", scope, DoorScopes())
		}
	}

	return wrap("grant rights to "+role, db.inTx(ctx, func(tx pgx.Tx) error {
		if err := db.queries.DoorGrant(ctx, tx, dbsqlc.DoorGrantParams{Role: role, Scopes: scopes}); err != nil {
			return err
		}

		return db.note(ctx, tx, nil, operator, "role.grant", role, map[string]any{"scopes": scopes}, now)
	}))
}
