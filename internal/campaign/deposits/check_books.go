package deposits

import (
	"context"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/campaign/weather"
	"github.com/canton-exchange/suite/internal/ident"
)

// sums are accounts being summed.
type sums map[string]amount.Amount

func (s sums) add(kind, account string, i ident.Instrument, value amount.Amount) error {
	key := fmt.Sprintf("%s %s %s", kind, orDash(account), i)

	sum, err := s[key].Add(value)
	s[key] = sum

	return err
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}

	return text
}

// accounts sums what deposits should have left in each account, as their rows and cases say, which are held against the
// ledger elsewhere. There are no other accounts, no fees and no losses.
func (k *checker) accounts(ctx context.Context) error {
	s := sums{}

	for _, r := range k.rows {
		value, err := amount.Parse(r.Amount)
		if err != nil {
			return fmt.Errorf("check: %w", err)
		}

		kind, account := k.place(r)
		if kind == "" {
			continue
		}

		if err := s.add(kind, account, r.token(), value); err != nil {
			return err
		}
	}

	for _, h := range k.Truth.Holdings {
		if h.Bare {
			continue
		}

		if err := s.add("network", "", h.Instrument.Ident(), h.Amount.Neg()); err != nil {
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
		FROM postings JOIN instruments USING (instrument_no) WHERE treasury_id = $1
		GROUP BY account_kind, account, instrument_id, admin HAVING sum(amount) <> 0`)
	k.Compare(accountsAsPaid, want, have)

	return err
}

// events compares the outbox with the rows whose states it tells.
func (k *checker) events(ctx context.Context) error {
	told, err := k.Tally(ctx, `SELECT 'deposit.offered ' || deposit_id || ' by ' || offered_no || ': ' || amount || ' -' FROM deposits
			WHERE treasury_id = $1 AND offered_no IS NOT NULL
		UNION ALL SELECT 'deposit.' || state || ' ' || deposit_id || ' by ' || settled_no || ': ' || amount || ' ' || coalesce(account, '-')
			FROM deposits WHERE treasury_id = $1 AND settled_no IS NOT NULL`)
	if err != nil {
		return err
	}

	have, err := k.Tally(ctx, `SELECT type || ' ' || subject || ' by ' || update_no || ': ' || coalesce((payload->>'amount')::numeric(38,10)::text, '-') || ' '
			|| CASE WHEN type = 'deposit.offered' THEN '-' ELSE coalesce(payload->>'account', '-') END
		FROM events WHERE treasury_id = $1 AND type LIKE 'deposit.%' AND update_no > 0`)
	k.Compare(eventsAsStates, told, have)

	return err
}

// alarms holds the alarms against the lies that were told.
func (k *checker) alarms(ctx context.Context) error {
	alarms, err := k.Lines(ctx, `SELECT payload->>'reason' || ' ' || coalesce(payload->>'detail', '') FROM events WHERE treasury_id = $1 AND type = 'withdrawal.alarm'`)
	if err != nil {
		return err
	}

	refused, err := k.Lines(ctx, `SELECT r.deposit_id || ' ' || r.detail FROM campaign.refused r JOIN deposits USING (deposit_id) WHERE treasury_id = $1`)
	if err != nil {
		return err
	}

	lies := 0

	for kind, n := range k.struck {
		if strings.HasPrefix(kind, "lie-") || strings.HasPrefix(kind, "meddler forges ") {
			lies += n
		}
	}

	if n := k.struck["meddler "+weather.Signed]; n > 0 {
		k.Reportf(liesRefused, "%d signatures of what was not asked for", n)
	}

	excused := map[string]int{"refused_to_sign": lies, "unexplained": k.struck["meddler claims"]}

	for _, alarm := range alarms {
		reason, _, _ := strings.Cut(alarm, " ")
		excused[reason]--
		if excused[reason] < 0 {
			k.Reportf(noFalseAlarm, "%s", alarm)
		}
	}

	for _, one := range refused[min(len(refused), lies):] {
		k.Reportf(noFalseAlarm, "%s", one)
	}

	return nil
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

// summarize counts how deposits ended, and what is said of those that are open.
func (c *Campaign) summarize(ctx context.Context) error {
	for query, into := range map[string]map[string]int{
		`SELECT coalesce(nullif(result, ''), 'nothing'), count(*)::int FROM screenings GROUP BY 1`:                          c.report.Screened,
		`SELECT concat_ws(' ', kind, state, nullif(reason, '')), count(*)::int FROM deposits GROUP BY 1`:                    c.report.Ends,
		`SELECT concat_ws(' ', verdict, nullif(reason, ''), work), count(*)::int FROM offer_verdicts WHERE open GROUP BY 1`: c.report.Verdicts,
		`SELECT concat_ws(' ', state, nullif(reason, ''), nullif(action, '')), count(*)::int FROM deposit_cases GROUP BY 1`: c.report.Cases,
	} {
		rows, err := c.stage.DB.Pool().Query(ctx, query)
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

	c.report.Screened["asked and not answered so"] = c.service.told()

	return nil
}
