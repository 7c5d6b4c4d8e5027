package deposits

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// What should hold, beside what holds of every history.
const (
	depositsAsPaid    = "every transfer and every offer to the treasury is one deposit, in the state that the ledger says"
	attributedOnce    = "money is attributed once"
	casesRight        = "money that was not credited at once is where its time, or a person, has put it"
	returnedOnce      = "a deposit that goes back goes back once, whole, and to its sender"
	attributedTruly   = "money is credited to whom its memo named when it came, or held or unattributed for a true reason"
	acceptedByUs      = "what the treasury accepts or rejects was decided so, and written down before"
	acceptedRightly   = "an offer is answered only while everything about it is right, or an operator says so"
	verdictsTrue      = "every open offer has a verdict, and it is true"
	verdictsClosed    = "an offer that has ended has no work left"
	frozenIsLeftAlone = "no offer of a frozen token is answered"
	anewInTime        = "an answer is made anew only when the one before cannot happen any more"
	noStranger        = "nothing leaves the treasury but what operators send back"
	accountsAsPaid    = "every account holds what was paid into it"
	eventsAsStates    = "every state of a deposit is told exactly once"
	liesRefused       = "a node that lies gets no signature"
	screenedTruly     = "a screening is what the service said, and nothing else"
	noFalseAlarm      = "nothing is frozen as long as the node prepares what it is asked for"
	noComplaint       = "the programs find nothing that they should never have left behind"
	reconcileClean    = "the operator's reconciliation is clean"
)

// checker compares a treasury's rows with the truth and with what the exchange has said.
type checker struct {
	verdict.History

	grounds *grounds
	// transfers are those to the treasury; offers the same by the contract that was offered.
	transfers []sandbox.Transfer
	offers    map[ident.ContractID]sandbox.Transfer
	elsewhere map[ident.ContractID]bool
	// workflow is the token whose accepted offers wait for their registrar; none if they do not.
	workflow ident.Instrument
	struck   map[string]int

	// back are the payments that carry a deposit back, payments how often each of them was made.
	back     map[uuid.UUID][]sandbox.Transfer
	payments map[string]int
	// failedReturns counts returns that never came to the ledger's end.
	failedReturns map[uuid.UUID]int
	// now is the ledger's time up to which history is ingested.
	now time.Time

	rows  []row
	files map[uuid.UUID]file
}

// row is a deposit in the database.
type row struct {
	ID                           uuid.UUID
	Kind, State, Reason, Account string
	Admin                        ident.Party
	Instrument, Amount           string
	Sender                       ident.Party
	Memo                         *string
	Correlation                  ident.ContractID
	Offered, Settled             string // updates
	Sent, RecordTime             time.Time
}

func (r row) token() ident.Instrument { return ident.Instrument{Admin: r.Admin, ID: r.Instrument} }

// Check compares the database with what happened on the ledger, without any of the programs' own code but the operator's
// reconciliation. Run must have ended. An error means that nothing was compared.
func (c *Campaign) Check(ctx context.Context) ([]verdict.Violation, error) {
	var found []verdict.Violation

	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

	err := pgx.BeginTxFunc(ctx, c.stage.DB.Pool(), options, func(tx pgx.Tx) error {
		var err error
		found, err = c.checkIn(ctx, tx)

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("check the database: %w", err)
	}

	if out, err := c.stage.Operate(ctx, "reconcile"); err != nil {
		found = append(found, verdict.Violation{Promise: reconcileClean, Detail: strings.TrimSpace(out)})
	}

	return found, c.summarize(ctx)
}

// checkIn checks what one transaction sees.
func (c *Campaign) checkIn(ctx context.Context, tx pgx.Tx) ([]verdict.Violation, error) {
	happened, err := verdict.Ask(c.stage.Ledger, c.stage.Party)
	if err != nil {
		return nil, err
	}

	k := &checker{
		History: verdict.History{Checker: verdict.Checker{Tx: tx, Treasury: int32(c.stage.Treasury)}, Truth: happened},
		grounds: &c.grounds, offers: map[ident.ContractID]sandbox.Transfer{}, elsewhere: c.world.elsewhere, struck: c.sky.Struck(),
		back: map[uuid.UUID][]sandbox.Transfer{}, payments: map[string]int{}, failedReturns: map[uuid.UUID]int{},
	}

	if c.network.Workflow == sandbox.AcmePending {
		k.workflow = c.stage.Ledger.AcmeToken()
	}

	for _, t := range c.stage.Ledger.Transfers() {
		switch c.stage.Party {
		case t.Sender:
			k.sentBack(t)
		case t.Receiver:
			k.transfers = append(k.transfers, t)
			k.offers[t.Instruction] = t
		}
	}

	for _, check := range []func(context.Context) error{
		k.read, k.readFiles, k.failed, k.deposits, k.attributions, k.cases, k.answers, k.submissions, k.verdicts, k.work, k.accounts, k.events, k.alarms, k.seen, k.screenings,
		k.Updates, k.Numbers, k.Cursor, k.Holdings, k.LookAlikes, k.Offers, k.Movements, k.Balances, k.EventOrder, k.Catalogued,
	} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}

	return k.Found, nil
}

