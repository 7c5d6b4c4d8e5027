package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

func caseCommands() []command {
	return []command{
		{"deposits", "[STATE…] [NAME=VALUE…]", "list deposits that arrived and were not credited at once, those that wait " +
			"for a person if no STATE is given; NAME is sender, amount, least, most, since, until, update or id",
			0, many, treasury, listCases},
		{"find-deposit", "update=ID|id=ID|sender=PARTY|account=NAME", "find deposits, whatever became of them, by what a " +
			"customer can say of one", 1, 1, treasury, findDeposit},
		{"deposit", "ID", "show all there is about such a deposit, and what was decided", 1, 1, treasury, showCase},
		{"assign-deposit", "ID ACCOUNT OPERATOR NOTE", "give a deposit to an account", 4, 4, treasury, assignDeposit},
		{"return-deposit", "ID OPERATOR NOTE", "send a deposit back to its sender, with the sender's own memo", 3, 3,
			treasury, returnDeposit},
		{"confirm-deposit", "ID OPERATOR", "have take effect what another person decided, where the policy wants two", 2, 2,
			treasury, confirmDeposit},
		{"decline-deposit", "ID OPERATOR NOTE", "take back what was decided and not confirmed yet", 3, 3, treasury,
			declineDeposit},
		{"audit", "[ID|PARTY]", "show who decided what, the newest first", 0, 1, treasury, showActs},
	}
}

func listCases(ctx context.Context, t *tool, arguments []string) error {
	filter, err := caseFilter(arguments)
	if err != nil {
		return service.UsageError(err)
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	list, err := t.db.ListCases(ctx, treasury, filter)
	if err != nil {
		return err
	}

	return t.printCases(list)
}

// caseFilter reads states and conditions in any order.
func caseFilter(arguments []string) (store.CaseFilter, error) {
	f := store.CaseFilter{Most: listed}

	for _, a := range arguments {
		name, value, condition := strings.Cut(a, "=")

		var err error
		if condition {
			err = setCondition(&f, name, value)
		} else {
			err = addState(&f, a)
		}

		if err != nil {
			return f, fmt.Errorf("%q: %w", a, err)
		}
	}

	if len(f.States) == 0 {
		f.States = []deposit.CaseState{deposit.Open, deposit.Proposed}
		if f.DepositID != uuid.Nil {
			f.States = deposit.CaseStates()
		}
	}

	return f, nil
}

func addState(f *store.CaseFilter, word string) error {
	if word == "all" {
		f.States = deposit.CaseStates()

		return nil
	}

	names := make([]string, 0, len(deposit.CaseStates()))

	for _, s := range deposit.CaseStates() {
		if string(s) == word {
			f.States = append(f.States, s)

			return nil
		}

		names = append(names, string(s))
	}

	return fmt.Errorf("want all, %s or NAME=VALUE", strings.Join(names, ", "))
}

func setCondition(f *store.CaseFilter, name, value string) (err error) {
	switch name {
	case "sender":
		f.Sender = value
	case "update":
		f.Update = ident.UpdateID(value)
	case "id":
		f.DepositID, err = uuid.Parse(value)
		err = wanted(err, "the id that `treasury deposits` lists")
	case "amount":
		f.Least, err = decimal(value)
		f.Largest = f.Least
	case "least":
		f.Least, err = decimal(value)
	case "most":
		f.Largest, err = decimal(value)
	case "since":
		f.Since, err = moment(value)
	case "until":
		f.Until, err = moment(value)
	default:
		err = errors.New("want sender, amount, least, most, since, until, update or id")
	}

	return err
}

func decimal(text string) (*amount.Amount, error) {
	value, err := amount.Parse(text)

	return &value, wanted(err, "a decimal number")
}

// moment reads a time, or a day: its beginning, in UTC.
func moment(text string) (*time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return &at, nil
		}
	}

	return nil, errors.New("want a time such as 2026-11-26T10:30:00Z, or a day such as 2026-11-26")
}

