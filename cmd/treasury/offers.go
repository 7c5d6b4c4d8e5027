package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

func offerCommands() []command {
	return []command{
		{"set-deposit-policy", "ADMIN ID [NAME=VALUE…]", "say how deposits of a token are dealt with, and print it; " +
			"without NAME=VALUE only print", 2, many, database, setDepositPolicy},
		{"offers", "[VERDICT]", "list open offers and what becomes of each: accept, hold, ignore or reject", 0, 1, treasury,
			listOffers},
		{"offer", "ID accept|hold|ignore|reject|decide OPERATOR NOTE", "say what becomes of an open offer, whatever its " +
			"memo, amount and sender; decide leaves it to the rules again", 4, 4, treasury, sayOffer},
		{"retry-offer", "ID", "take up an offer again that was tried too often", 1, 1, treasury, retryOffer},
		{"block-sender", "PARTY OPERATOR NOTE", "accept no offers of a party, and credit its deposits only by a person", 3, 3,
			treasury, blockSender},
		{"unblock-sender", "PARTY OPERATOR NOTE", "deal with a party's offers and deposits as with others' again", 3, 3,
			treasury, unblockSender},
	}
}

// depositSettings are all columns of deposit_policies, in their order.
func depositSettings() []setting[deposit.Policy] {
	type policy = deposit.Policy

	return []setting[policy]{
		flagged("accept_offers", "whether offers are accepted at all", func(p *policy) *bool { return &p.AcceptOffers }),
		money("minimum_offer", "least amount of an offer", func(p *policy) *amount.Amount { return &p.MinimumOffer }),
		span("lead_seconds", "how much time must be left until an offer's deadline", func(p *policy) *time.Duration {
			return &p.Lead
		}),
		span("window_seconds", "how far ahead the last record time of an answer is", func(p *policy) *time.Duration {
			return &p.Window
		}),
		count("max_tries", "failures after which an offer is left to a person", func(p *policy) *int { return &p.MaxTries }),
		flagged("screen", "whether a screening service must have passed an offer before it is accepted, and a deposit "+
			"before it is credited", func(p *policy) *bool { return &p.Screen }),
		span("credit_delay_seconds", "how much record time passes before a deposit is credited",
			func(p *policy) *time.Duration { return &p.CreditDelay }),
		optionalMoney("confirm_from", "amount from which a second person confirms what one decides about a deposit",
			func(p *policy) **amount.Amount { return &p.ConfirmFrom }),
	}
}

func setDepositPolicy(ctx context.Context, t *tool, arguments []string) error {
	instrument, err := ident.ParseInstrument(arguments[0], arguments[1])
	if err != nil {
		return service.UsageError(err)
	}

	policies, err := t.db.DepositPolicies(ctx)
	if err != nil {
		return err
	}

	policy, own := policies[instrument]
	if !own {
		policy = deposit.DefaultPolicy()
	}

	if assignments := arguments[2:]; len(assignments) > 0 {
		if err := assign(&policy, depositSettings(), assignments); err != nil {
			return service.UsageError(err)
		}

		if err := policy.Validate(); err != nil {
			return service.UsageError(err)
		}

		if err := t.db.SetDepositPolicy(ctx, instrument, policy); err != nil {
			return unlisted(err)
		}
	}

	t.printf("deposits of %s are dealt with like this, once it is listed:\n", named(instrument))

	return printSettings(t, &policy, depositSettings())
}

