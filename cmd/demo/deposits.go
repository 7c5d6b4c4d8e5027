package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/preapproval"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"

	cryptorand "crypto/rand"
)

const (
	// firstLife is how long the treasury's first preapproval lasts: it lapses while one looks. A new one is there after
	// withoutOne.
	firstLife  = 6 * time.Second
	withoutOne = 6 * time.Second
	// creditDelay is how long deposits of AcmeToken are held, to show that they can be.
	creditDelay = time.Second
	// twoPeopleFrom is the amount from which two operators decide.
	twoPeopleFrom = 30
	// decidedEach is how many deposits the operators assign, and how many they send back; the others stay in the queue.
	decidedEach = 3
	// undecided is the reason of an offer that nobody has looked at yet.
	undecided = "undecided"
	// month is how long before its end a preapproval is to be renewed, and for how long.
	month = 30 * 24 * time.Hour
	// aMoment is how often the operators look into their queue.
	aMoment = time.Second
	// looked is how many deposits an operator looks at.
	looked = 100
)

// setDepositPolicies says how deposits are dealt with.
func (e *exhibit) setDepositPolicies(ctx context.Context) error {
	for _, token := range e.tokens() {
		p := deposit.DefaultPolicy()
		p.Lead = time.Second // the sandbox's short offers end after two
		p.ConfirmFrom = new(amount.FromInt(twoPeopleFrom))

		if token == e.network.AcmeToken() {
			p.CreditDelay = creditDelay
		}

		if err := e.db.SetDepositPolicy(ctx, token, p); err != nil {
			return err
		}
	}

	return nil
}

// newIntake makes Multi-Step Deposit Automation, as cmd/deposit does.
func (e *exhibit) newIntake() (*intake.Service, error) {
	config := intake.Config{Party: e.party, UserID: "ledger-api-user"}
	parts := intake.Parts{
		Node: e.node, Registries: custody.NewDirectory(e.db, nil, clock.System{}, e.serviceLog()), Signer: e.key, DB: e.db,
		Clock: clock.System{}, Logger: e.serviceLog(), Metrics: intake.NewMetrics(e.Metrics), Random: cryptorand.Reader,
	}

	return intake.New(config, parts)
}

// newKeeper makes the keeper of the treasury's preapproval, as cmd/deposit does.
func (e *exhibit) newKeeper() (*preapproval.Keeper, error) {
	settings := preapproval.Settings{MaxCost: "0", Renew: month, Warn: month, Extend: month, Every: aMoment}

	config, err := settings.Config(e.party, "ledger-api-user")
	if err != nil {
		return nil, err
	}

	return preapproval.New(config, preapproval.Parts{
		Node: e.node, Registries: custody.NewDirectory(e.db, nil, clock.System{}, e.serviceLog()), DB: e.db,
		Clock: clock.System{}, Logger: e.serviceLog(), Metrics: preapproval.NewMetrics(e.Metrics),
	})
}

// renew gets a new preapproval some time after the first one has lapsed: its provider is another party, so that the
// keeper can only tell. Meanwhile deposits of Canton Coin are offers.
func (e *exhibit) renew(ctx context.Context) error {
	if !pause(ctx, firstLife+withoutOne) {
		return nil
	}

	if _, err := e.network.PreapproveWith(sandbox.PreapprovalRequest{Receiver: e.party}); err != nil {
		return err
	}

	<-ctx.Done()

	return nil
}

// tellPreapproval prints what the keeper has seen, when it is something else than before.
func (e *exhibit) tellPreapproval(ctx context.Context) error {
	var last deposit.PreapprovalState

	meaning := map[deposit.PreapprovalState]string{
		deposit.NoPreapproval:       "",
		deposit.PreapprovalExpiring: "ends soon, says its keeper: its provider should renew it",
		deposit.PreapprovalLapsed:   "has lapsed: deposits of Canton Coin come as offers now, and are accepted",
		deposit.PreapprovalFine:     "is there again: Canton Coin comes in one step",
	}

	return e.every(ctx, aMoment/2, func(ctx context.Context) error {
		outlook, err := e.db.PreapprovalOutlookOf(ctx, e.treasury)
		if err != nil || outlook.State == last || meaning[outlook.State] == "" {
			return err
		}

		last = outlook.State
		_, _ = fmt.Fprintf(e.Stdout, "  >> The treasury's preapproval %s.\n\n", meaning[last])

		return nil
	})
}

