package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// chooseTap is the faucet, with the mining round that the client names.
func (t *transaction) chooseTap(c *contract, argument json.RawMessage) error {
	var args struct {
		Receiver ident.Party      `json:"receiver"`
		Amount   amount.Amount    `json:"amount"`
		Round    ident.ContractID `json:"openRound"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	if err := t.goByRound(args.Round); err != nil {
		return err
	}

	return t.tapAmulet(c, argument, args.Receiver, args.Amount)
}

// goByRound makes coins count from the open mining round that a client names.
func (t *transaction) goByRound(id ident.ContractID) error {
	round := t.s.contracts[id]
	if err := t.look(round); err != nil {
		return fmt.Errorf("open mining round: %w", err)
	}

	if eraOf(round) == nil || round.template.Module != modRound {
		return fmt.Errorf("%w: contract %s is no OpenMiningRound", ErrInvalid, id)
	}

	t.round, t.byRound = round, true

	return nil
}

// chooseFeature is DevNet's self-service for a featured app right.
func (t *transaction) chooseFeature(c *contract, argument json.RawMessage) error {
	var args struct {
		Provider ident.Party `json:"provider"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	return t.exercise(exercise{
		on: c, choice: "AmuletRules_DevNet_FeatureApp", argument: argument, acting: []ident.Party{args.Provider},
	}, func() (any, error) {
		right, err := t.create(creation{
			template: templateName(pkgAmulet, modAmulet, "FeaturedAppRight"), packageName: pkgAmulet,
			argument:    obj{"dso": t.s.amulet.dso, "provider": args.Provider},
			signatories: []ident.Party{t.s.amulet.dso}, observers: []ident.Party{args.Provider},
		})
		if err != nil {
			return nil, err
		}

		right.anywhere = true
		t.onCommit = append(t.onCommit, func(*update) { t.s.amulet.featured[args.Provider] = right })

		return obj{"featuredAppRightCid": right.id}, nil
	})
}

// paymentContext is the context of those choices, as far as the sandbox goes by it.
type paymentContext struct {
	Round ident.ContractID `json:"openMiningRound"`
}

// amuletInput is one input of a choice of Canton Coin other than the token standard's.
type amuletInput struct {
	Tag   string           `json:"tag"`
	Value ident.ContractID `json:"value"`
}

func coinsOf(inputs []amuletInput) ([]ident.ContractID, error) {
	ids := make([]ident.ContractID, 0, len(inputs))

	for _, input := range inputs {
		if input.Tag != "InputAmulet" {
			return nil, fmt.Errorf("%w: input %.40s: the sandbox has no rewards", ErrInvalid, input.Tag)
		}

		ids = append(ids, input.Value)
	}

	return ids, nil
}

// trafficPrice is what a byte of traffic costs, in Canton Coin: 60 USD per MB (synchronizer traffic parameters) at the
// sandbox's price of 0.005 USD.
const trafficPrice = "0.012"

// chooseBuyTraffic burns coins for traffic.
func (t *transaction) chooseBuyTraffic(c *contract, argument json.RawMessage) error {
	var args struct {
		Inputs   []amuletInput  `json:"inputs"`
		Provider ident.Party    `json:"provider"`
		Context  paymentContext `json:"context"`
		Traffic  json.Number    `json:"trafficAmount"`
		DSO      ident.Party    `json:"expectedDso"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	if args.DSO != "" && args.DSO != t.s.amulet.dso {
		return fmt.Errorf("%w: expectedDso %s is not %s", ErrInvalid, args.DSO, t.s.amulet.dso)
	}

	if err := t.goByRound(args.Context.Round); err != nil {
		return err
	}

	ids, err := coinsOf(args.Inputs)
	if err != nil {
		return err
	}

	inputs, total, err := t.given(args.Provider, t.s.Amulet(), ids)
	if err != nil {
		return err
	}

	price, err := priceOf(args.Traffic)
	if err != nil {
		return err
	}

	left, err := total.Sub(price)
	if err != nil || left.Sign() < 0 {
		return fmt.Errorf("inputs of %s, traffic costs %s: %w", total.Short(), price.Short(), ErrFunds)
	}

	t.onCommit = append(t.onCommit, func(*update) { count(t.s.books.burned, t.s.Amulet(), price) })

	return t.buyTraffic(c, argument, args.Provider, price, inputs, left)
}

// chooseCancelPreapproval ends a preapproval by its receiver or its provider.
func (t *transaction) chooseCancelPreapproval(c *contract, argument json.RawMessage) error {
	var args struct {
		Party ident.Party `json:"p"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	known := preapprovalOf(c)

	switch {
	case known == nil || (args.Party != known.receiver && args.Party != known.provider):
		return fmt.Errorf("%w: only receiver and provider cancel a preapproval", ErrInvalid)
	case !t.isBefore(known.expiresAt):
		return fmt.Errorf("preapproval %s: %w", c.id, ErrExpired)
	}

	return t.cancelPreapproval(c, args.Party, argument)
}

// chooseApprove is a provider's own acceptance of a proposal.
func (t *transaction) chooseApprove(c *contract, argument json.RawMessage) error {
	var args struct {
		Context struct {
			Rules   ident.ContractID `json:"amuletRules"`
			Context paymentContext   `json:"context"`
		} `json:"context"`
		Until damlTime `json:"expiresAt"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	if args.Context.Rules != t.s.amulet.rules.id {
		return fmt.Errorf("%w: contract %s is no AmuletRules", ErrInvalid, args.Context.Rules)
	}

	if err := t.goByRound(args.Context.Context.Round); err != nil {
		return err
	}

	asked, _ := c.payload.(*proposal)
	if asked == nil {
		return fmt.Errorf("%w: not a proposal", ErrInvalid)
	}

	if !t.isBefore(time.Time(args.Until)) {
		return fmt.Errorf("accept proposal until %s: %w", time.Time(args.Until), ErrExpired)
	}

	return t.acceptPreapproval(c, asked, time.Time(args.Until), argument)
}

// bearProposal asks for a preapproval. If the provider is the validator's operator, its automation accepts at once.
func (t *transaction) bearProposal(argument json.RawMessage) error {
	var args struct {
		Receiver ident.Party  `json:"receiver"`
		Provider ident.Party  `json:"provider"`
		DSO      *ident.Party `json:"expectedDso"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	if args.DSO == nil || *args.DSO != t.s.amulet.dso {
		return fmt.Errorf("%w: expectedDso must be %s", ErrInvalid, t.s.amulet.dso)
	}

	return t.proposePreapproval(args.Receiver, args.Provider)
}

// bearPing creates a Ping, the simplest contract there is (canton-builtin-admin-workflow-ping).
func (t *transaction) bearPing(argument json.RawMessage) error {
	var args ping
	if err := read(argument, &args); err != nil {
		return err
	}

	_, err := t.create(creation{
		template: templateName(pkgPing, modPing, "Ping"), packageName: pkgPing, argument: argument,
		signatories: []ident.Party{args.Initiator}, observers: []ident.Party{args.Responder}, payload: &args,
	})

	return err
}

type ping struct {
	ID        string      `json:"id"`
	Initiator ident.Party `json:"initiator"`
	Responder ident.Party `json:"responder"`
}

func (t *transaction) choosePong(c *contract, argument json.RawMessage) error {
	asked, _ := c.payload.(*ping)
	if asked == nil {
		return fmt.Errorf("%w: not a ping", ErrInvalid)
	}

	return t.exercise(exercise{
		on: c, choice: "Respond", argument: argument, acting: []ident.Party{asked.Responder}, consuming: true,
	}, func() (any, error) { return obj{}, nil })
}

// priceOf is what so many bytes of traffic cost.
func priceOf(traffic json.Number) (amount.Amount, error) {
	bytes, err := decimal.NewFromString(traffic.String())
	if err != nil || bytes.Sign() <= 0 || !bytes.IsInteger() {
		return amount.Zero(), fmt.Errorf("%w: trafficAmount %.40s", ErrInvalid, traffic)
	}

	price, err := amount.Parse(bytes.Mul(decimal.RequireFromString(trafficPrice)).StringFixed(amount.Scale))
	if err != nil {
		return price, fmt.Errorf("%w: trafficAmount %.40s: %w", ErrInvalid, traffic, err)
	}

	return price, nil
}
