package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	maxListedKeys = 1000
	maxOverlap    = 30 * 24 * time.Hour
	maxPerSecond  = 10000
	never         = "never"
)

func keyCommands() []command {
	return []command{
		{"api-key create", "NAME SCOPE[,SCOPE…] [NAME=VALUE…]", "make a key of the REST API and print its secret, this " +
			"once; the scopes are read, accounts, withdrawals, approvals, webhooks, admin; the settings " + keySettingNames(),
			2, many, database, createKey},
		{"api-key list", "", "list the keys of the REST API, without their secrets", 0, 0, database, listKeys},
		{"api-key rotate", "ID OVERLAP [OPERATOR]", "make a key that takes the place of another, which works on for " +
			"OVERLAP, such as 24h", 2, 3, database, rotateKey},
		{"api-key revoke", "ID [OPERATOR]", "end a key at once", 1, 2, database, revokeKey},
		{"grant-role", "ROLE SCOPE…", "give a role of the database the rights of read, accounts, withdrawals or approvals " +
			"in schema api, and nothing else", 2, many, database, grantRole},
		{"verify-audit", "", "compute the chain of hashes over the audit log anew; exit code 1 if it was tampered with, or " +
			"if a row has waited for its seal for more than five minutes", 0, 0, database, verifyAudit},
	}
}

// keyDraft is a key to be made.
type keyDraft struct {
	store.APIKey

	operator string
	now      time.Time
}

func keySettings() []setting[keyDraft] {
	return []setting[keyDraft]{
		{
			"treasuries", "party ids that it may see, separated by commas", nil,
			func(d *keyDraft, text string) error {
				for party := range strings.SplitSeq(text, ",") {
					parsed, err := ident.ParseParty(party)
					if err != nil {
						return err
					}

					d.Treasuries = append(d.Treasuries, parsed)
				}

				return nil
			},
		},
		{
			"from", "networks that it may be used from, separated by commas", nil,
			func(d *keyDraft, text string) (err error) {
				d.AllowedFrom, err = api.ParseNetworks(strings.Split(text, ","))

				return err
			},
		},
		count("per_second", "how many requests it may make in a second", func(d *keyDraft) *int { return &d.PerSecond }),
		{
			"expires", "after what time it ends, such as 2160h, or never", nil,
			func(d *keyDraft, text string) error {
				if text == never {
					return nil
				}

				life, err := time.ParseDuration(text)
				if err != nil || life <= 0 {
					return errors.New("want a duration such as 2160h, or never")
				}

				end := d.now.Add(life)
				d.ExpiresAt = &end

				return nil
			},
		},
		{"operator", "who makes it", nil, func(d *keyDraft, text string) error {
			d.operator = text

			return nil
		}},
	}
}

func keySettingNames() string {
	var names []string
	for _, s := range keySettings() {
		names = append(names, s.name)
	}

	return strings.Join(names, ", ")
}

func createKey(ctx context.Context, t *tool, arguments []string) error {
	key, text, err := api.NewKey(rand.Reader)
	if err != nil {
		return err
	}

	d := keyDraft{APIKey: key, operator: unnamed, now: time.Now()}
	d.Name, d.PerSecond = arguments[0], api.DefaultPerSecond

	if d.Scopes, err = scopesOf(strings.Split(arguments[1], ","), api.Scopes()); err != nil {
		return service.UsageError(err)
	}

	if err := assign(&d, keySettings(), arguments[2:]); err != nil {
		return service.UsageError(err)
	}

	const longest = 100

	switch {
	case d.Name == "" || len(d.Name) > longest || memo.Stored(d.Name) != d.Name:
		return service.UsageError(fmt.Errorf("name %s: want 1 to %d characters", memo.Shown(d.Name), longest))
	case d.PerSecond < 1 || d.PerSecond > maxPerSecond:
		return service.UsageError(fmt.Errorf("per_second: want 1 to %d", maxPerSecond))
	}

	made, err := t.db.CreateAPIKey(ctx, d.APIKey, d.operator, d.now)
	if err != nil {
		return refusal(err)
	}

	t.printSecret(made, text)

	return nil
}

// printSecret tells a key, once.
func (t *tool) printSecret(key store.APIKey, text secret.String) {
	end := never
	if key.ExpiresAt != nil {
		end = key.ExpiresAt.UTC().Format(time.RFC3339)
	}

	t.printf("key %s (%s) may %s; it expires: %s. Its secret is kept nowhere, keep it well:\n%s\n",
		key.ID, plain(key.Name), strings.Join(key.Scopes, ", "), end, text.Reveal())
}