func (k *checker) read(ctx context.Context) error {
	rows, err := k.Tx.Query(ctx, `SELECT d.deposit_id, d.kind, d.state, d.reason, coalesce(d.account, ''), i.admin, i.instrument_id, d.amount::text, d.sender, d.memo,
			coalesce(d.correlation_id, ''), coalesce(o.update_id, ''), coalesce(s.update_id, ''), coalesce(o.record_time, s.record_time, 'epoch'), coalesce(s.record_time, 'epoch')
		FROM deposits d JOIN instruments i USING (instrument_no)
		LEFT JOIN ledger_updates o ON o.treasury_id = d.treasury_id AND o.update_no = d.offered_no
		LEFT JOIN ledger_updates s ON s.treasury_id = d.treasury_id AND s.update_no = d.settled_no
		WHERE d.treasury_id = $1`, k.Treasury)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	if k.rows, err = pgx.CollectRows(rows, pgx.RowToStructByPos[row]); err != nil {
		return fmt.Errorf("check: %w", err)
	}

	err = k.Tx.QueryRow(ctx, "SELECT coalesce(max(record_time), 'epoch') FROM synchronizer_clocks WHERE treasury_id = $1", k.Treasury).Scan(&k.now)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	return nil
}

// deposits holds the rows against the ledger's transfers, line by line.
func (k *checker) deposits(context.Context) error {
	want, have := verdict.Tally{}, verdict.Tally{}

	for _, t := range k.transfers {
		place := "update " + string(t.UpdateID)
		if t.Instruction != "" {
			place = fmt.Sprintf("offer %s by %s, ended by %s", t.Instruction, t.UpdateID, t.EndedBy)
		}

		want[fmt.Sprintf("%s: %s %s from %s memo %s: %s", place, t.Amount, t.Instrument.Ident(), t.Sender, verdict.MemoLine(t.Memo), k.end(string(t.State), t.Instrument.Ident()))]++
	}

	for _, r := range k.rows {
		place := "update " + r.Settled
		if r.Kind == "offer" {
			place = fmt.Sprintf("offer %s by %s, ended by %s", r.Correlation, r.Offered, r.Settled)
		}

		state := r.State

		switch state {
		case "credited", "held", "unattributed":
			state = string(sandbox.TransferCompleted)
		case "offered":
			state = string(k.offers[r.Correlation].State) // offered, or pending
			if state != string(sandbox.TransferPending) {
				state = r.State
			}
		}

		have[fmt.Sprintf("%s: %s %s from %s memo %s: %s", place, r.Amount, r.token(), r.Sender, verdict.MemoLine(r.Memo), k.end(state, r.token()))]++
	}

	k.Compare(depositsAsPaid, want, have)

	return nil
}

// end is the state of a deposit as far as history can tell it: of an accepted offer past its deadline it cannot tell
// whether the registrar refused it or let it expire.
func (k *checker) end(state string, token ident.Instrument) string {
	if token == k.workflow && (state == string(sandbox.TransferFailed) || state == string(sandbox.TransferExpired)) {
		return "expired or failed"
	}

	return state
}

// beginning is the beginning of a memo, for people.
func beginning(memo *string) string {
	const most = 100

	line := []rune(verdict.MemoLine(memo))

	return fmt.Sprintf("%q", string(line[:min(len(line), most)]))
}

