package payments

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
)

// temper is what a receiver does with money.
type temper string

const (
	shop        temper = "shop"     // is paid in one step where the token can, and takes offers at once
	friend      temper = "friend"   // takes offers
	grouch      temper = "grouch"   // rejects them
	ghost       temper = "ghost"    // never answers
	waverer     temper = "waverer"  // takes them, and is paid in one step on some days
	outlaw      temper = "outlaw"   // may not hold AcmeToken where that is asked for
	nobody      temper = "nobody"   // is on no network
	dawdler     temper = "dawdler"  // answers when it is nearly too late, or too late
	depositA           = "payer"    // hint of those who pay in
	strangerKey        = "1220dead" // begins the fingerprint of whom nobody hosts
)

// receiver is somebody who is paid.
type receiver struct {
	party  ident.Party
	temper temper
}

// world is everybody but the exchange. Its methods are for people, who act at once; mu guards what they share.
type world struct {
	receivers []receiver
	payers    []ident.Party

	mu    sync.Mutex
	done  map[string]int
	funds map[string]amount.Amount // roughly what an account may still ask for
}

// home is the synchronizer on which the treasury is hosted.
func (c *Campaign) home(ctx context.Context) (string, error) {
	node, err := ledger.New(ledger.Config{URL: c.direct, Tokens: ledger.StaticToken(secret.New(nodeToken))})
	if err != nil {
		return "", err
	}
	defer node.CloseIdle()

	connected, err := node.ConnectedSynchronizers(ctx, "")
	if err != nil {
		return "", err
	}

	return string(connected[0].ID), nil
}

func (c *Campaign) openWorld(context.Context) error {
	c.world.done, c.world.funds = map[string]int{}, map[string]amount.Amount{}

	if _, err := c.ledger.Preapprove(c.party); err != nil {
		return fmt.Errorf("preapprove the treasury: %w", err)
	}

	if err := c.permit(c.party, true); err != nil {
		return err
	}

	for _, many := range []struct {
		temper temper
		count  int
	}{{shop, 3}, {friend, 2}, {grouch, 1}, {ghost, 1}, {waverer, 1}, {outlaw, 1}, {dawdler, 1}} {
		for i := range many.count {
			party, err := c.ledger.AllocateParty(fmt.Sprintf("%s-%d", many.temper, i))
			if err != nil {
				return fmt.Errorf("allocate %s: %w", many.temper, err)
			}

			c.world.receivers = append(c.world.receivers, receiver{party, many.temper})

			if err := c.permit(party, many.temper != outlaw); err != nil {
				return err
			}

			if many.temper != shop {
				continue
			}

			if _, err := c.ledger.Preapprove(party); err != nil {
				return fmt.Errorf("preapprove %s: %w", party, err)
			}
		}
	}

	missing := ident.Party("nobody::" + strangerKey + strings.Repeat("0", 60))
	c.world.receivers = append(c.world.receivers, receiver{missing, nobody})

	for i := range 3 {
		party, err := c.ledger.AllocateParty(fmt.Sprintf("%s-%d", depositA, i))
		if err != nil {
			return fmt.Errorf("allocate a payer: %w", err)
		}

		c.world.payers = append(c.world.payers, party)

		if err := c.permit(party, true); err != nil {
			return err
		}
	}

	return nil
}

func (c *Campaign) permit(party ident.Party, allowed bool) error {
	if _, err := c.ledger.Permit(party, allowed); err != nil && !errors.Is(err, sandbox.ErrConflict) {
		return fmt.Errorf("permit %s: %w", party, err)
	}

	return nil
}

// startPeople lets everybody act until ctx ends.
func (c *Campaign) startPeople(ctx context.Context) {
	for _, p := range []struct {
		name  string
		every time.Duration
		act   func(*rand.Rand) error
	}{
		{"payers", 12 * time.Millisecond, c.payIn},
		{"receivers", 40 * time.Millisecond, c.answerOffers},
		{"treasury's deposits", 25 * time.Millisecond, c.takeDeposits},
		{"registrar", 60 * time.Millisecond, c.decideWorkflows},
		{"registries' automation", 900 * time.Millisecond, c.expireOffers},
		{"waverers", 700 * time.Millisecond, c.waver},
		{"movers", 500 * time.Millisecond, c.moveHolding},
		{"the operator", 300 * time.Millisecond, func(*rand.Rand) error { return c.lookAtAlarms(ctx) }},
	} {
		c.people.Go(func() { c.live(ctx, p.name, p.every, p.act) })
	}
}

