package scan

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

func (a *api) getValidatorUser(*http.Request) (any, error) {
	network := a.ledger.Network()
	_, featured := a.ledger.FeaturedApp(network.Validator)

	return struct {
		Party    ident.Party `json:"party_id"`
		User     string      `json:"user_name"`
		Featured bool        `json:"featured"`
	}{network.Validator, network.User, featured}, nil
}

func (a *api) listPreapprovals(*http.Request) (any, error) {
	return struct {
		Contracts []withState `json:"contracts"`
	}{statesOf(a.ledger.Preapprovals(maxListed))}, nil
}

func (a *api) getPreapproval(r *http.Request) (any, error) {
	party, err := offledger.PathParty(r, "party")
	if err != nil {
		return nil, err
	}

	c, ok := a.ledger.Preapproval(party)
	if !ok {
		return nil, noPreapproval(party)
	}

	return struct {
		Preapproval withState `json:"transfer_preapproval"`
	}{stateOf(c)}, nil
}

func (a *api) deletePreapproval(r *http.Request) (any, error) {
	party, err := offledger.PathParty(r, "party")
	if err != nil {
		return nil, err
	}

	err = a.ledger.CancelPreapproval(party)

	switch {
	case errors.Is(err, offledger.ErrUnknown):
		return nil, noPreapproval(party)
	case err != nil:
		return nil, fmt.Errorf("cancel the preapproval of %s: %w", party, err)
	default:
		return nil, nil //nolint:nilnil // a success without content
	}
}

// noPreapproval has the text by which the official TypeScript SDK tells "none" from a failure.
func noPreapproval(party ident.Party) error {
	return offledger.Errorf(offledger.ErrUnknown, "No TransferPreapproval found for party %s", party)
}

// getFeaturedApp answers an object without the right, not 404, for who has none.
func (a *api) getFeaturedApp(r *http.Request) (any, error) {
	party, err := offledger.PathParty(r, "provider")
	if err != nil {
		return nil, err
	}

	var answer struct {
		Right *offledger.Scanned `json:"featured_app_right,omitzero"`
	}

	if c, ok := a.ledger.FeaturedApp(party); ok {
		shown := offledger.Scan(c)
		answer.Right = &shown
	}

	return answer, nil
}

func (a *api) listFeaturedApps(*http.Request) (any, error) {
	shown := []offledger.Scanned{}
	for _, c := range a.ledger.FeaturedApps(maxListed) {
		shown = append(shown, offledger.Scan(c))
	}

	return struct {
		Apps []offledger.Scanned `json:"featured_apps"`
	}{shown}, nil
}
