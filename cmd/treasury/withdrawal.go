package main

import (
	"context"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// advised is what to do about a withdrawal that waits for a reason.
type advised struct {
	reason withdrawal.Reason
	advice string
}

func allAdvice() []advised {
	return []advised{
		{withdrawal.Insufficient, "send the treasury tokens, or `treasury cancel-withdrawal`; " +
			"`treasury status` shows what it holds"},
		{withdrawal.HoldingsBusy, "nothing; if it lasts, see what the others wait for: `treasury withdrawals`"},
		{withdrawal.NeedsMerge, "nothing; if it happens often, let the pool be shaped: pool_target and merge_from of " +
			"`treasury set-policy`"},
		{withdrawal.Queued, "nothing; look at the oldest of `treasury withdrawals`"},
		{withdrawal.Frozen, "find out why: `treasury status` shows the reason, docs/runbooks.md what to look at; " +
			"then `treasury unfreeze`"},
		{withdrawal.IngestionBehind, "see that ingest runs and is near the ledger's end: `treasury status`"},
		{withdrawal.RegistryUnavailable, "see that the places of `treasury set-registry` answer from where withdraw runs"},
		{withdrawal.TokenPaused, "ask the token's issuer; cancel if it takes long"},
		{withdrawal.NodeUnavailable, "see that the validator node is up, and what withdraw logs"},
		{withdrawal.NoTraffic, "buy traffic for the validator node: \"No traffic\" in docs/runbooks.md"},
		{withdrawal.SynchronizerPaused, "wait for the end of the upgrade"},
		{withdrawal.SignerUnavailable, "see that the signer answers, and what withdraw logs"},
		{withdrawal.AwaitsApproval, "somebody else than who requested it: `treasury approve-withdrawal`, or `reject-…`"},
		{withdrawal.AwaitsSignature, "`treasury signing export`, sign where the key is, `treasury signing import`"},
		{withdrawal.AwaitsRecordTime, "nothing: it is paid, or tried anew when the target has passed; " +
			"never pay it by other means before that"},
		{withdrawal.RefusedToSign, "treat it as an alarm: \"Refused to sign\" in docs/runbooks.md"},
		{withdrawal.BooksDisagree, "treat it as an alarm: \"Reconciliation finds differences\" in docs/runbooks.md"},
		{withdrawal.Unexplained, "treat it as an alarm: \"A payment without a trace\" in docs/runbooks.md"},
		{withdrawal.DatabaseRestored, "nothing, if the database was meant to be put back: " +
			"it goes on when ingestion is past the moment"},
		{withdrawal.ReturnedOtherwise, "`treasury cancel-withdrawal`, then `treasury return-deposit` once more: " +
			"it books the payment that was made and pays nothing"},
		{withdrawal.ClockDiffers, "set the clocks of this machine and of the database's right"},
		{withdrawal.NodeRefuses, "read the detail: usually a right of the ledger user or a package of the token is missing"},
		{withdrawal.Refused, "read the detail; if it does not go away, cancel and pay after the cause is found"},
	}
}

// advice is empty where a withdrawal moves by itself.
func advice(r withdrawal.Reason) string {
	for _, a := range allAdvice() {
		if a.reason == r {
			return a.advice
		}
	}

	return ""
}

func showWithdrawal(ctx context.Context, t *tool, arguments []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	w, err := t.db.ShowWithdrawal(ctx, treasury, arguments[0])
	if err != nil {
		return err
	}

	attempts, err := t.db.ListAttempts(ctx, treasury, w.ID)
	if err != nil {
		return err
	}

	t.printWithdrawal(w, time.Now())

	for _, a := range attempts {
		t.printAttempt(a)
	}

	t.printStanding(w)

	return nil
}

func (t *tool) printWithdrawal(w store.ListedWithdrawal, now time.Time) {
	t.printf("withdrawal   %s\n", plain(w.ID))
	t.printf("amount       %s %s\n", w.Amount.Short(), named(w.Instrument))
	t.printf("receiver     %s\n", plain(w.Receiver))

	switch {
	case w.Memo != nil:
		t.printf("memo         %s, which the receiver reads; the withdrawal's id stands beside it\n", memo.Shown(*w.Memo))
	case !w.Recovered:
		t.printf("memo         none of its own: the receiver reads the withdrawal's id\n")
	}

	switch {
	case w.Recovered:
		t.printf("origin       found on the ledger; no request for it is in the database\n")
	case w.Kind == withdrawal.Internal:
		t.printf("origin       the treasury's own: a %s of its holdings", w.Purpose)

		if w.Serves != "" {
			t.printf(" that %s waits for", plain(w.Serves))
		}

		t.printf("\n")
	default:
		t.printf("account      %s\n", memo.Shown(w.Account))
	}

	if w.RequestedAt != nil {
		t.printf("requested    %s, %s ago\n", stamp(*w.RequestedAt), short(now.Sub(*w.RequestedAt)))
	}

	if w.OfferedBy != "" {
		t.printf("offer        %s, made by update %s\n", plain(w.Correlation), w.OfferedBy)
	}

	if w.ExecuteBefore != nil {
		t.printf("             to be accepted before %s\n", stamp(*w.ExecuteBefore))
	}

	if w.SettledBy != "" {
		t.printf("ended by     update %s\n", w.SettledBy)
	}

	if w.RecordTime != nil {
		t.printf("on ledger    at record time %s\n", stamp(*w.RecordTime))
	}
}

func (t *tool) printAttempt(a store.ListedAttempt) {
	what := "pays"
	if a.Kind == store.Reclaim {
		what = "takes the offer back"
	}

	t.printf("\nattempt %-4d %s, begun %s: %s\n", a.Number, what, stamp(a.CreatedAt), result(a))
	t.printf("  inputs     %d, worth %s\n", len(a.Inputs), a.Total.Short())

	for _, id := range a.Inputs {
		t.printf("             %s\n", id)
	}

	t.printf("  target     record time %s on %s\n", stamp(a.Target), a.Synchronizer)

	if a.Result == "" {
		t.printf("             %s\n", untilTarget(a))
	}

	if a.Hash == "" {
		return
	}

	t.printf("  written    down %d times, last %s, as %s with hash %s\n",
		a.Preparations, stampOf(a.PreparedAt), a.Scheme, a.Hash)
	t.printf("             command id %s, submission id %s\n", a.CommandID, a.SubmissionID)

	if a.Delivery != "" {
		t.printf("             the registry says that it is delivered as %s\n", memo.Shown(a.Delivery))
	}

	if a.Answer != withdrawal.Unanswered || a.Executions > 0 {
		t.printf("  submitted  again %d times; the node last said %q\n", a.Executions, string(a.Answer))
	}

	if a.Error != "" {
		t.printf("             %s\n", said(a.Error))
	}
}

// untilTarget says where the ledger's time is.
func untilTarget(a store.ListedAttempt) string {
	switch {
	case a.Clock == nil:
		return "nothing of this synchronizer is ingested yet"
	case a.Clock.After(a.Target):
		return fmt.Sprintf("history is at %s, past it: if it is not on the ledger now, it never will be", stamp(*a.Clock))
	default:
		return fmt.Sprintf("history is at %s, %s before it: it may still be paid",
			stamp(*a.Clock), a.Target.Sub(*a.Clock).Round(time.Second))
	}
}

// result says how an attempt has ended, or how far it has come.
func result(a store.ListedAttempt) string {
	switch {
	case a.Result == "committed":
		return "committed, found in history"
	case a.Result == "dead":
		return "dead: its time has passed without it"
	case a.Result == "dropped":
		return "dropped before anything was submitted"
	case a.IsSigned:
		return "signed"
	case a.IsPrepared:
		return "prepared, not signed"
	default:
		return "not prepared yet"
	}
}

// printStanding says what a withdrawal's state means, what it waits for, and what to do.
func (t *tool) printStanding(w store.ListedWithdrawal) {
	t.printf("\nstate        %s: %s\n", w.State, meaning(w.State))

	if e, ok := withdrawal.Explain(w.Reason); ok {
		t.printf("because      %s: %s\n", e.Reason, e.Sentence)
	}

	if e, ok := withdrawal.Explain(w.Waiting); ok {
		t.printf("waits        %s: %s\n", e.Reason, e.Sentence)
	}

	if w.Detail != "" {
		t.printf("detail       %s\n", said(w.Detail))
	}

	switch {
	case w.State.Final():
		t.printf("to do        nothing\n")
	case advice(w.Waiting) != "":
		t.printf("to do        %s\n", advice(w.Waiting))
	default:
		t.printf("to do        nothing; it moves by itself while withdraw and ingest run\n")
	}
}

// meaning is a state in words.
func meaning(s withdrawal.State) string {
	switch s {
	case withdrawal.Requested:
		return "the money is set aside, nothing is reserved; it can be cancelled"
	case withdrawal.Reserved:
		return "its holdings are reserved, nothing was submitted"
	case withdrawal.Submitted:
		return "a payment may be under way"
	case withdrawal.Offered:
		return "on the ledger; the receiver has to accept it"
	case withdrawal.Completed:
		return "paid"
	case withdrawal.Failed:
		return "not paid; the money is back on the account it came from"
	default:
		return "unknown"
	}
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func stampOf(at *time.Time) string {
	if at == nil {
		return "never"
	}

	return stamp(*at)
}
