package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
)

func (t *tool) printCases(list []store.Case) error {
	if len(list) == 0 {
		t.printf("none\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "ID\tSTATE\tWHY\tAMOUNT\tTOKEN\tMEMO\tSENDER\tARRIVED\tWHOSE MEMO\n")

	for _, c := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.DepositID, c.State, orDash(whyCase(c)),
			c.Amount.Short(), plain(c.Instrument.ID), memoOf(c.Memo), senderOf(c), c.RecordTime.UTC().Format(time.RFC3339),
			orDash(whoseMemo(c)))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print deposits: %w", err)
	}

	if len(list) == listed {
		t.printf("only %d are listed; there may be more: say sender=, amount=, since= or update=\n", listed)
	}

	return nil
}

// orDash is a text of ours, or a dash for none.
func orDash(text string) string {
	if text == "" {
		return "-"
	}

	return text
}

// senderOf is who sent a deposit, if the ledger shows it.
func senderOf(c store.Case) string {
	if c.Sender == "" {
		return "-"
	}

	return plain(c.Sender)
}

// memoOf is a memo, always quoted, so that one of a dash is none of these.
func memoOf(text *string) string {
	if text == nil {
		return "-"
	}

	return memo.Shown(*text)
}

func whyCase(c store.Case) string {
	switch {
	case c.State == deposit.Proposed && c.Action == "assign":
		return "assign to " + plain(c.Account) + " by " + plain(c.ProposedBy)
	case c.State == deposit.Proposed:
		return c.Action + " by " + plain(c.ProposedBy)
	case c.State == deposit.Credited:
		return "to " + plain(c.Account)
	default:
		return string(c.Reason)
	}
}

// whoseMemo is whose account the memo names today: it may have been registered since.
func whoseMemo(c store.Case) string {
	switch {
	case c.MemoAccount == "":
		return ""
	case !c.MemoEnabled:
		return plain(c.MemoAccount) + " (disabled)"
	default:
		return plain(c.MemoAccount)
	}
}

func (t *tool) printCase(c store.Case) {
	t.printf("deposit    %s\nstate      %s %s\n", c.DepositID, c.State, whyCase(c))
	t.printf("amount     %s %s\n", c.Amount.Short(), named(c.Instrument))
	t.printf("sender     %s\nmemo       %s\n", senderOf(c), memoOf(c.Memo))
	t.printf("arrived    %s in update %s\n", c.RecordTime.UTC().Format(time.RFC3339Nano), plain(c.Update))

	if whose := whoseMemo(c); whose != "" {
		t.printf("its memo   belongs to %s today\n", whose)
	}

	if c.ReleaseAt != nil {
		t.printf("credited   to %s when record time is past %s and nothing else is in the way\n", plain(c.Account),
			c.ReleaseAt.UTC().Format(time.RFC3339))
	}

	if c.Return != "" {
		t.printf("goes back  as withdrawal %s: treasury withdrawal %s\n", plain(c.Return), shellWord(c.Return))
	}

	if c.Note != "" {
		t.printf("note       %s\n", said(c.Note))
	}
}

// printOpenCases says how much money waits for its time or for a person.
func (t *tool) printOpenCases(open []store.OpenCases, now time.Time) {
	for _, o := range open {
		what := string(o.State)
		if o.Reason != "" {
			what += " " + string(o.Reason)
		}

		t.printf("waiting    %d deposits %s, the oldest for %s\n", o.Count, what, short(now.Sub(o.Oldest)))
	}
}

func (t *tool) printActs(acts []store.Act) error {
	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)

	for _, a := range acts {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.At.UTC().Format(time.RFC3339), plain(a.Actor), a.Action,
			plain(a.Subject), memo.Line(string(a.Detail)))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print audit log: %w", err)
	}

	return nil
}

func (t *tool) printFound(found []store.FoundDeposit) error {
	if len(found) == 0 {
		t.printf("none: no update that ingestion has met tells of such a deposit or offer\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "ID\tSTATE\tWHY\tAMOUNT\tTOKEN\tACCOUNT\tMEMO\tSENDER\tAT\tUPDATE\n")

	for _, d := range found {
		sender := "-"
		if d.Sender != "" {
			sender = plain(d.Sender)
		}

		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.DepositID, d.State, orDash(d.Reason),
			d.Amount.Short(), plain(d.Instrument.ID), dash(d.Account), memoOf(d.Memo), sender,
			d.RecordTime.UTC().Format(time.RFC3339), dash(string(d.Update)))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print deposits: %w", err)
	}

	return nil
}
