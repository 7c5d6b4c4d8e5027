package token

import (
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Holding is a contract seen through the Holding interface, V1 or V2.
type Holding struct {
	Owner      ident.Party
	Instrument ident.Instrument
	// Amount is positive or, for a broken registry, zero; never negative.
	Amount amount.Amount
	// Lock is nil for a holding that is free to spend.
	Lock *Lock
	Meta Metadata
}

// Lock is why a holding cannot be spent.
type Lock struct {
	Holders []ident.Party
	// ExpiresAt is when the lock ends at the latest (inclusive); nil if it does not end by time.
	ExpiresAt *time.Time
	// ExpiresAfter is the lock's life from the creation of the holding; nil if it has none. The earlier of both counts.
	ExpiresAfter *time.Duration
	// Context is text for people, written by strangers.
	Context string
}

// Ends is when the lock of a holding that was created at this time ends by itself; nil if it does not.
func (l Lock) Ends(created time.Time) *time.Time {
	ends := l.ExpiresAt

	if l.ExpiresAfter != nil {
		if after := created.Add(*l.ExpiresAfter); ends == nil || after.Before(*ends) {
			ends = &after
		}
	}

	return ends
}

// Metadata is the standard's annotations: a stranger's text under keys that look like DNS names.
type Metadata map[string]string

// Transfer is the standard's transfer record, the same in the factory's argument and in every instruction of its chain.
type Transfer struct {
	Sender        ident.Party
	Receiver      ident.Party
	Instrument    ident.Instrument
	Amount        amount.Amount
	RequestedAt   time.Time
	ExecuteBefore time.Time
	Inputs        []ident.ContractID
	Meta          Metadata
}

// Instruction is a contract seen through the TransferInstruction interface: an offer, or a later step of one.
type Instruction struct {
	// Original is the first contract of the chain; empty if this is the first.
	Original ident.ContractID
	Transfer Transfer
	// AwaitsReceiver is true while the receiver may accept or reject; false while the registry works on it.
	AwaitsReceiver bool
	Meta           Metadata
}

// Correlation is the contract that names the whole chain.
func (i Instruction) Correlation(own ident.ContractID) ident.ContractID {
	if i.Original != "" {
		return i.Original
	}

	return own
}
