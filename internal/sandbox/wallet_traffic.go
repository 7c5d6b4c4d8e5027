package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// TrafficConfig is the behaviour of a crowd of customers. From one goroutine, with a sandbox of the same seed
// and a clock that is moved by hand, the same configuration makes the same ledger.
type TrafficConfig struct {
	// Seed of the customers' choices; the sandbox's own seed is not touched by it.
	Seed uint64
	// Treasury is the exchange's party, which deposits go to. It should have a preapproval.
	Treasury ident.Party
	// Memos that lead to accounts; without them every memo is a wrong one.
	Memos []string
	// Actions to take; 0 takes them until the context ends.
	Actions int
	// Interval between actions; 0 is as fast as possible.
	Interval time.Duration
	// Patience is how long the customers wait, whenever the sandbox is full, before they go on. Without it they end with
	// ErrFull.
	Patience time.Duration
	// Customers to create, 5 when 0.
	Customers int
	// TreasuryAccepts makes the treasury accept offers by itself now and then. Leave it off where a deposit
	// acceptor does that.
	TreasuryAccepts bool
}

// TrafficReport counts what the customers did, by action. An action that the ledger refused, such as for want of
// funds, is counted under "refused".
type TrafficReport struct {
	Done map[string]int
	// Treasury and Customers are the parties that took part.
	Customers []ident.Party
}

const (
	defaultCustomers = 5
	maxCustomers     = 1_000
	tapUnits         = 1_000
	wrongMemos       = 1_000
	maxUnits         = 50 // of one payment
	shortOffer       = 2 * time.Second
)

// crowd is the customers at work.
type crowd struct {
	s         *Sandbox
	cfg       TrafficConfig
	rng       *rand.Rand
	customers []ident.Party
	mallory   ident.Party // issues look-alikes
}

// action is one thing a customer may do, with how often it does it.
type action struct {
	name   string
	weight int
	do     func(c *crowd, who ident.Party) error
}

func actions() []action {
	return []action{
		{"deposit", 40, func(c *crowd, who ident.Party) error { return c.deposit(who, c.memo()) }},
		{"deposit with a wrong memo", 4, func(c *crowd, who ident.Party) error { return c.deposit(who, c.wrongMemo()) }},
		{"deposit without a memo", 3, func(c *crowd, who ident.Party) error { return c.deposit(who, nil) }},
		{"deposit with an empty memo", 1, func(c *crowd, who ident.Party) error { return c.deposit(who, new("")) }},
		{"offer", 10, func(c *crowd, who ident.Party) error { return c.offer(who, c.memo()) }},
		{"offer with a wrong memo", 2, func(c *crowd, who ident.Party) error { return c.offer(who, c.wrongMemo()) }},
		{"offer without a memo", 1, func(c *crowd, who ident.Party) error { return c.offer(who, nil) }},
		{"offer that will expire", 3, (*crowd).shortOffer},
		{"withdraw an offer", 4, (*crowd).withdraw},
		{"treasury accepts an offer", 6, (*crowd).accept},
		{"expire offers", 2, func(c *crowd, _ ident.Party) error {
			_, err := c.s.ExpireOffers()

			return err
		}},
		{"tap", 6, (*crowd).tap},
		{"pay another customer", 6, (*crowd).pay},
		{"merge", 3, func(c *crowd, who ident.Party) error {
			_, err := c.s.Merge(who, c.s.Amulet(), c.small())

			return err
		}},
		{"batch", 6, (*crowd).batch},
		{"look-alike token", 3, (*crowd).lookAlike},
		{"bare look-alike", 3, (*crowd).bare},
	}
}

