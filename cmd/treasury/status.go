package main

import (
	"context"
	"time"
)

func status(ctx context.Context, t *tool, _ []string) error {
	party, err := t.party()
	if err != nil {
		return err
	}

	treasury, err := t.db.FindTreasury(ctx, party)
	if err != nil {
		return err
	}

	s, err := t.db.Status(ctx, treasury)
	if err != nil {
		return err
	}

	t.printf("treasury   %s\nnode       %s\n", party, s.Cursor.Participant)
	t.printf("ingested   up to offset %d, %d updates, last %s\n",
		s.Cursor.Position.Offset, s.Cursor.Position.No, s.Cursor.LastID)

	for _, c := range s.Clocks {
		age := time.Since(c.RecordTime).Round(time.Millisecond)
		t.printf("clock      %s of %s, %s ago\n", c.RecordTime.UTC().Format(time.RFC3339Nano), c.Synchronizer, age)
	}

	for _, h := range s.Holdings {
		t.printf("holds      %s %q in %d holdings\n", h.Total.Short(), h.Instrument, h.Holdings)
	}

	for _, d := range s.Deposits {
		t.printf("deposits   %d %s %s: %s %q\n", d.Count, d.State, d.Reason, d.Total.Short(), d.Instrument)
	}

	if s.Unrecognized > 0 {
		//nolint:unqueryvet // what a person is to type, not a query of ours
		t.printf("ATTENTION  %d events that nothing explains: SELECT * FROM unrecognized\n", s.Unrecognized)
	}

	return nil
}
