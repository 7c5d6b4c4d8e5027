package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// preapprovalLife is how long a preapproval lives that a validator accepts on its own.
const preapprovalLife = 90 * 24 * time.Hour

// maxPreapprovalLife bounds what the sandbox's own calls ask for.
const maxPreapprovalLife = 100 * 365 * 24 * time.Hour

// preapproval is what the token logic knows of a TransferPreapproval.
type preapproval struct {
	receiver  ident.Party
	provider  ident.Party
	validFrom time.Time
	expiresAt time.Time
}

// proposal is what it knows of a TransferPreapprovalProposal.
type proposal struct {
	receiver ident.Party
	provider ident.Party
}

func preapprovalOf(c *contract) *preapproval {
	p, _ := c.payload.(*preapproval)

	return p
}

// livePreapproval is the receiver's preapproval that ends last; nil if all have run out, or there is none.
func (s *Sandbox) livePreapproval(receiver ident.Party, at time.Time) *contract {
	var last *contract

	for _, c := range s.livePreapprovals(receiver, at) {
		if last == nil || preapprovalOf(c).expiresAt.After(preapprovalOf(last).expiresAt) {
			last = c
		}
	}

	return last
}

// livePreapprovals are all that have not run out: several may coexist.
func (s *Sandbox) livePreapprovals(receiver ident.Party, at time.Time) []*contract {
	state, ok := s.parties[receiver]
	if !ok {
		return nil
	}

	var live []*contract

	for _, c := range state.preapprovals {
		if at.Before(preapprovalOf(c).expiresAt) {
			live = append(live, c)
		}
	}

	return live
}

// proposePreapproval is what the receiver submits; the provider then accepts it, the validator operator on its own.
func (t *transaction) proposePreapproval(receiver, provider ident.Party) error {
	c, err := t.createProposal(receiver, provider)
	if err == nil && provider == t.s.amulet.provider {
		t.onCommit = append(t.onCommit, func(*update) { t.s.amulet.proposals = append(t.s.amulet.proposals, c) })
	}

	return err
}

func (t *transaction) createProposal(receiver, provider ident.Party) (*contract, error) {
	return t.create(creation{
		template:    templateName(pkgWallet, modWalletApprove, "TransferPreapprovalProposal"),
		packageName: pkgWallet,
		argument:    obj{"receiver": receiver, "provider": provider, "expectedDso": t.s.amulet.dso},
		signatories: []ident.Party{receiver}, observers: []ident.Party{provider},
		payload: &proposal{receiver: receiver, provider: provider},
	})
}

// automate does what the validator app does on its own: it accepts the proposals made to its operator. A receiver who
// has a preapproval already keeps it. What there is no room for waits for the next time; any other error is for good.
func (s *Sandbox) automate() (Receipt, error) {
	var last Receipt

	for len(s.amulet.proposals) > 0 {
		c := s.amulet.proposals[0]

		r, err := s.acceptProposal(c)
		if errors.Is(err, ErrFull) {
			return last, err
		}

		s.amulet.proposals = s.amulet.proposals[1:]

		if err != nil {
			return last, fmt.Errorf("accept proposal %s: %w", c.id, err)
		}

		if r != nil {
			last = *r
		}
	}

	s.amulet.proposals = nil

	return last, nil
}

// acceptProposal accepts a proposal where it is; there is no receipt when there is nothing to accept any more.
func (s *Sandbox) acceptProposal(c *contract) (*Receipt, error) {
	asked, _ := c.payload.(*proposal)
	if !c.active() || s.livePreapproval(asked.receiver, s.ledgerTime()) != nil {
		return nil, nil //nolint:nilnil // nothing to do is no error
	}

	r, err := s.act(s.amulet.provider, c.home, func(t *transaction) error {
		return t.acceptPreapproval(c, asked, t.at.Add(preapprovalLife), nil)
	})

	return &r, err
}

// automateInTurn is for where nobody waits for what comes of it.
func (s *Sandbox) automateInTurn() {
	if _, err := s.automate(); err != nil && !errors.Is(err, ErrFull) {
		s.cfg.Logger.Error("automation of the validator", slog.Any("error", err))
	}
}