func scopesOf(given, known []string) ([]string, error) {
	var scopes []string

	for _, scope := range given {
		if !slices.Contains(known, scope) {
			return nil, fmt.Errorf("scope %q: want some of %s", scope, strings.Join(known, ", "))
		}

		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}

	return scopes, nil
}

func listKeys(ctx context.Context, t *tool, _ []string) error {
	keys, err := t.db.APIKeys(ctx, nil, maxListedKeys)
	if err != nil {
		return err
	}

	if len(keys) == 0 {
		t.printf("none; `treasury api-key create NAME SCOPE…` makes one\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "KEY\tNAME\tSTATE\tSCOPES\tPER SECOND\tTREASURIES\tFROM\tLAST USED\tMADE BY")

	now := time.Now()

	for _, key := range keys {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", key.ID, plain(key.Name), keyState(key, now),
			strings.Join(key.Scopes, ","), key.PerSecond, listOr("all", key.Treasuries), listOr("anywhere", key.AllowedFrom),
			instant(key.LastUsedAt, never), plain(key.CreatedBy))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print keys: %w", err)
	}

	return nil
}

func keyState(key store.APIKey, now time.Time) string {
	switch {
	case key.RevokedAt != nil:
		return "revoked"
	case key.ExpiresAt != nil && !now.Before(*key.ExpiresAt):
		return "expired"
	case key.ExpiresAt != nil:
		return "until " + instant(key.ExpiresAt, "")
	default:
		return "good"
	}
}

func instant(at *time.Time, none string) string {
	if at == nil {
		return none
	}

	return at.UTC().Format(time.RFC3339)
}

func listOr[V any](all string, some []V) string {
	if some == nil {
		return all
	}

	texts := make([]string, len(some))
	for i, one := range some {
		texts[i] = fmt.Sprint(one)
	}

	return strings.Join(texts, ",")
}

func rotateKey(ctx context.Context, t *tool, arguments []string) error {
	overlap, err := time.ParseDuration(arguments[1])
	if err != nil || overlap < 0 || overlap > maxOverlap {
		return service.UsageError(fmt.Errorf("overlap %q: want a duration such as 24h, at most 720h", arguments[1]))
	}

	fresh, text, err := api.NewKey(rand.Reader)
	if err != nil {
		return err
	}

	next, err := t.db.RotateAPIKey(ctx, arguments[0], fresh, overlap, operatorOf(arguments[2:]), time.Now())
	if err != nil {
		return refusal(err)
	}

	t.printf("key %s works on for %s at most\n", plain(arguments[0]), overlap)
	t.printSecret(next, text)

	return nil
}

func revokeKey(ctx context.Context, t *tool, arguments []string) error {
	key, err := t.db.RevokeAPIKey(ctx, arguments[0], operatorOf(arguments[1:]), time.Now())
	if err != nil {
		return err
	}

	t.printf("key %s (%s) is revoked; within a second nothing is done for it any more\n", key.ID, plain(key.Name))

	if key.Successor != "" {
		t.printf("its successor %s is not\n", key.Successor)
	}

	return nil
}

func grantRole(ctx context.Context, t *tool, arguments []string) error {
	scopes, err := scopesOf(arguments[1:], store.DoorScopes())
	if err != nil {
		return service.UsageError(err)
	}

	if err := t.db.GrantDoor(ctx, arguments[0], scopes, unnamed, time.Now()); err != nil {
		return err
	}

	t.printf("role %s may %s in schema api; say it again after an upgrade, which may bring more\n", plain(arguments[0]),
		strings.Join(scopes, ", "))

	return nil
}

var (
	errTampered = errors.New(
		"the audit log was tampered with: keep the database as it is and find out who could write to it")
	errUnsealed = errors.New("nobody would see a change of it: see that cmd/api runs, and what it logs (docs/runbooks.md)")
)

func verifyAudit(ctx context.Context, t *tool, _ []string) error {
	found, err := t.db.VerifyAudit(ctx)
	if err != nil {
		return err
	}

	if found.BrokenAt != 0 {
		return fmt.Errorf("row %d is not as it was sealed, after %d that are: %w", found.BrokenAt, found.Rows, errTampered)
	}

	t.printf("the audit log is whole: %d rows, and %d that are not sealed yet (cmd/api seals them)\n", found.Rows,
		found.Unsealed)

	if found.Late(time.Now()) {
		return fmt.Errorf("a row of the audit log has waited for its seal since %s: %w",
			found.UnsealedSince.UTC().Format(time.RFC3339), errUnsealed)
	}

	if len(found.Head) > 0 {
		t.printf("the last seal is %s; what the API logged before must be in the database: all of it could have been "+
			"written anew\n", hex.EncodeToString(found.Head))
	}

	return nil
}
