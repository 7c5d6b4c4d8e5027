package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
)

func memoCommands() []command {
	return []command{
		{"issue-memo", "ACCOUNT [another] [OPERATOR]", "make a memo with a check digit for a customer account; one that " +
			"has such a memo is told the same again, unless it is to have another", 1, 3, treasury, issueMemo},
		{"add-memo", "ACCOUNT MEMO [OPERATOR]", "give a memo of your own to a customer account, for ever", 2, 3, treasury,
			addMemo},
		{"disable-memo", "MEMO OPERATOR NOTE", "have money with this memo wait for a person; nobody else ever gets it", 3, 3,
			treasury, disableMemo},
		{"enable-memo", "MEMO OPERATOR NOTE", "have money with this memo credited again", 3, 3, treasury, enableMemo},
		{"memos", "[ACCOUNT]", "list the memos of an account, or the newest of all", 0, 1, treasury, listMemos},
		{"memo", "TEXT", "say what money with this memo would be credited to, and what it may be mistyped for", 1, 1,
			treasury, lookUpMemo},
		{"deposit-address", "ACCOUNT", "tell what a customer must be shown before a deposit", 1, 1, treasury, depositAddress},
	}
}

// unnamed is who has decided where nobody gave a name: somebody with this tool. The database notes the role.
const unnamed = "treasury"

func issueMemo(ctx context.Context, t *tool, arguments []string) error {
	account, more := arguments[0], arguments[1:]

	another := len(more) > 0 && more[0] == "another"
	if another {
		more = more[1:]
	}

	if len(more) > 1 {
		return usage("issue-memo")
	}

	if _, err := t.db.EnsureTreasury(ctx, t.party, time.Now()); err != nil {
		return err
	}

	issued, err := t.db.IssueMemo(ctx, t.party, account, another, operatorOf(more), time.Now())
	if err != nil {
		return refusal(err)
	}

	if issued.Repeated {
		t.printf("account %s has memo %s already; nothing was changed\n", plain(account), plain(issued.Memo))

		return nil
	}

	t.printf("deposits to %s with memo %s are credited to account %s\n", t.party, plain(issued.Memo), plain(account))

	return nil
}

func addMemo(ctx context.Context, t *tool, arguments []string) error {
	if _, err := t.db.EnsureTreasury(ctx, t.party, time.Now()); err != nil {
		return err
	}

	account, text := arguments[0], arguments[1]

	repeated, err := t.db.AddMemo(ctx, t.party, account, text, operatorOf(arguments[2:]), time.Now())
	if err != nil {
		return refusal(err)
	}

	if repeated {
		t.printf("account %s has memo %s already; nothing was changed\n", plain(account), memo.Shown(text))

		return nil
	}

	t.printf("deposits to %s with memo %s are credited to account %s\n", t.party, memo.Shown(text), memo.Shown(account))

	return nil
}

func operatorOf(arguments []string) string {
	if len(arguments) == 0 {
		return unnamed
	}

	return arguments[0]
}

func disableMemo(ctx context.Context, t *tool, arguments []string) error {
	s, err := t.db.DisableMemo(ctx, t.party, arguments[0], arguments[1], arguments[2], time.Now())
	if err != nil {
		return refusal(err)
	}

	if !s.Changed {
		t.printf("memo %s of account %s was disabled already\n", memo.Shown(arguments[0]), plain(s.Account))

		return nil
	}

	t.printf("money with memo %s of account %s waits for a person from now on, and offers with it are not accepted. "+
		"What was submitted before may still happen\n", memo.Shown(arguments[0]), plain(s.Account))

	return nil
}

func enableMemo(ctx context.Context, t *tool, arguments []string) error {
	s, err := t.db.EnableMemo(ctx, t.party, arguments[0], arguments[1], arguments[2], time.Now())
	if err != nil {
		return refusal(err)
	}

	if !s.Changed {
		t.printf("memo %s of account %s was enabled already\n", memo.Shown(arguments[0]), plain(s.Account))

		return nil
	}

	t.printf("money with memo %s is credited to account %s again. What has arrived meanwhile still waits: "+
		"treasury deposits\n", memo.Shown(arguments[0]), plain(s.Account))

	return nil
}

func listMemos(ctx context.Context, t *tool, arguments []string) error {
	account := strings.Join(arguments, "")

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	list, err := t.db.DepositAccounts(ctx, treasury, account, listed)
	if err != nil {
		return err
	}

	if len(list) == 0 {
		t.printf("none\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "MEMO\tACCOUNT\tSTATE\tMADE BY\tSINCE\n")

	for _, a := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", memo.Shown(a.Memo), plain(a.Account), stateOf(a), makerOf(a),
			a.CreatedAt.UTC().Format(time.RFC3339))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print memos: %w", err)
	}

	if len(list) == listed {
		t.printf("only %d are listed; there may be more: say ACCOUNT\n", listed)
	}

	return nil
}

func stateOf(a store.DepositAccount) string {
	switch {
	case a.Enabled:
		return "enabled"
	case a.DisabledAt == nil:
		return "disabled"
	default:
		return "disabled " + a.DisabledAt.UTC().Format(time.RFC3339) + " by " + plain(a.DisabledBy)
	}
}

func makerOf(a store.DepositAccount) string {
	if a.Issued {
		return "us"
	}

	return "the exchange"
}

func lookUpMemo(ctx context.Context, t *tool, arguments []string) error {
	typed := arguments[0]

	match, err := t.db.MatchMemo(ctx, t.party, typed)
	if err != nil {
		return refusal(err)
	}

	t.printf("%s  %s\n", match.Code, match.Sentence)

	if match.Account != "" {
		t.printf("memo     %s\naccount  %s\n", memo.Shown(match.Memo), plain(match.Account))
	}

	if match.DisabledAt != nil {
		t.printf("disabled at %s\n", match.DisabledAt.UTC().Format(time.RFC3339))
	}

	near, err := t.db.NearestMemos(ctx, t.party, typed)
	if err != nil {
		return refusal(err)
	}

	for _, n := range near {
		t.printf("perhaps  %s of account %s was meant (%s). Ask the customer; it is a guess\n", plain(n.Memo),
			plain(n.Account), strings.ReplaceAll(n.Difference, "_", " "))
	}

	if match.Account == "" {
		return nil
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	acts, err := t.db.Acts(ctx, treasury, memo.Key(typed), listed)
	if err != nil {
		return err
	}

	return t.printActs(acts)
}
