package deposits

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// world is everybody but the exchange. mu guards what they share.
type world struct {
	// payers are honest. Suspects are blocked now and then, the thief always. The forger issues tokens that look like others.
	payers, suspects []ident.Party
	thief, forger    ident.Party
	// newToken is listed in the middle of a campaign, strangeToken never.
	newToken, strangeToken ident.Instrument

	mu   sync.Mutex
	done map[string]int
	// elsewhere are the offers that somebody else with the treasury's key has accepted.
	elsewhere map[ident.ContractID]bool
	// late are the memos that customers know before the exchange does.
	late []string
}

func (c *Campaign) openWorld(context.Context) error {
	c.world.done, c.world.elsewhere = map[string]int{}, map[ident.ContractID]bool{}

	if err := c.permit(c.stage.Party, true); err != nil {
		return err
	}

	var issuer, stranger ident.Party

	for _, many := range []struct {
		hint  string
		count int
		into  func(ident.Party)
	}{
		{"payer", 4, func(p ident.Party) { c.world.payers = append(c.world.payers, p) }},
		{"suspect", 2, func(p ident.Party) { c.world.suspects = append(c.world.suspects, p) }},
		{"thief", 1, func(p ident.Party) { c.world.thief = p }},
		{"forger", 1, func(p ident.Party) { c.world.forger = p }},
		{"issuer", 1, func(p ident.Party) { issuer = p }},
		{"stranger", 1, func(p ident.Party) { stranger = p }},
	} {
		for i := range many.count {
			party, err := c.stage.Ledger.AllocateParty(fmt.Sprintf("%s-%d", many.hint, i))
			if err != nil {
				return fmt.Errorf("allocate %s: %w", many.hint, err)
			}

			many.into(party)

			if err := c.permit(party, true); err != nil {
				return err
			}
		}
	}

	c.world.newToken = ident.Instrument{Admin: issuer, ID: "NewToken"}
	c.world.strangeToken = ident.Instrument{Admin: stranger, ID: "StrangeToken"}

	return nil
}

func (c *Campaign) permit(party ident.Party, allowed bool) error {
	if _, err := c.stage.Ledger.Permit(party, allowed); err != nil && !errors.Is(err, sandbox.ErrConflict) {
		return fmt.Errorf("permit %s: %w", party, err)
	}

	return nil
}

// person acts now and then.
type person struct {
	name  string
	every time.Duration
	act   func(*rand.Rand) error
}

// makers are those because of whom there is something to do. ctx is of what they do, not of how long they go on.
func (c *Campaign) makers(ctx context.Context) []person {
	return []person{
		{"those who regret", 45 * time.Millisecond, c.regret},
		{"those who withdraw at the very moment", 60 * time.Millisecond, func(rng *rand.Rand) error { return c.withdrawSubmitted(ctx, rng) }},
		{"another client", 250 * time.Millisecond, func(rng *rand.Rand) error { return c.acceptElsewhere(rng, 1) }},
		{"the preapproval", 900 * time.Millisecond, c.preapprove},
		{"the issuer's list", 4 * time.Second, func(rng *rand.Rand) error { return c.forbid(ctx, rng) }},
		{"movers", 500 * time.Millisecond, c.moveHolding},
		{"new memos", 350 * time.Millisecond, func(rng *rand.Rand) error { return c.registerLate(ctx, rng) }},
		{"closing accounts", 700 * time.Millisecond, func(rng *rand.Rand) error { return c.toggleMemo(ctx, rng) }},
		{"blocking senders", 900 * time.Millisecond, func(rng *rand.Rand) error { return c.toggleSender(ctx, rng) }},
		{"changing terms", 1200 * time.Millisecond, func(rng *rand.Rand) error { return c.changeTerms(ctx, rng) }},
		{"an operator's verdicts", 450 * time.Millisecond, func(rng *rand.Rand) error { return c.sayVerdict(ctx, rng) }},
		{"an operator's decisions", 250 * time.Millisecond, func(rng *rand.Rand) error { return c.decideCase(ctx, rng) }},
		{"a second operator", 500 * time.Millisecond, func(rng *rand.Rand) error { return c.confirmCase(ctx, rng) }},
	}
}

