package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"

	cryptorand "crypto/rand"
)

const (
	// offerLife is the shortest there is, so that some offers run out while one looks.
	offerLife = withdrawal.MinOfferLifetime
	// slower is how many deposits there are to a withdrawal.
	slower = 5
	// leastWithdrawal is the minimum of the demo's policies.
	leastWithdrawal = 1
	// approveFrom is more than the demo's customers withdraw at once.
	approveFrom = 500
	// tooMuch is more than any account of the demo holds.
	tooMuch = 1_000_000
	// mergeFrom holdings of less than small are merged, in passing.
	mergeFrom = 20
	small     = 20
)

// policies say how the tokens are paid out. Without them no withdrawal is taken.
func (e *exhibit) setPolicies(ctx context.Context) error {
	for _, token := range e.tokens() {
		p := withdrawal.DefaultPolicy()
		p.Minimum, p.OfferLifetime = amount.FromInt(leastWithdrawal), offerLife
		p.Dust, p.MergeFrom = amount.FromInt(small), mergeFrom
		p.SpendExpiredLocks = token == e.network.Amulet()
		p.ApproveFrom = new(amount.FromInt(approveFrom))

		if err := e.db.SetPolicy(ctx, token, p); err != nil {
			return err
		}

		place := store.RegistryPlace{Admin: token.Admin, URL: e.url + "/api/token-standard/v0/registrars/{admin}"}
		if err := e.db.SetRegistry(ctx, token.Admin, []store.RegistryPlace{place}); err != nil {
			return err
		}
	}

	return nil
}

// newPayments makes Withdrawal Automation, as cmd/withdraw does.
func (e *exhibit) newPayments() (*payout.Service, error) {
	config := payout.Config{Party: e.party, UserID: "ledger-api-user"}
	parts := payout.Parts{
		Node: e.node, Registries: custody.NewDirectory(e.db, nil, clock.System{}, e.serviceLog()), Signer: e.key, DB: e.db,
		Clock: clock.System{}, Logger: e.serviceLog(), Metrics: payout.NewMetrics(e.Metrics), Random: cryptorand.Reader,
	}

	return payout.New(config, parts)
}

// requests are the customers who withdraw.
type requests struct {
	*exhibit

	rng       *rand.Rand
	made      int
	cancelled bool
}

// withdraw lets customers request withdrawals until ctx ends.
func (e *exhibit) withdraw(ctx context.Context) error {
	r := requests{exhibit: e, rng: rand.New(rand.NewPCG(e.settings.seed, 2))} //nolint:gosec // a reproducible simulation

	return e.every(ctx, slower*e.settings.interval, r.next)
}

// next requests one withdrawal, of a kind that takes turns.
func (r *requests) next(ctx context.Context) error {
	const (
		kinds  = 9
		greedy = 4 // of nine requests, this one is for more than the account holds
		petty  = 7 // and this one for less than the minimum
	)

	audit, err := r.db.ReadAudit(ctx, r.treasury)
	if errors.Is(err, store.ErrNotFound) {
		return nil // ingestion is still starting
	}

	if err != nil {
		return err
	}

	who := r.accounts[r.made%len(r.accounts)]
	token := r.tokens()[r.rng.IntN(len(r.tokens()))]
	value := r.part(audit, who.name, token)

	switch {
	case r.made%kinds == greedy:
		value = amount.FromInt(tooMuch)
	case r.made%kinds == petty:
		value = amount.FromInt(leastWithdrawal)
		if value, err = value.Sub(oneHundredth()); err != nil {
			return err
		}
	case value.Cmp(amount.FromInt(leastWithdrawal)) < 0:
		r.made++ // this customer has too little of it yet

		return nil
	}

	r.made++

	return r.request(ctx, who, token, value)
}

// part is some of what an account holds, in hundredths.
func (r *requests) part(audit store.Audit, name string, token ident.Instrument) amount.Amount {
	const (
		least, spread = 10, 40 // per cent
		hundred       = 100
	)

	for _, b := range audit.Balances {
		if b.Kind != books.Customer || b.Account != name || b.Instrument != token {
			continue
		}

		has, err := b.Amount.Amount()
		if err != nil {
			break
		}

		share := new(big.Int).Mul(has.Scaled(), big.NewInt(least+r.rng.Int64N(spread)))
		step := new(big.Int).Mul(oneHundredth().Scaled(), big.NewInt(hundred))
		share.Div(share, step).Mul(share, oneHundredth().Scaled())

		if value, err := amount.FromScaled(share); err == nil {
			return value
		}
	}

	return amount.Zero()
}

func oneHundredth() amount.Amount {
	value, err := amount.Parse("0.01")
	if err != nil {
		return amount.Zero()
	}

	return value
}

func (r *requests) request(ctx context.Context, who account, token ident.Instrument, value amount.Amount) error {
	w := store.WithdrawalRequest{
		ID: fmt.Sprintf("w-%d", r.made), Account: who.name, Instrument: token, Amount: value, Receiver: who.wallet,
	}

	if who.note != "" {
		w.Memo = &who.note
	}

	_, err := r.db.RequestWithdrawal(ctx, r.party, w, time.Now())
	if refused, ok := errors.AsType[*store.RefusedError](err); ok {
		r.refusals.add(refused.Reason)

		return nil
	}

	if err != nil || r.cancelled {
		return err
	}

	// One customer thinks again. That is in time only while nothing is reserved; otherwise the next one tries.
	err = r.db.CancelWithdrawal(ctx, r.party, w.ID, time.Now())
	if _, ok := errors.AsType[*store.RefusedError](err); ok {
		return nil
	}

	r.cancelled = err == nil

	return err
}
