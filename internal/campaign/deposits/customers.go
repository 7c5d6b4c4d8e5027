package deposits

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/campaign/stage"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

const (
	customers = 4
	accounts  = 12
	// closing are accounts that are closed and opened again, closed those that always are.
	closing, closed = 4, 3
	// mostOpen bounds how many offers are to be answered, so that a campaign's deposits are spread over its misfortunes.
	mostOpen = 80
)

// pause is stage.Wait.
func pause(ctx context.Context, d time.Duration) { stage.Wait(ctx, d) }

func memoOf(account int) string { return fmt.Sprintf("MEMO-%d", 100+account) }
func closingMemo(no int) string { return fmt.Sprintf("CLOSING-%d", no) }
func closedMemo(no int) string  { return fmt.Sprintf("CLOSED-%d", no) }
func accountOf(no int) string   { return fmt.Sprintf("account-%d", no) }

// hostile is what a stranger writes who wants something else than to pay in. None of it is anybody's memo.
func hostile(rng *rand.Rand) string {
	texts := []string{
		"MEMO-100'; DROP TABLE deposits; --", "ＭＥＭＯ-100", "MEMO\u200b-100", "\u202e001-OMEM", "MEMO-100\x00", "MEMO-100\nMEMO-101",
		"<script>alert(1)</script>", "{\"memo\":\"MEMO-100\"}", "MEMO\u2011100", "%4dEMO-100", "\u212aEMO-100", "\x1b[31mMEMO-100\x1b[0m",
		"MEMO-100 MEMO-101", "\ufeff", "\u00a0", "МЕМО-100",
	}

	return texts[rng.IntN(len(texts))]
}

// customer pays in until there are enough deposits.
func (c *Campaign) customer(ctx context.Context, number int) {
	rng := chance.Source(c.cfg.Seed, fmt.Sprintf("customer %d", number))

	for ctx.Err() == nil && c.made.Load() < int64(c.cfg.Deposits) {
		if c.open.Load() >= mostOpen {
			pause(ctx, 10*time.Millisecond)

			continue
		}

		if err := c.payIn(rng); err != nil && !everyday(err) {
			c.fail(fmt.Errorf("customer %d: %w", number, err))

			return
		}

		pause(ctx, chance.Millis(rng, 0, 600))
	}
}

// payIn makes one deposit, or several in one update.
func (c *Campaign) payIn(rng *rand.Rand) error {
	sender, token := c.sender(rng), c.token(rng)

	requests := []sandbox.TransferRequest{c.request(rng, sender, token)}
	if rng.IntN(12) == 0 {
		for range 1 + rng.IntN(3) {
			requests = append(requests, c.request(rng, sender, token))
		}

		between := requests[0]
		between.Receiver = c.world.payers[0]

		if sender != between.Receiver { // friends pay each other in the same update
			requests = append(requests, between)
		}
	}

	if token.Admin == c.world.forger {
		requests = requests[:1]
		for i := range requests {
			requests[i].Sender = c.world.forger
		}
	}

	if _, err := c.stage.Ledger.Batch(requests); errors.Is(err, sandbox.ErrFunds) {
		return c.fillPurse(requests[0].Sender, token)
	} else if err != nil {
		return err
	}

	for _, r := range requests {
		if r.Receiver == c.stage.Party {
			c.made.Add(1)
			c.did("deposits of " + token.ID)
		}
	}

	return nil
}

// fillPurse gives somebody a purse of several holdings: each transfer of a batch needs its own.
func (c *Campaign) fillPurse(owner ident.Party, token ident.Instrument) error {
	value := amount.FromInt(5_000)

	for range 5 {
		var err error
		if token == c.stage.Ledger.Amulet() {
			_, err = c.stage.Ledger.Tap(owner, value)
		} else {
			_, err = c.stage.Ledger.Mint(owner, token, value)
		}

		if err != nil {
			return err
		}
	}

	return nil
}

func (c *Campaign) sender(rng *rand.Rand) ident.Party {
	switch n := rng.IntN(20); {
	case n == 0:
		return c.world.thief
	case n < 5:
		return c.world.suspects[rng.IntN(len(c.world.suspects))]
	default:
		return c.world.payers[rng.IntN(len(c.world.payers))]
	}
}

func (c *Campaign) token(rng *rand.Rand) ident.Instrument {
	acme := c.stage.Ledger.AcmeToken()

	switch n := rng.IntN(25); {
	case n == 0:
		return c.world.strangeToken
	case n == 1:
		return ident.Instrument{Admin: c.world.forger, ID: []string{acme.ID, c.stage.Ledger.Amulet().ID}[rng.IntN(2)]}
	case n < 4:
		return c.world.newToken
	case n < 13:
		return acme
	default:
		return c.stage.Ledger.Amulet()
	}
}

func (c *Campaign) request(rng *rand.Rand, sender ident.Party, token ident.Instrument) sandbox.TransferRequest {
	r := sandbox.TransferRequest{
		Sender: sender, Receiver: c.stage.Party, Instrument: token, Amount: valueOf(rng), Memo: c.memo(rng),
	}

	switch rng.IntN(10) { // the others have a day
	case 0, 1:
		r.ExecuteBefore = c.cfg.Clock.Now().Add(chance.Millis(rng, 300, 4000))
	case 2, 3:
		r.ExecuteBefore = c.cfg.Clock.Now().Add(chance.Millis(rng, 10_000, 40_000))
	}

	if rng.IntN(20) == 0 {
		r.Meta = map[string]string{}
		for i := range 1 + rng.IntN(60) {
			r.Meta[fmt.Sprintf("example.com/note-%d", i)] = strings.Repeat("note ", rng.IntN(100))
		}
	}

	return r
}

// memo is what a customer writes.
func (c *Campaign) memo(rng *rand.Rand) *string {
	switch n := rng.IntN(100); {
	case n < 55:
		return new(careless(rng, memoOf(rng.IntN(accounts))))
	case n < 67:
		return new(c.lateMemo(rng))
	case n < 76:
		return new(closingMemo(rng.IntN(closing)))
	case n < 82:
		return new(fmt.Sprintf("no such account %d", rng.IntN(1000)))
	case n < 87:
		return nil
	case n < 89:
		return new("")
	case n < 93:
		return new(closedMemo(rng.IntN(closed)))
	case n < 98:
		return new(hostile(rng))
	default:
		return new(strings.Repeat("MEMO-100 ", 500+rng.IntN(3000))) // with 60 notes less than a network takes
	}
}

// careless writes a memo as people and wallets do.
func careless(rng *rand.Rand, memo string) string {
	switch rng.IntN(8) {
	case 0:
		return strings.ToLower(memo)
	case 1:
		return "  " + memo + "\t"
	default:
		return memo
	}
}

// lateMemo is a memo that the customer has before the exchange has registered it; sometimes one of before.
func (c *Campaign) lateMemo(rng *rand.Rand) string {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()

	if n := len(c.world.late); n > 0 && rng.IntN(2) == 0 {
		return c.world.late[rng.IntN(n)]
	}

	memo := fmt.Sprintf("LATE-%d", 1000+c.world.done["late memos"])
	c.world.done["late memos"]++
	c.world.late = append(c.world.late, memo)

	return memo
}
