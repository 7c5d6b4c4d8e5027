package campaign

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// deadlineMargin is more than a record time may lag behind the clock.
const deadlineMargin = 10 * time.Second

// exchange is what the treasury itself does besides receiving: it pays, offers, merges, mints, burns, rejects and loses
// dust. It notes what no transfer tells.
type exchange struct {
	ledger   *sandbox.Sandbox
	treasury ident.Party
	shop     ident.Party // takes payments in one step
	friend   ident.Party // must accept them
	rng      *rand.Rand
	payments int
	done     map[string]int
	// minted and lost are what came and went without a transfer.
	minted, lost map[ident.Instrument]amount.Amount
}

type act struct {
	name   string
	weight int
	do     func(*exchange) error
}

func acts() []act {
	return []act{
		{"exchange taps", 3, (*exchange).tap},
		{"exchange mints", 2, (*exchange).mint},
		{"exchange burns coins", 2, func(e *exchange) error { return e.burn(e.ledger.Amulet()) }},
		{"exchange burns tokens", 2, func(e *exchange) error { return e.burn(e.ledger.AcmeToken()) }},
		{"exchange loses dust", 1, (*exchange).dust},
		{"exchange merges", 3, (*exchange).merge},
		{"exchange pays", 6, func(e *exchange) error { return e.pay(e.shop, e.ledger.Amulet(), 0) }},
		{"exchange offers coins", 3, func(e *exchange) error { return e.pay(e.friend, e.ledger.Amulet(), 0) }},
		{"exchange offers tokens", 3, func(e *exchange) error { return e.pay(e.friend, e.ledger.AcmeToken(), 0) }},
		{"exchange offers for a moment", 2, func(e *exchange) error { return e.pay(e.friend, e.ledger.AcmeToken(), time.Second) }},
		{"friend accepts", 4, func(e *exchange) error { return e.answer(e.friend, e.ledger.Accept) }},
		{"friend rejects", 2, func(e *exchange) error { return e.answer(e.friend, e.ledger.Reject) }},
		{"exchange withdraws an offer", 1, (*exchange).withdraw},
		{"exchange rejects an offer", 3, func(e *exchange) error { return e.answer(e.treasury, e.ledger.Reject) }},
		{"registrar completes", 6, func(e *exchange) error { return e.workflow(e.ledger.CompleteWorkflow) }},
		{"registrar refuses", 2, func(e *exchange) error { return e.workflow(e.ledger.FailWorkflow) }},
	}
}

func (e *exchange) prepare(ledger *sandbox.Sandbox, treasury ident.Party, seed uint64) error {
	e.ledger, e.treasury, e.done = ledger, treasury, map[string]int{}
	e.minted, e.lost = map[ident.Instrument]amount.Amount{}, map[ident.Instrument]amount.Amount{}
	e.rng = rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // reproducible

	var err error
	if e.shop, err = ledger.AllocateParty("shop"); err != nil {
		return fmt.Errorf("allocate shop: %w", err)
	}

	if e.friend, err = ledger.AllocateParty("friend"); err != nil {
		return fmt.Errorf("allocate friend: %w", err)
	}

	if _, err := ledger.Preapprove(e.shop); err != nil {
		return fmt.Errorf("preapprove shop: %w", err)
	}

	return nil
}

func (e *exchange) run(ctx context.Context, pace time.Duration) error {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}

		a := e.choose()

		switch err := a.do(e); {
		case err == nil:
			e.done[a.name]++
		case impossible(err):
			e.done["exchange could not"]++
		default:
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
}

func (e *exchange) choose() act {
	all, total := acts(), 0
	for _, a := range all {
		total += a.weight
	}

	pick := e.rng.IntN(total)

	for _, a := range all {
		if pick -= a.weight; pick < 0 {
			return a
		}
	}

	return all[0]
}

// impossible reports whether the ledger said no, as it does every day.
func impossible(err error) bool {
	for _, no := range []error{
		sandbox.ErrFunds, sandbox.ErrUnknown, sandbox.ErrInactive, sandbox.ErrConflict, sandbox.ErrExpired, sandbox.ErrTooManyInputs,
	} {
		if errors.Is(err, no) {
			return true
		}
	}

	return false
}

