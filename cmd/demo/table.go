package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// watch prints the table now and then.
func (e *exhibit) watch(ctx context.Context) error { return e.every(ctx, refresh, e.table) }

// table prints what each customer has, what is on its way, what waits for a person, and how far behind the ledger the
// database is.
func (e *exhibit) table(ctx context.Context) error {
	status, err := e.db.Status(ctx, e.treasury)
	if err != nil {
		return err
	}

	audit, err := e.db.ReadAudit(ctx, e.treasury)
	if err != nil {
		return err
	}

	totals, err := e.db.WithdrawalTotals(ctx, e.treasury)
	if err != nil {
		return err
	}

	open, err := e.db.OpenOffers(ctx, e.treasury)
	if err != nil {
		return err
	}

	balances := balancesOf(audit)

	var b strings.Builder

	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "account\tmemo\tCanton Coin\tAcmeToken\t\n")

	line := func(name, memo string, values func(ident.Instrument) string) {
		_, _ = fmt.Fprintf(w, "%s\t%s\t", name, memo)

		for _, i := range e.tokens() {
			_, _ = fmt.Fprintf(w, "%s\t", values(i))
		}

		_, _ = fmt.Fprintln(w)
	}
	account := func(kind books.AccountKind, name string) func(ident.Instrument) string {
		return func(i ident.Instrument) string { return balances[key{kind, name, i}] }
	}

	for _, a := range e.accounts {
		line(a.name, a.memo, account(books.Customer, a.name))
	}

	line("held for a moment", "", account(books.HeldMoney, ""))
	line("unattributed", "", account(books.UnattributedMoney, ""))
	line("being withdrawn", "", account(books.WithdrawalsUnderWay, ""))
	line("the treasury holds", "", func(i ident.Instrument) string { return held(audit, i) })

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}

	_, _ = fmt.Fprintf(&b, "%s\n%s\n%s\n%s\n\n",
		deposits(status), offers(open), e.withdrawals(totals), progress(status, e.network.LedgerEnd()))
	_, _ = fmt.Fprint(e.Stdout, b.String())

	return nil
}

// held is the sum of the treasury's holdings, those that stand behind its own offers too.
func held(audit store.Audit, i ident.Instrument) string {
	var sum amount.Total

	for _, h := range audit.Holdings {
		if h.Instrument == i {
			sum = sum.Plus(h.Amount)
		}
	}

	return sum.Short()
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

// deposits says how many deposits are in which state, whatever the token, the most first.
func deposits(s store.Status) string {
	counts := map[string]int64{}

	for _, d := range s.Deposits {
		counts[because(string(d.State), " for ", d.Reason)] += d.Count
	}

	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})

	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}

	return "deposits: " + strings.Join(parts, ", ")
}

// offers says what becomes of the offers that wait.
func offers(open []store.OpenOffers) string {
	counts := map[string]int64{}

	for _, o := range open {
		what := map[deposit.Verdict]string{
			deposit.Accept: "being accepted", deposit.Ignore: "ignored", deposit.Hold: "held", deposit.Reject: "being rejected",
		}[o.Verdict]
		if o.Reason == undecided {
			what = ""
		}

		counts[strings.TrimSpace(what+" "+strings.ReplaceAll(string(o.Reason), "_", " "))] += o.Count
	}

	parts := make([]string, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}

	if len(parts) == 0 {
		parts = []string{"none"}
	}

	return "open offers: " + strings.Join(parts, ", ")
}

// withdrawals says how many withdrawals are in which state, those first that went well, and how many requests were
// refused.
func (e *exhibit) withdrawals(totals []store.WithdrawalTotal) string {
	order := []withdrawal.State{
		withdrawal.Completed, withdrawal.Offered, withdrawal.Submitted, withdrawal.Reserved, withdrawal.Requested,
	}

	slices.SortStableFunc(totals, func(a, b store.WithdrawalTotal) int {
		place := func(t store.WithdrawalTotal) int {
			if i := slices.Index(order, t.State); i >= 0 {
				return i
			}

			return len(order) // the failed ones
		}

		return cmp.Compare(place(a), place(b))
	})

	var parts []string
	for _, t := range totals {
		parts = append(parts, fmt.Sprintf("%d %s", t.Count, because(string(t.State), ": ", string(t.Reason))))
	}

	refused := e.refusals.all()
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		parts = append(parts, fmt.Sprintf("%d %s", refused[reason], because("refused", ": ", string(reason))))
	}

	if len(parts) == 0 {
		parts = []string{"none yet"}
	}

	return "withdrawals: " + strings.Join(parts, ", ")
}

// because is a state with the reason for it, in words.
func because(state, link, reason string) string {
	if reason == "" {
		return state
	}

	return state + link + strings.ReplaceAll(reason, "_", " ")
}

// refusals count requests that were refused: the database does not keep them.
type refusals struct {
	mu     sync.Mutex
	counts map[withdrawal.Reason]int64
}

func (r *refusals) add(reason withdrawal.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.counts == nil {
		r.counts = make(map[withdrawal.Reason]int64)
	}

	r.counts[reason]++
}

func (r *refusals) all() map[withdrawal.Reason]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()

	return maps.Clone(r.counts)
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
