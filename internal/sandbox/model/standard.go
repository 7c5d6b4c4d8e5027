package model

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
)

// metadataTypes are the records of MetadataV1, which every other package of the standard uses.
type metadataTypes struct {
	metadata      *daml.Type
	choiceContext *daml.Type
	extraArgs     *daml.Type
	executed      *daml.Type // ChoiceExecutionMetadata
}

func (b *builder) declareMetadataV1() {
	m := module{b.published(pkgMetadataV1, hashMetadataV1), modMetadataV1}

	anyValue := daml.Recursive(func(self *daml.Type) *daml.Type {
		return m.variant(
			"AnyValue", field("AV_Text", daml.Text()), field("AV_Int", daml.Int64()), field("AV_Decimal", daml.Numeric()),
			field("AV_Bool", daml.Bool()), field("AV_Date", daml.Date()), field("AV_Time", daml.Timestamp()),
			field("AV_RelTime", b.stdlib.relTime), field("AV_Party", daml.Party()),
			field("AV_ContractId", daml.ContractID()), field("AV_List", daml.List(self)),
			field("AV_Map", daml.TextMap(self)),
		)
	})

	metadata := m.record("Metadata", field("values", daml.TextMap(daml.Text())))
	context := m.record("ChoiceContext", field("values", daml.TextMap(anyValue)))

	b.metadata = metadataTypes{
		metadata: metadata, choiceContext: context,
		extraArgs: m.record("ExtraArgs", field("context", context), field("meta", metadata)),
		executed:  m.record("ChoiceExecutionMetadata", field("meta", metadata)),
	}

	// AnyContract types contract ids only: no template implements it, and its view has nothing to say.
	b.iface(m, "AnyContract", m.record("AnyContractView"))
}

// meta and extraArgs are the fields that most records of the standard end with.
func (b *builder) meta() daml.Field { return field("meta", b.metadata.metadata) }

func (b *builder) extraArgs() daml.Field { return field("extraArgs", b.metadata.extraArgs) }

// factoryView is the view of every factory.
func (b *builder) factoryView(m module, entity string) *daml.Type {
	return m.record(entity, field("admin", daml.Party()), b.meta())
}

// publicFetch is the choice by which anybody may read a factory's view.
func (b *builder) publicFetch(m module, name string, view *daml.Type) Choice {
	return m.nonconsuming(name, view, field("expectedAdmin", daml.Party()), field("actor", daml.Party()))
}

type holdingTypes struct {
	iface      ident.Name
	instrument *daml.Type
	lock       *daml.Type
}

func (b *builder) declareHoldingV1() {
	m := module{b.published(pkgHoldingV1, hashHoldingV1), modHoldingV1}

	b.holding = holdingTypes{
		iface:      m.id("Holding"),
		instrument: m.record("InstrumentId", field("admin", daml.Party()), field("id", daml.Text())),
		lock: m.record(
			"Lock", field("holders", daml.List(daml.Party())), field("expiresAt", daml.Optional(daml.Timestamp())),
			field("expiresAfter", daml.Optional(b.stdlib.relTime)), field("context", daml.Optional(daml.Text())),
		),
	}

	b.iface(m, "Holding", m.record(
		"HoldingView", field("owner", daml.Party()), field("instrumentId", b.holding.instrument),
		field("amount", daml.Numeric()), field("lock", daml.Optional(b.holding.lock)), b.meta(),
	))
}

type transferTypes struct {
	factory     ident.Name
	instruction ident.Name
	transfer    *daml.Type
	status      *daml.Type
}