func findDeposit(ctx context.Context, t *tool, arguments []string) error {
	name, value, _ := strings.Cut(arguments[0], "=")
	search := store.DepositSearch{Most: listed}

	var err error

	switch name {
	case "update":
		search.Update = ident.UpdateID(value)
	case "sender":
		search.Sender = ident.Party(value)
	case "account":
		search.Account = value
	case "id":
		search.DepositID, err = uuid.Parse(value)
	default:
		err = errors.New("unknown")
	}

	if err != nil || value == "" {
		return service.UsageError(fmt.Errorf("%q: want update=ID, id=ID, sender=PARTY or account=NAME", arguments[0]))
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	found, err := t.db.SearchDeposits(ctx, treasury, t.party, search)
	if err != nil {
		return err
	}

	return t.printFound(found)
}

func showCase(ctx context.Context, t *tool, arguments []string) error {
	id, err := depositID(arguments[0])
	if err != nil {
		return err
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	list, err := t.db.ListCases(ctx, treasury, store.CaseFilter{DepositID: id, States: deposit.CaseStates(), Most: 1})
	if err != nil {
		return err
	}

	if len(list) == 0 {
		return fmt.Errorf("deposit %s: %w: it was credited when it arrived, its money has not arrived "+
			"(`treasury offers`), or there is none with this id; `treasury find-deposit id=%s` knows", id, store.ErrNotFound, id)
	}

	t.printCase(list[0])

	acts, err := t.db.Acts(ctx, treasury, id.String(), listed)
	if err != nil {
		return err
	}

	return t.printActs(acts)
}

func assignDeposit(ctx context.Context, t *tool, arguments []string) error {
	id, err := depositID(arguments[0])
	if err != nil {
		return err
	}

	state, err := t.db.AssignDeposit(ctx, t.party, id, arguments[1], arguments[2], arguments[3], time.Now())
	if err != nil {
		return refusal(err)
	}

	return t.decided(id, state, "assigned to account "+plain(arguments[1]))
}

func returnDeposit(ctx context.Context, t *tool, arguments []string) error {
	id, err := depositID(arguments[0])
	if err != nil {
		return err
	}

	state, err := t.db.ReturnDeposit(ctx, t.party, id, arguments[1], arguments[2], time.Now())
	if err != nil {
		return refusal(err)
	}

	return t.decided(id, state, "sent back to its sender")
}

func confirmDeposit(ctx context.Context, t *tool, arguments []string) error {
	id, err := depositID(arguments[0])
	if err != nil {
		return err
	}

	state, err := t.db.ConfirmDeposit(ctx, t.party, id, arguments[1], time.Now())
	if err != nil {
		return refusal(err)
	}

	return t.decided(id, state, "dealt with as proposed")
}

func declineDeposit(ctx context.Context, t *tool, arguments []string) error {
	id, err := depositID(arguments[0])
	if err != nil {
		return err
	}

	if _, err := t.db.DeclineDeposit(ctx, t.party, id, arguments[1], arguments[2], time.Now()); err != nil {
		return refusal(err)
	}

	t.printf("deposit %s waits for a decision again; no money has moved\n", id)

	return nil
}

// decided says what a decision has done.
func (t *tool) decided(id uuid.UUID, state deposit.CaseState, what string) error {
	switch state {
	case deposit.Proposed:
		t.printf("deposit %s is to be %s when another person confirms it: treasury confirm-deposit %s OPERATOR. "+
			"No money has moved\n", id, what, id)
	case deposit.Credited:
		t.printf("deposit %s is %s: the money is on the account\n", id, what)
	case deposit.Returning:
		t.printf("deposit %s is being %s: cmd/withdraw pays it as a withdrawal. If that fails, it is listed again\n", id,
			what)
	case deposit.Returned:
		t.printf("deposit %s was sent back already\n", id)
	case deposit.Held, deposit.Open:
		t.printf("deposit %s could not be sent back, and waits for a decision again\n", id)
	}

	return nil
}

func depositID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return id, service.UsageError(fmt.Errorf("deposit %q: want the id that `treasury deposits` lists", text))
	}

	return id, nil
}

func showActs(ctx context.Context, t *tool, arguments []string) error {
	subject := ""
	if len(arguments) > 0 {
		subject = arguments[0]
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	acts, err := t.db.Acts(ctx, treasury, subject, listed)
	if err != nil {
		return err
	}

	if len(acts) == 0 {
		t.printf("nothing was decided by a person\n")
	}

	return t.printActs(acts)
}
