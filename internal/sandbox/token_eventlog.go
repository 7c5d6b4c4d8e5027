package sandbox

import (
	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Special accounts and leg ids of token standard V2 (CIP-0112, Amulet implementation).
const (
	accountMint = "cip-112/mint"
	accountBurn = "cip-112/burn"
	legTransfer = "leg0"
	legMint     = "mint"
	legBurn     = "burn"
	sideSender  = "SenderSide"
	sideReceive = "ReceiverSide"
)

// legSide is the standard's TransferLegSide.
type legSide struct {
	Leg        string        `json:"transferLegId"`
	Side       string        `json:"side"`
	Other      account       `json:"otherside"`
	Amount     amount.Amount `json:"amount"`
	Instrument string        `json:"instrumentId"`
	Meta       metadata      `json:"meta"`
}

// logHoldings states for one account everything that changed (EventLog_HoldingsChange). It does nothing unless
// V2 events are switched on. The owner is told through the choice's observers.
func (t *transaction) logHoldings(
	registry *contract, owner ident.Party, inputs, outputs []*contract, legs []legSide,
) error {
	if !t.s.cfg.EventsV2 {
		return nil
	}

	if legs == nil {
		legs = []legSide{}
	}

	admin := registry.signatories[0]

	return t.exercise(exercise{
		on: registry, iface: ifaceEventLog(), choice: "EventLog_HoldingsChange", acting: []ident.Party{admin},
		observers: []ident.Party{owner},
		argument: obj{
			"admin": admin, "account": accountOf(owner), "inputHoldingCids": ids(inputs),
			"transferLegSides": legs, "outputHoldingCids": ids(outputs), "observers": []ident.Party{},
			"extraArgs": choiceArgs(nil),
		},
	}, func() (any, error) { return obj{}, nil })
}

// logChange reports holdings that changed form but not hands: locks, unlocks.
func (t *transaction) logChange(registry *contract, owner ident.Party, inputs, outputs []*contract) error {
	return t.logHoldings(registry, owner, inputs, outputs, nil)
}

// logTransfer reports a transfer to both sides; a transfer to oneself is one event with both sides.
func (t *transaction) logTransfer(p *plan, received, change []*contract) error {
	registry := t.registryOf(p.transfer.Instrument.Admin)
	leg := func(side string, other ident.Party) legSide {
		return legSide{
			Leg: legTransfer, Side: side, Other: accountOf(other), Amount: p.transfer.Amount,
			Instrument: p.transfer.Instrument.ID, Meta: p.transfer.Meta,
		}
	}

	if p.sender() == p.receiver() {
		both := []legSide{leg(sideSender, p.receiver()), leg(sideReceive, p.sender())}

		return t.logHoldings(registry, p.sender(), p.inputs, append(received, change...), both)
	}

	err := t.logHoldings(registry, p.sender(), p.inputs, change, []legSide{leg(sideSender, p.receiver())})
	if err != nil {
		return err
	}

	return t.logHoldings(registry, p.receiver(), nil, received, []legSide{leg(sideReceive, p.sender())})
}

func (t *transaction) logMint(registry *contract, owner ident.Party, minted *contract) error {
	h := holdingOf(minted)

	return t.logHoldings(registry, owner, nil, []*contract{minted}, []legSide{{
		Leg: legMint, Side: sideReceive, Other: account{ID: accountMint}, Amount: h.amount,
		Instrument: h.instrument.ID, Meta: meta(),
	}})
}

func (t *transaction) logBurn(
	registry *contract, owner ident.Party, value amount.Amount, inputs, change []*contract,
) error {
	return t.logHoldings(registry, owner, inputs, change, []legSide{{
		Leg: legBurn, Side: sideSender, Other: account{ID: accountBurn}, Amount: value,
		Instrument: holdingOf(inputs[0]).instrument.ID, Meta: meta(),
	}})
}

// registryOf is the contract on which an admin's choices are exercised.
func (t *transaction) registryOf(admin ident.Party) *contract {
	if admin == t.s.amulet.dso {
		return t.s.amulet.externalRules
	}

	return t.s.acme.registries[admin]
}
