package sandbox

import (
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// TransferState is how far a transfer has come.
type TransferState string

// States of a transfer.
const (
	TransferCompleted TransferState = "completed"
	TransferOffered   TransferState = "offered"
	TransferPending   TransferState = "pending" // accepted, waiting for its registry
	TransferRejected  TransferState = "rejected"
	TransferWithdrawn TransferState = "withdrawn"
	TransferExpired   TransferState = "expired"
	TransferFailed    TransferState = "failed"
)

// Transfer is the truth about one transfer that a wallet made, for tests to compare with.
type Transfer struct {
	Sender     ident.Party   `json:"sender"`
	Receiver   ident.Party   `json:"receiver"`
	Instrument InstrumentID  `json:"instrument"`
	Amount     amount.Amount `json:"amount"`
	// Memo is the reason in the transfer's metadata; nil when there is none.
	Memo *string `json:"memo"`
	// Meta is the rest of the transfer's metadata; nil when there is none.
	Meta     map[string]string `json:"meta,omitempty"`
	UpdateID ident.UpdateID    `json:"updateId"` // that made it
	Offset   ident.Offset      `json:"offset"`
	// Instruction is the offer's first contract; empty for a one-step transfer.
	Instruction ident.ContractID `json:"instruction,omitempty"`
	State       TransferState    `json:"state"`
	// EndedBy is the update that completed or ended an offer.
	EndedBy       ident.UpdateID `json:"endedBy,omitempty"`
	ExecuteBefore time.Time      `json:"executeBefore"`

	last offsets // of the last update that changed it
}

// books is the oracle's memory: it is kept apart from the ledger so that tests can compare the two.
type books struct {
	transfers []*Transfer
	trimmed   offsets // up to which each node was pruned when transfers were last forgotten
	minted    map[ident.Instrument]amount.Amount
	burned    map[ident.Instrument]amount.Amount
}

func newBooks() books {
	return books{minted: map[ident.Instrument]amount.Amount{}, burned: map[ident.Instrument]amount.Amount{}}
}

// Supply is what was minted and burned of an instrument so far; fees count as burned. Look-alikes made by
// RawBareHolding count under the instrument they claim to be only in ActiveContracts, never here.
func (s *Sandbox) Supply(instrument ident.Instrument) (minted, burned amount.Amount) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.books.minted[instrument], s.books.burned[instrument]
}

// Total is what a party owns of an instrument, locked holdings included and look-alikes left out.
func (s *Sandbox) Total(party ident.Party, instrument ident.Instrument) (amount.Amount, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	state, err := s.party(party)
	if err != nil {
		return amount.Zero(), err
	}

	total := amount.Zero()

	for c := range state.holdings.all() {
		if h := holdingOf(c); h.instrument == instrument {
			if total, err = total.Add(h.amount); err != nil {
				return amount.Zero(), err
			}
		}
	}

	return total, nil
}

// Visible is an update that a party sees something of.
type Visible struct {
	UpdateID   ident.UpdateID `json:"updateId"`
	Offset     ident.Offset   `json:"offset"`
	RecordTime time.Time      `json:"recordTime"`
}

// Updates lists every unpruned transaction and reassignment of which party sees at least one event.
func (s *Sandbox) Updates(party ident.Party) []Visible {
	s.mu.Lock()
	defer s.mu.Unlock()

	visible := []Visible{}

	for _, u := range s.first().history {
		seen := u.moved != nil && slices.Contains(u.moved.stakeholders(), party)
		for _, n := range u.nodes {
			seen = seen || (n.kind != nodeFetch && slices.Contains(n.witnesses, party))
		}

		if seen {
			visible = append(visible, Visible{UpdateID: u.id, Offset: u.offsets[0], RecordTime: u.recordTime})
		}
	}

	return visible
}

// Transfers lists every transfer that was made, in order, with its present state. Ended ones that every node has pruned
// are forgotten when Config.AutoPrune or the bound of the books demands it, not before.
func (s *Sandbox) Transfers() []Transfer {
	s.mu.Lock()
	defer s.mu.Unlock()

	list := make([]Transfer, 0, len(s.books.transfers))
	for _, t := range s.books.transfers {
		list = append(list, *t)
	}

	return list
}

// minted enters into the books, once the transaction is committed, what it mints. All that was ever minted must fit
// into one amount: then every sum of holdings does.
func (t *transaction) minted(instrument ident.Instrument, values ...amount.Amount) error {
	sum, supply := amount.Zero(), t.s.books.minted[instrument]

	for _, value := range values {
		var err error
		if sum, err = sum.Add(value); err == nil {
			supply, err = supply.Add(value)
		}

		if err != nil {
			return fmt.Errorf("%w: mint %s on top of %s %s: %w", ErrInvalid, value.Short(), supply.Short(), instrument, err)
		}
	}

	t.onCommit = append(t.onCommit, func(*update) { count(t.s.books.minted, instrument, sum) })

	return nil
}

// count adds to a tally of the books. It cannot overflow: what is minted is checked before, and no more can be burned.
// Taps in flight are checked against the same supply, but no 256 of them come near what an amount holds.
func count(tally map[ident.Instrument]amount.Amount, instrument ident.Instrument, value amount.Amount) {
	if sum, err := tally[instrument].Add(value); err == nil {
		tally[instrument] = sum
	}
}
