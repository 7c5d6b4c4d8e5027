package sandbox

import (
	"maps"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// settled is what a recorded AmuletRules_Transfer made.
type settled struct {
	created *contract
	change  []*contract
	burned  amount.Amount
	result  obj
}

// rulesTransfer is the AmuletRules_Transfer that carries out every recorded movement.
func (t *transaction) rulesTransfer(p *plan, o output, acting []ident.Party) (*settled, error) {
	f, err := computeFees(p, o)
	if err != nil {
		return nil, err
	}

	out := &settled{}
	if out.burned, err = f.burned(); err != nil {
		return nil, err
	}

	t.onCommit = append(t.onCommit, func(*update) { count(t.s.books.burned, t.s.Amulet(), out.burned) })
	outJSON := obj{"receiver": o.receiver, "receiverFeeRatio": amount.Zero(), "amount": o.amount, "lock": nil}
	if o.lock != nil {
		outJSON["lock"] = obj{
			"holders": []ident.Party{t.s.amulet.dso}, "expiresAt": optionalTime(o.lock.before),
			"optContext": "transfer to '" + string(o.lock.receiver()) + "'",
		}
	}

	err = t.exercise(exercise{
		on: t.s.amulet.rules, choice: "AmuletRules_Transfer", acting: acting,
		argument: obj{
			"transfer": obj{
				"sender": p.sender(), "provider": p.sender(), "inputs": inputsOf(p.inputs), "outputs": []obj{outJSON},
				"beneficiaries": nil,
			},
			"context": t.paymentContext(), "expectedDso": t.s.amulet.dso,
		},
	}, func() (any, error) {
		t.fetch(t.round)

		if err := t.spend(p.inputs); err != nil {
			return nil, err
		}

		if err := t.rewards(p, f.output); err != nil {
			return nil, err
		}

		return t.recordedOutputs(p, o, f, out)
	})

	return out, err
}

// rewards are the coupons that recorded transfers created for the sender and its application.
func (t *transaction) rewards(p *plan, fee amount.Amount) error {
	round := obj{"number": t.roundNumber()}
	dso := t.s.amulet.dso

	_, err := t.coupon("ValidatorRewardCoupon",
		obj{"dso": dso, "user": p.sender(), "amount": fee, "round": round}, p.sender())
	if err != nil {
		return err
	}

	_, err = t.coupon("AppRewardCoupon", obj{
		"dso": dso, "provider": p.sender(), "featured": false, "amount": fee, "round": round,
		"beneficiary": p.sender(),
	}, p.sender())

	return err
}

func (t *transaction) coupon(entity string, argument obj, observer ident.Party) (*contract, error) {
	return t.create(creation{
		template: templateName(pkgAmulet, modAmulet, entity), packageName: pkgAmulet, argument: argument,
		signatories: []ident.Party{t.s.amulet.dso}, observers: []ident.Party{observer},
	})
}

func (t *transaction) recordedOutputs(p *plan, o output, f fees, out *settled) (obj, error) {
	tag := "TransferResultAmulet"

	var err error

	if o.lock != nil {
		tag = "TransferResultLockedAmulet"
		out.created, err = t.createLockedAmulet(p.sender(), o.lock.receiver(), o.amount, o.lock.before)
	} else {
		out.created, err = t.createAmulet(o.receiver, o.amount)
	}

	if err != nil {
		return nil, err
	}

	if f.left.Sign() > 0 {
		change, err := t.createAmulet(p.sender(), f.left)
		if err != nil {
			return nil, err
		}

		out.change = []*contract{change}
	}

	m := meta(keyTxKind, kindMergeSplit)
	if o.receiver != p.sender() || o.lock != nil {
		m = meta(keyTxKind, kindTransfer, keySender, string(p.sender()))
	}

	out.addBurned(m)
	out.result = obj{
		"round": obj{"number": t.roundNumber()}, "summary": summary(p, f),
		"createdAmulets":     []variant{{Tag: tag, Value: out.created.id}},
		"senderChangeAmulet": firstID(out.change),
	}

	result := obj{"meta": m}
	maps.Copy(result, out.result)

	return result, nil
}

// addBurned writes the burned amount into metadata, which leaves it out when it is zero.
func (o *settled) addBurned(m metadata) metadata {
	if o.burned.Sign() > 0 {
		m.Values[keyBurned] = trimmed(o.burned)
	}

	return m
}

func summary(p *plan, f fees) obj {
	zero := amount.Zero()

	return obj{
		"inputAppRewardAmount": zero, "inputValidatorRewardAmount": zero, "inputSvRewardAmount": zero,
		"inputAmuletAmount": p.total, "balanceChanges": [][]any{}, "holdingFees": zero,
		"outputFees": []amount.Amount{f.output}, "senderChangeFee": f.change, "senderChangeAmount": f.left,
		"amuletPrice": amuletPrice, "inputValidatorFaucetAmount": zero, "inputUnclaimedActivityRecordAmount": zero,
	}
}

func (t *transaction) sendAmuletRecorded(p *plan, approval *contract) (any, error) {
	t.fetch(t.s.amulet.rules)

	if _, _, err := t.openExpired(p); err != nil {
		return nil, err
	}

	t.fetch(approval, p.sender())

	var out *settled

	err := t.exercise(exercise{
		on: approval, choice: "TransferPreapproval_Send", acting: []ident.Party{p.sender()},
		argument: obj{
			"context": obj{"amuletRules": t.s.amulet.rules.id, "context": t.paymentContext()},
			"inputs":  inputsOf(p.inputs), "amount": p.transfer.Amount, "sender": p.sender(),
			"description": description(p),
		},
	}, func() (any, error) {
		acting := union([]ident.Party{p.receiver(), t.s.amulet.provider, p.sender()})

		var err error

		out, err = t.rulesTransfer(p, output{receiver: p.receiver(), amount: p.transfer.Amount}, acting)
		if err != nil {
			return nil, err
		}

		m := meta(keyTxKind, kindTransfer, keySender, string(p.sender()))
		if memo := description(p); memo != nil {
			m.Values[keyReason] = *memo
		}

		return obj{"result": out.result, "meta": out.addBurned(m)},
			t.logTransfer(p, []*contract{out.created}, out.change)
	})
	if err != nil {
		return nil, err
	}

	return completed([]*contract{out.created}, out.change, out.addBurned(meta())), nil
}

func (t *transaction) mergeAmuletRecorded(p *plan) (any, error) {
	t.fetch(t.s.amulet.rules)

	if _, _, err := t.openExpired(p); err != nil {
		return nil, err
	}

	own := output{receiver: p.sender(), amount: p.transfer.Amount}

	out, err := t.rulesTransfer(p, own, []ident.Party{p.sender()})
	if err != nil {
		return nil, err
	}

	return completed([]*contract{out.created}, out.change, out.addBurned(meta())), nil
}

func (t *transaction) offerAmuletRecorded(p *plan) (any, error) {
	expected, err := transferFee(p, output{receiver: p.receiver(), amount: p.transfer.Amount})
	if err != nil {
		return nil, err
	}

	t.fetch(t.s.amulet.rules)

	err = t.exercise(exercise{
		on: t.s.amulet.rules, choice: "AmuletRules_ComputeFees", acting: []ident.Party{p.sender()},
		argument: obj{
			"context": t.paymentContext(), "sender": p.sender(), "expectedDso": t.s.amulet.dso,
			"outputs": []obj{{
				"receiver": p.receiver(), "receiverFeeRatio": amount.Zero(), "amount": p.transfer.Amount, "lock": nil,
			}},
		},
	}, func() (any, error) {
		t.fetch(t.round)

		return obj{"fees": []amount.Amount{expected}}, nil
	})
	if err != nil {
		return nil, err
	}

	locked := p.transfer.Amount
	for range feeReserve {
		if locked, err = locked.Add(expected); err != nil {
			return nil, err
		}
	}

	if _, _, err := t.openExpired(p); err != nil {
		return nil, err
	}

	t.fetch(t.round)

	own := output{receiver: p.sender(), amount: locked, lock: p}

	out, err := t.rulesTransfer(p, own, []ident.Party{t.s.amulet.dso, p.sender()})
	if err != nil {
		return nil, err
	}

	instruction, err := t.createAmuletInstruction(p, out.created)
	if err != nil {
		return nil, err
	}

	return pending(instruction, out.change, out.addBurned(meta())), nil
}

func (t *transaction) acceptAmuletRecorded(p *plan) (any, error) {
	own := output{receiver: p.receiver(), amount: p.transfer.Amount}

	out, err := t.rulesTransfer(p, own, union([]ident.Party{p.sender(), p.receiver()}))
	if err != nil {
		return nil, err
	}

	return completed([]*contract{out.created}, out.change, out.addBurned(meta())), nil
}