// attributions holds what was decided about money against what the exchange had said when it was decided.
func (k *checker) attributions(ctx context.Context) error {
	// The decision is made a moment before it is stored; nobody knows of money that has not come yet.
	const before = time.Second

	decided := map[uuid.UUID][]time.Time{}

	rows, err := k.Tx.Query(ctx, "SELECT deposit_id, began, ended FROM campaign.attributed")
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	var (
		id          uuid.UUID
		began, done time.Time
	)

	if _, err := pgx.ForEachRow(rows, []any{&id, &began, &done}, func() error {
		decided[id] = append(decided[id], began, done)

		return nil
	}); err != nil {
		return fmt.Errorf("check: %w", err)
	}

	for _, r := range k.rows {
		times, money := decided[r.ID], r.State == "credited" || r.State == "held" || r.State == "unattributed"

		switch {
		case money && len(times) != 2, !money && len(times) != 0:
			k.Reportf(attributedOnce, "%s is %s %s and was attributed %d times", r.ID, r.State, r.Reason, len(times)/2)
		case money:
			from := times[0].Add(-before)
			if r.RecordTime.After(from) {
				from = r.RecordTime.Add(-before / 10)
			}

			if possible := k.possible(r, from, times[1]); !possible[attribution{r.State, r.Reason, r.Account}] {
				k.Reportf(attributedTruly, "%s: %s %s to %q, memo %s, at %s; possible were %v", r.ID, r.State, r.Reason, r.Account, beginning(r.Memo), times[0], possible)
			}
		}
	}

	return nil
}

type attribution struct{ state, reason, account string }

// possible is what may have been right to decide about money in a time.
func (k *checker) possible(r row, from, to time.Time) map[attribution]bool {
	all := map[attribution]bool{}

	value, err := amount.Parse(r.Amount)
	if err != nil {
		return all
	}

	for _, t := range during(k.grounds.terms, r.token(), from, to) {
		for _, m := range k.memosDuring(r.Memo, from, to) {
			for _, blocked := range during(k.grounds.blocked, r.Sender, from, to) {
				for _, later := range k.givenLater(r) {
					all[decide(value, r.Memo, t, m, blocked, later)] = true
				}
			}
		}
	}

	return all
}

func (k *checker) memosDuring(memo *string, from, to time.Time) []memoState {
	if memo == nil {
		return []memoState{{}}
	}

	return during(k.grounds.memos, keyOf(*memo), from, to)
}

func decide(value amount.Amount, memo *string, t terms, m memoState, blocked, later bool) attribution {
	switch reason := memoReason(memo, m); {
	case !t.listed:
		return attribution{"unattributed", "unlisted_instrument", m.account}
	case reason != "":
		return attribution{"unattributed", reason, m.account}
	case value.Cmp(t.minimumDeposit) < 0:
		return attribution{"unattributed", "below_minimum", m.account}
	case blocked:
		return attribution{"unattributed", "sender_blocked", m.account}
	case later && t.wantsTwo(value):
		return attribution{"unattributed", "memo_given_later", m.account}
	case t.screens:
		return attribution{"held", "awaits_screening", m.account}
	case t.delay > 0:
		return attribution{"held", "awaits_time", m.account}
	default:
		return attribution{"credited", "", m.account}
	}
}

// givenLater is whether a deposit's memo was given to its account after the deposit was sent: one, or both if it was given
// just then.
func (k *checker) givenLater(r row) []bool {
	if r.Memo == nil || k.grounds.memos[keyOf(*r.Memo)] == nil {
		return []bool{false}
	}

	line := *k.grounds.memos[keyOf(*r.Memo)]

	for i, s := range line {
		if s.value.account == "" {
			continue
		}

		certain := line[i-1].to // before there is an account there is nobody

		switch {
		case s.from.After(r.Sent):
			return []bool{true}
		case !certain.IsZero() && !certain.After(r.Sent):
			return []bool{false}
		default:
			return []bool{true, false}
		}
	}

	return []bool{false}
}

// memoReason is why a memo names nobody; empty if it names somebody.
func memoReason(memo *string, m memoState) string {
	switch {
	case memo == nil:
		return "missing_memo"
	case *memo == "":
		return "empty_memo"
	case m.account == "":
		return "unknown_memo"
	case !m.enabled:
		return "disabled_memo"
	default:
		return ""
	}
}
