// Package reconcile compares the database with the validator node and with its own books: it is the outside check
// that ingestion is right.
package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// Node is what a reconciliation needs of a validator node.
type Node interface {
	ParticipantID(ctx context.Context) (ident.ParticipantID, error)
	ActiveContracts(ctx context.Context, party ident.Party, at ident.Offset, yield func(ledger.ActiveContract) error) error
}

// Finding is a kind of difference.
type Finding string

// The findings. Any of them means that withdrawals should wait until somebody has looked.
const (
	// MissingInDatabase is a contract that the node has and the database does not.
	MissingInDatabase Finding = "missing_in_database"
	// MissingOnNode is a contract that the database has and the node does not.
	MissingOnNode Finding = "missing_on_node"
	// Different is a contract that both have with different content.
	Different Finding = "different"
	// BooksDoNotClose is a token whose accounts do not sum to zero.
	BooksDoNotClose Finding = "books_do_not_close"
	// BooksDoNotMatch is a token of which the accounts claim more or less than the treasury holds.
	BooksDoNotMatch Finding = "books_do_not_match_holdings"
	// CreditsDiffer is a customer whose credited deposits are not what was posted to the account.
	CreditsDiffer Finding = "credited_deposits_differ_from_postings"
	// BalanceIsWrong is an account whose balance is not the sum of its postings.
	BalanceIsWrong Finding = "balance_is_not_sum_of_postings"
	// UnderWayDiffers is a token whose account of withdrawals is not the sum of the withdrawals that have not ended.
	UnderWayDiffers Finding = "withdrawals_under_way_differ_from_postings"
	// NotBookedOnce is money of a withdrawal that was not set aside, paid or given back exactly once.
	NotBookedOnce Finding = "withdrawal_is_not_booked_once"
	// ReservationIsWrong is a holding that is reserved for nothing, or a payment that may spend another than is reserved.
	ReservationIsWrong Finding = "reservation_is_wrong"
	// NothingPaysIt is a withdrawal that is being paid with no live payment, so that nobody will ever end it.
	NothingPaysIt Finding = "withdrawal_has_no_live_payment"
	// OwnerlessDiffers is a token of which more or less is booked as without an owner than deposits wait for one.
	OwnerlessDiffers Finding = "deposits_without_owner_differ_from_postings"
	// CaseIsWrong is a deposit that was credited after its arrival and is not booked once, or that nobody decides about.
	CaseIsWrong Finding = "deposit_case_is_wrong"
)

// Difference is one thing that does not agree.
type Difference struct {
	Finding Finding
	// Subject is a contract id, an instrument or an account.
	Subject string
	Detail  string
}

// differ makes a difference with a formatted detail.
func differ(f Finding, subject, format string, args ...any) Difference {
	return Difference{Finding: f, Subject: subject, Detail: fmt.Sprintf(format, args...)}
}

// Report is the outcome of a reconciliation.
type Report struct {
	Participant ident.ParticipantID
	// At is the offset that both sides are compared at.
	At           ident.Offset
	UpdateNo     int64
	Holdings     int
	Instructions int
	Totals       []Total
	// Differences are in a fixed order; empty means that everything agrees.
	Differences []Difference
}

// Broken reports whether the difference is about money: how much there is, or whose it is. What is left of work that
// was interrupted is not.
func (r Report) Broken() bool {
	return slices.ContainsFunc(r.Differences, func(d Difference) bool {
		return d.Finding != ReservationIsWrong && d.Finding != NothingPaysIt
	})
}

// Clean reports whether everything agrees.
func (r Report) Clean() bool { return len(r.Differences) == 0 }

// Tell writes the event of a reconciliation, for those who want to know that it was made and what it found.
func Tell(ctx context.Context, db *store.DB, treasury store.TreasuryID, r Report, now time.Time) error {
	return db.TellReconciled(ctx, treasury, store.Reconciled{
		Offset: r.At, Holdings: r.Holdings, Differences: len(r.Differences),
	}, now)
}

// Run compares the treasury at its cursor with the node's active contracts at the same offset, and with its own books.
// An error means that nothing was compared.
func Run(ctx context.Context, node Node, db *store.DB, treasury store.TreasuryID, party ident.Party) (Report, error) {
	audit, err := db.ReadAudit(ctx, treasury)
	if err != nil {
		return Report{}, err
	}

	participant, err := node.ParticipantID(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("ask the node who it is: %w", err)
	}

	if participant != audit.Cursor.Participant {
		return Report{}, fmt.Errorf("the database follows node %s, but this is node %s: their offsets cannot be compared",
			audit.Cursor.Participant, participant)
	}

	at := audit.Cursor.Position.Offset

	active, err := readActive(ctx, node, party, at)
	if err != nil {
		return Report{}, fmt.Errorf("read active contracts at offset %d: %w", at, err)
	}

	report := Report{
		Participant: participant, At: at, UpdateNo: audit.Cursor.Position.No,
		Holdings: len(audit.Holdings), Instructions: len(audit.Instructions),
	}

	totals, differences := checkBooks(audit)
	report.Totals = totals
	report.Differences = slices.Concat(
		compareHoldings(active, audit.Holdings), compareInstructions(active, audit.Instructions), differences,
		checkWithdrawals(audit), checkCases(audit))
	slices.SortFunc(report.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Finding, b.Finding), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Detail, b.Detail))
	})

	return report, nil
}

// active is what the node says is active for the party.
type active struct {
	holdings     map[ident.ContractID]heldOnNode
	instructions map[ident.ContractID]token.Instruction
}

