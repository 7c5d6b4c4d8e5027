package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// account is a customer's at the exchange, with the wallet elsewhere that the customer withdraws to.
type account struct {
	name, memo string
	// direct wallets have agreed beforehand to receive Canton Coin; others get an offer, as all do of AcmeToken.
	direct bool
	offers habit
	// note is the memo that the receiver wants to read; none if empty.
	note   string
	wallet ident.Party
}

// habit is what a wallet does with offers.
type habit int

const (
	accepts habit = iota
	rejects
	ignores // until they run out
)

func customers() []account {
	return []account{
		{name: "alice", memo: "ACC-1001", direct: true},
		{name: "bob", memo: "ACC-1002", direct: true, note: "account 77 of another exchange"},
		{name: "carol", memo: "ACC-1003"},
		{name: "dave", memo: "ACC-1004", offers: rejects},
		{name: "erin", memo: "ACC-1005", offers: ignores},
	}
}

// cast introduces the customers' wallets.
const cast = `customers withdraw to wallets elsewhere. Those of alice and bob have agreed to receive Canton Coin
           directly, and bob wants a memo of his own; the others get an offer, as everybody does of AcmeToken.
           carol accepts offers, dave rejects them; erin is away, and hers run out after a minute`

// openWallets makes the wallets that customers withdraw to.
func (e *exhibit) openWallets() error {
	for i := range e.accounts {
		a := &e.accounts[i]

		var err error
		if a.wallet, err = e.network.AllocateParty(a.name + "-wallet"); err != nil {
			return err
		}

		if !a.direct {
			continue
		}

		if _, err := e.network.Preapprove(a.wallet); err != nil {
			return err
		}
	}

	return nil
}

// answerOffers has the wallets look at what they are offered, now and then.
func (e *exhibit) answerOffers(ctx context.Context) error {
	const look = time.Second

	return e.every(ctx, look, func(ctx context.Context) error {
		for _, a := range e.accounts {
			if err := e.answer(a); err != nil {
				return fmt.Errorf("wallet of %s: %w", a.name, err)
			}
		}

		return e.takeBack(ctx)
	})
}

func (e *exhibit) answer(a account) error {
	offers, err := e.network.Offers(a.wallet)
	if err != nil {
		return err
	}

	for _, o := range offers {
		if o.Receiver != a.wallet { // one that it has made itself
			continue
		}

		switch a.offers {
		case accepts:
			_, err = e.network.Accept(a.wallet, o.ContractID)
		case rejects:
			_, err = e.network.Reject(a.wallet, o.ContractID)
		case ignores:
		}

		// The offer may have run out, or have been taken back, a moment ago.
		if err != nil && !errors.Is(err, sandbox.ErrInactive) && !errors.Is(err, sandbox.ErrExpired) {
			return err
		}
	}

	return nil
}

// every does something again and again until ctx ends.
func (e *exhibit) every(ctx context.Context, interval time.Duration, do func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := do(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}
