package payments

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// What should hold, beside what holds of every history.
const (
	paidOnce       = "no withdrawal is paid twice"
	paidAsAsked    = "every payment has the token, the amount, the receiver and the memo that were asked for"
	endsAsLedger   = "every withdrawal is where the ledger says"
	noneLost       = "every request that was taken is there, as it was asked for, and no other is"
	noStranger     = "nothing leaves the treasury that nobody asked for"
	allEnded       = "every withdrawal ends, and with it what was reserved for it"
	accountsAsPaid = "every account holds what was paid into it less what was paid out of it"
	eventsAsStates = "every state of a withdrawal is told exactly once"
	inputsAsKept   = "every payment spends exactly what was reserved for it"
	buriedAlive    = "an attempt is given up only when history has passed its record time"
	reservedOnce   = "no holding is given to two withdrawals"
	answersHold    = "a request is answered the same however often it is made"
	noFalseAlarm   = "nothing is frozen as long as the node prepares what it is asked for"
	noComplaint    = "the programs find nothing that they should never have left behind"
	reconcileClean = "the operator's reconciliation is clean"
)

// checker compares a treasury's rows with the truth and with what the exchange was told.
type checker struct {
	verdict.History

	requests []*request
	// paid are the treasury's payments by the withdrawal that they name.
	paid     map[string][]sandbox.Transfer
	deposits []sandbox.Transfer
	restored bool
	// claims is how often the meddler said that something is on the ledger which is not.
	claims int
	// workflow is the token whose accepted offers wait for their registrar.
	workflow ident.Instrument
	rows     map[string]row
}

// row is a withdrawal in the database.
type row struct {
	ID, Origin, State, Reason, Waiting, Account, Admin, Instrument, Amount, Receiver, Memo string
}

// Check compares the database with what happened on the ledger, without any of the programs' own code but the operator's
// reconciliation. Run must have ended. An error means that nothing was compared.
func (c *Campaign) Check(ctx context.Context) ([]verdict.Violation, error) {
	var found []verdict.Violation

	if twice := c.doubled.Load(); twice != nil {
		found = append(found, *twice)
	}

	for _, broken := range c.exchange.broken {
		found = append(found, verdict.Violation{Promise: answersHold, Detail: broken})
	}

	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

	err := pgx.BeginTxFunc(ctx, c.db.Pool(), options, func(tx pgx.Tx) error {
		seen, err := c.checkIn(ctx, tx)
		found = append(found, seen...)

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("check the database: %w", err)
	}

	if out, err := c.operate(ctx, "reconcile"); err != nil {
		found = append(found, verdict.Violation{Promise: reconcileClean, Detail: strings.TrimSpace(out)})
	}

	return found, c.summarize(ctx)
}

// checkIn checks what one transaction sees.
func (c *Campaign) checkIn(ctx context.Context, tx pgx.Tx) ([]verdict.Violation, error) {
	happened, err := verdict.Ask(c.ledger, c.party)
	if err != nil {
		return nil, err
	}

	k := &checker{
		History:  verdict.History{Checker: verdict.Checker{Tx: tx, Treasury: int32(c.treasury)}, Truth: happened},
		requests: c.exchange.all(), paid: map[string][]sandbox.Transfer{}, restored: c.report.Restores > 0,
		claims: c.meddler.Counts()["claims"], workflow: c.ledger.AcmeToken(),
	}

	for _, t := range c.ledger.Transfers() {
		if t.Sender == c.party {
			k.paid[withdrawalID(t)] = append(k.paid[withdrawalID(t)], t)
		} else if t.Receiver == c.party {
			k.deposits = append(k.deposits, t)
		}
	}

	for _, check := range []func(context.Context) error{
		k.read, k.withdrawals, k.strangers, k.ended, k.accounts, k.events, k.inputs, k.seen, k.frozen,
		k.Updates, k.Numbers, k.Cursor, k.Holdings, k.LookAlikes, k.Offers, k.Movements, k.Balances, k.EventOrder, k.Catalogued,
	} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}

	return k.Found, nil
}

func (k *checker) read(ctx context.Context) error {
	rows, err := k.Tx.Query(ctx, `SELECT withdrawal_id, origin, state, reason, waiting, coalesce(account, ''), admin, instrument_id, amount::text, receiver,
			`+verdict.MemoSQL+` FROM withdrawals JOIN instruments USING (instrument_no) WHERE treasury_id = $1 AND kind = 'customer'`, k.Treasury)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	k.rows = make(map[string]row, len(list))
	for _, r := range list {
		k.rows[r.ID] = r
	}

	return nil
}

