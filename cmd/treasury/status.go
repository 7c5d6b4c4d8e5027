package main

import (
	"context"
	"time"

	"github.com/canton-exchange/suite/internal/store"
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

	t.printStatus(s, time.Now())

	return nil
}

func (t *tool) printStatus(s store.Status, now time.Time) {
	t.printf("treasury   %s\nnode       %s\n", t.party, s.Cursor.Participant)
	t.printf("ingested   up to offset %d, %d updates, last %s\n",
		s.Cursor.Position.Offset, s.Cursor.Position.No, s.Cursor.LastID)

	for _, c := range s.Clocks {
		age := now.Sub(c.RecordTime).Round(time.Millisecond)
		t.printf("clock      %s of %s, %s ago\n", c.RecordTime.UTC().Format(time.RFC3339Nano), c.Synchronizer, age)
	}

	for _, h := range s.Holdings {
		t.printf("holds      %s %q in %d holdings\n", h.Total.Short(), h.Instrument, h.Holdings)
	}

	for _, d := range s.Deposits {
		standing := string(d.State)
		if d.Reason != "" {
			standing += " " + d.Reason
		}

		t.printf("deposits   %d %s: %s %q\n", d.Count, standing, d.Total.Short(), d.Instrument)
	}

	if s.Unrecognized > 0 {
		t.printf("ATTENTION  %d events that nothing explains: see \"Unrecognized events\" in docs/runbooks.md\n",
			s.Unrecognized)
	}
}
