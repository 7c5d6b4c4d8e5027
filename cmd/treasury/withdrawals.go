package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// listed is how many withdrawals are listed.
const listed = 1000

func listWithdrawals(ctx context.Context, t *tool, arguments []string) error {
	filter, err := filterOf(arguments)
	if err != nil {
		return service.UsageError(err)
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	list, err := t.db.ListWithdrawals(ctx, treasury, filter)
	if err != nil {
		return err
	}

	return t.printWithdrawals(list, time.Now())
}

// filterOf says which ones are wanted: open ones with the oldest first, ended ones with the newest.
func filterOf(arguments []string) (store.WithdrawalFilter, error) {
	var open []withdrawal.State

	for _, s := range withdrawal.States() {
		if !s.Final() {
			open = append(open, s)
		}
	}

	filter := store.WithdrawalFilter{States: open, Most: listed}
	if len(arguments) == 0 {
		return filter, nil
	}

	switch arguments[0] {
	case "waiting":
		filter.Waiting = true

		return filter, nil
	case "all":
		return store.WithdrawalFilter{Newest: true, Most: listed}, nil
	}

	names := make([]string, 0, len(withdrawal.States()))

	for _, s := range withdrawal.States() {
		if string(s) == arguments[0] {
			return store.WithdrawalFilter{States: []withdrawal.State{s}, Newest: s.Final(), Most: listed}, nil
		}

		names = append(names, string(s))
	}

	return filter, fmt.Errorf("withdrawals %q: want waiting, all, or one of %s", arguments[0], strings.Join(names, ", "))
}

func (t *tool) printWithdrawals(list []store.ListedWithdrawal, now time.Time) error {
	if len(list) == 0 {
		t.printf("none\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "ID\tSTATE\tWHY\tAMOUNT\tTOKEN\tRECEIVER\tAGE\tATTEMPT\tNEXT LOOK\n")

	for _, one := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", plain(one.ID), one.State, why(one.Withdrawal),
			one.Amount.Short(), plain(one.Instrument.ID), plain(one.Receiver), age(one, now), one.Attempt, nextLook(one, now))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print withdrawals: %w", err)
	}

	if len(list) == listed {
		t.printf("only %d are listed; there may be more\n", listed)
	}

	return nil
}

// why is the reason of a withdrawal that has failed or waits.
func why(w store.Withdrawal) string {
	switch {
	case w.Reason != "":
		return string(w.Reason)
	case w.Waiting != "":
		return string(w.Waiting)
	default:
		return "-"
	}
}

// age is how long ago it was requested.
func age(w store.ListedWithdrawal, now time.Time) string {
	if w.RequestedAt == nil {
		return "-"
	}

	return short(now.Sub(*w.RequestedAt))
}

// nextLook is in how long a worker looks at it, if nothing happens before.
func nextLook(w store.ListedWithdrawal, now time.Time) string {
	switch {
	case w.State.Final():
		return "-"
	case w.NextAt == nil || !w.NextAt.After(now):
		return "now"
	default:
		return "in " + short(w.NextAt.Sub(now))
	}
}

// short is a duration without what nobody reads: what is long ago is not known to the second.
func short(d time.Duration) string {
	const day = 24 * time.Hour

	switch {
	case d >= 2*day:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d >= time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	default:
		return d.Truncate(time.Second).String()
	}
}

func requestWithdrawal(ctx context.Context, t *tool, arguments []string) error {
	value, err := amount.Parse(arguments[4])
	if err != nil {
		return service.UsageError(fmt.Errorf("amount %q: want a decimal number", arguments[4]))
	}

	request := store.WithdrawalRequest{
		ID: arguments[0], Account: arguments[1], Amount: value, Receiver: ident.Party(arguments[5]),
		Instrument: ident.Instrument{Admin: ident.Party(arguments[2]), ID: arguments[3]},
	}
	if own := arguments[6:]; len(own) > 0 {
		request.Memo = &own[0]
	}

	receipt, err := t.db.RequestWithdrawal(ctx, t.party, request, time.Now())
	if err != nil {
		return refusal(err)
	}

	if receipt.Repeated {
		t.printf("%s was requested before, at %s, and is %s; nothing was changed\n",
			plain(request.ID), receipt.At.UTC().Format(time.RFC3339), receipt.State)

		return nil
	}

	t.printf("%s is requested: %s %s were taken off account %s and wait to be paid to %s\n",
		plain(request.ID), value.Short(), named(request.Instrument), memo.Shown(request.Account), plain(request.Receiver))

	return nil
}

func cancelWithdrawal(ctx context.Context, t *tool, arguments []string) error {
	if err := t.db.CancelWithdrawal(ctx, t.party, arguments[0], time.Now()); err != nil {
		return refusal(err)
	}

	t.printf("%s is cancelled; the money is back where it was taken from\n", plain(arguments[0]))

	return nil
}

// refusal adds what a refusal means for the money.
func refusal(err error) error {
	if _, ok := errors.AsType[*store.RefusedError](err); ok {
		return fmt.Errorf("%w Nothing was changed, no money has moved", err)
	}

	return err
}

func freeze(ctx context.Context, t *tool, arguments []string) error {
	reason := arguments[len(arguments)-1]

	instrument, what, err := t.frozenOf(arguments[:len(arguments)-1])
	if err != nil {
		return err
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	fresh, err := t.db.FreezeWithdrawals(ctx, treasury, store.Freeze{
		Instrument: instrument, Reason: withdrawal.Frozen, Detail: reason, At: time.Now(),
	})
	if err != nil {
		return unlisted(err)
	}

	if !fresh {
		t.printf("%s were frozen already\n", what)

		return nil
	}

	t.printf("%s are frozen: nothing new is signed; requests are taken and wait. "+
		"What was submitted before may still be paid\n", what)

	return nil
}

func unfreeze(ctx context.Context, t *tool, arguments []string) error {
	instrument, what, err := t.frozenOf(arguments)
	if err != nil {
		return err
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	lifted, err := t.db.UnfreezeWithdrawals(ctx, treasury, instrument)
	if err != nil {
		return unlisted(err)
	}

	if lifted {
		t.printf("%s go on\n", what)
	} else {
		t.printf("%s were not frozen by this; `treasury status` shows what is\n", what)
	}

	return nil
}

var errHalfToken = errors.New("a token is named by ADMIN and ID together; leave both out for the whole treasury")

// frozenOf is the token that arguments name; none for the whole treasury.
func (t *tool) frozenOf(arguments []string) (ident.Instrument, string, error) {
	switch len(arguments) {
	case 0:
		return ident.Instrument{}, fmt.Sprintf("all withdrawals of %s", t.party), nil
	case 2:
		instrument, err := ident.ParseInstrument(arguments[0], arguments[1])
		if err != nil {
			return ident.Instrument{}, "", service.UsageError(err)
		}

		return instrument, "withdrawals of " + named(instrument), nil
	default:
		return ident.Instrument{}, "", service.UsageError(errHalfToken)
	}
}
