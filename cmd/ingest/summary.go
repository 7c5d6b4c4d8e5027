package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
)

// namedWitnesses is how many parties are offered to somebody who may have chosen the wrong one.
const namedWitnesses = 5

// summarize prints what is in the database at the end of a recording.
func summarize(
	ctx context.Context, out io.Writer, db *store.DB, party ident.Party, recorded *ingest.Recorded,
) error {
	treasury, err := db.FindTreasury(ctx, party)
	if err != nil {
		return err
	}

	status, err := db.Status(ctx, treasury)
	if err != nil {
		return err
	}

	if _, err := io.WriteString(out, describe(party, status, recorded)); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}

	return nil
}

func describe(party ident.Party, status store.Status, recorded *ingest.Recorded) string {
	var b strings.Builder

	fmt.Fprintf(&b, "the recording has ended at offset %d: %d updates are in the database for %s\n",
		status.Cursor.Position.Offset, status.Cursor.Position.No, party)

	for _, h := range status.Holdings {
		fmt.Fprintf(&b, "holds      %s %s in %d holdings\n", h.Total.Short(), named(h.Instrument), h.Holdings)
	}

	for _, d := range status.Deposits {
		fmt.Fprintf(&b, "deposits   %d %s: %s %s\n", d.Count, standing(d), d.Total.Short(), named(d.Instrument))
	}

	fmt.Fprintf(&b, "unrecognized events: %d\n", status.Unrecognized)

	if len(status.Holdings)+len(status.Deposits) > 0 || status.Unrecognized > 0 || recorded.Witnessed(party) > 0 {
		return b.String()
	}

	b.WriteString("NOTHING in this recording concerns the party that CES_TREASURY_PARTY names")

	if witnesses := recorded.Witnesses(namedWitnesses); len(witnesses) > 0 {
		b.WriteString("; the parties that saw most of it:\n")

		for _, witness := range witnesses {
			fmt.Fprintf(&b, "  %-6d events  %s\n", recorded.Witnessed(witness), memo.Line(string(witness)))
		}

		return b.String()
	}

	b.WriteString("\n")

	return b.String()
}

// named is a token, id@admin. Its id is a stranger's text.
func named(i ident.Instrument) string {
	return strings.TrimSuffix(memo.Shown(i.ID), `"`) + "@" + strings.TrimPrefix(memo.Shown(string(i.Admin)), `"`)
}

// standing is a deposit's state and, where there is one, the reason for it.
func standing(d store.DepositTotal) string {
	if d.Reason == "" {
		return string(d.State)
	}

	return string(d.State) + " " + d.Reason
}
