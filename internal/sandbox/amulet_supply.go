package sandbox

import (
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Supply facts of Canton Coin.
const (
	maxTap             = 100_000_000         // per tap, since Splice 0.6.9
	preapprovalLife    = 90 * 24 * time.Hour // default of a validator
	tapReason          = "tapped DevNet faucet"
	tapReasonRecorded  = "tapped faucet"
	burnReason         = "buy member traffic"
	preapprovalPackage = "TransferPreapproval"
)

// preapproval is what the token logic knows of a TransferPreapproval.
type preapproval struct {
	receiver  ident.Party
	expiresAt time.Time
}

func (s *Sandbox) livePreapproval(receiver ident.Party, at time.Time) *contract {
	state, ok := s.parties[receiver]
	if !ok || state.preapproval == nil {
		return nil
	}

	if p, _ := state.preapproval.payload.(*preapproval); !at.Before(p.expiresAt) {
		return nil
	}

	return state.preapproval
}

// proposePreapproval is what the receiver submits; the validator operator then accepts it on its own.
func (t *transaction) proposePreapproval(receiver ident.Party) (*contract, error) {
	provider := t.s.amulet.provider

	return t.create(creation{
		template:    templateName(pkgWallet, modWalletApprove, "TransferPreapprovalProposal"),
		packageName: pkgWallet,
		argument:    obj{"receiver": receiver, "provider": provider, "expectedDso": t.s.amulet.dso},
		signatories: []ident.Party{receiver}, observers: []ident.Party{provider},
	})
}

// acceptPreapproval creates the preapproval. The first 90 days are free (CIP-0119), so nothing is burned.
func (t *transaction) acceptPreapproval(proposal *contract, receiver ident.Party) error {
	dso, provider := t.s.amulet.dso, t.s.amulet.provider
	expiresAt := t.at.Add(preapprovalLife)
	context := obj{"amuletRules": t.s.amulet.rules.id, "context": t.paymentContext()}

	return t.exercise(exercise{
		on: proposal, choice: "TransferPreapprovalProposal_Accept", acting: []ident.Party{provider}, consuming: true,
		argument: obj{"context": context, "inputs": []variant{}, "expiresAt": damlTime(expiresAt)},
	}, func() (any, error) {
		var created *contract

		err := t.exercise(exercise{
			on: t.s.amulet.rules, choice: "AmuletRules_CreateTransferPreapproval",
			acting: []ident.Party{provider, receiver},
			argument: obj{
				"context": context, "inputs": []variant{}, "receiver": receiver, "provider": provider,
				"expiresAt": damlTime(expiresAt), "expectedDso": dso,
			},
		}, func() (any, error) {
			t.fetch(t.round)

			var err error

			created, err = t.create(creation{
				template:    templateName(pkgAmulet, modAmuletRules, preapprovalPackage),
				packageName: pkgAmulet,
				argument: obj{
					"dso": dso, "receiver": receiver, "provider": provider, "validFrom": damlTime(t.at),
					"lastRenewedAt": damlTime(t.at), "expiresAt": damlTime(expiresAt),
				},
				signatories: []ident.Party{dso, provider, receiver},
				payload:     &preapproval{receiver: receiver, expiresAt: expiresAt},
			})
			if err != nil {
				return nil, err
			}

			created.anywhere = true

			return obj{"transferPreapprovalCid": created.id, "amuletPaid": amount.Zero(), "meta": meta()}, nil
		})
		if err != nil {
			return nil, err
		}

		return obj{"transferPreapprovalCid": created.id, "amuletPaid": amount.Zero()}, nil
	})
}

func (t *transaction) paymentContext() obj {
	return obj{
		"openMiningRound": t.round.id, "issuingMiningRounds": []string{}, "validatorRights": []string{},
		"featuredAppRight": nil,
	}
}

// tapAmulet is the DevNet faucet.
func (t *transaction) tapAmulet(receiver ident.Party, value amount.Amount) error {
	if value.Sign() <= 0 || value.Cmp(amount.FromInt(maxTap)) > 0 {
		return fmt.Errorf("%w: tap %s: want more than 0 and at most %d", ErrInvalid, value.Short(), maxTap)
	}

	rules, round := t.s.amulet.rules, t.round
	argument := obj{"receiver": receiver, "amount": value, "openRound": round.id}
	reason := tapReason

	if t.s.cfg.Shape == ShapeRecorded {
		reason = tapReasonRecorded
	}

	return t.exercise(exercise{
		on: rules, choice: "AmuletRules_DevNet_Tap", argument: argument, acting: []ident.Party{receiver},
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
	return t.exercise(exercise{
		on: t.s.amulet.rules, choice: "AmuletRules_BuyMemberTraffic", acting: []ident.Party{owner},
		argument: obj{
			"inputs": inputsOf(inputs), "context": t.paymentContext(), "provider": owner,
			"memberId": "PAR::" + t.s.first().participant, "synchronizerId": t.home.id, "migrationId": "0",
			"trafficAmount": "200000", "expectedDso": t.s.amulet.dso,
		},
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

		if err := t.logBurn(t.s.amulet.externalRules, owner, value, inputs, change); err != nil {
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
