package admin

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// maxProviders is a node's bound on identity providers; maxProviderText the sandbox's on each of their texts.
const (
	maxProviders    = 16
	maxProviderText = 2000
	maxLedgerString = 255
)

// Provider is an identity provider configuration, in the API's JSON.
type Provider struct {
	ID          string `json:"identityProviderId"`
	Deactivated bool   `json:"isDeactivated"`
	Issuer      string `json:"issuer"`
	JWKSURL     string `json:"jwksUrl"`
	Audience    string `json:"audience"`
}

func (p Provider) check() error {
	if err := checkProviderID(p.ID); err != nil {
		return err
	}

	switch {
	case p.Issuer == "":
		return cantonerr.Missing("identity_provider_config.issuer")
	case p.JWKSURL == "":
		return cantonerr.Missing("identity_provider_config.jwks_url")
	case len(p.Issuer) > maxProviderText || len(p.JWKSURL) > maxProviderText || len(p.Audience) > maxProviderText:
		return cantonerr.Field("identity_provider_config: a text is longer than %d bytes", maxProviderText)
	}

	if u, err := url.Parse(p.JWKSURL); err != nil || u.Host == "" {
		return cantonerr.Field("identity_provider_config.jwks_url: %.80q is no URL", p.JWKSURL)
	}

	return nil
}

// checkProviderID holds an id to the alphabet of a LedgerString.
func checkProviderID(id string) error {
	outside := func(r rune) bool {
		return !letterOrDigit(r) && !strings.ContainsRune("#:-_/ ", r)
	}

	switch {
	case id == "":
		return cantonerr.Missing("identity_provider_id")
	case len(id) > maxLedgerString || strings.ContainsFunc(id, outside):
		return cantonerr.Field("identity_provider_id: %.80q is no identity provider id", id)
	default:
		return nil
	}
}

func errProviderNotFound(id string) error {
	return cantonerr.NotFound("IDP_CONFIG_NOT_FOUND", "there is no identity provider %.255q", id).
		On("IDENTITY_PROVIDER_CONFIG", id)
}

// issuer finds the identity provider of a token; the node's own, which has no id, is for every unknown issuer.
func (s *userStore) issuer(name string) (Provider, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()

	for _, p := range s.providers {
		if p.Issuer == name {
			return p, true
		}
	}

	return Provider{}, false
}

// knows refuses an identity provider that is not configured.
func (s *userStore) knows(provider string) error {
	if _, ok := s.providers[provider]; provider != "" && !ok {
		return errProviderNotFound(provider)
	}

	return nil
}

func (s *userStore) listProviders() []Provider {
	s.mu.RLock()
	defer s.mu.RUnlock()

	list := make([]Provider, 0, len(s.providers))
	for _, id := range slices.Sorted(maps.Keys(s.providers)) {
		list = append(list, s.providers[id])
	}

	return list
}

func (s *userStore) getProvider(id string) (Provider, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()

	p, ok := s.providers[id]
	if !ok {
		return Provider{}, errProviderNotFound(id)
	}

	return p, nil
}

func (s *userStore) createProvider(p Provider) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, ok := s.providers[p.ID]; ok {
		return cantonerr.Exists("IDP_CONFIG_ALREADY_EXISTS", "there is an identity provider %q already", p.ID).
			On("IDENTITY_PROVIDER_CONFIG", p.ID)
	}

	if len(s.providers) >= maxProviders {
		return cantonerr.State("TOO_MANY_IDENTITY_PROVIDER_CONFIGS", "there can be at most %d", maxProviders)
	}

	if err := s.issuerIsFree(p); err != nil {
		return err
	}

	s.setProvider(p)

	return nil
}

// setProvider stores a provider. Whether streams of its users may go on depends on it, so they all end.
func (s *userStore) setProvider(p Provider) {
	s.providers[p.ID] = p
	s.restamp(p.ID)
}

func (s *userStore) restamp(provider string) {
	for id, u := range s.users {
		if u.provider == provider {
			fresh := *u
			fresh.stamp = s.nextStamp()
			s.users[id] = &fresh
		}
	}
}

func (s *userStore) issuerIsFree(p Provider) error {
	for _, other := range s.providers {
		if other.ID != p.ID && other.Issuer == p.Issuer {
			return cantonerr.Exists("IDP_CONFIG_ISSUER_ALREADY_EXISTS",
				"identity provider %q has the issuer %q already", other.ID, p.Issuer).
				On("IDENTITY_PROVIDER_CONFIG", p.Issuer)
		}
	}

	return nil
}

func (s *userStore) updateProvider(id string, change func(*Provider) error) (Provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	p, ok := s.providers[id]
	if !ok {
		return Provider{}, errProviderNotFound(id)
	}

	if err := change(&p); err != nil {
		return Provider{}, err
	}

	if err := p.check(); err != nil {
		return Provider{}, err
	}

	if err := s.issuerIsFree(p); err != nil {
		return Provider{}, err
	}

	s.setProvider(p)

	return p, nil
}

// removeProvider deletes a provider; its users stay, and can be moved to another, but nobody can be them.
func (s *userStore) removeProvider(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, ok := s.providers[id]; !ok {
		return errProviderNotFound(id)
	}

	delete(s.providers, id)
	s.restamp(id)

	return nil
}

// move changes the identity provider of a user.
func (s *userStore) move(id, source, target string) error {
	_, err := s.update(id, source, "", func(u *user) error {
		u.provider = target

		return s.knows(target)
	})

	return err
}