// keepers are those without whom nothing comes to its end.
func (c *Campaign) keepers(ctx context.Context) []person {
	return []person{
		{"AcmeToken's registrar", 60 * time.Millisecond, c.decideWorkflows},
		{"registries' automation", 900 * time.Millisecond, c.expireOffers},
		{"those who get their money back", 80 * time.Millisecond, c.takeBack},
		{"an operator who looks at alarms", 700 * time.Millisecond, func(*rand.Rand) error { return c.lookAtAlarms(ctx) }},
		{"an operator who tries again", 600 * time.Millisecond, func(*rand.Rand) error { return c.retryGivenUp(ctx) }},
	}
}

// start lets people act until ctx ends.
func (c *Campaign) start(ctx context.Context, all []person) {
	for _, p := range all {
		c.people.Go(func() { c.live(ctx, p) })
	}
}

// live repeats an act. What a ledger refuses every day is no failure.
func (c *Campaign) live(ctx context.Context, p person) {
	rng := chance.Source(c.cfg.Seed, p.name)

	ticker := time.NewTicker(p.every)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}

		if err := p.act(rng); err != nil && !everyday(err) {
			c.fail(fmt.Errorf("%s: %w", p.name, err))

			return
		}
	}
}

// fail notes what ends the campaign. Further failures follow from the first ones.
func (c *Campaign) fail(err error) {
	select {
	case c.failure <- err:
	default:
	}
}

func everyday(err error) bool {
	for _, no := range []error{
		sandbox.ErrFunds, sandbox.ErrUnknown, sandbox.ErrInactive, sandbox.ErrConflict, sandbox.ErrExpired, sandbox.ErrTooManyInputs,
		sandbox.ErrForbidden,
	} {
		if errors.Is(err, no) {
			return true
		}
	}

	return false
}

func (c *Campaign) did(what string) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()

	c.world.done[what]++
}

// offers are the treasury's, to it and from it, of some kind.
func (c *Campaign) offers(kind func(sandbox.Offer) bool) ([]sandbox.Offer, error) {
	all, err := c.stage.Ledger.Offers(c.stage.Party)
	if err != nil {
		return nil, fmt.Errorf("list offers: %w", err)
	}

	var offers []sandbox.Offer

	for _, o := range all {
		if kind(o) {
			offers = append(offers, o)
		}
	}

	return offers, nil
}

// toAccept are the offers that wait for the treasury.
func (c *Campaign) toAccept() ([]sandbox.Offer, error) {
	return c.offers(func(o sandbox.Offer) bool { return o.Receiver == c.stage.Party && !o.Waiting })
}

// accepted are the offers that wait for their registrar.
func (c *Campaign) accepted() ([]sandbox.Offer, error) {
	return c.offers(func(o sandbox.Offer) bool { return o.Waiting })
}

// regret has a sender take an offer back: most that are not answered soon are some day.
func (c *Campaign) regret(rng *rand.Rand) error {
	offers, err := c.toAccept()
	if err != nil || len(offers) == 0 || rng.IntN(20) > 0 {
		return err
	}

	o := offers[rng.IntN(len(offers))]
	if _, err := c.stage.Ledger.Withdraw(o.Sender, o.ContractID); err != nil {
		return err
	}

	c.did("offers withdrawn")

	return nil
}

// withdrawSubmitted has a sender take an offer back while its acceptance is under way.
func (c *Campaign) withdrawSubmitted(ctx context.Context, rng *rand.Rand) error {
	if rng.IntN(3) > 0 {
		return nil
	}

	var (
		sender ident.Party
		offer  ident.ContractID
	)

	err := c.stage.DB.Pool().QueryRow(ctx, `SELECT d.sender, d.correlation_id FROM offer_verdicts v JOIN deposits d USING (treasury_id, deposit_id)
		WHERE v.open AND v.work = 'submitted' ORDER BY d.deposit_id OFFSET $1 LIMIT 1`, rng.IntN(3)).Scan(&sender, &offer)
	if err != nil { // nothing is under way, or the database is away
		return nil //nolint:nilerr // as it says
	}

	if _, err := c.stage.Ledger.Withdraw(sender, offer); err != nil {
		return err
	}

	c.did("offers withdrawn while being accepted")

	return nil
}

