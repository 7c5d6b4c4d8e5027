package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// What a preapproval costs: 1 USD a year, of which each renewal has 90 days free (CIP-0119), at the sandbox's price of
// 0.005 USD a coin.
const (
	freeRenewal       = 90 * 24 * time.Hour
	renewalPerYear    = "200"
	renewalYear       = 365 * 24 * time.Hour
	renewalBurnReason = "renew transfer preapproval"
)

// renewalFee is what a renewal burns that puts the end off by so much.
func renewalFee(by time.Duration) (amount.Amount, error) {
	if by <= freeRenewal {
		return amount.Zero(), nil
	}

	paid := decimal.NewFromInt(int64(by - freeRenewal)).Div(decimal.NewFromInt(int64(renewalYear)))

	fee, err := amount.Parse(paid.Mul(decimal.RequireFromString(renewalPerYear)).StringFixed(amount.Scale))
	if err != nil {
		return fee, fmt.Errorf("%w: renewal by %s: %w", ErrInvalid, by, err)
	}

	return fee, nil
}

// chooseRenewPreapproval puts the end of a preapproval off. Once that has come there is nothing to renew. What is
// within the free days takes no input, and leaves those that are given alone, which is a guess.
func (t *transaction) chooseRenewPreapproval(c *contract, argument json.RawMessage) error {
	var args struct {
		Context struct {
			Rules   ident.ContractID `json:"amuletRules"`
			Context paymentContext   `json:"context"`
		} `json:"context"`
		Inputs []amuletInput `json:"inputs"`
		Until  damlTime      `json:"newExpiresAt"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	known := preapprovalOf(c)
	until := time.Time(args.Until)

	switch {
	case known == nil || !until.After(known.expiresAt):
		return fmt.Errorf("%w: newExpiresAt must be later than the present end", ErrInvalid)
	case !t.isBefore(known.expiresAt):
		return fmt.Errorf("renew preapproval %s: %w", c.id, ErrExpired)
	case args.Context.Rules != t.s.amulet.rules.id:
		return fmt.Errorf("%w: contract %s is no AmuletRules", ErrInvalid, args.Context.Rules)
	}

	if err := t.goByRound(args.Context.Context.Round); err != nil {
		return err
	}

	fee, err := t.feeOfRenewal(known, until, args.Inputs)
	if err != nil {
		return err
	}

	return t.exercise(exercise{
		on: c, choice: "TransferPreapproval_Renew", argument: argument, acting: []ident.Party{known.provider},
		consuming: true,
	}, func() (any, error) { return t.renewPreapproval(known, until, fee) })
}

// renewal is the fee of one, and what pays it.
type renewal struct {
	fee, total amount.Amount
	inputs     []*contract
}

func (t *transaction) feeOfRenewal(known *preapproval, until time.Time, given []amuletInput) (renewal, error) {
	fee, err := renewalFee(until.Sub(known.expiresAt))
	if err != nil || fee.Sign() == 0 {
		return renewal{}, err
	}

	ids, err := coinsOf(given)
	if err != nil {
		return renewal{}, err
	}

	inputs, total, err := t.given(known.provider, t.s.Amulet(), ids)
	if err != nil {
		return renewal{}, err
	}

	if total.Cmp(fee) < 0 {
		return renewal{}, fmt.Errorf("inputs of %s, the renewal costs %s: %w", total.Short(), fee.Short(), ErrFunds)
	}

	t.onCommit = append(t.onCommit, func(*update) { count(t.s.books.burned, t.s.Amulet(), fee) })

	return renewal{fee: fee, total: total, inputs: inputs}, nil
}

func (t *transaction) renewPreapproval(known *preapproval, until time.Time, r renewal) (any, error) {
	t.fetch(t.round)

	result := obj{"amuletPaid": r.fee, "meta": meta()}

	if r.fee.Sign() > 0 {
		paid, err := t.payRenewal(known.provider, r)
		if err != nil {
			return nil, err
		}

		result["transferResult"] = paid
		result["meta"] = meta(keyTxKind, kindBurn, keyReason, renewalBurnReason, keyBurned, trimmed(r.fee))
	}

	renewed, err := t.createPreapproval(known.receiver, known.provider, known.validFrom, until)
	if err != nil {
		return nil, err
	}

	result["transferPreapprovalCid"] = renewed.id

	return result, nil
}

// payRenewal burns the fee and gives the rest back.
func (t *transaction) payRenewal(provider ident.Party, r renewal) (obj, error) {
	if err := t.spend(r.inputs); err != nil {
		return nil, err
	}

	left, err := r.total.Sub(r.fee)
	if err != nil {
		return nil, fmt.Errorf("change: %w", err)
	}

	var change []*contract

	if left.Sign() > 0 {
		c, err := t.createAmulet(provider, left)
		if err != nil {
			return nil, err
		}

		change = append(change, c)
	}

	if err := t.logBurn(t.s.amulet.externalRules, provider, r.fee, r.inputs, change); err != nil {
		return nil, err
	}

	return obj{
		"round": obj{"number": t.roundNumber()}, "createdAmulets": []variant{}, "senderChangeAmulet": firstID(change),
		"summary": summary(&plan{total: r.total}, fees{left: left}), "meta": nil,
	}, nil
}
