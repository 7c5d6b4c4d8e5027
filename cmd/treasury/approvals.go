package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

func approvalCommands() []command {
	return []command{
		{"approve-withdrawal", "ID OPERATOR NOTE", "let a withdrawal that waits for approval be paid; not by who requested " +
			"it", 3, 3, treasury, approveWithdrawal},
		{"reject-withdrawal", "ID OPERATOR NOTE", "refuse a withdrawal that waits for approval; its money goes back", 3, 3,
			treasury, rejectWithdrawal},
		{"limits", "", "show how much accounts may withdraw within any so much time", 0, 0, treasury, listLimits},
		{"set-limit", "ADMIN ID TIME AMOUNT|none OPERATOR [ACCOUNT]", "say how much of a token each account, or one, may " +
			"withdraw within any TIME, such as 24h", 5, 6, treasury, setLimit},
		{"destinations", "ACCOUNT", "list where a customer may withdraw to, where a token's policy keeps a list", 1, 1,
			treasury, listDestinations},
		{"add-destination", "ACCOUNT PARTY NAME OPERATOR", "add a party to that list; it counts after the token's " +
			"cooling-off time", 4, 4, treasury, addDestination},
		{"remove-destination", "ACCOUNT PARTY OPERATOR", "take a party off that list, at once", 3, 3, treasury,
			removeDestination},
	}
}

func approveWithdrawal(ctx context.Context, t *tool, arguments []string) error {
	if _, err := t.db.ApproveWithdrawal(
		ctx, t.party, arguments[0], true, arguments[1], arguments[2], time.Now()); err != nil {
		return refusal(err)
	}

	t.printf("%s is approved by %s and waits to be paid\n", plain(arguments[0]), plain(arguments[1]))

	return nil
}

func rejectWithdrawal(ctx context.Context, t *tool, arguments []string) error {
	if _, err := t.db.ApproveWithdrawal(
		ctx, t.party, arguments[0], false, arguments[1], arguments[2], time.Now()); err != nil {
		return refusal(err)
	}

	t.printf("%s is refused by %s; the money is back on the customer's account\n", plain(arguments[0]),
		plain(arguments[1]))

	return nil
}

func setLimit(ctx context.Context, t *tool, arguments []string) error {
	instrument, err := ident.ParseInstrument(arguments[0], arguments[1])
	if err != nil {
		return service.UsageError(err)
	}

	window, err := time.ParseDuration(arguments[2])
	if err != nil || window%time.Second != 0 || window < store.MinLimitWindow || window > store.MaxLimitWindow {
		return service.UsageError(fmt.Errorf("time %q: want whole seconds from %s to %s, such as 24h", arguments[2],
			store.MinLimitWindow, store.MaxLimitWindow))
	}

	limit := store.Limit{Instrument: instrument, Window: window}
	if account := arguments[5:]; len(account) > 0 {
		limit.Account = account[0]
	}

	treasury, err := t.db.EnsureTreasury(ctx, t.party, time.Now())
	if err != nil {
		return err
	}

	if arguments[3] == none {
		if err := t.db.DropLimit(ctx, treasury, limit, arguments[4], time.Now()); err != nil {
			return unlisted(err)
		}

		t.printf("there is no such limit any more\n")

		return nil
	}

	if limit.Amount, err = amount.Parse(arguments[3]); err != nil || limit.Amount.Sign() < 0 {
		return service.UsageError(fmt.Errorf("amount %q: want a decimal number of at least 0, or none", arguments[3]))
	}

	if err := t.db.SetLimit(ctx, treasury, limit, arguments[4], time.Now()); err != nil {
		return unlisted(err)
	}

	t.printf("%s may withdraw %s %s within any %s\n", whoMay(limit), limit.Amount.Short(), named(instrument), window)

	return nil
}

func whoMay(l store.Limit) string {
	if l.Account == "" {
		return "each account without a limit of its own"
	}

	return "account " + plain(l.Account)
}

func listLimits(ctx context.Context, t *tool, _ []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	list, err := t.db.Limits(ctx, treasury)
	if err != nil {
		return err
	}

	if len(list) == 0 {
		t.printf("none: accounts may withdraw what they hold, up to the policy's maximum at once\n")
	}

	for _, l := range list {
		t.printf("%s: %s %s within any %s\n", whoMay(l), l.Amount.Short(), named(l.Instrument), l.Window)
	}

	return nil
}

func listDestinations(ctx context.Context, t *tool, arguments []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	list, err := t.db.Destinations(ctx, treasury, arguments[0], listed)
	if err != nil {
		return err
	}

	if len(list) == 0 {
		t.printf("none\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "PARTY\tNAME\tADDED\n")

	for _, d := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", plain(d.Party), dash(d.Name), d.AddedAt.UTC().Format(time.RFC3339))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print destinations: %w", err)
	}

	return nil
}

func addDestination(ctx context.Context, t *tool, arguments []string) error {
	added, err := t.db.AddDestination(
		ctx, t.party, arguments[0], ident.Party(arguments[1]), arguments[2], arguments[3], time.Now())
	if err != nil {
		return refusal(err)
	}

	t.printf("account %s may withdraw to %s, of tokens whose policy keeps a list: once their cooling-off time after %s "+
		"is over\n", plain(added.Account), plain(added.Party), added.AddedAt.UTC().Format(time.RFC3339))

	return nil
}

func removeDestination(ctx context.Context, t *tool, arguments []string) error {
	_, err := t.db.RemoveDestination(ctx, t.party, arguments[0], ident.Party(arguments[1]), arguments[2], time.Now())
	if err != nil {
		return refusal(err)
	}

	t.printf("account %s cannot withdraw to %s any more, of tokens whose policy keeps a list. "+
		"What was requested before is paid\n", plain(arguments[0]), plain(arguments[1]))

	return nil
}
