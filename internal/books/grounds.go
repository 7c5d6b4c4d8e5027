// Package books decides whose money it is: from what a transaction did to the treasury's holdings, and from what
// the exchange knows about memos, tokens and withdrawals, it makes deposits, the ends of withdrawals, double-entry
// postings and events. It is pure: values in, values out.
package books

import (
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// Account is the customer account that a memo belongs to.
type Account struct {
	Name    string
	Enabled bool
	// Since is when it was given the memo, by our clock.
	Since time.Time
}

// Listing is how the exchange deals in a token.
type Listing struct {
	Listed         bool
	MinimumDeposit amount.Amount
	// Screens says that a screening service has the last word on a deposit, Delays that it is credited after a time.
	Screens, Delays bool
	// ConfirmFrom is the amount from which one person alone may not decide whose money it is; nil for never.
	ConfirmFrom *amount.Amount
}

// Offer is a deposit that was offered earlier, whatever became of it since.
type Offer struct {
	DepositID uuid.UUID
	Open      bool
	// At is when it was offered, by the ledger's time; set while it is open.
	At time.Time
}

// Withdrawal is one that a transfer in history may belong to.
type Withdrawal struct {
	ID     string
	Kind   withdrawal.Kind
	Origin Origin
	State  withdrawal.State
	// Account is the customer's, whose money it is; empty unless a customer's withdrawal was requested.
	Account    string
	Instrument ident.Instrument
	Amount     amount.Amount
	Receiver   ident.Party
	// Correlation is the chain of its offer; empty before it was offered.
	Correlation ident.ContractID
	// Funds is the kind of account that the money was taken from, and to which it goes back; empty for a customer's.
	Funds AccountKind
}

// Grounds is what decisions rest on, as it is before an update. Record moves it forward, so that the next update
// of a batch sees what this one decided.
type Grounds struct {
	// Treasury is the party whose books these are.
	Treasury ident.Party
	// Accounts by memo key.
	Accounts map[string]Account
	// Listings of the tokens met; a token that is not in it is not listed.
	Listings map[ident.Instrument]Listing
	// Blocked are senders whose deposits are not credited without a person.
	Blocked map[ident.Party]bool
	// Offers by correlation.
	Offers map[ident.ContractID]Offer
	// Withdrawals by id.
	Withdrawals map[string]Withdrawal
	// Chains gives the withdrawal id of a correlation.
	Chains map[ident.ContractID]string
	// Decided holds the attributions that were recorded before; a rebuild keeps them, because memos may have
	// been registered or disabled since. Nil in normal operation.
	Decided map[uuid.UUID]Attribution
}

// NewGrounds returns grounds that know nothing yet.
func NewGrounds(treasury ident.Party) *Grounds {
	return &Grounds{
		Treasury: treasury, Accounts: map[string]Account{}, Listings: map[ident.Instrument]Listing{},
		Blocked: map[ident.Party]bool{}, Offers: map[ident.ContractID]Offer{}, Withdrawals: map[string]Withdrawal{},
		Chains: map[ident.ContractID]string{},
	}
}

// Questions is what the grounds must answer before an update can be recorded.
type Questions struct {
	MemoKeys    []string
	Instruments []ident.Instrument
	DepositIDs  []uuid.UUID
	// Senders of transfers in.
	Senders []ident.Party
	// DepositChains are the correlations of transfers in, WithdrawalChains those of the others.
	DepositChains, WithdrawalChains []ident.ContractID
	WithdrawalIDs                   []string
}

// Ask adds what Record will want to know about these effects.
func (q *Questions) Ask(treasury ident.Party, id ident.UpdateID, e txhistory.Effects) {
	for _, c := range e.Created {
		q.Instruments = append(q.Instruments, c.Holding.Instrument)
	}

	for _, o := range e.Opened {
		q.Instruments = append(q.Instruments, o.Instruction.Transfer.Instrument)
	}

	for _, m := range e.Movements {
		q.Instruments = append(q.Instruments, m.Instrument)
	}

	for at, t := range e.Transfers {
		q.Instruments = append(q.Instruments, t.Instrument)

		switch t.Direction {
		case txhistory.In:
			q.DepositChains = appendSet(q.DepositChains, t.Correlation)
			q.MemoKeys = appendSet(q.MemoKeys, memoKey(t.Memo))
			q.Senders = appendSet(q.Senders, t.Sender)
			q.DepositIDs = append(q.DepositIDs, depositID(treasury, id, at, t))

			t.Correlation = "" // under this id it is kept apart if its chain has ended before
			q.DepositIDs = append(q.DepositIDs, depositID(treasury, id, at, t))
		case txhistory.Out:
			q.WithdrawalChains = appendSet(q.WithdrawalChains, t.Correlation)
			q.WithdrawalIDs = append(appendSet(q.WithdrawalIDs, candidateID(t)), recoveredID(id, at))
		case txhistory.Self:
			q.WithdrawalChains = appendSet(q.WithdrawalChains, t.Correlation)
			q.WithdrawalIDs = appendSet(q.WithdrawalIDs, candidateID(t))
		}
	}
}

// appendSet appends a text that is not empty.
func appendSet[T ~string](list []T, text T) []T {
	if text == "" {
		return list
	}

	return append(list, text)
}

func memoKey(text *string) string {
	if text == nil {
		return ""
	}

	return memo.Key(*text)
}

// Update is where in the treasury's history something happened.
type Update struct {
	// No counts the treasury's updates, gapless.
	No         int64
	ID         ident.UpdateID
	RecordTime time.Time
}
