package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// watch prints the table now and then.
func (e *exhibit) watch(ctx context.Context) error {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := e.table(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// table prints what each customer has, what waits for a person, and how far behind the ledger the database is.
func (e *exhibit) table(ctx context.Context) error {
	status, err := e.db.Status(ctx, e.treasury)
	if err != nil {
		return err
	}

	audit, err := e.db.ReadAudit(ctx, e.treasury)
	if err != nil {
		return err
	}

	columns := []ident.Instrument{e.network.Amulet(), e.network.AcmeToken()}
	balances := balancesOf(audit)

	var b strings.Builder

	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "account\tmemo\tCanton Coin\tAcmeToken\t\n")

	line := func(name, memo string, kind books.AccountKind, account string) {
		_, _ = fmt.Fprintf(w, "%s\t%s\t", name, memo)

		for _, i := range columns {
			_, _ = fmt.Fprintf(w, "%s\t", balances[key{kind, account, i}])
		}

		_, _ = fmt.Fprintln(w)
	}

	for _, a := range e.accounts {
		line(a.name, a.memo, books.Customer, a.name)
	}

	line("unattributed", "", books.UnattributedMoney, "")

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}

	_, _ = fmt.Fprintf(&b, "%s\n%s\n\n", deposits(status), progress(status, e.network.LedgerEnd()))
	_, _ = fmt.Fprint(e.Stdout, b.String())

	return nil
}

type key struct {
	kind       books.AccountKind
	account    string
	instrument ident.Instrument
}

func balancesOf(audit store.Audit) map[key]string {
	balances := map[key]string{}
	for _, b := range audit.Balances {
		balances[key{b.Kind, b.Account, b.Instrument}] = b.Amount.Short()
	}

	return balances
}

// deposits says how many deposits are in which state, whatever the token.
func deposits(s store.Status) string {
	counts := map[string]int64{}

	for _, d := range s.Deposits {
		name := string(d.State)
		if d.Reason != "" {
			name += " for " + strings.ReplaceAll(d.Reason, "_", " ")
		}

		counts[name] += d.Count
	}

	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}

	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })

	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}

	return "deposits: " + strings.Join(parts, ", ")
}

// progress says how far ingestion is behind the ledger.
func progress(s store.Status, end ident.Offset) string {
	var b strings.Builder

	at := s.Cursor.Position
	fmt.Fprintf(&b, "ingested: %d updates, up to offset %d of %d", at.No, at.Offset, end)

	for _, c := range s.Clocks {
		fmt.Fprintf(&b, "; ledger time %s ago", time.Since(c.RecordTime).Round(time.Millisecond))
	}

	if s.Unrecognized > 0 {
		fmt.Fprintf(&b, "; %d unrecognized events (look-alike tokens) kept for review", s.Unrecognized)
	}

	return b.String()
}