func (b *builder) declareTransferV1() {
	m := module{b.published(pkgTransferV1, hashTransferV1), modTransferV1}
	transfer := m.record(
		"Transfer", field("sender", daml.Party()), field("receiver", daml.Party()), field("amount", daml.Numeric()),
		field("instrumentId", b.holding.instrument), field("requestedAt", daml.Timestamp()),
		field("executeBefore", daml.Timestamp()), field("inputHoldingCids", contracts()), b.meta(),
	)
	status := m.variant(
		"TransferInstructionStatus", field("TransferPendingReceiverAcceptance", daml.Unit()),
		field("TransferPendingInternalWorkflow", m.record(
			"TransferInstructionStatus.TransferPendingInternalWorkflow", b.pendingActions(),
		)),
	)
	output := m.variant(
		"TransferInstructionResult_Output",
		field("TransferInstructionResult_Pending", m.record(
			"TransferInstructionResult_Output.TransferInstructionResult_Pending",
			field("transferInstructionCid", daml.ContractID()),
		)),
		field("TransferInstructionResult_Completed", m.record(
			"TransferInstructionResult_Output.TransferInstructionResult_Completed",
			field("receiverHoldingCids", contracts()),
		)),
		field("TransferInstructionResult_Failed", daml.Unit()),
	)
	result := m.record(
		"TransferInstructionResult", field("output", output), field("senderChangeCids", contracts()), b.meta(),
	)
	factoryView := b.factoryView(m, "TransferFactoryView")

	b.iface(
		m, "TransferFactory", factoryView,
		m.nonconsuming("TransferFactory_Transfer", result,
			field("expectedAdmin", daml.Party()), field("transfer", transfer), b.extraArgs()),
		b.publicFetch(m, "TransferFactory_PublicFetch", factoryView),
	)
	b.iface(
		m, "TransferInstruction",
		m.record("TransferInstructionView", field("originalInstructionCid", daml.Optional(daml.ContractID())),
			field("transfer", transfer), field("status", status), b.meta()),
		m.consuming("TransferInstruction_Accept", result, b.extraArgs()),
		m.consuming("TransferInstruction_Reject", result, b.extraArgs()),
		m.consuming("TransferInstruction_Withdraw", result, b.extraArgs()),
		m.consuming("TransferInstruction_Update", result, b.extraActors(), b.extraArgs()),
	)

	b.transfer = transferTypes{
		factory: m.id("TransferFactory"), instruction: m.id("TransferInstruction"), transfer: transfer, status: status,
	}
}

// pendingActions says which parties must do what before an instruction moves on.
func (b *builder) pendingActions() daml.Field {
	return field("pendingActions", daml.GenMap(daml.Party(), daml.Text()))
}

func (b *builder) extraActors() daml.Field { return field("extraActors", daml.List(daml.Party())) }

func (b *builder) declareBurnMintV1() {
	m := module{b.published(pkgBurnMintV1, hashBurnMintV1), modBurnMintV1}
	view := b.factoryView(m, "BurnMintFactoryView")
	output := m.record(
		"BurnMintOutput", field("owner", daml.Party()), field("amount", daml.Numeric()),
		field("context", b.metadata.choiceContext),
	)

	b.iface(
		m, "BurnMintFactory", view,
		m.nonconsuming("BurnMintFactory_BurnMint",
			m.record("BurnMintFactory_BurnMintResult", field("outputCids", contracts())),
			field("expectedAdmin", daml.Party()), field("instrumentId", b.holding.instrument),
			field("inputHoldingCids", contracts()), field("outputs", daml.List(output)), b.extraActors(), b.extraArgs()),
		b.publicFetch(m, "BurnMintFactory_PublicFetch", view),
	)
}

// declareStandardV2 has what the sandbox's tokens use of version 2: views of holdings and the event log. That the views
// use version 1's InstrumentId and Lock is a guess.
func (b *builder) declareStandardV2() {
	holding := module{b.published(pkgHoldingV2, hashHoldingV2), modHoldingV2}
	account := holding.record(
		"Account", field("owner", daml.Optional(daml.Party())), field("provider", daml.Optional(daml.Party())),
		field("id", daml.Text()),
	)

	b.iface(holding, "Holding", holding.record(
		"HoldingView", field("account", account), field("instrumentId", b.holding.instrument),
		field("amount", daml.Numeric()), field("lock", daml.Optional(b.holding.lock)), b.meta(),
	))

	events := module{b.published(pkgEventsV2, hashEventsV2), modEventsV2}
	leg := events.record(
		"TransferLegSide", field("transferLegId", daml.Text()),
		field("side", events.enum("TransferSide", "SenderSide", "ReceiverSide")), field("otherside", account),
		field("amount", daml.Numeric()), field("instrumentId", daml.Text()), b.meta(),
	)

	b.iface(
		events, "EventLog", b.factoryView(events, "EventLogView"),
		events.nonconsuming("EventLog_HoldingsChange", events.record("EventLog_HoldingsChangeResult"),
			field("admin", daml.Party()), field("account", account), field("inputHoldingCids", contracts()),
			field("transferLegSides", daml.List(leg)), field("outputHoldingCids", contracts()),
			field("observers", daml.List(daml.Party())), b.extraArgs()),
	)
}
