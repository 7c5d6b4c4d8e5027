package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// migrate has nothing left to do: every command brings the schema up to date first.
func migrate(_ context.Context, t *tool, _ []string) error {
	t.printf("the database schema is up to date\n")

	return nil
}

func listToken(ctx context.Context, t *tool, arguments []string) error {
	instrument, err := ident.ParseInstrument(arguments[0], arguments[1])
	if err != nil {
		return service.UsageError(err)
	}

	minimum := amount.Zero()

	if len(arguments) > 2 {
		if minimum, err = amount.Parse(arguments[2]); err != nil || minimum.Sign() < 0 {
			return service.UsageError(fmt.Errorf("minimum %q: want a decimal number of at least 0", arguments[2]))
		}
	}

	if err := t.db.ListInstrument(ctx, instrument, minimum, time.Now()); err != nil {
		return err
	}

	t.printf("listed %s; deposits of at least %s are credited\n", named(instrument), minimum.Short())

	return nil
}

var errDifferences = errors.New(
	"the database does not agree with the ledger: nothing should be paid until somebody has looked")

func runReconcile(ctx context.Context, t *tool, _ []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	report, err := reconcile.Run(ctx, t.node, t.db, treasury, t.party)
	if err != nil {
		return err
	}

	t.printReport(report)

	if err := reconcile.Tell(ctx, t.db, treasury, report, time.Now()); err != nil {
		return err
	}

	if report.Broken() {
		if err := t.brake(ctx, treasury, report); err != nil {
			return err
		}
	}

	if !report.Clean() {
		return fmt.Errorf("%d differences: %w", len(report.Differences), errDifferences)
	}

	t.printf("everything agrees\n")

	return nil
}

// restored is for a database that came back from a copy of its disk: it goes on as if nothing had been.
func restored(ctx context.Context, t *tool, _ []string) error {
	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	now := time.Now()
	if err := t.db.NoteRestore(ctx, now); err != nil {
		return err
	}

	barrier, err := t.db.PaymentBarrier(ctx, treasury, now)
	if err != nil {
		return err
	}

	if barrier != nil {
		t.printf("nothing is paid, failed or cancelled until ingested history is past %s\n",
			barrier.UTC().Format(time.RFC3339))
	}

	return nil
}

// brake keeps money from leaving while it is not known how much there is, or whose it is.
func (t *tool) brake(ctx context.Context, treasury store.TreasuryID, report reconcile.Report) error {
	first := report.Differences[0]

	fresh, err := t.db.FreezeWithdrawals(ctx, treasury, store.Freeze{
		Reason: withdrawal.BooksDisagree, At: time.Now(),
		Detail: fmt.Sprintf("%d differences, the first is %s %q: %s",
			len(report.Differences), first.Finding, first.Subject, first.Detail),
	})
	if err != nil {
		return err
	}

	if fresh {
		t.printf("all withdrawals are FROZEN: requests are taken and wait; when the cause is known and gone, " +
			"run treasury unfreeze\n")
	}

	return nil
}

func (t *tool) printReport(report reconcile.Report) {
	t.printf("compared with node %s at offset %d (update number %d): %d holdings, %d open instructions\n",
		plain(report.Participant), report.At, report.UpdateNo, report.Holdings, report.Instructions)

	for _, total := range report.Totals {
		t.printf("  %s holdings %s, accounts %s\n", named(total.Instrument), total.Held, total.Booked)
	}

	for _, d := range report.Differences {
		t.printf("DIFFERENCE %s %s: %s\n", d.Finding, memo.Shown(d.Subject), memo.Line(d.Detail))
	}
}

func rebuild(ctx context.Context, t *tool, arguments []string) error {
	replace := len(arguments) == 0
	if !replace && arguments[0] != "check" {
		return service.UsageError(fmt.Errorf("rebuild %q: want nothing, or check", arguments[0]))
	}

	differences, err := ingest.Rebuild(ctx, t.db, t.party, replace, clock.System{})
	if err != nil {
		return err
	}

	changed := false

	for _, d := range differences {
		t.printf("  %-22s %d rows only in the rebuilt table, %d only in the stored one\n",
			d.Table, d.OnlyRebuilt, d.OnlyStored)
		changed = changed || d.OnlyRebuilt+d.OnlyStored > 0
	}

	switch {
	case !changed:
		t.printf("the rebuilt tables are the same\n")
	case replace:
		t.printf("the rebuilt tables have taken the place of the stored ones\n")
	default:
		t.printf("the rebuilt tables differ; nothing was changed\n")
	}

	return nil
}

func moveNode(ctx context.Context, t *tool, _ []string) error {
	moved, err := ingest.MoveNode(ctx, t.db, t.node, t.party, clock.System{})
	if err != nil {
		return err
	}

	t.printf("ingestion will go on from node %s after its offset %d (before: node %s)\n",
		plain(moved.To), moved.Offset, plain(moved.From))
	t.printf("the newest common update is %s; the node will tell %d updates again that are in the database already, "+
		"and they will be left out by their ids\n", moved.Update, moved.Overlap)

	return nil
}

func pruneRaw(ctx context.Context, t *tool, arguments []string) error {
	age, err := time.ParseDuration(arguments[0])
	if err != nil || age <= 0 {
		return service.UsageError(fmt.Errorf("age %q: want a duration such as 2160h", arguments[0]))
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return err
	}

	deleted, err := t.db.DeleteBodies(ctx, treasury, time.Now().Add(-age))
	if err != nil {
		return err
	}

	t.printf("deleted the raw bodies of %d updates; what was derived from them stays\n", deleted)

	return nil
}
