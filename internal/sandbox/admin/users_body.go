package admin

import (
	"maps"
	"strconv"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// userBody is a user in the API's JSON.
type userBody struct {
	ID           string      `json:"id"`
	PrimaryParty ident.Party `json:"primaryParty"`
	Deactivated  bool        `json:"isDeactivated"`
	Metadata     metadata    `json:"metadata"`
	Provider     string      `json:"identityProviderId"`
	PartyAuth    *bool       `json:"primaryPartyAuthentication,omitempty"` // from 3.5 on
}

// metadata is ObjectMeta.
type metadata struct {
	Revision    string            `json:"resourceVersion"`
	Annotations map[string]string `json:"annotations"`
}

func (a *Admin) body(u *user) userBody {
	body := userBody{
		ID: u.id, PrimaryParty: u.primaryParty, Deactivated: u.deactivated, Provider: u.provider,
		Metadata: metadata{Revision: strconv.FormatUint(u.revision, 10), Annotations: u.annotations},
	}

	if body.Metadata.Annotations == nil {
		body.Metadata.Annotations = map[string]string{}
	}

	if a.release >= release35 {
		body.PartyAuth = &u.partyAuth
	}

	return body
}

// user checks the body of a new user and its rights.
func (b userBody) user(version release, rights []Right) (*user, error) {
	if err := checkUserID(b.ID); err != nil {
		return nil, err
	}

	if err := checkPrimaryParty(b.PrimaryParty); err != nil {
		return nil, err
	}

	if b.Metadata.Revision != "" {
		return nil, cantonerr.Field("user.metadata.resource_version: a new user has none")
	}

	fresh := &user{
		id: b.ID, primaryParty: b.PrimaryParty, deactivated: b.Deactivated, provider: b.Provider, rights: rightSet{},
	}
	fresh.partyAuth = version >= release35 && b.PartyAuth != nil && *b.PartyAuth

	for key, value := range b.Metadata.Annotations {
		if value == "" {
			return nil, cantonerr.Argument("annotation %.80q of a new user is empty", key)
		}
	}

	if err := annotate(fresh, b.Metadata.Annotations); err != nil {
		return nil, err
	}

	for _, right := range rights {
		if err := right.check(version); err != nil {
			return nil, err
		}

		fresh.rights[right] = struct{}{}
	}

	return fresh, nil
}

// apply changes the fields of a user that a mask names, by their names in the protobuf message.
func (b userBody) apply(u *user, paths []string, version release) error {
	refuse := func(reason string) error {
		return cantonerr.Invalid("INVALID_USER_UPDATE_REQUEST", "user %q cannot be updated: %s", u.id, reason).
			On("USER", u.id)
	}

	if len(paths) == 0 {
		return refuse("the update mask is empty")
	}

	for _, path := range paths {
		switch {
		case path == "primary_party":
			if err := checkPrimaryParty(b.PrimaryParty); err != nil {
				return err
			}

			u.primaryParty = b.PrimaryParty
		case path == "is_deactivated":
			u.deactivated = b.Deactivated
		case path == "metadata" || path == "metadata.annotations":
			if err := annotate(u, b.Metadata.Annotations); err != nil {
				return err
			}
		case path == "primary_party_authentication" && version >= release35:
			u.partyAuth = b.PartyAuth != nil && *b.PartyAuth
		case path == "id" || path == "metadata.resource_version":
			// They say which user, and which revision of it, is meant.
		default:
			return refuse("the update mask has the unknown path " + strconv.Quote(path))
		}
	}

	return nil
}

// checkPrimaryParty allows a user to have none.
func checkPrimaryParty(party ident.Party) error {
	if party == "" {
		return nil
	}

	return checkParty("user.primary_party", party)
}

// annotate adds annotations to a user, and removes those that are given empty.
func annotate(u *user, given map[string]string) error {
	merged := maps.Clone(u.annotations)
	if merged == nil {
		merged = map[string]string{}
	}

	for key, value := range given {
		if err := checkAnnotation(key); err != nil {
			return err
		}

		if value == "" {
			delete(merged, key)
		} else {
			merged[key] = value
		}
	}

	u.annotations = merged

	return nil
}

// checkAnnotation holds a key to the published form: an optional DNS subdomain and a slash, then a name.
func checkAnnotation(key string) error {
	const maxPrefix, maxName = 253, 63

	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		prefix, name = "", key
	}

	outside := func(more string) func(rune) bool {
		return func(r rune) bool { return !letterOrDigit(r) && !strings.ContainsRune(more, r) }
	}
	edges := func(s string) bool {
		return s != "" && letterOrDigit(rune(s[0])) && letterOrDigit(rune(s[len(s)-1]))
	}

	good := len(name) <= maxName && edges(name) && !strings.ContainsFunc(name, outside(".-_"))
	if prefixed {
		good = good && len(prefix) <= maxPrefix && edges(prefix) && !strings.ContainsFunc(prefix, outside(".-"))
	}

	if !good {
		return cantonerr.Argument("annotation key %.80q is not of the form [prefix/]name", key)
	}

	return nil
}
