package registry

import (
	"encoding/json"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// Ledger is what a registry asks of the network. Its methods are called from many requests at once. Errors wrap
// one of the sentinels of package offledger: ErrUnknown for an admin that runs no registry or a contract that is not
// active, ErrInvalid for arguments that the choice would refuse, ErrConflict for a contract that is being
// reassigned, ErrUnavailable for a registry that is down.
type Ledger interface {
	// Instruments are all tokens of an admin, in any order.
	Instruments(admin ident.Party) ([]Instrument, error)
	// TransferFactory answers for a transfer with these arguments of TransferFactory_Transfer: an object in the
	// ledger API's JSON, unchecked.
	TransferFactory(admin ident.Party, arguments json.RawMessage) (TransferFactory, error)
	// InstructionContext is the context of ChoiceAccept, ChoiceReject or ChoiceWithdraw on a transfer instruction.
	InstructionContext(admin ident.Party, instruction ident.ContractID, choice Choice) (Context, error)
	// AllocationFactory answers for an allocation with these arguments of AllocationFactory_Allocate, unchecked.
	AllocationFactory(admin ident.Party, arguments json.RawMessage) (Factory, error)
	// AllocationContext is the context of ChoiceExecuteTransfer, ChoiceWithdraw or ChoiceCancel on an allocation.
	AllocationContext(admin ident.Party, allocation ident.ContractID, choice Choice) (Context, error)
}

// Choice is a choice on an instruction or an allocation, as the registry's paths name it.
type Choice string

// The choices that have a context. TransferInstruction_Update is the registry's own and has none.
const (
	ChoiceAccept          Choice = "accept"
	ChoiceReject          Choice = "reject"
	ChoiceWithdraw        Choice = "withdraw"
	ChoiceExecuteTransfer Choice = "execute-transfer"
	ChoiceCancel          Choice = "cancel"
)

// Kind is how a transfer will go.
type Kind string

// The kinds of a transfer.
const (
	// KindSelf is to oneself; nobody need agree.
	KindSelf Kind = "self"
	// KindDirect is to a receiver who has agreed beforehand; it completes in one step.
	KindDirect Kind = "direct"
	// KindOffer waits for the receiver.
	KindOffer Kind = "offer"
)

// Instrument is a token as its registry describes it.
type Instrument struct {
	ID     string
	Name   string
	Symbol string
	// Decimals is how many decimals wallets should show and accept, 0 to 10. The ledger stores 10 of any token.
	Decimals int
	// Supply is told if SupplyAsOf is set.
	Supply     amount.Amount
	SupplyAsOf time.Time
	// Pause is nil unless transfers are stopped.
	Pause *Pause
}

// Pause is why a token does not move now.
type Pause struct {
	Reason string
	Until  time.Time // zero: not known
}

// Context is what the exercise of a choice needs beside its own arguments.
type Context struct {
	// Data is the ChoiceContext, the whole {"values": …} object; none counts as the empty one.
	Data json.RawMessage
	// Disclosed are the contracts that Data and the choice refer to, and that the submitter's node may not have.
	Disclosed []offledger.Contract
}

// Factory is the contract to exercise a choice on.
type Factory struct {
	ID      ident.ContractID
	Context Context
}

// TransferFactory is a factory for a transfer that will go as Kind says.
type TransferFactory struct {
	Factory

	Kind Kind
}
