package registry

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// Where registries live. Every admin's is found the way Digital Asset's utility registry is; Canton Coin's is on
// scan, behind the validator's scan-proxy and, since clients differ in what they take for scan's root, at the root.
const (
	prefixRegistrars = "/api/token-standard/v0/registrars/{admin}/registry"
	prefixRoot       = "/registry"
	prefixScan       = "/api/scan/registry"
	prefixScanProxy  = "/api/validator/v0/scan-proxy/registry"
)

// Mount serves every registry of the network at every place where a client may look for it. Registries are open to
// all; authorize stands before the scan-proxy, which belongs to the validator.
func Mount(r chi.Router, l Ledger, dso ident.Party, authorize func(http.Handler) http.Handler) {
	r.Route(prefixRegistrars, (&api{ledger: l, admin: func(r *http.Request) (ident.Party, error) {
		return offledger.PathParty(r, "admin")
	}}).routes)
	r.Route(prefixRoot, Routes(l, dso))
	r.Route(prefixScan, Routes(l, dso))
	r.With(authorize).Route(prefixScanProxy, Routes(l, dso))
}

// Routes serves one admin's registry. The paths are those of the standard after /registry.
func Routes(l Ledger, admin ident.Party) func(chi.Router) {
	return (&api{ledger: l, admin: func(*http.Request) (ident.Party, error) { return admin, nil }}).routes
}

// api is a registry of the admin whom the request addresses.
type api struct {
	ledger Ledger
	admin  func(r *http.Request) (ident.Party, error)
}

func (a *api) routes(r chi.Router) {
	r.Get("/metadata/v1/info", offledger.Handler(a.getInfo))
	r.Get("/metadata/v1/instruments", offledger.Handler(a.listInstruments))
	r.Get("/metadata/v1/instruments/{instrument}", offledger.Handler(a.getInstrument))

	r.Post("/transfer-instruction/v1/transfer-factory", offledger.Handler(a.postTransferFactory))

	for _, choice := range []Choice{ChoiceAccept, ChoiceReject, ChoiceWithdraw} {
		r.Post("/transfer-instruction/v1/{contract}/choice-contexts/"+string(choice),
			a.postContext(a.ledger.InstructionContext, choice))
	}

	r.Post("/allocation-instruction/v1/allocation-factory", offledger.Handler(a.postAllocationFactory))

	for _, choice := range []Choice{ChoiceExecuteTransfer, ChoiceWithdraw, ChoiceCancel} {
		r.Post("/allocations/v1/{contract}/choice-contexts/"+string(choice),
			a.postContext(a.ledger.AllocationContext, choice))
	}
}

// contextShown is the standard's ChoiceContext.
type contextShown struct {
	Data      json.RawMessage       `json:"choiceContextData"`
	Disclosed []offledger.Disclosed `json:"disclosedContracts"`
}

func show(c Context, excludeDebug bool) contextShown {
	return contextShown{
		Data:      offledger.Object(c.Data, `{"values":{}}`),
		Disclosed: offledger.Disclose(c.Disclosed, excludeDebug),
	}
}

// factoryRequest is the standard's GetFactoryRequest.
type factoryRequest struct {
	Arguments    json.RawMessage `json:"choiceArguments"`
	ExcludeDebug bool            `json:"excludeDebugFields"`
}

func (a *api) factoryRequest(r *http.Request) (admin ident.Party, body factoryRequest, err error) {
	if admin, err = a.admin(r); err != nil {
		return admin, body, err
	}

	if err := offledger.Decode(r, &body); err != nil {
		return admin, body, err
	}

	if len(body.Arguments) == 0 || body.Arguments[0] != '{' {
		return admin, body, fmt.Errorf("%w: choiceArguments must be an object", offledger.ErrInvalid)
	}

	return admin, body, nil
}

func (a *api) postTransferFactory(r *http.Request) (any, error) {
	admin, body, err := a.factoryRequest(r)
	if err != nil {
		return nil, err
	}

	factory, err := a.ledger.TransferFactory(admin, body.Arguments)
	if err != nil {
		return nil, fmt.Errorf("transfer factory: %w", err)
	}

	return struct {
		ID      ident.ContractID `json:"factoryId"`
		Kind    Kind             `json:"transferKind"`
		Context contextShown     `json:"choiceContext"`
	}{factory.ID, factory.Kind, show(factory.Context, body.ExcludeDebug)}, nil
}

func (a *api) postAllocationFactory(r *http.Request) (any, error) {
	admin, body, err := a.factoryRequest(r)
	if err != nil {
		return nil, err
	}

	factory, err := a.ledger.AllocationFactory(admin, body.Arguments)
	if err != nil {
		return nil, fmt.Errorf("allocation factory: %w", err)
	}

	return struct {
		ID      ident.ContractID `json:"factoryId"`
		Context contextShown     `json:"choiceContext"`
	}{factory.ID, show(factory.Context, body.ExcludeDebug)}, nil
}

// postContext answers the context of one choice. The metadata that a client may send along is checked for its shape
// and otherwise without effect: no registry of the sandbox has a context that depends on it.
func (a *api) postContext(
	find func(ident.Party, ident.ContractID, Choice) (Context, error), choice Choice,
) http.HandlerFunc {
	return offledger.Handler(func(r *http.Request) (any, error) {
		admin, err := a.admin(r)
		if err != nil {
			return nil, err
		}

		contract, err := offledger.PathContract(r, "contract")
		if err != nil {
			return nil, err
		}

		var body struct {
			Meta         map[string]string `json:"meta"`
			ExcludeDebug bool              `json:"excludeDebugFields"`
		}

		if err := offledger.Decode(r, &body); err != nil {
			return nil, err
		}

		found, err := find(admin, contract, choice)
		if err != nil {
			return nil, fmt.Errorf("context to %s %s: %w", choice, contract, err)
		}

		return show(found, body.ExcludeDebug), nil
	})
}
