package txhistory

import (
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/update"
)

// DerivationVersion changes whenever the same update can give other effects than before. The database
// carries the version that it was derived with; an older one is rebuilt from the stored updates.
const DerivationVersion = 1

// Known is what was known about the party's contracts before an update.
type Known interface {
	// Holding is an active holding of the party.
	Holding(id ident.ContractID) (token.Holding, bool)
	// Instruction is an open transfer instruction that the party sends or receives.
	Instruction(id ident.ContractID) (token.Instruction, bool)
}

// Effects is everything that one transaction changed for one party.
type Effects struct {
	// Created and Archived are the party's holdings, by node; a holding that lived only inside the transaction
	// is in both.
	Created  []HoldingCreated
	Archived []HoldingArchived
	// Opened and Closed are the transfer instructions that the party sends or receives.
	Opened []InstructionOpened
	Closed []InstructionClosed
	// Transfers between the party and others or itself, completed or not.
	Transfers []Transfer
	// Movements explain every change of the party's total, per instrument: they sum to what Created and
	// Archived sum to.
	Movements []Movement
	// Unrecognized is what somebody should look at.
	Unrecognized []Unrecognized
}

// IsEmpty reports whether the transaction meant nothing to the party.
func (e Effects) IsEmpty() bool {
	return len(e.Created) == 0 && len(e.Archived) == 0 && len(e.Opened) == 0 && len(e.Closed) == 0 &&
		len(e.Transfers) == 0 && len(e.Movements) == 0 && len(e.Unrecognized) == 0
}

// HoldingCreated is a UTXO of the party that came into being.
type HoldingCreated struct {
	Node        ident.NodeID
	Contract    ident.ContractID
	Holding     token.Holding
	Template    ident.Name
	PackageName string
	CreatedAt   time.Time
}

// HoldingArchived is a UTXO of the party that was spent, locked anew or expired.
type HoldingArchived struct {
	Node     ident.NodeID
	Contract ident.ContractID
	// Holding is what it was worth, from Known or from earlier in the same transaction.
	Holding token.Holding
	Choice  string
}

// InstructionOpened is a transfer instruction contract that came into being: a new offer, or the next contract of one.
type InstructionOpened struct {
	Node        ident.NodeID
	Contract    ident.ContractID
	Instruction token.Instruction
}

// InstructionClosed is a transfer instruction contract that was consumed.
type InstructionClosed struct {
	Node        ident.NodeID
	Contract    ident.ContractID
	Instruction token.Instruction
	Choice      string
	// Status is what became of the transfer; Pending if the instruction goes on as Next.
	Status Status
	// Next is the contract that continues the chain; empty when the chain has ended.
	Next ident.ContractID
}

// Direction is a transfer as the party sees it.
type Direction string

// The directions. Their text is what the database stores.
const (
	In   Direction = "in"
	Out  Direction = "out"
	Self Direction = "self"
)

// Status is how far a transfer has come. All but Pending are final.
type Status string

// The statuses. Their text is what the database stores.
const (
	// Pending waits for the receiver, or for the registry's internal workflow.
	Pending Status = "pending"
	// Completed has moved the money.
	Completed Status = "completed"
	// Rejected was refused by the receiver.
	Rejected Status = "rejected"
	// Withdrawn was taken back by the sender.
	Withdrawn Status = "withdrawn"
	// Expired was closed by the registry after its deadline had passed.
	Expired Status = "expired"
	// Failed was closed by the registry for another reason.
	Failed Status = "failed"
)

// Evidence says what in the transaction told us about a transfer.
type Evidence string

// The kinds of evidence, strongest first.
const (
	// ByFactory is a TransferFactory_Transfer exercise: its argument and result.
	ByFactory Evidence = "factory"
	// ByInstruction is the instruction's own transfer record, and the result of the choice that consumed it.
	ByInstruction Evidence = "instruction"
	// ByEventLog is a leg of a token-standard V2 holdings-change event.
	ByEventLog Evidence = "event_log"
	// ByResultMeta is the tx-kind in the metadata of an exercise's result.
	ByResultMeta Evidence = "result_meta"
	// BySettlement is an executed allocation (delivery versus payment).
	BySettlement Evidence = "settlement"
)

