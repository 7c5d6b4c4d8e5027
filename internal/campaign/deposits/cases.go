package deposits

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// first and second are operators at one machine, whom the tool tells apart by CES_OPERATOR.
const first, second = "operator", "second operator"

// decision is what an operator said of money that had arrived.
type decision struct {
	// action is assign, return, confirm or decline; account is whom it was assigned to.
	action, account string
	// said is false for what was refused in the end; it may have been said all the same, before an answer got lost.
	said bool
	// from and to are when.
	from, to time.Time
}

// decide has an operator say something of money that has arrived.
func (c *Campaign) decide(ctx context.Context, id uuid.UUID, d decision, operator string, arguments ...string) error {
	d.from = c.cfg.Clock.Now()
	said, err := c.operateAs(ctx, operator, arguments...)

	c.grounds.mu.Lock()
	defer c.grounds.mu.Unlock()

	d.said, d.to = said, c.cfg.Clock.Now()
	c.grounds.decisions[id] = append(c.grounds.decisions[id], d)

	return err
}

// decideCase has an operator assign a deposit that waits for somebody to an account, or send it back.
func (c *Campaign) decideCase(ctx context.Context, rng *rand.Rand) error {
	ids := c.offerIDs(ctx, "SELECT deposit_id FROM deposit_cases WHERE state = 'open' OR state = 'held' AND $1 ORDER BY deposit_id LIMIT 200", rng.IntN(5) == 0)
	if len(ids) == 0 {
		return nil
	}

	id := ids[rng.IntN(len(ids))]

	if rng.IntN(2) == 0 {
		c.did("deposits sent back")

		return c.decide(ctx, id, decision{action: "return"}, first, "return-deposit", id.String(), first, "the campaign says so")
	}

	account := accountOf(rng.IntN(accounts))
	if rng.IntN(20) == 0 {
		account = "no such account"
	}

	c.did("deposits assigned")

	return c.decide(ctx, id, decision{action: "assign", account: account}, first, "assign-deposit", id.String(), account, first, "the campaign says so")
}

// confirmCase has somebody have take effect what an operator has proposed, or take it back. Who proposed it cannot, whatever name
// it gives.
func (c *Campaign) confirmCase(ctx context.Context, rng *rand.Rand) error {
	ids := c.offerIDs(ctx, "SELECT deposit_id FROM deposit_cases WHERE state = 'proposed' ORDER BY deposit_id LIMIT 200")
	if len(ids) == 0 {
		return nil
	}

	id := ids[rng.IntN(len(ids))]

	switch rng.IntN(6) {
	case 0:
		return c.decide(ctx, id, decision{action: "decline"}, second, "decline-deposit", id.String(), second, "the campaign says so")
	case 1:
		return c.decide(ctx, id, decision{action: "confirm by who proposed it"}, first, "confirm-deposit", id.String(), "another name")
	default:
		c.did("proposals confirmed")

		return c.decide(ctx, id, decision{action: "confirm"}, second, "confirm-deposit", id.String(), second)
	}
}

// takeBack has senders answer what is sent back to them: most take it, some do not, and some not in time.
func (c *Campaign) takeBack(rng *rand.Rand) error {
	offers, err := c.offers(func(o sandbox.Offer) bool { return o.Sender == c.stage.Party && !o.Waiting })
	if err != nil {
		return err
	}

	for _, o := range offers {
		do, what := c.stage.Ledger.Accept, "returns accepted"

		switch rng.IntN(10) {
		case 0:
			do, what = c.stage.Ledger.Reject, "returns rejected"
		case 1, 2, 3, 4, 5, 6:
			continue
		}

		if _, err := do(o.Receiver, o.ContractID); err == nil {
			c.did(what)
		} else if !everyday(err) {
			return fmt.Errorf("answer a return: %w", err)
		}
	}

	return nil
}
