package model

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
)

type allocationTypes struct {
	iface         ident.Name
	factory       ident.Name
	request       ident.Name
	settlement    *daml.Type // SettlementInfo
	leg           *daml.Type // TransferLeg
	specification *daml.Type // AllocationSpecification
}

func (b *builder) declareAllocationV1() {
	m := module{b.published(pkgAllocV1, hashAllocV1), modAllocV1}
	reference := m.record("Reference", field("id", daml.Text()), field("cid", daml.Optional(daml.ContractID())))
	settlement := m.record(
		"SettlementInfo", field("executor", daml.Party()), field("settlementRef", reference),
		field("requestedAt", daml.Timestamp()), field("allocateBefore", daml.Timestamp()),
		field("settleBefore", daml.Timestamp()), b.meta(),
	)
	leg := m.record(
		"TransferLeg", field("sender", daml.Party()), field("receiver", daml.Party()), field("amount", daml.Numeric()),
		field("instrumentId", b.holding.instrument), b.meta(),
	)
	specification := m.record(
		"AllocationSpecification", field("settlement", settlement), field("transferLegId", daml.Text()),
		field("transferLeg", leg),
	)

	b.iface(
		m, "Allocation",
		m.record("AllocationView", field("allocation", specification), field("holdingCids", contracts()), b.meta()),
		m.consuming("Allocation_ExecuteTransfer",
			m.record("Allocation_ExecuteTransferResult", field("senderHoldingCids", contracts()),
				field("receiverHoldingCids", contracts()), b.meta()),
			b.extraArgs()),
		m.consuming("Allocation_Cancel",
			m.record("Allocation_CancelResult", field("senderHoldingCids", contracts()), b.meta()), b.extraArgs()),
		m.consuming("Allocation_Withdraw",
			m.record("Allocation_WithdrawResult", field("senderHoldingCids", contracts()), b.meta()), b.extraArgs()),
	)

	b.allocation = allocationTypes{
		iface: m.id("Allocation"), settlement: settlement, leg: leg, specification: specification,
	}
}

func (b *builder) declareAllocationInstructionV1() {
	m := module{b.published(pkgAllocInsV1, hashAllocInsV1), modAllocInsV1}
	output := m.variant(
		"AllocationInstructionResult_Output",
		field("AllocationInstructionResult_Pending", m.record(
			"AllocationInstructionResult_Output.AllocationInstructionResult_Pending",
			field("allocationInstructionCid", daml.ContractID()),
		)),
		field("AllocationInstructionResult_Completed", m.record(
			"AllocationInstructionResult_Output.AllocationInstructionResult_Completed",
			field("allocationCid", daml.ContractID()),
		)),
		field("AllocationInstructionResult_Failed", daml.Unit()),
	)
	result := m.record(
		"AllocationInstructionResult", field("output", output), field("senderChangeCids", contracts()), b.meta(),
	)
	factoryView := b.factoryView(m, "AllocationFactoryView")

	b.iface(
		m, "AllocationFactory", factoryView,
		m.nonconsuming("AllocationFactory_Allocate", result,
			field("expectedAdmin", daml.Party()), field("allocation", b.allocation.specification),
			field("requestedAt", daml.Timestamp()), field("inputHoldingCids", contracts()), b.extraArgs()),
		b.publicFetch(m, "AllocationFactory_PublicFetch", factoryView),
	)
	b.iface(
		m, "AllocationInstruction",
		m.record("AllocationInstructionView", field("originalInstructionCid", daml.Optional(daml.ContractID())),
			field("allocation", b.allocation.specification), b.pendingActions(), field("requestedAt", daml.Timestamp()),
			field("inputHoldingCids", contracts()), b.meta()),
		m.consuming("AllocationInstruction_Withdraw", result, b.extraArgs()),
		m.consuming("AllocationInstruction_Update", result, b.extraActors(), b.extraArgs()),
	)

	b.allocation.factory = m.id("AllocationFactory")
}

// declareAllocationRequestV1: that both choices archive the request is a guess, the default of Daml.
func (b *builder) declareAllocationRequestV1() {
	m := module{b.published(pkgAllocReqV1, hashAllocReqV1), modAllocReqV1}

	b.iface(
		m, "AllocationRequest",
		m.record("AllocationRequestView", field("settlement", b.allocation.settlement),
			field("transferLegs", daml.TextMap(b.allocation.leg)), b.meta()),
		m.consuming("AllocationRequest_Reject", b.metadata.executed, field("actor", daml.Party()), b.extraArgs()),
		m.consuming("AllocationRequest_Withdraw", b.metadata.executed, b.extraArgs()),
	)

	b.allocation.request = m.id("AllocationRequest")
}