// Transfer is one transfer found in a transaction. (update id, Node, Leg) identifies it for ever.
type Transfer struct {
	Node ident.NodeID
	// Leg counts the transfers found at one node, from 0.
	Leg       int
	Direction Direction
	Status    Status
	Evidence  Evidence
	// Sender is empty where the ledger does not show it to us.
	Sender     ident.Party
	Receiver   ident.Party
	Instrument ident.Instrument
	// Amount is what the transfer is about; always positive. For a completed one-step deposit it is the net
	// change of the party's holdings.
	Amount amount.Amount
	// Memo is the reason text as it stands on the ledger, and nil where there is none: a stranger's text.
	Memo *string
	// Reference is the id of the withdrawal that the sender wrote beside the memo (token.KeyWithdrawal), and nil where
	// there is none. It is read from the transfer's own record where this very transaction shows it: from a factory's
	// argument, and from an instruction that is created. A later step of a chain has none.
	Reference *string
	// Correlation is the first instruction contract of the chain; empty for one-step transfers.
	Correlation ident.ContractID
	// Instruction is the contract that this step consumed; empty for one-step transfers and for new offers.
	Instruction ident.ContractID
	// Next is the instruction contract that the transfer now waits on; empty unless Pending.
	Next ident.ContractID
	// RequestedAt and ExecuteBefore are the transfer's own times; nil for one-step transfers seen by metadata.
	RequestedAt   *time.Time
	ExecuteBefore *time.Time
}

// MovementKind says why the party's total changed.
type MovementKind string

// The kinds of movement. Their text is what the database stores.
const (
	// MoveTransfer belongs to a transfer: money in, or money out.
	MoveTransfer MovementKind = "transfer"
	// MoveFee is what was burned on the way; history before fee removal (CIP-0078) has it.
	MoveFee MovementKind = "fee"
	// MoveMint is new money: a tap, a mint, rewards.
	MoveMint MovementKind = "mint"
	// MoveBurn is money destroyed on purpose.
	MoveBurn MovementKind = "burn"
	// MoveExpireDust is a holding that the registry expired because its holding fees had eaten it.
	MoveExpireDust MovementKind = "expire_dust"
	// MoveMergeSplit is a change inside merges, splits, locks and unlocks; not zero only where fees are hidden in it.
	MoveMergeSplit MovementKind = "merge_split"
	// MoveOpening is what the party held when its history began; Parse never gives it.
	MoveOpening MovementKind = "opening"
	// MoveUnrecognized is a change that nothing in the transaction explains.
	MoveUnrecognized MovementKind = "unrecognized"
)

// Movement is one explained change of the party's total of one instrument.
type Movement struct {
	Node       ident.NodeID
	Kind       MovementKind
	Instrument ident.Instrument
	// Change is positive for money that came in; never zero.
	Change amount.Amount
	// Transfer is the index in Effects.Transfers that the movement belongs to, or -1.
	Transfer int
}

// Problem says what was not understood.
type Problem string

// The problems. Their text is what the database stores.
const (
	// ProblemChoice is a change of holdings under a choice that nothing explains.
	ProblemChoice Problem = "unrecognized_choice"
	// ProblemBareCreate is a holding that appeared without any exercise around it.
	ProblemBareCreate Problem = "bare_create"
	// ProblemBareArchive is a holding that vanished without any exercise around it.
	ProblemBareArchive Problem = "bare_archive"
	// ProblemUnknownHolding is the archive of a holding that should be ours and that we do not know.
	ProblemUnknownHolding Problem = "unknown_holding"
	// ProblemUnknownInstruction is the end of an instruction that should be ours and that we do not know.
	ProblemUnknownInstruction Problem = "unknown_instruction"
	// ProblemAmount is a transfer whose amount differs from what the holdings say.
	ProblemAmount Problem = "amount_mismatch"
	// ProblemView is a contract whose interface view the node could not compute or that does not decode.
	ProblemView Problem = "unreadable_view"
	// ProblemEventLog is a holdings-change event that does not fit the holdings, or that names a foreign admin.
	ProblemEventLog Problem = "event_log_mismatch"
	// ProblemInstruction is an instruction that changed in a way the standard does not allow.
	ProblemInstruction Problem = "instruction_mismatch"
)

// Unrecognized is something in a transaction that a person should see.
type Unrecognized struct {
	Node    ident.NodeID
	Problem Problem
	// Detail is for people; what it quotes of a stranger's text is bounded and escaped.
	Detail string
}

// Transaction is what Parse reads: an update of kind Transaction.
type Transaction = update.Update
