package token

import "github.com/canton-exchange/suite/internal/ident"

// The interfaces of the token standard, under the package names that requests use; answers carry package
// hashes instead, so compare with Name.Is, which leaves the package out. String is the form for filters,
// "#package-name:Module:Entity".
//
// Origin: CIP-0056 (V1) and CIP-0112 (V2), packages splice-api-token-* of the Splice project. BurnMint is
// shipped beside the standard.
//
//nolint:gochecknoglobals // constants in all but the language's sense
var (
	HoldingV1 = ident.Name{
		Package: "#splice-api-token-holding-v1", Module: "Splice.Api.Token.HoldingV1", Entity: "Holding",
	}
	HoldingV2 = ident.Name{
		Package: "#splice-api-token-holding-v2", Module: "Splice.Api.Token.HoldingV2", Entity: "Holding",
	}
	TransferFactoryV1 = ident.Name{
		Package: "#splice-api-token-transfer-instruction-v1", Module: moduleTransferV1, Entity: "TransferFactory",
	}
	TransferFactoryV2 = ident.Name{
		Package: "#splice-api-token-transfer-instruction-v2", Module: moduleTransferV2, Entity: "TransferFactory",
	}
	TransferInstructionV1 = ident.Name{
		Package: "#splice-api-token-transfer-instruction-v1", Module: moduleTransferV1, Entity: "TransferInstruction",
	}
	TransferInstructionV2 = ident.Name{
		Package: "#splice-api-token-transfer-instruction-v2", Module: moduleTransferV2, Entity: "TransferInstruction",
	}
	AllocationV1 = ident.Name{
		Package: "#splice-api-token-allocation-v1", Module: "Splice.Api.Token.AllocationV1", Entity: "Allocation",
	}
	AllocationV2 = ident.Name{
		Package: "#splice-api-token-allocation-v2", Module: "Splice.Api.Token.AllocationV2", Entity: "Allocation",
	}
	AllocationFactoryV1 = ident.Name{
		Package: "#splice-api-token-allocation-instruction-v1", Module: moduleAllocationInstructionV1,
		Entity: "AllocationFactory",
	}
	AllocationFactoryV2 = ident.Name{
		Package: "#splice-api-token-allocation-instruction-v2", Module: moduleAllocationInstructionV2,
		Entity: "AllocationFactory",
	}
	AllocationInstructionV1 = ident.Name{
		Package: "#splice-api-token-allocation-instruction-v1", Module: moduleAllocationInstructionV1,
		Entity: "AllocationInstruction",
	}
	AllocationInstructionV2 = ident.Name{
		Package: "#splice-api-token-allocation-instruction-v2", Module: moduleAllocationInstructionV2,
		Entity: "AllocationInstruction",
	}
	BurnMintFactoryV1 = ident.Name{
		Package: "#splice-api-token-burn-mint-v1", Module: "Splice.Api.Token.BurnMintV1", Entity: "BurnMintFactory",
	}
	EventLogV2 = ident.Name{
		Package: "#splice-api-token-transfer-events-v2", Module: "Splice.Api.Token.TransferEventsV2", Entity: "EventLog",
	}
)

const (
	moduleTransferV1              = "Splice.Api.Token.TransferInstructionV1"
	moduleTransferV2              = "Splice.Api.Token.TransferInstructionV2"
	moduleAllocationInstructionV1 = "Splice.Api.Token.AllocationInstructionV1"
	moduleAllocationInstructionV2 = "Splice.Api.Token.AllocationInstructionV2"
)

// IsHolding reports whether an interface is Holding, of either version.
func IsHolding(n ident.Name) bool { return n.Is(HoldingV1) || n.Is(HoldingV2) }

// IsTransferFactory reports whether an interface is TransferFactory, of either version.
func IsTransferFactory(n ident.Name) bool { return n.Is(TransferFactoryV1) || n.Is(TransferFactoryV2) }

// IsTransferInstruction reports whether an interface is TransferInstruction, of either version.
func IsTransferInstruction(n ident.Name) bool {
	return n.Is(TransferInstructionV1) || n.Is(TransferInstructionV2)
}

// The choices of those interfaces. V1 and V2 use the same names; in V2 the choices on instructions do not
// consume the contract themselves, and Update is gone.
const (
	ChoiceTransfer       = "TransferFactory_Transfer"
	ChoiceAccept         = "TransferInstruction_Accept"
	ChoiceReject         = "TransferInstruction_Reject"
	ChoiceWithdraw       = "TransferInstruction_Withdraw"
	ChoiceUpdate         = "TransferInstruction_Update"
	ChoiceExecute        = "Allocation_ExecuteTransfer"
	ChoiceBurnMint       = "BurnMintFactory_BurnMint"
	ChoiceHoldingsChange = "EventLog_HoldingsChange"
	// ChoiceArchive is the choice that every template has.
	ChoiceArchive = "Archive"
)

// The metadata keys of CIP-0056. Everything under them is text that somebody else wrote.
const (
	// KeyReason is the text for people: the memo.
	KeyReason = "splice.lfdecentralizedtrust.org/reason"
	// KeyTxKind says what an exercise did to holdings; trust it in the metadata of an exercise's result alone.
	KeyTxKind = "splice.lfdecentralizedtrust.org/tx-kind"
	// KeySender is the party that sent; trust it in the metadata of an exercise's result alone.
	KeySender = "splice.lfdecentralizedtrust.org/sender"
	// KeyBurned is what was burned. A sender can set it to anything where nothing was burned: never account with it.
	KeyBurned = "splice.lfdecentralizedtrust.org/burned"
)

// TxKind is a value of KeyTxKind. There may be others: they explain nothing.
type TxKind string

// The kinds that the Splice project defines (TokenApiUtils.daml).
const (
	KindTransfer   TxKind = "transfer"
	KindMergeSplit TxKind = "merge-split"
	KindBurn       TxKind = "burn"
	KindMint       TxKind = "mint"
	KindUnlock     TxKind = "unlock"
	KindExpireDust TxKind = "expire-dust"
)

// The ids of V2 accounts that belong to nobody: the other side of a mint and of a burn (CIP-0112).
const (
	AccountMint = "cip-112/mint"
	AccountBurn = "cip-112/burn"
)

// The tags of a TransferInstructionResult's output, and of a V1 instruction's status.
const (
	tagCompleted     = "TransferInstructionResult_Completed"
	tagPending       = "TransferInstructionResult_Pending"
	tagFailed        = "TransferInstructionResult_Failed"
	tagAwaitReceiver = "TransferPendingReceiverAcceptance"
	tagAwaitInternal = "TransferPendingInternalWorkflow"
	tagActionAccept  = "TIA_Accept"
	tagSenderSide    = "SenderSide"
	tagReceiverSide  = "ReceiverSide"
)
