package deposits

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/ident"
)

// offerIDs reads ids of offers; none while the database is away.
func (c *Campaign) offerIDs(ctx context.Context, query string, arguments ...any) []uuid.UUID {
	rows, err := c.stage.DB.Pool().Query(ctx, query, arguments...)
	if err != nil {
		return nil
	}
	defer rows.Close()

	var ids []uuid.UUID

	for rows.Next() {
		var id uuid.UUID
		if rows.Scan(&id) == nil {
			ids = append(ids, id)
		}
	}

	return ids
}

// sayVerdict has an operator say what becomes of an offer, mostly of one that is left alone; or take it back.
func (c *Campaign) sayVerdict(ctx context.Context, rng *rand.Rand) error {
	ids := c.offerIDs(ctx, `SELECT deposit_id FROM offer_verdicts WHERE open AND (verdict <> 'accept' OR $1) ORDER BY deposit_id LIMIT 200`, rng.IntN(4) == 0)
	if len(ids) == 0 {
		return nil
	}

	id := ids[rng.IntN(len(ids))]
	word := []string{"accept", "accept", "reject", "hold", "ignore", "decide"}[rng.IntN(6)]

	verdict := word
	if word == "decide" {
		verdict = ""
	}

	c.did("verdicts by an operator: " + word)

	done := change(c, c.grounds.words, id, verdict)
	said, err := c.operate(ctx, "offer", id.String(), word, "operator", "the campaign says so")
	done(said)

	return err
}

// retryGivenUp has an operator take up what was tried too often.
func (c *Campaign) retryGivenUp(ctx context.Context) error {
	for _, id := range c.offerIDs(ctx, `SELECT deposit_id FROM offer_verdicts WHERE open AND work = 'given_up' ORDER BY deposit_id LIMIT 5`) {
		c.did("offers taken up again")

		if _, err := c.operate(ctx, "retry-offer", id.String()); err != nil {
			return err
		}
	}

	return nil
}

// lookAtAlarms has an operator find that a node has lied, and go on. What was signed meanwhile is for the check.
func (c *Campaign) lookAtAlarms(ctx context.Context) error {
	rows, err := c.stage.DB.Pool().Query(ctx, `SELECT i.admin, i.instrument_id FROM withdrawal_freezes f JOIN instruments i USING (instrument_no)
		WHERE f.frozen_at < now() - interval '1 second'`)
	if err != nil { // the database is away: an operator tries again
		return nil
	}
	defer rows.Close()

	var frozen []ident.Instrument

	for rows.Next() {
		var i ident.Instrument
		if err := rows.Scan(&i.Admin, &i.ID); err != nil {
			return fmt.Errorf("look at alarms: %w", err)
		}

		frozen = append(frozen, i)
	}

	for _, i := range frozen {
		c.did("alarms looked at")

		if _, err := c.operate(ctx, "unfreeze", string(i.Admin), i.ID); err != nil {
			return err
		}
	}

	return nil
}