// some is an amount below 20 with all ten digits.
func (e *exchange) some() amount.Amount {
	value, err := amount.Parse(fmt.Sprintf("%d.%010d", e.rng.IntN(20), e.rng.Int64N(10_000_000_000-1)+1))
	if err != nil {
		return amount.FromInt(1)
	}

	return value
}

func note(tally map[ident.Instrument]amount.Amount, i ident.Instrument, value amount.Amount) error {
	sum, err := tally[i].Add(value)
	tally[i] = sum

	return err
}

func (e *exchange) tap() error {
	value := e.some()
	if _, err := e.ledger.Tap(e.treasury, value); err != nil {
		return err
	}

	return note(e.minted, e.ledger.Amulet(), value)
}

func (e *exchange) mint() error {
	value := e.some()
	if _, err := e.ledger.Mint(e.treasury, e.ledger.AcmeToken(), value); err != nil {
		return err
	}

	return note(e.minted, e.ledger.AcmeToken(), value)
}

func (e *exchange) burn(i ident.Instrument) error {
	value := e.some()
	if _, err := e.ledger.Burn(e.treasury, i, value); err != nil {
		return err
	}

	return note(e.lost, i, value)
}

// dust takes the smallest free coin away.
func (e *exchange) dust() error {
	holdings, err := e.ledger.Holdings(e.treasury)
	if err != nil {
		return err
	}

	var least *sandbox.Holding

	for i, h := range holdings {
		if h.Locked || h.Bare || h.Instrument.Ident() != e.ledger.Amulet() {
			continue
		}

		if least == nil || h.Amount.Cmp(least.Amount) < 0 {
			least = &holdings[i]
		}
	}

	if least == nil {
		return sandbox.ErrFunds
	}

	if _, err := e.ledger.ExpireDust(least.ContractID); err != nil {
		return err
	}

	return note(e.lost, e.ledger.Amulet(), least.Amount)
}

func (e *exchange) merge() error {
	_, err := e.ledger.Merge(e.treasury, e.ledger.Amulet(), e.some())

	return err
}

// pay sends money out of the treasury, one or two payments in an update. A life of 0 is the wallet's default.
func (e *exchange) pay(to ident.Party, i ident.Instrument, life time.Duration) error {
	requests := make([]sandbox.TransferRequest, 1+e.rng.IntN(2))
	for n := range requests {
		e.payments++
		requests[n] = sandbox.TransferRequest{Sender: e.treasury, Receiver: to, Instrument: i, Amount: e.some()}

		if e.rng.IntN(5) > 0 {
			requests[n].Memo = new(fmt.Sprintf("payment %d", e.payments))
		}

		if life > 0 {
			requests[n].ExecuteBefore = time.Now().Add(life) //nolint:forbidigo // the sandbox's own clock is the machine's
		}
	}

	_, err := e.ledger.Batch(requests)

	return err
}

// answer lets a receiver take or refuse its oldest offer that waits for it.
func (e *exchange) answer(who ident.Party, do func(ident.Party, ident.ContractID) (sandbox.Receipt, error)) error {
	offers, err := e.ledger.Offers(who)
	if err != nil {
		return err
	}

	for _, o := range offers {
		if o.Receiver == who && !o.Waiting {
			_, err := do(who, o.ContractID)

			return err
		}
	}

	return sandbox.ErrUnknown
}

func (e *exchange) withdraw() error {
	offers, err := e.ledger.Offers(e.treasury)
	if err != nil {
		return err
	}

	for _, o := range offers {
		if o.Sender == e.treasury && !o.Waiting {
			_, err := e.ledger.Withdraw(e.treasury, o.ContractID)

			return err
		}
	}

	return sandbox.ErrUnknown
}

// workflow lets the registrar decide on the oldest accepted offer that waits for it.
func (e *exchange) workflow(do func(ident.ContractID) (sandbox.Receipt, error)) error {
	for _, who := range []ident.Party{e.treasury, e.friend} {
		offers, err := e.ledger.Offers(who)
		if err != nil {
			return err
		}

		for _, o := range offers {
			// Past the deadline the ledger cannot tell a refusal from an expiry.
			if o.Waiting && time.Until(o.ExecuteBefore) > deadlineMargin { //nolint:forbidigo // the sandbox's own clock
				_, err := do(o.ContractID)

				return err
			}
		}
	}

	return sandbox.ErrUnknown
}