func listOffers(ctx context.Context, t *tool, arguments []string) error {
	verdicts := deposit.Verdicts()

	if len(arguments) > 0 {
		verdict, err := verdictOf(arguments[0])
		if err != nil {
			return service.UsageError(err)
		}

		verdicts = []deposit.Verdict{verdict}
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	list, err := t.db.ListOffers(ctx, treasury, verdicts, listed)
	if err != nil {
		return err
	}

	return t.printOffers(list, time.Now())
}

func verdictOf(text string) (deposit.Verdict, error) {
	for _, v := range deposit.Verdicts() {
		if string(v) == text {
			return v, nil
		}
	}

	return "", fmt.Errorf("verdict %q: want accept, hold, ignore or reject", text)
}

func (t *tool) printOffers(list []store.ListedOffer, now time.Time) error {
	if len(list) == 0 {
		t.printf("none\n")

		return nil
	}

	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "ID\tVERDICT\tWHY\tWORK\tAMOUNT\tTOKEN\tMEMO\tSENDER\tENDS\tDETAIL\n")

	for _, o := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", o.DepositID, o.Verdict, dash(string(o.Reason)),
			o.Work, o.Amount.Short(), plain(o.Instrument.ID), memoOf(o.Memo), plain(o.Sender), ends(o.Deadline, now),
			detail(o.Detail))
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print offers: %w", err)
	}

	if len(list) == listed {
		t.printf("only %d are listed; there may be more\n", listed)
	}

	return nil
}

// dash stands for nothing in a table; what there is may be a stranger's and is quoted unless it is a plain word.
func dash(text string) string {
	if text == "" {
		return "-"
	}

	return plain(text)
}

// detail is dash for a sentence, which is shown whole.
func detail(text string) string {
	if text == "" {
		return "-"
	}

	return said(text)
}

func ends(deadline, now time.Time) string {
	if left := deadline.Sub(now); left > 0 {
		return "in " + short(left)
	}

	return "passed"
}

func sayOffer(ctx context.Context, t *tool, arguments []string) error {
	id, err := offerID(arguments[0])
	if err != nil {
		return err
	}

	// The empty verdict takes back what was said before.
	var verdict deposit.Verdict

	if word := arguments[1]; word != "decide" {
		if verdict, err = verdictOf(word); err != nil {
			return service.UsageError(err)
		}
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	if err := t.db.OperatorVerdict(ctx, treasury, id, verdict, arguments[2], arguments[3], time.Now()); err != nil {
		return noOffer(err, "it has ended, or there is none with this id; nothing was changed")
	}

	if verdict == "" {
		t.printf("offer %s is left to the rules again\n", id)
	} else {
		t.printf("offer %s: %s, when deposit looks at it next. What was submitted before may still happen\n", id, verdict)
	}

	return nil
}

func retryOffer(ctx context.Context, t *tool, arguments []string) error {
	id, err := offerID(arguments[0])
	if err != nil {
		return err
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	if err := t.db.RetryOffer(ctx, treasury, id, time.Now()); err != nil {
		return noOffer(err, "no open offer with this id was given up; nothing was changed")
	}

	t.printf("offer %s is tried again\n", id)

	return nil
}

func offerID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return id, service.UsageError(fmt.Errorf("offer %q: want the id that `treasury offers` lists", text))
	}

	return id, nil
}

func noOffer(err error, meaning string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %s", err, meaning)
	}

	return err
}

func blockSender(ctx context.Context, t *tool, arguments []string) error {
	party, err := ident.ParseParty(arguments[0])
	if err != nil {
		return service.UsageError(err)
	}

	treasury, err := t.db.EnsureTreasury(ctx, t.party, time.Now())
	if err != nil {
		return err
	}

	if err := t.db.BlockSender(ctx, treasury, party, arguments[1], arguments[2], time.Now()); err != nil {
		return err
	}

	t.printf("offers of %s are not accepted any more. What it transfers in one step still arrives, "+
		"and waits for a person\n", party)

	return nil
}

func unblockSender(ctx context.Context, t *tool, arguments []string) error {
	party, err := ident.ParseParty(arguments[0])
	if err != nil {
		return service.UsageError(err)
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	blocked, err := t.db.UnblockSender(ctx, treasury, party, arguments[1], arguments[2], time.Now())
	if err != nil {
		return err
	}

	if blocked {
		t.printf("offers of %s are accepted again; those that are open are decided anew\n", party)
	} else {
		t.printf("%s was not blocked\n", party)
	}

	return nil
}
