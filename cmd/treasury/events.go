package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// lookedAt is how many of the newest events are looked at, shownEvents how many are shown.
	lookedAt    = 5000
	eventsPage  = 500
	shownEvents = 50
)

func eventCommands() []command {
	return []command{
		{"events", "[TYPE…] [account=NAME] [subject=ID]", "show the newest events of the treasury; TYPE is one of those of " +
			"/event-schemas, or a beginning such as deposit.*", 0, many, treasury, listEvents},
		{"subscriptions", "", "list who is told of events by webhook, and how far each is", 0, 0, treasury,
			listSubscriptions},
	}
}

func listEvents(ctx context.Context, t *tool, arguments []string) error {
	filter, err := eventFilter(arguments)
	if err != nil {
		return service.UsageError(err)
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	head, err := t.db.EventHead(ctx, treasury)
	if err != nil {
		return err
	}

	var newest []store.LoggedEvent

	for after := max(head.Seq-lookedAt, head.Pruned); after < head.Seq; {
		events, err := t.db.EventsAfter(ctx, treasury, after, eventsPage)
		if err != nil || len(events) == 0 {
			return err
		}

		after = events[len(events)-1].Seq
		events = slices.DeleteFunc(events, func(e store.LoggedEvent) bool { return !filter.Matches(e.About) })
		newest = append(newest, events...)
		newest = slices.Clone(newest[max(len(newest)-shownEvents, 0):])
	}

	return t.printEvents(newest, head)
}

func eventFilter(arguments []string) (event.Filter, error) {
	var f event.Filter

	for _, argument := range arguments {
		name, value, named := strings.Cut(argument, "=")

		switch {
		case named && name == "account":
			f.Accounts = append(f.Accounts, value)
		case named && name == "subject":
			f.Subjects = append(f.Subjects, value)
		case named || !event.KnownType(argument):
			return f, fmt.Errorf("%q: want a type of events, account=NAME or subject=ID", argument)
		default:
			f.Types = append(f.Types, argument)
		}
	}

	return f, nil
}

func (t *tool) printEvents(newest []store.LoggedEvent, head store.EventHead) error {
	if len(newest) == 0 {
		t.printf("none among the newest %d\n", lookedAt)

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "SEQUENCE\tTIME\tTYPE\tSUBJECT\tACCOUNT\n")

	for _, e := range slices.Backward(newest) {
		told, err := event.Parse(e.Body)
		if err != nil {
			return err
		}

		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", e.Seq, told.Time, e.Type, dash(e.Subject), dash(e.Account))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print events: %w", err)
	}

	t.printf("the last one is %d; those up to %d are not kept any more\n", head.Seq, head.Pruned)

	return nil
}

func listSubscriptions(ctx context.Context, t *tool, _ []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	page, err := t.db.SeeSubscriptions(ctx, store.Owned{Treasury: treasury, Every: true},
		store.Window{Limit: store.MostRows})
	if err != nil {
		return err
	}

	if len(page.Items) == 0 {
		t.printf("none\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "ID\tSTATE\tBEHIND\tWAITING\tDEAD\tOWNER\tNAME\tURL\tREASON\n")

	for i := range page.Items {
		n := &page.Items[i]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", n.ID, n.State, max(n.Head-n.Cursor, 0), n.Waiting,
			n.Dead, plain(n.Owner), plain(n.Name), plain(n.URL), dash(n.Reason))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print subscriptions: %w", err)
	}

	if page.Next != "" {
		t.printf("… and more\n")
	}

	return nil
}
