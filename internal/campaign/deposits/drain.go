package deposits

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/stage"
)

// errStuck means that offers are not answered although nothing is in their way.
var errStuck = errors.New("offers are not answered")

const (
	// settling bounds the wait for ingestion once nothing is in its way, draining that for all that is to be done.
	settling = time.Minute
	draining = 3 * time.Minute
)

const (
	// toDoSQL counts what is still to be decided or answered.
	toDoSQL = `SELECT count(*) FROM offer_verdicts WHERE open AND (verdict IN ('accept', 'reject') OR work <> 'none' OR changes > decided_changes
		OR reason IN ('awaits_screening', 'screening_unavailable'))`
	// returnsSQL counts what is still to be sent back.
	returnsSQL = `SELECT (SELECT count(*) FROM withdrawals WHERE state NOT IN ('completed', 'failed') AND (state, waiting) <> ('requested', 'insufficient_holdings')) + (SELECT count(*) FROM withdrawal_attempts WHERE result IS NULL)`
	// heldSQL counts what is held and need not be any more.
	heldSQL = `SELECT count(*) FROM deposit_cases WHERE state = 'held'
		AND (release_at <= (SELECT max(record_time) FROM synchronizer_clocks) OR reason IN ('awaits_screening', 'screening_unavailable'))`
	// oldSQL counts verdicts that are of another time than history's.
	oldSQL = `SELECT count(*) FROM offer_verdicts WHERE open AND (changes > decided_changes OR decide_at <= (SELECT max(record_time) FROM synchronizer_clocks)
		OR reason IN ('awaits_screening', 'screening_unavailable'))`
)

// drain waits until each offer that is to be answered has been, everything is in the books, and every verdict is of the
// same time; then it ends everything.
func (c *Campaign) drain(ctx context.Context) error {
	if err := c.permit(c.stage.Party, true); err != nil {
		return err
	}

	// What was left alone for a while, because it did not answer, is forgotten with those who left it.
	for _, p := range c.fleet.posts() {
		if err := c.again(ctx, p); err != nil {
			return err
		}
	}

	c.service.reform()

	looks := 0
	done := stage.Until(ctx, c.cfg.Drain, func() bool {
		looks++
		if looks%10 == 0 { // as if the pauses before the next tries had passed
			_ = c.stage.Insist(ctx, "UPDATE offer_verdicts SET next_at = now() WHERE open AND work = 'due' AND next_at > now()") // tried again
			_ = c.stage.Insist(ctx, "UPDATE screenings SET next_at = now() WHERE next_at > now()")
		}

		if looks%50 == 0 {
			c.cfg.Logger.DebugContext(ctx, "draining", slog.String("waits", c.waits(ctx)))
		}

		pause(ctx, 100*time.Millisecond)

		waiting, err := c.accepted()

		return err == nil && len(waiting) == 0 && c.stage.AtTheEnd(ctx) && c.stage.Count(ctx, toDoSQL) == 0 &&
			c.stage.Count(ctx, returnsSQL) == 0 && c.unfrozen(ctx)
	})
	if !done {
		return errors.Join(c.failed(ctx), fmt.Errorf("%w: %s", errStuck, c.stuck(ctx)))
	}

	c.rest()
	c.people.Wait()

	if err := c.failed(ctx); err != nil {
		return err
	}

	return c.catchUp(ctx)
}

func (c *Campaign) unfrozen(ctx context.Context) bool {
	return c.stage.Count(ctx, "SELECT count(*) FROM withdrawal_freezes") == 0
}

// catchUp waits until ingestion is at the ledger's end, has time stand still, and waits until every verdict is of it.
func (c *Campaign) catchUp(ctx context.Context) error {
	if !stage.Until(ctx, settling, func() bool { return c.stage.AtTheEnd(ctx) }) {
		return fmt.Errorf("ingestion did not reach the ledger's end %d from %d:\n%s", c.stage.Ledger.LedgerEnd(), c.stage.Offset(ctx), c.fleet.ingest.life.Log())
	}

	if err := c.kill(&c.fleet.ingest); err != nil {
		return err
	}

	if !stage.Until(ctx, settling, func() bool { return c.stage.Count(ctx, oldSQL) == 0 && c.stage.Count(ctx, heldSQL) == 0 }) {
		return fmt.Errorf("%w: some are not even decided: %s", errStuck, c.stuck(ctx))
	}

	for _, p := range c.fleet.posts() {
		if err := c.kill(p); err != nil {
			return err
		}
	}

	return nil
}

// waits tells what is still to be done.
func (c *Campaign) waits(ctx context.Context) string {
	var text string

	err := c.stage.DB.Pool().QueryRow(ctx, `SELECT concat_ws('; ',
		(SELECT string_agg(concat_ws(' ', v.n, v.verdict, v.work, v.detail), ', ') FROM (SELECT count(*) AS n, verdict, work, left(detail, 40) AS detail
			FROM offer_verdicts WHERE open AND (verdict IN ('accept', 'reject') OR work <> 'none' OR changes > decided_changes) GROUP BY 2, 3, 4) AS v),
		(SELECT string_agg(concat_ws(' ', withdrawal_id, state, waiting, 'attempt', attempt, 'next', next_at, 'lease', lease_until, left(detail, 100)), ', ')
			FROM (SELECT withdrawal_id, state, waiting, attempt, next_at, lease_until, detail FROM withdrawals WHERE state NOT IN ('completed', 'failed') ORDER BY withdrawal_no LIMIT 10) AS w),
		(SELECT string_agg(concat_ws(' ', withdrawal_id, attempt, 'of', kind, 'until', target_record_time), ', ') FROM withdrawal_attempts WHERE result IS NULL),
		(SELECT string_agg('frozen for ' || reason, ', ') FROM withdrawal_freezes))`).Scan(&text)
	if err != nil {
		return err.Error()
	}

	if offers, err := c.accepted(); err == nil && len(offers) > 0 {
		text = fmt.Sprintf("%s; %d wait for their registrar", text, len(offers))
	}

	return fmt.Sprintf("%s; ingested up to %d of %d", text, c.stage.Offset(ctx), c.stage.Ledger.LedgerEnd())
}

// stuck tells what does not end.
func (c *Campaign) stuck(ctx context.Context) string {
	text := c.waits(ctx)

	for _, p := range c.fleet.posts() {
		if p.life != nil {
			log := p.life.Log()
			text = fmt.Sprintf("%s\n%s: …%s", text, p.name, log[max(0, len(log)-3000):])
		}
	}

	return text
}
