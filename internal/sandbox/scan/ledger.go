package scan

import (
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// Contract is an active contract as scan shows it.
type Contract = offledger.Contract

// Ledger is what scan and the validator ask of the network. Its methods are called from many requests at once.
// Errors wrap one of the sentinels of package offledger.
type Ledger interface {
	// Network is who is who.
	Network() Network
	// Rules are the contracts by which the DSO governs.
	Rules() Rules
	// Rounds are the mining rounds of now.
	Rounds() Rounds

	// Preapproval is the receiver's live TransferPreapproval, the one that ends last if there are several.
	Preapproval(receiver ident.Party) (Contract, bool)
	// Preapprovals are live ones that this validator provides, at most so many.
	Preapprovals(limit int) []Contract
	// CancelPreapproval ends all that the receiver has; ErrUnknown if there is none.
	CancelPreapproval(receiver ident.Party) error

	// FeaturedApp is the provider's FeaturedAppRight.
	FeaturedApp(provider ident.Party) (Contract, bool)
	// FeaturedApps are all of them, at most so many.
	FeaturedApps(limit int) []Contract

	// Holdings sums up the Canton Coin of some owners, who are different, at a record time or, if told to look
	// before, at the last moment up to it that the ledger knows. ErrUnknown if it knows none.
	Holdings(owners []ident.Party, at time.Time, before bool) (Holdings, error)
	// Traffic is what a validator node may still send on a synchronizer; ErrUnknown if either does not exist.
	Traffic(synchronizer ident.SynchronizerID, member ident.ParticipantID) (Traffic, error)
}

// Network is who is who.
type Network struct {
	DSO ident.Party
	// SV is the one super validator.
	SV ident.Party
	// Validator is the operator's party on this validator node, and User its user there.
	Validator ident.Party
	User      string
	// Synchronizer is the one that governs Canton Coin.
	Synchronizer ident.SynchronizerID
	// MigrationID counts hard migrations; history is kept apart by it.
	MigrationID int64
}

// Rules are the DSO's own contracts. A contract whose id is empty is not there.
type Rules struct {
	// Amulet is AmuletRules. Clients read payload.isDevNet and payload.configSchedule of it:
	// initialValue.decentralizedSynchronizer.activeSynchronizer, and futureValues, which must be an array.
	Amulet Contract
	// ExternalParty is ExternalPartyAmuletRules.
	ExternalParty Contract
	// DSO is DsoRules; a stand-in without content will do.
	DSO Contract
	// NodeStates are the SvNodeStates.
	NodeStates []Contract
}

// Rounds are mining rounds. The payload of an open one has opensAt and targetClosesAt, by which clients find the
// active one with their own clock; the last of Open is the newest, and there is at least one.
type Rounds struct {
	Open    []Contract
	Issuing []Contract
	// Earliest is the number of the first of Open.
	Earliest int64
	// Fresh is how long clients may keep the answer.
	Fresh time.Duration
}

// Holdings is what owners had at a record time.
type Holdings struct {
	RecordTime time.Time
	Owners     []OwnerHoldings
}

// OwnerHoldings is what one owner had.
type OwnerHoldings struct {
	Owner    ident.Party
	Unlocked amount.Amount
	Locked   amount.Amount
}

// Traffic is in bytes.
type Traffic struct {
	Consumed  int64
	Limit     int64
	Purchased int64
}
