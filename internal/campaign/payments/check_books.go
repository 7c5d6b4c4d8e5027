package payments

import (
	"context"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// ended looks for what should have come to an end. Only who cannot be paid may wait, for as long as the treasury has less.
func (k *checker) ended(ctx context.Context) error {
	for _, query := range []string{
		`SELECT withdrawal_id || ' is ' || state || ' ' || waiting || ' ' || detail FROM withdrawals
		 WHERE treasury_id = $1 AND state NOT IN ('completed', 'failed') AND (state, waiting) <> ('requested', 'insufficient_holdings')`,
		`SELECT contract_id || ' is still reserved for ' || withdrawal_id FROM reservations WHERE treasury_id = $1`,
		`SELECT 'attempt ' || attempt || ' of ' || withdrawal_id || ' is still alive' FROM withdrawal_attempts WHERE treasury_id = $1 AND result IS NULL`,
		`SELECT withdrawal_id || ' is ' || state || ' with ' || count(*) || ' attempts that committed' FROM withdrawals JOIN withdrawal_attempts a USING (treasury_id, withdrawal_id)
		 WHERE treasury_id = $1 AND a.kind = 'pay' AND a.result = 'committed' GROUP BY withdrawal_id, state HAVING count(*) > 1`,
	} {
		if err := k.None(ctx, allEnded, query); err != nil {
			return err
		}
	}

	return nil
}

// sums are accounts being summed.
type sums map[string]amount.Amount

func (s sums) add(kind, account string, i ident.Instrument, value amount.Amount) error {
	key := fmt.Sprintf("%s %s %s", kind, orDash(account), i)

	sum, err := s[key].Add(value)
	s[key] = sum

	return err
}

// accounts sums what deposits and withdrawals should have left in each account. Fees are what is left when everything
// else is right, because the accounts sum to zero.
func (k *checker) accounts(ctx context.Context) error {
	s := sums{}

	for _, t := range k.deposits {
		if t.State != sandbox.TransferCompleted {
			continue
		}

		if err := s.add("customer", (*t.Memo)[len(memoOf("")):], t.Instrument.Ident(), t.Amount); err != nil {
			return err
		}
	}

	for _, h := range k.Truth.Holdings {
		if err := s.add("network", "", h.Instrument.Ident(), h.Amount.Neg()); err != nil {
			return err
		}
	}

	for _, r := range k.requests {
		if err := k.book(s, r); err != nil {
			return err
		}
	}

	want := verdict.Tally{}

	for key, sum := range s {
		if !sum.IsZero() {
			want[key+" "+sum.String()]++
		}
	}

	have, err := k.Tally(ctx, `SELECT account_kind || ' ' || coalesce(nullif(account, ''), '-') || ' ' || `+verdict.InstrumentSQL+` || ' ' || sum(amount)
		FROM postings JOIN instruments USING (instrument_no) WHERE treasury_id = $1 AND account_kind <> 'fees'
		GROUP BY account_kind, account, instrument_id, admin HAVING sum(amount) <> 0`)
	k.Compare(accountsAsPaid, want, have)

	return err
}

// book takes a withdrawal from its customer, as far as it was not given back.
func (k *checker) book(s sums, r *request) error {
	have, there := k.rows[r.id]
	if !there {
		return nil
	}

	if have.Origin == "recovered" { // its request is lost, and with it whose money it was
		if have.State != "completed" {
			return nil
		}

		return s.add("recovered", "", r.token, r.amount.Neg())
	}

	switch have.State {
	case "failed":
		return nil
	case "completed":
		return s.add("customer", r.account, r.token, r.amount.Neg())
	}

	if err := s.add("customer", r.account, r.token, r.amount.Neg()); err != nil {
		return err
	}

	return s.add("withdrawals", "", r.token, r.amount)
}

// events holds what was told of withdrawals against what became of them.
func (k *checker) events(ctx context.Context) error {
	return k.None(ctx, eventsAsStates, `SELECT withdrawal_id || ' is ' || state || ' and was told as requested ' || requested || ', offered ' || offered || ', completed '
			|| completed || ', failed ' || failed || ', waiting again ' || again || ' times, of ' || dead || ' dead attempts'
		FROM (SELECT w.*, count(*) FILTER (WHERE type = 'withdrawal.requested') AS requested, count(*) FILTER (WHERE type = 'withdrawal.offered') AS offered,
				count(*) FILTER (WHERE type = 'withdrawal.completed') AS completed, count(*) FILTER (WHERE type = 'withdrawal.failed') AS failed,
				count(*) FILTER (WHERE type = 'withdrawal.waiting') AS again,
				(SELECT count(*) FROM withdrawal_attempts a WHERE a.kind = 'pay' AND a.result = 'dead' AND (a.treasury_id, a.withdrawal_id) = (w.treasury_id, w.withdrawal_id)) AS dead
			FROM withdrawals w LEFT JOIN events e ON e.treasury_id = w.treasury_id AND e.subject = w.withdrawal_id AND e.type LIKE 'withdrawal.%'
			WHERE w.treasury_id = $1 GROUP BY w.treasury_id, w.withdrawal_id) AS told
		WHERE requested <> (kind = 'customer' AND origin = 'requested')::int OR offered <> (offered_no IS NOT NULL)::int
			OR completed <> (state = 'completed')::int OR failed <> (state = 'failed')::int
			OR again > dead OR (state = 'completed' AND again < dead)`)
}

// inputs holds what each payment spent against what was reserved for it. After a restore the attempt that committed may
// be one of which the database knows nothing.
func (k *checker) inputs(ctx context.Context) error {
	query := `SELECT a.withdrawal_id || ' spent ' || s.spent::text || ' of ' || a.inputs::text
		FROM withdrawals w
		JOIN withdrawal_attempts a ON (a.treasury_id, a.withdrawal_id) = (w.treasury_id, w.withdrawal_id) AND a.kind = 'pay' AND a.result = 'committed'
		JOIN ledger_updates u ON u.treasury_id = w.treasury_id AND u.update_no = coalesce(w.offered_no, w.settled_no)
		CROSS JOIN LATERAL (SELECT coalesce(array_agg(h.contract_id), '{}')::text[] AS spent FROM holdings h
			WHERE h.treasury_id = w.treasury_id AND h.archived_no = coalesce(w.offered_no, w.settled_no) AND h.created_no <> h.archived_no) AS s
		WHERE w.treasury_id = $1 AND NOT (a.inputs @> s.spent AND s.spent @> a.inputs)`
	if k.restored {
		query += ` AND u.transaction_hash = a.transaction_hash AND a.transaction_hash <> ''`
	}

	return k.None(ctx, inputsAsKept, query)
}

// seen are what the database itself has noted.
func (k *checker) seen(ctx context.Context) error {
	rows, err := k.Tx.Query(ctx, "SELECT promise, detail FROM campaign.seen ORDER BY no LIMIT 100")
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer rows.Close()

	for rows.Next() {
		var promise, detail string
		if err := rows.Scan(&promise, &detail); err != nil {
			return fmt.Errorf("check: %w", err)
		}

		k.Reportf(promise, "%s", detail)
	}

	if err := rows.Err(); err != nil {
		return fmt.Errorf("check: %w", err)
	}

	return nil
}

// frozen looks for alarms that nothing excuses. What the meddler claims is an excuse for one each.
func (k *checker) frozen(ctx context.Context) error {
	alarms, err := k.Lines(ctx, `SELECT payload->>'reason' || ' ' || coalesce(payload->>'detail', '') FROM events WHERE treasury_id = $1 AND type = 'withdrawal.alarm'`)
	if err != nil {
		return err
	}

	excused := k.claims

	for _, alarm := range alarms {
		if excused > 0 && strings.HasPrefix(alarm, "unexplained ") {
			excused--
		} else {
			k.Reportf(noFalseAlarm, "%s", alarm)
		}
	}

	return k.None(ctx, noFalseAlarm, `SELECT 'still frozen: ' || instrument_no || ' ' || reason || ' ' || detail FROM withdrawal_freezes WHERE treasury_id = $1`)
}

// summarize counts how withdrawals and attempts ended.
func (c *Campaign) summarize(ctx context.Context) error {
	for query, into := range map[string]map[string]int{
		`SELECT concat_ws(' ', kind, nullif(origin, 'requested'), state, nullif(reason, ''), nullif(waiting, '')), count(*)::int FROM withdrawals GROUP BY 1`: c.report.Ends,
		`SELECT kind || ' ' || coalesce(result, 'alive'), count(*)::int FROM withdrawal_attempts GROUP BY 1`:                                                  c.report.Attempts,
	} {
		rows, err := c.db.Pool().Query(ctx, query)
		if err != nil {
			return fmt.Errorf("summarize: %w", err)
		}

		for rows.Next() {
			var (
				name string
				n    int
			)

			if err := rows.Scan(&name, &n); err != nil {
				return fmt.Errorf("summarize: %w", err)
			}

			into[name] = n
		}

		if err := rows.Err(); err != nil {
			return fmt.Errorf("summarize: %w", err)
		}
	}

	return nil
}

// Report is what the campaign did.
func (c *Campaign) Report() Report { return c.report }
