package admin

import (
	"net/http"
	"strconv"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// providerBody is the body of a request that creates or updates an identity provider.
type providerBody struct {
	Provider *Provider `json:"identityProviderConfig"`
	Mask     fieldMask `json:"updateMask"`
}

func (b *providerBody) read(r *http.Request) error {
	if err := decode(r, b); err != nil {
		return err
	}

	if b.Provider == nil {
		return cantonerr.Missing("identity_provider_config")
	}

	return nil
}

func (a *Admin) listProviders(*http.Request) (any, error) {
	return obj{"identityProviderConfigs": a.users.listProviders()}, nil
}

func (a *Admin) createProvider(r *http.Request) (any, error) {
	var asked providerBody

	if err := asked.read(r); err != nil {
		return nil, err
	}

	if err := asked.Provider.check(); err != nil {
		return nil, err
	}

	return obj{"identityProviderConfig": asked.Provider}, a.users.createProvider(*asked.Provider)
}

func (a *Admin) getProvider(r *http.Request) (any, error) {
	id, err := pathParam(r, "idp-id")
	if err != nil {
		return nil, err
	}

	found, err := a.users.getProvider(id)

	return obj{"identityProviderConfig": found}, err
}

func (a *Admin) updateProvider(r *http.Request) (any, error) {
	var asked providerBody

	id, err := pathParam(r, "idp-id")
	if err != nil {
		return nil, err
	}

	if err := asked.read(r); err != nil {
		return nil, err
	}

	if err := matches("identity provider", id, asked.Provider.ID); err != nil {
		return nil, err
	}

	fresh, err := a.users.updateProvider(id, func(p *Provider) error {
		return asked.Provider.apply(p, asked.Mask.Paths)
	})

	return obj{"identityProviderConfig": fresh}, err
}

func (a *Admin) deleteProvider(r *http.Request) (any, error) {
	id, err := pathParam(r, "idp-id")
	if err != nil {
		return nil, err
	}

	return obj{}, a.users.removeProvider(id)
}

// apply changes the fields of another that a mask names, by their names in the protobuf message.
func (p Provider) apply(to *Provider, paths []string) error {
	refuse := func(reason string) error {
		return cantonerr.Invalid("INVALID_IDENTITY_PROVIDER_UPDATE_REQUEST",
			"identity provider %q cannot be updated: %s", p.ID, reason).On("IDENTITY_PROVIDER_CONFIG", p.ID)
	}

	if len(paths) == 0 {
		return refuse("the update mask is empty")
	}

	for _, path := range paths {
		switch path {
		case "is_deactivated":
			to.Deactivated = p.Deactivated
		case "issuer":
			to.Issuer = p.Issuer
		case "jwks_url":
			to.JWKSURL = p.JWKSURL
		case "audience":
			to.Audience = p.Audience
		case "identity_provider_id":
			// It says which one is meant.
		default:
			return refuse("the update mask has the unknown path " + strconv.Quote(path))
		}
	}

	return nil
}
