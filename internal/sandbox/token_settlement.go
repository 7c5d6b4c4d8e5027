package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
)

// settlement is what the token logic knows of a SettlementRequest.
type settlement struct {
	Executor ident.Party            `json:"executor"`
	Info     settlementInfo         `json:"settlement"`
	Legs     map[string]transferLeg `json:"transferLegs"`
	Traders  []ident.Party          `json:"traders"`
}

// bearSettlement is how a settlement app asks traders to allocate: an AllocationRequest of the sandbox's own.
func (t *transaction) bearSettlement(argument json.RawMessage) error {
	var args settlement
	if err := read(argument, &args); err != nil {
		return err
	}

	for _, leg := range args.Legs {
		for _, party := range []ident.Party{leg.Sender, leg.Receiver} {
			if !slices.Contains(args.Traders, party) {
				return fmt.Errorf("%w: %s is in a leg and no trader", ErrInvalid, party)
			}
		}
	}

	_, err := t.create(creation{
		template: templateName(pkgSettlement, modSettlement, "SettlementRequest"), packageName: pkgSettlement,
		argument: argument, signatories: []ident.Party{args.Executor}, observers: union(args.Traders),
		views: map[ident.Name]any{ifaceAllocationRequest(): obj{
			"settlement": args.Info, "transferLegs": args.Legs, "meta": meta(),
		}},
		payload: &args,
	})

	return err
}

func (t *transaction) chooseRejectRequest(c *contract, argument json.RawMessage) error {
	var args struct {
		Actor ident.Party `json:"actor"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	asked, _ := c.payload.(*settlement)
	if asked == nil || !slices.Contains(asked.Traders, args.Actor) {
		return fmt.Errorf("%w: %s is no trader of this request", ErrInvalid, args.Actor)
	}

	return t.endRequest(c, "AllocationRequest_Reject", args.Actor, argument)
}

func (t *transaction) chooseWithdrawRequest(c *contract, argument json.RawMessage) error {
	return t.endRequest(c, "AllocationRequest_Withdraw", c.signatories[0], argument)
}

func (t *transaction) endRequest(c *contract, choice string, actor ident.Party, argument json.RawMessage) error {
	return t.exercise(exercise{
		on: c, iface: ifaceAllocationRequest(), choice: choice, argument: argument, acting: []ident.Party{actor},
		consuming: true,
	}, func() (any, error) { return obj{"meta": meta()}, nil })
}

// chooseSettleAll settles every leg of a request at once, by the executor and the traders together: delivery versus
// payment. It names the allocation of each leg, with the context that its registry gives.
func (t *transaction) chooseSettleAll(c *contract, argument json.RawMessage) error {
	var args struct {
		Legs map[string]struct {
			Allocation ident.ContractID `json:"allocationCid"`
			Extra      json.RawMessage  `json:"extraArgs"`
		} `json:"allocations"`
	}

	if err := read(argument, &args); err != nil {
		return err
	}

	asked, _ := c.payload.(*settlement)
	if asked == nil || len(args.Legs) != len(asked.Legs) {
		return fmt.Errorf("%w: want one allocation for each leg of the request", ErrInvalid)
	}

	return t.exercise(exercise{
		on: c, choice: "SettlementRequest_Settle", argument: argument, consuming: true,
		acting: union([]ident.Party{asked.Executor}, asked.Traders),
	}, func() (any, error) {
		for _, leg := range slices.Sorted(maps.Keys(asked.Legs)) {
			given := args.Legs[leg]

			if err := t.settleRequested(asked, leg, given.Allocation, given.Extra); err != nil {
				return nil, fmt.Errorf("leg %.80q: %w", leg, err)
			}
		}

		return obj{}, nil
	})
}

// settleRequested settles one leg with an allocation that must be for it.
func (t *transaction) settleRequested(
	asked *settlement, leg string, id ident.ContractID, extra json.RawMessage,
) error {
	c := t.s.contracts[id]
	if err := t.look(c); err != nil {
		return err
	}

	a, _ := c.payload.(*allocation)
	if a == nil {
		return fmt.Errorf("%w: contract %s is no allocation", ErrInvalid, id)
	}

	own, err := encodeValue(allocationSpec{Settlement: asked.Info, LegID: leg, Leg: asked.Legs[leg]})
	if err != nil {
		return err
	}

	theirs, err := encodeValue(a.spec)
	if err != nil {
		return err
	}

	if !bytes.Equal(own, theirs) {
		return fmt.Errorf("%w: allocation %s is for something else", ErrInvalid, id)
	}

	argument, err := encodeValue(obj{"extraArgs": extra})
	if err != nil {
		return err
	}

	return t.chooseSettle(c, argument)
}
