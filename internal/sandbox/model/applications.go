package model

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
)

// declareAcme is the registry software behind AcmeToken. AcmePermission is the credential that lets a holder take part
// while the admin keeps a list.
func (b *builder) declareAcme() {
	m := module{b.own(pkgAcme, versionStandard), modAcme}
	burnMint := module{Package{ID: hashBurnMintV1}, modBurnMintV1}.id("BurnMintFactory")

	b.template(m, m.record("AcmeRegistry", field("admin", daml.Party())), b.factoryInterfaces(burnMint))
	b.template(m, m.record(
		"AcmeHolding", field("admin", daml.Party()), field("id", daml.Text()), field("owner", daml.Party()),
		field("amount", daml.Numeric()), field("lock", daml.Optional(b.holding.lock)),
	), b.holdingInterfaces())
	b.template(m, m.record(
		"AcmeTransferInstruction", field("original", daml.Optional(daml.ContractID())),
		field("transfer", b.transfer.transfer), field("lockedHolding", daml.ContractID()),
		field("status", b.transfer.status),
	), []ident.Name{b.transfer.instruction})
	b.template(m, m.record(
		"AcmeAllocation", field("lockedHolding", daml.ContractID()), field("allocation", b.allocation.specification),
	), []ident.Name{b.allocation.iface})
	b.template(m, m.record("AcmePermission", field("admin", daml.Party()), field("holder", daml.Party())), nil)
}

// declareBare is a contract that calls itself a holding without any registry behind it.
func (b *builder) declareBare() {
	m := module{b.own(pkgBare, versionStandard), modBare}

	b.template(m, m.record(
		"BareHolding", field("issuer", daml.Party()), field("owner", daml.Party()), field("amount", daml.Numeric()),
	), b.holdingInterfaces())
}

// declareSettlement is the application that asks traders to allocate for a settlement.
func (b *builder) declareSettlement() {
	m := module{b.own(pkgSettlement, versionStandard), modSettlement}

	b.template(m, m.record(
		"SettlementRequest", field("executor", daml.Party()), field("settlement", b.allocation.settlement),
		field("transferLegs", daml.TextMap(b.allocation.leg)), field("traders", daml.List(daml.Party())),
	), []ident.Name{b.allocation.request},
		m.consuming("SettlementRequest_Settle", m.record("SettlementRequest_SettleResult"),
			field("allocations", daml.TextMap(m.record(
				"SettlementLeg", field("allocationCid", daml.ContractID()), b.extraArgs(),
			)))))
}

// declarePing is the template that every Canton node has, which the wallet SDK tries a new party with.
func (b *builder) declarePing() {
	m := module{b.own(pkgPing, versionStandard), modPing}

	b.template(m, m.record(
		"Ping", field("id", daml.Text()), field("initiator", daml.Party()), field("responder", daml.Party()),
	), nil, m.consuming("Respond", daml.Unit()))
}
