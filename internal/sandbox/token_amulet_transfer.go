package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// maxOfferLife is AmuletConfig.tokenStandardMaxTTL: the longest time an offer of Canton Coin may stand.
const maxOfferLife = 90 * 24 * time.Hour

// plan is one transfer that is about to be built.
type plan struct {
	transfer transferRecord
	record   *Transfer
	before   time.Time
	inputs   []*contract
	total    amount.Amount
	permits  [2]*contract // of sender and receiver, where the token asks for them
	approval *contract    // of a receiver who has agreed beforehand; nil makes the transfer an offer
	// arguments of the factory's choice as a client gave them; nil when the wallet leaves them to the registry.
	arguments json.RawMessage
}

func (p *plan) sender() ident.Party { return p.transfer.Sender }

func (p *plan) receiver() ident.Party { return p.transfer.Receiver }

// change is what the sender gets back.
func (p *plan) change() (amount.Amount, error) {
	left, err := p.total.Sub(p.transfer.Amount)
	if err != nil {
		return left, fmt.Errorf("change: %w", err)
	}

	return left, nil
}

// transferAmulet exercises the DSO's transfer factory: at once to oneself or to a preapproved receiver,
// otherwise as an offer.
func (t *transaction) transferAmulet(p *plan) error {
	if p.before.Sub(time.Time(p.transfer.RequestedAt)) > maxOfferLife {
		return fmt.Errorf("%w: Canton Coin transfers may stand for 90 days at most", ErrInvalid)
	}

	if !t.inTime(p) {
		return fmt.Errorf("transfer requested at %s, to be executed before %s: %w",
			time.Time(p.transfer.RequestedAt), p.before, ErrExpired)
	}

	var argument any = p.arguments
	if p.arguments == nil {
		argument = t.amuletArguments(p)
	}

	return t.exercise(exercise{
		on: t.s.amulet.externalRules, iface: ifaceFactory(), choice: "TransferFactory_Transfer",
		argument: argument, acting: []ident.Party{p.sender()},
	}, func() (any, error) {
		switch {
		case p.sender() == p.receiver():
			return t.mergeAmulet(p)
		case p.approval != nil:
			return t.sendAmulet(p, p.approval)
		default:
			return t.offerAmulet(p)
		}
	})
}

// amuletArguments are the factory's arguments with the context that the registry gives.
func (t *transaction) amuletArguments(p *plan) any {
	extra := obj{}

	if p.sender() != p.receiver() {
		if p.approval = t.s.livePreapproval(p.receiver(), t.at); p.approval != nil {
			extra[contextPreapproval] = avContract(p.approval.id)
		}
	}

	return obj{"expectedAdmin": t.s.amulet.dso, "transfer": p.transfer, "extraArgs": t.amuletContext(extra)}
}

// inTime reports whether now is within the transfer's time window.
func (t *transaction) inTime(p *plan) bool {
	return t.isFrom(time.Time(p.transfer.RequestedAt)) && t.isBefore(p.before)
}

// sendAmulet is the one-step transfer. The receiver is a stakeholder of the preapproval, so it sees this
// exercise and all below, but not the factory above.
func (t *transaction) sendAmulet(p *plan, approval *contract) (any, error) {
	if t.s.cfg.Shape == ShapeRecorded {
		return t.sendAmuletRecorded(p, approval)
	}

	t.fetch(t.config)

	locked, opened, err := t.openExpired(p)
	if err != nil {
		return nil, err
	}

	t.fetch(approval, p.sender())

	var received, change []*contract

	// The context and the result of SendV2 are in no public sample; their fields here are a guess and only meta
	// is to be relied on.
	err = t.exercise(exercise{
		on: approval, choice: "TransferPreapproval_SendV2", acting: []ident.Party{p.sender()},
		argument: obj{
			"context": obj{"externalPartyConfigState": t.config.id, "featuredAppRight": nil},
			"inputs":  inputsOf(p.inputs), "amount": p.transfer.Amount, "sender": p.sender(),
			"description": description(p), "meta": p.transfer.Meta,
		},
	}, func() (any, error) {
		t.fetch(t.config)

		var err error
		if received, change, err = t.settleAmulet(p); err != nil {
			return nil, err
		}

		p.inputs = append(p.inputs, locked...)
		if err := t.logTransfer(p, received, slices.Concat(opened, change)); err != nil {
			return nil, err
		}

		return obj{
			"result": obj{
				"createdAmulets":     []variant{{Tag: "TransferResultAmulet", Value: received[0].id}},
				"senderChangeAmulet": firstID(change),
			},
			"meta": mergeMeta(p.transfer.Meta.Values, keyTxKind, kindTransfer, keySender, string(p.sender())),
		}, nil
	})

	return completed(received, change, meta()), err
}

