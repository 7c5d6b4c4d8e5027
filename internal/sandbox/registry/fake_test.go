package registry_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger/offledgertest"
)

const (
	dso     ident.Party = "DSO::1220aa"
	acme    ident.Party = "acme::1220bb"
	nobody  ident.Party = "nobody::1220cc"
	known               = "00c0"
	gone                = "00dead"
	context             = `{"values":{"round":{"tag":"AV_ContractId","value":"00c1"}}}`
)

// fake is a network whose answers say what was asked.
type fake struct {
	mu        sync.Mutex
	err       error
	tokens    map[ident.Party][]registry.Instrument
	arguments json.RawMessage
	choices   []string
}

func newFake() *fake {
	asOf := time.Date(2026, 8, 22, 10, 0, 0, 123456789, time.FixedZone("east", 3600))

	return &fake{tokens: map[ident.Party][]registry.Instrument{
		dso: {{
			ID: "Amulet", Name: "Canton Coin", Symbol: "CC", Decimals: 10, Supply: amount.FromInt(7), SupplyAsOf: asOf,
		}},
		acme: {
			{ID: "z/100%25 ünd", Name: "Z", Symbol: "Z"},
			{ID: "50%41", Name: "Half", Symbol: "H"},
			{ID: "AcmeToken", Name: "Acme", Symbol: "ACME", Decimals: 6},
		},
	}}
}

func (f *fake) serve(t testing.TB) *offledgertest.Server {
	t.Helper()

	return offledgertest.Serve(t, func(r chi.Router) { registry.Mount(r, f, dso, offledgertest.Authorize) })
}

func (f *fake) Instruments(admin ident.Party) ([]registry.Instrument, error) {
	if f.err != nil {
		return nil, f.err
	}

	list, ok := f.tokens[admin]
	if !ok {
		return nil, fmt.Errorf("admin %s: %w", admin, offledger.ErrUnknown)
	}

	return list, nil
}

func (f *fake) context(admin ident.Party) registry.Context {
	return registry.Context{Data: json.RawMessage(context), Disclosed: []offledger.Contract{{
		TemplateID:  ident.Name{Package: "abcd", Module: "Splice.Round", Entity: "OpenMiningRound"},
		PackageName: "splice-amulet", ContractID: "00c1", Payload: json.RawMessage(`{"dso":"` + string(admin) + `"}`),
		Blob: []byte{0xff, 0x00, 0xfe}, SynchronizerID: "global::1220dd",
		CreatedAt: time.Date(2026, 8, 22, 10, 0, 0, 0, time.UTC),
	}}}
}

func (f *fake) asked(admin ident.Party, arguments json.RawMessage) (registry.Factory, error) {
	f.mu.Lock()
	defer f.mu.Unlock()

	if _, err := f.Instruments(admin); err != nil {
		return registry.Factory{}, err
	}

	f.arguments = arguments

	return registry.Factory{ID: "00fa", Context: f.context(admin)}, nil
}

func (f *fake) TransferFactory(admin ident.Party, arguments json.RawMessage) (registry.TransferFactory, error) {
	factory, err := f.asked(admin, arguments)

	return registry.TransferFactory{Factory: factory, Kind: registry.KindOffer}, err
}

func (f *fake) AllocationFactory(admin ident.Party, arguments json.RawMessage) (registry.Factory, error) {
	return f.asked(admin, arguments)
}

func (f *fake) onContract(
	what string, admin ident.Party, id ident.ContractID, choice registry.Choice,
) (registry.Context, error) {
	f.mu.Lock()
	defer f.mu.Unlock()

	if _, err := f.Instruments(admin); err != nil {
		return registry.Context{}, err
	}

	if id != known {
		return registry.Context{}, fmt.Errorf("contract %s: %w", id, offledger.ErrUnknown)
	}

	f.choices = append(f.choices, what+" "+string(choice))

	return f.context(admin), nil
}

func (f *fake) InstructionContext(
	admin ident.Party, id ident.ContractID, choice registry.Choice,
) (registry.Context, error) {
	return f.onContract("instruction", admin, id, choice)
}

func (f *fake) AllocationContext(
	admin ident.Party, id ident.ContractID, choice registry.Choice,
) (registry.Context, error) {
	return f.onContract("allocation", admin, id, choice)
}
