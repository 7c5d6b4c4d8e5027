package token

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Outcome is how a step of a transfer ended.
type Outcome string

// The outcomes of a TransferInstructionResult.
const (
	OutcomeCompleted Outcome = "completed"
	OutcomePending   Outcome = "pending"
	OutcomeFailed    Outcome = "failed"
)

// Result is a TransferInstructionResult, what the factory and every choice on an instruction return.
type Result struct {
	Outcome Outcome
	// Next is the instruction that the transfer now waits on; empty unless pending.
	Next ident.ContractID
	// ReceiverHoldings are what the receiver got; empty unless completed.
	ReceiverHoldings []ident.ContractID
	// SenderChange are the sender's new holdings.
	SenderChange []ident.ContractID
	Meta         Metadata
}

// DecodeResult reads a TransferInstructionResult, which looks the same in V1 and V2. Errors wrap ErrDecode.
func DecodeResult(raw strictjson.Raw) (Result, error) {
	var w struct {
		Output *struct {
			Tag   string `json:"tag"`
			Value struct {
				Next     *string  `json:"transferInstructionCid"`
				Receiver []string `json:"receiverHoldingCids"`
			} `json:"value"`
		} `json:"output"`
		Change []string  `json:"senderChangeCids"`
		Meta   *wireMeta `json:"meta"`
	}
	if err := decode("transfer result", raw, &w); err != nil {
		return Result{}, err
	}

	if w.Output == nil {
		return Result{}, fmt.Errorf("%w: transfer result has no output", ErrDecode)
	}

	change, err := contracts("change holdings", w.Change, maxInputs)
	if err != nil {
		return Result{}, err
	}

	r := Result{SenderChange: change, Meta: w.Meta.metadata()}

	switch w.Output.Tag {
	case tagCompleted:
		r.Outcome = OutcomeCompleted
		r.ReceiverHoldings, err = contracts("receiver holdings", w.Output.Value.Receiver, maxInputs)
	case tagPending:
		r.Outcome = OutcomePending
		r.Next, err = optionalContract("next instruction", w.Output.Value.Next)

		if err == nil && r.Next == "" {
			err = fmt.Errorf("%w: pending transfer names no instruction", ErrDecode)
		}
	case tagFailed:
		r.Outcome = OutcomeFailed
	default:
		err = fmt.Errorf("%w: unknown transfer result %s", ErrDecode, shown(w.Output.Tag))
	}

	if err != nil {
		return Result{}, err
	}

	return r, nil
}

// DecodeResultMeta reads meta.values of any exercise's result, and nothing else of it. Results of choices that
// have nothing to do with tokens have other shapes: they have no metadata, which is not an error.
func DecodeResultMeta(raw strictjson.Raw) Metadata {
	if raw.Kind() != '{' {
		return nil
	}

	var w struct {
		Meta strictjson.Raw `json:"meta"`
	}
	if strictjson.Decode(raw, &w) != nil || w.Meta.Kind() != '{' {
		return nil
	}

	var meta wireMeta
	if strictjson.Decode(w.Meta, &meta) != nil {
		return nil
	}

	return meta.metadata()
}

// Side is an account's side of a leg.
type Side string

// The sides of a leg.
const (
	SenderSide   Side = "sender"
	ReceiverSide Side = "receiver"
)

// Leg is one transfer in a HoldingsChange, seen from its account.
type Leg struct {
	ID         string
	Side       Side
	Other      Account
	Instrument ident.Instrument
	Amount     amount.Amount
	Meta       Metadata
}

// HoldingsChange is the argument of EventLog_HoldingsChange (V2): everything that changed for one account.
type HoldingsChange struct {
	Admin   ident.Party
	Account Account
	Inputs  []ident.ContractID
	Outputs []ident.ContractID
	Legs    []Leg
}

type wireChange struct {
	Admin   string       `json:"admin"`
	Account *wireAccount `json:"account"`
	Inputs  []string     `json:"inputHoldingCids"`
	Outputs []string     `json:"outputHoldingCids"`
	Legs    []wireLeg    `json:"transferLegSides"`
}

type wireLeg struct {
	ID         string         `json:"transferLegId"`
	Side       strictjson.Raw `json:"side"`
	Other      *wireAccount   `json:"otherside"`
	Amount     *amount.Amount `json:"amount"`
	Instrument string         `json:"instrumentId"`
	Meta       *wireMeta      `json:"meta"`
}

// DecodeHoldingsChange reads the argument of EventLog_HoldingsChange. Where the account could be read, it is
// there in spite of an error, so that a caller can tell whom a broken event is about.
func DecodeHoldingsChange(raw strictjson.Raw) (HoldingsChange, error) {
	var w wireChange
	if err := decode("holdings change", raw, &w); err != nil {
		return HoldingsChange{Account: accountAlone(raw)}, err
	}

	account, err := w.Account.account()
	if err != nil {
		return HoldingsChange{}, err
	}

	c := HoldingsChange{Account: account}

	if c.Admin, err = parseParty("admin", w.Admin); err != nil {
		return c, err
	}

	if c.Inputs, err = contracts("input holdings", w.Inputs, maxChanged); err != nil {
		return c, err
	}

	if c.Outputs, err = contracts("output holdings", w.Outputs, maxChanged); err != nil {
		return c, err
	}

	if len(w.Legs) > maxLegs {
		return c, fmt.Errorf("%w: %d transfer legs, at most %d are read", ErrDecode, len(w.Legs), maxLegs)
	}

	c.Legs = make([]Leg, len(w.Legs))
	for i, leg := range w.Legs {
		if c.Legs[i], err = leg.leg(c.Admin); err != nil {
			return c, fmt.Errorf("leg %s: %w", shown(leg.ID), err)
		}
	}

	return c, nil
}

// accountAlone reads whom an event is about when the rest of it does not decode.
func accountAlone(raw strictjson.Raw) Account {
	var w struct {
		Account *wireAccount `json:"account"`
	}
	if strictjson.Decode(raw, &w) != nil {
		return Account{}
	}

	account, err := w.Account.account()
	if err != nil {
		return Account{}
	}

	return account
}

func (w wireLeg) leg(admin ident.Party) (Leg, error) {
	side, err := w.side()
	if err != nil {
		return Leg{}, err
	}

	leg := Leg{ID: w.ID, Side: side, Meta: w.Meta.metadata()}

	if leg.Other, err = w.Other.account(); err != nil {
		return Leg{}, err
	}

	if leg.Amount, err = positive(w.Amount); err != nil {
		return Leg{}, err
	}

	leg.Instrument, err = wireInstrument{Admin: string(admin), ID: w.Instrument}.instrument()

	return leg, err
}

// side knows a Daml enum, which is a plain string, and the form of a variant.
func (w wireLeg) side() (Side, error) {
	var (
		tag     string
		variant wireVariant
		err     error
	)

	if w.Side.Kind() == '{' {
		err = decode("side", w.Side, &variant)
		tag = variant.Tag
	} else {
		err = decode("side", w.Side, &tag)
	}

	switch {
	case err != nil:
		return "", err
	case tag == tagSenderSide:
		return SenderSide, nil
	case tag == tagReceiverSide:
		return ReceiverSide, nil
	default:
		return "", fmt.Errorf("%w: unknown side %s", ErrDecode, shown(tag))
	}
}
