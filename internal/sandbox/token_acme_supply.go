package sandbox

import (
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// mintAcme creates holdings out of nothing, through the registry.
func (t *transaction) mintAcme(instrument ident.Instrument, owner ident.Party, values ...amount.Amount) error {
	if err := t.minted(instrument, values...); err != nil {
		return err
	}

	// To be minted for is to receive; nobody sends.
	p := &plan{transfer: transferRecord{Sender: owner, Receiver: owner, Instrument: instrumentOf(instrument)}}

	return t.burnMint(p, nil, values, func(created []*contract) error {
		for _, c := range created {
			if err := t.logMint(t.registryOf(instrument.Admin), owner, c); err != nil {
				return err
			}
		}

		return nil
	})
}

// burnAcme destroys inputs but for what is kept of them.
func (t *transaction) burnAcme(
	instrument ident.Instrument, owner ident.Party, value amount.Amount, inputs []*contract, kept amount.Amount,
) error {
	var outputs []amount.Amount
	if kept.Sign() > 0 {
		outputs = append(outputs, kept)
	}

	p := &plan{transfer: transferRecord{Sender: owner, Receiver: owner, Instrument: instrumentOf(instrument)}}

	return t.burnMint(p, inputs, outputs, func(created []*contract) error {
		return t.logBurn(t.registryOf(instrument.Admin), owner, value, inputs, created)
	})
}

// burnMint is the standard's BurnMintFactory_BurnMint; its result has no metadata.
func (t *transaction) burnMint(
	p *plan, inputs []*contract, values []amount.Amount, log func(created []*contract) error,
) error {
	instrument, owner := p.instrument(), p.receiver()
	context := obj{}

	minting := len(inputs) == 0
	if minting {
		context = t.permissions(p)
	}

	outputs := make([]obj, 0, len(values))
	for _, out := range values {
		outputs = append(outputs, obj{"owner": owner, "amount": out, "context": obj{"values": obj{}}})
	}

	return t.exercise(exercise{
		on: t.s.acme.registries[instrument.Admin], iface: ifaceBurnMint(), choice: "BurnMintFactory_BurnMint",
		acting: union([]ident.Party{instrument.Admin, owner}),
		argument: obj{
			"expectedAdmin": instrument.Admin, "instrumentId": instrumentOf(instrument),
			"inputHoldingCids": ids(inputs), "outputs": outputs, "extraActors": []ident.Party{owner},
			"extraArgs": choiceArgs(context),
		},
	}, func() (any, error) {
		if minting {
			if err := t.permitted(p); err != nil {
				return nil, err
			}
		}

		if err := t.spend(inputs); err != nil {
			return nil, err
		}

		created := make([]*contract, 0, len(values))

		for _, out := range values {
			c, err := t.createAcme(instrument, owner, out, nil, time.Time{})
			if err != nil {
				return nil, err
			}

			created = append(created, c)
		}

		return obj{"outputCids": ids(created)}, log(created)
	})
}
