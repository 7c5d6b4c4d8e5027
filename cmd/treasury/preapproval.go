package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/store"
)

func preapprovalCommands() []command {
	return []command{
		{"preapproval", "", "show whether deposits of Canton Coin arrive in one step, until when, and what was done about " +
			"that", 0, 0, treasury, showPreapproval},
		{"retry-preapproval", "", "have a renewal of the preapproval tried again that was refused, or that waits", 0, 0,
			treasury, retryPreapproval},
	}
}

func showPreapproval(ctx context.Context, t *tool, _ []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	outlook, err := t.db.PreapprovalOutlookOf(ctx, treasury)
	if errors.Is(err, store.ErrNotFound) {
		t.printf("nobody has looked yet: deposit does, every few minutes, while it runs\n")

		return nil
	}

	if err != nil {
		return err
	}

	known, err := t.db.Preapprovals(ctx, treasury)
	if err != nil {
		return err
	}

	now := time.Now()

	t.printf("%s: %s\n", outlook.State, preapprovalMeans(outlook.State))
	t.printf("not renewed now: %s\n", preapprovalAdvice(outlook.WhyNot))
	t.printf("looked at %s ago, by the ledger's time %s\n",
		short(now.Sub(outlook.CheckedAt)), outlook.LedgerTime.UTC().Format(time.RFC3339))

	return t.printPreapprovals(known, now)
}

// preapprovalMeans is what it means for customers.
func preapprovalMeans(state deposit.PreapprovalState) string {
	switch state {
	case deposit.NoPreapproval:
		return "there never was one; deposits of Canton Coin come as offers, which deposit accepts"
	case deposit.PreapprovalFine:
		return "deposits of Canton Coin arrive in one step"
	case deposit.PreapprovalExpiring:
		return "it ends soon; until then deposits of Canton Coin arrive in one step, after it they come as offers, which " +
			"deposit accepts"
	case deposit.PreapprovalLapsed:
		return "it has ended; deposits of Canton Coin come as offers, which deposit accepts"
	default:
		return "this version does not know this state"
	}
}

// preapprovalAdvice is a code, what it means and what to do.
func preapprovalAdvice(why deposit.WhyNot) string {
	switch why {
	case deposit.RenewNow:
		return "it is being renewed"
	case deposit.NothingToRenew:
		return string(why) + ". Propose one to a provider"
	case deposit.RenewalTooLate:
		return string(why) + ": the ledger renews nothing that has ended. Propose a new one to its provider"
	case deposit.RenewalNotDue:
		return string(why) + ": enough time is left"
	case deposit.ProviderIsTreasury:
		return string(why) + ": its coins are reserved for withdrawals. Have another party provide one"
	case deposit.ProviderIsOther:
		return string(why) + ": its provider alone can renew it, and is not the party of CES_PREAPPROVAL_PROVIDER"
	case deposit.RefusedBefore:
		return string(why) + " for good, see detail. When the cause is gone, run `treasury retry-preapproval`"
	case deposit.TriedBefore:
		return string(why) + ": it has failed for a reason that passes, see detail, and is tried again"
	default:
		return plain(why)
	}
}

func (t *tool) printPreapprovals(list []store.WatchedPreapproval, now time.Time) error {
	if len(list) == 0 {
		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "CONTRACT\tPROVIDER\tENDS\tLEDGER\tRENEWAL\tTRIES\tAGAIN\tDETAIL\n")

	for _, p := range list {
		again := "-"
		if !p.Again.IsZero() && p.Gone.IsZero() {
			again = ends(p.Again, now)
		}

		detail := "-"
		if p.Detail != "" {
			detail = said(p.Detail)
		}

		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", plain(p.Contract), plain(p.Provider),
			p.ExpiresAt.UTC().Format(time.RFC3339), preapprovalPlace(p), p.Renewal, p.Tries, again, detail)
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print preapprovals: %w", err)
	}

	return nil
}

// preapprovalPlace is whether it is on the ledger.
func preapprovalPlace(p store.WatchedPreapproval) string {
	switch {
	case p.Gone.IsZero():
		return "there"
	case p.Successor != "":
		return "renewed"
	default:
		return "gone"
	}
}

func retryPreapproval(ctx context.Context, t *tool, _ []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	n, err := t.db.RetryRenewals(ctx, treasury)
	if err != nil {
		return err
	}

	if n == 0 {
		t.printf("no renewal was refused or waits; nothing was changed\n")
	} else {
		t.printf("the renewal is tried again when deposit looks next, within a few minutes\n")
	}

	return nil
}