type heldOnNode struct {
	holding      token.Holding
	lockEnds     *time.Time
	synchronizer ident.SynchronizerID
	leaving      bool
}

func readActive(ctx context.Context, node Node, party ident.Party, at ident.Offset) (active, error) {
	a := active{holdings: map[ident.ContractID]heldOnNode{}, instructions: map[ident.ContractID]token.Instruction{}}

	err := node.ActiveContracts(ctx, party, at, func(c ledger.ActiveContract) error {
		// The parser's own reading of a contract, as of a transaction that creates it and nothing else.
		u := update.Update{Kind: update.Transaction, ID: "active", Events: []update.Event{{Node: 0, Created: c.Created}}}

		effects, err := txhistory.Parse(party, u, nothingKnown{}, txhistory.Options{QuarantineFailedViews: true})
		if err != nil {
			return fmt.Errorf("contract %s: %w", c.Created.Contract, err)
		}

		for _, created := range effects.Created {
			h := heldOnNode{
				holding: created.Holding, synchronizer: c.Synchronizer, leaving: c.InFlight == ledger.Leaving,
			}
			if created.Holding.Lock != nil {
				h.lockEnds = created.Holding.Lock.Ends(created.CreatedAt)
			}

			a.holdings[created.Contract] = h
		}

		for _, opened := range effects.Opened {
			a.instructions[opened.Contract] = opened.Instruction
		}

		return nil
	})

	return a, err
}

type nothingKnown struct{}

func (nothingKnown) Holding(ident.ContractID) (token.Holding, bool) { return token.Holding{}, false }

func (nothingKnown) Instruction(ident.ContractID) (token.Instruction, bool) {
	return token.Instruction{}, false
}

func compareHoldings(a active, held []store.HeldContract) []Difference {
	var out []Difference

	seen := make(map[ident.ContractID]bool, len(held))

	for _, h := range held {
		seen[h.Contract] = true

		onNode, ok := a.holdings[h.Contract]
		if !ok {
			out = append(out, differ(MissingOnNode, string(h.Contract),
				"holding of %s %q is not active on the node", h.Amount, h.Instrument))

			continue
		}

		n, locked := onNode.holding, onNode.holding.Lock != nil

		same := n.Instrument == h.Instrument && n.Amount.Equal(h.Amount) && locked == h.Locked &&
			sameTime(onNode.lockEnds, h.LockEnds) && onNode.synchronizer == h.Synchronizer && onNode.leaving == h.InFlight
		if !same {
			out = append(out, differ(Different, string(h.Contract),
				"database: %s %q %s on %s in flight=%t; node: %s %q %s on %s in flight=%t",
				h.Amount, h.Instrument, lockText(h.Locked, h.LockEnds), h.Synchronizer, h.InFlight,
				n.Amount, n.Instrument, lockText(locked, onNode.lockEnds), onNode.synchronizer, onNode.leaving))
		}
	}

	for id, n := range a.holdings {
		if !seen[id] {
			out = append(out, differ(MissingInDatabase, string(id),
				"holding of %s %q is active on the node", n.holding.Amount, n.holding.Instrument))
		}
	}

	return out
}

func compareInstructions(a active, open []store.OpenContract) []Difference {
	var out []Difference

	seen := make(map[ident.ContractID]bool, len(open))

	for _, o := range open {
		seen[o.Contract] = true

		onNode, ok := a.instructions[o.Contract]
		if !ok {
			out = append(out, differ(MissingOnNode, string(o.Contract),
				"instruction over %s %q is not active on the node", o.Amount, o.Instrument))

			continue
		}

		n := onNode.Transfer

		same := n.Instrument == o.Instrument && n.Amount.Equal(o.Amount) && n.Sender == o.Sender &&
			n.Receiver == o.Receiver && n.ExecuteBefore.Equal(o.ExecuteBefore) &&
			sameMemo(n.Meta.Memo(), o.Memo) && onNode.AwaitsReceiver == o.AwaitsReceiver
		if !same {
			out = append(out, differ(Different, string(o.Contract),
				"database: %s %q from %s to %s until %s memo %s awaits receiver=%t; "+
					"node: %s %q from %s to %s until %s memo %s awaits receiver=%t",
				o.Amount, o.Instrument, o.Sender, o.Receiver, timeText(o.ExecuteBefore), memoText(o.Memo), o.AwaitsReceiver,
				n.Amount, n.Instrument, n.Sender, n.Receiver, timeText(n.ExecuteBefore), memoText(n.Meta.Memo()),
				onNode.AwaitsReceiver))
		}
	}

	for id, n := range a.instructions {
		if !seen[id] {
			out = append(out, differ(MissingInDatabase, string(id),
				"instruction over %s %q is active on the node", n.Transfer.Amount, n.Transfer.Instrument))
		}
	}

	return out
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}

	return a.Equal(*b)
}

// sameMemo compares the ledger's memo with what the database keeps of it.
func sameMemo(onNode, kept *string) bool {
	if onNode == nil || kept == nil {
		return onNode == kept
	}

	return memo.Stored(*onNode) == *kept
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func lockText(locked bool, ends *time.Time) string {
	switch {
	case !locked:
		return "free"
	case ends == nil:
		return "locked"
	default:
		return "locked until " + timeText(*ends)
	}
}

func memoText(text *string) string {
	if text == nil {
		return "none"
	}

	return memo.Shown(*text)
}
