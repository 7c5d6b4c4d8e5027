package payments

import (
	"context"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
)

// lookAtAlarms is the operator's part. Payments freeze a token when the node says that something is on the ledger which
// history does not have: so the meddler makes them do. An operator who finds that the node was wrong goes on; that it was
// right would be the end of a campaign, whose check has the last word on it.
func (c *Campaign) lookAtAlarms(ctx context.Context) error {
	c.swap.RLock()
	defer c.swap.RUnlock()

	rows, err := c.db.Pool().Query(ctx, `SELECT i.admin, i.instrument_id FROM withdrawal_freezes f JOIN instruments i USING (instrument_no) WHERE f.reason = 'unexplained'`)
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
		if _, err := c.operate(ctx, "unfreeze", string(i.Admin), i.ID); err == nil { // otherwise tried again
			c.did("alarms looked at")
		}
	}

	return nil
}
