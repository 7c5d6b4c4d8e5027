package deposits

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/token"
)

// file is what became of money that was not credited at once, in the database.
type file struct {
	ID                                              uuid.UUID
	State, Reason, Action, Account                  string
	ConfirmedBy, Withdrawal, WithdrawalState, Waits string
	ReleaseAt                                       time.Time
	// Steps and Told are how many steps it has made, and how many of them were told.
	Steps, Told int
}

func (k *checker) readFiles(ctx context.Context) error {
	rows, err := k.Tx.Query(ctx, `SELECT c.deposit_id, c.state, c.reason, c.action, coalesce(c.account, ''), c.confirmed_by, coalesce(c.withdrawal_id, ''),
			coalesce(w.state, ''), coalesce(w.waiting, ''), coalesce(c.release_at, 'epoch'), c.steps, coalesce(e.told, 0)::int
		FROM deposit_cases c LEFT JOIN withdrawals w USING (treasury_id, withdrawal_id)
		LEFT JOIN (SELECT subject, count(*) AS told FROM events WHERE treasury_id = $1 AND type LIKE 'deposit.%' AND type <> 'deposit.screened' AND update_no = 0 GROUP BY subject) AS e
			ON e.subject = c.deposit_id::text
		WHERE c.treasury_id = $1`, k.Treasury)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[file])
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	k.files = make(map[uuid.UUID]file, len(list))
	for _, f := range list {
		k.files[f.ID] = f
	}

	return nil
}

// sentBack notes a payment of the treasury by the deposit that it says it carries back.
func (k *checker) sentBack(t sandbox.Transfer) {
	id := t.Meta[token.KeyWithdrawal]
	if id == "" && t.Memo != nil {
		id = *t.Memo
	}

	if t.Receiver == k.Truth.Party && strings.HasPrefix(id, "internal:") && t.State == sandbox.TransferCompleted {
		return // merged
	}

	name, _, _ := strings.Cut(strings.TrimPrefix(id, "return:"), ":")

	deposit, err := uuid.Parse(name)
	if err != nil || !strings.HasPrefix(id, "return:") {
		k.Reportf(noStranger, "%q: %s %s to %s by %s", id, t.Amount, t.Instrument.Ident(), t.Receiver, t.UpdateID)

		return
	}

	k.back[deposit] = append(k.back[deposit], t)
	k.payments[id]++
}

// cases holds what became of money that was not credited at once against what operators said, and against the ledger.
func (k *checker) cases(context.Context) error {
	mine := map[uuid.UUID]bool{}

	for _, r := range k.rows {
		f, there := k.files[r.ID]
		mine[r.ID] = true

		switch waits := r.State == "held" || r.State == "unattributed"; {
		case waits != there:
			k.Reportf(casesRight, "%s is %s, and has a case: %t", r.ID, r.State, there)
		case there:
			k.file(r, f)
		}

		k.returns(r, f)
	}

	for id := range k.files {
		if !mine[id] {
			k.Reportf(casesRight, "a case of %s, which is no deposit", id)
		}
	}

	for id, list := range k.back {
		if !mine[id] {
			k.Reportf(noStranger, "%d payments carry back %s, which is no deposit", len(list), id)
		}
	}

	for id, n := range k.payments {
		if n > 1 {
			k.Reportf(returnedOnce, "%s was paid %d times", id, n)
		}
	}

	return nil
}

func (k *checker) file(r row, f file) {
	if f.Steps != f.Told {
		k.Reportf(eventsAsStates, "the case of %s has made %d steps and %d were told", r.ID, f.Steps, f.Told)
	}

	if why := k.wrong(r, f); why != "" {
		k.Reportf(casesRight, "%s was %s %s when it came, and is %s %s %s to %q: %s; said was %v", r.ID, r.State, r.Reason, f.State, f.Reason, f.Action, f.Account, why,
			k.grounds.decisions[r.ID])
	}
}

// wrong is what is wrong with a case; empty if nothing is.
func (k *checker) wrong(r row, f file) string {
	switch {
	case f.State == "held":
		return k.wronglyHeld(r, f)
	case f.State == "open":
		return k.wronglyOpen(r, f)
	case f.State == "credited" && f.Action == "release":
		if r.State != "held" || f.Account != r.Account {
			return "it was not held for this account"
		}

		if k.unscreened(r) {
			return "the screening service did not pass it"
		}

		return ""
	case f.State == "returning" && f.Waits != "insufficient_holdings":
		return "it is still on its way: " + f.WithdrawalState + " " + f.Waits
	default:
		return k.wronglyDecided(r, f)
	}
}