// acceptPreapproval creates the preapproval. The first 90 days are free (CIP-0119), so nothing is burned. args are the
// choice's own arguments as a client gave them, or nil.
func (t *transaction) acceptPreapproval(
	asked *contract, by *proposal, expiresAt time.Time, args json.RawMessage,
) error {
	context := obj{"amuletRules": t.s.amulet.rules.id, "context": t.paymentContext()}
	own := obj{"context": context, "inputs": []variant{}, "expiresAt": damlTime(expiresAt)}

	return t.exercise(exercise{
		on: asked, choice: "TransferPreapprovalProposal_Accept", acting: []ident.Party{by.provider}, consuming: true,
		argument: orOwn(args, own),
	}, func() (any, error) {
		var created *contract

		err := t.exercise(exercise{
			on: t.s.amulet.rules, choice: "AmuletRules_CreateTransferPreapproval",
			acting: []ident.Party{by.provider, by.receiver},
			argument: obj{
				"context": context, "inputs": []variant{}, "receiver": by.receiver, "provider": by.provider,
				"expiresAt": damlTime(expiresAt), "expectedDso": t.s.amulet.dso,
			},
		}, func() (any, error) {
			t.fetch(t.round)

			var err error
			if created, err = t.createPreapproval(by.receiver, by.provider, t.at, expiresAt); err != nil {
				return nil, err
			}

			return obj{"transferPreapprovalCid": created.id, "amuletPaid": amount.Zero(), "meta": meta()}, nil
		})
		if err != nil {
			return nil, err
		}

		return obj{"transferPreapprovalCid": created.id, "amuletPaid": amount.Zero()}, nil
	})
}

func (t *transaction) createPreapproval(
	receiver, provider ident.Party, validFrom, expiresAt time.Time,
) (*contract, error) {
	c, err := t.create(creation{
		template: templateName(pkgAmulet, modAmuletRules, "TransferPreapproval"), packageName: pkgAmulet,
		argument: obj{
			"dso": t.s.amulet.dso, "receiver": receiver, "provider": provider, "validFrom": damlTime(validFrom),
			"lastRenewedAt": damlTime(t.at), "expiresAt": damlTime(expiresAt),
		},
		signatories: union([]ident.Party{t.s.amulet.dso, provider, receiver}),
		payload: &preapproval{
			receiver: receiver, provider: provider, validFrom: validFrom, expiresAt: expiresAt,
		},
	})
	if err != nil {
		return nil, err
	}

	c.anywhere = true

	return c, nil
}

// expirePreapproval is the DSO's: it takes away what has run out; args as a client gave them, or nil.
func (t *transaction) expirePreapproval(c *contract, args json.RawMessage) error {
	known := preapprovalOf(c)
	if known == nil || !t.isFrom(known.expiresAt) {
		return fmt.Errorf("expire preapproval %s before its end: %w", c.id, ErrConflict)
	}

	return t.exercise(exercise{
		on: c, choice: "TransferPreapproval_Expire", argument: orOwn(args, obj{}),
		acting: []ident.Party{t.s.amulet.dso}, consuming: true,
	}, func() (any, error) { return "TransferPreapproval_ExpireResult", nil })
}

// expirePreapprovals takes away every preapproval that has run out, each in an update of its own.
func (s *Sandbox) expirePreapprovals() ([]Receipt, error) {
	receipts := []Receipt{}

	for _, party := range s.partyOrder {
		for _, c := range slices.Clone(s.parties[party].preapprovals) {
			if s.ledgerTime().Before(preapprovalOf(c).expiresAt) {
				continue
			}

			r, err := s.act(s.amulet.dso, s.primary(), func(t *transaction) error { return t.expirePreapproval(c, nil) })
			if err != nil {
				return receipts, err
			}

			receipts = append(receipts, r)
		}
	}

	return receipts, nil
}

// cancelPreapproval makes transfers to its receiver offers again; args as a client gave them, or nil.
func (t *transaction) cancelPreapproval(c *contract, by ident.Party, args json.RawMessage) error {
	return t.exercise(exercise{
		on: c, choice: "TransferPreapproval_Cancel", argument: orOwn(args, obj{"p": by}),
		acting: []ident.Party{by}, consuming: true,
	}, func() (any, error) { return "TransferPreapproval_CancelResult", nil })
}

// cancelPreapprovals ends all live ones of a receiver that a party has a say in.
func (t *transaction) cancelPreapprovals(receiver, by ident.Party) error {
	found := false

	for _, c := range t.s.livePreapprovals(receiver, t.at) {
		if by != receiver && by != preapprovalOf(c).provider {
			continue
		}

		found = true

		if err := t.cancelPreapproval(c, by, nil); err != nil {
			return err
		}
	}

	if !found {
		return fmt.Errorf("preapproval of %s: %w", receiver, ErrUnknown)
	}

	return nil
}