// Traffic lets customers act until they have taken cfg.Actions or ctx ends, and reports what they did.
func (s *Sandbox) Traffic(ctx context.Context, cfg TrafficConfig) (TrafficReport, error) {
	c := &crowd{s: s, cfg: cfg}
	c.rng = rand.New(rand.NewPCG(cfg.Seed, 1)) //nolint:gosec // a reproducible simulation

	report := TrafficReport{Done: map[string]int{}}
	if err := c.gather(); err != nil {
		return report, fmt.Errorf("gather customers: %w", err)
	}

	report.Customers = c.customers

	var ticks <-chan time.Time

	if cfg.Interval > 0 {
		ticker := time.NewTicker(cfg.Interval)
		defer ticker.Stop()

		ticks = ticker.C
	}

	for n := 0; cfg.Actions == 0 || n < cfg.Actions; n++ {
		if !pause(ctx, ticks) {
			return report, nil
		}

		a := c.choose()

		err := a.do(c, c.customers[c.rng.IntN(len(c.customers))])

		switch {
		case err == nil:
			report.Done[a.name]++
		case refused(err):
			report.Done["refused"]++
		case cfg.Patience > 0 && errors.Is(err, ErrFull):
			report.Done["full"]++

			s.cfg.Logger.WarnContext(ctx, "customers wait", slog.Duration("for", cfg.Patience), slog.Any("error", err))
			rest(ctx, cfg.Patience)
		default:
			return report, fmt.Errorf("traffic: %s: %w", a.name, err)
		}
	}

	return report, nil
}

// pause waits for the next turn; it reports false when the time is over.
func pause(ctx context.Context, ticks <-chan time.Time) bool {
	if ticks == nil {
		return ctx.Err() == nil
	}

	select {
	case <-ctx.Done():
		return false
	case <-ticks:
		return true
	}
}

// rest waits, or less if ctx ends before.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// refused reports whether the ledger said no, as it does to customers every day.
func refused(err error) bool {
	for _, no := range []error{
		ErrFunds, ErrUnknown, ErrInactive, ErrConflict, ErrExpired, ErrTooManyInputs, ErrForbidden,
	} {
		if errors.Is(err, no) {
			return true
		}
	}

	return false
}

func (c *crowd) gather() error {
	n := orDefault(c.cfg.Customers, defaultCustomers)
	if n < 1 || n > maxCustomers {
		return fmt.Errorf("%w: %d customers, want 1 to %d", ErrInvalid, n, maxCustomers)
	}

	var err error
	if c.mallory, err = c.s.AllocateParty("mallory"); err != nil {
		return err
	}

	if err := c.s.admit(c.cfg.Treasury); err != nil {
		return err
	}

	for i := range n {
		who, err := c.s.AllocateParty(fmt.Sprintf("customer-%d", i))
		if err != nil {
			return err
		}

		c.customers = append(c.customers, who)

		if err := c.tap(who); err != nil {
			return err
		}

		if err := c.s.admit(who); err != nil {
			return err
		}

		if _, err := c.s.Mint(who, c.s.AcmeToken(), amount.FromInt(tapUnits)); err != nil {
			return err
		}
	}

	return nil
}

func (c *crowd) choose() action {
	all := actions()
	total := 0

	for _, a := range all {
		total += a.weight
	}

	pick := c.rng.IntN(total)

	for _, a := range all {
		if pick -= a.weight; pick < 0 {
			return a
		}
	}

	return all[0]
}

// small is an amount between 0.0000000001 and 50, often with all ten digits.
func (c *crowd) small() amount.Amount {
	const smallestInOne = 10_000_000_000 // 10^-10 is the smallest step

	text := fmt.Sprintf("%d.%010d", c.rng.IntN(maxUnits), 1+c.rng.Int64N(smallestInOne-1))

	value, err := amount.Parse(text)
	if err != nil {
		return amount.FromInt(1)
	}

	return value
}

func (c *crowd) memo() *string {
	if len(c.cfg.Memos) == 0 {
		return new("no accounts")
	}

	return &c.cfg.Memos[c.rng.IntN(len(c.cfg.Memos))]
}

