package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

func screeningCommands() []command {
	return []command{
		{"screenings", "[passed|doubtful|refused|unavailable]", "list what is not accepted or credited because of its " +
			"screening, since when, and what the service said; or what was answered so, the newest first", 0, 1, treasury,
			listScreenings},
		{"rescreen", "ID OPERATOR NOTE", "have the screening service asked again about an offer or a deposit that it has " +
			"not passed", 3, 3, treasury, rescreen},
	}
}

func listScreenings(ctx context.Context, t *tool, arguments []string) error {
	result := deposit.NotScreened // for what waits, whatever was said of it

	if len(arguments) > 0 {
		result = deposit.Screening(arguments[0])

		if !slices.Contains([]deposit.Screening{
			deposit.Passed, deposit.Doubtful, deposit.Refused, deposit.Unavailable,
		}, result) {
			return service.UsageError(fmt.Errorf("result %q: want passed, doubtful, refused or unavailable", arguments[0]))
		}
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	list, err := t.db.ListScreenings(ctx, treasury, result, listed)
	if err != nil {
		return err
	}

	return t.printScreenings(list, time.Now())
}

func (t *tool) printScreenings(list []store.ListedScreening, now time.Time) error {
	if len(list) == 0 {
		t.printf("none\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "ID\tSAYS\tTRIES\tSINCE\tNEXT\tDEPOSIT\tAMOUNT\tTOKEN\tMEMO\tSENDER\tDETAIL\n")

	for _, s := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.DepositID, saysOf(s), s.Tries,
			s.Since.UTC().Format(time.RFC3339), nextOf(s, now), depositState(s), s.Amount.Short(), plain(s.Instrument.ID),
			memoOf(s.Memo), dash(string(s.Sender)), detail(s.Detail))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print screenings: %w", err)
	}

	if len(list) == listed {
		t.printf("only %d are listed; there may be more\n", listed)
	}

	return nil
}

func saysOf(s store.ListedScreening) string {
	if s.Result == deposit.NotScreened {
		return "nothing"
	}

	return string(s.Result)
}

// nextOf is when the service is asked next; never of what has an answer, and of what nobody asks about.
func nextOf(s store.ListedScreening, now time.Time) string {
	switch {
	case s.NextAt == nil:
		return "-"
	case s.NextAt.After(now):
		return "in " + short(s.NextAt.Sub(now))
	default:
		return "now"
	}
}

// depositState is what the deposit has come to, by history or since.
func depositState(s store.ListedScreening) string {
	if s.Case != "" {
		return string(s.Case)
	}

	return s.Deposit
}

func rescreen(ctx context.Context, t *tool, arguments []string) error {
	id, err := depositID(arguments[0])
	if err != nil {
		return err
	}

	if err := t.db.RescreenDeposit(ctx, t.party, id, arguments[1], arguments[2], time.Now()); err != nil {
		return refusal(err)
	}

	t.printf("the screening service is asked again about %s when deposit looks at it next; until it has passed, "+
		"nothing is accepted or credited\n", id)

	return nil
}
