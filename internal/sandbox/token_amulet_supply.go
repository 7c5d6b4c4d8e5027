package sandbox

import (
	"encoding/json"
	"fmt"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Supply facts of Canton Coin.
const (
	maxTap            = 100_000_000 // per tap, since Splice 0.6.9
	tapReason         = "tapped DevNet faucet"
	tapReasonRecorded = "tapped faucet"
	burnReason        = "buy member traffic"
)

func (t *transaction) paymentContext() obj {
	return obj{
		"openMiningRound": t.round.id, "issuingMiningRounds": []string{}, "validatorRights": []string{},
		"featuredAppRight": nil,
	}
}

// tapAmulet is the DevNet faucet; args are the choice's own arguments as a client gave them, or nil.
func (t *transaction) tapAmulet(
	rules *contract, args json.RawMessage, receiver ident.Party, value amount.Amount,
) error {
	if value.Sign() <= 0 || value.Cmp(amount.FromInt(maxTap)) > 0 {
		return fmt.Errorf("%w: tap %s: want more than 0 and at most %d", ErrInvalid, value.Short(), maxTap)
	}

	if err := t.minted(t.s.Amulet(), value); err != nil {
		return err
	}

	round := t.round
	t.byRound = true
	argument := obj{"receiver": receiver, "amount": value, "openRound": round.id}
	reason := tapReason

	if t.s.cfg.Shape == ShapeRecorded {
		reason = tapReasonRecorded
	}

	return t.exercise(exercise{
		on: rules, choice: "AmuletRules_DevNet_Tap", argument: orOwn(args, argument), acting: []ident.Party{receiver},
	}, func() (any, error) {
		var sum obj

		err := t.exercise(exercise{
			on: rules, choice: "AmuletRules_Mint", argument: argument, acting: []ident.Party{t.s.amulet.dso, receiver},
		}, func() (any, error) {
			t.fetch(round)

			c, err := t.createAmulet(receiver, value)
			if err != nil {
				return nil, err
			}

			sum = obj{"amulet": c.id, "amuletPrice": amuletPrice, "round": obj{"number": t.roundNumber()}}

			return obj{"amuletSum": sum}, t.logMint(t.s.amulet.externalRules, receiver, c)
		})
		if err != nil {
			return nil, err
		}

		return obj{"amuletSum": sum, "meta": meta(keyTxKind, kindMint, keyReason, reason)}, nil
	})
}

// burnAmulet burns by buying traffic, which is how a holder of Canton Coin burns it.
func (t *transaction) burnAmulet(owner ident.Party, value amount.Amount, inputs []*contract, left amount.Amount) error {
	return t.buyTraffic(t.s.amulet.rules, nil, owner, value, inputs, left)
}

// buyTraffic burns value; args are the choice's own arguments as a client gave them, or nil.
func (t *transaction) buyTraffic(
	rules *contract, args json.RawMessage, owner ident.Party, value amount.Amount, inputs []*contract,
	left amount.Amount,
) error {
	own := obj{
		"inputs": inputsOf(inputs), "context": t.paymentContext(), "provider": owner,
		"memberId": "PAR::" + t.s.first().participant, "synchronizerId": t.home.id, "migrationId": "0",
		"trafficAmount": "200000", "expectedDso": t.s.amulet.dso,
	}
	t.byRound = true

	return t.exercise(exercise{
		on: rules, choice: "AmuletRules_BuyMemberTraffic", acting: []ident.Party{owner}, argument: orOwn(args, own),
	}, func() (any, error) {
		t.fetch(t.round)

		if err := t.spend(inputs); err != nil {
			return nil, err
		}

		var change []*contract

		if left.Sign() > 0 {
			c, err := t.createAmulet(owner, left)
			if err != nil {
				return nil, err
			}

			change = append(change, c)
		}

		// Clients disclose no other contract of the DSO with a purchase.
		if err := t.logBurn(rules, owner, value, inputs, change); err != nil {
			return nil, err
		}

		return obj{
			"amuletPaid": value, "senderChangeAmulet": firstID(change), "round": obj{"number": t.roundNumber()},
			"meta": meta(keyTxKind, kindBurn, keyReason, burnReason, keyBurned, trimmed(value)),
		}, nil
	})
}

// expireDust takes a holding away: its holding fees have eaten it up.
func (t *transaction) expireDust(c *contract) error {
	h := holdingOf(c)

	return t.exercise(exercise{
		on: c, choice: t.choiceName("Amulet_Expire"), argument: obj{"roundCid": t.round.id},
		acting: []ident.Party{t.s.amulet.dso}, consuming: true,
	}, func() (any, error) {
		t.fetch(t.round)

		if err := t.logBurn(t.s.amulet.externalRules, h.owner, h.amount, []*contract{c}, nil); err != nil {
			return nil, err
		}

		return obj{
			"expireSum": obj{"owner": h.owner, "round": obj{"number": t.roundNumber()}},
			"meta":      meta(keyTxKind, kindExpireDust, keyBurned, trimmed(h.amount)),
		}, nil
	})
}