// wronglyHeld is why a deposit should not be held any more. A changed account or sender matters when its time has come.
func (k *checker) wronglyHeld(r row, f file) string {
	terms, memo, blocked := atLast(k.grounds.terms, r.token()), atLast(k.grounds.memos, keyOf(*r.Memo)), atLast(k.grounds.blocked, r.Sender)
	due := !k.now.Before(f.ReleaseAt)

	switch {
	case r.State != "held":
		return "nothing holds it"
	case f.Reason == "awaits_time" && !due:
		return ""
	default:
		return fmt.Sprintf("until %s, at %s; account enabled %t, sender blocked %t, screened %t", f.ReleaseAt, k.now, memo.enabled, blocked, terms.screens)
	}
}

// wronglyOpen is why a deposit does not wait for a person for the reason that it has.
func (k *checker) wronglyOpen(r row, f file) string {
	switch {
	case f.Reason == "return_failed" && k.said(r, "return", "") && len(k.back[r.ID])+k.failedReturns[r.ID] > 0,
		r.State == "unattributed" && f.Reason == r.Reason,
		r.State == "held" && f.Reason == "by_operator" && k.said(r, "decline", ""),
		r.State == "held" && k.stopped(r, f.Reason):
		return ""
	case r.State == "held" && f.Reason == "disabled_memo":
		for _, m := range k.memosDuring(r.Memo, r.RecordTime, k.now.Add(time.Minute)) {
			if !m.enabled {
				return ""
			}
		}
	case r.State == "held" && f.Reason == "sender_blocked":
		if slices.Contains(during(k.grounds.blocked, r.Sender, r.RecordTime, k.now.Add(time.Minute)), true) {
			return ""
		}
	}

	return "that is not why"
}

// wronglyDecided is why nobody has decided what is said to be decided, or not those who must.
func (k *checker) wronglyDecided(r row, f file) string {
	account := ""
	if f.Action == "assign" {
		account = f.Account
	}

	if !k.said(r, f.Action, account) {
		return "nobody said so"
	}

	if f.State == "proposed" {
		return ""
	}

	if f.ConfirmedBy != "" {
		if !k.said(r, "confirm", "") {
			return "nobody confirmed it"
		}

		return ""
	}

	value, err := amount.Parse(r.Amount)
	if err != nil {
		return err.Error()
	}

	for _, d := range k.grounds.decisions[r.ID] {
		if d.action != f.Action || d.account != account {
			continue
		}

		for _, t := range during(k.grounds.terms, r.token(), d.from, d.to) {
			if !t.wantsTwo(value) {
				return ""
			}
		}
	}

	return "it takes two to decide about so much"
}

// said reports whether an operator may have said something about a deposit: who got no answer may have been heard.
func (k *checker) said(r row, action, account string) bool {
	return slices.ContainsFunc(k.grounds.decisions[r.ID], func(d decision) bool { return d.action == action && (account == "" || d.account == account) })
}

// returns holds a deposit against the payments that carry it back.
func (k *checker) returns(r row, f file) {
	standing := 0

	for _, t := range k.back[r.ID] {
		if t.Receiver != r.Sender || t.Instrument.Ident() != r.token() || t.Amount.String() != r.Amount {
			k.Reportf(returnedOnce, "%s of %s %s from %s went back as %s %s to %s", r.ID, r.Amount, r.token(), r.Sender, t.Amount, t.Instrument.Ident(), t.Receiver)
		}

		if !k.said(r, "return", "") {
			k.Reportf(noStranger, "%s went back to %s, and nobody said so", r.ID, t.Receiver)
		}

		if t.State == sandbox.TransferCompleted || t.State == sandbox.TransferOffered || t.State == sandbox.TransferPending {
			standing++
		}
	}

	if want := map[bool]int{true: 1}[f.State == "returned"]; standing != want {
		k.Reportf(returnedOnce, "%s is %s and was sent back %d times", r.ID, orDash(f.State), standing)
	}
}

// place is where the money of a deposit is: the kind of account, and whose. It is nowhere if it was never here, or is not
// any more.
func (k *checker) place(r row) (kind, account string) {
	f, there := k.files[r.ID]

	switch {
	case r.State == "credited":
		return "customer", r.Account
	case !there || f.State == "returned":
		return "", ""
	case f.State == "credited":
		return "customer", f.Account
	case f.State == "returning":
		return "withdrawals", ""
	default:
		return r.State, ""
	}
}

// failed counts the returns that failed before they were on the ledger.
func (k *checker) failed(ctx context.Context) error {
	lines, err := k.Tally(ctx, `SELECT split_part(withdrawal_id, ':', 2) FROM withdrawals WHERE treasury_id = $1 AND kind = 'return' AND state = 'failed'`)
	if err != nil {
		return err
	}

	for line, n := range lines {
		if id, err := uuid.Parse(line); err == nil {
			k.failedReturns[id] = n
		}
	}

	return k.None(ctx, casesRight, `SELECT withdrawal_id || ' is ' || state || ' ' || waiting FROM withdrawals
		WHERE treasury_id = $1 AND kind = 'customer'`)
}