func (c *crowd) wrongMemo() *string {
	return new(fmt.Sprintf("no such account %d", c.rng.IntN(wrongMemos)))
}

func (c *crowd) send(req TransferRequest) error {
	_, err := c.s.Transfer(req)

	return err
}

func (c *crowd) deposit(who ident.Party, memo *string) error {
	return c.send(TransferRequest{
		Sender: who, Receiver: c.cfg.Treasury, Instrument: c.s.Amulet(), Amount: c.small(), Memo: memo,
	})
}

func (c *crowd) offer(who ident.Party, memo *string) error {
	return c.send(TransferRequest{
		Sender: who, Receiver: c.cfg.Treasury, Instrument: c.s.AcmeToken(), Amount: c.small(), Memo: memo,
	})
}

func (c *crowd) shortOffer(who ident.Party) error {
	return c.send(TransferRequest{
		Sender: who, Receiver: c.cfg.Treasury, Instrument: c.s.AcmeToken(), Amount: c.small(), Memo: c.memo(),
		ExecuteBefore: c.s.network.Now().Add(shortOffer),
	})
}

func (c *crowd) withdraw(who ident.Party) error {
	offers, err := c.s.Offers(who)
	if err != nil {
		return err
	}

	for _, o := range offers {
		if o.Sender == who {
			_, err := c.s.Withdraw(who, o.ContractID)

			return err
		}
	}

	return ErrUnknown
}

func (c *crowd) accept(_ ident.Party) error {
	offers, err := c.s.Offers(c.cfg.Treasury)
	if err != nil {
		return err
	}

	for _, o := range offers {
		// The treasury knows a real token from one that only has its name.
		genuine := o.Instrument.Ident() == c.s.AcmeToken() || o.Instrument.Ident() == c.s.Amulet()
		if c.cfg.TreasuryAccepts && o.Receiver == c.cfg.Treasury && !o.Waiting && genuine {
			_, err := c.s.Accept(c.cfg.Treasury, o.ContractID)

			return err
		}
	}

	return ErrUnknown
}

func (c *crowd) tap(who ident.Party) error {
	_, err := c.s.Tap(who, amount.FromInt(tapUnits))

	return err
}

func (c *crowd) pay(who ident.Party) error {
	return c.send(TransferRequest{
		Sender: who, Receiver: c.customers[c.rng.IntN(len(c.customers))], Instrument: c.s.Amulet(), Amount: c.small(),
		Memo: new("between friends"),
	})
}

// batch pays the treasury twice and another customer once, in one update.
func (c *crowd) batch(who ident.Party) error {
	requests := make([]TransferRequest, 0, 3)

	for _, receiver := range []ident.Party{c.cfg.Treasury, c.customers[c.rng.IntN(len(c.customers))], c.cfg.Treasury} {
		requests = append(requests, TransferRequest{
			Sender: who, Receiver: receiver, Instrument: c.s.Amulet(), Amount: c.small(), Memo: c.memo(),
		})
	}

	_, err := c.s.Batch(requests)

	return err
}

// lookAlike offers the treasury a token that is called Amulet but has another admin.
func (c *crowd) lookAlike(_ ident.Party) error {
	fake := ident.Instrument{Admin: c.mallory, ID: c.s.Amulet().ID}
	value := c.small()

	if _, err := c.s.Mint(c.mallory, fake, value); err != nil {
		return err
	}

	return c.send(TransferRequest{
		Sender: c.mallory, Receiver: c.cfg.Treasury, Instrument: fake, Amount: value, Memo: c.memo(),
	})
}

// bare gives the treasury a contract that claims to be Canton Coin.
func (c *crowd) bare(_ ident.Party) error {
	_, err := c.s.RawBareHolding(BareHolding{
		Issuer: c.mallory, Owner: c.cfg.Treasury, Instrument: c.s.Amulet(), Amount: c.small(),
	})

	return err
}