// pause waits; it reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// operate lets two operators look after the money that names nobody: olga decides, and omar confirms what is large.
func (e *exhibit) operate(ctx context.Context) error {
	turn := 0

	return e.every(ctx, aMoment, func(ctx context.Context) error {
		if err := e.confirm(ctx); err != nil {
			return err
		}

		list, err := e.db.ListCases(ctx, e.treasury, store.CaseFilter{
			States: []deposit.CaseState{deposit.Open}, Most: looked,
		})
		if err != nil {
			return err
		}

		for _, c := range list {
			if slices.Contains(e.tokens(), c.Instrument) && turn < 2*decidedEach {
				turn++

				return e.decide(ctx, c, turn)
			}
		}

		return nil
	})
}

// confirm is what omar does: he looks, and agrees.
func (e *exhibit) confirm(ctx context.Context) error {
	list, err := e.db.ListCases(ctx, e.treasury, store.CaseFilter{
		States: []deposit.CaseState{deposit.Proposed}, Most: looked,
	})
	if err != nil {
		return err
	}

	for _, c := range list {
		err := e.db.Enter(ctx, "omar", time.Now(), func(d *store.Door) error {
			_, err := d.DB().ConfirmDeposit(ctx, e.party, c.DepositID, d.Actor, d.Now)

			return err
		})
		if err != nil {
			return err
		}
	}

	return nil
}

// takeBack has the senders of deposits that are on their way back accept what they are offered.
func (e *exhibit) takeBack(ctx context.Context) error {
	list, err := e.db.ListCases(ctx, e.treasury, store.CaseFilter{
		States: []deposit.CaseState{deposit.Returning}, Most: looked,
	})
	if err != nil {
		return err
	}

	for _, c := range list {
		if err := e.answer(account{name: "sender", wallet: c.Sender, offers: accepts}); err != nil {
			return err
		}
	}

	return nil
}

// decide assigns one, and sends the next back.
func (e *exhibit) decide(ctx context.Context, c store.Case, turn int) error {
	err := e.db.Enter(ctx, "olga", time.Now(), func(d *store.Door) (err error) {
		if turn%2 == 1 {
			account := e.accounts[turn/2%len(e.accounts)].name
			_, err = d.DB().AssignDeposit(ctx, e.party, c.DepositID, account, d.Actor, "she sent us the update id", d.Now)
		} else {
			_, err = d.DB().ReturnDeposit(ctx, e.party, c.DepositID, d.Actor, "nobody knows it", d.Now)
		}

		return err
	})

	if _, refused := errors.AsType[*store.RefusedError](err); refused {
		return nil // it stays in the queue, where everybody sees it
	}

	return err
}

// decisions tells what became of the deposits that named nobody, and how many offers there were.
func (e *exhibit) decisions(ctx context.Context) error {
	list, err := e.db.ListCases(ctx, e.treasury, store.CaseFilter{States: deposit.CaseStates(), Most: manyCases})
	if err != nil {
		return err
	}

	released := len(list)
	list = slices.DeleteFunc(list, func(c store.Case) bool { return c.Action == "release" })
	released -= len(list)

	var b strings.Builder

	fmt.Fprintln(&b, "what became of deposits that named nobody:")

	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	waiting := 0

	for _, c := range list {
		if c.State == deposit.Open {
			waiting++

			continue
		}

		said := "no memo"
		if c.Memo != nil {
			said = memo.Shown(*c.Memo)
		}

		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", c.Amount.Short(), e.named(c.Instrument), said, ending(c))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print deposits: %w", err)
	}

	fmt.Fprintf(&b, "  and %d wait for a person; %d others were held for %s of record time and then credited\n", waiting,
		released, creditDelay)
	_, _ = fmt.Fprintln(e.Stdout, b.String())

	return nil
}

// manyCases is how many are read at most.
const manyCases = 100_000

// ending is what became of a deposit, and who said so.
func ending(c store.Case) string {
	who := "by " + c.ProposedBy
	if c.ConfirmedBy != "" {
		who += ", confirmed by " + c.ConfirmedBy
	}

	switch c.State {
	case deposit.Credited:
		return "given to " + c.Account + " " + who
	case deposit.Returned:
		return "sent back to its sender " + who
	case deposit.Returning:
		return "offered back to its sender, who has not answered yet, " + who
	case deposit.Proposed:
		return "to be decided by a second person"
	case deposit.Held, deposit.Open:
	}

	return string(c.State)
}
