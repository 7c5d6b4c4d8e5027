package main

import (
	"context"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func status(ctx context.Context, t *tool, _ []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	s, err := t.db.Status(ctx, treasury)
	if err != nil {
		return err
	}

	open, err := t.db.OpenWithdrawals(ctx, treasury)
	if err != nil {
		return err
	}

	freezes, err := t.db.Freezes(ctx, treasury)
	if err != nil {
		return err
	}

	cases, err := t.db.OpenCases(ctx, treasury)
	if err != nil {
		return err
	}

	now := time.Now()
	t.printStatus(s, now)
	t.printOpen(open, now)
	t.printOpenCases(cases, now)
	t.printFreezes(freezes)

	return nil
}

// printOpen says how many withdrawals have not ended, and since when the oldest of them is under way.
func (t *tool) printOpen(open []store.OpenWithdrawals, now time.Time) {
	for _, o := range open {
		what := string(o.State)
		if o.Waiting != "" {
			what += " " + string(o.Waiting)
		}

		if o.Kind == withdrawal.Internal {
			what += ", of the treasury to itself"
		}

		t.printf("withdraws  %d %s, the oldest for %s\n", o.Count, what, short(now.Sub(o.Oldest)))
	}
}

func (t *tool) printFreezes(freezes []store.Freeze) {
	for _, f := range freezes {
		what, lift := "all withdrawals", "treasury unfreeze"
		if f.Instrument != (ident.Instrument{}) {
			what = "withdrawals of " + named(f.Instrument)
			lift += " " + shellWord(string(f.Instrument.Admin)) + " " + shellWord(f.Instrument.ID)
		}

		t.printf("FROZEN     %s since %s: %s: %s\n           nothing new is signed; when somebody has looked: %s\n",
			what, f.At.UTC().Format(time.RFC3339), f.Reason, said(f.Detail), lift)
	}
}

func (t *tool) printStatus(s store.Status, now time.Time) {
	t.printf("treasury   %s\nnode       %s\n", t.party, plain(s.Cursor.Participant))
	t.printf("ingested   up to offset %d, %d updates, last %s\n",
		s.Cursor.Position.Offset, s.Cursor.Position.No, s.Cursor.LastID)

	for _, c := range s.Clocks {
		age := now.Sub(c.RecordTime).Round(time.Millisecond)
		t.printf("clock      %s of %s, %s ago\n", c.RecordTime.UTC().Format(time.RFC3339Nano), c.Synchronizer, age)
	}

	for _, h := range s.Holdings {
		t.printf("holds      %s %s in %d holdings\n", h.Total.Short(), named(h.Instrument), h.Holdings)
	}

	for _, d := range s.Deposits {
		standing := string(d.State)
		if d.Reason != "" {
			standing += " " + d.Reason
		}

		t.printf("deposits   %d %s: %s %s\n", d.Count, standing, d.Total.Short(), named(d.Instrument))
	}

	if s.Unrecognized > 0 {
		t.printf("ATTENTION  %d events that nothing explains: see \"Unrecognized events\" in docs/runbooks.md\n",
			s.Unrecognized)
	}
}