// acceptElsewhere has somebody else who holds the treasury's key accept offers, whatever they are: so many at most.
func (c *Campaign) acceptElsewhere(rng *rand.Rand, most int) error {
	offers, err := c.toAccept()
	if err != nil || len(offers) == 0 || most == 1 && rng.IntN(6) > 0 {
		return err
	}

	for range most {
		o := offers[rng.IntN(len(offers))]

		if _, err := c.stage.Ledger.Accept(c.stage.Party, o.ContractID); err == nil {
			c.world.mu.Lock()
			c.world.elsewhere[o.ContractID] = true
			c.world.done["offers accepted elsewhere"]++
			c.world.mu.Unlock()
		} else if !everyday(err) {
			return err
		}
	}

	return nil
}

// preapprove has Canton Coin come in one step, or by offers, in the middle of deposits.
func (c *Campaign) preapprove(rng *rand.Rand) error {
	if rng.IntN(2) == 0 {
		_, err := c.stage.Ledger.Preapprove(c.stage.Party)

		return err
	}

	_, err := c.stage.Ledger.CancelPreapproval(c.stage.Party)

	return err
}

// forbid takes the treasury off the list of those who may hold AcmeToken, for a moment.
func (c *Campaign) forbid(ctx context.Context, rng *rand.Rand) error {
	if !c.network.AcmePermissioned {
		return nil
	}

	if err := c.permit(c.stage.Party, false); err != nil {
		return err
	}

	c.did("times forbidden to hold AcmeToken")
	pause(ctx, chance.Millis(rng, 50, 500))

	return c.permit(c.stage.Party, true)
}

// moveHolding reassigns one of the treasury's holdings to the other synchronizer.
func (c *Campaign) moveHolding(rng *rand.Rand) error {
	if !c.network.TwoSynchronizers {
		return nil
	}

	holdings, err := c.stage.Ledger.Holdings(c.stage.Party)
	if err != nil || len(holdings) == 0 {
		return err
	}

	h := holdings[rng.IntN(len(holdings))]
	if h.Locked || h.Bare {
		return nil
	}

	if _, err := c.stage.Ledger.Reassign(h.ContractID); err != nil {
		return err
	}

	c.did("holdings reassigned")

	return nil
}

// decideWorkflows has AcmeToken's registrar complete or refuse what was accepted.
func (c *Campaign) decideWorkflows(rng *rand.Rand) error {
	const margin = 2 * time.Second // past the deadline the ledger cannot tell a refusal from an expiry

	offers, err := c.accepted()
	if err != nil {
		return err
	}

	for _, o := range offers {
		if rng.IntN(3) == 0 {
			continue
		}

		do, what := c.stage.Ledger.CompleteWorkflow, "workflows completed"
		if rng.IntN(5) == 0 && o.ExecuteBefore.Sub(c.cfg.Clock.Now()) > margin {
			do, what = c.stage.Ledger.FailWorkflow, "workflows refused"
		}

		if _, err := do(o.ContractID); err == nil {
			c.did(what)
		} else if !everyday(err) {
			return err
		}
	}

	return nil
}

func (c *Campaign) expireOffers(rng *rand.Rand) error {
	if rng.IntN(3) > 0 {
		return nil
	}

	ended, err := c.stage.Ledger.ExpireOffers()
	for range ended {
		c.did("offers expired by their registry")
	}

	return err
}

// valueOf is an amount of some size: much of it small change.
func valueOf(rng *rand.Rand) amount.Amount {
	switch rng.IntN(10) {
	case 0, 1:
		return chance.Fraction(rng, 1)
	case 2, 3, 4:
		return chance.Fraction(rng, 12)
	case 5, 6, 7:
		return chance.Fraction(rng, 90)
	default:
		return chance.Fraction(rng, 400)
	}
}