// withdrawals holds each request against its row and against its payments.
func (k *checker) withdrawals(context.Context) error {
	asked := map[string]bool{}

	for _, r := range k.requests {
		asked[r.id] = true
		have, there := k.rows[r.id]

		switch {
		case r.taken && !there && !(r.lost && r.cancelled):
			k.Reportf(noneLost, "%s was taken and is gone", r.id)
		case !r.taken && !r.lost && there:
			k.Reportf(noneLost, "%s was refused (%s) and is there: %s", r.id, r.refused, have.State)
		case there:
			k.asAsked(r, have)
		}

		k.payments(r, have)
	}

	for id := range k.rows {
		if !asked[id] {
			k.Reportf(noneLost, "%s was never asked for", id)
		}
	}

	return nil
}

func (k *checker) asAsked(r *request, have row) {
	want := row{
		ID: r.id, Origin: "requested", State: have.State, Reason: have.Reason, Waiting: have.Waiting, Account: r.account,
		Admin: string(r.token.Admin), Instrument: r.token.ID, Amount: r.amount.String(), Receiver: string(r.receiver.party), Memo: verdict.MemoLine(r.memo),
	}

	// What a restore took away and history found again is known by its payment alone, until it is asked for again.
	switch {
	case have.Origin == "recovered" && r.lost:
		want.Origin, want.Account, want.Memo = have.Origin, have.Account, have.Memo
	case have.Origin == "adopted" && r.lost:
		want.Origin = have.Origin
	}

	if want != have {
		k.Reportf(noneLost, "%s is %v, asked for as %v", r.id, have, want)
	}

	if r.cancelled && (have.State != "failed" || have.Reason != "cancelled") {
		k.Reportf(endsAsLedger, "%s was cancelled and is %s %s", r.id, have.State, have.Reason)
	}
}

// payments holds a withdrawal's payments against each other, against what was asked for, and against its state.
func (k *checker) payments(r *request, have row) {
	count := verdict.Tally{}

	for _, t := range k.paid[r.id] {
		count[string(t.State)]++

		memo := verdict.MemoLine(t.Memo)
		if r.memo == nil && memo == `"`+r.id+`"` {
			memo = verdict.MemoLine(nil)
		}

		if t.Receiver != r.receiver.party || t.Instrument.Ident() != r.token || !t.Amount.Equal(r.amount) || memo != verdict.MemoLine(r.memo) {
			k.Reportf(paidAsAsked, "%s: %s %s to %s memo %s by %s", r.id, t.Amount, t.Instrument.Ident(), t.Receiver, memo, t.UpdateID)
		}
	}

	// Not even an offer that failed is made again.
	if len(k.paid[r.id]) > 1 {
		k.Reportf(paidOnce, "%s: %v", r.id, count)
	}

	// Of an accepted offer past its deadline history cannot tell whether the registrar refused it or let it expire.
	if have.Reason == string(sandbox.TransferFailed) && r.token == k.workflow && maps.Equal(count, verdict.Tally{string(sandbox.TransferExpired): 1}) {
		return
	}

	if want := have.onLedger(); !maps.Equal(want, count) {
		k.Reportf(endsAsLedger, "%s is %s %s; on the ledger: %v", r.id, orDash(have.State), have.Reason, count)
	}
}

// onLedger counts the transfers that a withdrawal's state stands for.
func (r row) onLedger() verdict.Tally {
	ends := []string{
		string(sandbox.TransferRejected), string(sandbox.TransferWithdrawn), string(sandbox.TransferExpired), string(sandbox.TransferFailed),
	}

	switch {
	case r.State == "completed", r.State == "offered":
		return verdict.Tally{r.State: 1}
	case r.State == "failed" && slices.Contains(ends, r.Reason):
		return verdict.Tally{r.Reason: 1}
	default:
		return verdict.Tally{}
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}

	return text
}

// strangers looks for payments that no request explains.
func (k *checker) strangers(context.Context) error {
	asked := map[string]bool{}
	for _, r := range k.requests {
		asked[r.id] = r.taken || r.lost
	}

	for id, list := range k.paid {
		for _, t := range list {
			own := strings.HasPrefix(id, "internal:") && t.Receiver == k.Truth.Party && t.State == sandbox.TransferCompleted
			if !own && !asked[id] {
				k.Reportf(noStranger, "%q: %s %s to %s by %s", id, t.Amount, t.Instrument.Ident(), t.Receiver, t.UpdateID)
			}
		}
	}

	return nil
}