// live repeats an act. What a ledger refuses every day is no failure.
func (c *Campaign) live(ctx context.Context, name string, every time.Duration, act func(*rand.Rand) error) {
	rng := chance.Source(c.cfg.Seed, name)

	ticker := time.NewTicker(every)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}

		if err := act(rng); err != nil && !everyday(err) {
			c.fail(fmt.Errorf("%s: %w", name, err))

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

// enough is what an account has when nobody pays in for it any more.
func enough() amount.Amount { return amount.FromInt(1500) }

// payIn deposits for an account that has little: coins in one step, AcmeToken by an offer that the treasury takes.
func (c *Campaign) payIn(rng *rand.Rand) error {
	account := accountNames()[rng.IntN(accounts+1)]
	token := c.tokens()[rng.IntN(2)]
	payer := c.world.payers[rng.IntN(len(c.world.payers))]
	value := depositOf(rng)

	if have, known := c.fundsOf(account, token); known && have.Cmp(enough()) > 0 {
		return nil
	}

	if _, err := c.ledger.Transfer(sandbox.TransferRequest{
		Sender: payer, Receiver: c.party, Instrument: token, Amount: value, Memo: new(memoOf(account)),
	}); errors.Is(err, sandbox.ErrFunds) {
		return c.fillPurse(payer, token)
	} else if err != nil {
		return err
	}

	c.did("deposits of " + token.ID)

	return c.addFunds(account, token, value)
}

func (c *Campaign) fillPurse(payer ident.Party, token ident.Instrument) error {
	value := amount.FromInt(20_000)

	var err error
	if token == c.ledger.Amulet() {
		_, err = c.ledger.Tap(payer, value)
	} else {
		_, err = c.ledger.Mint(payer, token, value)
	}

	return err
}

func (c *Campaign) fundsOf(account string, token ident.Instrument) (amount.Amount, bool) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()

	have, known := c.world.funds[account+" "+token.ID]

	return have, known
}

func (c *Campaign) addFunds(account string, token ident.Instrument, value amount.Amount) error {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()

	sum, err := c.world.funds[account+" "+token.ID].Add(value)
	c.world.funds[account+" "+token.ID] = sum

	return err
}

// takeDeposits accepts AcmeToken that is offered to the treasury.
func (c *Campaign) takeDeposits(*rand.Rand) error {
	offers, err := c.ledger.Offers(c.party)
	if err != nil {
		return err
	}

	for _, o := range offers {
		if o.Receiver != c.party || o.Waiting {
			continue
		}

		if _, err := c.ledger.Accept(c.party, o.ContractID); err != nil && !everyday(err) {
			return err
		}
	}

	return nil
}

// answerOffers has each receiver answer as it is its temper.
func (c *Campaign) answerOffers(rng *rand.Rand) error {
	for _, r := range c.world.receivers {
		if r.temper == nobody || r.temper == ghost {
			continue
		}

		offers, err := c.ledger.Offers(r.party)
		if err != nil {
			return err
		}

		for _, o := range offers {
			if o.Receiver != r.party || o.Waiting {
				continue
			}

			if err := c.answer(rng, r, o); err != nil && !everyday(err) {
				return err
			}
		}
	}

	return nil
}

func (c *Campaign) answer(rng *rand.Rand, r receiver, o sandbox.Offer) error {
	const hurry = 600 * time.Millisecond

	do, what := c.ledger.Accept, "offers accepted"

	switch {
	case r.temper == grouch, r.temper == friend && rng.IntN(10) == 0:
		do, what = c.ledger.Reject, "offers rejected"
	case r.temper == friend && rng.IntN(3) > 0:
		return nil // later
	case r.temper == dawdler && o.ExecuteBefore.Sub(c.cfg.Clock.Now()) > hurry:
		return nil
	}

	if _, err := do(r.party, o.ContractID); err != nil {
		return err
	}

	c.did(what)

	return nil
}

// decideWorkflows has AcmeToken's registrar complete or refuse what was accepted.
func (c *Campaign) decideWorkflows(rng *rand.Rand) error {
	const margin = 2 * time.Second // past the deadline the ledger cannot tell a refusal from an expiry

	offers, err := c.ledger.Offers(c.party)
	if err != nil {
		return err
	}

	for _, o := range offers {
		if !o.Waiting || rng.IntN(3) == 0 {
			continue
		}

		do, what := c.ledger.CompleteWorkflow, "workflows completed"
		if rng.IntN(4) == 0 && o.ExecuteBefore.Sub(c.cfg.Clock.Now()) > margin {
			do, what = c.ledger.FailWorkflow, "workflows refused"
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

	ended, err := c.ledger.ExpireOffers()
	for range ended {
		c.did("offers expired by their registry")
	}

	return err
}

// waver agrees to be paid in one step, or not any more, in the middle of payments.
func (c *Campaign) waver(rng *rand.Rand) error {
	for _, r := range c.world.receivers {
		if r.temper != waverer {
			continue
		}

		var err error
		if rng.IntN(2) == 0 {
			_, err = c.ledger.Preapprove(r.party)
		} else {
			_, err = c.ledger.CancelPreapproval(r.party)
		}

		if err != nil && !everyday(err) {
			return err
		}
	}

	return nil
}

// moveHolding reassigns one of the treasury's holdings to the other synchronizer, perhaps under a payment's hands.
func (c *Campaign) moveHolding(rng *rand.Rand) error {
	if !c.two {
		return nil
	}

	holdings, err := c.ledger.Holdings(c.party)
	if err != nil || len(holdings) == 0 {
		return err
	}

	h := holdings[rng.IntN(len(holdings))]
	if h.Locked {
		return nil
	}

	if _, err := c.ledger.Reassign(h.ContractID); err != nil {
		return err
	}

	c.did("holdings reassigned")

	return nil
}

// depositOf is a deposit of some size: much of it small change.
func depositOf(rng *rand.Rand) amount.Amount {
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