// description is the memo as the preapproval's choice carries it: null when there is none.
func description(p *plan) *string {
	if memo, ok := p.transfer.Meta.Values[keyReason]; ok {
		return &memo
	}

	return nil
}

func firstID(contracts []*contract) *ident.ContractID {
	if len(contracts) == 0 {
		return nil
	}

	return &contracts[0].id
}

// settleAmulet archives the inputs and creates the receiver's holding and the sender's change, without fees.
func (t *transaction) settleAmulet(p *plan) (received, change []*contract, err error) {
	if err := t.spend(p.inputs); err != nil {
		return nil, nil, err
	}

	c, err := t.createAmulet(p.receiver(), p.transfer.Amount)
	if err != nil {
		return nil, nil, err
	}

	received = []*contract{c}
	change, err = t.amuletChange(p)

	return received, change, err
}

func (t *transaction) amuletChange(p *plan) ([]*contract, error) {
	left, err := p.change()
	if err != nil || left.Sign() <= 0 {
		return nil, err
	}

	c, err := t.createAmulet(p.sender(), left)
	if err != nil {
		return nil, err
	}

	return []*contract{c}, nil
}

// mergeAmulet is a transfer to oneself: it merges the inputs and splits off the amount.
func (t *transaction) mergeAmulet(p *plan) (any, error) {
	if t.s.cfg.Shape == ShapeRecorded {
		return t.mergeAmuletRecorded(p)
	}

	t.fetch(t.config)

	locked, opened, err := t.openExpired(p)
	if err != nil {
		return nil, err
	}

	received, change, err := t.settleAmulet(p)
	if err != nil {
		return nil, err
	}

	p.inputs = append(p.inputs, locked...)
	if err := t.logTransfer(p, received, slices.Concat(opened, change)); err != nil {
		return nil, err
	}

	return completed(received, change, mergeMeta(p.transfer.Meta.Values, keyTxKind, kindMergeSplit)), nil
}

// openExpired looks at every input, as the choices of Canton Coin do before they spend any, and replaces those whose
// lock has run out by what their owner gets from opening the lock. It returns what it replaced and by what.
func (t *transaction) openExpired(p *plan) (locked, opened []*contract, err error) {
	for i, c := range p.inputs {
		t.fetch(c)

		if !holdingOf(c).locked {
			continue
		}

		free, err := t.unlock(c, t.choiceName("LockedAmulet_OwnerExpireLock"), []ident.Party{p.sender()}, "lock expired")
		if err != nil {
			return nil, nil, err
		}

		p.inputs[i] = free
		locked, opened = append(locked, c), append(opened, free)
	}

	return locked, opened, nil
}

// choiceName is the current generation's name of a Canton Coin choice: V2 where rounds are gone.
func (t *transaction) choiceName(base string) string {
	if t.s.cfg.Shape == ShapeRecorded {
		return base
	}

	return base + "V2"
}

// unlock turns a locked holding into a free one of the same owner. The result of the V2 choice is in no
// public sample; the recorded one's fields are kept as far as they make sense without rounds.
func (t *transaction) unlock(c *contract, choice string, acting []ident.Party, reason string) (*contract, error) {
	var free *contract

	h := holdingOf(c)
	recorded := t.s.cfg.Shape == ShapeRecorded
	argument := obj{}

	if recorded {
		argument["openRoundCid"] = t.round.id
	}

	err := t.exercise(exercise{on: c, choice: choice, argument: argument, acting: acting, consuming: true},
		func() (any, error) {
			if recorded {
				t.fetch(t.round)
			} else {
				t.fetch(t.config)
			}

			var err error
			if free, err = t.createAmulet(h.owner, h.amount); err != nil {
				return nil, err
			}

			sum := obj{"amulet": free.id}
			if recorded {
				sum["amuletPrice"], sum["round"] = amuletPrice, obj{"number": t.roundNumber()}
			}

			return obj{"amuletSum": sum, "meta": meta(keyTxKind, kindUnlock, keyReason, reason)}, nil
		})

	return free, err
}
