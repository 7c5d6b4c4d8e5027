package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

const (
	// catchUp is how long it may take, when the customers have stopped, to pay and store what they did.
	catchUp = 30 * time.Second
	// poll is how often the database is asked how far things are.
	poll = 50 * time.Millisecond
	// shown is how many withdrawals are told one by one.
	shown = 40
)

// finish lets what was begun come to its end, compares everything, and fails if anything differs.
func (e *exhibit) finish(ctx context.Context, stop func() error) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()

	if err := e.confirm(ctx); err != nil {
		return err
	}

	if err := e.until(ctx, "withdrawals did not come to an end or an offer", e.nothingMoves); err != nil {
		return errors.Join(err, e.payments.Ready())
	}

	if err := e.until(ctx, "offers were not accepted", e.nothingArrives); err != nil {
		return errors.Join(err, e.intake.Ready())
	}

	if err := stop(); err != nil {
		return err
	}

	end := e.network.LedgerEnd()
	what := fmt.Sprintf("ingestion did not reach offset %d", end)

	if err := e.until(ctx, what, func(ctx context.Context) (bool, error) {
		cursor, err := e.db.Cursor(ctx, e.treasury)

		return err == nil && cursor.Position.Offset >= end, nil
	}); err != nil {
		return errors.Join(err, e.worker.Ready())
	}

	if err := e.table(ctx); err != nil {
		return err
	}

	if err := e.fates(ctx); err != nil {
		return err
	}

	if err := e.decisions(ctx); err != nil {
		return err
	}

	return e.reconcile(ctx)
}

// nothingArrives reports whether every offer has been decided and answered, and nothing is held.
func (e *exhibit) nothingArrives(ctx context.Context) (bool, error) {
	offers, err := e.db.OpenOffers(ctx, e.treasury)
	if err != nil {
		return false, err
	}

	cases, err := e.db.OpenCases(ctx, e.treasury)
	moves := slices.ContainsFunc(offers, func(o store.OpenOffers) bool {
		return o.Reason == undecided || o.Work == store.Due || o.Work == store.Submitted
	})

	return !moves && !slices.ContainsFunc(cases, func(c store.OpenCases) bool { return c.State == deposit.Held }), err
}

// nothingMoves reports whether every withdrawal has ended or waits for its receiver.
func (e *exhibit) nothingMoves(ctx context.Context) (bool, error) {
	open, err := e.db.OpenWithdrawals(ctx, e.treasury)

	return !slices.ContainsFunc(open, func(o store.OpenWithdrawals) bool { return o.State != withdrawal.Offered }), err
}

func (e *exhibit) until(ctx context.Context, late string, so func(context.Context) (bool, error)) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()

	for {
		if done, err := so(ctx); done || err != nil && ctx.Err() == nil {
			return err
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("%s in %s", late, catchUp)
		case <-ticker.C:
		}
	}
}

// fates tells what became of each withdrawal.
func (e *exhibit) fates(ctx context.Context) error {
	// One more than is shown, to see whether there are more; a transfer of the treasury to itself is none of a customer's.
	list, err := e.db.ListWithdrawals(ctx, e.treasury, store.WithdrawalFilter{Newest: true, Most: 2 * shown})
	if err != nil {
		return err
	}

	merges := len(list)
	list = slices.DeleteFunc(list, func(w store.ListedWithdrawal) bool { return w.Kind == withdrawal.Internal })
	merges -= len(list)

	var b strings.Builder

	title := "what became of the withdrawals:"

	if len(list) > shown {
		list = list[:shown]
		title = fmt.Sprintf("what became of the last %d withdrawals:", shown)
	}

	slices.Reverse(list)

	fmt.Fprintln(&b, title)

	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, w := range list {
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s %s\t%s\n", short(w.ID), whose(w), w.Amount.Short(), e.named(w.Instrument),
			fate(w))
	}

	if err := table.Flush(); err != nil {
		return fmt.Errorf("print withdrawals: %w", err)
	}

	if merges > 0 {
		fmt.Fprintf(&b, "  and the treasury merged small holdings of its own %s\n", times(merges))
	}

	_, _ = fmt.Fprintln(e.Stdout, b.String())

	return nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}

	return fmt.Sprintf("%d times", n)
}

// short is an id as it is shown: those of returns are long.
func short(id string) string {
	const enough = 15
	if len(id) <= enough {
		return id
	}

	return id[:enough] + "…"
}

// whose is the customer who asked for it, or the sender whom it goes back to.
func whose(w store.ListedWithdrawal) string {
	if w.Kind == withdrawal.Return {
		return "(its sender)"
	}

	return w.Account
}

// fate says it in words.
func fate(w store.ListedWithdrawal) string {
	switch w.State {
	case withdrawal.Completed:
		way := "paid directly"
		if w.OfferedBy != "" {
			way = "offered, accepted and so paid"
		}

		return way + in(w)
	case withdrawal.Offered:
		return "offered" + in(w) + "; the receiver has not answered yet"
	case withdrawal.Failed:
		why, _ := withdrawal.Explain(w.Reason)

		if w.Kind == withdrawal.Return {
			return fmt.Sprintf("%s: %s The deposit waits for a person again.", w.State, why.Sentence)
		}

		return fmt.Sprintf("%s: %s The money is back on the account.", w.State, why.Sentence)
	case withdrawal.Requested, withdrawal.Reserved, withdrawal.Submitted:
	}

	return string(w.State)
}

// in is how long the ledger had it after the request.
func in(w store.ListedWithdrawal) string {
	if w.RequestedAt == nil || w.RecordTime == nil {
		return ""
	}

	return fmt.Sprintf(" after %s", w.RecordTime.Sub(*w.RequestedAt).Round(time.Millisecond))
}

func (e *exhibit) named(i ident.Instrument) string {
	if i == e.network.Amulet() {
		return "Canton Coin"
	}

	return memo.Line(i.ID)
}

func (e *exhibit) reconcile(ctx context.Context) error {
	report, err := reconcile.Run(ctx, e.node, e.db, e.treasury, e.party)
	if err != nil {
		return err
	}

	if err := reconcile.Tell(ctx, e.db, e.treasury, report, time.Now()); err != nil {
		return err
	}

	_, _ = fmt.Fprintf(e.Stdout, "reconciled with the node at offset %d: %d holdings, %d open offers, ",
		report.At, report.Holdings, report.Instructions)

	for _, d := range report.Differences {
		_, _ = fmt.Fprintf(e.Stdout, "\nDIFFERENCE %s %s: %s", d.Finding, memo.Shown(d.Subject), memo.Line(d.Detail))
	}

	if !report.Clean() {
		return fmt.Errorf("the database does not agree with the ledger: %d differences", len(report.Differences))
	}

	_, _ = fmt.Fprintln(e.Stdout, "no difference; every account's postings sum to what the treasury holds")

	return nil
}
