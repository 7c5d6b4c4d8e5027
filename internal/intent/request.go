package intent

import (
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
)

// Request is what was asked of the node that prepared a transaction.
type Request struct {
	// Party is who signs. The transaction acts as this party and no other.
	Party     ident.Party
	CommandID string
	// Synchronizer may be the logical id or a physical one: what names its protocol version is not compared.
	Synchronizer ident.SynchronizerID
	// MaxRecordTime is the last record time at which the transaction may commit; zero if none was asked for. It is
	// compared under every hashing scheme. Under V2 the hash does not cover it, so that the executing node can still
	// change it (signing.Prepared.NotHashed).
	MaxRecordTime time.Time
	// Now is our own clock's time. The preparation time may differ from it by Tolerance at most.
	Now       time.Time
	Tolerance time.Duration
	Action    Action
}

// Action is what the transaction is to do: Transfer, Answer, PreapprovalProposal, UtilityPreapproval or
// PreapprovalCancel, by value.
type Action interface {
	// registry is the party that runs the token, whose contracts we may act on.
	registry() ident.Party
	check(c *checker)
}

// Kind is how a transfer reaches its receiver, as a registry tells before it is prepared (transferKind).
type Kind string

// Kinds of a transfer.
const (
	// Direct pays in one step a receiver who has agreed beforehand.
	Direct Kind = "direct"
	// Self is a transfer to oneself: it merges the inputs and splits off the amount.
	Self Kind = "self"
	// Offer locks the amount until the receiver accepts or rejects, or the sender withdraws.
	Offer Kind = "offer"
)

// Transfer is TransferFactory_Transfer of token standard V1, sent by the party.
type Transfer struct {
	// Transfer is the transfer as asked for. Its inputs are the chosen holdings, in the order in which they were
	// given; all of them must be spent. Its metadata hold the memo (token.KeyReason) and nothing that is not wanted.
	Transfer token.Transfer
	// Total is what the inputs are worth together by our own books.
	Total   amount.Amount
	Factory ident.ContractID
	Kind    Kind
	// DirectOnly refuses a transfer whose kind is Offer.
	DirectOnly bool
	// MaxFee is how much may be burned, or locked above the amount, at most. It is zero for all tokens of today;
	// Canton Coin took fees until CIP-0078.
	MaxFee amount.Amount
	// Meta is the metadata of the choice, not of the transfer.
	Meta token.Metadata
}

// Answer is a choice of token standard V1 on a transfer instruction: the receiver accepts or rejects, or the sender
// withdraws. It gives nothing of the party's away.
type Answer struct {
	Choice      Choice
	Instruction ident.ContractID
	// Transfer is what the instruction's view shows, its rewritten inputs included.
	Transfer token.Transfer
	// MaxFee is how much of the sender's money may be burned when we accept. What is rejected or withdrawn comes back
	// whole.
	MaxFee amount.Amount
	Meta   token.Metadata
}

// Choice is an answer to an offer.
type Choice string

// Answers to an offer: the choices of TransferInstruction.
const (
	Accept   Choice = token.ChoiceAccept
	Reject   Choice = token.ChoiceReject
	Withdraw Choice = token.ChoiceWithdraw
)

// PreapprovalProposal asks a provider to preapprove transfers of Canton Coin to the party.
type PreapprovalProposal struct {
	Provider ident.Party
	DSO      ident.Party
}

// UtilityPreapproval agrees to transfers of an admin's tokens of the Utility registry to the party.
type UtilityPreapproval struct {
	Operator ident.Party
	Admin    ident.Party
	// Instruments are the ids that are agreed to, in order; none means all of the admin's.
	Instruments []string
}

// PreapprovalCancel ends the party's preapproval of Canton Coin. It gives nothing away: transfers become offers.
type PreapprovalCancel struct {
	Preapproval ident.ContractID
	DSO         ident.Party
}

func (t Transfer) registry() ident.Party            { return t.Transfer.Instrument.Admin }
func (a Answer) registry() ident.Party              { return a.Transfer.Instrument.Admin }
func (p PreapprovalProposal) registry() ident.Party { return p.DSO }
func (p UtilityPreapproval) registry() ident.Party  { return p.Admin }
func (p PreapprovalCancel) registry() ident.Party   { return p.DSO }
